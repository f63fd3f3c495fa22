//! What must hold of every statement and of both sets of tables, whoever adds one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod engines;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use database::{Engine, Reach, Statement, catalogue};
use sqlx::{
    Arguments, AssertSqlSafe, Column as _, Connection as _, Either, Encode, Executor as _, Row as _, SqlSafeStr as _, Statement as _, Type,
    TypeInfo as _,
    postgres::{PgArguments, PgTypeInfo},
    sqlite::SqliteArguments,
};
use uuid::Uuid;

use engines::Engines;

/// Tables that belong to the installation although they may name a tenant.
const OF_THE_INSTALLATION: &[&str] = &["installation", "installation_audit", "person", "person_link", "session", "throttle", "used_link"];

fn words(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// A source file without its tests.
fn production(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned()
}

/// The statements of one text. Between quotes a semicolon ends nothing.
fn each(text: &'static str) -> Vec<&'static str> {
    let mut quoted = false;
    text.split(move |sign| {
        quoted ^= sign == '\'';
        sign == ';' && !quoted
    })
    .collect()
}

/// The kind of a column: what the two engines call differently and rows decode alike.
fn kind(type_name: &str) -> &'static str {
    match type_name {
        "INTEGER" | "INT8" | "BOOL" => "whole number or boolean",
        "BLOB" | "UUID" | "BYTEA" => "bytes",
        "TEXT" => "text",
        // An expression of SQLite has no declared type; what it decodes to is seen where the nouns are used.
        "NULL" => "any",
        other => panic!("a column of the type {other}: rows cannot decode it on both engines"),
    }
}

#[tokio::test]
async fn every_statement_is_prepared_by_both_engines_and_gives_the_same_columns() {
    let mut engines = Engines::migrated().await;
    let mut wrong = Vec::new();
    for statement in catalogue::all() {
        let name = statement.name();
        // Of several statements the last gives the answer.
        let sqlite = each(statement.text(Engine::Sqlite)).pop().unwrap_or_default().into_sql_str();
        let postgres = statement.text(Engine::Postgres).into_sql_str();
        let on_sqlite = (&mut engines.sqlite).prepare(sqlite).await;
        let on_postgres = engines.login_of(statement).prepare(postgres).await;
        match (on_sqlite, on_postgres) {
            (Ok(on_sqlite), Ok(on_postgres)) => {
                let one: Vec<_> = on_sqlite.columns().iter().map(|c| (c.name().to_owned(), kind(c.type_info().name()))).collect();
                let other: Vec<_> = on_postgres.columns().iter().map(|c| (c.name().to_owned(), kind(c.type_info().name()))).collect();
                let same = one.len() == other.len()
                    && one
                        .iter()
                        .zip(&other)
                        .all(|((name, kind), (its_name, its_kind))| name == its_name && (kind == its_kind || *kind == "any"));
                if !same {
                    wrong.push(format!("{name} gives\n    {one:?} on SQLite and\n    {other:?} on PostgreSQL"));
                }
            }
            (on_sqlite, on_postgres) => {
                wrong.extend(on_sqlite.err().map(|error| format!("{name} on SQLite: {error}")));
                wrong.extend(on_postgres.err().map(|error| format!("{name} on PostgreSQL: {error}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A value for each parameter, of the type that PostgreSQL infers from the text.
fn samples(types: &[PgTypeInfo]) -> Vec<Sample> {
    let sample = |kind: &PgTypeInfo| match kind.name() {
        "UUID" => Sample::Uuid(Uuid::from_u128(1)),
        "INT8" => Sample::Integer(1),
        "BOOL" => Sample::Boolean(false),
        "BYTEA" => Sample::Bytes(vec![0; 32]),
        "TEXT" => Sample::Text("x".to_owned()),
        "JSONB" => Sample::Text("[]".to_owned()),
        other => panic!("a parameter of the type {other}: no value can be bound to it"),
    };
    types.iter().map(sample).collect()
}

enum Sample {
    Uuid(Uuid),
    Integer(i64),
    Boolean(bool),
    Bytes(Vec<u8>),
    Text(String),
}

fn arguments<'a, A: Arguments>(samples: &'a [Sample]) -> A
where
    Uuid: Encode<'a, A::Database> + Type<A::Database>,
    i64: Encode<'a, A::Database> + Type<A::Database>,
    bool: Encode<'a, A::Database> + Type<A::Database>,
    Vec<u8>: Encode<'a, A::Database> + Type<A::Database>,
    String: Encode<'a, A::Database> + Type<A::Database>,
{
    let mut arguments = A::default();
    for sample in samples {
        match sample {
            Sample::Uuid(value) => arguments.add(*value),
            Sample::Integer(value) => arguments.add(*value),
            Sample::Boolean(value) => arguments.add(*value),
            Sample::Bytes(value) => arguments.add(value.clone()),
            Sample::Text(value) => arguments.add(value.clone()),
        }
        .unwrap();
    }
    arguments
}

/// A refusal for want of the rows that the samples speak of shows that the statement runs.
fn is_integrity(error: &sqlx::Error) -> bool {
    use sqlx::error::ErrorKind::{CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation};
    error
        .as_database_error()
        .is_some_and(|error| matches!(error.kind(), CheckViolation | ForeignKeyViolation | NotNullViolation | UniqueViolation))
}

#[tokio::test]
async fn every_statement_is_run_by_the_login_that_may_run_it() {
    let mut engines = Engines::migrated().await;
    let mut wrong = Vec::new();
    for statement in catalogue::all() {
        let name = statement.name();
        let text = statement.text(Engine::Postgres);
        let login = engines.login_of(statement);
        let mut tx = login.begin().await.unwrap();
        sqlx::query("select set_config('mandate.tenants', $1, true)").bind(Uuid::from_u128(1).to_string()).execute(&mut *tx).await.unwrap();
        let prepared = (&mut *tx).prepare(text.into_sql_str()).await.unwrap();
        let Some(Either::Left(types)) = prepared.parameters() else { panic!("PostgreSQL tells the types of parameters") };
        let samples = samples(types);
        // Prepared again with the types of the values, as it is in a server.
        tx.clear_cached_statements().await.unwrap();
        let ran = sqlx::query_with(text, arguments::<PgArguments>(&samples)).fetch_all(&mut *tx).await;
        wrong.extend(ran.err().filter(|error| !is_integrity(error)).map(|error| format!("{name} on PostgreSQL: {error}")));
        tx.rollback().await.unwrap();

        let text = statement.text(Engine::Sqlite);
        let mut tx = engines.sqlite.begin().await.unwrap();
        let ran = sqlx::query_with(text, arguments::<SqliteArguments>(&samples)).fetch_all(&mut *tx).await;
        wrong.extend(ran.err().filter(|error| !is_integrity(error)).map(|error| format!("{name} on SQLite: {error}")));
        tx.rollback().await.unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_statement_of_a_tenant_names_its_tenant() {
    for statement in catalogue::all().into_iter().filter(|statement| statement.reach() == Reach::Tenant) {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let text = words(statement.text(engine));
            let reads_its_tenant = text.contains("tenant_id = $1");
            let writes_its_tenant = text.starts_with("insert into ") && text.contains("(tenant_id, ") && text.contains("values ($1, ");
            // The tenant's own row is named by its id.
            let is_its_tenant = (text.contains(" from tenant ") || text.starts_with("update tenant ")) && text.contains("where id = $1");
            assert!(reads_its_tenant || writes_its_tenant || is_its_tenant, "{} does not name its tenant: {text}", statement.name());
        }
    }
}

#[test]
fn statements_are_lower_case_and_demand_nothing_that_one_engine_lacks() {
    for statement in catalogue::all() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let text = statement.text(engine);
            // What stands between quotes is a value.
            let outside: String = text.split('\'').step_by(2).collect();
            assert_eq!(outside, outside.to_lowercase(), "{} shouts", statement.name());
            assert!(!outside.contains('?'), "{} has a placeholder without a number", statement.name());
            assert!(!outside.contains("or rollback"), "{} would end the transaction of others", statement.name());
        }
    }
}

/// Two transactions that lock rows in different orders can wait for each other for ever. Those that pass over what is
/// locked wait for nobody.
#[test]
fn whoever_locks_many_rows_locks_them_in_the_order_of_their_keys() {
    let mut seen = 0;
    for statement in catalogue::all() {
        let text = words(statement.text(Engine::Postgres));
        for lock in ["for no key update", "for update"] {
            let Some((before, after)) = text.split_once(lock) else { continue };
            let reading = before.rfind("select ").map_or(before, |at| &before[at..]);
            let one_row = reading.contains(" id = $2")
                || reading.contains(" id = 1")
                || reading.contains(" key = $2")
                || reading.contains(" run_id = $2");
            let in_order = reading.contains("order by");
            assert!(one_row || in_order || after.contains("skip locked"), "{} locks rows in no order: {text}", statement.name());
            seen += 1;
        }
    }
    assert!(seen > 5, "the search for such statements no longer finds them");
}

#[test]
fn statements_across_tenants_live_in_files_named_system() {
    for path in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        let text = production(&path);
        let makes_one = text.contains("= Statement::system") || text.contains("=\n    Statement::system");
        let file = path.file_name().unwrap().to_str().unwrap();
        let named_system = file == "system.rs";
        assert!(!makes_one || named_system, "{} has a statement across tenants", path.display());
        assert!(!(named_system && text.contains("Statement::tenant(")), "{} has a statement of a tenant", path.display());
    }
}

#[tokio::test]
async fn statements_outside_the_catalogue_touch_no_table() {
    let mut engines = Engines::migrated().await;
    let tables: BTreeSet<String> = columns_of_sqlite(&mut engines).await.into_keys().collect();
    let mut seen = 0;
    for path in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        // The measure of the benchmarks makes a table of its own, in no migration and in a file of its own on SQLite; what
        // its texts call a journal, a run and an event are columns of that table.
        if path.ends_with("src/bare_journal.rs") {
            continue;
        }
        for after in production(&path).split("Statement::control(").skip(1) {
            let text = after.split(");").next().unwrap();
            let touched = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').find(|word| tables.contains(*word));
            assert_eq!(touched, None, "{}: {text}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 0, "the search for such statements in the sources no longer finds them");
}

#[test]
fn every_statement_is_in_the_catalogue_under_a_name_of_its_own() {
    let listed: Vec<&str> = catalogue::all().into_iter().map(Statement::name).collect();
    let names: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(names.len(), listed.len(), "two statements share a name: {listed:?}");
    let mut written = BTreeSet::new();
    for path in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        let text = production(&path);
        for constructor in ["Statement::tenant(", "Statement::tenant_each(", "Statement::system(", "Statement::system_each("] {
            for after in text.split(constructor).skip(1) {
                if let Some(name) = after.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                    written.insert(name.to_owned());
                }
            }
        }
    }
    let missing: Vec<_> = written.iter().filter(|name| !names.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "not in the catalogue: {missing:?}");
    assert!(written.len() >= names.len(), "the search for statements in the sources no longer finds them");
}

#[test]
fn the_statements_across_tenants_are_these() {
    insta::assert_snapshot!("statements_across_tenants", catalogue::across_tenants());
}

/// Table, column, kind and whether it may be null, in the order of the table.
type Columns = BTreeMap<String, Vec<(String, &'static str, bool)>>;

async fn columns_of_sqlite(engines: &mut Engines) -> Columns {
    let rows = sqlx::query(
        "select t.name as table_name, c.name as column_name, c.type, c.\"notnull\" = 0 as nullable
         from sqlite_schema t join pragma_table_info(t.name) c
         where t.type = 'table' and t.name not like 'sqlite_%' and t.name not like '_sqlx%'
         order by t.name, c.cid",
    )
    .fetch_all(&mut engines.sqlite)
    .await
    .unwrap();
    let mut columns = Columns::new();
    for row in rows {
        let column = (row.get("column_name"), kind(row.get("type")), row.get("nullable"));
        columns.entry(row.get("table_name")).or_default().push(column);
    }
    columns
}

async fn columns_of_postgres(engines: &mut Engines) -> Columns {
    let rows = sqlx::query(
        "select table_name::text, column_name::text, upper(udt_name::text) as type, is_nullable = 'YES' as nullable
         from information_schema.columns
         where table_schema = 'public' and table_name not like '\\_sqlx%'
         order by table_name, ordinal_position",
    )
    .fetch_all(&mut engines.superuser)
    .await
    .unwrap();
    let mut columns = Columns::new();
    for row in rows {
        let column = (row.get("column_name"), kind(row.get("type")), row.get("nullable"));
        columns.entry(row.get("table_name")).or_default().push(column);
    }
    columns
}

#[tokio::test]
async fn both_engines_have_the_same_tables() {
    let mut engines = Engines::migrated().await;
    let sqlite = columns_of_sqlite(&mut engines).await;
    let postgres = columns_of_postgres(&mut engines).await;
    assert!(sqlite.len() >= 30, "the tables were not found: {:?}", sqlite.keys());
    for (table, columns) in &sqlite {
        assert_eq!(Some(columns), postgres.get(table), "{table}");
    }
    assert_eq!(sqlite.keys().collect::<Vec<_>>(), postgres.keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn both_engines_have_the_same_indexes() {
    let mut engines = Engines::migrated().await;
    let sqlite: Vec<String> = sqlx::query_scalar("select name from sqlite_schema where type = 'index' and sql is not null order by name")
        .fetch_all(&mut engines.sqlite)
        .await
        .unwrap();
    // Indexes that belong to a constraint have no name of their own in SQLite.
    let postgres: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c
         where c.relkind = 'i' and c.relnamespace = 'public'::regnamespace
           and not exists (select 1 from pg_constraint k where k.conindid = c.oid)
         order by c.relname::text collate \"C\"",
    )
    .fetch_all(&mut engines.superuser)
    .await
    .unwrap();
    assert!(sqlite.len() >= 25, "the indexes were not found: {sqlite:?}");
    assert_eq!(sqlite, postgres);
}

#[tokio::test]
async fn every_table_with_a_tenant_is_held_by_forced_row_level_security() {
    let mut engines = Engines::migrated().await;
    let open: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c
         where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
           and (c.relname = 'tenant' or exists (
               select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
           ))
           and not (c.relrowsecurity and c.relforcerowsecurity
                    and exists (select 1 from pg_policy p where p.polrelid = c.oid))",
    )
    .fetch_all(&mut engines.superuser)
    .await
    .unwrap();
    assert_eq!(open, Vec::<String>::new(), "tables of tenants without forced row level security");
}

#[tokio::test]
async fn the_logins_can_neither_step_around_policies_nor_change_what_was_recorded() {
    let mut engines = Engines::migrated().await;
    let mighty: Vec<String> = sqlx::query_scalar(
        "select rolname::text from pg_roles where rolname like 'mandate\\_%' and (rolsuper or rolbypassrls or rolcreaterole)",
    )
    .fetch_all(&mut engines.superuser)
    .await
    .unwrap();
    assert_eq!(mighty, Vec::<String>::new());
    let rewritable: Vec<String> = sqlx::query_scalar(
        "select grantee::text || ' on ' || table_name::text from information_schema.table_privileges
         where table_schema = 'public' and grantee in ('mandate_app', 'mandate_system')
           and privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE')
           and table_name in ('audit_event', 'installation_audit', 'journal', 'version', 'approval_decision', 'credential_use')",
    )
    .fetch_all(&mut engines.superuser)
    .await
    .unwrap();
    assert_eq!(rewritable, Vec::<String>::new());
}

#[tokio::test]
async fn the_application_reads_nothing_of_the_installation_but_the_names_of_members() {
    let mut engines = Engines::migrated().await;
    let readable: Vec<String> = sqlx::query_scalar(
        "select distinct table_name::text || '.' || column_name::text from information_schema.column_privileges
         where table_schema = 'public' and grantee = 'mandate_app' and table_name = any($1)
         order by 1",
    )
    .bind(OF_THE_INSTALLATION.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    .fetch_all(&mut engines.superuser)
    .await
    .unwrap();
    assert_eq!(readable, ["person.email", "person.id", "person.name", "person.status", "person.tenant_id"]);
}

#[tokio::test]
async fn what_was_recorded_in_a_sqlite_file_cannot_be_changed() {
    let mut engines = Engines::migrated().await;
    let refusing: Vec<String> = sqlx::query_scalar("select name from sqlite_schema where type = 'trigger' order by name")
        .fetch_all(&mut engines.sqlite)
        .await
        .unwrap();
    for table in ["approval_decision", "audit_event", "credential_use", "installation_audit", "journal", "version"] {
        for change in ["update", "delete"] {
            assert!(refusing.contains(&format!("{table}_refuses_{change}")), "{table} takes {change}");
        }
    }
}

/// Tables that grow with every run, in rows too many to be read one by one.
const LARGE: &[&str] =
    &["account", "approval", "approval_decision", "audit_event", "credential_use", "hold", "inbox", "journal", "mail", "run", "run_queue"];

#[tokio::test]
async fn no_statement_reads_all_of_a_large_table() {
    let mut engines = Engines::migrated().await;
    let mut wrong = Vec::new();
    for statement in catalogue::all() {
        let mut steps = Vec::new();
        for one in each(statement.text(Engine::Sqlite)) {
            let explained = AssertSqlSafe(format!("explain query plan {one}"));
            steps.extend(sqlx::query(explained).fetch_all(&mut engines.sqlite).await.unwrap());
        }
        // An alias hides the name of a table: what stands before it says which it is.
        let text = words(statement.text(Engine::Sqlite));
        for step in steps {
            let detail: String = step.get("detail");
            let Some(scanned) = detail.strip_prefix("SCAN ") else { continue };
            let name = scanned.split(' ').next().unwrap();
            let is = |table: &&&str| {
                name == **table || text.contains(&format!(" {table} {name} ")) || text.contains(&format!(" {table} as {name} "))
            };
            // Along an index it stops at the limit or reads only what the index was made for.
            if LARGE.iter().find(is).is_some() && !scanned.contains("USING") {
                wrong.push(format!("{}: {detail}", statement.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_list_of_runs_goes_along_the_index_of_what_it_is_narrowed_to() {
    let mut engines = Engines::migrated().await;
    for (name, index) in [
        ("runs.list", "(tenant_id=? AND number>? AND number<?)"),
        ("runs.list_by_status", "run_by_status (tenant_id=? AND status=? AND number>? AND number<?)"),
        ("runs.list_of_starter", "run_of_starter (tenant_id=? AND starter_label=? AND number>? AND number<?)"),
        ("runs.list_of_workflow", "run_of_workflow (tenant_id=? AND workflow_id=? AND number>? AND number<?)"),
        (
            "runs.list_of_workflow_by_status",
            "run_of_workflow_by_status (tenant_id=? AND workflow_id=? AND status=? AND number>? AND number<?)",
        ),
    ] {
        let statement = catalogue::all().into_iter().find(|statement| statement.name() == name).unwrap();
        let explained = AssertSqlSafe(format!("explain query plan {}", statement.text(Engine::Sqlite)));
        let steps: Vec<String> =
            sqlx::query(explained).fetch_all(&mut engines.sqlite).await.unwrap().iter().map(|step| step.get("detail")).collect();
        let along = steps.iter().find(|step| step.starts_with("SEARCH r ")).unwrap();
        assert!(along.ends_with(index), "{name}: {along}");
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{name} sorts: {steps:?}");
    }
}

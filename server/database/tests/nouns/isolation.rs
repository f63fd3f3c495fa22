//! What one tenant has does not exist for the other.

use database::{
    HoldState, Location, RunStatus, approvals, audit, batch::ApprovalRequest, batch::HoldRequest, budgets, credentials, inbox, invitations,
    journal, members, providers, roles, runs, tenants, testing, variables, workflows,
};
use domain::{ApprovalId, CredentialId, HoldId, InvitationId, ModelId, Money, ProviderId, RunId, VariableId, permission::AgentWrite};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::site::{Site, at, authorized, event, scope};

on_both_engines! {
    no_id_of_one_tenant_is_found_by_the_other
    no_list_of_one_tenant_shows_what_the_other_has
}

/// Everything that has an id, in acme.
struct Everything {
    run: RunId,
    approval: ApprovalId,
    hold: HoldId,
    credential: CredentialId,
    variable: VariableId,
    provider: ProviderId,
    model: ModelId,
    invitation: InvitationId,
}

async fn fill(site: &Site) -> Everything {
    let all = Everything {
        run: site.run(&site.acme, at(0)).await,
        approval: site.id(),
        hold: site.id(),
        credential: site.id(),
        variable: site.id(),
        provider: site.id(),
        model: site.id(),
        invitation: site.id(),
    };
    let request = ApprovalRequest {
        id: all.approval,
        step: "pay".to_owned(),
        round: 1,
        kind: "approval".to_owned(),
        title: "Pay".to_owned(),
        request: "{}".to_owned(),
        coverage: "{}".to_owned(),
        digest: [1; 32],
        ceiling: Money::ZERO,
        quorum: 1,
        requested_at: at(0),
        expires_at: at(5000),
    };
    let hold = HoldRequest {
        id: all.hold,
        step: "pay".to_owned(),
        attempt: 1,
        dispatch: 1,
        amount: Money::from_nanos(1),
        accounts: vec!["tenant".to_owned()],
        periods: Vec::new(),
        at: at(0),
    };
    let mut keys = site.claimed(&site.acme, all.run).await;
    keys.accounts = hold.accounts.clone();
    site.record(keys, move |batch| {
        batch.journal([(1, at(0), "{}".to_owned())])?;
        batch.ask_approval(request.clone())?;
        batch.open_hold(hold.clone()).map(drop)
    })
    .await;

    let actor = site.actor(&site.acme).await;
    let mut tx = site.write(&actor).await;
    let credential = credentials::NewCredential {
        id: all.credential,
        name: "key".to_owned(),
        kind: "bearer".to_owned(),
        sealed: vec![1],
        allowed_hosts: Vec::new(),
        description: String::new(),
        created_at: at(0),
    };
    credentials::create(&mut tx, &scope(&actor), &credential).await.unwrap();
    let variable = variables::NewVariable {
        id: all.variable,
        name: "erp_url".to_owned(),
        kind: variables::VariableKind::Boolean,
        value: json!(true),
        updated_at: at(0),
    };
    variables::set(&mut tx, &scope(&actor), &variable).await.unwrap();
    let provider = providers::NewProvider {
        id: all.provider,
        name: "house".to_owned(),
        base_url: "https://models.example".to_owned(),
        credential_name: None,
        created_at: at(0),
    };
    providers::create(&mut tx, &scope(&actor), &provider).await.unwrap();
    let model = providers::NewModel {
        id: all.model,
        name: "small".to_owned(),
        price: providers::Price { input: Money::ZERO, output: Money::ZERO, cached: None },
        max_output_tokens: 1,
        created_at: at(0),
    };
    let house = authorized::<AgentWrite, _>(providers::find(&mut tx, all.provider).await.unwrap(), &actor);
    providers::create_model(&mut tx, &house, &model).await.unwrap();
    let invitation = invitations::NewInvitation {
        id: all.invitation,
        email: "new@acme.example".to_owned(),
        name: "New".to_owned(),
        role: "viewer".to_owned(),
        token_hash: [1; 32],
        created_at: at(0),
        expires_at: at(5000),
    };
    invitations::create(&mut tx, &scope(&actor), &invitation).await.unwrap();
    tx.commit(event()).await.unwrap();
    all
}

async fn no_id_of_one_tenant_is_found_by_the_other(site: &Site) {
    let all = fill(site).await;
    for (tenant, visible) in [(&site.acme, true), (&site.globex, false)] {
        let actor = site.actor(tenant).await;
        let mut tx = site.read(&actor).await;
        let tx = &mut tx;
        let found = [
            ("run", runs::find(tx, all.run).await.unwrap().is_some()),
            ("run for the engine", runs::load(tx, all.run).await.unwrap().is_some()),
            ("journal", !journal::load(tx, all.run, 0, 10).await.unwrap().is_empty()),
            ("inbox", !inbox::of_run(tx, all.run).await.unwrap().is_empty()),
            ("approval", approvals::find(tx, all.approval).await.unwrap().is_some()),
            ("approval for the engine", approvals::load(tx, all.approval).await.unwrap().is_some()),
            ("hold", budgets::find_hold(tx, all.hold).await.unwrap().is_some()),
            ("credential", credentials::find(tx, all.credential).await.unwrap().is_some()),
            ("name of a credential", credentials::find_by_name(tx, "key").await.unwrap().is_some()),
            ("sealed value", credentials::sealed(tx, all.credential).await.unwrap().is_some()),
            ("variable", variables::find(tx, all.variable).await.unwrap().is_some()),
            ("provider", providers::find(tx, all.provider).await.unwrap().is_some()),
            ("model", providers::find_model(tx, all.model).await.unwrap().is_some()),
            ("name of a model", providers::resolve(tx, Some("house/small")).await.unwrap().is_some()),
            ("default model", providers::resolve(tx, None).await.unwrap().is_some()),
            ("invitation", invitations::find(tx, all.invitation).await.unwrap().is_some()),
            ("workflow", workflows::find(tx, site.acme.workflow).await.unwrap().is_some()),
            ("version", workflows::version(tx, site.acme.workflow, 1).await.unwrap().is_some()),
            ("pinned version", workflows::pinned_version(tx, site.acme.version).await.unwrap().is_some()),
            ("member", members::find(tx, site.acme.approver).await.unwrap().is_some()),
            ("e-mail address of a member", members::find_by_email(tx, "approver@acme.example").await.unwrap().is_some()),
            ("account", budgets::find(tx, "tenant").await.unwrap().is_some()),
        ];
        for (what, found) in found {
            assert_eq!(found, visible, "{what} as seen by {}", if visible { "its own tenant" } else { "the other tenant" });
        }
        assert_eq!(tenants::current(tx).await.unwrap().id, tenant.id);
    }
}

async fn no_list_of_one_tenant_shows_what_the_other_has(site: &Site) {
    fill(site).await;
    for (tenant, visible) in [(&site.acme, true), (&site.globex, false)] {
        let actor = site.actor(tenant).await;
        let mut tx = site.read(&actor).await;
        let tx = &mut tx;
        let lists = [
            ("runs", runs::list(tx, &scope(&actor), &runs::Filter::default(), None, 10, 10).await.unwrap().items.len()),
            ("approvals", approvals::pending(tx, &scope(&actor), &approvals::Filter::default(), None, 10).await.unwrap().items.len()),
            ("holds", budgets::holds(tx, &scope(&actor), HoldState::Open, 10).await.unwrap().len()),
            ("budgets", budgets::list(tx, &scope(&actor)).await.unwrap().len()),
            ("credentials", credentials::list(tx, &scope(&actor)).await.unwrap().len()),
            ("variables", variables::list(tx, &scope(&actor)).await.unwrap().len()),
            ("providers", providers::list(tx, &scope(&actor)).await.unwrap().len()),
            ("models", providers::models(tx, &scope(&actor)).await.unwrap().len()),
            ("invitations", invitations::list_open(tx, &scope(&actor)).await.unwrap().len()),
        ];
        for (what, rows) in lists {
            assert_eq!(rows > 0, visible, "{what}: {rows}");
        }
        let count = runs::count_by_status(tx, &scope(&actor), RunStatus::Queued).await.unwrap();
        assert_eq!(count > 0, visible);
        let emails: Vec<String> = members::page(tx, &scope(&actor), members::Search::default(), 10)
            .await
            .unwrap()
            .items
            .into_iter()
            .map(|row| row.email)
            .collect();
        let domain = if visible { "@acme.example" } else { "@globex.example" };
        assert!(emails.len() == 2 && emails.iter().all(|email| email.ends_with(domain)), "{emails:?}");
        assert!(roles::bindings(tx, &scope(&actor)).await.unwrap().iter().all(|row| row.email.ends_with(domain)));
        assert!(roles::holders(tx, "admin").await.unwrap().iter().all(|row| row.email.ends_with(domain)));
        let log = audit::page(tx, &scope(&actor), &audit::Filter::default(), None, 100).await.unwrap();
        assert!(log.items.iter().all(|row| row.canonical.contains(&tenant.id.to_string())));
    }
}

/// The tables with rows of tenants, as the superuser knows them.
async fn tables_of_tenants(superuser: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
         where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and c.relname <> 'used_link' order by 1",
    )
    .fetch_all(superuser)
    .await
    .unwrap()
}

#[tokio::test]
async fn the_application_sees_only_rows_of_the_tenants_that_its_transaction_names() {
    let site = Site::on(crate::engines::postgres().await).await;
    fill(&site).await;
    let Location::Postgres { app_url, .. } = &site.opened.location else { panic!("this is PostgreSQL") };
    let superuser_url = testing::superuser_url(&site.opened.location);
    let mut superuser = PgConnection::connect(&superuser_url).await.unwrap();
    let mut app = PgConnection::connect(app_url).await.unwrap();
    let mut filled = 0;
    for table in tables_of_tenants(&mut superuser).await {
        let count = |condition: &str| AssertSqlSafe(format!("select count(*) from {table} where {condition}"));
        let of_acme = format!("tenant_id = '{}'", site.acme.id.uuid());
        let rows: i64 = sqlx::query_scalar(count(&of_acme)).fetch_one(&mut superuser).await.unwrap();
        filled += i64::from(rows > 0);
        for (setting, visible) in [
            (String::new(), 0),
            (site.globex.id.uuid().to_string(), 0),
            (site.acme.id.uuid().to_string(), rows),
            (format!("{},{}", site.globex.id.uuid(), site.acme.id.uuid()), rows),
        ] {
            let mut tx = app.begin().await.unwrap();
            sqlx::query("select set_config('mandate.tenants', $1, true)").bind(&setting).execute(&mut *tx).await.unwrap();
            // The statement itself asks for the rows of acme, as a forgetful one might.
            let seen: i64 = sqlx::query_scalar(count(&of_acme)).fetch_one(&mut *tx).await.unwrap();
            assert_eq!(seen, visible, "{table} under the setting {setting:?}");
        }
    }
    assert!(filled >= 15, "too few tables have rows for this to say much: {filled}");

    let mut tx = app.begin().await.unwrap();
    sqlx::query("select set_config('mandate.tenants', $1, true)").bind(site.globex.id.uuid().to_string()).execute(&mut *tx).await.unwrap();
    let smuggled =
        sqlx::query("insert into account (tenant_id, key) values ($1, 'tenant')").bind(site.acme.id.uuid()).execute(&mut *tx).await;
    assert!(smuggled.is_err_and(|error| error.to_string().contains("row-level security")));
}

#[tokio::test]
async fn a_name_and_address_are_seen_only_by_tenants_of_the_person() {
    let site = Site::on(crate::engines::postgres().await).await;
    let Location::Postgres { app_url, .. } = &site.opened.location else { panic!("this is PostgreSQL") };
    let mut app = PgConnection::connect(app_url).await.unwrap();
    let mut tx = app.begin().await.unwrap();
    sqlx::query("select set_config('mandate.tenants', $1, true)").bind(site.globex.id.uuid().to_string()).execute(&mut *tx).await.unwrap();
    let emails: Vec<String> = sqlx::query_scalar("select email from person order by email").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(emails, ["admin@globex.example", "approver@globex.example"]);
    assert!(sqlx::query("select password_hash from person").fetch_all(&mut *tx).await.is_err());
}

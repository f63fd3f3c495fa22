//! Several writing statements as one text: one hand-over to SQLite's thread, one round trip to PostgreSQL.
//!
//! Each statement takes its rows as one value. On SQLite the texts follow one another, and each sees what those before it
//! did. On PostgreSQL they become the branches of one `with`, which all see the same moment: a statement on a table that
//! an earlier one writes begins a new text.
//!
//! Words of control that only SQLite's writer has to say go along with the statement that follows them in the same way.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use crate::{
    bulk::Rows,
    error::Error,
    executor::Arm,
    statement::{Engine, Statement},
};

/// Statements with their rows, in the order in which they take effect.
#[derive(Default)]
pub(crate) struct Together {
    statements: Vec<&'static Statement>,
    values: Vec<String>,
    expected: u64,
}

/// One text for some of the statements, and how many of them.
type Part = (SqlStr, usize);

impl Together {
    /// Adds a statement that must change exactly one row for each row given, and can never change more; without rows
    /// there is nothing to do.
    ///
    /// # Errors
    /// Rows that are no text.
    pub(crate) fn add(&mut self, rows: Rows, statement: &'static Statement) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let (text, count) = rows.finish(statement)?;
        self.statements.push(statement);
        self.values.push(text);
        self.expected += count;
        Ok(())
    }

    /// Runs them all.
    ///
    /// # Errors
    /// What the engine refused, or fewer rows changed than were given. Then nothing may be committed.
    pub(crate) async fn write(self, arm: &mut Arm<'_>) -> Result<(), Error> {
        let Some(first) = self.statements.first() else { return Ok(()) };
        let mut values = self.values.into_iter();
        let mut changed = 0;
        for (text, statements) in parts(&self.statements, arm.engine()).iter() {
            let values = values.by_ref().take(*statements).map(Into::into).collect();
            changed += arm.change(first.name(), text.clone(), values).await?;
        }
        if changed == self.expected {
            return Ok(());
        }
        let names: Vec<&str> = self.statements.iter().map(|statement| statement.name()).collect();
        let cause = format!("{} changed {changed} rows instead of {}", names.join(", "), self.expected);
        Err(Error::Statement { statement: first.name(), cause })
    }
}

/// The texts for a row of statements. There are a few dozen such rows in a program: each is put together once.
fn parts(statements: &[&'static Statement], engine: Engine) -> Arc<Vec<Part>> {
    type Known = HashMap<(Engine, Vec<&'static str>), Arc<Vec<Part>>>;
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    let key = (engine, statements.iter().map(|statement| statement.name()).collect());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(known.entry(key).or_insert_with(|| {
        let groups = match engine {
            Engine::Sqlite => vec![statements.to_vec()],
            Engine::Postgres => apart(statements),
        };
        let text = match engine {
            Engine::Sqlite => one_after_another,
            Engine::Postgres => side_by_side,
        };
        Arc::new(groups.iter().map(|group| (AssertSqlSafe(text(group)).into_sql_str(), group.len())).collect())
    }))
}

/// A reading statement of SQLite with words of control before it.
pub(crate) fn after(opening: &'static str, statement: &'static Statement) -> SqlStr {
    static KNOWN: LazyLock<Mutex<HashMap<(&'static str, &'static str), SqlStr>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let text = || AssertSqlSafe(format!("{opening};\n{}", statement.text(Engine::Sqlite))).into_sql_str();
    known.entry((opening, statement.name())).or_insert_with(text).clone()
}

/// Groups in which no table is written twice.
fn apart(statements: &[&'static Statement]) -> Vec<Vec<&'static Statement>> {
    let mut groups: Vec<Vec<&'static Statement>> = Vec::new();
    for statement in statements {
        let tables = statement.writes(Engine::Postgres);
        let fits = |group: &Vec<&'static Statement>| {
            group.iter().all(|other| other.writes(Engine::Postgres).iter().all(|table| !tables.contains(table)))
        };
        match groups.last_mut().filter(|group| fits(group)) {
            Some(group) => group.push(statement),
            None => groups.push(vec![statement]),
        }
    }
    groups
}

/// The only value of a statement is `$1`; of several each has its own.
fn numbered(statement: &Statement, engine: Engine, number: usize) -> String {
    statement.text(engine).replace("$1", &format!("${number}"))
}

fn one_after_another(statements: &[&'static Statement]) -> String {
    let texts: Vec<String> = (1..).zip(statements).map(|(number, statement)| numbered(statement, Engine::Sqlite, number)).collect();
    texts.join(";\n")
}

fn side_by_side(statements: &[&'static Statement]) -> String {
    let (mut text, mut sum) = (String::from("with "), String::from("0"));
    for (number, statement) in (1..).zip(statements) {
        let separator = if number == 1 { "" } else { ",\n" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}w{number} as ({} returning 1)", numbered(statement, Engine::Postgres, number));
        let _ = write!(sum, " + (select count(*) from w{number})");
    }
    let _ = write!(text, "\nselect {sum} as changed");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    static ONE: Statement = Statement::system("test.one", "insert into one (a) select value from j($1)");
    static TWO: Statement = Statement::system("test.two", "update two set a = 1 from j($1)");
    static ONE_MORE: Statement = Statement::system("test.one_more", "delete from one where a in (select value from j($1))");

    #[test]
    fn on_sqlite_statements_follow_one_another() {
        let texts = parts(&[&ONE, &TWO, &ONE_MORE], Engine::Sqlite);
        let texts: Vec<(&str, usize)> = texts.iter().map(|(text, count)| (text.as_str(), *count)).collect();
        assert_eq!(
            texts,
            [(
                "insert into one (a) select value from j($1);\nupdate two set a = 1 from j($2);\ndelete from one where a in (select value from j($3))",
                3
            )]
        );
    }

    #[test]
    fn on_postgres_a_table_that_was_written_begins_a_new_text() {
        let texts = parts(&[&ONE, &TWO, &ONE_MORE], Engine::Postgres);
        let texts: Vec<(&str, usize)> = texts.iter().map(|(text, count)| (text.as_str(), *count)).collect();
        assert_eq!(
            texts,
            [
                (
                    "with w1 as (insert into one (a) select value from j($1) returning 1),\nw2 as (update two set a = 1 from j($2) returning 1)\nselect 0 + (select count(*) from w1) + (select count(*) from w2) as changed",
                    2
                ),
                (
                    "with w1 as (delete from one where a in (select value from j($1)) returning 1)\nselect 0 + (select count(*) from w1) as changed",
                    1
                ),
            ]
        );
    }
}

//! The statements of the house: a name, whose rows they may touch, and one SQL text for two engines.
//!
//! Here lives what a statement *is*. The texts live in the noun files (`runs.rs`, `members.rs`, ...), those that
//! cross tenants in `system.rs`, and `catalogue.rs` lists them all. To add one, write a `static` in the noun file
//! and put it into that file's list.
//!
//! A text is lower-case SQL with `$1`, `$2`, ... In a statement of a tenant `$1` is the tenant; the transaction
//! binds it, so the first value that a caller binds is `$2`.

use crate::error::Error;

/// Whose rows a statement may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The rows of one tenant, named by `$1`, which the transaction binds.
    Tenant,
    /// Rows of every tenant and of the installation.
    System,
}

/// Which of the two engines runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The embedded file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// A statement with a name, prepared once a connection and kept.
#[derive(Debug)]
pub struct Statement {
    name: &'static str,
    reach: Reach,
    sqlite: &'static str,
    postgres: &'static str,
}

impl Statement {
    /// A statement on the rows of one tenant, the same text for both engines. `name` is `noun.verb`.
    pub const fn tenant(name: &'static str, text: &'static str) -> Self {
        Self { name, reach: Reach::Tenant, sqlite: text, postgres: text }
    }

    /// A statement on the rows of one tenant that must be written differently for each engine.
    pub const fn tenant_each(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Self {
        Self { name, reach: Reach::Tenant, sqlite, postgres }
    }

    /// A statement that crosses tenants, the same text for both engines.
    pub const fn system(name: &'static str, text: &'static str) -> Self {
        Self { name, reach: Reach::System, sqlite: text, postgres: text }
    }

    /// A statement that crosses tenants and must be written differently for each engine.
    pub const fn system_each(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Self {
        Self { name, reach: Reach::System, sqlite, postgres }
    }

    /// A statement that steers one engine and touches no table: transactions, logins, copies. It is in no catalogue,
    /// because the other engine does not know it.
    pub(crate) const fn control(name: &'static str, text: &'static str) -> Self {
        Self { name, reach: Reach::System, sqlite: text, postgres: text }
    }

    /// The name, `noun.verb`, that errors and logs show.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whose rows it may touch.
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// The text for an engine.
    pub const fn text(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }

    /// The tables that the text writes to: what follows `insert into`, `update` and `delete from`.
    ///
    /// `for update` and `on conflict ... do update set` name no table and are passed over.
    pub fn writes(&self, engine: Engine) -> Vec<&'static str> {
        let words: Vec<&str> =
            self.text(engine).split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_').filter(|word| !word.is_empty()).collect();
        let mut tables = Vec::new();
        for window in words.windows(3) {
            match *window {
                ["insert" | "replace", "into", table] | ["delete", "from", table] => tables.push(table),
                [before, "update", table] if !matches!(before, "for" | "do" | "key") => tables.push(table),
                _ => {}
            }
        }
        if let [first, table, ..] = words.as_slice()
            && *first == "update"
        {
            tables.push(table);
        }
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// Refuses a statement that is given to a transaction of another reach.
    pub(crate) fn demand(&self, reach: Reach) -> Result<(), Error> {
        if self.reach == reach {
            return Ok(());
        }
        Err(Error::Misuse {
            statement: self.name,
            reason: match reach {
                Reach::Tenant => "it crosses tenants and this transaction belongs to one tenant",
                Reach::System => "it belongs to one tenant and this transaction belongs to none",
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_a_statement_writes_are_read_from_its_text() {
        for (text, tables) in [
            ("select * from run where tenant_id = $1 for update", vec![]),
            ("select id from run for no key update skip locked", vec![]),
            ("update run set a = 1", vec!["run"]),
            ("insert into mail (id) values ($1) on conflict (id) do update set id = $1", vec!["mail"]),
            ("with d as (delete from inbox where id = $1 returning id) update run set a = (select 1 from d)", vec!["inbox", "run"]),
        ] {
            let statement = Box::leak(Box::new(Statement::tenant("test.test", text)));
            assert_eq!(statement.writes(Engine::Sqlite), tables, "{text}");
        }
    }

    #[test]
    fn a_statement_across_tenants_is_refused_by_a_transaction_of_one_tenant() {
        let statement = Statement::system("test.all", "select 1");
        assert!(statement.demand(Reach::System).is_ok());
        assert!(matches!(statement.demand(Reach::Tenant), Err(Error::Misuse { statement: "test.all", .. })));
    }
}

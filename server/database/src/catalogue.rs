//! Every statement of the house, and the printed list of those that cross tenants.
//!
//! A statement that is not in its file's list is not in here; a test finds it by its text. To add a file, add its list
//! below.

use std::fmt::Write as _;

use crate::{
    api_keys, approvals, audit, batch, budgets, credentials, folders, gate, idempotency, inbox, invitations, journal, links, mail, members,
    providers, quotas, roles, runs, service_accounts, sessions, settings,
    statement::{Engine, Reach, Statement},
    system, tenants, variables, versions, workflows, writer,
};

/// Every statement: those of tenants file by file, then those across tenants.
pub fn all() -> Vec<&'static Statement> {
    [
        tenants::ALL,
        settings::ALL,
        quotas::ALL,
        sessions::ALL,
        members::ALL,
        roles::ALL,
        service_accounts::ALL,
        api_keys::ALL,
        idempotency::ALL,
        invitations::ALL,
        audit::ALL,
        credentials::ALL,
        variables::ALL,
        providers::ALL,
        folders::ALL,
        workflows::ALL,
        versions::ALL,
        runs::ALL,
        journal::ALL,
        inbox::ALL,
        approvals::ALL,
        links::ALL,
        budgets::ALL,
        mail::ALL,
        system::ALL,
        gate::ALL,
        batch::system::ALL,
        writer::system::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect()
}

/// The statements across tenants as a text to be committed: a new one is a line that somebody reads.
pub fn across_tenants() -> String {
    let mut text = String::new();
    for statement in all().into_iter().filter(|statement| statement.reach() == Reach::System) {
        let (sqlite, postgres) = (statement.text(Engine::Sqlite), statement.text(Engine::Postgres));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}\n    {}", statement.name(), on_one_line(sqlite));
        if sqlite != postgres {
            let _ = writeln!(text, "    postgres: {}", on_one_line(postgres));
        }
    }
    text
}

fn on_one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

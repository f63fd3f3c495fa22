//! Which chain an audit event belongs to, and how its row gets there: numbered, hashed, without a gap.
//!
//! The last thing before a commit. The ends of the chains are locked in one order, tenants by id and then the
//! installation, so that no two commits wait for each other in a circle.

use std::collections::BTreeMap;

use domain::{
    TenantId, Timestamp,
    audit::{self, AuditActor, AuditEvent, AuditRow},
};
use serde_json::Value;

use crate::{
    bulk::Rows,
    error::Error,
    executor::Arm,
    row::{FromRow, Row},
    together::Together,
    writer::system,
};

/// A chain of audit rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Chain {
    /// That of a tenant.
    Tenant(TenantId),
    /// That of the installation.
    Installation,
}

/// An event on its way to a chain. Its place and time are given by the commit.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditIntent {
    /// Where it goes.
    pub chain: Chain,
    /// Who did it.
    pub actor: AuditActor,
    /// What was done.
    pub event: AuditEvent,
}

/// The end of a chain.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    seq: i64,
    hash: [u8; 32],
}

struct TenantHead(TenantId, Head);

/// The ends of chains that are known. Only who alone writes to a database keeps them from one commit to the next, and
/// forgets them when a commit fails; everybody else reads them, and locks them, each time.
#[derive(Default)]
pub(crate) struct Heads(BTreeMap<TenantId, Head>);

/// Ends kept in memory; beyond this all are forgotten and read again.
const HEADS_KEPT: usize = 10_000;

impl Heads {
    /// The end of a tenant's chain, by who has it locked.
    pub(crate) fn know(&mut self, tenant: TenantId, head: Head) {
        self.0.insert(tenant, head);
    }

    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

impl FromRow for Head {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self { seq: row.i64("audit_seq")?, hash: row.hash("audit_hash")? })
    }
}

impl FromRow for TenantHead {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self(row.id("id")?, Head::from_row(row)?))
    }
}

impl Head {
    /// Puts the next row at the end and gives it with its canonical text.
    fn append(&mut self, chain: &str, at: Timestamp, intent: AuditIntent) -> (AuditRow, String) {
        let row =
            AuditRow { chain: chain.to_owned(), seq: self.seq + 1, at, actor: intent.actor, event: intent.event, previous: self.hash };
        let canonical = row.canonical();
        *self = Self { seq: row.seq, hash: audit::hash(&canonical) };
        (row, canonical)
    }
}

/// Writes the rows of all intents, in the order in which they come, and moves the ends of their chains.
///
/// # Errors
/// A chain that does not exist, or what the engine refused.
pub(crate) async fn append(arm: &mut Arm<'_>, known: &mut Heads, intents: Vec<AuditIntent>, at: Timestamp) -> Result<(), Error> {
    let mut by_tenant: BTreeMap<TenantId, Vec<AuditIntent>> = BTreeMap::new();
    let mut of_installation = Vec::new();
    for intent in intents {
        match intent.chain {
            Chain::Tenant(tenant) => by_tenant.entry(tenant).or_default().push(intent),
            Chain::Installation => of_installation.push(intent),
        }
    }
    append_to_tenants(arm, known, by_tenant, at).await?;
    append_to_installation(arm, of_installation, at).await
}

/// Makes sure that every chain exists, before the changes that they record become part of a group.
///
/// # Errors
/// [`Error::NoRow`] for a chain that does not.
pub(crate) async fn demand(arm: &mut Arm<'_>, intents: &[AuditIntent]) -> Result<(), Error> {
    let tenants: std::collections::BTreeSet<TenantId> = intents
        .iter()
        .filter_map(|intent| match intent.chain {
            Chain::Tenant(tenant) => Some(tenant),
            Chain::Installation => None,
        })
        .collect();
    if heads(arm, tenants.iter().copied()).await?.len() != tenants.len() {
        return Err(Error::NoRow { statement: system::HEADS.name() });
    }
    if intents.iter().any(|intent| intent.chain == Chain::Installation) && arm.all(&system::INSTALLATION_HEAD, Vec::new()).await?.is_empty()
    {
        return Err(Error::NoRow { statement: system::INSTALLATION_HEAD.name() });
    }
    Ok(())
}

async fn heads(arm: &mut Arm<'_>, tenants: impl Iterator<Item = TenantId>) -> Result<BTreeMap<TenantId, Head>, Error> {
    let mut keys = Rows::default();
    for tenant in tenants {
        keys.row().uuid(tenant.uuid());
    }
    let heads: Vec<TenantHead> = keys.read(arm, &system::HEADS).await?;
    Ok(heads.into_iter().map(|TenantHead(tenant, head)| (tenant, head)).collect())
}

async fn append_to_tenants(
    arm: &mut Arm<'_>,
    Heads(known): &mut Heads,
    intents: BTreeMap<TenantId, Vec<AuditIntent>>,
    at: Timestamp,
) -> Result<(), Error> {
    if intents.is_empty() {
        return Ok(());
    }
    if known.len() > HEADS_KEPT {
        known.clear();
    }
    let unknown: Vec<TenantId> = intents.keys().copied().filter(|tenant| !known.contains_key(tenant)).collect();
    known.extend(heads(arm, unknown.into_iter()).await?);
    let (mut rows, mut moved) = (Rows::default(), Rows::default());
    for (tenant, intents) in intents {
        let head = known.get_mut(&tenant).ok_or(Error::NoRow { statement: system::HEADS.name() })?;
        let chain = tenant.to_string();
        for intent in intents {
            let (row, canonical) = head.append(&chain, at, intent);
            rows.row()
                .uuid(tenant.uuid())
                .int(row.seq)
                .int(at.micros())
                .text(&row.actor.label)
                .text(row.event.action)
                .text(row.event.target_kind)
                .text(&row.event.target_id)
                .text(row.event.outcome.name())
                .text(&row.actor.request)
                .text(&search_text(&row))
                .text(&canonical)
                .bytes(&head.hash);
        }
        moved.row().uuid(tenant.uuid()).int(head.seq).bytes(&head.hash);
    }
    let mut writes = Together::default();
    writes.add(rows, &system::APPEND)?;
    writes.add(moved, &system::MOVE_HEADS)?;
    writes.write(arm).await
}

async fn append_to_installation(arm: &mut Arm<'_>, intents: Vec<AuditIntent>, at: Timestamp) -> Result<(), Error> {
    if intents.is_empty() {
        return Ok(());
    }
    let found = arm.all(&system::INSTALLATION_HEAD, Vec::new()).await?;
    let row = found.first().ok_or(Error::NoRow { statement: system::INSTALLATION_HEAD.name() })?;
    let mut head = Head::from_row(row)?;
    let mut rows = Rows::default();
    for intent in intents {
        let (row, canonical) = head.append("installation", at, intent);
        rows.row().int(row.seq).int(at.micros()).text(row.event.action).text(&canonical).bytes(&head.hash);
    }
    rows.write(arm, &system::INSTALLATION_APPEND).await?;
    arm.execute(&system::INSTALLATION_MOVE_HEAD, vec![head.seq.into(), head.hash.into()]).await.map(drop)
}

/// What a search looks through, in lower case: who, what, to what, and the texts of the facts.
fn search_text(row: &AuditRow) -> String {
    let event = &row.event;
    let mut text = [row.actor.label.as_str(), event.action, event.target_kind, &event.target_id, &event.target_name].join(" ");
    for (key, value) in &event.detail {
        text.push(' ');
        text.push_str(key);
        text.push(' ');
        match value {
            Value::String(value) => text.push_str(value),
            other => text.push_str(&other.to_string()),
        }
    }
    text.to_lowercase()
}

//! The engine's group commit: records of many runs of many tenants, decided in memory and written a table at a time.
//!
//! A [`Member`] says by its [`Keys`] what must be read; the rows of all members of a group are read in bulk, each
//! member decides with a [`Batch`] in its hand, and what all of them want written is written in bulk. A member that
//! refuses leaves no trace. `facts.rs` has what can be seen, `records.rs` what can be written, `money.rs` the verbs of
//! budgets, `load.rs` and `store.rs` the statements' two ends, `system.rs` their texts.
//!
//! To add something that can be seen: a field in [`Keys`], a struct in `facts.rs`, a statement, a line in `load.rs`.
//! To add something that can be written: a struct in `records.rs`, a verb here, a statement, a line in `store.rs`.

pub(crate) mod facts;
mod load;
mod money;
mod records;
mod store;
pub(crate) mod system;

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use domain::{
    ApprovalId, HoldId, InboxId, PersonId, RunId, TenantId, Timestamp,
    audit::{AuditActor, AuditEvent},
};
use uuid::Uuid;

pub use self::{
    facts::{Account, ApprovalFacts, CredentialFacts, HoldFacts, LeaseFacts, MembershipFacts, ModelFacts, TenantFacts},
    money::{Charge, OverLimit},
    records::{ApprovalEnd, ApprovalLinkRow, ApprovalRequest, CredentialUse, HoldRequest, MailRecord, PeriodAccount, RunUpdate},
};
use self::{load::Loaded, records::Records};
use crate::{
    announce::{Announcement, Topic},
    audit_chain::{AuditIntent, Chain},
    error::Error,
    executor::Arm,
    state::ApprovalState,
};

/// The claim under which a run's records are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseClaim {
    /// Who works on the run.
    pub owner: String,
    /// The number of the claim.
    pub fence: i64,
}

/// What must be read before a member can decide.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The tenant. Its status and policy version are always read.
    pub tenant: TenantId,
    /// The run. Its place in the queue is always read.
    pub run: RunId,
    /// The claim that must hold; without one nothing of the run can be written.
    pub lease: Option<LeaseClaim>,
    /// Keys of accounts: `tenant`, `workflow:<id>`, `run:<id>`, `step:<run>/<step>`, and those of periods. Those of the
    /// holds that are read are read with them.
    pub accounts: Vec<String>,
    /// The person whose membership matters: the run's starter.
    pub person: Option<PersonId>,
    /// Approvals that matter.
    pub approvals: Vec<ApprovalId>,
    /// Names of credentials.
    pub credentials: Vec<String>,
    /// Whether the tenant's models with their prices matter, and the credentials of their providers.
    pub models: bool,
    /// Holds that matter.
    pub holds: Vec<HoldId>,
    /// Whether every open hold of the run matters.
    pub open_holds: bool,
}

impl Keys {
    /// The least that the records of a run need.
    pub const fn of_run(tenant: TenantId, run: RunId, lease: LeaseClaim) -> Self {
        Self {
            tenant,
            run,
            lease: Some(lease),
            accounts: Vec::new(),
            person: None,
            approvals: Vec::new(),
            credentials: Vec::new(),
            models: false,
            holds: Vec::new(),
            open_holds: false,
        }
    }
}

/// Why a member writes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemberRefused {
    /// Somebody else works on the run now: what this member knows of it is old.
    #[error("the lease of the run was lost")]
    LostLease,
    /// The member refuses itself.
    #[error("{0}")]
    Refused(String),
}

impl MemberRefused {
    /// A refusal with its reason.
    pub fn because(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}

/// Records of one run on their way into a group.
pub trait Member: Send + 'static {
    /// What must be read first. Asked again when the member is decided again.
    fn keys(&self) -> Keys;

    /// Decides what to write, from what the batch shows. May be called again, alone, when its group failed: it must
    /// not rely on what an earlier call left in it.
    ///
    /// # Errors
    /// A refusal, after which nothing of this member is written.
    fn decide(&mut self, batch: &mut Batch<'_>) -> Result<(), MemberRefused>;
}

/// A member that somebody waits for.
pub(crate) trait Pending: Send {
    fn keys(&self) -> Keys;
    fn decide(&mut self, batch: &mut Batch<'_>) -> Result<(), MemberRefused>;
    fn answer(self: Box<Self>, result: Result<(), Error>);
}

/// A member and the one who waits for it.
pub(crate) struct Submitted<M> {
    pub(crate) member: M,
    pub(crate) answer: tokio::sync::oneshot::Sender<Result<M, Error>>,
}

impl<M: Member> Pending for Submitted<M> {
    fn keys(&self) -> Keys {
        self.member.keys()
    }

    fn decide(&mut self, batch: &mut Batch<'_>) -> Result<(), MemberRefused> {
        self.member.decide(batch)
    }

    fn answer(self: Box<Self>, result: Result<(), Error>) {
        let Self { member, answer } = *self;
        // Who no longer waits does not want the answer.
        drop(answer.send(result.map(|()| member)));
    }
}

/// A member in a group, and what became of it so far.
pub(crate) struct Seat {
    pub(crate) member: Box<dyn Pending>,
    keys: Option<Keys>,
    pub(crate) result: Result<(), Error>,
}

impl Seat {
    /// Seats a member and asks for its keys. One that panics stays seated and refused.
    pub(crate) fn new(member: Box<dyn Pending>) -> Self {
        match std::panic::catch_unwind(AssertUnwindSafe(|| member.keys())) {
            Ok(keys) => Self { member, keys: Some(keys), result: Ok(()) },
            Err(_) => Self { member, keys: None, result: Err(panicked()) },
        }
    }

    /// The tenant whose rows it hangs on.
    pub(crate) fn tenant(&self) -> Option<TenantId> {
        self.keys.as_ref().map(|keys| keys.tenant)
    }
}

fn panicked() -> Error {
    Error::Refused { reason: "the member panicked".to_owned() }
}

/// What a batch leaves to be done by the commit.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) intents: Vec<AuditIntent>,
    pub(crate) announcements: Vec<Announcement>,
}

/// Reads, lets each member decide, and writes: everything of a batch but its audit rows and its commit.
///
/// # Errors
/// A statement failed; then nothing may be committed, and each member is tried alone.
pub(crate) async fn run(arm: &mut Arm<'_>, seats: &mut [Seat], now: Timestamp) -> Result<Outcome, Error> {
    let keys: Vec<&Keys> = seats.iter().filter_map(|seat| seat.keys.as_ref()).collect();
    let mut loaded = load::load(arm, &keys).await?;
    let mut records = Records::default();
    for Seat { member, keys, result } in seats.iter_mut() {
        if let Some(keys) = keys {
            *result = decide(member.as_mut(), keys, &mut loaded, &mut records, now);
        }
    }
    store::store(arm, records, now).await
}

fn decide(member: &mut dyn Pending, keys: &Keys, loaded: &mut Loaded, records: &mut Records, now: Timestamp) -> Result<(), Error> {
    if !loaded.leases.contains_key(&(keys.tenant, keys.run)) {
        return Err(Error::Refused { reason: format!("{} has no run {}", keys.tenant, keys.run) });
    }
    let mut batch = Batch::new(keys, loaded, now);
    if !batch.holds_lease() {
        return Err(Error::LostLease);
    }
    match std::panic::catch_unwind(AssertUnwindSafe(|| member.decide(&mut batch))) {
        Ok(Ok(())) => {
            let Batch { changed, records: own, .. } = batch;
            loaded.take_over(keys.tenant, changed);
            records.append(own);
            Ok(())
        }
        Ok(Err(MemberRefused::LostLease)) => Err(Error::LostLease),
        Ok(Err(MemberRefused::Refused(reason))) => Err(Error::Refused { reason }),
        Err(_) => Err(panicked()),
    }
}

/// What one member sees and wants written. What earlier members of the same group decided is visible already.
pub struct Batch<'g> {
    keys: &'g Keys,
    loaded: &'g Loaded,
    now: Timestamp,
    changed: Changed,
    records: Records,
}

/// The facts that a member changed: later members of the group see these.
#[derive(Default)]
pub(crate) struct Changed {
    lease: Option<LeaseFacts>,
    accounts: BTreeMap<String, Account>,
    approvals: BTreeMap<ApprovalId, ApprovalFacts>,
    holds: BTreeMap<HoldId, HoldFacts>,
}

impl<'g> Batch<'g> {
    fn new(keys: &'g Keys, loaded: &'g Loaded, now: Timestamp) -> Self {
        Self { keys, loaded, now, changed: Changed::default(), records: Records::default() }
    }

    fn holds_lease(&self) -> bool {
        let Some(claim) = &self.keys.lease else { return true };
        self.lease().is_some_and(|lease| lease.fence == claim.fence && lease.owner.as_deref() == Some(claim.owner.as_str()))
    }

    /// Refuses to write to the run without a lease that holds.
    fn demand_lease(&self) -> Result<(), MemberRefused> {
        if self.keys.lease.is_some() && self.holds_lease() { Ok(()) } else { Err(MemberRefused::LostLease) }
    }

    fn run_key(&self) -> (TenantId, RunId) {
        (self.keys.tenant, self.keys.run)
    }

    /// The moment that everything of this group happens at.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The tenant. A member of a tenant that does not exist is refused before it decides.
    pub fn tenant(&self) -> Option<TenantFacts> {
        self.loaded.tenants.get(&self.keys.tenant).copied()
    }

    /// The time zone in which the tenant's days begin.
    pub fn time_zone(&self) -> &str {
        self.loaded.time_zones.get(&self.keys.tenant).map_or("", String::as_str)
    }

    /// Whether an account was read, so that it can be used: whoever needs another one has to be decided again.
    pub fn has_read(&self, key: &str) -> bool {
        self.account(key).is_ok()
    }

    /// The place of the run in the queue.
    pub fn lease(&self) -> Option<&LeaseFacts> {
        self.changed.lease.as_ref().or_else(|| self.loaded.leases.get(&self.run_key()))
    }

    /// The membership of the person that the keys name; `None` when they were never a member.
    pub fn membership(&self) -> Option<MembershipFacts> {
        self.loaded.memberships.get(&(self.keys.tenant, self.keys.person?)).copied()
    }

    /// An account that the keys name, or that a hold which was read is in. One that nobody used yet is empty and has
    /// no limit.
    ///
    /// # Errors
    /// It was not read.
    pub fn account(&self, key: &str) -> Result<Account, MemberRefused> {
        let known = self.changed.accounts.get(key).or_else(|| self.loaded.accounts.get(&(self.keys.tenant, key.to_owned())));
        match known {
            Some(account) => Ok(*account),
            None if self.keys.accounts.iter().any(|named| named == key) => Ok(Account::default()),
            None => Err(MemberRefused::because(format!("the account `{key}` was not read"))),
        }
    }

    /// An approval that the keys name, or that was asked in this group.
    pub fn approval(&self, id: ApprovalId) -> Option<&ApprovalFacts> {
        self.changed.approvals.get(&id).or_else(|| self.loaded.approvals.get(&(self.keys.tenant, id)))
    }

    /// A credential that the keys name; `None` when it was removed or never existed.
    pub fn credential(&self, name: &str) -> Option<&CredentialFacts> {
        self.loaded.credentials.get(&(self.keys.tenant, name.to_owned()))
    }

    /// The tenant's models, by provider and name; none unless the keys ask for them.
    pub fn models(&self) -> &[ModelFacts] {
        self.loaded.models.get(&self.keys.tenant).map_or(&[], Vec::as_slice)
    }

    /// A hold that the keys name, an open one of the run if the keys ask for those, or one opened in this group.
    pub fn hold(&self, id: HoldId) -> Option<&HoldFacts> {
        self.changed.holds.get(&id).or_else(|| self.loaded.holds.get(&(self.keys.tenant, id)))
    }

    /// The ids of the open holds of the run, as far as they were read or opened in this group.
    pub fn open_holds(&self) -> Vec<HoldId> {
        let read = self
            .loaded
            .holds
            .range((self.keys.tenant, HoldId::from_uuid(Uuid::nil()))..=(self.keys.tenant, HoldId::from_uuid(Uuid::max())));
        let mut ids: Vec<HoldId> = read.map(|((_, id), _)| *id).chain(self.changed.holds.keys().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| self.hold(*id).is_some_and(|hold| hold.run == self.keys.run && hold.state == crate::HoldState::Open));
        ids
    }

    /// Adds to the run's journal: `(seq, at, event)`, the event being the bytes that are kept for ever.
    ///
    /// # Errors
    /// [`MemberRefused::LostLease`].
    pub fn journal(&mut self, rows: impl IntoIterator<Item = (i64, Timestamp, String)>) -> Result<(), MemberRefused> {
        self.demand_lease()?;
        let (tenant, run) = self.run_key();
        self.records.journal.extend(rows.into_iter().map(|(seq, at, event)| (tenant, run, seq, at, event)));
        self.announce(Topic::Run(run));
        Ok(())
    }

    /// Shows in the list of runs how far the run is.
    ///
    /// # Errors
    /// [`MemberRefused::LostLease`].
    pub fn run(&mut self, update: RunUpdate) -> Result<(), MemberRefused> {
        self.demand_lease()?;
        self.records.run(self.run_key()).update = Some(update);
        self.announce(Topic::Runs);
        Ok(())
    }

    /// Says when the run wants attention next (`None`: only when something arrives) and whether its lease is given up.
    /// What is still in its inbox wakes it at once.
    ///
    /// # Errors
    /// [`MemberRefused::LostLease`].
    pub fn queue(&mut self, wake_at: Option<Timestamp>, release: bool) -> Result<(), MemberRefused> {
        self.demand_lease()?;
        let Some(mut lease) = self.lease().cloned() else { return Err(MemberRefused::LostLease) };
        lease.wake_at = wake_at;
        if release {
            lease.owner = None;
            lease.until = None;
        }
        self.records.queue.insert(self.run_key(), lease.clone());
        self.changed.lease = Some(lease);
        if release {
            self.announce(Topic::Queue);
        }
        Ok(())
    }

    /// Takes rows out of the inbox: they are in the journal now.
    ///
    /// # Errors
    /// [`MemberRefused::LostLease`].
    pub fn inbox_done(&mut self, ids: impl IntoIterator<Item = InboxId>) -> Result<(), MemberRefused> {
        self.demand_lease()?;
        let (tenant, run) = self.run_key();
        self.records.inbox_done.extend(ids.into_iter().map(|id| (tenant, run, id)));
        Ok(())
    }

    /// Asks an approval; it is pending from this commit on.
    ///
    /// # Errors
    /// [`MemberRefused::LostLease`].
    pub fn ask_approval(&mut self, request: ApprovalRequest) -> Result<(), MemberRefused> {
        self.demand_lease()?;
        let run = self.keys.run;
        self.changed.approvals.insert(request.id, request.facts(run));
        self.records.approvals_asked.push((self.keys.tenant, run, request));
        self.announce(Topic::Approvals);
        Ok(())
    }

    /// Ends an approval, if nobody was faster: false when it is no longer pending in this transaction. Its links are
    /// withdrawn with it.
    ///
    /// # Errors
    /// The keys do not name the approval, or [`MemberRefused::LostLease`].
    pub fn end_approval(&mut self, end: ApprovalEnd) -> Result<bool, MemberRefused> {
        self.move_approval(end, &[ApprovalState::Pending])
    }

    /// Takes an approval back that is pending or was given: what it was about has changed. False when it had ended in
    /// another way.
    ///
    /// # Errors
    /// As for [`Batch::end_approval`].
    pub fn void_approval(&mut self, end: ApprovalEnd) -> Result<bool, MemberRefused> {
        self.move_approval(end, &[ApprovalState::Pending, ApprovalState::Approved])
    }

    fn move_approval(&mut self, end: ApprovalEnd, from: &[ApprovalState]) -> Result<bool, MemberRefused> {
        self.demand_lease()?;
        let Some(facts) = self.approval(end.id) else {
            return Err(MemberRefused::because(format!("the approval {} was not read", end.id)));
        };
        let before = facts.state;
        if !from.contains(&before) {
            return Ok(false);
        }
        let facts = ApprovalFacts { state: end.state, ..facts.clone() };
        self.changed.approvals.insert(end.id, facts);
        self.records.approvals_ended.push((self.keys.tenant, before, end));
        self.announce(Topic::Approvals);
        Ok(true)
    }

    /// Writes a link that leads somebody to an approval.
    pub fn approval_link(&mut self, link: ApprovalLinkRow) {
        self.records.links.push((self.keys.tenant, link));
    }

    /// Writes down that a credential is sent out.
    pub fn credential_use(&mut self, used: CredentialUse) {
        self.records.uses.push((self.keys.tenant, self.keys.run, used));
    }

    /// Puts a mail into the outbox.
    pub fn mail(&mut self, mail: MailRecord) {
        self.records.mails.push((self.keys.tenant, mail));
        self.announce(Topic::Outbox);
    }

    /// Records an event in the tenant's audit chain.
    pub fn audit(&mut self, actor: AuditActor, event: AuditEvent) {
        self.records.intents.push(AuditIntent { chain: Chain::Tenant(self.keys.tenant), actor, event });
    }

    /// Says what of the tenant to look at again, once the commit is durable.
    pub fn announce(&mut self, topic: Topic) {
        self.records.announcements.push(Announcement { tenant: self.keys.tenant, topic });
    }
}

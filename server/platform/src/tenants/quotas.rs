//! Quotas: how much of the installation a tenant may take. The operator says the most, a tenant may set less for itself.
//!
//! A quota is counted in the transaction of the change, after the change was made and has locked the tenant's row; whoever is
//! over it drops the transaction. What was refused is in the tenant's log, once a minute for everybody and kind. To add a quota,
//! add a word to [`Quota`], a limit to [`Quotas`], a column in a new migration, and a question below where it is used.

use std::{collections::BTreeMap, fmt, time::Duration};

use database::{
    Reads, WriteTx,
    quotas::{self as rows, MembersRow},
    settings::QuotaRow,
};
use domain::{
    Actor, Problem, Timestamp,
    audit::{AuditEvent, Outcome},
};

use crate::{Error, Platform, Result, words::moment};

/// The length of the day of [`Quota::RunsADay`]: it begins anew with every run and not at midnight.
const DAY: Duration = Duration::from_hours(24);

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quota {
    /// Active members; service accounts are none.
    Members,
    /// Runs that have not ended.
    OpenRuns,
    /// Runs that begin within 24 hours.
    RunsADay,
    /// Bytes of saved workflows and of the inputs of runs.
    StoredBytes,
}

impl Quota {
    /// Every quota.
    pub const ALL: &'static [Self] = &[Self::Members, Self::OpenRuns, Self::RunsADay, Self::StoredBytes];

    /// The word in the configuration, in forms and in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::OpenRuns => "open_runs",
            Self::RunsADay => "runs_a_day",
            Self::StoredBytes => "stored_bytes",
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A limit for each quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// The most active members.
    pub members: i64,
    /// The most runs that have not ended.
    pub open_runs: i64,
    /// The most runs that begin within 24 hours.
    pub runs_a_day: i64,
    /// The most bytes of saved workflows and of the inputs of runs.
    pub stored_bytes: i64,
}

impl Default for Quotas {
    /// What one machine bears of a tenant that means no harm: far above what people do by hand, and a wall before what a script
    /// gone wild does.
    fn default() -> Self {
        Self { members: 1_000, open_runs: 20_000, runs_a_day: 250_000, stored_bytes: 10 << 30 }
    }
}

impl Quotas {
    /// The limit of one quota.
    pub const fn of(&self, quota: Quota) -> i64 {
        match quota {
            Quota::Members => self.members,
            Quota::OpenRuns => self.open_runs,
            Quota::RunsADay => self.runs_a_day,
            Quota::StoredBytes => self.stored_bytes,
        }
    }

    /// The limits that hold for a tenant: its own, where they are below these.
    pub(crate) fn lowered_by(&self, own: &QuotaRow) -> Self {
        let lower = |most: i64, own: Option<i64>| own.map_or(most, |own| own.min(most));
        Self {
            members: lower(self.members, own.members),
            open_runs: lower(self.open_runs, own.open_runs),
            runs_a_day: lower(self.runs_a_day, own.runs_a_day),
            stored_bytes: lower(self.stored_bytes, own.stored_bytes),
        }
    }
}

/// The name of a refusal in the log.
pub(crate) const EXCEEDED: &str = "quota.exceeded";

/// A quota that a change would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) quota: Quota,
    limit: i64,
    /// When there is room again by itself, and after what time that is.
    again: Option<(Timestamp, Duration)>,
}

impl Full {
    const fn new(quota: Quota, limit: i64) -> Self {
        Self { quota, limit, again: None }
    }

    /// What the log says.
    pub(crate) fn event(self) -> AuditEvent {
        AuditEvent::done(EXCEEDED, "quota", self.quota, "").outcome(Outcome::Denied).with("limit", self.limit)
    }

    /// What the outside is told: which quota it is, and what helps.
    pub(crate) fn problem(self) -> Problem {
        let limit = self.limit;
        let raise = "An admin can look at the quotas under Settings; what is above them is the operator's to raise.";
        match self.quota {
            Quota::Members => Problem::conflict(
                "quota_members",
                format!(
                    "The quota of members is used up: {limit}, open invitations among them. Disable a member or withdraw an invitation first. {raise}"
                ),
            ),
            Quota::OpenRuns => Problem::conflict(
                "quota_open_runs",
                format!(
                    "The quota of open runs is used up: {limit} have not ended. Wait for some of them to end, or cancel what is not needed. {raise}"
                ),
            ),
            Quota::RunsADay => {
                let when = self.again.map_or_else(String::new, |(at, _)| format!(" The next one can start at {}.", moment(at)));
                Problem::new(429, "quota_runs_a_day", format!("The quota of runs within 24 hours is used up: {limit}.{when} {raise}"))
                    .after(self.again.map(|(_, after)| after))
            }
            Quota::StoredBytes => Problem::conflict(
                "quota_stored_bytes",
                format!(
                    "The quota of stored workflows and inputs is used up: {limit} bytes. Nothing more can be saved or started. {raise}"
                ),
            ),
        }
    }
}

/// Whether something is allowed that made `used` of what `limits` allow.
fn within(limits: &Quotas, quota: Quota, used: i64) -> Result<(), Full> {
    let limit = limits.of(quota);
    if used <= limit { Ok(()) } else { Err(Full::new(quota, limit)) }
}

/// Leaves the verb when there is no room: what was done is dropped, and that it was refused is recorded.
macro_rules! demand_room {
    ($platform:expr, $actor:expr, $tx:ident, $asked:expr) => {
        if let Err(full) = $asked {
            drop($tx);
            return Err($platform.over_quota($actor, full).await);
        }
    };
}
pub(crate) use demand_room;

impl Platform {
    /// Whether the run with this number, which was made in this transaction, has room.
    pub(crate) async fn room_for_run(&self, tx: &mut WriteTx<'_>, number: i64) -> Result<Result<(), Full>> {
        let usage = rows::usage(tx).await?;
        let limits = self.settings().quotas.lowered_by(&usage.quotas);
        if let Err(full) = within(&limits, Quota::StoredBytes, usage.stored_bytes) {
            return Ok(Err(full));
        }
        if limits.runs_a_day == 0 {
            return Ok(Err(Full::new(Quota::RunsADay, 0)));
        }
        // Numbers are without gaps: the day is full when the run that is so many before this one began within it.
        if let Some(at) = rows::accepted_at(tx, number.saturating_sub(limits.runs_a_day)).await?
            && self.now().since(at) < DAY
        {
            let again = Some((at.after(DAY), at.after(DAY).since(self.now())));
            return Ok(Err(Full { again, ..Full::new(Quota::RunsADay, limits.runs_a_day) }));
        }
        let open = rows::open_runs(tx, limits.open_runs.saturating_add(1)).await?;
        Ok(within(&limits, Quota::OpenRuns, open))
    }

    /// Whether what was saved in this transaction has room.
    pub(crate) async fn room_for_bytes(&self, tx: &mut WriteTx<'_>) -> Result<Result<(), Full>> {
        let usage = rows::usage(tx).await?;
        Ok(within(&self.settings().quotas.lowered_by(&usage.quotas), Quota::StoredBytes, usage.stored_bytes))
    }

    /// Whether the member who was enabled in this transaction has room.
    pub(crate) async fn room_for_member(&self, tx: &mut WriteTx<'_>) -> Result<Result<(), Full>> {
        let (usage, members) = (rows::usage(tx).await?, rows::active_members(tx).await?);
        Ok(within(&self.settings().quotas.lowered_by(&usage.quotas), Quota::Members, members))
    }

    /// Whether everybody who is invited now has room.
    pub(crate) async fn room_for_invitation(&self, tx: &mut WriteTx<'_>) -> Result<Result<(), Full>> {
        let (usage, members) = (rows::usage(tx).await?, rows::active_members(tx).await?);
        let invited = rows::open_invitations(tx, self.now()).await?;
        Ok(within(&self.settings().quotas.lowered_by(&usage.quotas), Quota::Members, members.saturating_add(invited)))
    }

    /// Whether somebody who joined a tenant in a transaction across tenants has room.
    pub(crate) fn room_for_joining(&self, counted: MembersRow) -> Result<(), Full> {
        let own = QuotaRow { members: counted.quota, ..QuotaRow::default() };
        within(&self.settings().quotas.lowered_by(&own), Quota::Members, counted.members)
    }

    /// Records that an actor was refused for want of room, and gives what they are told.
    pub(crate) async fn over_quota(&self, actor: &Actor, full: Full) -> Error {
        if let Err(error) = self.record_full(&actor.clone().aside(), full).await {
            let request = &actor.request().id;
            tracing::error!(%request, %error, "request {request}: a refusal by a quota could not be recorded: {error}");
        }
        full.problem().into()
    }

    /// How much of each quota is used.
    pub(crate) async fn used<'a>(&self, tx: &mut impl Reads<'a>) -> Result<BTreeMap<Quota, i64>> {
        let usage = rows::usage(tx).await?;
        let today = self.runs_of_a_day(tx, usage.next_run_number).await?;
        let members = rows::active_members(tx).await?.saturating_add(rows::open_invitations(tx, self.now()).await?);
        let open = rows::open_runs(tx, i64::MAX).await?;
        Ok([(Quota::Members, members), (Quota::OpenRuns, open), (Quota::RunsADay, today), (Quota::StoredBytes, usage.stored_bytes)].into())
    }

    /// How many runs began within the last 24 hours. Numbers are given in the order of time, so that the first of the day is
    /// found by halving, without an index that every start would have to write.
    async fn runs_of_a_day<'a>(&self, tx: &mut impl Reads<'a>, next_number: i64) -> Result<i64> {
        let since = self.now().before(DAY);
        let (mut old, mut young) = (0, next_number);
        while young - old > 1 {
            let middle = old + (young - old) / 2;
            match rows::accepted_at(tx, middle).await? {
                Some(at) if at > since => young = middle,
                // Runs that are gone were old.
                _ => old = middle,
            }
        }
        Ok(next_number - young)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_can_lower_a_quota_and_not_raise_it() {
        let most = Quotas { members: 10, open_runs: 20, runs_a_day: 30, stored_bytes: 40 };
        let own = QuotaRow { members: Some(5), open_runs: Some(200), runs_a_day: None, stored_bytes: Some(0) };
        assert_eq!(most.lowered_by(&own), Quotas { members: 5, open_runs: 20, runs_a_day: 30, stored_bytes: 0 });
    }

    #[test]
    fn a_full_quota_is_named_with_what_helps() {
        for quota in Quota::ALL {
            let problem = Full::new(*quota, 12).problem();
            assert_eq!(problem.code.strip_prefix("quota_"), Some(quota.name()));
            assert!([409, 429].contains(&problem.status) && problem.detail.contains("12") && problem.detail.contains("Settings"));
        }
    }
}

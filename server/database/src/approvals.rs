//! Approvals: the list of those that wait, the log of those that ended, and the one place where a person's decision
//! counts.
//!
//! The row is the truth. Whoever moves it out of PENDING has ended it: here a decision, in the engine's batch an
//! expiry, a cancellation or a change of what was approved. Asking is the engine's, in the commit of the journal. Who
//! may decide and whether the requester is among them is `platform`'s to know.

use domain::{
    ApprovalId, Authorized, Cursor, Guarded, Money, Page, PersonId, Protected, RunId, Scope, Timestamp, WorkflowId,
    permission::{ApprovalApprove, ApprovalRead, RunRead},
};
use serde_json::Value;

use crate::{
    ApprovalState, Result,
    announce::Topic,
    audit::anywhere,
    executor::Query,
    links,
    param::Json,
    read::Reads,
    row::{FromRow, Row},
    runs::RunRow,
    statement::Statement,
    words::words,
    write::WriteTx,
};

words! {
    /// What an approver said.
    Verdict {
        /// Agreed.
        Approved = "approved",
        /// Refused.
        Rejected = "rejected",
    }
}

/// An approval.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalRow {
    /// The id.
    pub id: ApprovalId,
    /// The run that waits.
    pub run: RunId,
    /// The number of that run.
    pub run_number: i64,
    /// Who started the run.
    pub starter: PersonId,
    /// The name of who started the run.
    pub starter_label: String,
    /// The name of the run's workflow.
    pub workflow_name: String,
    /// The path of the step.
    pub step: String,
    /// How often the step has asked, from 1.
    pub round: i64,
    /// What kind of approval it is.
    pub kind: String,
    /// What became of it.
    pub state: ApprovalState,
    /// What is asked, in one line.
    pub title: String,
    /// Everything that is put before an approver.
    pub request: Value,
    /// What may happen under it.
    pub coverage: Value,
    /// The digest of what was asked.
    pub digest: [u8; 32],
    /// The most it may cost.
    pub ceiling: Money,
    /// How many must agree.
    pub quorum: i64,
    /// How many agreed so far.
    pub agreed: i64,
    /// Since when it is asked.
    pub requested_at: Timestamp,
    /// Until when it can be decided.
    pub expires_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The name of who ended it.
    pub ended_by_label: Option<String>,
    /// What they wrote.
    pub comment: Option<String>,
}

/// What one approver said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// The approver.
    pub person: PersonId,
    /// Their e-mail address.
    pub email: String,
    /// What they said.
    pub verdict: Verdict,
    /// What they wrote.
    pub comment: String,
    /// What they filled in, when something was asked for.
    pub fields: Option<Value>,
    /// When.
    pub at: Timestamp,
}

/// One time that an approval was asked: what the page of its run tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundRow {
    /// The approval.
    pub id: ApprovalId,
    /// The path of the step.
    pub step: String,
    /// How often the step had asked, from 1.
    pub round: i64,
    /// What became of it.
    pub state: ApprovalState,
    /// How many had to agree.
    pub quorum: i64,
    /// Since when it was asked.
    pub requested_at: Timestamp,
    /// Until when it could be decided.
    pub expires_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The name of who ended it.
    pub ended_by_label: Option<String>,
    /// What was written with the end.
    pub comment: Option<String>,
}

/// What one approver said on an approval of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidRow {
    /// The approval.
    pub approval: ApprovalId,
    /// The approver's e-mail address.
    pub email: String,
    /// What they said.
    pub verdict: Verdict,
    /// What they wrote.
    pub comment: String,
    /// When.
    pub at: Timestamp,
}

/// Somebody who was asked by mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailedRow {
    /// The approval.
    pub approval: ApprovalId,
    /// Their e-mail address.
    pub email: String,
}

/// Which approvals a list shows; what is left out filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// What became of them, of those that ended.
    pub state: Option<ApprovalState>,
    /// Asked for by a run of which workflow.
    pub workflow: Option<WorkflowId>,
    /// Who started the run: the name that the run keeps, exactly.
    pub starter: Option<String>,
    /// Asked for by which run.
    pub run: Option<RunId>,
    /// A text in what is asked; ASCII letters in upper and lower case alike.
    pub text: Option<String>,
}

/// A decision to be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDecision {
    /// Who decides.
    pub person: PersonId,
    /// Their name, for the record.
    pub label: String,
    /// What they say.
    pub verdict: Verdict,
    /// What they write.
    pub comment: String,
    /// What they filled in, when something was asked for.
    pub fields: Option<Value>,
    /// Now.
    pub at: Timestamp,
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It counts, and others still have to agree.
    Counted {
        /// How many agreed, this one among them.
        agreed: i64,
        /// How many must.
        quorum: i64,
    },
    /// It ended the approval.
    Ended(ApprovalState),
    /// Nothing was done: the approval had ended before, or its time was over.
    TooLate,
    /// Nothing was done: this person had decided before.
    AlreadyDecided,
}

impl Protected for ApprovalRow {
    type Read = ApprovalRead;
    const KIND: &'static str = "approval";

    fn public_id(&self) -> String {
        self.id.to_string()
    }
}

impl FromRow for ApprovalRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            run: row.id("run_id")?,
            run_number: row.i64("run_number")?,
            starter: row.id("starter")?,
            starter_label: row.text("starter_label")?,
            workflow_name: row.text("workflow_name")?,
            step: row.text("step")?,
            round: row.i64("round")?,
            kind: row.text("kind")?,
            state: row.word("state", ApprovalState::WORDS)?,
            title: row.text("title")?,
            request: row.json("request")?,
            coverage: row.json("coverage")?,
            digest: row.hash("digest")?,
            ceiling: row.money("ceiling")?,
            quorum: row.i64("quorum")?,
            agreed: row.i64("agreed")?,
            requested_at: row.timestamp("requested_at")?,
            expires_at: row.timestamp("expires_at")?,
            ended_at: row.opt_timestamp("ended_at")?,
            ended_by_label: row.opt_text("ended_by_label")?,
            comment: row.opt_text("comment")?,
        })
    }
}

impl FromRow for DecisionRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            person: row.id("person_id")?,
            email: row.text("email")?,
            verdict: row.word("decision", Verdict::WORDS)?,
            comment: row.text("comment")?,
            fields: row.opt_json("fields")?,
            at: row.timestamp("at")?,
        })
    }
}

impl FromRow for RoundRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            step: row.text("step")?,
            round: row.i64("round")?,
            state: row.word("state", ApprovalState::WORDS)?,
            quorum: row.i64("quorum")?,
            requested_at: row.timestamp("requested_at")?,
            expires_at: row.timestamp("expires_at")?,
            ended_at: row.opt_timestamp("ended_at")?,
            ended_by_label: row.opt_text("ended_by_label")?,
            comment: row.opt_text("comment")?,
        })
    }
}

impl FromRow for SaidRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            approval: row.id("approval_id")?,
            email: row.text("email")?,
            verdict: row.word("decision", Verdict::WORDS)?,
            comment: row.text("comment")?,
            at: row.timestamp("at")?,
        })
    }
}

impl FromRow for MailedRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { approval: row.id("approval_id")?, email: row.text("email")? })
    }
}

macro_rules! approval_select {
    ($($rest:expr),*) => {
        concat!(
            "select a.id, a.run_id, r.number as run_number, r.starter, r.starter_label, w.name as workflow_name, a.step, a.round,
                    a.kind, a.state, a.title, a.request, a.coverage, a.digest, a.ceiling, a.quorum,
                    (select count(*) from approval_decision d
                     where d.tenant_id = a.tenant_id and d.approval_id = a.id and d.decision = 'approved') as agreed,
                    a.requested_at, a.expires_at, a.ended_at, a.ended_by_label, a.comment
             from approval a
             join run r on r.tenant_id = a.tenant_id and r.id = a.run_id
             join workflow w on w.tenant_id = r.tenant_id and w.id = r.workflow_id
             where a.tenant_id = $1"
            $(, $rest)*
        )
    };
}

/// What a list is narrowed by: `$4` the workflow, `$5` the starter, `$6` the run, `$7` the pattern.
macro_rules! narrowed {
    ($like:literal) => {
        concat!(
            " and (r.workflow_id = $4 or $4 is null) and (r.starter_label = $5 or $5 is null) and (a.run_id = $6 or $6 is null)
             and (a.title ",
            $like,
            " $7 escape '\\' or $7 is null)"
        )
    };
}

macro_rules! pending_select {
    ($like:literal) => {
        approval_select!(" and a.ended_at is null and a.expires_at > $2", narrowed!($like), " order by a.expires_at, a.id limit $3")
    };
}

macro_rules! pending_at_select {
    ($like:literal) => {
        approval_select!(" and a.ended_at is null and a.expires_at = $2 and a.id > $3", narrowed!($like), " order by a.id")
    };
}

macro_rules! ended_select {
    ($like:literal) => {
        approval_select!(
            " and a.ended_at is not null and a.ended_at < $2 and (a.state = $8 or $8 is null)",
            narrowed!($like),
            " order by a.ended_at desc, a.id desc limit $3"
        )
    };
}

macro_rules! ended_at_select {
    ($like:literal) => {
        approval_select!(" and a.ended_at = $2 and a.id < $3 and (a.state = $8 or $8 is null)", narrowed!($like), " order by a.id desc")
    };
}

// A comparison that does not tell `a` from `A` has another name on each engine.
static PENDING: Statement = Statement::tenant_each("approvals.pending", pending_select!("like"), pending_select!("ilike"));
static PENDING_AT: Statement = Statement::tenant_each("approvals.pending_at", pending_at_select!("like"), pending_at_select!("ilike"));
static ENDED: Statement = Statement::tenant_each("approvals.ended", ended_select!("like"), ended_select!("ilike"));
static ENDED_AT: Statement = Statement::tenant_each("approvals.ended_at", ended_at_select!("like"), ended_at_select!("ilike"));
static ROUNDS_OF_RUN: Statement = Statement::tenant(
    "approvals.rounds_of_run",
    "select id, step, round, state, quorum, requested_at, expires_at, ended_at, ended_by_label, comment
     from approval
     where tenant_id = $1 and run_id = $2
     order by requested_at, id",
);
// A cross join keeps its order on SQLite, which knows no sizes and would begin with all decisions or links of the tenant.
static SAID_IN_RUN: Statement = Statement::tenant(
    "approvals.said_in_run",
    "select d.approval_id, p.email, d.decision, d.comment, d.at
     from approval a
     cross join approval_decision d
     cross join person p
     where a.tenant_id = $1 and a.run_id = $2 and d.tenant_id = a.tenant_id and d.approval_id = a.id and p.id = d.person_id
     order by d.at, p.email",
);
static MAILED_IN_RUN: Statement = Statement::tenant(
    "approvals.mailed_in_run",
    "select distinct l.approval_id, p.email
     from approval a
     cross join approval_link l
     cross join person p
     where a.tenant_id = $1 and a.run_id = $2 and l.tenant_id = a.tenant_id and l.approval_id = a.id and p.id = l.person_id
     order by p.email",
);
static FIND: Statement = Statement::tenant("approvals.find", approval_select!(" and a.id = $2"));
static COUNT_PENDING: Statement = Statement::tenant(
    "approvals.count_pending",
    "select count(*) as approvals
     from (select 1 as one from approval where tenant_id = $1 and ended_at is null limit 10001) as counted",
);
static DECISIONS: Statement = Statement::tenant(
    "approvals.decisions",
    "select d.person_id, p.email, d.decision, d.comment, d.fields, d.at
     from approval_decision d
     join person p on p.id = d.person_id
     where d.tenant_id = $1 and d.approval_id = $2
     order by d.at, p.email",
);
// Rows of a run are taken in the order in which the engine takes them: its place in the queue, then its approval.
static LOCK_QUEUE: Statement = Statement::tenant_each(
    "approvals.lock_queue",
    "select fence from run_queue where tenant_id = $1 and run_id = $2",
    "select fence from run_queue where tenant_id = $1 and run_id = $2 for no key update",
);
static LOCK: Statement = Statement::tenant_each(
    "approvals.lock",
    "select state, quorum, expires_at from approval where tenant_id = $1 and id = $2",
    "select state, quorum, expires_at from approval where tenant_id = $1 and id = $2 for no key update",
);
static DECIDE: Statement = Statement::tenant(
    "approvals.decide",
    "insert into approval_decision (tenant_id, approval_id, person_id, decision, comment, fields, at)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict do nothing",
);
static AGREED: Statement = Statement::tenant(
    "approvals.agreed",
    "select count(*) as agreed from approval_decision where tenant_id = $1 and approval_id = $2 and decision = 'approved'",
);
static END: Statement = Statement::tenant(
    "approvals.end",
    "update approval set state = $3, ended_at = $4, ended_by_label = $5, comment = $6
     where tenant_id = $1 and id = $2 and state = 'PENDING'",
);

pub(crate) static ALL: &[&Statement] = &[
    &PENDING,
    &PENDING_AT,
    &ENDED,
    &ENDED_AT,
    &ROUNDS_OF_RUN,
    &SAID_IN_RUN,
    &MAILED_IN_RUN,
    &FIND,
    &COUNT_PENDING,
    &DECISIONS,
    &LOCK_QUEUE,
    &LOCK,
    &DECIDE,
    &AGREED,
    &END,
];

impl Filter {
    fn narrow<'t>(&self, query: Query<'t>) -> Query<'t> {
        query.bind(self.workflow).bind(self.starter.as_deref()).bind(self.run).bind(self.text.as_deref().map(anywhere))
    }
}

/// A page of the approvals that wait for a decision, those that expire first at the top, from after `after`. A page ends only
/// between two moments, so it may be longer than `limit`.
pub async fn pending<'a>(
    tx: &mut impl Reads<'a>,
    _scope: &Scope<'_, ApprovalRead>,
    filter: &Filter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Page<ApprovalRow>> {
    let after = after.map_or(i64::MIN, |cursor| cursor.0);
    let rows: Vec<ApprovalRow> = filter.narrow(tx.query(&PENDING).bind(after).bind(i64::from(limit) + 1)).all().await?;
    let mut page = Page::from_rows(rows, limit as usize, |row| row.expires_at.micros());
    if let (Some(_), Some(last)) = (page.next, page.items.last()) {
        let same_moment: Vec<ApprovalRow> = filter.narrow(tx.query(&PENDING_AT).bind(last.expires_at).bind(last.id)).all().await?;
        page.items.extend(same_moment);
    }
    Ok(page)
}

/// How many approvals wait, up to 10,000 and one more, which means "more".
pub async fn count_pending<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, ApprovalRead>) -> Result<i64> {
    let rows = tx.query(&COUNT_PENDING).rows().await?;
    rows.first().map_or(Ok(0), |row| row.i64("approvals"))
}

/// A page of the approvals that ended, newest end first, from before `after`. A page ends only between two moments, so
/// it may be longer than `limit`.
pub async fn ended<'a>(
    tx: &mut impl Reads<'a>,
    _scope: &Scope<'_, ApprovalRead>,
    filter: &Filter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Page<ApprovalRow>> {
    let before = after.map_or(i64::MAX, |cursor| cursor.0);
    let rows: Vec<ApprovalRow> = filter.narrow(tx.query(&ENDED).bind(before).bind(i64::from(limit) + 1)).bind(filter.state).all().await?;
    let mut page = Page::from_rows(rows, limit as usize, |row| row.ended_at.map_or(0, Timestamp::micros));
    if let (Some(_), Some(last)) = (page.next, page.items.last()) {
        let same_moment: Vec<ApprovalRow> =
            filter.narrow(tx.query(&ENDED_AT).bind(last.ended_at).bind(last.id)).bind(filter.state).all().await?;
        page.items.extend(same_moment);
    }
    Ok(page)
}

/// Every time that a run asked for an approval, in order.
pub async fn rounds_of_run<'a>(tx: &mut impl Reads<'a>, run: &Authorized<'_, RunRead, RunRow>) -> Result<Vec<RoundRow>> {
    tx.query(&ROUNDS_OF_RUN).bind(run.facts.id).all().await
}

/// What each approver said on the approvals of a run, in order.
pub async fn said_in_run<'a>(tx: &mut impl Reads<'a>, run: &Authorized<'_, RunRead, RunRow>) -> Result<Vec<SaidRow>> {
    tx.query(&SAID_IN_RUN).bind(run.facts.id).all().await
}

/// Who was asked by mail on the approvals of a run.
pub async fn mailed_in_run<'a>(tx: &mut impl Reads<'a>, run: &Authorized<'_, RunRead, RunRow>) -> Result<Vec<MailedRow>> {
    tx.query(&MAILED_IN_RUN).bind(run.facts.id).all().await
}

/// The approval with an id.
pub async fn find<'a>(tx: &mut impl Reads<'a>, id: ApprovalId) -> Result<Option<Guarded<ApprovalRow>>> {
    Ok(tx.query(&FIND).bind(id).optional().await?.map(Guarded::new))
}

/// The approval as the engine loads it: under no guard, as nobody asked to see it.
pub async fn load<'a>(tx: &mut impl Reads<'a>, id: ApprovalId) -> Result<Option<ApprovalRow>> {
    tx.query(&FIND).bind(id).optional().await
}

/// What each approver said, in order.
pub async fn decisions<'a>(tx: &mut impl Reads<'a>, approval: &Authorized<'_, ApprovalRead, ApprovalRow>) -> Result<Vec<DecisionRow>> {
    tx.query(&DECISIONS).bind(approval.id).all().await
}

/// What each approver said, for the engine.
pub async fn load_decisions<'a>(tx: &mut impl Reads<'a>, approval: ApprovalId) -> Result<Vec<DecisionRow>> {
    tx.query(&DECISIONS).bind(approval).all().await
}

/// Counts a person's decision. The first rejection ends the approval, and so does the agreement that makes the quorum
/// full; both withdraw the links to it. The row is locked first, so that of two who decide at once the second sees what
/// the first one did.
pub async fn decide(
    tx: &mut WriteTx<'_>,
    approval: &Authorized<'_, ApprovalApprove, ApprovalRow>,
    decision: &NewDecision,
) -> Result<Decided> {
    tx.query(&LOCK_QUEUE).bind(approval.run).rows().await?;
    let locked = tx.query(&LOCK).bind(approval.id).rows().await?;
    let Some(row) = locked.first() else { return Ok(Decided::TooLate) };
    let quorum = row.i64("quorum")?;
    if row.word("state", ApprovalState::WORDS)? != ApprovalState::Pending || row.timestamp("expires_at")? <= decision.at {
        return Ok(Decided::TooLate);
    }
    let counted = tx
        .query(&DECIDE)
        .bind(approval.id)
        .bind(decision.person)
        .bind(decision.verdict)
        .bind(&decision.comment)
        .bind(decision.fields.clone().map(Json))
        .bind(decision.at)
        .execute()
        .await?;
    if counted == 0 {
        return Ok(Decided::AlreadyDecided);
    }
    tx.announce(Topic::Approvals);
    let end = match decision.verdict {
        Verdict::Rejected => ApprovalState::Rejected,
        Verdict::Approved => {
            let rows = tx.query(&AGREED).bind(approval.id).rows().await?;
            let agreed = rows.first().map_or(Ok(0), |row| row.i64("agreed"))?;
            if agreed < quorum {
                return Ok(Decided::Counted { agreed, quorum });
            }
            ApprovalState::Approved
        }
    };
    let ended =
        tx.query(&END).bind(approval.id).bind(end).bind(decision.at).bind(&decision.label).bind(&decision.comment).execute().await?;
    if ended == 0 {
        return Ok(Decided::TooLate);
    }
    links::withdraw_of(tx, approval.id, decision.at).await?;
    Ok(Decided::Ended(end))
}

//! What a batch can write: one struct a table, gathered in memory until all members have decided.

use std::collections::BTreeMap;

use domain::{ApprovalId, CredentialId, HoldId, InboxId, LinkId, MailId, Money, PersonId, RunId, Span, TenantId, Timestamp, UseId};

use super::{
    facts::{Account, ApprovalFacts, HoldFacts, LeaseFacts},
    money::Charge,
};
use crate::{
    announce::Announcement,
    audit_chain::AuditIntent,
    state::{ApprovalState, HoldState, RunStatus},
};

/// How far a run is, as lists show it. What is spent and held follows from the verbs of budgets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunUpdate {
    /// Its status.
    pub status: RunStatus,
    /// What it waits for, as a JSON text; `None` when it does not wait.
    pub waiting_for: Option<String>,
    /// Its outputs, as a JSON text; once written they stay.
    pub outputs: Option<String>,
    /// Its error, as a JSON text; once written it stays.
    pub error: Option<String>,
    /// The last number in its journal.
    pub last_seq: i64,
    /// When it began; once written it stays.
    pub started_at: Option<Timestamp>,
    /// When it ended; once written it stays.
    pub ended_at: Option<Timestamp>,
}

/// An amount to be set aside for one dispatch of one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRequest {
    /// The id of the new hold.
    pub id: HoldId,
    /// The path of the step.
    pub step: String,
    /// Which attempt, from 1.
    pub attempt: i64,
    /// Which dispatch of the attempt, from 1.
    pub dispatch: i64,
    /// The most that the call can cost.
    pub amount: Money,
    /// The keys of the accounts that must all have room.
    pub accounts: Vec<String>,
    /// The accounts of periods that must have room too.
    pub periods: Vec<PeriodAccount>,
    /// The moment it counts at: in the periods that this moment is in.
    pub at: Timestamp,
}

/// The account of one period of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodAccount {
    /// Its key.
    pub key: String,
    /// The key of the account that it is a period of, and that has its limit.
    pub of: String,
    /// The period.
    pub span: Span,
}

impl HoldRequest {
    pub(super) fn facts(&self, run: RunId) -> HoldFacts {
        HoldFacts {
            id: self.id,
            run,
            step: self.step.clone(),
            attempt: self.attempt,
            dispatch: self.dispatch,
            amount: self.amount,
            accounts: self.accounts.clone(),
            state: HoldState::Open,
            charged: Money::ZERO,
        }
    }
}

/// The end of a hold.
pub(crate) struct HoldClose {
    pub(crate) id: HoldId,
    pub(crate) state: HoldState,
    pub(crate) charge: Charge,
}

/// An approval to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// The id of the new approval.
    pub id: ApprovalId,
    /// The path of the step.
    pub step: String,
    /// How often it is asked, from 1.
    pub round: i64,
    /// What it is about.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// What is asked, as a JSON text.
    pub request: String,
    /// What it covers, as a JSON text.
    pub coverage: String,
    /// What is asked, as a digest.
    pub digest: [u8; 32],
    /// The most that may be spent under it.
    pub ceiling: Money,
    /// How many must agree, at least 1.
    pub quorum: i64,
    /// Now.
    pub requested_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl ApprovalRequest {
    pub(super) fn facts(&self, run: RunId) -> ApprovalFacts {
        ApprovalFacts {
            id: self.id,
            run,
            step: self.step.clone(),
            round: self.round,
            kind: self.kind.clone(),
            state: ApprovalState::Pending,
            digest: self.digest,
            ceiling: self.ceiling,
            quorum: self.quorum,
            requested_at: self.requested_at,
            expires_at: self.expires_at,
        }
    }
}

/// The end of an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalEnd {
    /// Which.
    pub id: ApprovalId,
    /// How it ends; not [`ApprovalState::Pending`].
    pub state: ApprovalState,
    /// Who ended it, in the words of the audit log.
    pub by: String,
    /// What was said.
    pub comment: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A link in a mail that leads a person to an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalLinkRow {
    /// The id of the new link.
    pub id: LinkId,
    /// Where it leads.
    pub approval: ApprovalId,
    /// Whom.
    pub person: PersonId,
    /// The hash of its token.
    pub token_hash: [u8; 32],
    /// Until when.
    pub expires_at: Timestamp,
}

/// A credential that is sent out for one dispatch of one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialUse {
    /// The id of the new row.
    pub id: UseId,
    /// The credential.
    pub credential: CredentialId,
    /// Which of its values.
    pub version: i64,
    /// The path of the step.
    pub step: String,
    /// Which attempt, from 1.
    pub attempt: i64,
    /// Which dispatch of the attempt, from 1.
    pub dispatch: i64,
    /// Where to.
    pub host: String,
    /// When.
    pub at: Timestamp,
}

/// A mail for the outbox, to be sent at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRecord {
    /// The id of the new mail.
    pub id: MailId,
    /// Whom to.
    pub recipient: String,
    /// The subject.
    pub subject: String,
    /// The body as plain text.
    pub text_body: String,
    /// The body as HTML.
    pub html_body: Option<String>,
    /// Further headers, as a JSON text.
    pub headers: String,
    /// What it is about, as a public id.
    pub reference: String,
}

/// What is written of a run's row.
#[derive(Default)]
pub(crate) struct RunChange {
    pub(crate) spent: i64,
    pub(crate) held: i64,
    pub(crate) update: Option<RunUpdate>,
}

/// Everything that is to be written, in the order of the members.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) journal: Vec<(TenantId, RunId, i64, Timestamp, String)>,
    pub(crate) runs: BTreeMap<(TenantId, RunId), RunChange>,
    pub(crate) queue: BTreeMap<(TenantId, RunId), LeaseFacts>,
    pub(crate) inbox_done: Vec<(TenantId, RunId, InboxId)>,
    pub(crate) accounts: BTreeMap<(TenantId, String), Account>,
    pub(crate) holds_opened: Vec<(TenantId, RunId, HoldRequest)>,
    pub(crate) holds_closed: Vec<(TenantId, HoldClose)>,
    pub(crate) approvals_asked: Vec<(TenantId, RunId, ApprovalRequest)>,
    pub(crate) approvals_ended: Vec<(TenantId, ApprovalState, ApprovalEnd)>,
    pub(crate) links: Vec<(TenantId, ApprovalLinkRow)>,
    pub(crate) uses: Vec<(TenantId, RunId, CredentialUse)>,
    pub(crate) mails: Vec<(TenantId, MailRecord)>,
    pub(crate) intents: Vec<AuditIntent>,
    pub(crate) announcements: Vec<Announcement>,
}

impl Records {
    pub(crate) fn run(&mut self, key: (TenantId, RunId)) -> &mut RunChange {
        self.runs.entry(key).or_default()
    }

    /// Adds what a later member of the same group wants written; where both write one row, the later one knew the
    /// earlier one's facts and wins.
    pub(crate) fn append(&mut self, other: Self) {
        self.journal.extend(other.journal);
        for (key, change) in other.runs {
            let run = self.run(key);
            run.spent = run.spent.saturating_add(change.spent);
            run.held = run.held.saturating_add(change.held);
            if change.update.is_some() {
                run.update = change.update;
            }
        }
        self.queue.extend(other.queue);
        self.inbox_done.extend(other.inbox_done);
        self.accounts.extend(other.accounts);
        self.holds_opened.extend(other.holds_opened);
        self.holds_closed.extend(other.holds_closed);
        self.approvals_asked.extend(other.approvals_asked);
        self.approvals_ended.extend(other.approvals_ended);
        self.links.extend(other.links);
        self.uses.extend(other.uses);
        self.mails.extend(other.mails);
        self.intents.extend(other.intents);
        self.announcements.extend(other.announcements);
    }
}

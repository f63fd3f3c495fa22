//! Approvals: what waits for a decision, the decision page, and the single `decide` that every door calls.

mod form;

use database::{
    ApprovalState, Topic,
    approvals::{self as rows, ApprovalRow, Decided, NewDecision, Verdict},
    links, runs as run_rows, workflows,
};
use domain::{
    Actor, ApprovalId, Authorized, Cursor, Denied, Money, Page, Permission, PersonId, Problem, RunId, Scope, Timestamp, WorkflowId,
    audit::{AuditEvent, AuditEvents},
    permission::{ApprovalApprove, ApprovalRead},
};
use engine::Letter;
use serde_json::Value;
use vault::Token;
use workflow::{
    coverage::{Coverage, CoveredEffect},
    event::{ApprovalRequest, Decision},
    plan::{AfterRefusal, Risk},
};

use crate::{
    Error, Platform, Result,
    execution::{approval::Deciding, directory::Directory},
    mandate::approvers_in_words,
    runs::Given,
    search::demand_searchable,
};

pub use database::ApprovalState as State;
pub use form::{FieldShown, FilledShown};
pub use workflow::plan::FormKind;

pub(crate) use form::filled_shown;
use form::{field_shown, filled, names_of};

/// The most approvals that one page of somebody's own is looked for in.
pub const LOOKED_THROUGH: u32 = 1_000;

/// One line of the inbox.
#[derive(Debug, Clone)]
pub struct ApprovalLine {
    /// The approval.
    pub id: ApprovalId,
    /// Its run.
    pub run: RunId,
    /// The run's number.
    pub run_number: i64,
    /// The workflow's name.
    pub workflow_name: String,
    /// What is asked.
    pub title: String,
    /// Who started the run.
    pub starter: String,
    /// Who is asked, in words.
    pub approvers: String,
    /// How much is at stake: low, medium or high.
    pub risk: &'static str,
    /// What became of it.
    pub state: ApprovalState,
    /// How many agreed, and how many must.
    pub agreed: (i64, i64),
    /// Since when.
    pub requested_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether the run goes on when nobody decides in time; else it fails.
    pub goes_on_expired: bool,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// Whether this actor may decide it; else why not.
    pub mine: Result<(), String>,
}

/// Which of the two lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Which {
    /// Those that wait for a decision, the one that expires first in front.
    #[default]
    Pending,
    /// Those that ended, newest first; all of them, or those that ended like this.
    Ended(Option<ApprovalState>),
}

/// Which approvals are asked for; what is left out filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// The list.
    pub which: Which,
    /// Only those that this actor may decide.
    pub mine: bool,
    /// Of runs of this workflow.
    pub workflow: Option<WorkflowId>,
    /// Of runs that somebody of this name started, exactly.
    pub starter: Option<String>,
    /// Of this run.
    pub run: Option<RunId>,
    /// A part of what is asked.
    pub text: Option<String>,
}

/// One call that goes out after a yes.
#[derive(Debug, Clone)]
pub struct EffectShown {
    /// The step's name.
    pub name: String,
    /// `http.request` and so on.
    pub kind: String,
    /// `POST`, for HTTP.
    pub method: Option<String>,
    /// The address, or the text of its expression.
    pub url: Option<String>,
    /// Hosts it reaches.
    pub hosts: Vec<String>,
    /// Credentials it uses.
    pub credentials: Vec<String>,
    /// What is sent, name by name; what is not known yet stands as the text of its expression.
    pub arguments: Vec<(String, String)>,
    /// The key under which the other side does it once.
    pub key: Option<String>,
    /// The condition, if it may not run at all.
    pub only_if: Option<String>,
    /// The expressions whose values are not known yet.
    pub unknown: Vec<String>,
}

/// What one of those who decide said.
#[derive(Debug, Clone)]
pub struct Said {
    /// Their e-mail address.
    pub who: String,
    /// approved or rejected.
    pub verdict: &'static str,
    /// What they wrote.
    pub comment: String,
    /// What they filled in.
    pub fields: Vec<FilledShown>,
    /// When.
    pub at: Timestamp,
}

/// Everything the decision page shows.
#[derive(Debug, Clone)]
pub struct ApprovalShown {
    /// Its line in the inbox.
    pub line: ApprovalLine,
    /// The workflow's own words; values in it are escaped.
    pub description: Option<String>,
    /// Labels and values put before the approver.
    pub shows: Vec<(String, String)>,
    /// The calls that go out after a yes.
    pub effects: Vec<EffectShown>,
    /// What the run has spent.
    pub spent: Money,
    /// The most that may be spent after a yes.
    pub ceiling: Money,
    /// What exactly is approved, as 64 hexadecimal signs.
    pub digest: String,
    /// How often it was asked.
    pub round: i64,
    /// What is to be filled in.
    pub fields: Vec<FieldShown>,
    /// What each said, in order.
    pub decisions: Vec<Said>,
    /// Whether the run goes on after a rejection.
    pub goes_on_after_rejection: bool,
    /// Whether the run goes on when nobody decides.
    pub goes_on_after_expiry: bool,
    /// What was written with the end of it.
    pub comment: Option<String>,
}

/// A decision.
#[derive(Debug, Clone)]
pub struct Say {
    /// Yes or no.
    pub approve: bool,
    /// Why; needed for a no.
    pub comment: String,
    /// The digest of what the decider was shown.
    pub digest: String,
    /// What they fill in.
    pub fields: Given,
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It counts; others have to agree too.
    Counted {
        /// So many agreed.
        agreed: i64,
        /// So many must.
        quorum: i64,
    },
    /// It ended the approval.
    Ended(ApprovalState),
}

impl Platform {
    /// A page of approvals, from after the cursor. A page ends only between two moments, so it may be longer than `limit`; those
    /// that the actor may decide are looked for among [`LOOKED_THROUGH`] at a time, so that page may be shorter and have a next one.
    ///
    /// # Errors
    /// 422 for a text to search for that is too long, and for those of the ended ones that the actor may decide: there are none.
    pub async fn approvals(&self, actor: &Actor, filter: &ApprovalFilter, after: Option<Cursor>, limit: u32) -> Result<Page<ApprovalLine>> {
        let scope = Scope::<ApprovalRead>::of(actor, "approval")?;
        demand_searchable(&[("text", filter.text.as_deref()), ("starter", filter.starter.as_deref())])?;
        let deciders = self.deciders(actor).await?;
        let mut tx = self.parts().database.read(actor).await?;
        let narrowed = rows::Filter {
            state: None,
            workflow: filter.workflow,
            starter: filter.starter.clone(),
            run: filter.run,
            text: filter.text.clone(),
        };
        match filter.which {
            Which::Ended(_) if filter.mine => {
                Err(Problem::field("mine", "What has ended is nobody's to decide. Leave `mine` out, or ask for those that wait.").into())
            }
            Which::Ended(state) => {
                let page = rows::ended(&mut tx, &scope, &rows::Filter { state, ..narrowed }, after, limit).await?;
                let items = page.items.into_iter().map(|row| line(row, &deciders, None)).collect::<Result<_>>()?;
                Ok(Page { items, next: page.next })
            }
            Which::Pending => {
                let most = if filter.mine { LOOKED_THROUGH } else { limit };
                let page = rows::pending(&mut tx, &scope, &narrowed, after, most).await?;
                let mut items: Vec<ApprovalLine> = Vec::new();
                for row in page.items {
                    if let Some(last) = items.last()
                        && items.len() >= limit as usize
                        && last.expires_at < row.expires_at
                    {
                        let next = Some(Cursor(last.expires_at.micros()));
                        return Ok(Page { items, next });
                    }
                    let author = author_of(&mut tx, row.run).await?;
                    let line = line(row, &deciders, author)?;
                    if !filter.mine || line.mine.is_ok() {
                        items.push(line);
                    }
                }
                Ok(Page { items, next: page.next })
            }
        }
    }

    /// What waits for a decision, the one that expires first in front; about `limit` of them.
    pub async fn pending_approvals(&self, actor: &Actor, limit: u32) -> Result<Vec<ApprovalLine>> {
        Ok(self.approvals(actor, &ApprovalFilter::default(), None, limit).await?.items)
    }

    /// How many approvals this actor can decide now.
    pub async fn approvals_for(&self, actor: &Actor) -> Result<usize> {
        if !actor.may(Permission::ApprovalApprove) || !actor.may(Permission::ApprovalRead) {
            return Ok(0);
        }
        Ok(self.pending_approvals(actor, 100).await?.iter().filter(|line| line.mine.is_ok()).count())
    }

    /// Everything the decision page shows. Changes nothing, however often it is asked.
    pub async fn approval(&self, actor: &Actor, id: ApprovalId) -> Result<ApprovalShown> {
        let mut tx = self.parts().database.read(actor).await?;
        let found = rows::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("approval"))?;
        let row = found.authorize::<ApprovalRead>(actor)?;
        let decisions = rows::decisions(&mut tx, &row).await?;
        let run = run_rows::load(&mut tx, row.run).await?.ok_or_else(|| Error::Broken(format!("{} is missing", row.run)))?;
        let author = author_of(&mut tx, row.run).await?;
        drop(tx);
        let deciders = self.deciders(actor).await?;
        let row = row.into_inner();
        let (request, coverage) = read(&row)?;
        let last_yes = decisions.iter().rev().find(|said| said.verdict == Verdict::Approved).and_then(|said| said.fields.as_ref());
        Ok(ApprovalShown {
            fields: request.fields.iter().map(|asked| field_shown(asked, last_yes)).collect(),
            goes_on_after_rejection: request.on_reject == AfterRefusal::Continue,
            goes_on_after_expiry: request.on_expiry == AfterRefusal::Continue,
            decisions: decisions
                .into_iter()
                .map(|said| Said {
                    fields: filled_shown(&request.fields, said.fields.as_ref().and_then(Value::as_object)),
                    who: said.email,
                    verdict: said.verdict.name(),
                    comment: said.comment,
                    at: said.at,
                })
                .collect(),
            description: request.description,
            shows: request.shows,
            effects: coverage.effects.into_iter().map(effect).collect(),
            spent: run.facts.spent,
            ceiling: row.ceiling,
            digest: hex::encode(row.digest),
            round: row.round,
            comment: row.comment.clone(),
            line: line(row, &deciders, author)?,
        })
    }

    /// Where a link from a mail leads: the tenant's slug and the approval, for the person it was sent to. The link
    /// names the request, not the person: whoever follows it signs in.
    ///
    /// # Errors
    /// 404 for a link that does not exist, was sent to somebody else, or has ended without a trace.
    pub async fn follow_link(&self, person: PersonId, token: &str) -> Result<(String, ApprovalId)> {
        let gone = || Problem::not_found("approval");
        let token = Token::parse(token).ok_or_else(gone)?;
        let mut tx = self.parts().database.system_read().await?;
        let link = links::find_by_token(&mut tx, &token.hash()).await?.ok_or_else(gone)?;
        // A link that was withdrawn still leads its addressee to the page, which says how it ended.
        if link.person != person {
            return Err(gone().into());
        }
        Ok((link.tenant_slug, link.approval))
    }

    /// Decides. The only way a person's decision comes to be, whatever the door.
    ///
    /// # Errors
    /// 403 for one who may not decide this, 409 when it has ended or is no longer what was shown, 422 for a no without
    /// a word and for a form that is not filled in right: every problem at once, fields as `fields.<name>`.
    pub async fn decide(&self, actor: &Actor, id: ApprovalId, say: &Say) -> Result<Outcome> {
        let comment = say.comment.trim();
        let person = actor.person().ok_or_else(|| Problem::new(403, "forbidden", "Only a member can decide."))?;
        let deciders = self.deciders(actor).await?;
        let mut tx = self.parts().database.write(actor).await?;
        let found = rows::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("approval"))?;
        let row: Authorized<'_, ApprovalApprove, ApprovalRow> = found.authorize::<ApprovalApprove>(actor)?;
        let author = author_of(&mut tx, row.run).await?;
        ended(&row)?;
        let (request, _) = read(&row)?;
        if let Err(reason) = deciders.may(person, &request, row.starter, author) {
            drop(row);
            drop(tx);
            // Refused for who they are and not for what they sent: a denial like any other.
            let denied = Denied::Forbidden { kind: "approval", permission: Permission::ApprovalApprove, id: id.to_string() };
            self.record_denial(actor, &denied).await?;
            return Err(Problem::new(403, "not_your_decision", reason).into());
        }
        if !say.digest.eq_ignore_ascii_case(&hex::encode(row.digest)) {
            return Err(Problem::conflict(
                "approval_changed",
                "This is not what you were shown any more. Look at it again before you decide.",
            )
            .into());
        }
        let fields = filled(&request.fields, say)?;
        let verdict = if say.approve { Verdict::Approved } else { Verdict::Rejected };
        let decision = NewDecision {
            person,
            label: actor.label().to_owned(),
            verdict,
            comment: comment.to_owned(),
            fields: fields.clone().map(Value::Object),
            at: self.now(),
        };
        let decided = rows::decide(&mut tx, &row, &decision).await?;
        let event = |action| {
            AuditEvent::done(action, "approval", id, row.title.clone())
                .with("run", row.run.to_string())
                .with("step", row.step.as_str())
                .with("digest", hex::encode(row.digest))
                .with("comment", comment)
                .with("fields", names_of(fields.as_ref()))
        };
        let (outcome, event) = match decided {
            Decided::TooLate => {
                return Err(Problem::conflict(
                    "approval_ended",
                    "It was decided, or its time was over, a moment ago. Nothing was changed.",
                )
                .into());
            }
            Decided::AlreadyDecided => {
                return Err(Problem::conflict("already_decided", "You have decided this already, and it counts once.").into());
            }
            Decided::Counted { agreed, quorum } => {
                (Outcome::Counted { agreed, quorum }, event("approval.approved").with("agreed", agreed).with("needed", quorum))
            }
            Decided::Ended(state) => {
                let decision = if state == ApprovalState::Approved { Decision::Approved } else { Decision::Rejected };
                let letter = Letter::Decided {
                    approval: id,
                    decision,
                    by: actor.label().to_owned(),
                    comment: (!comment.is_empty()).then(|| comment.to_owned()),
                    fields: fields.clone(),
                };
                self.send(&mut tx, row.run, letter).await?;
                let action = if decision == Decision::Approved { "approval.approved" } else { "approval.rejected" };
                (Outcome::Ended(state), event(action))
            }
        };
        tx.announce(Topic::Approvals);
        tx.commit(AuditEvents::one(event)).await?;
        Ok(outcome)
    }

    async fn deciders(&self, actor: &Actor) -> Result<Deciders> {
        let policy = self.policy(actor.tenant()).await?;
        let directory = Directory::read(self, actor.tenant()).await?;
        Ok(Deciders { platform: self.clone(), policy, directory, viewer: actor.person() })
    }
}

/// What it takes to say who may decide.
struct Deciders {
    platform: Platform,
    policy: std::sync::Arc<policy::TenantPolicy>,
    directory: Directory,
    viewer: Option<PersonId>,
}

impl Deciders {
    fn may(&self, person: PersonId, request: &ApprovalRequest, starter: PersonId, author: Option<PersonId>) -> Result<(), String> {
        if person == starter {
            return Err("You started this run: somebody else has to decide.".to_owned());
        }
        if Some(person) == author {
            return Err("You wrote this version of the workflow: somebody else has to decide.".to_owned());
        }
        let approvers = &request.approvers;
        let recorded = &self.platform.parts().policies;
        let deciding = Deciding { approvers, policy: &self.policy, recorded, starter: Some(starter), author };
        if self.directory.email(person).is_some_and(|email| deciding.includes(person, email)) {
            return Ok(());
        }
        Err(format!("This is for {} to decide.", approvers_in_words(&request.approvers)))
    }
}

/// Who saved the version that a run pinned.
async fn author_of<'a>(tx: &mut impl database::Reads<'a>, run: RunId) -> Result<Option<PersonId>> {
    let Some(run) = run_rows::load(tx, run).await? else { return Ok(None) };
    Ok(workflows::pinned_version(tx, run.version).await?.and_then(|version| version.facts.saved_by))
}

fn read(row: &ApprovalRow) -> Result<(ApprovalRequest, Coverage)> {
    let unreadable = |error: serde_json::Error| Error::Broken(format!("what {} asked cannot be read: {error}", row.id));
    let request = serde_json::from_value(row.request.clone()).map_err(unreadable)?;
    Ok((request, serde_json::from_value(row.coverage.clone()).map_err(unreadable)?))
}

/// Refuses what has ended, saying how.
fn ended(row: &ApprovalRow) -> Result<()> {
    if row.state == ApprovalState::Pending {
        return Ok(());
    }
    let by = row.ended_by_label.as_deref().filter(|label| !label.is_empty()).map_or_else(String::new, |label| format!(" by {label}"));
    let words = match row.state {
        ApprovalState::Approved => format!("It was approved{by} before."),
        ApprovalState::Rejected => format!("It was rejected{by} before."),
        ApprovalState::Expired => "Its time was over before anybody decided.".to_owned(),
        ApprovalState::Cancelled => "The run was cancelled, so there is nothing to decide.".to_owned(),
        ApprovalState::Voided => "What it was about has changed, so it is void. If it is still wanted, you are asked again.".to_owned(),
        ApprovalState::Escalated | ApprovalState::Pending => "It was handed on.".to_owned(),
    };
    Err(Problem::conflict("approval_ended", format!("{words} Nothing was changed.")).into())
}

const fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
    }
}

fn line(row: ApprovalRow, deciders: &Deciders, author: Option<PersonId>) -> Result<ApprovalLine> {
    let (request, _) = read(&row)?;
    let mine = match deciders.viewer {
        Some(person) => deciders.may(person, &request, row.starter, author),
        None => Err("Only a member can decide.".to_owned()),
    };
    Ok(ApprovalLine {
        id: row.id,
        run: row.run,
        run_number: row.run_number,
        workflow_name: row.workflow_name,
        title: row.title,
        starter: row.starter_label,
        approvers: approvers_in_words(&request.approvers),
        risk: risk(request.risk),
        state: row.state,
        agreed: (row.agreed, row.quorum),
        requested_at: row.requested_at,
        expires_at: row.expires_at,
        goes_on_expired: request.on_expiry == AfterRefusal::Continue,
        ended_at: row.ended_at,
        ended_by: row.ended_by_label.filter(|label| !label.is_empty()),
        mine,
    })
}

/// A value on one line; what is not known yet as its expression.
fn in_line(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) if fields.len() == 1 => match fields.get("$unknown").and_then(Value::as_str) {
            Some(expression) => format!("not known yet: {expression}"),
            None => value.to_string(),
        },
        other => other.to_string(),
    }
}

fn effect(covered: CoveredEffect) -> EffectShown {
    let arguments = &covered.arguments;
    let text = |key: &str| arguments.get(key).map(in_line);
    let mut shown: Vec<(String, String)> = Vec::new();
    let mut list = |fields: Option<&Value>| match fields {
        Some(Value::Object(fields)) if !fields.contains_key("$unknown") => {
            shown.extend(fields.iter().map(|(name, value)| (name.clone(), in_line(value))));
        }
        Some(Value::Array(pairs)) => shown.extend(pairs.iter().filter_map(|pair| Some((in_line(pair.get(0)?), in_line(pair.get(1)?))))),
        Some(other) if !other.is_null() => shown.push(("body".to_owned(), in_line(other))),
        _ => {}
    };
    list(arguments.get("query"));
    match arguments.get("body") {
        Some(Value::Object(body)) => {
            for key in ["json", "form", "text"] {
                list(body.get(key));
            }
        }
        Some(Value::String(_)) | None => {}
        other => list(other),
    }
    EffectShown {
        method: text("method"),
        url: text("url"),
        key: (!covered.idempotency_key.is_null()).then(|| in_line(&covered.idempotency_key)),
        arguments: shown,
        name: covered.name,
        kind: covered.kind,
        hosts: covered.hosts,
        credentials: covered.credentials,
        only_if: covered.only_if,
        unknown: covered.unknown,
    }
}

//! Approvals: listed, shown and decided.

use domain::{
    id::kind,
    permission::{ApprovalApprove, ApprovalRead},
};
use platform::{
    approvals::{ApprovalFilter, ApprovalLine, ApprovalShown, EffectShown, FieldShown, FormKind, Outcome, Said, Say, State, Which},
    runs::Given,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Body, Call, Dollars, IdText, Json, Moment, PageOf, Paging, Path, Query, Result, runs::workflow_id};

/// The names of the two lists, in cursors.
const PENDING: &str = "pending approvals";
const ENDED: &str = "ended approvals";

/// What became of an approval.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ApprovalState")]
pub enum StateJson {
    /// It waits for a decision.
    Pending,
    /// As many agreed as must.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// The run was cancelled before.
    Cancelled,
    /// What was to happen changed; it was asked anew.
    Voided,
    /// Others were asked instead.
    Escalated,
}

/// Which approvals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhichJson {
    /// Those that wait for a decision, the one that expires first in front.
    #[default]
    Pending,
    /// Those that ended, newest first.
    Ended,
    /// Of those that ended, the ones that were approved.
    Approved,
    /// Of those that ended, the ones that were rejected.
    Rejected,
    /// Of those that ended, the ones that nobody decided in time.
    Expired,
    /// Of those that ended, the ones whose run was cancelled.
    Cancelled,
    /// Of those that ended, the ones whose matter has changed.
    Voided,
}

impl From<WhichJson> for Which {
    fn from(which: WhichJson) -> Self {
        match which {
            WhichJson::Pending => Self::Pending,
            WhichJson::Ended => Self::Ended(None),
            WhichJson::Approved => Self::Ended(Some(State::Approved)),
            WhichJson::Rejected => Self::Ended(Some(State::Rejected)),
            WhichJson::Expired => Self::Ended(Some(State::Expired)),
            WhichJson::Cancelled => Self::Ended(Some(State::Cancelled)),
            WhichJson::Voided => Self::Ended(Some(State::Voided)),
        }
    }
}

/// An approval in a list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ApprovalLine")]
pub struct LineJson {
    /// Its id.
    pub id: IdText<kind::Approval>,
    /// Its run.
    pub run: IdText<kind::Run>,
    /// The number of the run.
    pub run_number: i64,
    /// The name of the workflow.
    pub workflow_name: String,
    /// What is asked.
    pub title: String,
    /// Who started the run.
    pub starter: String,
    /// Who is asked, in words.
    pub approvers: String,
    /// How much is at stake: low, medium or high.
    pub risk: String,
    /// What became of it.
    pub state: StateJson,
    /// How many agreed.
    pub agreed: i64,
    /// How many must.
    pub needed: i64,
    /// Since when.
    pub requested_at: Moment,
    /// Until when.
    pub expires_at: Moment,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// Whether the caller may decide it.
    pub is_mine: bool,
    /// Why not, when they may not.
    pub not_mine_because: Option<String>,
}

/// An approval: everything that whoever decides is shown.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Approval")]
pub struct ApprovalJson {
    /// Its line in the list.
    #[serde(flatten)]
    pub line: LineJson,
    /// The workflow's own words.
    pub description: Option<String>,
    /// Labels and values put before the approver.
    pub shows: Vec<LabelledJson>,
    /// The calls that go out after a yes.
    pub effects: Vec<EffectJson>,
    /// What the run has spent, in US dollars.
    pub spent: Dollars,
    /// The most that may be spent after a yes, in US dollars.
    pub ceiling: Dollars,
    /// What exactly is approved, as 64 hexadecimal signs; a decision sends it back.
    pub digest: String,
    /// How often it was asked.
    pub round: i64,
    /// What is to be filled in.
    pub fields: Vec<FieldJson>,
    /// What each said, in order.
    pub decisions: Vec<SaidJson>,
    /// What was written with the end of it.
    pub comment: Option<String>,
}

/// A label and its value.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Labelled")]
pub struct LabelledJson {
    /// The label.
    pub label: String,
    /// The value.
    pub value: String,
}

/// One call that goes out after a yes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Effect")]
pub struct EffectJson {
    /// The name of the step.
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
    pub arguments: Vec<LabelledJson>,
    /// The key under which the other side does it once.
    pub key: Option<String>,
    /// The condition, if it may not run at all.
    pub only_if: Option<String>,
    /// The expressions whose values are not known yet.
    pub unknown: Vec<String>,
}

/// What a field of a form takes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "FormKind")]
pub enum KindJson {
    /// A text on one line.
    String,
    /// A text over several lines.
    Text,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// One of the options.
    Select,
    /// A day such as `2026-11-24`.
    Date,
    /// An e-mail address.
    Email,
    /// An address of the web.
    Url,
}

/// One field of the form that whoever decides fills in.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FormField")]
pub struct FieldJson {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: KindJson,
    /// Its name for people.
    pub label: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether a yes needs it.
    pub required: bool,
    /// What stands in it at first; null is nothing.
    pub value: Value,
    /// What a choice offers.
    pub options: Vec<String>,
}

/// What one of those who decide said.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Decided")]
pub struct SaidJson {
    /// Their e-mail address.
    pub who: String,
    /// approved or rejected.
    pub verdict: String,
    /// What they wrote.
    pub comment: String,
    /// What they filled in, by name.
    pub fields: Map<String, Value>,
    /// When.
    pub at: Moment,
}

/// Which approvals, and which page.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListJson {
    /// Those that wait, or those that ended; the first when left out.
    pub state: Option<WhichJson>,
    /// `true` for those that the caller may decide, of those that wait. They are looked for among 1,000 at a time: a page may be
    /// short, even empty, and have a `next`.
    pub mine: Option<bool>,
    /// Only those of runs of this workflow: the word for it in addresses, or its id, also of one that was removed.
    pub workflow: Option<String>,
    /// Only those of runs that somebody of exactly this name started: the `starter` of an approval.
    #[schemars(length(max = 200))]
    pub starter: Option<String>,
    /// Only those of this run.
    pub run: Option<IdText<kind::Run>>,
    /// Only those with this text in what is asked.
    #[schemars(length(max = 200))]
    pub text: Option<String>,
    /// How many rows at most; 50 when left out.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
    /// What the page before gave as `next`.
    pub cursor: Option<String>,
}

/// Yes or no.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Verdict")]
pub enum VerdictJson {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// A decision.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Decision")]
pub struct DecisionJson {
    /// Yes or no.
    pub decision: VerdictJson,
    /// Why; needed for a no.
    #[serde(default)]
    #[schemars(length(max = 2000))]
    pub comment: String,
    /// The digest of what was shown.
    #[schemars(length(equal = 64))]
    pub digest: String,
    /// What is filled in, by name.
    #[serde(default)]
    pub fields: Map<String, Value>,
}

/// What came of a decision.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DecisionOutcome")]
pub struct OutcomeJson {
    /// What became of the approval; pending while others have to agree too.
    pub state: StateJson,
    /// How many agreed, while others have to agree too.
    pub agreed: Option<i64>,
    /// How many must, while others have to agree too.
    pub needed: Option<i64>,
}

impl From<State> for StateJson {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Approved => Self::Approved,
            State::Rejected => Self::Rejected,
            State::Expired => Self::Expired,
            State::Cancelled => Self::Cancelled,
            State::Voided => Self::Voided,
            State::Escalated => Self::Escalated,
        }
    }
}

impl From<ApprovalLine> for LineJson {
    fn from(line: ApprovalLine) -> Self {
        Self {
            id: IdText(line.id),
            run: IdText(line.run),
            run_number: line.run_number,
            workflow_name: line.workflow_name,
            title: line.title,
            starter: line.starter,
            approvers: line.approvers,
            risk: line.risk.to_owned(),
            state: line.state.into(),
            agreed: line.agreed.0,
            needed: line.agreed.1,
            requested_at: Moment(line.requested_at),
            expires_at: Moment(line.expires_at),
            ended_at: line.ended_at.map(Moment),
            ended_by: line.ended_by,
            is_mine: line.mine.is_ok(),
            not_mine_because: line.mine.err(),
        }
    }
}

fn labelled(pairs: Vec<(String, String)>) -> Vec<LabelledJson> {
    pairs.into_iter().map(|(label, value)| LabelledJson { label, value }).collect()
}

impl From<EffectShown> for EffectJson {
    fn from(effect: EffectShown) -> Self {
        Self {
            name: effect.name,
            kind: effect.kind,
            method: effect.method,
            url: effect.url,
            hosts: effect.hosts,
            credentials: effect.credentials,
            arguments: labelled(effect.arguments),
            key: effect.key,
            only_if: effect.only_if,
            unknown: effect.unknown,
        }
    }
}

impl From<FormKind> for KindJson {
    fn from(kind: FormKind) -> Self {
        match kind {
            FormKind::String => Self::String,
            FormKind::Text => Self::Text,
            FormKind::Number => Self::Number,
            FormKind::Boolean => Self::Boolean,
            FormKind::Select => Self::Select,
            FormKind::Date => Self::Date,
            FormKind::Email => Self::Email,
            FormKind::Url => Self::Url,
        }
    }
}

impl From<FieldShown> for FieldJson {
    fn from(field: FieldShown) -> Self {
        Self {
            name: field.name,
            kind: field.kind.into(),
            label: field.label,
            description: field.description,
            required: field.required,
            value: field.value,
            options: field.options,
        }
    }
}

impl From<Said> for SaidJson {
    fn from(said: Said) -> Self {
        Self {
            who: said.who,
            verdict: said.verdict.to_owned(),
            comment: said.comment,
            fields: said.fields.into_iter().map(|field| (field.name, field.value)).collect(),
            at: Moment(said.at),
        }
    }
}

impl From<ApprovalShown> for ApprovalJson {
    fn from(shown: ApprovalShown) -> Self {
        Self {
            line: shown.line.into(),
            description: shown.description,
            shows: labelled(shown.shows),
            effects: shown.effects.into_iter().map(EffectJson::from).collect(),
            spent: Dollars(shown.spent),
            ceiling: Dollars(shown.ceiling),
            digest: shown.digest,
            round: shown.round,
            fields: shown.fields.into_iter().map(FieldJson::from).collect(),
            decisions: shown.decisions.into_iter().map(SaidJson::from).collect(),
            comment: shown.comment,
        }
    }
}

/// `GET /api/v1/approvals`.
pub(crate) async fn list(call: Call<ApprovalRead>, Query(asked): Query<ListJson>) -> Result<Json<PageOf<LineJson>>> {
    let ListJson { state, mine, workflow, starter, run, text, limit, cursor } = asked;
    let which = Which::from(state.unwrap_or_default());
    let list = if which == Which::Pending { PENDING } else { ENDED };
    let (limit, after) = Paging { limit, cursor }.read(&call, list)?;
    let filter = ApprovalFilter {
        which,
        mine: mine.unwrap_or(false),
        workflow: workflow_id(&call, workflow).await?,
        starter,
        run: run.map(|run| run.0),
        text,
    };
    let page = call.platform().approvals(call.actor(), &filter, after, limit).await?;
    Ok(Json(PageOf::of(&call, list, page, LineJson::from)))
}

/// `GET /api/v1/approvals/{approval}`.
pub(crate) async fn show(call: Call<ApprovalRead>, Path(id): Path<IdText<kind::Approval>>) -> Result<Json<ApprovalJson>> {
    Ok(Json(call.platform().approval(call.actor(), id.0).await?.into()))
}

/// `POST /api/v1/approvals/{approval}/decision`.
pub(crate) async fn decide(
    call: Call<ApprovalApprove>,
    (Path(id), Body(asked)): (Path<IdText<kind::Approval>>, Body<DecisionJson>),
) -> Result<Json<OutcomeJson>> {
    let say = Say {
        approve: matches!(asked.decision, VerdictJson::Approve),
        comment: asked.comment,
        digest: asked.digest,
        fields: Given::Values(asked.fields),
    };
    Ok(Json(match call.platform().decide(call.actor(), id.0, &say).await? {
        Outcome::Counted { agreed, quorum } => OutcomeJson { state: StateJson::Pending, agreed: Some(agreed), needed: Some(quorum) },
        Outcome::Ended(state) => OutcomeJson { state: state.into(), agreed: None, needed: None },
    }))
}

//! The mandate of a workflow, a run or an approval in six lines: for whom it acts, what it may reach, use and spend,
//! whom it must ask, and what is recorded.

use std::collections::{BTreeMap, BTreeSet};

use domain::Money;
use serde_json::{Map, Value};
use workflow::{
    Plan,
    plan::{ApprovalStep, Approver, CredentialPiece, HttpStep, Per, Quorum, Step, StepKind},
};

use crate::budgets::RoomShown;

/// The six lines. What a line says nothing about is empty.
#[derive(Debug, Clone, Default)]
pub struct Mandate {
    /// Acts for: an e-mail address, or words when nobody started it yet.
    pub acts_for: String,
    /// What follows that: roles, and that rights are read again.
    pub acts_for_note: String,
    /// May reach: hosts, or the text of the expression that will name one.
    pub reach: Vec<Reach>,
    /// May use: credentials, each with the hosts it is for in this workflow.
    pub uses: Vec<Use>,
    /// May spend.
    pub spend: Spend,
    /// Must ask.
    pub asks: Vec<Ask>,
    /// Recorded.
    pub recorded: Recorded,
}

/// One place that may be reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    /// `host` or `host:port`, or the text of an expression.
    pub host: String,
    /// Whether it is known yet.
    pub known: bool,
}

/// One credential that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The name after `cred://`.
    pub credential: String,
    /// Towards these hosts.
    pub towards: Vec<String>,
}

/// What may be spent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spend {
    /// The limit of the run, if the workflow gives one.
    pub limit: Option<Money>,
    /// Whether the limit is of each step and not of the run.
    pub each_step: bool,
    /// Spent so far.
    pub spent: Money,
    /// Set aside for what is under way.
    pub held: Money,
    /// The limits of the tenant and of the workflow that hold too, the one with the least left in front; none for one who may
    /// not see them.
    pub shared: Vec<RoomShown>,
}

/// One agreement that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// How many of whom: `1 of role approver`.
    pub who: String,
    /// The name of the step it stands before.
    pub before: String,
    /// Under which condition, as written.
    pub why: String,
}

/// What is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Facts in the journal.
    pub events: i64,
}

/// Who may decide, in words.
pub(crate) fn approvers_in_words(approvers: &[Approver]) -> String {
    let words: Vec<String> = approvers
        .iter()
        .map(|approver| match approver {
            Approver::Role(role) => format!("role {role}"),
            Approver::Email(email) => email.clone(),
            Approver::Anyone => "whoever may approve".to_owned(),
        })
        .collect();
    words.join(" or ")
}

/// Where a step reaches, with the tenant's variables put in where the address begins with one.
pub(crate) fn reach_of(http: &HttpStep, vars: &Map<String, Value>) -> Reach {
    let source = http.url.source();
    let known = |url: &str| {
        let host = crate::execution::host_of(url);
        (!host.is_empty()).then_some(Reach { host, known: true })
    };
    let expanded = source.strip_prefix("{{").and_then(|rest| rest.split_once("}}")).and_then(|(expression, rest)| {
        let value = vars.get(expression.trim().strip_prefix("vars.")?)?.as_str()?;
        Some(format!("{value}{rest}"))
    });
    // What follows the host may be anything: an address is cut before its first expression.
    let address = expanded.as_deref().unwrap_or(source);
    let literal = address.split("{{").next().unwrap_or_default();
    let complete = literal.len() == address.len() || literal.matches('/').count() >= 3;
    if complete { known(literal) } else { None }.unwrap_or_else(|| Reach { host: source.to_owned(), known: false })
}

fn credentials_of(http: &HttpStep) -> impl Iterator<Item = &str> {
    http.headers.iter().flat_map(|(_, pieces)| pieces).filter_map(|piece| match piece {
        CredentialPiece::Credential(name) => Some(name.as_str()),
        CredentialPiece::Text(_) => None,
    })
}

/// The step that an approval stands before: the next one in the file that reaches out.
fn next_effect(plan: &Plan, position: usize) -> String {
    plan.all_steps()
        .skip(position + 1)
        .find(|step| matches!(step.kind, StepKind::Http(_) | StepKind::Model(_)))
        .map_or_else(|| "the end".to_owned(), |step| step.name.clone())
}

/// How many of whom have to agree: `1 of role approver`.
pub(crate) fn who_agrees(approval: &ApprovalStep) -> String {
    let many = match approval.quorum {
        Quorum::Of(number) => number.to_string(),
        Quorum::All => "all".to_owned(),
    };
    format!("{many} of {}", approvers_in_words(&approval.approvers))
}

fn ask_of(plan: &Plan, position: usize, step: &Step) -> Option<Ask> {
    let StepKind::Approval(approval) = &step.kind else { return None };
    Some(Ask {
        who: who_agrees(approval),
        before: next_effect(plan, position),
        why: step.condition.as_ref().map_or_else(|| "always".to_owned(), |condition| condition.source().to_owned()),
    })
}

impl Mandate {
    /// What a plan says, under the tenant's variables.
    pub(crate) fn of_plan(plan: &Plan, vars: &Map<String, Value>) -> Self {
        let mut reach = BTreeSet::new();
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut asks_a_model = false;
        for step in plan.all_steps() {
            match &step.kind {
                StepKind::Http(http) => {
                    let place = reach_of(http, vars);
                    for credential in credentials_of(http) {
                        uses.entry(credential.to_owned()).or_default().insert(place.host.clone());
                    }
                    reach.insert(place);
                }
                StepKind::Model(_) => asks_a_model = true,
                _ => {}
            }
        }
        let mut reach: Vec<Reach> = reach.into_iter().collect();
        if asks_a_model {
            reach.push(Reach { host: "the model provider".to_owned(), known: true });
        }
        Self {
            acts_for: "whoever starts it".to_owned(),
            acts_for_note: "never for more than they may; rights are read again at each step".to_owned(),
            reach,
            uses: uses.into_iter().map(|(credential, towards)| Use { credential, towards: towards.into_iter().collect() }).collect(),
            spend: Spend {
                limit: plan.budget.map(|budget| budget.limit),
                each_step: plan.budget.is_some_and(|budget| budget.per == Per::Step),
                ..Spend::default()
            },
            asks: plan.all_steps().enumerate().filter_map(|(position, step)| ask_of(plan, position, step)).collect(),
            recorded: Recorded::default(),
        }
    }

    /// The same for one run.
    #[must_use]
    pub(crate) fn of_run(mut self, starter: &str, spent: Money, held: Money, events: i64) -> Self {
        starter.clone_into(&mut self.acts_for);
        "rights are read again at each step".clone_into(&mut self.acts_for_note);
        self.spend.spent = spent;
        self.spend.held = held;
        self.recorded.events = events;
        self
    }
}

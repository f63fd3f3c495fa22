//! Steps that have steps inside them, and steps that wait.
//!
//! A *block* is a list of steps inside a step: what an `if` does when it holds, the body of a loop, a branch. Steps of a block run
//! in the order of the file, or by what they say they depend on. Their ids are unique in the whole workflow.
//!
//! Source of the rules: the language reference of the workflow files, the table of steps and the notes below it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Approver, FormField, Step, StepKind, TemplateValue};
use crate::expression::{Expression, Template};

/// `if`: one of two blocks. Its result is the last result of the block that was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IfStep {
    /// Which of the two.
    pub test: Expression,
    /// Taken when it holds.
    pub then: Vec<Step>,
    /// Taken when it does not; may be empty.
    pub otherwise: Vec<Step>,
}

/// `switch`: the block of the case that equals a value. Its result is the last result of the block that was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchStep {
    /// What is compared.
    pub value: Expression,
    /// In the order of the file; the literals differ.
    pub cases: Vec<Case>,
    /// Taken when no case fits; without it nothing is.
    pub default: Option<Vec<Step>>,
}

/// A case of a `switch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the value has to equal.
    pub equals: Value,
    /// What is done then.
    pub steps: Vec<Step>,
}

/// `for_each`: a block for each item of a list. A round has names of its own, which are gone afterwards. Its result is the list of
/// each round's last result, in the order of the items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForEachStep {
    /// The list.
    pub items: Expression,
    /// The name of the item inside.
    pub item: String,
    /// The name of the item's number inside, from 0.
    pub index: Option<String>,
    /// What is done with each.
    pub steps: Vec<Step>,
    /// How many rounds may be under way at a time; at least 1.
    pub concurrency: u32,
    /// After so many items it pauses; `None` is never.
    pub batch_size: Option<u32>,
    /// For how long.
    pub pause: Duration,
}

/// `while`: a block as long as something holds. It shares the names around it. Its result is the last result of the last round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhileStep {
    /// What has to hold for another round.
    pub test: Expression,
    /// When that is asked.
    pub tested: Tested,
    /// How many rounds there are at most; at least 1.
    pub max_iterations: u32,
    /// What happens when another round would be one too many.
    pub at_limit: AtLimit,
    /// What is done in each.
    pub steps: Vec<Step>,
}

/// When a loop looks whether it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tested {
    /// Before every round.
    Before,
    /// Before every round but the first, which is always taken: the `loop` of a graph.
    After,
}

/// What a loop does when it would take a round too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtLimit {
    /// The step fails.
    Fail,
    /// It goes on after the loop, and the run says so.
    Leave,
}

/// `parallel`: several blocks side by side, each with names of its own. Its result is an object of the branches' variables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParallelStep {
    /// In the order of the file; at least one.
    pub branches: Vec<Branch>,
    /// How many may be under way at a time; `None` is all.
    pub max_concurrent: Option<u32>,
    /// What a branch that fails does to the others.
    pub on_failure: BranchFailure,
}

/// A branch of a `parallel`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The name under which its variables are found afterwards.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What is done.
    pub steps: Vec<Step>,
}

/// What a branch that fails does to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BranchFailure {
    /// They are stopped, and the step fails.
    #[default]
    Stop,
    /// They go on; the branch's variables are `{error: {…}}`.
    Continue,
}

/// `try`: a block, what is done when it fails, and what is done in any case. When the block fails, the `compensate` of its completed
/// steps runs in reverse order before `catch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TryStep {
    /// What is tried.
    pub steps: Vec<Step>,
    /// What is done when it fails; it sees `error`. Without it the failure goes on after `finally`.
    pub catch: Option<Vec<Step>>,
    /// What is done in any case; may be empty.
    pub finally: Vec<Step>,
}

/// `wait`: for a while, until a moment, or for something from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum WaitStep {
    /// So long; its value is a length of time such as `5m`, or a number of seconds.
    Duration {
        /// How long.
        duration: TemplateValue,
    },
    /// Until a moment as RFC 3339 writes it.
    Until {
        /// When.
        until: Template,
    },
    /// For a signal of that name; gives what it carries, or null on expiry.
    Signal {
        /// The name.
        signal: Template,
        /// What happens when none comes.
        expiry: Expiry,
    },
    /// For a request to that path; gives its body, or null on expiry.
    Webhook {
        /// The path below the tenant's address for such requests.
        path: Template,
        /// What happens when none comes.
        expiry: Expiry,
    },
    /// For a person to fill in a form; gives its fields, or null on expiry.
    Form {
        /// The fields.
        fields: Vec<FormField>,
        /// Who may fill it in.
        approvers: Vec<Approver>,
        /// What happens when nobody does.
        expiry: Expiry,
    },
}

/// What happens when nothing comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expiry {
    /// How long it is waited for; `None` is for ever, within the time of the run.
    pub after: Option<Duration>,
    /// What then.
    pub then: AfterExpiry,
}

/// What a wait does when its time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterExpiry {
    /// The step fails.
    #[default]
    Stop,
    /// It goes on with null.
    Continue,
}

/// `workflow`: another workflow as a step, with a run of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubWorkflowStep {
    /// Its id, or its path beside this file, beginning with `./`.
    pub workflow: String,
    /// The version that its file names; `None` is the published one.
    pub version: Option<String>,
    /// What it is given.
    pub inputs: Vec<(String, TemplateValue)>,
}

/// A graph's choice of what comes next: its result is the id of the first route that holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteStep {
    /// In the order of the file.
    pub routes: Vec<Route>,
    /// What comes next when none holds.
    pub default: String,
}

/// One way out of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Whether it is taken.
    pub test: Expression,
    /// The node it leads to.
    pub to: String,
}

/// A list of steps inside a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block<'p> {
    /// What it is called, such as `then` or the id of a branch.
    pub label: &'p str,
    /// Its steps.
    pub steps: &'p [Step],
}

/// Which block of a `try` it is.
pub const TRY_BODY: usize = 0;
/// The same.
pub const TRY_CATCH: usize = 1;
/// The same.
pub const TRY_FINALLY: usize = 2;

impl StepKind {
    /// The blocks inside, in the order of the file: an `if` has two, a `switch` one a case and then its default, a `try` three
    /// ([`TRY_BODY`], [`TRY_CATCH`], [`TRY_FINALLY`]), a `parallel` one a branch. Other kinds have none.
    pub fn blocks(&self) -> Vec<Block<'_>> {
        match self {
            Self::If(step) => vec![Block { label: "then", steps: &step.then }, Block { label: "else", steps: &step.otherwise }],
            Self::Switch(step) => {
                let cases = step.cases.iter().map(|case| Block { label: "case", steps: &case.steps });
                cases.chain([Block { label: "default", steps: step.default.as_deref().unwrap_or_default() }]).collect()
            }
            Self::ForEach(step) => vec![Block { label: "each", steps: &step.steps }],
            Self::While(step) => vec![Block { label: "round", steps: &step.steps }],
            Self::Parallel(step) => step.branches.iter().map(|branch| Block { label: &branch.id, steps: &branch.steps }).collect(),
            Self::Try(step) => vec![
                Block { label: "try", steps: &step.steps },
                Block { label: "catch", steps: step.catch.as_deref().unwrap_or_default() },
                Block { label: "finally", steps: &step.finally },
            ],
            _ => Vec::new(),
        }
    }
}

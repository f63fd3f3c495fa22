//! Plans: what a version was compiled to, with its steps, what follows what, and what is read where.

use domain::permission::WorkflowRead;
use platform::workflows::{
    PlanOutline, PlanShown,
    flow::{Edge, EdgeKind, Flow, FlowPlace, FlowStep, OnFailure, Read},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Json, Path, Result, Word,
    values::Number,
    versions::VersionJson,
    workflows::{InputJson, TypeJson},
};

/// What a version was compiled to.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "VersionPlan")]
pub struct VersionPlanJson {
    /// The word for the workflow in addresses.
    pub slug: String,
    /// The version.
    pub version: VersionJson,
    /// Its plan; nothing of a draft with errors.
    pub plan: Option<PlanJson>,
}

/// A plan. Versions with the same hash have the same plan.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Plan")]
pub struct PlanJson {
    /// SHA-256 of what it does, as 64 hexadecimal signs.
    pub hash: String,
    /// What has to be given at a start.
    pub inputs: Vec<InputJson>,
    /// What a completed run gives.
    pub outputs: Vec<PlanOutputJson>,
    /// Every step, in the order of the file, each before those inside it.
    pub steps: Vec<PlanStepJson>,
    /// What follows what.
    pub edges: Vec<PlanEdgeJson>,
}

/// Something that a completed run gives.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PlanOutput")]
pub struct PlanOutputJson {
    /// Its name.
    pub name: String,
    /// Its type, if the file says.
    #[serde(rename = "type")]
    pub kind: Option<TypeJson>,
    /// What it is for.
    pub description: Option<String>,
    /// The names that it reads; empty when a step sets it.
    pub reads: Vec<PlanReadJson>,
}

/// A step of a plan.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PlanStep")]
pub struct PlanStepJson {
    /// Its id, which no other step of the workflow has.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The action (`http.request`) or kind (`approval`), as files write it.
    pub kind: String,
    /// The line of its block in the file, from 1.
    pub line: u32,
    /// What it is inside of; nothing for a step of the workflow itself.
    pub inside: Option<PlanPlaceJson>,
    /// The expression that has to hold for it to run.
    pub condition: Option<String>,
    /// The steps that the file says it depends on; nothing when it says none, so that it follows the one written before it.
    pub depends_on: Option<Vec<String>>,
    /// What follows when it fails for good.
    pub on_error: OnErrorJson,
    /// The names that it reads.
    pub reads: Vec<PlanReadJson>,
    /// The names that it sets, as an expression reads them; outputs as `outputs.name`.
    pub sets: Vec<String>,
}

/// Where a step inside another one stands.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PlanPlace")]
pub struct PlanPlaceJson {
    /// The id of the step around it.
    pub step: String,
    /// What it is to that one.
    #[serde(rename = "as")]
    pub role: PlanRoleJson,
    /// Which of its lists, from 0; nothing for one that stands alone.
    pub list: Option<usize>,
    /// When the list is entered, or what it is called; empty when it always is.
    pub label: String,
}

/// What a step is to the one around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PlanRole")]
pub enum PlanRoleJson {
    /// A step of one of its lists.
    Block,
    /// What takes it back.
    Compensation,
    /// What is taken in its stead when it fails.
    Fallback,
}

/// What follows when a step fails for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PlanOnError")]
pub enum OnErrorJson {
    /// What is around it fails too.
    Stop,
    /// It is gone on past it.
    Continue,
    /// Another step is taken in its stead.
    Instead,
    /// What was completed is taken back.
    Rollback,
    /// It depends on how it failed.
    ByCode,
}

/// A name that is read.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PlanRead")]
pub struct PlanReadJson {
    /// As it is written, up to an index or a filter.
    pub name: String,
    /// The ids of the steps that may have given it; empty for what no step gives.
    pub from: Vec<String>,
}

/// What one step has to do with another.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PlanEdge")]
pub struct PlanEdgeJson {
    /// The id of the step it comes from; nothing is the start of the run.
    pub from: Option<String>,
    /// The id of the step it leads to; nothing is the end of the run.
    pub to: Option<String>,
    /// What it means.
    pub kind: PlanEdgeKindJson,
    /// When it is taken; empty when it always is.
    pub label: String,
}

/// What an edge means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PlanEdgeKind")]
pub enum PlanEdgeKindJson {
    /// The one begins when the other is over.
    Order,
    /// Into a list of a step, or the way that is chosen.
    Branch,
    /// Back to the beginning, for another round.
    Back,
    /// Taken on a failure.
    Failure,
    /// Takes back what was completed.
    Compensation,
}

impl From<PlanShown> for VersionPlanJson {
    fn from(shown: PlanShown) -> Self {
        let hash = shown.version.plan_hash.clone().unwrap_or_default();
        Self { slug: shown.slug, version: shown.version.into(), plan: shown.plan.map(|plan| plan_json(hash, plan)) }
    }
}

fn plan_json(hash: String, plan: PlanOutline) -> PlanJson {
    let PlanOutline { inputs, outputs, flow } = plan;
    let id = |number: usize| flow.steps.get(number).map(|step| step.id.clone());
    let edge = |edge: &Edge| PlanEdgeJson {
        from: edge.from.and_then(id),
        to: edge.to.and_then(id),
        kind: edge.kind.into(),
        label: edge.label.clone(),
    };
    let output = |(output, read): (platform::workflows::OutputShown, &platform::workflows::flow::FlowOutput)| PlanOutputJson {
        name: output.name,
        kind: output.kind.map(TypeJson::from),
        description: output.description,
        reads: reads(&flow, &read.reads),
    };
    PlanJson {
        hash,
        inputs: inputs.into_iter().map(InputJson::from).collect(),
        outputs: outputs.into_iter().zip(&flow.outputs).map(output).collect(),
        steps: flow.steps.iter().map(|step| step_json(&flow, step)).collect(),
        edges: flow.edges.iter().map(edge).collect(),
    }
}

fn step_json(flow: &Flow, step: &FlowStep) -> PlanStepJson {
    PlanStepJson {
        id: step.id.clone(),
        name: step.name.clone(),
        kind: step.kind.to_owned(),
        line: step.line,
        inside: place(flow, step.place),
        condition: step.condition.clone(),
        depends_on: step.depends_on.clone(),
        on_error: match step.on_error {
            OnFailure::Stop => OnErrorJson::Stop,
            OnFailure::Continue => OnErrorJson::Continue,
            OnFailure::Instead => OnErrorJson::Instead,
            OnFailure::Rollback => OnErrorJson::Rollback,
            OnFailure::ByCode => OnErrorJson::ByCode,
        },
        reads: reads(flow, &step.reads),
        sets: step.sets.clone(),
    }
}

fn place(flow: &Flow, place: FlowPlace) -> Option<PlanPlaceJson> {
    let (of, role, list) = match place {
        FlowPlace::Root => return None,
        FlowPlace::Block { of, block } => (of, PlanRoleJson::Block, Some(block)),
        FlowPlace::Compensation { of } => (of, PlanRoleJson::Compensation, None),
        FlowPlace::Fallback { of } => (of, PlanRoleJson::Fallback, None),
    };
    let around = flow.steps.get(of)?;
    let label = list.and_then(|list| around.blocks.get(list)).map(|block| block.label.clone()).unwrap_or_default();
    Some(PlanPlaceJson { step: around.id.clone(), role, list, label })
}

fn reads(flow: &Flow, reads: &[Read]) -> Vec<PlanReadJson> {
    let giver = |from: &usize| flow.steps.get(*from).map(|step| step.id.clone());
    reads.iter().map(|read| PlanReadJson { name: read.name.clone(), from: read.from.iter().filter_map(giver).collect() }).collect()
}

impl From<EdgeKind> for PlanEdgeKindJson {
    fn from(kind: EdgeKind) -> Self {
        match kind {
            EdgeKind::Order => Self::Order,
            EdgeKind::Branch => Self::Branch,
            EdgeKind::Back => Self::Back,
            EdgeKind::Failure => Self::Failure,
            EdgeKind::Compensation => Self::Compensation,
        }
    }
}

/// `GET /api/v1/workflows/{workflow}/plan`: of the version that a start takes.
pub(crate) async fn current(call: Call<WorkflowRead>, Path(slug): Path<Word>) -> Result<Json<VersionPlanJson>> {
    Ok(Json(call.platform().workflow_plan(call.actor(), &slug.0, None).await?.into()))
}

/// `GET /api/v1/workflows/{workflow}/versions/{number}/plan`.
pub(crate) async fn of_version(call: Call<WorkflowRead>, Path((slug, number)): Path<(Word, Number)>) -> Result<Json<VersionPlanJson>> {
    Ok(Json(call.platform().workflow_plan(call.actor(), &slug.0, Some(number.0)).await?.into()))
}

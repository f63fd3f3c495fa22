//! The plan of a version: its picture, and its steps in words, with what follows what and what is read of whom. What is on the
//! picture stands in `picture`, where on it in `layout`.

mod layout;
mod picture;

use askama::Template;
use domain::permission::WorkflowRead;
use platform::workflows::{
    PlanOutline, PlanShown,
    flow::{Edge, EdgeKind, Flow, FlowPlace, FlowStep, OnFailure, Read},
};

use super::versions::{self, VersionRow};
use crate::{
    page::Page,
    route::{Answer, Grant, Path},
    text, view,
};
use picture::{Picture, href, name};

/// Above so many steps the picture is shown only when it is asked for: the list says the same.
const MANY: usize = 300;
/// The deepest step that is set in further than those around it.
const DEEPEST: usize = 6;

#[derive(Template)]
#[template(path = "workflows/plan.html")]
struct PlanView {
    page: Page,
    list_href: String,
    href: String,
    versions_href: String,
    name: String,
    version: VersionRow,
    plan: Option<PlanLines>,
}

/// A plan in picture and words.
struct PlanLines {
    picture: Picture,
    is_open: bool,
    steps: Vec<StepLine>,
    outputs: Vec<OutputLine>,
}

/// A step in words.
struct StepLine {
    id: String,
    number: usize,
    name: String,
    what: String,
    depth: usize,
    condition: String,
    on_error: &'static str,
    /// What it comes after, and when.
    comes: Vec<WayLine>,
    reads: Vec<ReadLine>,
    sets: Vec<String>,
}

/// How a step is come to.
struct WayLine {
    word: &'static str,
    /// The other step; empty for the start.
    href: String,
    name: String,
    label: String,
}

/// A name that is read, with the steps that give it: their addresses and names.
struct ReadLine {
    name: String,
    from: Vec<(String, String)>,
}

struct OutputLine {
    name: String,
    reads: Vec<ReadLine>,
}

/// `GET /t/{slug}/workflows/{workflow}/plan`: of the version that a start takes.
pub(crate) async fn current(grant: Grant<WorkflowRead>, Path(slug): Path<String>) -> Answer {
    page(&grant, grant.platform().workflow_plan(grant.actor(), &slug, None).await?).await
}

/// `GET /t/{slug}/workflows/{workflow}/versions/{number}/plan`.
pub(crate) async fn of_version(grant: Grant<WorkflowRead>, Path((slug, number)): Path<(String, i64)>) -> Answer {
    page(&grant, grant.platform().workflow_plan(grant.actor(), &slug, Some(number)).await?).await
}

async fn page(grant: &Grant<WorkflowRead>, shown: PlanShown) -> Answer {
    let PlanShown { slug, name, version, plan } = shown;
    let href = grant.path(&format!("/workflows/{slug}"));
    view::html(&PlanView {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        versions_href: format!("{href}/versions"),
        href,
        name: text::in_line(&name),
        version: versions::row(grant, &slug, version),
        plan: plan.as_ref().map(PlanLines::of),
    })
}

impl PlanLines {
    fn of(plan: &PlanOutline) -> Self {
        let flow = &plan.flow;
        Self {
            picture: Picture::of(flow),
            is_open: flow.steps.len() <= MANY,
            steps: flow.steps.iter().enumerate().map(|(number, step)| step_line(flow, number, step)).collect(),
            outputs: flow
                .outputs
                .iter()
                .map(|output| OutputLine { name: text::in_line(&output.name), reads: read_lines(flow, &output.reads) })
                .collect(),
        }
    }
}

fn step_line(flow: &Flow, number: usize, step: &FlowStep) -> StepLine {
    let comes = flow.edges.iter().filter(|edge| edge.to == Some(number)).map(|edge| way_line(flow, step, edge)).collect();
    StepLine {
        id: format!("step-{}", step.id),
        number: number + 1,
        name: name(step),
        what: format!("{} · line {}", step.kind, step.line),
        depth: step.depth.min(DEEPEST),
        condition: step.condition.as_deref().map(text::in_line).unwrap_or_default(),
        on_error: match step.on_error {
            OnFailure::Stop => "",
            OnFailure::Continue => "goes on when it fails",
            OnFailure::Instead => "another step is taken when it fails",
            OnFailure::Rollback => "what was done is taken back when it fails",
            OnFailure::ByCode => "what follows a failure depends on it",
        },
        comes,
        reads: read_lines(flow, &step.reads),
        sets: step.sets.iter().map(|name| text::in_line(name)).collect(),
    }
}

fn way_line(flow: &Flow, step: &FlowStep, edge: &Edge) -> WayLine {
    let from = edge.from.and_then(|from| flow.steps.get(from));
    let word = match (edge.kind, from) {
        (_, None) => "At the start",
        (EdgeKind::Order, _) => "After",
        (EdgeKind::Back, _) => "Again after",
        (EdgeKind::Compensation, _) => "Takes back",
        (EdgeKind::Failure, _) if matches!(step.place, FlowPlace::Fallback { .. }) => "Instead of",
        (EdgeKind::Branch | EdgeKind::Failure, _) => "From",
    };
    // What its word says already is not said again.
    let is_said = matches!(edge.kind, EdgeKind::Compensation | EdgeKind::Back);
    WayLine {
        word,
        href: from.map(href).unwrap_or_default(),
        name: from.map(name).unwrap_or_default(),
        label: if is_said { String::new() } else { text::in_line(&edge.label) },
    }
}

fn read_lines(flow: &Flow, reads: &[Read]) -> Vec<ReadLine> {
    let giver = |from: &usize| flow.steps.get(*from).map(|step| (href(step), name(step)));
    reads.iter().map(|read| ReadLine { name: text::in_line(&read.name), from: read.from.iter().filter_map(giver).collect() }).collect()
}

//! How a plan goes, to be shown: its steps, what follows what and when, and which step reads what of which. Pure description;
//! where things stand on a picture is decided elsewhere.
//!
//! A new kind of step that has steps inside is taught in [`blocks`]; everything else comes from the [`Tree`] and from
//! [`Step::names`](crate::plan::Step::names).

mod reads;

use std::collections::HashSet;

use crate::plan::{
    OnError, Plan, Step, StepKind, SwitchStep, TRY_CATCH, TRY_FINALLY, Tested,
    tree::{Node, NodeId, Place, Tree},
};

/// What a way is called that is taken when no other one is.
const OTHERWISE: &str = "otherwise";

/// How a plan goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    /// All steps in the order of the file, each before those inside it. Numbers below are positions in this list.
    pub steps: Vec<FlowStep>,
    /// The steps of the workflow itself.
    pub root: Vec<usize>,
    /// What follows what.
    pub edges: Vec<Edge>,
    /// What a completed run gives, in the order of the file.
    pub outputs: Vec<FlowOutput>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowStep {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The action (`http.request`) or kind (`approval`), as files write it.
    pub kind: &'static str,
    /// The line of its block in the file, from 1.
    pub line: u32,
    /// Where it stands.
    pub place: FlowPlace,
    /// How many steps are around it.
    pub depth: usize,
    /// The expression that has to hold for it to run.
    pub condition: Option<String>,
    /// The steps of the same list that have to be over before it, as the file names them; `None` when it says nothing, which is the
    /// one written before it.
    pub depends_on: Option<Vec<String>>,
    /// What follows when it fails for good.
    pub on_error: OnFailure,
    /// Its lists of steps, those that are empty left out.
    pub blocks: Vec<FlowBlock>,
    /// What takes it back, and what is taken in its stead.
    pub beside: Vec<usize>,
    /// The names it reads, sorted.
    pub reads: Vec<Read>,
    /// The names it sets, as an expression would read them.
    pub sets: Vec<String>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowPlace {
    /// In the workflow itself.
    Root,
    /// In a list of another step.
    Block {
        /// That step.
        of: usize,
        /// Which of the lists that it has here.
        block: usize,
    },
    /// It takes another step back.
    Compensation {
        /// That step.
        of: usize,
    },
    /// It is taken in another step's stead.
    Fallback {
        /// That step.
        of: usize,
    },
}

/// A list of steps inside a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowBlock {
    /// How it is entered: [`EdgeKind::Branch`] or [`EdgeKind::Failure`].
    pub kind: EdgeKind,
    /// When it is entered, such as `if total > 1000` or `otherwise`; what a branch is called; empty when always.
    pub label: String,
    /// Its steps.
    pub steps: Vec<usize>,
    /// Whether it is entered again after it.
    pub repeats: bool,
}

/// What follows when a step fails for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
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

/// What one step has to do with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Where it comes from; `None` is the start of the run.
    pub from: Option<usize>,
    /// Where it leads; `None` is the end of the run.
    pub to: Option<usize>,
    /// What it means.
    pub kind: EdgeKind,
    /// When it is taken, such as `if total > 1000`; empty when always.
    pub label: String,
}

/// What an edge means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// The one begins when the other is over.
    Order,
    /// Into a list of a step, or the way that a route takes.
    Branch,
    /// Back to the beginning, for another round.
    Back,
    /// Taken on a failure.
    Failure,
    /// Takes back what was completed.
    Compensation,
}

/// A name that is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// As it is written, such as `invoice.total` or `inputs.invoice_id`; what comes after an index or a filter left out.
    pub name: String,
    /// The steps that may have given it; nothing for what no step gives.
    pub from: Vec<usize>,
}

/// Something that a completed run gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowOutput {
    /// Its name.
    pub name: String,
    /// The names that its value reads, sorted. Nothing when a step sets it.
    pub reads: Vec<Read>,
}

impl Flow {
    /// How a plan goes.
    pub fn of(plan: &Plan) -> Self {
        let tree = Tree::of(plan);
        let sources = reads::Sources::of(&tree);
        let mut steps: Vec<FlowStep> = tree.nodes().map(|(number, node)| step(&tree, &sources, number, node)).collect();
        for number in 0..steps.len() {
            if let Some(FlowPlace::Compensation { of } | FlowPlace::Fallback { of }) = steps.get(number).map(|step| step.place)
                && let Some(owner) = steps.get_mut(of)
            {
                owner.beside.push(number);
            }
        }
        let outputs = plan.outputs.iter().map(|output| FlowOutput { name: output.name.clone(), reads: sources.read(output.names(), None) });
        let mut flow = Self { root: tree.root().to_vec(), outputs: outputs.collect(), edges: Vec::new(), steps };
        flow.edges = edges(&tree, &flow);
        flow
    }
}

fn step(tree: &Tree<'_>, sources: &reads::Sources<'_>, number: NodeId, node: &Node<'_>) -> FlowStep {
    let step = node.step;
    FlowStep {
        id: step.id.clone(),
        name: step.name.clone(),
        kind: step.kind.name(),
        line: step.line,
        place: place(tree, node.place),
        depth: node.depth,
        condition: step.condition.as_ref().map(|condition| condition.source().to_owned()),
        depends_on: step.depends_on.clone(),
        on_error: on_failure(&step.on_error),
        blocks: blocks(node),
        beside: Vec::new(),
        reads: sources.read(step.names(), Some(number)),
        sets: reads::sets(step),
    }
}

fn place(tree: &Tree<'_>, place: Place) -> FlowPlace {
    match place {
        Place::Root => FlowPlace::Root,
        Place::Block { of, block } => {
            // Lists that are empty are left out, so those behind them move up.
            let before = tree.get(of).map_or(0, |of| of.blocks.iter().take(block).filter(|list| !list.is_empty()).count());
            FlowPlace::Block { of, block: before }
        }
        Place::Compensation { of } => FlowPlace::Compensation { of },
        Place::Fallback { of } => FlowPlace::Fallback { of },
    }
}

const fn on_failure(policy: &OnError) -> OnFailure {
    match policy {
        OnError::Stop => OnFailure::Stop,
        OnError::Continue { .. } => OnFailure::Continue,
        OnError::Instead(_) => OnFailure::Instead,
        OnError::Rollback => OnFailure::Rollback,
        OnError::ByCode { .. } => OnFailure::ByCode,
    }
}

/// When a list of a step is entered.
fn entered(kind: &StepKind, block: usize) -> (EdgeKind, String) {
    let branch = |label: String| (EdgeKind::Branch, label);
    match kind {
        StepKind::If(step) if block == 0 => branch(format!("if {}", step.test)),
        StepKind::If(_) => branch(OTHERWISE.to_owned()),
        StepKind::Switch(SwitchStep { value, cases, .. }) => {
            branch(cases.get(block).map_or_else(|| OTHERWISE.to_owned(), |case| format!("if {value} == {}", case.equals)))
        }
        StepKind::ForEach(step) => branch(format!("for each {} of {}", step.item, step.items)),
        StepKind::While(step) if step.tested == Tested::After => branch(format!("once, then while {}", step.test)),
        StepKind::While(step) => branch(format!("while {}", step.test)),
        StepKind::Parallel(step) => branch(step.branches.get(block).map(|branch| branch.name.clone()).unwrap_or_default()),
        StepKind::Try(_) if block == TRY_CATCH => (EdgeKind::Failure, "if it fails".to_owned()),
        StepKind::Try(_) if block == TRY_FINALLY => branch("in any case, at last".to_owned()),
        _ => branch(String::new()),
    }
}

fn blocks(node: &Node<'_>) -> Vec<FlowBlock> {
    let repeats = matches!(node.step.kind, StepKind::ForEach(_) | StepKind::While(_));
    let block = |(number, steps): (usize, &Vec<NodeId>)| {
        let (kind, label) = entered(&node.step.kind, number);
        FlowBlock { kind, label, steps: steps.clone(), repeats }
    };
    node.blocks.iter().enumerate().filter(|(_, steps)| !steps.is_empty()).map(block).collect()
}

/// What follows what: list by list, what leads to the end of the run last.
fn edges(tree: &Tree<'_>, flow: &Flow) -> Vec<Edge> {
    let mut edges = Vec::new();
    list(tree, &flow.root, (None, EdgeKind::Order, ""), &mut edges);
    for (number, step) in flow.steps.iter().enumerate() {
        for block in &step.blocks {
            list(tree, &block.steps, (Some(number), block.kind, &block.label), &mut edges);
            if block.repeats {
                let again = |from| Edge { from: Some(from), to: Some(number), kind: EdgeKind::Back, label: "next round".to_owned() };
                edges.extend(last(tree, &block.steps).map(again));
            }
        }
        for beside in &step.beside {
            let (kind, label) = match flow.steps.get(*beside).map(|step| step.place) {
                Some(FlowPlace::Compensation { .. }) => (EdgeKind::Compensation, "takes it back".to_owned()),
                _ => (EdgeKind::Failure, when_it_fails(tree, number, *beside)),
            };
            edges.push(Edge { from: Some(number), to: Some(*beside), kind, label });
        }
    }
    // A route may lead to the end of the run and to steps that follow.
    let over: HashSet<NodeId> = last(tree, &flow.root).collect();
    edges.extend(flow.root.iter().filter_map(|from| {
        let way = way(tree, *from, |to| tree.find(to).is_none());
        let (kind, label) = way.map_or((EdgeKind::Order, String::new()), |label| (EdgeKind::Branch, label));
        (kind == EdgeKind::Branch || over.contains(from)).then_some(Edge { from: Some(*from), to: None, kind, label })
    }));
    edges
}

/// The edges within a list, and those by which it is entered.
fn list(tree: &Tree<'_>, steps: &[NodeId], (from, kind, label): (Option<usize>, EdgeKind, &str), edges: &mut Vec<Edge>) {
    for (to, node) in steps.iter().filter_map(|number| Some((*number, tree.get(*number)?))) {
        if node.waits_for.is_empty() {
            edges.push(Edge { from, to: Some(to), kind, label: label.to_owned() });
        }
        for from in node.waits_for.iter().copied() {
            // The node of a graph stands in a step of its own when it loops.
            let is_meant = |id: &str| tree.find(id).is_some_and(|meant| tree.lineage(meant).contains(&to));
            edges.push(match way(tree, from, is_meant) {
                Some(label) => Edge { from: Some(from), to: Some(to), kind: EdgeKind::Branch, label },
                None => Edge { from: Some(from), to: Some(to), kind: EdgeKind::Order, label: String::new() },
            });
        }
    }
}

/// The steps of a list that no other one waits for.
fn last<'t>(tree: &'t Tree<'_>, steps: &'t [NodeId]) -> impl Iterator<Item = NodeId> + use<'t> {
    let waited: HashSet<NodeId> = steps.iter().filter_map(|number| tree.get(*number)).flat_map(|node| node.waits_for.clone()).collect();
    steps.iter().copied().filter(move |number| !waited.contains(number))
}

/// When a step that chooses leads to what is meant; `None` when it does not, or does not choose.
fn way(tree: &Tree<'_>, from: NodeId, is_meant: impl Fn(&str) -> bool) -> Option<String> {
    let Some(StepKind::Route(step)) = tree.step(from).map(|step| &step.kind) else { return None };
    let routes = step.routes.iter().filter(|route| is_meant(&route.to)).map(|route| format!("if {}", route.test));
    let default = is_meant(&step.default).then(|| OTHERWISE.to_owned());
    let ways: Vec<String> = routes.chain(default).collect();
    (!ways.is_empty()).then(|| ways.join(", or "))
}

/// With which failures a step is taken in another one's stead.
fn when_it_fails(tree: &Tree<'_>, of: NodeId, instead: NodeId) -> String {
    fn codes(policy: &OnError, instead: &Step) -> Option<String> {
        let OnError::ByCode { cases, .. } = policy else { return None };
        let case = cases.iter().find(|(_, policy)| matches!(policy, OnError::Instead(step) if step.id == instead.id));
        case.map(|(codes, _)| codes.join(" or "))
    }
    match tree.step(of).zip(tree.step(instead)).and_then(|(of, instead)| codes(&of.on_error, instead)) {
        Some(codes) => format!("if it fails with {codes}"),
        None => "if it fails".to_owned(),
    }
}

//! The steps of a plan as a tree: where each stands, and what comes before it.
//!
//! A step of a run is named by its *path*: its id, behind the rounds of the loops around it. `pay` is a step of the workflow itself or of
//! a block that is entered once, `each[3]/pay` the same step in the fourth round of the loop `each`, `outer[0]/inner[2]/pay` one in
//! two loops. Ids are unique in the whole workflow, so nothing else is needed to tell two steps of a run apart. What stands before the
//! id is the path's *prefix*.

use std::collections::{HashMap, HashSet};

use super::{Plan, Step, StepKind};

/// The number of a step in the tree: in the order of the file, a step before those inside it.
pub type NodeId = usize;

/// A plan's steps and how they stand to each other.
#[derive(Debug)]
pub struct Tree<'p> {
    nodes: Vec<Node<'p>>,
    root: Vec<NodeId>,
    by_id: HashMap<&'p str, NodeId>,
}

/// One step in the tree.
#[derive(Debug)]
pub struct Node<'p> {
    /// The step.
    pub step: &'p Step,
    /// Where it stands.
    pub place: Place,
    /// Its position in its list, from 0.
    pub index: usize,
    /// How many steps are around it.
    pub depth: usize,
    /// Its blocks, as lists of nodes.
    pub blocks: Vec<Vec<NodeId>>,
    /// The steps of the same list that have to be over before this one may begin: the one before it, or those it depends on.
    pub waits_for: Vec<NodeId>,
    /// What takes it back.
    pub compensation: Option<NodeId>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the workflow itself.
    Root,
    /// In a block of another step.
    Block {
        /// That step.
        of: NodeId,
        /// Which of its blocks.
        block: usize,
    },
    /// It takes another step back.
    Compensation {
        /// That step.
        of: NodeId,
    },
    /// It is taken when another step fails.
    Fallback {
        /// That step.
        of: NodeId,
    },
}

impl Place {
    /// The step around it.
    pub const fn container(self) -> Option<NodeId> {
        match self {
            Self::Root => None,
            Self::Block { of, .. } | Self::Compensation { of } | Self::Fallback { of } => Some(of),
        }
    }
}

/// A step of a run: which step of the plan, and in which rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The step.
    pub node: NodeId,
    /// The rounds around it, such as `each[3]/`; empty outside of loops.
    pub prefix: String,
}

/// The prefix of what is inside one round of a loop with that path.
pub fn round_prefix(path: &str, round: u32) -> String {
    format!("{path}[{round}]/")
}

/// The id at the end of a path.
pub fn id_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, id)| id)
}

/// What stands before the id of a path.
pub fn prefix_of(path: &str) -> &str {
    path.rfind('/').and_then(|end| path.get(..=end)).unwrap_or_default()
}

/// A prefix without its last round, and that round's number.
pub fn outside(prefix: &str) -> Option<(&str, u32)> {
    let inner = prefix.strip_suffix("]/")?;
    let (path, round) = inner.rsplit_once('[')?;
    Some((prefix_of(path), round.parse().ok()?))
}

impl<'p> Tree<'p> {
    /// The tree of a plan.
    pub fn of(plan: &'p Plan) -> Self {
        let mut tree = Self { nodes: Vec::with_capacity(plan.steps.len()), root: Vec::new(), by_id: HashMap::new() };
        tree.root = tree.list(&plan.steps, Place::Root, 0);
        for node in 0..tree.nodes.len() {
            let before = tree.dependencies(node);
            if let Some(node) = tree.nodes.get_mut(node) {
                node.waits_for = before;
            }
        }
        tree
    }

    fn dependencies(&self, node: NodeId) -> Vec<NodeId> {
        let Some(this) = self.nodes.get(node) else { return Vec::new() };
        match &this.step.depends_on {
            // What is not in the same list is refused by the parser.
            Some(ids) => ids.iter().filter_map(|id| self.find(id)).filter(|other| self.place(*other) == Some(this.place)).collect(),
            None => this.index.checked_sub(1).and_then(|before| self.siblings(node).get(before)).copied().into_iter().collect(),
        }
    }

    fn place(&self, node: NodeId) -> Option<Place> {
        self.nodes.get(node).map(|node| node.place)
    }

    fn list(&mut self, steps: &'p [Step], place: Place, depth: usize) -> Vec<NodeId> {
        steps.iter().enumerate().map(|(index, step)| self.node(step, place, index, depth)).collect()
    }

    fn node(&mut self, step: &'p Step, place: Place, index: usize, depth: usize) -> NodeId {
        let id = self.nodes.len();
        self.nodes.push(Node { step, place, index, depth, blocks: Vec::new(), waits_for: Vec::new(), compensation: None });
        self.by_id.entry(&step.id).or_insert(id);
        let blocks: Vec<Vec<NodeId>> = step
            .kind
            .blocks()
            .into_iter()
            .enumerate()
            .map(|(block, inside)| self.list(inside.steps, Place::Block { of: id, block }, depth + 1))
            .collect();
        let compensation = step.compensate.as_deref().map(|inside| self.node(inside, Place::Compensation { of: id }, 0, depth + 1));
        for inside in step.on_error.fallbacks() {
            self.node(inside, Place::Fallback { of: id }, 0, depth + 1);
        }
        if let Some(node) = self.nodes.get_mut(id) {
            node.blocks = blocks;
            node.compensation = compensation;
        }
        id
    }

    /// All nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node<'p>)> {
        self.nodes.iter().enumerate()
    }

    /// The steps of the workflow itself.
    pub fn root(&self) -> &[NodeId] {
        &self.root
    }

    /// A node by its number, which must be one of this tree.
    pub fn get(&self, node: NodeId) -> Option<&Node<'p>> {
        self.nodes.get(node)
    }

    /// The step of a node.
    pub fn step(&self, node: NodeId) -> Option<&'p Step> {
        self.nodes.get(node).map(|node| node.step)
    }

    /// The step with that id.
    pub fn find(&self, id: &str) -> Option<NodeId> {
        self.by_id.get(id).copied()
    }

    /// The step that a path names. Its prefix is taken as it is.
    pub fn at(&self, path: &str) -> Option<At> {
        Some(At { node: self.find(id_of(path))?, prefix: prefix_of(path).to_owned() })
    }

    /// The path of a step of a run.
    pub fn path(&self, at: &At) -> String {
        let id = self.step(at.node).map_or("", |step| step.id.as_str());
        format!("{}{id}", at.prefix)
    }

    /// The list that a step stands in; a compensation and a fallback stand alone.
    pub fn siblings(&self, node: NodeId) -> &[NodeId] {
        match self.place(node) {
            Some(Place::Root) => &self.root,
            Some(Place::Block { of, block }) => self.nodes.get(of).and_then(|of| of.blocks.get(block)).map_or(&[], Vec::as_slice),
            _ => &[],
        }
    }

    /// The step around one of a run, and which round of it that is when it is a loop.
    pub fn around(&self, at: &At) -> Option<(At, Option<u32>)> {
        let container = self.nodes.get(at.node)?.place.container()?;
        if self.is_loop(container) && matches!(self.place(at.node)?, Place::Block { .. }) {
            let (prefix, round) = outside(&at.prefix)?;
            return Some((At { node: container, prefix: prefix.to_owned() }, Some(round)));
        }
        Some((At { node: container, prefix: at.prefix.clone() }, None))
    }

    /// Whether a step's block is entered more than once.
    pub fn is_loop(&self, node: NodeId) -> bool {
        matches!(self.step(node).map(|step| &step.kind), Some(StepKind::ForEach(_) | StepKind::While(_)))
    }

    /// Whether what is inside a block has names of its own, gone or put away afterwards.
    pub fn has_names_of_its_own(&self, node: NodeId) -> bool {
        matches!(self.step(node).map(|step| &step.kind), Some(StepKind::ForEach(_) | StepKind::Parallel(_)))
    }

    /// The block with names of its own that a step stands in: the innermost one. `None` is the workflow itself.
    pub fn scope_of(&self, node: NodeId) -> Option<(NodeId, usize)> {
        self.scopes(node).into_iter().next()
    }

    /// All blocks with names of their own around a step, the innermost first.
    pub fn scopes(&self, node: NodeId) -> Vec<(NodeId, usize)> {
        self.blocks_around(node).into_iter().filter(|(of, _)| self.has_names_of_its_own(*of)).collect()
    }

    /// All blocks around a step, as the steps that have them and which of theirs they are, the innermost first.
    pub fn blocks_around(&self, node: NodeId) -> Vec<(NodeId, usize)> {
        let mut all = Vec::new();
        let mut at = node;
        while let Some(place) = self.place(at) {
            let Some(of) = place.container() else { break };
            if let Place::Block { block, .. } = place {
                all.push((of, block));
            }
            at = of;
        }
        all
    }

    /// Whether a step is over before another one acts: what takes a step back comes after it.
    pub fn is_over_before(&self, node: NodeId, other: NodeId) -> bool {
        match self.order(node, other) {
            Order::Before => true,
            Order::Around => self.lineage(other).iter().any(|inside| self.place(*inside) == Some(Place::Compensation { of: node })),
            _ => false,
        }
    }

    /// The steps around a step, the outermost first, itself last.
    pub fn lineage(&self, node: NodeId) -> Vec<NodeId> {
        let mut line = vec![node];
        let mut at = node;
        while let Some(container) = self.nodes.get(at).and_then(|node| node.place.container()) {
            line.push(container);
            at = container;
        }
        line.reverse();
        line
    }

    /// Whether a list is ordered by what its steps depend on.
    pub fn is_graph(&self, list: &[NodeId]) -> bool {
        list.iter().any(|node| self.step(*node).is_some_and(|step| step.depends_on.is_some()))
    }

    /// Whether one step of a list is over, whatever happens, before another of the same list begins.
    pub fn comes_before(&self, first: NodeId, second: NodeId) -> bool {
        let siblings = self.siblings(second);
        if !self.is_graph(siblings) {
            let index = |node: NodeId| self.nodes.get(node).map(|node| node.index);
            return index(first) < index(second);
        }
        let before = |node: NodeId| self.nodes.get(node).map_or(&[][..], |node| &node.waits_for);
        let mut open = before(second).to_vec();
        let mut seen = HashSet::new();
        while let Some(node) = open.pop() {
            if node == first {
                return true;
            }
            if seen.insert(node) {
                open.extend(before(node));
            }
        }
        false
    }

    /// How one step stands to another.
    pub fn order(&self, first: NodeId, second: NodeId) -> Order {
        if first == second {
            return Order::Same;
        }
        let (one, two) = (self.lineage(first), self.lineage(second));
        let shared = one.iter().zip(&two).take_while(|(one, two)| one == two).count();
        let (a, b) = match (one.get(shared), two.get(shared)) {
            (Some(a), Some(b)) => (*a, *b),
            (None, _) => return Order::Around,
            (_, None) => return Order::Inside,
        };
        let place = |node: NodeId| self.place(node).unwrap_or(Place::Root);
        match (place(a), place(b)) {
            (Place::Root, Place::Root) => self.by_list(a, b),
            (Place::Block { of, block: one }, Place::Block { block: two, .. }) => {
                if one == two {
                    return self.by_list(a, b);
                }
                match self.step(of).map(|step| &step.kind) {
                    // What is done when a body fails, and at last, comes after the body.
                    Some(StepKind::Try(_)) if one < two => Order::Before,
                    Some(StepKind::Try(_)) => Order::After,
                    _ => Order::Apart,
                }
            }
            // What takes a step back, or stands in for it, comes after what is inside it.
            (Place::Block { .. }, Place::Compensation { .. } | Place::Fallback { .. }) => Order::Before,
            (Place::Compensation { .. } | Place::Fallback { .. }, Place::Block { .. }) => Order::After,
            _ => Order::Apart,
        }
    }

    fn by_list(&self, a: NodeId, b: NodeId) -> Order {
        if self.comes_before(a, b) {
            Order::Before
        } else if self.comes_before(b, a) {
            Order::After
        } else {
            Order::Apart
        }
    }
}

/// How a step of a plan stands to another one, in one round of the loops around both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It is the other one.
    Same,
    /// It is over before the other one begins.
    Before,
    /// The other one is over before it begins.
    After,
    /// The other one is inside it.
    Around,
    /// It is inside the other one.
    Inside,
    /// Neither: they run side by side, or only one of them runs.
    Apart,
}

//! The picture of a plan: which boxes and lines there are, and what stands in them, for `layout` to place and
//! `templates/workflows/_plan_picture.html` to draw.

use std::collections::HashMap;

use platform::workflows::flow::{Edge, EdgeKind, Flow, FlowBlock, FlowStep};

use super::layout::{self, End, Graph, Layout, Link, Node, PlacedLine, Point, Rect, same};
use crate::text;

/// The width of a step without steps inside.
const STEP_WIDTH: f64 = 216.0;
/// The width of where a run begins and ends.
const END_WIDTH: f64 = 120.0;
const END_HEIGHT: f64 = 30.0;
/// The head of a list of steps.
const BLOCK_HEAD: f64 = 30.0;
/// Above and below the lines of a head, together.
const PADDING: f64 = 16.0;
/// A line of a head.
const LINE: f64 = 18.0;
/// The height of words at a line.
const WORDS: f64 = 20.0;
/// How far the lines of data may reach beyond the boxes.
const DATA_ROOM: f64 = 72.0;

/// A picture, ready to be drawn. All measures are of CSS pixels.
pub(super) struct Picture {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) boxes: Vec<BoxView>,
    pub(super) lines: Vec<LineView>,
    pub(super) words: Vec<WordsView>,
    /// Who reads what of whom.
    pub(super) data: Vec<LineView>,
    /// The kinds of lines that occur, for the legend: how it is drawn and what it means.
    pub(super) legend: Vec<(&'static str, &'static str)>,
}

/// A box.
pub(super) struct BoxView {
    /// `step`, `frame`, `list` or `end`, and what it does.
    pub(super) class: String,
    pub(super) outline: Rect,
    pub(super) head: Rect,
    /// Where it is described; empty for what is no step.
    pub(super) href: String,
    pub(super) name: String,
    pub(super) what: String,
    /// When it is run or entered; may be empty.
    pub(super) when: String,
}

/// A line with its point.
pub(super) struct LineView {
    pub(super) class: &'static str,
    pub(super) path: String,
    pub(super) point: String,
}

/// Words at a line.
pub(super) struct WordsView {
    pub(super) place: Rect,
    pub(super) text: String,
}

/// What a box stands for.
enum Meaning<'f> {
    Step(usize, &'f FlowStep),
    List(&'f FlowBlock),
    Start,
    End,
}

/// How one thing of a plan is called on its page.
pub(super) fn href(step: &FlowStep) -> String {
    format!("#step-{}", step.id)
}

/// The name of a step, or its id.
pub(super) fn name(step: &FlowStep) -> String {
    text::in_line(if step.name.is_empty() { &step.id } else { &step.name })
}

impl Picture {
    /// The picture of a plan.
    pub(super) fn of(flow: &Flow) -> Self {
        let mut drawing = Drawing::of(flow);
        let graph = drawing.root();
        let placed = layout::layout(&graph);
        drawing.picture(placed)
    }
}

struct Drawing<'f> {
    flow: &'f Flow,
    /// The edges that lead to each step.
    into: HashMap<usize, Vec<&'f Edge>>,
    /// The edges that lead back to each step.
    back: HashMap<usize, Vec<&'f Edge>>,
    /// What the keys of boxes stand for.
    boxes: Vec<Meaning<'f>>,
    /// What the keys of lines stand for.
    lines: Vec<(EdgeKind, &'f str)>,
}

impl<'f> Drawing<'f> {
    fn of(flow: &'f Flow) -> Self {
        let mut into: HashMap<usize, Vec<&Edge>> = HashMap::new();
        let mut back: HashMap<usize, Vec<&Edge>> = HashMap::new();
        for edge in &flow.edges {
            let Some(to) = edge.to else { continue };
            let of = if edge.kind == EdgeKind::Back { &mut back } else { &mut into };
            of.entry(to).or_default().push(edge);
        }
        Self { flow, into, back, boxes: Vec::new(), lines: Vec::new() }
    }

    fn means(&mut self, meaning: Meaning<'f>) -> usize {
        self.boxes.push(meaning);
        self.boxes.len() - 1
    }

    fn link(&mut self, from: End, to: End, kind: EdgeKind, label: &'f str) -> Link {
        self.lines.push((kind, label));
        Link { key: self.lines.len() - 1, from, to, has_words: !label.is_empty() }
    }

    /// The workflow as a whole, from its start to its end.
    fn root(&mut self) -> Graph {
        let mut graph = self.list(&self.flow.root, None, false);
        let end = |key| Node { key, width: END_WIDTH, height: END_HEIGHT, inside: None, aside: Vec::new() };
        let (start, over) = (graph.nodes.len(), graph.nodes.len() + 1);
        let (start_key, over_key) = (self.means(Meaning::Start), self.means(Meaning::End));
        graph.nodes.extend([end(start_key), end(over_key)]);
        let places: HashMap<usize, usize> = self.flow.root.iter().enumerate().map(|(place, number)| (*number, place)).collect();
        for edge in &self.flow.edges {
            let link = match (edge.from, edge.to) {
                (None, Some(to)) => places.get(&to).map(|to| (start, *to)),
                (Some(from), None) => places.get(&from).map(|from| (*from, over)),
                _ => None,
            };
            if let Some((from, to)) = link {
                let link = self.link(End::Node(from), End::Node(to), edge.kind, &edge.label);
                graph.links.push(link);
            }
        }
        graph
    }

    /// A list of steps. One that stands right below the head of its step is entered from there and leads back to there.
    fn list(&mut self, steps: &[usize], below: Option<usize>, has_head: bool) -> Graph {
        let places: HashMap<usize, usize> = steps.iter().enumerate().map(|(place, number)| (*number, place)).collect();
        let nodes: Vec<Node> = steps.iter().filter_map(|number| self.step(*number)).collect();
        let mut links = Vec::new();
        for (place, number) in steps.iter().enumerate() {
            for edge in self.into.get(number).cloned().unwrap_or_default() {
                match edge.from.and_then(|from| places.get(&from)) {
                    Some(from) => links.push(self.link(End::Node(*from), End::Node(place), edge.kind, &edge.label)),
                    // What the words of the list say need not be said again.
                    None if has_head && edge.from == below => links.push(self.link(End::Head, End::Node(place), edge.kind, "")),
                    None => {}
                }
            }
        }
        if let Some(below) = below.filter(|_| has_head) {
            for edge in self.back.get(&below).cloned().unwrap_or_default() {
                if let Some(from) = edge.from.and_then(|from| places.get(&from)) {
                    links.push(self.link(End::Node(*from), End::Head, edge.kind, ""));
                }
            }
        }
        let links = without_detours(nodes.len(), links, |link| self.lines.get(link.key).is_some_and(|(kind, _)| *kind == EdgeKind::Order));
        Graph { nodes, links }
    }

    fn step(&mut self, number: usize) -> Option<Node> {
        let flow = self.flow;
        let step = flow.steps.get(number)?;
        let key = self.means(Meaning::Step(number, step));
        let inside = match step.blocks.as_slice() {
            [] => None,
            [only] if only.repeats => Some(self.list(&only.steps, Some(number), true)),
            blocks => Some(self.blocks(number, blocks)),
        };
        let aside = step.beside.iter().filter_map(|beside| {
            let edge = self.into.get(beside).and_then(|edges| edges.first().copied())?;
            let link = self.link(End::Head, End::Head, edge.kind, "");
            Some((link.key, self.step(*beside)?))
        });
        let aside: Vec<(usize, Node)> = aside.collect();
        let lines = if self.when(number, step).is_empty() { 2.0 } else { 3.0 };
        Some(Node { key, width: STEP_WIDTH, height: PADDING + lines * LINE, inside, aside })
    }

    /// The lists of a step, each in a box of its own.
    fn blocks(&mut self, number: usize, blocks: &'f [FlowBlock]) -> Graph {
        let mut nodes = Vec::with_capacity(blocks.len());
        for block in blocks {
            let key = self.means(Meaning::List(block));
            let inside = Some(self.list(&block.steps, Some(number), false));
            let height = if block.label.is_empty() { 0.0 } else { BLOCK_HEAD };
            nodes.push(Node { key, width: STEP_WIDTH, height, inside, aside: Vec::new() });
        }
        let failure = blocks.iter().position(|block| block.kind == EdgeKind::Failure);
        let is_try = self.flow.steps.get(number).is_some_and(|step| step.kind == "try");
        let mut links = Vec::new();
        for (place, block) in blocks.iter().enumerate() {
            let from = if is_try && place > 0 { End::Node(0) } else { End::Head };
            links.push(self.link(from, End::Node(place), block.kind, ""));
            // What is done at last comes after what is done on a failure.
            if let Some(failure) = failure.filter(|failure| is_try && *failure < place) {
                links.push(self.link(End::Node(failure), End::Node(place), EdgeKind::Order, ""));
            }
        }
        Graph { nodes, links }
    }

    /// When a step is run, or its only list is entered: what no line to it says.
    fn when(&self, number: usize, step: &FlowStep) -> String {
        let edges = self.into.get(&number).map_or(&[][..], Vec::as_slice);
        if let Some(edge) = edges.iter().find(|edge| {
            matches!(edge.kind, EdgeKind::Compensation | EdgeKind::Failure) && edge.from.is_some_and(|from| self.is_beside(from, number))
        }) {
            return text::in_line(&edge.label);
        }
        // The condition of a node of a graph says what the ways to it say.
        let is_led_to = edges.iter().any(|edge| edge.kind == EdgeKind::Branch && edge.from.is_some_and(|from| self.is_route(from)));
        let condition = step.condition.as_ref().filter(|_| !is_led_to).map(|condition| format!("if {condition}"));
        let entered = match step.blocks.as_slice() {
            [only] if only.repeats => Some(only.label.clone()),
            _ => None,
        };
        text::in_line(&[condition, entered].into_iter().flatten().collect::<Vec<_>>().join(" · "))
    }

    fn is_beside(&self, of: usize, number: usize) -> bool {
        self.flow.steps.get(of).is_some_and(|step| step.beside.contains(&number))
    }

    fn is_route(&self, number: usize) -> bool {
        self.flow.steps.get(number).is_some_and(|step| step.kind == "routes")
    }

    fn picture(self, placed: Layout) -> Picture {
        let mut heads: HashMap<usize, Rect> = HashMap::new();
        let mut boxes = Vec::with_capacity(placed.boxes.len());
        for placed in &placed.boxes {
            let Some(meaning) = self.boxes.get(placed.key) else { continue };
            if let Meaning::Step(number, _) = meaning {
                heads.insert(*number, placed.head);
            }
            boxes.push(self.box_view(meaning, placed.outline, placed.head));
        }
        let mut words = Vec::new();
        let mut lines = Vec::with_capacity(placed.lines.len());
        for line in &placed.lines {
            let Some((kind, label)) = self.lines.get(line.key) else { continue };
            lines.push(LineView { class: line_class(*kind), path: path(&line.points), point: point(line) });
            if let Some((middle, width)) = line.words {
                let place = Rect { x: middle.x - width / 2.0, y: middle.y - WORDS / 2.0, width, height: WORDS };
                words.push(WordsView { place, text: text::in_line(label) });
            }
        }
        let data = self.data(&heads);
        let mut kinds: Vec<EdgeKind> = placed.lines.iter().filter_map(|line| self.lines.get(line.key)).map(|(kind, _)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let room = if data.is_empty() { 0.0 } else { DATA_ROOM };
        Picture {
            width: placed.width + room,
            height: placed.height,
            boxes,
            lines,
            words,
            data,
            legend: kinds.into_iter().map(|kind| (line_class(kind), meaning(kind))).collect(),
        }
    }

    fn box_view(&self, meaning: &Meaning<'_>, outline: Rect, head: Rect) -> BoxView {
        let plain = |class: &str, name: &str| BoxView {
            class: class.to_owned(),
            outline,
            head,
            href: String::new(),
            name: name.to_owned(),
            what: String::new(),
            when: String::new(),
        };
        match meaning {
            Meaning::Start => plain("end", "Start"),
            Meaning::End => plain("end", "End"),
            Meaning::List(block) => plain("list", &text::in_line(&block.label)),
            Meaning::Step(number, step) => BoxView {
                class: format!("{} {}", if step.blocks.is_empty() { "step" } else { "frame" }, tone(step.kind)),
                outline,
                head,
                href: href(step),
                name: name(step),
                what: step.kind.to_owned(),
                when: self.when(*number, step),
            },
        }
    }

    /// Lines from steps that give something to steps that read it, one a pair.
    fn data(&self, heads: &HashMap<usize, Rect>) -> Vec<LineView> {
        let mut lines = Vec::new();
        for (number, step) in self.flow.steps.iter().enumerate() {
            let mut givers: Vec<usize> =
                step.reads.iter().flat_map(|read| read.from.iter().copied()).filter(|from| *from != number).collect();
            givers.sort_unstable();
            givers.dedup();
            for (from, to) in givers.iter().filter_map(|giver| Some((heads.get(giver)?, heads.get(&number)?))) {
                let (from, to) = (right_of(from), right_of(to));
                let out = from.x.max(to.x) + DATA_ROOM;
                let path = format!("M{} {}C{out} {} {out} {} {} {}", from.x, from.y, from.y, to.y, to.x + 7.0, to.y);
                lines.push(LineView { class: "data", path, point: arrow(to, (-1.0, 0.0)) });
            }
        }
        lines
    }
}

fn right_of(rect: &Rect) -> Point {
    Point { x: rect.x + rect.width, y: rect.y + rect.height / 2.0 }
}

/// Which tone a kind of step has: of those who are asked, of what reaches out.
fn tone(kind: &str) -> &'static str {
    match kind {
        "approval" | "wait" => "asks",
        "http.request" | "mail.send" | "script.execute" | "workflow" => "calls",
        "agent.analyze" | "agent.generate" | "agent.chat" => "thinks",
        _ => "plain",
    }
}

const fn line_class(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Order => "order",
        EdgeKind::Branch => "branch",
        EdgeKind::Back => "back",
        EdgeKind::Failure => "failure",
        EdgeKind::Compensation => "compensation",
    }
}

const fn meaning(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Order => "then",
        EdgeKind::Branch => "on this way",
        EdgeKind::Back => "next round",
        EdgeKind::Failure => "on a failure",
        EdgeKind::Compensation => "takes it back",
    }
}

/// The path of a line, as SVG writes it: up to its point.
fn path(points: &[Point]) -> String {
    let mut path = String::new();
    let mut before: Option<Point> = None;
    for point in points {
        let piece = match before {
            None => format!("M{} {}", point.x, point.y),
            Some(before) if same(before.x, point.x) || same(before.y, point.y) => format!("L{} {}", point.x, point.y),
            Some(before) => {
                let middle = before.y.midpoint(point.y);
                format!("C{} {middle} {} {middle} {} {}", before.x, point.x, point.x, point.y)
            }
        };
        path.push_str(&piece);
        before = Some(*point);
    }
    path
}

/// The triangle at the end of a line.
fn point(line: &PlacedLine) -> String {
    let [.., before, last] = line.points.as_slice() else { return String::new() };
    let direction = if same(before.y, last.y) { (1.0, 0.0) } else { (0.0, if before.y > last.y { -1.0 } else { 1.0 }) };
    arrow(*last, direction)
}

fn arrow(tip: Point, (x, y): (f64, f64)) -> String {
    const LONG: f64 = 8.0;
    const HALF: f64 = 4.0;
    let foot = |side: f64| (tip.x - x * LONG - y * HALF * side, tip.y - y * LONG + x * HALF * side);
    let (one, other) = (foot(1.0), foot(-1.0));
    format!("M{} {}L{} {}L{} {}Z", tip.x, tip.y, one.0, one.1, other.0, other.1)
}

/// Leaves out the lines of order that other ones of order lead to as well, by way of other boxes.
fn without_detours(count: usize, links: Vec<Link>, is_order: impl Fn(&Link) -> bool) -> Vec<Link> {
    let ends = |link: &Link| match (link.from, link.to) {
        (End::Node(from), End::Node(to)) if is_order(link) => Some((from, to)),
        _ => None,
    };
    let orders: Vec<(usize, usize)> = links.iter().filter_map(ends).collect();
    let rank = layout::ranks(count, &orders);
    let rank_of = |node: usize| rank.get(node).copied().unwrap_or_default();
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in &orders {
        if let Some(after) = after.get_mut(*from) {
            after.push(*to);
        }
    }
    let mut nodes: Vec<usize> = (0..count).collect();
    nodes.sort_by_key(|node| std::cmp::Reverse(rank_of(*node)));
    // What each node leads to, as bits.
    let mut reached: Vec<Vec<u64>> = vec![Vec::new(); count];
    let mut needed: Vec<(usize, usize)> = Vec::new();
    for node in nodes {
        let mut all = vec![0_u64; count.div_ceil(64)];
        let mut next = after.get(node).cloned().unwrap_or_default();
        next.sort_by_key(|to| rank_of(*to));
        next.dedup();
        for to in next {
            let Some(word) = all.get_mut(to / 64) else { continue };
            if *word & (1 << (to % 64)) != 0 {
                continue;
            }
            *word |= 1 << (to % 64);
            needed.push((node, to));
            for (all, more) in all.iter_mut().zip(reached.get(to).into_iter().flatten()) {
                *all |= more;
            }
        }
        if let Some(reached) = reached.get_mut(node) {
            *reached = all;
        }
    }
    let needed: std::collections::HashSet<(usize, usize)> = needed.into_iter().collect();
    links.into_iter().filter(|link| ends(link).is_none_or(|ends| needed.contains(&ends))).collect()
}

#[cfg(test)]
mod tests;

//! Where things stand on a picture of a graph: boxes in layers from top to bottom, boxes inside boxes, and lines between them. Pure
//! geometry, in CSS pixels; it knows no plan and no page.
//!
//! Layers by the longest way from the top, order within a layer by the barycentres of the neighbours, sweeping down and up (after
//! Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981), positions by the weighted
//! least squares that keep order and distance (isotonic regression, by pooling adjacent violators). A line that passes a layer keeps a
//! column there, so no line crosses a box. What is inside a box is laid out first, as a graph of its own.

/// Between two boxes of a layer.
const BESIDE: f64 = 28.0;
/// Around a line that passes a layer.
const AROUND_LINE: f64 = 12.0;
/// Between two layers.
const BETWEEN: f64 = 44.0;
/// Between two layers when words stand at a line between them.
const BETWEEN_WITH_WORDS: f64 = 58.0;
/// Between a box and what is inside it.
const INSIDE: f64 = 14.0;
/// Between the head of a box and what a line leads to from there.
const ENTRY: f64 = 30.0;
/// Between a box and what stands aside of it.
const ASIDE: f64 = 40.0;
/// Between two boxes that stand aside of the same one.
const STACKED: f64 = 16.0;
/// The room at the right for lines that lead back to the head.
const GUTTER: f64 = 26.0;
/// How often the order of the layers is gone through, down and up.
const SWEEPS: usize = 6;
/// How often the positions are.
const PASSES: usize = 8;

/// A graph to be laid out.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    /// Its boxes.
    pub(super) nodes: Vec<Node>,
    /// Its lines.
    pub(super) links: Vec<Link>,
}

/// A box.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Finds it in the result.
    pub(super) key: usize,
    /// The least width; even, so that its middle is a whole number.
    pub(super) width: f64,
    /// The height of its head, which is all of it when nothing is inside.
    pub(super) height: f64,
    /// What is inside, below the head.
    pub(super) inside: Option<Graph>,
    /// What stands at its right, each with the key of the line there.
    pub(super) aside: Vec<(usize, Node)>,
}

/// An end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The head of the box that the graph is inside of. As the beginning of a line it leads to a box, as its end it is led back to.
    Head,
    /// The box at that position.
    Node(usize),
}

/// A line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// Finds it in the result.
    pub(super) key: usize,
    /// Where it begins.
    pub(super) from: End,
    /// Where it ends.
    pub(super) to: End,
    /// Whether words stand at it.
    pub(super) has_words: bool,
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A point.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A box in its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlacedBox {
    /// The key of its node.
    pub(super) key: usize,
    /// All of it.
    pub(super) outline: Rect,
    /// Its head.
    pub(super) head: Rect,
}

/// A line in its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlacedLine {
    /// The key of its link.
    pub(super) key: usize,
    /// Its points. Between two that are neither above nor beside each other it bends, leaving and arriving upright.
    pub(super) points: Vec<Point>,
    /// Where the middle of its words is, and how wide they may be.
    pub(super) words: Option<(Point, f64)>,
}

/// A graph that is laid out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Boxes before those inside them.
    pub(super) boxes: Vec<PlacedBox>,
    pub(super) lines: Vec<PlacedLine>,
}

/// Lays out a graph. The same graph is always laid out the same way.
pub(super) fn layout(graph: &Graph) -> Layout {
    let units: Vec<Unit> = graph.nodes.iter().map(unit).collect();
    let mut layers = Layers::of(graph, &units);
    layers.order();
    layers.position();
    layers.draw(graph, units)
}

impl Layout {
    /// Takes up what is laid out already, at a place.
    fn take(&mut self, part: Self, at: Point) {
        let moved = |rect: Rect| Rect { x: rect.x + at.x, y: rect.y + at.y, ..rect };
        let shifted = |point: Point| Point { x: point.x + at.x, y: point.y + at.y };
        self.boxes.extend(part.boxes.into_iter().map(|placed| PlacedBox {
            outline: moved(placed.outline),
            head: moved(placed.head),
            ..placed
        }));
        self.lines.extend(part.lines.into_iter().map(|line| PlacedLine {
            points: line.points.into_iter().map(shifted).collect(),
            words: line.words.map(|(point, width)| (shifted(point), width)),
            ..line
        }));
    }
}

/// A box with what is inside it and aside of it, its outline at the origin.
struct Unit {
    layout: Layout,
    /// The size of the box itself.
    own: Rect,
}

fn unit(node: &Node) -> Unit {
    let inside = node.inside.as_ref().map(layout);
    let (width, height) = match &inside {
        Some(inside) => (even(node.width.max(inside.width)), node.height + inside.height),
        None => (node.width, node.height),
    };
    let own = Rect { x: 0.0, y: 0.0, width, height };
    let head = Rect { height: node.height, ..own };
    let mut layout = Layout { width, height, boxes: vec![PlacedBox { key: node.key, outline: own, head }], lines: Vec::new() };
    if let Some(inside) = inside {
        let x = ((width - inside.width) / 2.0).floor();
        // Lines at the head know only the graph; the head is above it whatever its width.
        layout.take(inside, Point { x, y: node.height });
    }
    let mut y = 0.0;
    for (line, aside) in &node.aside {
        let unit = unit(aside);
        let x = width + ASIDE;
        let (from, to) = ((node.height / 2.0).floor(), y + (aside.height / 2.0).floor());
        let trunk = width + ASIDE / 2.0;
        let points = vec![Point { x: width, y: from }, Point { x: trunk, y: from }, Point { x: trunk, y: to }, Point { x, y: to }];
        layout.lines.push(PlacedLine { key: *line, points: straightened(points), words: None });
        layout.width = layout.width.max(x + unit.layout.width);
        layout.height = layout.height.max(y + unit.layout.height);
        let below = y + unit.layout.height + STACKED;
        layout.take(unit.layout, Point { x, y });
        y = below;
    }
    Unit { layout, own }
}

fn even(width: f64) -> f64 {
    (width / 2.0).ceil() * 2.0
}

/// Without points that are on the way between their neighbours anyway.
fn straightened(points: Vec<Point>) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::with_capacity(points.len());
    for point in points {
        if kept.last() == Some(&point) {
            continue;
        }
        if let [.., before, last] = kept.as_slice()
            && (same(before.x, last.x) && same(last.x, point.x) || same(before.y, last.y) && same(last.y, point.y))
        {
            kept.pop();
        }
        kept.push(point);
    }
    kept
}

/// Whether two coordinates are the same; all of them are whole or halves.
pub(super) fn same(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.25
}

/// Something that has a place in a layer: a box, a line that passes, or where lines back begin to go up.
#[derive(Debug, Clone, Default)]
struct Item {
    layer: usize,
    /// The room at the left and at the right of where its lines are.
    left: f64,
    right: f64,
    /// The height of the box itself, and with what is aside.
    own: f64,
    whole: f64,
    is_line: bool,
    x: f64,
    above: Vec<(usize, f64)>,
    below: Vec<(usize, f64)>,
}

/// A line as the items that it goes through.
struct Chain {
    key: usize,
    items: Vec<usize>,
    has_words: bool,
    /// Whether it goes on to the head.
    is_back: bool,
}

struct Layers {
    items: Vec<Item>,
    layers: Vec<Vec<usize>>,
    chains: Vec<Chain>,
}

/// The layer of each box: below all that lead to it. A line that would close a circle counts for nothing; plans have none.
pub(super) fn ranks(count: usize, links: &[(usize, usize)]) -> Vec<usize> {
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut waits = vec![0_usize; count];
    for (from, to) in links {
        if let (Some(all), Some(waits)) = (below.get_mut(*from), waits.get_mut(*to)) {
            all.push(*to);
            *waits += 1;
        }
    }
    let mut rank = vec![0_usize; count];
    let mut done = vec![false; count];
    let mut ready: Vec<usize> = (0..count).rev().filter(|node| waits.get(*node) == Some(&0)).collect();
    let mut first = 0;
    loop {
        let Some(node) = ready.pop() else {
            while done.get(first) == Some(&true) {
                first += 1;
            }
            if first >= count {
                return rank;
            }
            ready.push(first);
            continue;
        };
        if done.get_mut(node).is_none_or(|done| std::mem::replace(done, true)) {
            continue;
        }
        let next = rank.get(node).map_or(0, |rank| rank + 1);
        for to in below.get(node).into_iter().flatten() {
            if done.get(*to) == Some(&true) {
                continue;
            }
            if let (Some(rank), Some(waits)) = (rank.get_mut(*to), waits.get_mut(*to)) {
                *rank = next.max(*rank);
                *waits -= 1;
                if *waits == 0 {
                    ready.push(*to);
                }
            }
        }
    }
}

impl Layers {
    fn of(graph: &Graph, units: &[Unit]) -> Self {
        let between = graph.links.iter().filter_map(|link| match (link.from, link.to) {
            (End::Node(from), End::Node(to)) => Some((from, to)),
            _ => None,
        });
        let rank = ranks(units.len(), &between.collect::<Vec<_>>());
        let mut items: Vec<Item> = units
            .iter()
            .zip(&rank)
            .map(|(unit, layer)| Item {
                layer: *layer,
                left: unit.own.width / 2.0,
                right: unit.layout.width - unit.own.width / 2.0,
                own: unit.own.height,
                whole: unit.layout.height,
                ..Item::default()
            })
            .collect();
        let count = rank.iter().max().map_or(0, |last| last + 1);
        let line = |layer| Item { layer, left: AROUND_LINE / 2.0, right: AROUND_LINE / 2.0, is_line: true, ..Item::default() };
        // Lines back are gathered below everything before they go up.
        let gathered = graph.links.iter().any(|link| link.to == End::Head).then(|| {
            items.push(line(count));
            items.len() - 1
        });
        let mut chains = Vec::new();
        for link in &graph.links {
            let End::Node(from) = link.from else { continue };
            let Some(to) = (match link.to {
                End::Node(to) => Some(to),
                End::Head => gathered,
            }) else {
                continue;
            };
            let layer = |items: &[Item], item: usize| items.get(item).map_or(0, |item| item.layer);
            let mut chain = vec![from];
            for layer in layer(&items, from) + 1..layer(&items, to) {
                chain.push(items.len());
                items.push(line(layer));
            }
            chain.push(to);
            chains.push(Chain { key: link.key, items: chain, has_words: link.has_words, is_back: link.to == End::Head });
        }
        let mut layers: Vec<Vec<usize>> = vec![Vec::new(); count + usize::from(gathered.is_some())];
        for (number, item) in items.iter().enumerate() {
            if let Some(layer) = layers.get_mut(item.layer) {
                layer.push(number);
            }
        }
        let mut all = Self { items, layers, chains };
        all.connect();
        all
    }

    /// Tells each item its neighbours. Lines that pass several layers are kept straight before others.
    fn connect(&mut self) {
        for chain in &self.chains {
            for pair in chain.items.windows(2) {
                let [one, two] = pair else { continue };
                let is_line = |item: &usize| self.items.get(*item).is_some_and(|item| item.is_line);
                let weight = match (is_line(one), is_line(two)) {
                    (true, true) => 8.0,
                    (true, false) | (false, true) => 2.0,
                    (false, false) => 1.0,
                };
                if let Some(item) = self.items.get_mut(*one) {
                    item.below.push((*two, weight));
                }
                if let Some(item) = self.items.get_mut(*two) {
                    item.above.push((*one, weight));
                }
            }
        }
    }

    /// Orders each layer so that few lines cross.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..SWEEPS {
            if best.0 == 0 {
                break;
            }
            let downwards = sweep % 2 == 0;
            let count = self.layers.len();
            for step in 1..count {
                self.order_layer(if downwards { step } else { count - 1 - step }, downwards);
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
        }
        self.layers = best.1;
    }

    fn neighbours(&self, item: usize, downwards: bool) -> &[(usize, f64)] {
        self.items.get(item).map_or(&[], |item| if downwards { &item.above } else { &item.below })
    }

    /// The position of each item within its layer.
    fn positions(&self, layer: usize) -> std::collections::HashMap<usize, usize> {
        self.layers.get(layer).into_iter().flatten().enumerate().map(|(position, item)| (*item, position)).collect()
    }

    fn order_layer(&mut self, layer: usize, downwards: bool) {
        let Some(beside) = (if downwards { layer.checked_sub(1) } else { layer.checked_add(1) }) else { return };
        let positions = self.positions(beside);
        let mut keyed: Vec<(f64, usize)> = Vec::new();
        for (position, item) in self.layers.get(layer).into_iter().flatten().enumerate() {
            let known: Vec<f64> =
                self.neighbours(*item, downwards).iter().filter_map(|(other, _)| positions.get(other).map(|at| number(*at))).collect();
            // What leads nowhere stays where it is.
            let centre = if known.is_empty() { number(position) } else { known.iter().sum::<f64>() / number(known.len()) };
            keyed.push((centre, *item));
        }
        keyed.sort_by(|one, two| one.0.total_cmp(&two.0));
        if let Some(items) = self.layers.get_mut(layer) {
            *items = keyed.into_iter().map(|(_, item)| item).collect();
        }
    }

    /// How many pairs of lines cross between layers.
    fn crossings(&self) -> u64 {
        let mut all = 0;
        for (layer, items) in self.layers.iter().enumerate() {
            let positions = self.positions(layer + 1);
            // Of lines in the order of their upper ends, two cross when their lower ends are the other way round.
            let mut tree = vec![0_u64; positions.len() + 1];
            let mut seen = 0_u64;
            for item in items {
                let lower: Vec<usize> =
                    self.neighbours(*item, false).iter().filter_map(|(other, _)| positions.get(other).copied()).collect();
                for end in &lower {
                    let mut at = end + 1;
                    let mut not_right = 0;
                    while at > 0 {
                        not_right += tree.get(at).copied().unwrap_or_default();
                        at &= at - 1;
                    }
                    all += seen - not_right;
                }
                for end in lower {
                    let mut at = end + 1;
                    while let Some(count) = tree.get_mut(at) {
                        *count += 1;
                        at += at & at.wrapping_neg();
                    }
                    seen += 1;
                }
            }
        }
        all
    }

    /// Gives each item its place from left to right: near its neighbours, in the order of its layer, and at its distance.
    fn position(&mut self) {
        for pass in 0..PASSES {
            let downwards = pass % 2 == 0;
            let count = self.layers.len();
            for step in 0..count {
                self.position_layer(if downwards { step } else { count - 1 - step }, downwards);
            }
        }
        let left = self.items.iter().map(|item| item.x - item.left).fold(f64::INFINITY, f64::min);
        for item in &mut self.items {
            item.x = (item.x - left).round();
        }
    }

    fn position_layer(&mut self, layer: usize, downwards: bool) {
        let Some(items) = self.layers.get(layer) else { return };
        let mut wanted: Vec<(f64, f64)> = Vec::with_capacity(items.len());
        let mut offsets = Vec::with_capacity(items.len());
        let mut offset = 0.0;
        let mut before: Option<&Item> = None;
        for item in items.iter().filter_map(|item| self.items.get(*item)) {
            if let Some(before) = before {
                let distance = if before.is_line && item.is_line { AROUND_LINE } else { BESIDE };
                offset += before.right + distance + item.left;
            }
            let neighbours = if downwards { &item.above } else { &item.below };
            let weight: f64 = neighbours.iter().map(|(_, weight)| weight).sum();
            let sum: f64 = neighbours.iter().map(|(other, weight)| self.items.get(*other).map_or(0.0, |other| other.x) * weight).sum();
            wanted.push(if weight > 0.0 { (sum / weight - offset, weight) } else { (item.x - offset, 0.01) });
            offsets.push(offset);
            before = Some(item);
        }
        for ((item, x), offset) in items.iter().zip(not_falling(&wanted)).zip(offsets) {
            if let Some(item) = self.items.get_mut(*item) {
                item.x = x + offset;
            }
        }
    }

    fn item(&self, item: usize) -> Item {
        self.items.get(item).map_or_else(Item::default, |item| Item { above: Vec::new(), below: Vec::new(), ..*item })
    }

    fn draw(self, graph: &Graph, units: Vec<Unit>) -> Layout {
        let is_inside = graph.links.iter().any(|link| link.from == End::Head);
        let entered = if is_inside { ENTRY } else { INSIDE };
        // Layers with words above them.
        let mut worded = vec![false; self.layers.len() + 1];
        for chain in self.chains.iter().filter(|chain| chain.has_words) {
            for item in chain.items.iter().skip(1).take(1).chain(chain.items.last()) {
                if let Some(worded) = worded.get_mut(self.item(*item).layer) {
                    *worded = true;
                }
            }
        }
        let mut tops = Vec::with_capacity(self.layers.len());
        let mut y = entered;
        for (layer, items) in self.layers.iter().enumerate() {
            let height = items.iter().map(|item| self.item(*item).whole).fold(0.0, f64::max);
            tops.push((y, y + height));
            let next = if worded.get(layer + 1) == Some(&true) { BETWEEN_WITH_WORDS } else { BETWEEN };
            // Lines that are gathered to go back stand close.
            let is_gathering = layer + 2 == self.layers.len() && graph.links.iter().any(|link| link.to == End::Head);
            y += height + if is_gathering { ENTRY } else { next };
        }
        let top = |item: &Item| tops.get(item.layer).map_or(0.0, |(top, _)| *top);
        let bottom = |item: &Item| tops.get(item.layer).map_or(0.0, |(_, bottom)| *bottom);
        let right = self.items.iter().map(|item| item.x + item.right).fold(0.0, f64::max);
        let goes_back = self.chains.iter().any(|chain| chain.is_back);
        let mut drawn = Layout::default();
        for link in &graph.links {
            if let (End::Head, End::Node(to)) = (link.from, link.to) {
                let item = self.item(to);
                let points = vec![Point { x: item.x, y: 0.0 }, Point { x: item.x, y: top(&item) }];
                drawn.lines.push(PlacedLine { key: link.key, points, words: None });
            }
        }
        for chain in &self.chains {
            let mut points = Vec::with_capacity(chain.items.len() * 2 + 2);
            for (place, item) in chain.items.iter().enumerate() {
                let item = self.item(*item);
                if place > 0 {
                    points.push(Point { x: item.x, y: top(&item) });
                } else {
                    points.push(Point { x: item.x, y: top(&item) + item.own });
                }
                if place + 1 < chain.items.len() {
                    points.push(Point { x: item.x, y: bottom(&item) });
                }
            }
            let words = chain.has_words.then(|| self.words(chain, &points)).flatten();
            if chain.is_back
                && let Some(last) = points.last().copied()
            {
                let gutter = right + GUTTER / 2.0;
                points.extend([Point { x: gutter, y: last.y }, Point { x: gutter, y: 0.0 }]);
            }
            drawn.lines.push(PlacedLine { key: chain.key, points: straightened(points), words });
        }
        let height = tops.last().map_or(entered, |(_, bottom)| *bottom) + INSIDE;
        for (number, unit) in units.into_iter().enumerate() {
            let item = self.item(number);
            drawn.take(unit.layout, Point { x: item.x - item.left, y: top(&item) });
        }
        let margin = Point { x: INSIDE, y: 0.0 };
        let mut whole = Layout { width: even(right + 2.0 * INSIDE + if goes_back { GUTTER } else { 0.0 }), height, ..Layout::default() };
        whole.take(drawn, margin);
        whole
    }

    /// Where the words of a line stand: where it ends, or where it begins when others with words end there too.
    fn words(&self, chain: &Chain, points: &[Point]) -> Option<(Point, f64)> {
        let (from, to) = (chain.items.first()?, chain.items.last()?);
        let (first, last) = (points.first()?, points.last()?);
        let others = |end: fn(&Chain) -> Option<&usize>, item: &usize| {
            self.chains.iter().filter(|chain| chain.has_words && end(chain) == Some(item)).count()
        };
        let room = |item: &Item| item.left.min(item.right) * 2.0;
        if others(|chain| chain.items.last(), to) == 1 {
            return Some((Point { x: last.x, y: last.y - 20.0 }, room(&self.item(*to))));
        }
        let start = points.get(1).unwrap_or(first);
        if others(|chain| chain.items.first(), from) == 1 {
            return Some((Point { x: start.x, y: start.y + 16.0 }, room(&self.item(*from))));
        }
        // Between, where the lines are apart: of the last bend.
        let before = points.iter().rev().nth(1)?;
        let middle = Point { x: before.x.midpoint(last.x).round(), y: before.y.midpoint(last.y).round() };
        Some((middle, room(&self.item(*to)) / 2.0))
    }
}

#[expect(clippy::cast_precision_loss, reason = "positions in a layer are far below 2^52")]
const fn number(position: usize) -> f64 {
    position as f64
}

/// The numbers that never fall and are nearest to the wanted ones, each with its weight, by least squares.
fn not_falling(wanted: &[(f64, f64)]) -> Vec<f64> {
    // Runs of equal numbers: the number, its weight, how many.
    let mut pools: Vec<(f64, f64, usize)> = Vec::with_capacity(wanted.len());
    for (value, weight) in wanted {
        let mut pool = (*value, *weight, 1);
        while let Some(before) = pools.pop_if(|before| before.0 > pool.0) {
            let weight = before.1 + pool.1;
            pool = ((before.0 * before.1 + pool.0 * pool.1) / weight, weight, before.2 + pool.2);
        }
        pools.push(pool);
    }
    pools.into_iter().flat_map(|(value, _, count)| std::iter::repeat_n(value, count)).collect()
}

#[cfg(test)]
mod tests;

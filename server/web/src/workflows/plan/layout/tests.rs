use proptest::prelude::*;

use super::*;

/// Parts of a graph by which a random one is made: per box its width, what is inside, how many stand aside, and the boxes
/// before it that lead to it.
#[derive(Debug, Clone)]
struct Seed {
    boxes: Vec<BoxSeed>,
    goes_back: bool,
}

type BoxSeed = (u32, Option<Box<Seed>>, usize, Vec<prop::sample::Index>);

fn seeds() -> impl Strategy<Value = Seed> {
    let boxes = |inside: BoxedStrategy<Option<Box<Seed>>>| {
        let one = (40_u32..120, inside, 0_usize..3, prop::collection::vec(any::<prop::sample::Index>(), 0..4));
        (prop::collection::vec(one, 1..7), any::<bool>()).prop_map(|(boxes, goes_back)| Seed { boxes, goes_back })
    };
    let leaf = boxes(Just(None).boxed());
    leaf.prop_recursive(3, 60, 4, move |inner| {
        boxes(prop_oneof![3 => Just(None), 1 => inner.prop_map(|seed| Some(Box::new(seed)))].boxed())
    })
}

/// Keys tell which box is which, and which line leads where: the keys of its two boxes.
#[derive(Default)]
struct Made {
    keys: usize,
    ends: Vec<(usize, usize)>,
    around: Vec<Option<usize>>,
}

impl Made {
    fn key(&mut self, around: Option<usize>) -> usize {
        self.around.push(around);
        self.keys += 1;
        self.keys - 1
    }

    fn link(&mut self, from: (End, usize), to: (End, usize)) -> Link {
        self.ends.push((from.1, to.1));
        Link { key: self.ends.len() - 1, from: from.0, to: to.0, has_words: self.ends.len().is_multiple_of(3) }
    }

    fn graph(&mut self, seed: &Seed, around: Option<usize>) -> Graph {
        let mut graph = Graph::default();
        for (width, inside, aside, _) in &seed.boxes {
            let key = self.key(around);
            let inside = inside.as_ref().map(|seed| self.graph(seed, Some(key)));
            let aside = (0..*aside).map(|_| {
                let other = self.key(around);
                let line = self.link((End::Head, key), (End::Head, other));
                (line.key, Node { key: other, width: 80.0, height: 40.0, inside: None, aside: Vec::new() })
            });
            let aside = aside.collect();
            graph.nodes.push(Node { key, width: f64::from(width * 2), height: 50.0, inside, aside });
        }
        let key = |graph: &Graph, place: usize| graph.nodes[place].key;
        let mut led_to = vec![false; graph.nodes.len()];
        let mut leads = vec![false; graph.nodes.len()];
        for (place, (.., before)) in seed.boxes.iter().enumerate() {
            let mut before: Vec<usize> = before.iter().filter(|_| place > 0).map(|before| before.index(place)).collect();
            before.sort_unstable();
            before.dedup();
            for from in before {
                let link = self.link((End::Node(from), key(&graph, from)), (End::Node(place), key(&graph, place)));
                graph.links.push(link);
                (led_to[place], leads[from]) = (true, true);
            }
        }
        if let Some(around) = around {
            for place in 0..graph.nodes.len() {
                let key = key(&graph, place);
                if !led_to[place] {
                    let link = self.link((End::Head, around), (End::Node(place), key));
                    graph.links.push(link);
                }
                if !leads[place] && seed.goes_back {
                    let link = self.link((End::Node(place), key), (End::Head, around));
                    graph.links.push(link);
                }
            }
        }
        graph
    }
}

fn overlap(one: Rect, other: Rect) -> bool {
    one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height
}

fn holds(outer: Rect, inner: Rect) -> bool {
    inner.x >= outer.x
        && inner.y >= outer.y
        && inner.x + inner.width <= outer.x + outer.width
        && inner.y + inner.height <= outer.y + outer.height
}

fn is_on_edge(rect: Rect, point: Point) -> bool {
    let within = point.x >= rect.x && point.x <= rect.x + rect.width && point.y >= rect.y && point.y <= rect.y + rect.height;
    let inside = point.x > rect.x && point.x < rect.x + rect.width && point.y > rect.y && point.y < rect.y + rect.height;
    within && !inside
}

/// Points along a line, as it is drawn.
fn along(points: &[Point]) -> Vec<Point> {
    let mut all = Vec::new();
    for pair in points.windows(2) {
        let [one, two] = pair else { continue };
        for part in 1..16 {
            let t = f64::from(part) / 16.0;
            // A bend leaves and arrives upright: its control points are at half its height.
            let upright = 3.0 * (1.0 - t) * t * (1.0 - t) * 0.5 + 3.0 * (1.0 - t) * t * t * 0.5 + t * t * t;
            let across = 3.0 * (1.0 - t) * t * t + t * t * t;
            let is_bend = !same(one.x, two.x) && !same(one.y, two.y);
            let (across, upright) = if is_bend { (across, upright) } else { (t, t) };
            all.push(Point { x: one.x + (two.x - one.x) * across, y: one.y + (two.y - one.y) * upright });
        }
    }
    all
}

fn strictly_inside(rect: Rect, point: Point) -> bool {
    point.x > rect.x + 0.5 && point.x < rect.x + rect.width - 0.5 && point.y > rect.y + 0.5 && point.y < rect.y + rect.height - 0.5
}

fn check(seed: &Seed) {
    let mut made = Made::default();
    let graph = made.graph(seed, None);
    let placed = layout(&graph);
    assert_eq!(placed, layout(&graph), "the same graph is laid out the same way");
    assert_eq!(placed.boxes.len(), made.keys);
    assert_eq!(placed.lines.len(), made.ends.len());
    let mut boxes = vec![None; made.keys];
    placed.boxes.iter().for_each(|placed| boxes[placed.key] = Some(placed));
    let boxes: Vec<&PlacedBox> = boxes.into_iter().map(Option::unwrap).collect();
    let whole = Rect { x: 0.0, y: 0.0, width: placed.width, height: placed.height };
    let is_around = |outer: usize, inner: usize| std::iter::successors(made.around[inner], |at| made.around[*at]).any(|at| at == outer);
    for (key, one) in boxes.iter().enumerate() {
        match made.around[key] {
            Some(around) => {
                let outer = boxes[around];
                assert!(holds(outer.outline, one.outline), "{one:?} is not inside {outer:?}");
                assert!(!overlap(outer.head, one.outline), "{one:?} is over the head of {outer:?}");
            }
            None => assert!(holds(whole, one.outline), "{one:?} is not on the picture"),
        }
        for (other_key, other) in boxes.iter().enumerate().skip(key + 1) {
            let apart = !is_around(key, other_key) && !is_around(other_key, key);
            assert!(!apart || !overlap(one.outline, other.outline), "{one:?} and {other:?} overlap");
        }
    }
    for line in &placed.lines {
        let (from, to) = made.ends[line.key];
        let end = |key: usize, other: usize| if is_around(key, other) { boxes[key].head } else { boxes[key].outline };
        let (first, last) = (line.points[0], *line.points.last().unwrap());
        assert!(is_on_edge(end(from, to), first), "{line:?} does not begin at {:?}", boxes[from]);
        assert!(is_on_edge(end(to, from), last), "{line:?} does not end at {:?}", boxes[to]);
        for point in along(&line.points) {
            for (key, one) in boxes.iter().enumerate() {
                // A line between boxes of a list may only be inside what is around that list.
                let allowed =
                    is_around(key, from) || is_around(key, to) || is_around(from, to) && key == from || is_around(to, from) && key == to;
                let rect = if allowed { one.head } else { one.outline };
                assert!(!strictly_inside(rect, point), "{line:?} crosses {one:?} at {point:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_boxes_overlap_children_are_inside_and_lines_end_at_their_boxes_and_cross_none(seed in seeds()) {
        check(&seed);
    }

    #[test]
    fn numbers_that_never_fall_are_nearest(wanted in prop::collection::vec((-50.0_f64..50.0, 0.1_f64..9.0), 1..12)) {
        let found = not_falling(&wanted);
        prop_assert_eq!(found.len(), wanted.len());
        prop_assert!(found.windows(2).all(|pair| pair[0] <= pair[1]));
        // The mean is kept: what is pulled to one side is given back at the other.
        let sum = |numbers: &mut dyn Iterator<Item = f64>| numbers.sum::<f64>();
        let (given, got) = (sum(&mut wanted.iter().map(|(value, weight)| value * weight)), sum(&mut found.iter().zip(&wanted).map(|(value, (_, weight))| value * weight)));
        prop_assert!((given - got).abs() < 1e-6);
    }
}

fn row(count: usize, links: &[(usize, usize)]) -> Graph {
    Graph {
        nodes: (0..count).map(|key| Node { key, width: 100.0, height: 40.0, inside: None, aside: Vec::new() }).collect(),
        links: links
            .iter()
            .enumerate()
            .map(|(key, (from, to))| Link { key, from: End::Node(*from), to: End::Node(*to), has_words: false })
            .collect(),
    }
}

fn tops_left(placed: &Layout) -> Vec<(f64, f64)> {
    placed.boxes.iter().map(|placed| (placed.outline.x, placed.outline.y)).collect()
}

#[test]
fn steps_one_after_another_stand_below_each_other() {
    let placed = layout(&row(3, &[(0, 1), (1, 2)]));
    assert_eq!(tops_left(&placed), [(14.0, 14.0), (14.0, 98.0), (14.0, 182.0)]);
    assert_eq!((placed.width, placed.height), (128.0, 236.0));
    assert_eq!(placed.lines[0].points, [Point { x: 64.0, y: 54.0 }, Point { x: 64.0, y: 98.0 }]);
}

#[test]
fn ways_that_part_and_meet_stand_around_the_middle() {
    let placed = layout(&row(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]));
    assert_eq!(tops_left(&placed), [(78.0, 14.0), (14.0, 98.0), (142.0, 98.0), (78.0, 182.0)]);
}

#[test]
fn a_line_that_passes_a_layer_goes_around_what_stands_there() {
    let placed = layout(&row(3, &[(0, 1), (1, 2), (0, 2)]));
    let line = &placed.lines[2];
    assert!(line.points.len() > 2, "{line:?}");
    let middle = placed.boxes[1].outline;
    assert!(along(&line.points).iter().all(|point| !strictly_inside(middle, *point)));
}

#[test]
fn lines_that_need_not_cross_do_not() {
    // Written so that the order of the file would cross all of them.
    let placed = layout(&row(8, &[(0, 7), (1, 6), (2, 5), (3, 4)]));
    let x = |key: usize| placed.boxes[key].outline.x;
    assert!(x(7) < x(6) && x(6) < x(5) && x(5) < x(4));
}

#[test]
fn a_circle_is_laid_out_all_the_same() {
    let placed = layout(&row(3, &[(0, 1), (1, 2), (2, 0)]));
    assert_eq!(placed.boxes.len(), 3);
}

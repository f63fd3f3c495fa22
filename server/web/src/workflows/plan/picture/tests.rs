use std::fmt::Write;

use platform::workflows::flow::{FlowPlace, OnFailure, Read};

use super::*;

/// A flow that is put together step by step.
#[derive(Default)]
struct Made {
    flow: Flow,
}

impl Made {
    fn step(&mut self, id: &str, kind: &'static str, place: FlowPlace) -> usize {
        let number = self.flow.steps.len();
        let depth = match place {
            FlowPlace::Root => 0,
            FlowPlace::Block { of, .. } | FlowPlace::Compensation { of } | FlowPlace::Fallback { of } => self.flow.steps[of].depth + 1,
        };
        self.flow.steps.push(FlowStep {
            id: id.to_owned(),
            name: id.to_owned(),
            kind,
            line: 7,
            place,
            depth,
            condition: None,
            depends_on: None,
            on_error: OnFailure::Stop,
            blocks: Vec::new(),
            beside: Vec::new(),
            reads: Vec::new(),
            sets: Vec::new(),
        });
        match place {
            FlowPlace::Root => self.flow.root.push(number),
            FlowPlace::Block { of, block } => self.flow.steps[of].blocks[block].steps.push(number),
            FlowPlace::Compensation { of } | FlowPlace::Fallback { of } => self.flow.steps[of].beside.push(number),
        }
        number
    }

    fn block(&mut self, of: usize, label: &str, repeats: bool) -> FlowPlace {
        let kind = EdgeKind::Branch;
        self.flow.steps[of].blocks.push(FlowBlock { kind, label: label.to_owned(), steps: Vec::new(), repeats });
        FlowPlace::Block { of, block: self.flow.steps[of].blocks.len() - 1 }
    }

    fn edge(&mut self, from: Option<usize>, to: Option<usize>, kind: EdgeKind, label: &str) {
        self.flow.edges.push(Edge { from, to, kind, label: label.to_owned() });
    }
}

/// A step, a loop of one that is chosen, and one that is taken back: it reads what the first gave.
fn sample() -> Flow {
    let mut made = Made::default();
    let read = made.step("read", "http.request", FlowPlace::Root);
    let each = made.step("each", "for_each", FlowPlace::Root);
    let round = made.block(each, "for each x of read", true);
    let choose = made.step("choose", "if", round);
    let then = made.block(choose, "if x > 1", false);
    let ask = made.step("ask", "approval", then);
    let otherwise = made.block(choose, "otherwise", false);
    let note = made.step("note", "workflow.log", otherwise);
    let pay = made.step("pay", "http.request", FlowPlace::Root);
    let unpay = made.step("unpay", "http.request", FlowPlace::Compensation { of: pay });
    made.flow.steps[pay].reads.push(Read { name: "read.total".to_owned(), from: vec![read] });
    made.flow.steps[pay].condition = Some("read.total > 0".to_owned());
    made.edge(None, Some(read), EdgeKind::Order, "");
    made.edge(Some(read), Some(each), EdgeKind::Order, "");
    made.edge(Some(each), Some(choose), EdgeKind::Branch, "for each x of read");
    made.edge(Some(choose), Some(each), EdgeKind::Back, "next round");
    made.edge(Some(choose), Some(ask), EdgeKind::Branch, "if x > 1");
    made.edge(Some(choose), Some(note), EdgeKind::Branch, "otherwise");
    made.edge(Some(each), Some(pay), EdgeKind::Order, "");
    made.edge(Some(pay), Some(unpay), EdgeKind::Compensation, "takes it back");
    made.edge(Some(pay), None, EdgeKind::Order, "");
    made.flow
}

fn told(picture: &Picture) -> String {
    let mut out = String::new();
    for item in &picture.boxes {
        let Rect { x, y, width, height } = item.outline;
        let _infallible = writeln!(out, "{} `{}` `{}` at {x} {y}, {width} by {height}", item.class, item.name, item.when);
    }
    for line in picture.lines.iter().chain(&picture.data) {
        let _infallible = writeln!(out, "{} {}", line.class, line.path);
    }
    out
}

#[test]
fn a_small_plan_is_exactly_this_picture() {
    let picture = Picture::of(&sample());
    assert_eq!(told(&picture), EXPECTED);
    assert_eq!(picture.legend, [("order", "then"), ("branch", "on this way"), ("back", "next round"), ("compensation", "takes it back")]);
}

const EXPECTED: &str = "\
step calls `read` `` at 205 88, 216 by 52
frame plain `each` `for each x of read` at 14 184, 598 by 350
frame plain `choose` `` at 28 284, 544 by 206
list `if x > 1` `` at 42 366, 244 by 110
step asks `ask` `` at 56 410, 216 by 52
list `otherwise` `` at 314 366, 244 by 110
step plain `note` `` at 328 410, 216 by 52
step calls `pay` `if read.total > 0` at 205 578, 216 by 70
step calls `unpay` `takes it back` at 461 578, 216 by 70
end `Start` `` at 253 14, 120 by 30
end `End` `` at 253 692, 120 by 30
order M313 140L313 184
order M313 534L313 578
order M313 44L313 88
order M313 648L313 692
branch M300 254L300 284
back M300 490L300 520L585 520L585 254
branch M164 336L164 366
branch M436 336L436 366
compensation M421 613L461 613
data M421 114C493 114 493 613 428 613
";

#[test]
fn every_step_is_drawn_once_and_leads_to_its_words() {
    let flow = sample();
    let mut hrefs: Vec<String> = Picture::of(&flow).boxes.into_iter().map(|item| item.href).filter(|href| !href.is_empty()).collect();
    hrefs.sort_unstable();
    let mut expected: Vec<String> = flow.steps.iter().map(href).collect();
    expected.sort_unstable();
    assert_eq!(hrefs, expected);
}

#[test]
fn lines_that_others_say_already_are_left_out() {
    let mut made = Made::default();
    let [a, b, c] = ["a", "b", "c"].map(|id| made.step(id, "workflow.noop", FlowPlace::Root));
    for (from, to) in [(a, b), (b, c), (a, c)] {
        made.edge(Some(from), Some(to), EdgeKind::Order, "");
    }
    made.edge(Some(a), Some(c), EdgeKind::Branch, "if it has to");
    let picture = Picture::of(&made.flow);
    let classes: Vec<&str> = picture.lines.iter().map(|line| line.class).collect();
    assert_eq!(classes, ["order", "order", "branch"], "the way that is chosen stays");
    assert_eq!(picture.words[0].text, "if it has to");
}

#[test]
fn two_hundred_steps_in_blocks_are_drawn() {
    let mut made = Made::default();
    let mut before = None;
    for group in 0..20 {
        let each = made.step(&format!("each{group}"), "for_each", FlowPlace::Root);
        made.edge(before, Some(each), EdgeKind::Order, "");
        let round = made.block(each, "for each x", true);
        let choose = made.step(&format!("if{group}"), "if", round);
        made.edge(Some(each), Some(choose), EdgeKind::Branch, "");
        made.edge(Some(choose), Some(each), EdgeKind::Back, "");
        for way in 0..2 {
            let block = made.block(choose, "on a way", false);
            let mut last = None;
            for step in 0..4 {
                let step = made.step(&format!("s{group}-{way}-{step}"), "workflow.noop", block);
                made.edge(last.or(Some(choose)), Some(step), if last.is_some() { EdgeKind::Order } else { EdgeKind::Branch }, "");
                last = Some(step);
            }
        }
        before = Some(each);
    }
    assert_eq!(made.flow.steps.len(), 200);
    let picture = Picture::of(&made.flow);
    // Each step, two lists for each choice, the start and the end.
    assert_eq!(picture.boxes.len(), 200 + 40 + 2);
}

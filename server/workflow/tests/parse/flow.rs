//! How a plan goes: what follows what, and what is read of whom.

use std::fmt::Write;

use workflow::{
    flow::{EdgeKind, Flow, FlowPlace},
    plan::Plan,
};

use crate::{below, example, plan};

/// A flow in lines: steps set in below those they are inside of, with what they read and set, then the edges.
fn told(plan: &Plan) -> String {
    let flow = Flow::of(plan);
    let id = |number: &usize| flow.steps[*number].id.as_str();
    let mut out = String::new();
    for step in &flow.steps {
        let place = match step.place {
            FlowPlace::Root => String::new(),
            FlowPlace::Block { of, block } => format!(" [{}: {}]", id(&of), flow.steps[of].blocks[block].label),
            FlowPlace::Compensation { of } => format!(" [takes back {}]", id(&of)),
            FlowPlace::Fallback { of } => format!(" [instead of {}]", id(&of)),
        };
        let reads = step.reads.iter().map(|read| match read.from.as_slice() {
            [] => read.name.clone(),
            from => format!("{}<{}", read.name, from.iter().map(id).collect::<Vec<_>>().join("|")),
        });
        let _infallible = writeln!(
            out,
            "{}{} {}{place} reads {} sets {}",
            "  ".repeat(step.depth),
            step.id,
            step.kind,
            reads.collect::<Vec<_>>().join(","),
            step.sets.join(",")
        );
    }
    for edge in &flow.edges {
        let end = |end: Option<usize>, word: &'static str| end.map_or(word.to_owned(), |number| flow.steps[number].id.clone());
        let kind = match edge.kind {
            EdgeKind::Order => "->",
            EdgeKind::Branch => "=>",
            EdgeKind::Back => "^^",
            EdgeKind::Failure => "!>",
            EdgeKind::Compensation => "<-",
        };
        let _infallible = writeln!(out, "{} {kind} {} {}", end(edge.from, "START"), end(edge.to, "END"), edge.label);
    }
    out
}

#[test]
fn vendor_payment_goes_exactly_so() {
    insta::assert_snapshot!(told(&plan(&example("vendor-payment.md"))));
}

#[test]
fn support_reply_goes_exactly_so() {
    insta::assert_snapshot!(told(&plan(&example("support-reply.yaml"))));
}

const ALL: &str = "\
```yaml
id: list
action: core.set
inputs: {value: [1, 2]}
output_variable: items
```
```yaml
id: each
type: for_each
items: \"{{ items }}\"
item: one
steps:
  - id: look
    action: core.set
    inputs: {seen: \"{{ one }}\"}
    output_variable: seen
  - id: big
    type: if
    if: \"{{ one > 1 }}\"
    then:
      - {id: tell, action: workflow.log, inputs: {message: \"{{ seen }}\"}}
    else:
      - {id: hush, action: workflow.noop}
```
```yaml
id: which
type: switch
expression: \"{{ items | length }}\"
cases:
  1: [{id: single, action: workflow.noop}]
default:
  - {id: several, action: workflow.noop}
```
```yaml
id: again
type: while
condition: \"{{ items == none }}\"
max_iterations: 3
steps:
  - {id: wait_a_bit, action: workflow.noop}
```
```yaml
id: both
type: parallel
branches:
  - {id: left, steps: [{id: l1, action: core.set, inputs: {a: 1}, output_variable: a}]}
  - {id: right, steps: [{id: r1, action: workflow.noop}]}
```
```yaml
id: safe
type: try
steps:
  - id: book
    action: http.request
    inputs: {url: \"https://a.example/{{ left.a }}\"}
    compensate: {id: unbook, action: workflow.noop}
catch:
  - {id: sorry, action: workflow.log, inputs: {message: \"{{ error.message }}\"}}
finally:
  - {id: close, action: workflow.noop}
```
```yaml
id: last
action: http.request
condition: \"{{ steps.book.output == none }}\"
inputs: {url: \"https://b.example/\"}
on_error:
  - {code: timeout, action: fallback, fallback: {id: spare, action: workflow.noop}}
  - {code: default, action: stop}
```
";

#[test]
fn everything_with_steps_inside_is_entered_left_and_gone_through_again() {
    insta::assert_snapshot!(told(&plan(&below(ALL))));
}

#[test]
fn a_graph_of_dependencies_has_its_own_order() {
    let step = |id: &str, after: &str| format!("```yaml\nid: {id}\naction: workflow.noop\ndepends_on: {after}\n```\n");
    let source = below(&[step("a", "[]"), step("b", "[]"), step("c", "[a, b]"), step("d", "[a]")].concat());
    let flow = told(&plan(&source));
    let edges: Vec<&str> = flow.lines().skip(4).map(str::trim).collect();
    assert_eq!(edges, ["START -> a", "START -> b", "a -> c", "b -> c", "a -> d", "c -> END", "d -> END"]);
}

#[test]
fn of_several_that_set_a_name_the_last_one_is_read() {
    let set = |id: &str, more: &str| format!("```yaml\nid: {id}\naction: core.set\ninputs: {{v: 1}}\noutput_variable: x\n{more}```\n");
    let read = "```yaml\nid: read\naction: workflow.log\ninputs: {message: \"{{ x }}\"}\n```\n";
    let givers = |source: String| {
        let flow = Flow::of(&plan(&below(&source)));
        let read = flow.steps.iter().find(|step| step.id == "read").unwrap();
        read.reads[0].from.iter().map(|number| flow.steps[*number].id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(givers([set("a", ""), set("b", ""), read.to_owned()].concat()), ["b"]);
    let maybe = "condition: \"{{ run.id != '' }}\"\n";
    assert_eq!(givers([set("a", ""), set("b", maybe), read.to_owned()].concat()), ["a", "b"], "the later one may be skipped");
}

//! `for_each` and `while`.

use std::time::Duration;

use workflow::plan::{AtLimit, ForEachStep, StepKind, Tested, WhileStep};

use super::ids;
use crate::{below, errors, hints, only_kind, step};

const LOG: &str = "{action: workflow.log, inputs: {message: x}}";

fn for_each(source: &str) -> ForEachStep {
    match only_kind(source) {
        StepKind::ForEach(step) => step,
        other => panic!("{other:?}"),
    }
}

fn while_step(source: &str) -> WhileStep {
    match only_kind(source) {
        StepKind::While(step) => step,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_for_each_reads_every_key() {
    let source = step(
        "id: a\ntype: for_each\nitems: \"{{ [1, 2] }}\"\nitem_variable: x\nindex_variable: i\nbatch_size: 2\npause_between_batches: 1s\nconcurrency: 3\n\
         steps: [{action: workflow.log, inputs: {message: \"{{ x }} {{ i }} {{ loop.last }} {{ loop.length }}\"}}]",
    );
    hints(&source, &[]);
    let each = for_each(&source);
    assert_eq!((each.items.source(), each.item.as_str(), each.index.as_deref()), ("[1, 2]", "x", Some("i")));
    assert_eq!((each.batch_size, each.pause, each.concurrency), (Some(2), Duration::from_secs(1), 3));
    assert_eq!(ids(&source), ["a", "a_s1"]);
    let plain = for_each(&step(&format!("id: a\nfor_each: [1]\nsteps: [{LOG}]")));
    assert_eq!((plain.item.as_str(), plain.index, plain.batch_size, plain.concurrency), ("item", None, None, 1));
}

#[test]
fn a_list_may_be_written_out_with_expressions_among_its_items() {
    let items = |list: &str| for_each(&step(&format!("id: a\nfor_each: {list}\nsteps: [{LOG}]"))).items.source().to_owned();
    assert_eq!(items("[a, 2, \"{{ run.id }}\", {k: v}]"), "[\"a\", 2, (run.id), {\"k\":\"v\"}]");
    errors(
        &step(&format!("id: a\nfor_each: [{{k: \"{{{{ run.id }}}}\"}}]\nsteps: [{LOG}]")),
        &[
            "6:12+1 wrong_type [a] an item that is written out has no expressions inside; write the list as one expression, such as `items: \"{{ [{'a': b}] }}\"`",
        ],
    );
}

#[test]
fn loops_are_known_by_other_words_too() {
    hints(
        &step(&format!("id: a\ntype: for_each\nforEach: [1]\nas: x\nindex: i\nmaxConcurrency: 2\ndo: [{LOG}]")),
        &[
            "7:1+7 other_spelling [a] `forEach` is read as `for_each`; write `for_each`",
            "8:1+2 other_spelling [a] `as` is read as `item_variable`; write `item_variable`",
            "9:1+5 other_spelling [a] `index` is read as `index_variable`; write `index_variable`",
            "10:1+14 other_spelling [a] `maxConcurrency` is read as `concurrency`; write `concurrency`",
            "11:1+2 other_spelling [a] `do` is read as `steps`; write `steps`",
        ],
    );
}

#[test]
fn a_for_each_that_means_nothing_is_refused_at_its_place() {
    for (yaml, expected) in [
        (
            format!("type: for_each\nsteps: [{LOG}]"),
            "6:7+8 key_missing [a] a `for_each` needs `items`; add `items:` with a list, such as `items: inputs.services`",
        ),
        ("for_each: [1]".to_owned(), "6:1+8 key_missing [a] a `for_each` needs `steps`; add `steps:` with what is done in each round"),
        (
            format!("for_each: [1]\nconcurrency: 0\nsteps: [{LOG}]"),
            "7:14+1 wrong_type [a] `concurrency` is a whole number from 1 to 1000, not `0`",
        ),
        (
            format!("for_each: [1]\nbatch_size: many\nsteps: [{LOG}]"),
            "7:13+4 wrong_type [a] `batch_size` is a whole number from 1 to 10000, not `many`",
        ),
        (
            format!("for_each: [1]\npause_between_batches: 1s\nsteps: [{LOG}]"),
            "7:1+21 no_meaning [a] `pause_between_batches` has no meaning here: there are no batches; add `batch_size:`, after how many items it pauses",
        ),
        (
            format!("for_each: [1]\nitem_variable: steps\nsteps: [{LOG}]"),
            "7:16+5 invalid_name [a] `steps` is a word of the language; a variable has another name",
        ),
        (
            format!("for_each: [1]\nindex_variable: item\nsteps: [{LOG}]"),
            "7:17+4 invalid_name [a] `item` is the item already; its number has another name",
        ),
        (
            "for_each: [1]\nsteps: [{action: core.set, inputs: {x: 1}, output_variable: item}]".to_owned(),
            "7:1+1 name_hidden [a_s1] `item` is the item of the loop around this step, so nothing could see a variable of that name; give the variable another name",
        ),
    ] {
        errors(&step(&format!("id: a\n{yaml}")), &[expected]);
    }
}

#[test]
fn a_while_has_a_limit_and_no_items() {
    let source = step(&format!("id: a\nwhile: run.number < 5\nmaxIterations: 7\nsteps: [{LOG}]"));
    let step_of = while_step(&source);
    assert_eq!(
        (step_of.test.source(), step_of.max_iterations, step_of.tested, step_of.at_limit),
        ("run.number < 5", 7, Tested::Before, AtLimit::Fail)
    );
    let by_type = while_step(&step(&format!("id: a\ntype: while\ncondition: run.number < 5\nsteps: [{LOG}]")));
    assert_eq!((by_type.test.source(), by_type.max_iterations), ("run.number < 5", 100));
    for (yaml, expected) in [
        (
            format!("type: while\nsteps: [{LOG}]"),
            "6:7+5 key_missing [a] a step of kind `while` needs `condition`; add `condition:` with what has to hold, such as `condition: inputs.amount > 100`",
        ),
        (
            format!("while: true\nmax_iterations: 0\nsteps: [{LOG}]"),
            "7:17+1 wrong_type [a] `max_iterations` is a whole number from 1 to 10000, not `0`",
        ),
        (
            "while: true\nsteps: [{action: workflow.log, inputs: {message: \"{{ loop.last }}\"}}]".to_owned(),
            "7:54+4 undefined_name [a_s1] `loop` has no `last`; it has `index`, `index0`, `first`",
        ),
        ("while: true\nsteps: []".to_owned(), "7:8+1 value_missing [a] `steps` has no steps; add a step, or leave the key out"),
    ] {
        errors(&step(&format!("id: a\n{yaml}")), &[expected]);
    }
}

#[test]
fn a_round_has_names_of_its_own_and_a_while_shares_those_around_it() {
    let after = |names: &str| format!("```yaml\n{{id: z, action: workflow.log, inputs: {{message: \"{names}\"}}}}\n```\n");
    let round = "```yaml\nid: a\nfor_each: [1]\nsteps: [{id: x, action: core.set, inputs: {a: 1}, output_variable: v}, {action: workflow.log, inputs: {message: \"{{ v }}\"}}]\noutput_variable: all\n```\n";
    errors(&below(&format!("{round}{}", after("{{ all }} {{ steps.a.output }}"))), &[]);
    errors(
        &below(&format!("{round}{}", after("{{ v }} {{ item }} {{ steps.x.output }}"))),
        &[
            "11:53+1 not_visible [z] `v` belongs to one round of the loop `a` and is gone after it; the loop gives the list of what its rounds gave last: `steps.a.output`",
            "11:61+4 undefined_name [z] nothing sets `item`",
            "11:72+5 not_visible [z] `steps.x` belongs to one round of the loop `a` and is gone after it; the loop gives the list of what its rounds gave last: `steps.a.output`",
        ],
    );
    let shared = "```yaml\nid: a\nwhile: true\nsteps: [{action: core.set, inputs: {a: 1}, output_variable: v}]\n```\n";
    errors(&below(&format!("{shared}{}", after("{{ v }}"))), &[]);
}

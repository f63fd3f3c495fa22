//! `map`, `filter`, `reduce` and `core.transform`.

use serde_json::{Value, json};

use super::{action, check, fails, give, orders};

#[test]
fn a_map_gives_what_its_expression_gives_for_each_item() {
    for (step, expected) in [
        ("type: map\nitems: rows\nexpression: item.total * 2", json!([40, 11.0, 40])),
        ("type: map\nitems: \"{{ rows }}\"\nexpression: \"{{ item.who ~ index }}\"", json!(["bo0", "al1", "bo2"])),
        ("type: map\nitems: rows\nitem_variable: order\nexpression: order.id + n", json!([13, 11, 12])),
        ("type: map\nitems: rows\nitemVariable: order\nexpression: \"{'id': order.id}\"", json!([{"id": 3}, {"id": 1}, {"id": 2}])),
        ("type: map\nitems: [1, \"{{ n }}\"]\nexpression: item + 1", json!([2, 11])),
        ("type: map\nitems: empty\nexpression: item.nothing", json!([])),
        // The item hides an input of the same name, and only inside.
        ("type: map\nitems: item\nexpression: item", json!(["x"])),
    ] {
        let over = json!({"rows": orders(), "n": 10, "empty": [], "item": ["x"]});
        assert_eq!(give(step, over), Ok(expected), "{step}");
    }
}

#[test]
fn a_filter_keeps_the_items_of_which_its_condition_holds_and_may_be_skipped_itself() {
    let over = json!({"rows": orders(), "go": false});
    for (step, expected) in [
        ("type: filter\nitems: rows | map(attribute='id')\ncondition: item > 1", json!([3, 2])),
        ("type: filter\nitems: rows | map(attribute='id')\nexpression: item > 1", json!([3, 2])),
        ("type: filter\nitems: rows | map(attribute='id')\ncondition: [item > 1, item < 3]", json!([2])),
    ] {
        assert_eq!(give(step, over.clone()), Ok(expected), "{step}");
    }
    let skipped = "type: filter\nitems: rows\ncondition: item.id > 1\nconditions: [go]";
    let desk = crate::desk::Desk::start(super::plan(skipped, &over), over.clone());
    assert_eq!(desk.state("it"), "skipped");
}

#[test]
fn a_reduce_takes_up_item_after_item_and_a_first_value_that_is_nothing_counts() {
    let over = json!({"ns": [1, 2, 3], "empty": [], "words": ["a", "b"]});
    for (step, expected) in [
        ("type: reduce\nitems: ns\ninitial_value: 0\nexpression: acc + item", json!(6)),
        ("type: reduce\nitems: ns\nexpression: acc * item", json!(6)),
        ("type: reduce\nitems: empty\ninitial_value: 0\nexpression: acc + item", json!(0)),
        ("type: reduce\nitems: empty\ninitial_value: \"\"\nexpression: acc + item", json!("")),
        ("type: reduce\nitems: empty\ninitial_value: false\nexpression: acc or item", json!(false)),
        ("type: reduce\nitems: empty\ninitial_value: null\nexpression: acc", Value::Null),
        ("type: reduce\nitems: words\ninitialValue: \"\"\nexpression: acc + item", json!("ab")),
        (
            "type: reduce\nitems: ns\nitem_variable: n\naccumulator_variable: sum\ninitial_value: \"{{ ns[0] }}\"\nexpression: sum + n",
            json!(7),
        ),
        ("type: reduce\nitems: words\ninitial_value: []\nexpression: acc + [index]", json!([0, 1])),
    ] {
        assert_eq!(give(step, over.clone()), Ok(expected), "{step}");
    }
    assert_eq!(
        give("type: reduce\nitems: empty\nexpression: acc + item", over),
        Err("data: reduce: `items` is empty, and there is no `initial_value` to give instead".to_owned())
    );
}

#[test]
fn what_goes_wrong_for_one_item_says_for_which() {
    let over = json!({"rows": [1, "two"], "who": null});
    for (step, failure) in [
        ("type: map\nitems: rows\nexpression: item * 2", "expression: expression, item 1: `*` cannot be used on a text and a number"),
        (
            "type: filter\nitems: rows\ncondition: item",
            "expression: condition, item 0: `item` is a number; a condition is a boolean or null",
        ),
        (
            "type: map\nitems: who\nexpression: item",
            "data: map: `items` has to be a list and is null; `default` gives a value in place of null",
        ),
    ] {
        assert_eq!(give(step, over.clone()), Err(failure.to_owned()), "{step}");
    }
}

#[test]
fn a_transform_has_six_operations() {
    let over = json!({"rows": orders(), "n": 2});
    check(
        "core.transform",
        &over,
        &[
            ("{operation: map, input: \"{{ rows }}\", expression: item.id * n}", json!([6, 2, 4])),
            ("{operation: filter, input: \"{{ rows }}\", condition: item.total == 5.5}", json!([orders()[1]])),
            ("{operation: find, input: \"{{ rows }}\", condition: item.who == 'bo'}", orders()[0].clone()),
            ("{operation: find, input: \"{{ rows }}\", condition: item.who == 'cy'}", Value::Null),
            ("{operation: group_by, input: \"{{ rows }}\", key: who}", json!({"bo": [orders()[0], orders()[2]], "al": [orders()[1]]})),
            (
                "{operation: group_by, input: \"{{ rows }}\", expression: item.tags | length > 0}",
                json!({"true": [orders()[0], orders()[2]], "false": [orders()[1]]}),
            ),
            (
                "{operation: group_by, input: [{\"n\": 1}, {\"n\": 1.0}, {\"n\": 2.5}], key: n}",
                json!({"1": [{"n": 1}, {"n": 1.0}], "2.5": [{"n": 2.5}]}),
            ),
            ("{operation: group_by, input: [], key: n}", json!({})),
            ("{operation: unique, input: [b, a, b, B, 1, 1.0]}", json!(["b", "a", "B", 1])),
            ("{operation: unique, input: \"{{ rows }}\", key: who}", json!([orders()[0], orders()[1]])),
            ("{operation: unique, input: [1, 2, 3, 4], expression: item % 2}", json!([1, 2])),
            ("{operation: sort, input: [b, B, a]}", json!(["B", "a", "b"])),
            ("{operation: sort, input: \"{{ rows }}\", key: total}", json!([orders()[1], orders()[0], orders()[2]])),
            ("{operation: sort, input: \"{{ rows }}\", expression: 0 - item.id}", json!([orders()[0], orders()[2], orders()[1]])),
        ],
    );
    fails(
        "core.transform",
        &over,
        &[
            ("{operation: sort, input: [1, a]}", "data: core.transform: numbers and texts have no order among each other"),
            ("{operation: sort, input: [null]}", "data: core.transform: only numbers and texts have an order, not null"),
            (
                "{operation: group_by, input: [{\"n\": 1}, {\"n\": \"1\"}], key: n}",
                "data: core.transform: `key` gives a number for one item and text for another",
            ),
            ("{operation: group_by, input: [{n: null}], key: n}", "data: core.transform: `key` gives null as the name of a group"),
            ("{operation: group_by, input: [{m: 1}], key: n}", "data: core.transform: the field `n` of `n` is not defined"),
            ("{operation: map, input: \"{{ n }}\", expression: item}", "data: core.transform: `input` has to be a list and is a number"),
        ],
    );
}

#[test]
fn a_name_that_a_step_binds_is_gone_after_it() {
    let step = action("core.transform", "{operation: map, input: [1], expression: item}");
    let source = format!(
        "---\nworkflow: {{id: demo, name: Demo}}\n---\n```yaml\nid: it\n{step}\n```\n```yaml\nid: next\naction: core.set\ninputs: {{a: \"{{{{ item }}}}\"}}\n```\n"
    );
    let parsed = workflow::parse(&source);
    let errors: Vec<_> = parsed.errors().map(|error| (error.code, error.step.clone())).collect();
    assert_eq!(errors, [("undefined_name", Some("next".to_owned()))]);
}

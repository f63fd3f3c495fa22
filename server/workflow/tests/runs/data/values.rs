//! Single values, lists as a whole, and what gives nothing.

use serde_json::{Value, json};

use super::{action, check, fails, give, orders};
use crate::desk::START;

#[test]
fn a_set_gives_its_inputs_with_their_types() {
    check(
        "core.set",
        &json!({"n": 4, "rows": [1]}),
        &[
            (
                "{a: 1, b: \"{{ n }}\", c: [\"{{ rows }}\"], d: \"n = {{ n }}\", e: null}",
                json!({"a": 1, "b": 4, "c": [[1]], "d": "n = 4", "e": null}),
            ),
            ("{item: x, myKey: z}", json!({"item": "x", "myKey": "z"})),
        ],
    );
}

#[test]
fn a_path_leads_into_a_value() {
    let over = json!({"rows": orders(), "who": null});
    check(
        "core.extract",
        &over,
        &[
            ("{input: \"{{ rows }}\", path: 0.tags}", json!(["a"])),
            ("{input: \"{{ rows }}\", path: \"2.tags[1]\"}", json!("b")),
            ("{input: \"{{ rows }}\", path: 1}", orders()[1].clone()),
            ("{input: {a: {b: null}}, path: a.b}", Value::Null),
            ("{input: {a: {b: null}}, path: a.b, default: 7}", json!(7)),
            ("{input: {a: 1}, path: b, default: []}", json!([])),
            ("{input: \"{{ who }}\", path: a.b}", Value::Null),
        ],
    );
    fails(
        "core.extract",
        &over,
        &[
            ("{input: {a: 1}, path: b}", "data: core.extract: the field `b` of `b` is not defined"),
            ("{input: {a: 1}, path: a.b}", "data: core.extract: `b` of `a.b` is not defined: a number has no fields"),
        ],
    );
}

#[test]
fn fields_get_other_names_and_none_is_lost() {
    let over = json!({"o": {"a": 1, "b": 2, "c": 3}, "rows": [1]});
    check(
        "core.rename_keys",
        &over,
        &[
            ("{input: \"{{ o }}\", mapping: {b: z}}", json!({"a": 1, "z": 2, "c": 3})),
            ("{input: \"{{ o }}\", mapping: {a: b, b: a}}", json!({"b": 1, "a": 2, "c": 3})),
            ("{input: \"{{ o }}\", mapping: {}}", json!({"a": 1, "b": 2, "c": 3})),
        ],
    );
    fails(
        "core.rename_keys",
        &over,
        &[
            ("{input: \"{{ o }}\", mapping: {d: e}}", "data: core.rename_keys: `mapping` renames `d`, which `input` does not have"),
            ("{input: \"{{ o }}\", mapping: {a: b}}", "data: core.rename_keys: `mapping` gives two fields the name `b`"),
            ("{input: \"{{ rows }}\", mapping: {a: b}}", "data: core.rename_keys: `input` has to be an object and is a list"),
        ],
    );
}

#[test]
fn a_format_makes_text() {
    let over = json!({"o": {"a": [1, "x"]}, "n": 3, "t": "a & b", "day": "2026-03-01T08:30:00Z"});
    check(
        "core.format",
        &over,
        &[
            ("{template: \"{{ n }}\"}", json!("3")),
            ("{template: \"n is {{ n }}, o is {{ o }}\"}", json!("n is 3, o is {\"a\":[1,\"x\"]}")),
            ("{template: plain}", json!("plain")),
            ("{value: \"{{ t }}\"}", json!("a & b")),
            ("{value: \"{{ n }}\", type: text}", json!("3")),
            ("{value: \"{{ o }}\", type: json}", json!("{\"a\":[1,\"x\"]}")),
            ("{value: \"{{ o }}\", type: json_pretty}", json!("{\n  \"a\": [\n    1,\n    \"x\"\n  ]\n}")),
            ("{value: \"{{ day }}\", type: date}", json!("2026-03-01")),
            ("{value: \"{{ day }}\", type: datetime}", json!("2026-03-01 08:30")),
            ("{value: \"{{ t }}\", type: url}", json!("a%20%26%20b")),
            ("{value: \"{{ t }}\", type: html}", json!("a &amp; b")),
            ("{value: [{a: 1, b: \"x,y\"}, {a: null, b: \"\"}], type: csv}", json!("a,b\r\n1,\"x,y\"\r\n,\"\"\r\n")),
        ],
    );
    fails(
        "core.format",
        &over,
        &[
            (
                "{value: \"{{ t }}\", type: date}",
                "data: core.format: the text is no date: it is not written as 2026-01-31 or 2026-01-31T09:30:00Z",
            ),
            ("{value: [{a: 1}, {b: 1}], type: csv}", "data: core.format: `value` has objects with different fields"),
        ],
    );
}

#[test]
fn a_comparison_is_the_operator_of_an_expression() {
    for (left, operator, right, expected) in [
        ("1", "==", "1.0", Ok(true)),
        ("1", "!=", "a", Ok(true)),
        ("1", "equals", "1", Ok(true)),
        ("2", "<", "10", Ok(true)),
        ("\"2\"", "<", "\"10\"", Ok(false)),
        ("2", ">=", "2", Ok(true)),
        ("2", "greater_than", "3", Ok(false)),
        ("a", "in", "[a, b]", Ok(true)),
        ("c", "not in", "[a, b]", Ok(true)),
        ("[a, b]", "contains", "a", Ok(true)),
        ("abc", "contains", "b", Ok(true)),
        ("INV-12", "=~", "\"^INV-[0-9]+$\"", Ok(true)),
        ("INV-12", "!~", "\"^X\"", Ok(true)),
        ("INV-12", "starts_with", "INV", Ok(true)),
        ("INV-12", "ends_with", "\"13\"", Ok(false)),
        ("1", "<", "a", Err("data: core.compare: a number cannot be compared with a text")),
        ("null", "<", "1", Err("data: core.compare: null cannot be compared with a number")),
        ("1", "in", "2", Err("data: core.compare: nothing can be in a number; a list, a text or an object is wanted")),
    ] {
        let inputs = format!("{{left: {left}, operator: \"{operator}\", right: {right}}}");
        let expected = expected.map(Value::Bool).map_err(str::to_owned);
        assert_eq!(give(&action("core.compare", &inputs), json!({})), expected, "{inputs}");
    }
}

#[test]
fn an_aggregate_is_one_number_of_many() {
    let over = json!({"rows": orders(), "empty": [], "big": [i64::MAX, i64::MAX]});
    check(
        "core.aggregate",
        &over,
        &[
            ("{operation: sum, input: [1, 2, 3]}", json!(6)),
            ("{operation: sum, input: [1, 2.5]}", json!(3.5)),
            ("{operation: sum, input: \"{{ empty }}\"}", json!(0)),
            ("{operation: sum, input: \"{{ rows }}\", field: total}", json!(45.5)),
            ("{operation: avg, input: [1, 2]}", json!(1.5)),
            ("{operation: min, input: \"{{ rows }}\", field: total}", json!(5.5)),
            ("{operation: max, input: [3, 10, 2]}", json!(10)),
            ("{operation: count, input: \"{{ rows }}\"}", json!(3)),
            ("{operation: count, input: [{a: 1}, {a: null}, {}], field: a}", json!(1)),
            ("{operation: count, input: \"{{ empty }}\"}", json!(0)),
            ("{operation: median, input: [9, 1, 5]}", json!(5)),
            ("{operation: median, input: [4, 1, 3, 2]}", json!(2.5)),
            ("{operation: median, input: \"{{ big }}\"}", json!(9_223_372_036_854_775_807.0)),
        ],
    );
    fails(
        "core.aggregate",
        &over,
        &[
            ("{operation: avg, input: []}", "data: core.aggregate: `avg` was given nothing to choose from"),
            ("{operation: median, input: []}", "data: core.aggregate: `median` was given nothing to choose from"),
            ("{operation: sum, input: [1, \"2\"]}", "data: core.aggregate: `sum` takes numbers, not text"),
            ("{operation: max, input: [a, b]}", "data: core.aggregate: `max` takes numbers, not text"),
            ("{operation: sum, input: [1, null]}", "data: core.aggregate: `sum` takes numbers, not null"),
            ("{operation: sum, input: [{a: 1}, {}], field: a}", "data: core.aggregate: the field `a` of `a` is not defined"),
            ("{operation: sum, input: \"{{ big }}\"}", "data: core.aggregate: the result is outside of the 64-bit integers"),
        ],
    );
}

#[test]
fn a_list_is_put_in_order_and_cut() {
    let over = json!({"rows": orders(), "n": 1, "minus": -1});
    let ids = |order: [usize; 3]| Value::Array(order.iter().map(|at| orders()[*at].clone()).collect());
    check(
        "core.sort",
        &over,
        &[
            ("{input: [3, 1, 2.5]}", json!([1, 2.5, 3])),
            ("{input: [3, 1, 2], order: desc}", json!([3, 2, 1])),
            ("{input: [b, a, B]}", json!(["B", "a", "b"])),
            ("{input: \"{{ rows }}\", by: who}", ids([1, 0, 2])),
            ("{input: \"{{ rows }}\", by: who, order: descending}", ids([0, 2, 1])),
            ("{input: \"{{ rows }}\", by: \"who,id\"}", ids([1, 2, 0])),
            ("{input: []}", json!([])),
        ],
    );
    fails(
        "core.sort",
        &over,
        &[
            ("{input: [1, \"1\"]}", "data: core.sort: numbers and texts have no order among each other"),
            ("{input: [true]}", "data: core.sort: only numbers and texts have an order, not a boolean"),
            ("{input: \"{{ rows }}\", by: tags}", "data: core.sort: only numbers and texts have an order, not a list"),
            ("{input: \"{{ rows }}\", by: nothing}", "data: core.sort: the field `nothing` of `nothing` is not defined"),
        ],
    );
    check(
        "core.limit",
        &over,
        &[
            ("{input: [1, 2, 3], count: 2}", json!([1, 2])),
            ("{input: [1, 2, 3], count: 2, offset: 2}", json!([3])),
            ("{input: [1, 2, 3], count: \"{{ n }}\", offset: 9}", json!([])),
            ("{input: [1, 2, 3], count: 0}", json!([])),
        ],
    );
    fails(
        "core.limit",
        &over,
        &[
            ("{input: [1], count: \"{{ minus }}\"}", "data: core.limit: `count` has to be at least 0"),
            ("{input: [1], count: \"{{ rows }}\"}", "data: core.limit: `count` has to be a whole number and is a list"),
        ],
    );
}

#[test]
fn hashes_are_those_of_the_standard() {
    check(
        "core.crypto",
        &json!({"t": "abc"}),
        &[
            ("{operation: hash, input: \"{{ t }}\"}", json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
            (
                "{operation: hash, input: abc, algorithm: sha512}",
                json!(
                    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
                ),
            ),
            ("{operation: hash, input: abc, encoding: base64}", json!("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")),
        ],
    );
    fails(
        "core.crypto",
        &json!({"n": 3, "many": 5000}),
        &[
            ("{operation: hash, input: \"{{ n }}\"}", "data: core.crypto: `input` has to be text and is a number"),
            ("{operation: random_bytes, input: \"{{ many }}\"}", "data: core.crypto: `input` has to be from 1 to 1024"),
        ],
    );
}

#[test]
fn chance_is_made_of_the_run_and_the_step() {
    let bytes = |inputs: &str| give(&action("core.crypto", inputs), json!({})).unwrap().as_str().unwrap().to_owned();
    assert_eq!(bytes("{operation: random_bytes}").len(), 64);
    assert_eq!(bytes("{operation: random_bytes, input: 3}").len(), 6);
    assert_eq!(bytes("{operation: random_bytes, input: 100}"), bytes("{operation: random_bytes, input: 100}"));
    assert_eq!(bytes("{operation: random_bytes, input: 3, encoding: base64}").len(), 4);
    assert_eq!(bytes("{operation: uuid}").len(), 36);
}

#[test]
fn some_steps_give_next_to_nothing() {
    assert_eq!(give("action: workflow.noop", json!({})), Ok(Value::Null));
    assert_eq!(give("action: workflow.timestamp", json!({})), Ok(json!(START.to_string())));
    assert_eq!(give(&action("core.log", "{message: hello}"), json!({})), Ok(Value::Null));
}

#[test]
fn a_step_may_fail_the_run_with_a_message_and_a_code() {
    fails(
        "workflow.fail",
        &json!({"n": 3}),
        &[("{message: \"only {{ n }} left\", code: out_of_stock}", "out_of_stock: only 3 left"), ("{message: no}", "failed: no")],
    );
    let go_on = "action: workflow.fail\ninputs: {message: no, code: budget}\non_error: continue";
    let desk = crate::desk::Desk::start(super::plan(go_on, &json!({})), json!({}));
    assert_eq!(desk.output("it"), json!({"error": {"code": "budget", "message": "no", "step": "it"}}));
    // Whatever its code, nobody's budget was exceeded.
    let audited: Vec<_> = desk.journal.iter().filter_map(|(_, event)| workflow::core::audit::of(event)).map(|event| event.action).collect();
    assert_eq!(audited, ["workflow.completed"]);
}

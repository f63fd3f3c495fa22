//! Graphs: what is accepted, the plan it becomes, and every error at its place.

use workflow::{parse::parse, plan::StepKind};

use crate::{errors, example, hints, plan};

/// A graph with one node `a` and the smallest state, of which one part is replaced: `nodes` begin on line 4, `edges` follow them.
fn with(fields: &str, nodes: &str, edges: &str) -> String {
    format!("schema_version: \"1.0\"\nflow: {{name: Demo flow}}\nstate: {{fields: {{{fields}}}}}\nnodes: [{nodes}]\nedges: [{edges}]\n")
}

/// The file without its marks `«` and `»`, and the place that they stand around, as a diagnostic is told.
fn marked(source: &str) -> (String, String) {
    let (before, rest) = source.split_once('«').expect("a place is marked");
    let (inside, after) = rest.split_once('»').expect("the mark is closed");
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    let line = before.matches('\n').count() + 1;
    (format!("{before}{inside}{after}"), format!("{line}:{column}+{}", inside.chars().count()))
}

/// A file with exactly one error, at the marked place.
#[track_caller]
fn slip(source: &str, expected: &str) {
    let (source, place) = marked(source);
    errors(&source, &[&format!("{place} {expected}")]);
}

const X: &str = "x: {type: str}, ok: {type: bool, default: false}, n: {type: int, default: 1}, l: {type: \"list[str]\"}";
const A: &str = "{id: a, prompt: hello}";
const ROUND: &str = "{from: START, to: a}, {from: a, to: END}";

#[test]
fn support_reply_is_exactly_this_plan() {
    let plan = plan(&example("support-reply.yaml"));
    insta::assert_json_snapshot!(plan);
}

#[test]
fn a_graph_is_the_same_plan_in_json_with_a_mark_or_with_lines_of_windows() {
    let source = example("support-reply.yaml");
    let expected = plan(&source);
    assert_eq!(plan(&format!("\u{feff}{}", source.replace('\n', "\r\n"))), expected);
    assert_eq!(plan(&format!("---\n{source}")).hash().unwrap().len(), 32);
    assert_eq!(expected.id, "support-reply");
    assert!(expected.not_yet().is_empty());
    let json = "{\"schema_version\": \"1.0\", \"flow\": {\"name\": \"j\"}, \"state\": {\"fields\": {}}, \"nodes\": [{\"id\": \"a\", \"prompt\": \"p\"}], \"edges\": [{\"from\": \"START\", \"to\": \"a\"}, {\"from\": \"a\", \"to\": \"END\"}]}";
    assert_eq!(plan(json).steps.len(), 1);
}

#[test]
fn what_a_graph_says_and_nothing_does_yet_is_named() {
    let nodes = "{id: a, prompt: p, tools: [search, {name: post, on_error: continue, config: {a: 1}}], memory: {enabled: true}}, \
                 {id: b, code: \"result = {{x}}\", inputs: {in: {state_ref: state.x}}, sandbox: {network: false, preset: small}, outputs: [x]}, \
                 {id: c, prompt: p, llm: {provider: openai, model: gpt, api_base: \"http://a\"}, log_prompts: true}";
    let edges = "{from: START, to: a}, {from: a, to: b}, {from: b, to: c}, {from: c, to: END}";
    let source = format!(
        "{}config: {{ab_test: {{enabled: true}}, gates: {{enabled: false}}, observability: {{mlflow: {{}}}}, memory: {{enabled: false}}}}\n",
        with(X, nodes, edges)
    );
    let plan = plan(&source);
    let named: Vec<(String, String)> = plan.not_yet().into_iter().map(|not| (not.step, not.what)).collect();
    let named: Vec<(&str, &str)> = named.iter().map(|(step, what)| (step.as_str(), what.as_str())).collect();
    assert_eq!(
        named,
        [("", "`config.ab_test`"), ("a", "`memory`"), ("c", "`api_base`"), ("a", "a prompt with `tools`"), ("b", "script.execute"),]
    );
    assert_eq!(plan.graph.nodes.len(), 3);
    let StepKind::Script(script) = &plan.steps[1].kind else { panic!("code is a script") };
    assert_eq!(script.code.as_ref().unwrap().source(), "result = {{ '{' }}{x}}");
    let StepKind::Model(model) = &plan.steps[2].kind else { panic!("a prompt is a model's") };
    assert_eq!(model.model.as_deref(), Some("openai/gpt"));
}

#[test]
fn every_slip_in_the_head_and_the_state_is_told_at_its_place() {
    for (fields, expected) in [
        ("x: {type: «string»}", "unknown_type there is no type `string`; write `str`"),
        ("x: {type: «\"list[strr]\"»}", "unknown_type there is no type `strr`; did you mean `str`?"),
        (
            "x: {type: «\"dict[int, str]\"»}",
            "unknown_type there is no type `dict[int, str]`; it is one of `str`, `int`, `float`, `bool`, `list`, `dict`, `list[T]`, `dict[str, T]`, `object`",
        ),
        ("«x»: {required: true}", "key_missing the field `x` needs `type`; add `type: str`, or what else it is"),
        (
            "x: {type: str, «required»: true, default: a}",
            "required_with_default the field `x` is required and has a default: nobody would ever need to give it; remove `required` or `default`",
        ),
        ("x: {type: int, default: «a»}", "wrong_type `default` is a whole number, not `a`"),
        ("«x y»: {type: int}", "invalid_name `x y` cannot be the name of a field: a name is made of letters, digits and `_`; write `x_y`"),
        ("x: {type: str, «requierd»: true}", "unknown_key `requierd` is no key of a field of the state; did you mean `required`?"),
        (
            "x: {type: str, «schema»: {a: str}}",
            "no_meaning `schema` has no meaning here: it says what the fields of an `object` are, and this is `str`",
        ),
    ] {
        slip(&with(fields, A, ROUND), expected);
    }
    let whole = |text: &str, expected: &[&str]| errors(text, expected);
    whole(
        "flow: {name: x}\nnodes: []\nedges: []\n",
        &[
            "1:1+1 key_missing a graph needs `schema_version`; begin it with `schema_version: \"1.0\"`",
            "1:1+1 key_missing a graph needs `state`; add `state: {fields: {…}}`: what the nodes read and write",
            "2:8+1 no_steps this workflow has no nodes",
        ],
    );
    whole("nodes: [\nedges: 1\n", &["1:8+1 broken_yaml this is not valid YAML: unclosed bracket '['; close the bracket"]);
}

#[test]
fn every_slip_in_a_node_is_told_at_its_place() {
    for (node, expected) in [
        ("{id: «a»}", "key_missing [a] the node `a` needs `prompt`; add `prompt:`, or `code:`"),
        ("{id: a, prompt: p, «promt»: q}", "unknown_key [a] `promt` is no key of a node; did you mean `prompt`?"),
        ("{id: a, prompt: p, «code»: c}", "two_kinds [a] a node has either a `prompt` or `code`; make two nodes of it"),
        (
            "{id: a, prompt: \"say «{zzz}»\"}",
            "undefined_name [a] there is no input and no field of the state `zzz`; write `{{zzz}}` if the braces themselves are meant",
        ),
        ("{id: a, prompt: \"say «{state.okk}»\"}", "undefined_name [a] the state has no field `okk`; did you mean `ok`?"),
        (
            "{id: a, prompt: \"say «{x.y}»\"}",
            "undefined_name [a] `x` is `str` and has no field `y`; write `{{x.y}}` if the braces themselves are meant",
        ),
        ("{id: a, prompt: \"say «{{ x }}»\"}", "not_evaluated [a] `{{ x }}` is not evaluated in the prompt of a graph; write `{x}`"),
        ("{id: a, prompt: p, outputs: [«zzz»]}", "unknown_field [a] the state has no field `zzz`; declare it under `state.fields`"),
        ("{id: a, prompt: p, outputs: [x, «x»]}", "duplicate_key [a] `x` is named twice"),
        (
            "{id: a, prompt: p, outputs: [«x»], output_schema: {type: object, fields: [{name: x, type: int}]}}",
            "wrong_type [a] `x` is `int` in the answer and `str` in the state; give both the same type",
        ),
        (
            "{id: a, prompt: p, outputs: [«x»], output_schema: {type: object, fields: [{name: xx, type: str}]}}",
            "output_missing [a] the answer has no `x`; did you mean `xx`?",
        ),
        (
            "{id: a, prompt: p, outputs: [x, n], output_schema: {type: «str»}}",
            "wrong_type [a] an answer that is one value goes to one field of the state; write `type: object` with `fields`, or name one field under `outputs`",
        ),
        ("{id: a, prompt: \"{y}\", inputs: {y: {state_ref: «z»}}}", "unknown_field [a] the state has no field `z`; did you mean `x`?"),
        ("{id: a, prompt: p, llm: {«provider»: openai}}", "key_missing [a] a provider needs `model`; add the `model:` that is meant"),
        (
            "{id: a, prompt: p, tools: [{name: t, on_error: «retry»}]}",
            "unknown_value [a] `retry` is no value of `on_error`; it is one of `fail`, `continue`",
        ),
    ] {
        slip(&with(X, node, ROUND), expected);
    }
    errors(
        &with(X, "{id: a, prompt: p}, {id: a, prompt: q}", ROUND),
        &["4:34+1 duplicate_id the id `a` belongs to the node on line 4 already; give this node another id"],
    );
    errors(
        &with(X, "{id: END, prompt: p}", ""),
        &[
            "4:14+3 invalid_id `END` cannot be the id of a node: it begins with a letter, and letters, digits, `_` and `-` follow, 64 at most; START and END are taken; write `end`",
        ],
    );
}

#[test]
fn every_slip_in_an_edge_is_told_at_its_place() {
    for (edge, expected) in [
        ("{from: a, to: «b»}", "unknown_node there is no node `b`; did you mean `a`?"),
        ("{from: a, to: «START»}", "unknown_node there is no node `START`; nothing leads back to START"),
        ("«{»from: a}", "key_missing an edge leads somewhere; add `to:` with a node or END, `routes:`, `loop:` or `parallel:`"),
        ("{from: a, to: END, «loop»: {}}", "two_ways an edge has one of `to`, `routes`, `loop` and `parallel`"),
        (
            "{from: a, «routes»: [{condition: {logic: state.ok}, to: END}]}",
            "default_missing nothing says where to go when no route holds; add `{condition: {logic: default}, to: …}` as the last route",
        ),
        (
            "{from: a, loop: {condition_field: «x», exit_to: END}}",
            "wrong_type the field that ends a loop is `bool`, and `x` is `str`; declare it as `{type: bool, default: false}`",
        ),
        (
            "{from: a, loop: {condition_field: ok, max_iterations: «101», exit_to: END}}",
            "wrong_type `max_iterations` is a whole number from 1 to 100, not `101`",
        ),
        (
            "{from: a, parallel: {items_field: «x», target_node: a, collect_field: l}}",
            "wrong_type `items_field` names a list, and `x` is `str`",
        ),
        ("{from: a, to: «[»]}", "value_missing `to` is empty"),
    ] {
        slip(&with(X, A, &format!("{{from: START, to: a}}, {edge}")), expected);
    }
}

#[test]
fn every_slip_in_a_condition_is_told_at_its_place() {
    for (logic, expected) in [
        ("state.x", "+7 wrong_type `state.x` alone is no condition: it is `str`; compare it with a value, such as `== 'x'`"),
        ("state.n == 'a'", "+3 wrong_type `state.n` is `int` and can never equal or exceed this `str`"),
        ("state.y == 'a'", "+7 unknown_field the state has no field `y`; did you mean `x`?"),
        ("ok", "+2 undefined_name `ok` is no field of the state; write `state.ok`"),
        ("state.ok > true", "+4 wrong_type `>` compares numbers or texts"),
        ("state.ok and", "+1 invalid_expression a condition says `state.x`, or `state.x OP literal`"),
        ("(state.ok", "+1 invalid_expression this parenthesis is never closed"),
        ("state.ok state.ok", "+8 invalid_expression the condition should end here, or go on with `and` or `or`"),
        ("state.x = 'a'", "+1 invalid_expression `=` means nothing in a condition; write `==`"),
        (
            "state.x == a",
            "+1 invalid_expression a field is compared with a text in quotes, a number, `true`, `false` or `null`; write `'a'` if the text is meant",
        ),
    ] {
        let edges = format!(
            "{{from: START, to: a}}, {{from: a, routes: [{{condition: {{logic: \"{logic}\"}}, to: END}}, {{condition: {{logic: default}}, to: END}}]}}"
        );
        let parsed = parse(&with(X, A, &edges));
        let found: Vec<String> = parsed.diagnostics.iter().map(crate::line).collect();
        assert_eq!(found.len(), 1, "{logic}: {found:?}");
        assert!(found[0].starts_with("5:") && found[0].ends_with(expected), "{logic}: {found:?}");
    }
    let deep = format!("{}state.ok{}", "(".repeat(100_000), ")".repeat(100_000));
    let edges = format!(
        "{{from: START, to: a}}, {{from: a, routes: [{{condition: {{logic: \"{deep}\"}}, to: END}}, {{condition: {{logic: default}}, to: END}}]}}"
    );
    assert!(parse(&with(X, A, &edges)).plan.is_none());
    let deep = format!("{}state.ok", "not ".repeat(500));
    let edges = format!(
        "{{from: START, to: a}}, {{from: a, routes: [{{condition: {{logic: \"{deep}\"}}, to: END}}, {{condition: {{logic: default}}, to: END}}]}}"
    );
    assert_eq!(parse(&with(X, A, &edges)).diagnostics[0].code, "too_deep");
}

#[test]
fn the_shape_of_a_graph_is_checked() {
    let two = "{id: a, prompt: p}, {id: b, prompt: p}";
    for (nodes, edges, expected) in [
        (
            two,
            ROUND,
            vec![
                "4:34+1 unreachable nothing leads to the node `b`; add an edge to it, or remove it",
                "4:34+1 dead_end nothing follows the node `b`; add `{from: b, to: END}` to the edges",
            ],
        ),
        (A, "{from: START, to: a}", vec!["4:14+1 dead_end nothing follows the node `a`; add `{from: a, to: END}` to the edges"]),
        (A, "{from: a, to: END}", vec!["4:14+1 start_missing no edge leads from START to a node; add `{from: START, to: a}` to the edges"]),
        (
            two,
            "{from: START, to: a}, {from: a, to: b}, {from: b, to: a}",
            vec!["4:14+1 cycle these nodes lead back to each other, or come behind such: `a`, `b`; only the `loop` of a node goes back"],
        ),
        (
            two,
            "{from: START, to: a}, {from: a, to: b}, {from: a, routes: [{condition: {logic: default}, to: END}]}, {from: b, to: END}",
            vec!["5:56+1 two_ways `a` has another way out on line 5, and only plain edges can be several; make one edge of it"],
        ),
        (
            two,
            "{from: START, to: a}, {from: a, parallel: {items_field: l, target_node: b, collect_field: l}}, {from: b, loop: {condition_field: ok, exit_to: END}}",
            vec!["4:34+1 no_meaning `b` runs for each item of a list and cannot loop; put the loop behind a node that follows"],
        ),
    ] {
        errors(&with(X, nodes, edges), &expected);
    }
    hints(&with(X, two, "{from: START, to: a}, {from: START, to: b}, {from: a, to: END}, {from: b, to: END}"), &[]);
}

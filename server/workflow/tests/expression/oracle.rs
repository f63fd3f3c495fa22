//! What this language and Jinja both mean alike is compared with minijinja on random input: precedence
//! above all, so the generators write operators side by side, without parentheses. Where the two differ on
//! purpose (the rules in `workflow::expression`) the generators do not go: no nulls, booleans or lists in text, no
//! halves to round, no negative divisors.

use std::collections::BTreeMap;

use minijinja::{Environment, ErrorKind, UndefinedBehavior, value::ValueKind};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use workflow::expression::{EvaluationError, Expression, Limits, Template};

fn names() -> Map<String, Value> {
    let names = json!({
        "n": 7, "m": -3, "f": 2.25, "t": true, "u": false, "s": "Some text", "w": "b",
        "l": [3, 1, 2, 1], "e": [], "ws": ["pear", "Apple", "fig"],
        "o": {"a": 5, "b": {"c": "deep"}},
        "rows": [{"k": "x", "v": 2, "ok": true}, {"k": "y", "v": 1, "ok": false}, {"k": "x", "v": 3, "ok": true}],
    });
    match names {
        Value::Object(names) => names,
        _ => unreachable!(),
    }
}

fn oracle() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
}

/// A value for the oracle.
fn theirs(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => minijinja::Value::from(()),
        Value::Bool(truth) => minijinja::Value::from(*truth),
        Value::Number(number) => number.as_i64().map_or_else(|| minijinja::Value::from(number.as_f64().unwrap()), minijinja::Value::from),
        Value::String(text) => minijinja::Value::from(text),
        Value::Array(items) => minijinja::Value::from(items.iter().map(theirs).collect::<Vec<_>>()),
        Value::Object(fields) => {
            minijinja::Value::from(fields.iter().map(|(key, value)| (key.clone(), theirs(value))).collect::<BTreeMap<_, _>>())
        }
    }
}

/// A value of the oracle. None of the generators makes objects.
fn ours(value: &minijinja::Value) -> Value {
    match value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => Value::from(value.as_i64().unwrap()),
        ValueKind::Number => Value::from(f64::try_from(value.clone()).unwrap()),
        ValueKind::String => Value::from(value.as_str().unwrap()),
        _ => Value::Array(value.try_iter().unwrap().map(|item| ours(&item)).collect()),
    }
}

/// Compares the values of an expression. Both may refuse it; one alone may not.
fn agree(source: &str) -> Result<(), TestCaseError> {
    let expected =
        oracle().compile_expression(source).and_then(|expression| expression.eval(theirs(&Value::Object(names())))).and_then(|value| {
            match value.kind() {
                ValueKind::Undefined => Err(ErrorKind::UndefinedError.into()),
                _ => Ok(ours(&value)),
            }
        });
    let expression = Expression::parse(source).map_err(|error| TestCaseError::fail(format!("{source}: {error}")))?;
    same(source, expression.evaluate(&names(), &Limits::default()), expected)
}

fn same(source: &str, ours: Result<Value, EvaluationError>, theirs: Result<Value, minijinja::Error>) -> Result<(), TestCaseError> {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs, "{}", source),
        (Err(_), Err(_)) => {}
        (ours, theirs) => return Err(TestCaseError::fail(format!("{source}: ours {ours:?}, theirs {theirs:?}"))),
    }
    Ok(())
}

fn one_of(words: &[&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(words.to_vec()).prop_map(str::to_owned).boxed()
}

/// Operands of one kind with operators between them.
fn chain(operand: BoxedStrategy<String>, operators: &'static [&'static str], times: std::ops::Range<usize>) -> BoxedStrategy<String> {
    (operand.clone(), prop::collection::vec((prop::sample::select(operators), operand), times))
        .prop_map(|(first, rest)| rest.into_iter().fold(first, |source, (operator, operand)| format!("{source} {operator} {operand}")))
        .boxed()
}

/// Expressions of each kind of value, `depth` parentheses deep.
struct Kinds {
    number: BoxedStrategy<String>,
    text: BoxedStrategy<String>,
    truth: BoxedStrategy<String>,
    list: BoxedStrategy<String>,
}

fn kinds(depth: u32) -> Kinds {
    let mut kinds = Kinds {
        number: one_of(&["0", "1", "2", "5", "n", "m", "f", "0.5", "-4", "-n", "o.a", "o['a']", "l[0]", "l[-1]", "rows[1].v"]),
        text: one_of(&["'a'", "'Bc'", "''", "s", "w", "o.b.c", "o['b']['c']", "ws[1]", "s[1:4]", "'it\\'s'", "\"x\\n\""]),
        truth: one_of(&["true", "false", "t", "u", "rows[0].ok"]),
        list: one_of(&[
            "l",
            "[1, 2]",
            "l[1:]",
            "l[::-1]",
            "l[:-1]",
            "[n, m]",
            "[5]",
            "[2, 2, 3,]",
            "l | select('odd')",
            "l | reject('even') | list",
        ]),
    };
    for _ in 0..depth {
        kinds = deeper(&kinds);
    }
    kinds
}

fn deeper(inner: &Kinds) -> Kinds {
    let Kinds { number, text, truth, list } = inner;
    let whole = one_of(&["1", "2", "3", "n", "m", "o.a", "l[1]"]);
    let numbers = prop_oneof![
        4 => number.clone(),
        1 => number.clone().prop_map(|number| format!("({number})")),
        1 => number.clone().prop_map(|number| format!("-({number})")),
        1 => (one_of(&["n", "-n", "m", "-4", "f"]), one_of(&["abs", "float", "string | length"])).prop_map(|(a, filter)| format!("{a} | {filter}")),
        1 => (list.clone(), one_of(&["sum", "length", "first", "last", "min", "max", "count"])).prop_map(|(list, filter)| format!("({list}) | {filter}")),
        1 => text.clone().prop_map(|text| format!("({text}) | length")),
        1 => (number.clone(), truth.clone(), number.clone()).prop_map(|(yes, truth, no)| format!("({yes} if {truth} else {no})")),
        1 => (whole.clone(), one_of(&["//", "%"]), one_of(&["2", "3", "5"])).prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
        1 => (whole.clone(), one_of(&["0", "1", "2"])).prop_map(|(a, b)| format!("{a} ** {b}")),
        1 => (whole, one_of(&["2", "4", "8"])).prop_map(|(a, b)| format!("{a} / {b}")),
    ]
    .boxed();
    let texts = prop_oneof![
        4 => text.clone(),
        1 => text.clone().prop_map(|text| format!("({text})")),
        1 => (text.clone(), one_of(&["upper", "lower", "capitalize", "title", "trim", "reverse", "string", "replace('e', '')", "replace('', '-')", "replace('t', 'TT')", "list | join('.')", "split(' ') | join('_')", "default('x')", "first | default('q')",]))
            .prop_map(|(text, filter)| format!("({text}) | {filter}")),
        1 => one_of(&["n ~ m", "n ~ '' ~ w", "1 ~ 2 ~ w", "ws | join(', ')", "ws | sort | join", "ws | map('upper') | join('-')", "ws | first", "rows | map(attribute='k') | unique | join", "rows | selectattr('ok') | map(attribute='v') | join(',')", "rows | rejectattr('v', 'gt', 1) | map(attribute='k') | join"])
            .prop_map(|source| format!("({source})")),
        1 => (text.clone(), truth.clone(), text.clone()).prop_map(|(yes, truth, no)| format!("({yes} if {truth} else {no})")),
    ]
    .boxed();
    let lists = prop_oneof![
        3 => list.clone(),
        1 => (list.clone(), one_of(&["sort", "sort(reverse=true)", "unique", "reverse", "list", "select('gt', 1)", "map('abs')", "batch(2) | map('length')", "slice(2) | map('length')", "select('in', [1, 2])", "map('float')"]))
            .prop_map(|(list, filter)| format!("({list}) | {filter}")),
        1 => (list.clone(), list.clone()).prop_map(|(a, b)| format!("(({a}) + ({b}))")),
        1 => (list.clone(), one_of(&["[1:]", "[:2]", "[-2:]", "[::2]", "[1:3]"])).prop_map(|(list, slice)| format!("({list}){slice}")),
        1 => (number.clone(), number.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
    ]
    .boxed();
    let number = chain(numbers, &["+", "-", "*"], 0..4);
    let text = chain(texts, &["~", "~", "+"], 0..3);
    let compared = prop_oneof![
        3 => chain(number.clone(), &["<", "<=", ">", ">=", "==", "!="], 1..3),
        1 => (text.clone(), one_of(&["==", "!=", "<", ">=", "in", "not in"]), text.clone()).prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
        1 => (number.clone(), one_of(&["in", "not in", "==", "!="]), lists.clone()).prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
        2 => truth.clone(),
        1 => truth.clone().prop_map(|truth| format!("({truth})")),
        1 => (one_of(&["n", "2", "m", "(n + 1)", "-n"]), one_of(&["is odd", "is even", "is not odd", "is divisibleby 3", "is not divisibleby(2)", "is number", "is string", "is defined", "is not none", "is gt 2", "is eq(7)", "is in [7, 2]", "is integer"]))
            .prop_map(|(a, test)| format!("{a} {test}")),
        1 => one_of(&["s is string", "l is iterable", "o is mapping", "t is boolean", "t is true", "s is upper", "w is lower", "f is float", "s is startingwith 'Some'", "o.x is defined", "o.x is undefined", "'a' in o", "'a' not in o"]),
    ]
    .boxed();
    let refused = prop_oneof![4 => compared.clone(), 1 => compared.prop_map(|truth| format!("not {truth}"))].boxed();
    Kinds { number, text, truth: chain(refused, &["and", "or"], 0..4), list: lists }
}

/// Parts of a template.
fn template(depth: u32) -> BoxedStrategy<String> {
    let Kinds { number, text, truth, .. } = kinds(1);
    let opening = one_of(&["{{ ", "{{- ", "{{"]);
    let closing = one_of(&[" }}", " -}}", "}}"]);
    let leaf = prop_oneof![
        3 => one_of(&["a", " b ", "\n", "\n  c\n", "{ }", "%}", "ü "]),
        2 => (opening.clone(), text, closing.clone()).prop_map(|(a, b, c)| format!("{a}{b}{c}")),
        1 => (opening, prop_oneof![Just("n".to_owned()), Just("l[0]".to_owned()), number.prop_filter("whole", |n| !n.contains(['.', '/', 'f']))], closing).prop_map(|(a, b, c)| format!("{a} {b} {c}")),
        1 => one_of(&["{# note #}", " {#- note -#} ", "{% raw %}{{ n }}{% endraw %}", "{% set x = n %}", "{% set n = n + 1 %}", "{%- set w = w ~ '!' -%}"]),
    ]
    .boxed();
    let parts = prop::collection::vec(leaf, 0..5).prop_map(|parts| parts.concat()).boxed();
    if depth == 0 {
        return parts;
    }
    let inner = template(depth - 1);
    prop_oneof![
        2 => parts.clone(),
        2 => (truth.clone(), inner.clone(), inner.clone()).prop_map(|(truth, yes, no)| format!("{{% if {truth} -%}}{yes}{{% else %}}{no}{{%- endif %}}")),
        1 => (truth.clone(), truth, inner.clone()).prop_map(|(a, b, body)| format!(" {{%- if {a} %}}{body}{{% elif {b} %}}second{{% endif %}} ")),
        2 => (one_of(&["l", "ws", "e", "l[1:]", "rows | map(attribute='k')", "o"]), inner.clone(), inner.clone())
            .prop_map(|(list, body, none)| format!("{{% for i in {list} %}}{{{{ i }}}}{{{{ loop.index }}}}{body}{{{{ loop.index0 }}}}/{{{{ loop.length }}}}{{% else -%}}{none}{{% endfor %}}")),
        1 => inner.clone().prop_map(|body| format!("{{% for i in l if i > 1 %}}{{{{ i }}}}{body}{{{{ loop.index }}}}{{% endfor %}}")),
        1 => inner.clone().prop_map(|body| format!("{{% for k, v in o | items if k == 'a' -%}} {{{{ k ~ v }}}}{body}{{%- endfor %}}")),
        1 => (inner.clone(), inner).prop_map(|(a, b)| a + &b),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_are_calculated_alike(source in kinds(2).number) {
        agree(&source)?;
    }

    #[test]
    fn texts_are_made_alike(source in kinds(2).text) {
        agree(&source)?;
    }

    #[test]
    fn conditions_are_decided_alike(source in kinds(2).truth) {
        agree(&source)?;
    }

    #[test]
    fn lists_are_made_alike(source in kinds(2).list) {
        agree(&source)?;
    }

    #[test]
    fn templates_are_rendered_alike(source in template(2)) {
        // A text around keeps the type of a lone expression out of it, and the last line's end in.
        let source = format!("<{source}>");
        let expected = oracle().render_str(&source, theirs(&Value::Object(names()))).map(Value::from);
        let template = Template::parse(&source).map_err(|error| TestCaseError::fail(format!("{source}: {error}")))?;
        same(&source, template.evaluate(&names(), &Limits::default()), expected)?;
    }
}

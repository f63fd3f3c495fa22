//! Expressions and templates at random of what both mean alike: precedence above all, so operators stand side by side, without
//! parentheses. Where the two differ on purpose (docs/jinja.md) the generators do not go: no nulls, booleans or lists in text, no halves
//! to round. What Jinja gives lazily is made a list before anything else is asked of it.

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::Case;

/// How many of each sort.
const EACH: usize = 150;

/// Others in every run; a disagreement prints the source, which then belongs into `alike.txt`.
pub(super) fn made() -> Vec<Case> {
    let mut runner = TestRunner::default();
    let Kinds { number, text, truth, list } = kinds(2);
    let mut cases = Vec::new();
    for (strategy, is_template) in [(number, false), (text, false), (truth, false), (list, false), (template(2), true)] {
        for _ in 0..EACH {
            let source = strategy.new_tree(&mut runner).unwrap().current();
            cases.push(Case { line: 0, context: "made".to_owned(), is_template, source, refused: false });
        }
    }
    cases
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
            "l | select('odd') | list",
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
        1 => (text.clone(), one_of(&["upper", "lower", "capitalize", "title", "trim", "reverse", "string", "replace('e', '')", "replace('', '-')", "replace('t', 'TT')", "list | join('.')", "default('x')", "first | default('q')",]))
            .prop_map(|(text, filter)| format!("({text}) | {filter}")),
        1 => one_of(&["n ~ m", "n ~ '' ~ w", "1 ~ 2 ~ w", "ws | join(', ')", "ws | sort | join", "ws | map('upper') | join('-')", "ws | first", "rows | map(attribute='k') | unique | join", "rows | selectattr('ok') | map(attribute='v') | join(',')", "rows | rejectattr('v', 'gt', 1) | map(attribute='k') | join"])
            .prop_map(|source| format!("({source})")),
        1 => (text.clone(), truth.clone(), text.clone()).prop_map(|(yes, truth, no)| format!("({yes} if {truth} else {no})")),
    ]
    .boxed();
    let lists = prop_oneof![
        3 => list.clone(),
        1 => (list.clone(), one_of(&["sort", "sort(reverse=true)", "unique", "reverse", "list", "select('gt', 1)", "map('abs')", "batch(2) | map('length')", "slice(2) | map('length')", "select('in', [1, 2])", "map('float')"]))
            .prop_map(|(list, filter)| format!("({list}) | {filter} | list")),
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
        1 => one_of(&["s is string", "l is iterable", "o is mapping", "t is boolean", "t is true", "s is upper", "w is lower", "f is float", "o.x is defined", "o.x is undefined", "'a' in o", "'a' not in o"]),
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

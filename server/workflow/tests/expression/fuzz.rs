//! Any text, and texts made to be nearly right, against the reader and the evaluator: neither panics, both end within their limits,
//! and what holds of one way to write a thing holds of the others. `make fuzz` runs this for as long as one likes.

use std::{borrow::Cow, cell::RefCell, collections::BTreeSet, sync::LazyLock};

use proptest::prelude::*;
use serde_json::{Map, Value};
use workflow::expression::{EvaluationError, Expression, Limits, Lookup, Scope, Template, filter_names, parse_condition, test_names};

use crate::{jinja, limits::scope};

/// How many texts of each sort: few beside the other tests, as many as `FUZZ_CASES` says in `make fuzz`.
fn cases() -> u32 {
    std::env::var("FUZZ_CASES").ok().map_or(250, |cases| cases.parse().expect("FUZZ_CASES is a number"))
}

/// The names, and which of them were asked for.
struct Watched {
    names: &'static Map<String, Value>,
    asked: RefCell<BTreeSet<String>>,
}

impl Scope for Watched {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.names.get(name).map_or(Lookup::Unknown, |value| Lookup::Found(Cow::Borrowed(value)))
    }

    fn now(&self) -> Option<i64> {
        Some(1_795_257_663_112_000)
    }

    fn uuid(&self, call_index: u32) -> Option<String> {
        Some(format!("uuid-{call_index}"))
    }
}

fn watched() -> Watched {
    static NAMES: LazyLock<Map<String, Value>> = LazyLock::new(names);
    Watched { names: &NAMES, asked: RefCell::default() }
}

/// Small values beside the large ones, so that most expressions have something to work on.
fn names() -> Map<String, Value> {
    let mut names = scope();
    for context in ["plain", "order"] {
        names.extend(jinja::names(context));
    }
    names
}

const OPERANDS: &[&str] = &[
    "1",
    "2.5",
    "0",
    "-1",
    "9223372036854775807",
    "1e308",
    "'a'",
    "''",
    "'2026-01-31'",
    "'upper'",
    "'odd'",
    "'ß\u{301}日本'",
    "s",
    "n",
    "f",
    "yes",
    "z",
    "l",
    "o",
    "object",
    "object.b.c",
    "hundred",
    "numbers",
    "words",
    "long",
    "people",
    "invoice.lines",
    "nope",
    "true",
    "none",
    "now()",
    "uuid()",
    "[]",
    "{}",
    "[1, 'a', none]",
    "{'k': 1}",
    "o.x",
    "nothing.a.b",
    "/a+/i",
];
const OPERATORS: &[&str] =
    &["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "=~", "!~", "in", "not in", "and", "or", "if", "else"];
const SIGNS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ".",
    "|",
    "=",
    "is",
    "not",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{%-",
    "-%}",
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "x",
    "in",
    "endfor",
    "set",
    "raw",
    "endraw",
    "attribute=",
    "default=",
    "ü",
    "\u{0}",
    "\\",
    "\"",
    "'",
    "\n",
    "$",
    "!",
    "&",
    ";",
    "\u{202e}",
];

fn word(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(words).prop_map(str::to_owned)
}

fn filter() -> impl Strategy<Value = String> {
    prop::sample::select(filter_names().collect::<Vec<_>>()).prop_map(str::to_owned)
}

fn test() -> impl Strategy<Value = String> {
    prop::sample::select(test_names().filter(|name| name.chars().all(char::is_alphabetic)).collect::<Vec<_>>()).prop_map(str::to_owned)
}

/// Words and signs of the language, and some of neither, in any order.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => word(OPERANDS),
        2 => word(OPERATORS),
        3 => word(SIGNS),
        1 => filter().prop_map(|name| format!("|{name}")),
        1 => test().prop_map(|name| format!("is {name}")),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|words| words.join(" "))
}

/// Expressions that are written rightly, whatever they mean.
fn written() -> impl Strategy<Value = String> {
    word(OPERANDS).prop_filter("an operand", |operand| !operand.starts_with('/')).prop_recursive(6, 40, 4, |inner| {
        let arguments = prop::collection::vec(inner.clone(), 0..3).prop_map(|arguments| arguments.join(", "));
        prop_oneof![
            4 => (inner.clone(), prop::sample::select(&OPERATORS[..20]), inner.clone()).prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
            2 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(yes, condition, no)| format!("{yes} if {condition} else {no}")),
            2 => inner.clone().prop_map(|inner| format!("({inner})")),
            1 => inner.clone().prop_map(|inner| format!("not {inner}")),
            1 => inner.clone().prop_map(|inner| format!("-{inner}")),
            4 => (inner.clone(), filter(), arguments.clone()).prop_map(|(input, filter, arguments)| format!("({input}) | {filter}({arguments})")),
            1 => (inner.clone(), filter()).prop_map(|(input, filter)| format!("{input} | {filter}")),
            1 => (inner.clone(), filter(), inner.clone()).prop_map(|(input, filter, argument)| format!("[{input}] | map('{filter}', {argument})")),
            1 => (inner.clone(), test()).prop_map(|(input, test)| format!("{input} is {test}")),
            1 => (inner.clone(), test(), inner.clone()).prop_map(|(input, test, argument)| format!("{input} is not {test}({argument})")),
            1 => (inner.clone(), test(), inner.clone()).prop_map(|(input, test, argument)| format!("{input} | select('{test}', {argument})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(base, index)| format!("({base})[{index}]")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(base, from, to)| format!("({base})[{from}:{to}]")),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            1 => (inner.clone(), inner).prop_map(|(a, b)| format!("{{'a': {a}, 'b': {b}}}")),
        ]
    })
}

/// Templates that are written rightly, of such expressions.
fn composed() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![Just("text\n".to_owned()), written().prop_map(|source| format!("{{{{ {source} }}}}"))];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (written(), inner.clone(), inner.clone())
                .prop_map(|(condition, yes, no)| format!("{{% if {condition} %}}{yes}{{% else %}}{no}{{% endif %}}")),
            (prop::sample::select(&["l", "hundred", "people", "o", "numbers"][..]), inner.clone())
                .prop_map(|(list, body)| format!("{{% for n in {list} -%}}{body}{{{{ loop.index }}}}{{% endfor %}}")),
            (written(), inner.clone()).prop_map(|(value, rest)| format!("{{% set n = {value} %}}{rest}")),
            (inner.clone(), inner).prop_map(|(a, b)| a + &b),
        ]
    })
}

/// What Jinja and we mean alike, damaged.
fn changed() -> impl Strategy<Value = String> {
    let known: Vec<String> = jinja::alike().into_iter().map(|case| case.source).collect();
    let piece = prop_oneof![word(OPERANDS), word(OPERATORS), word(SIGNS), filter(), prop::sample::select(known.clone())];
    let changes = prop::collection::vec((0_usize..200, 0_usize..12, piece), 1..6);
    (prop::sample::select(known), changes).prop_map(|(source, changes)| {
        let mut signs: Vec<char> = source.chars().collect();
        for (at, removed, added) in changes {
            let at = at % (signs.len() + 1);
            let end = (at + removed).min(signs.len());
            signs.splice(at..end, added.chars());
        }
        signs.into_iter().collect()
    })
}

type Checked = Result<(), TestCaseError>;

/// What holds of every expression that can be read.
fn holds(source: &str, expression: &Expression) -> Checked {
    let limits = Limits::default();
    let scope = watched();
    let (result, next) = match expression.evaluate_numbered(&scope, &limits, 0) {
        Ok((value, next)) => (Ok(value), next),
        Err(error) => (Err(error), 0),
    };
    within_bounds(source, &result)?;
    let announced: BTreeSet<String> = expression.names().into_iter().map(|name| name.root).collect();
    let asked = scope.asked.into_inner();
    prop_assert!(asked.is_subset(&announced), "{source:?} asked for {asked:?}, and says {announced:?}");
    // The same again, from a copy and from what is stored.
    prop_assert_eq!(&expression.clone().evaluate(&watched(), &limits), &result, "{}", source);
    let stored: Expression = serde_json::from_str(&serde_json::to_string(expression).unwrap()).unwrap();
    prop_assert_eq!(&stored, expression);
    prop_assert_eq!(&stored.evaluate(&watched(), &limits), &result, "{}", source);
    // Identifiers are numbered on from where they are told to.
    if let (Ok(_), Ok((_, later))) = (&result, expression.evaluate_numbered(&watched(), &limits, 7)) {
        prop_assert_eq!(later, next + 7, "{}", source);
    }
    // Parentheses and braces around the whole change nothing. (They are a level, which may be one too many.)
    if let Ok(around) = Expression::parse(&format!("({source})")) {
        same_value(source, &around.evaluate(&watched(), &limits), &result)?;
    }
    if let Ok(lone) = Template::parse(&format!("{{{{ {source} }}}}")) {
        same_value(source, &lone.evaluate(&watched(), &limits), &result)?;
        if let Ok(known) = lone.evaluate_known(&watched(), &limits) {
            prop_assert!(known.unknown.is_empty());
            prop_assert_eq!(Ok(&known.value), result.as_ref(), "{}", source);
        }
    }
    // Less to spend gives the same, or says that it is not enough.
    for steps in [0, 3, 30, 3_000] {
        let less = expression.evaluate(&watched(), &Limits { steps, ..limits });
        prop_assert!(
            less == result || matches!(less, Err(EvaluationError::LimitExceeded { .. })),
            "{source:?} in {steps}: {less:?}, {result:?}"
        );
    }
    Ok(())
}

/// The same value, or both refused: places and the words around them differ.
fn same_value(source: &str, one: &Result<Value, EvaluationError>, other: &Result<Value, EvaluationError>) -> Checked {
    match (one, other) {
        (Ok(one), Ok(other)) => prop_assert_eq!(one, other, "{}", source),
        (one, other) => prop_assert_eq!(one.is_ok(), other.is_ok(), "{}", source),
    }
    Ok(())
}

fn within_bounds(source: &str, result: &Result<Value, EvaluationError>) -> Checked {
    match result {
        Ok(value) => prop_assert!(value.to_string().len() <= 8 * 1024 * 1024, "{source:?}"),
        Err(error) => {
            prop_assert!(source.is_char_boundary(error.offset()), "{error} at {} of {source:?}", error.offset());
            prop_assert!(!error.to_string().is_empty());
        }
    }
    Ok(())
}

/// What holds of every text.
fn survives(source: &str) -> Checked {
    for error in [Expression::parse(source).err(), Template::parse(source).err(), parse_condition(source).err()].into_iter().flatten() {
        prop_assert!(source.is_char_boundary(error.offset), "{} of {source:?}", error.offset);
        prop_assert!(!error.message.is_empty());
    }
    if let Ok(expression) = Expression::parse(source) {
        holds(source, &expression)?;
    }
    if let Ok(template) = Template::parse(source) {
        let _ = template.names();
        let result = template.evaluate(&watched(), &Limits::default());
        within_bounds(source, &result)?;
        prop_assert_eq!(&template.clone().evaluate(&watched(), &Limits::default()), &result, "{}", source);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(source in any::<String>()) {
        survives(&source)?;
    }

    #[test]
    fn any_words_in_a_row_are_survived(source in soup()) {
        survives(&source)?;
        survives(&format!("{{{{ {source} }}}}"))?;
    }

    #[test]
    fn whatever_is_written_rightly_ends_within_its_limits(source in written()) {
        survives(&source)?;
    }

    #[test]
    fn whatever_template_is_written_rightly_ends_within_its_limits(source in composed()) {
        survives(&source)?;
    }

    #[test]
    fn what_is_nearly_right_is_survived(source in changed()) {
        survives(&source)?;
    }

    #[test]
    fn text_of_values_is_never_a_template(text in prop_oneof![soup(), changed(), composed()]) {
        let names = Map::from_iter([("text".to_owned(), Value::from(text.as_str()))]);
        let limits = Limits::default();
        prop_assert_eq!(Template::parse("{{ text }}").unwrap().evaluate(&names, &limits), Ok(Value::from(text.as_str())));
        prop_assert_eq!(Template::parse("<{{ text }}>").unwrap().evaluate(&names, &limits), Ok(Value::from(format!("<{text}>"))));
        let twice = Template::parse("{% set once = '' ~ text %}{% for x in [once] %}{{ [x] | map('string') | first }}{% endfor %}").unwrap();
        prop_assert_eq!(twice.evaluate(&names, &limits), Ok(Value::from(text)));
    }
}

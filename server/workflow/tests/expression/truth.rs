//! What every operator gives for every pair of types, and every filter for every type, as texts that are committed beside this file: a
//! change of meaning is a line of a diff. `UPDATE_EXPECT=1 cargo test -p workflow` writes them anew.

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::{Map, Value, json};
use workflow::expression::{EvaluationError, Expression, Limits, filter_names, test_names};

use crate::moment::At;

/// A value of each type, as it is written.
const VALUES: [&str; 8] = ["null", "true", "false", "3", "2.5", "'ab'", "[1, 'ab']", "{'ab': 1}"];

const ARITHMETIC: [&str; 8] = ["+", "-", "*", "/", "//", "%", "**", "~"];
const COMPARISONS: [&str; 10] = ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "=~", "!~"];
const LOGIC: [&str; 2] = ["and", "or"];
/// One spelling of each test that compares with something.
const TESTS_OF_TWO: [&str; 5] = ["divisibleby", "containing", "startingwith", "endingwith", "match"];

/// What filters are tried on besides: a number and a day in a text, lists of one type.
const INPUTS: [&str; 13] = [
    "null",
    "true",
    "false",
    "3",
    "-2.5",
    "'ab'",
    "'12'",
    "'2026-01-31'",
    "[]",
    "[3, 1, 3]",
    "['b', 'A']",
    "[{'k': 2}, {'k': null}]",
    "{'b': 1, 'a': null}",
];

/// Every filter with arguments that suit it.
const FILTERS: [&str; 90] = [
    "length",
    "count",
    "default('x')",
    "default('x', true)",
    "join('-')",
    "list",
    "map('string')",
    "map(attribute='k')",
    "select",
    "select('gt', 1)",
    "reject",
    "selectattr('k', 'none')",
    "rejectattr('k', 'none')",
    "first",
    "last",
    "nth(1)",
    "sort",
    "unique",
    "flatten",
    "batch(2)",
    "slice(2)",
    "groupby('k')",
    "reverse",
    "items",
    "keys",
    "values",
    "entries",
    "pick('b')",
    "omit('b')",
    "merge({'c': 3})",
    "path('b')",
    "path('k.0', 'none')",
    "sum",
    "min",
    "max",
    "round",
    "round(-1)",
    "floor",
    "ceil",
    "abs",
    "int",
    "int(0)",
    "float",
    "float(0.5)",
    "add(1)",
    "subtract(1)",
    "multiply(2)",
    "divide(2)",
    "string",
    "upper",
    "lower",
    "capitalize",
    "title",
    "trim",
    "trim('a')",
    "replace('a', 'x')",
    "truncate(1, true, '', 0)",
    "substring(1)",
    "split('b')",
    "split",
    "slugify",
    "prefix('<')",
    "suffix('>')",
    "wordwrap(1)",
    "indent(1, true)",
    "escape",
    "urlencode",
    "contains('b')",
    "match('^a')",
    "notMatch('^a')",
    "regexReplace('a', 'x')",
    "ternary(1, 2)",
    "ternary(1, 2, 3)",
    "now",
    "format_date",
    "datetimeformat('%H')",
    "add_days(1)",
    "subtract_days(1)",
    "diff_days('2026-01-01')",
    "parse_json",
    "to_json",
    "tojson(2)",
    "is_array",
    "is_object",
    "is_string",
    "is_number",
    "is_empty",
    "is_null",
    "groupby('k', 0)",
    "sum('k')",
];

fn evaluate(source: &str) -> String {
    let expression = Expression::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    match expression.evaluate(&At(Map::new()), &Limits::default()) {
        Ok(value) => value.to_string(),
        Err(EvaluationError::TypeMismatch { .. }) => "type!".to_owned(),
        Err(EvaluationError::Arithmetic { .. }) => "arithmetic!".to_owned(),
        Err(EvaluationError::InvalidArgument { .. }) => "argument!".to_owned(),
        Err(EvaluationError::Undefined { .. }) => "undefined!".to_owned(),
        Err(other) => panic!("{source}: {other:?}"),
    }
}

/// Results with the right operands, or the only ones, across.
fn table(text: &mut String, title: &str, rows: Vec<(&str, Vec<String>)>) {
    let widths: Vec<usize> = (0..VALUES.len())
        .map(|column| rows.iter().map(|(_, row)| row[column].len()).chain([VALUES[column].len()]).max().unwrap())
        .collect();
    let first = rows.iter().map(|(name, _)| name.len()).chain([title.len()]).max().unwrap();
    let mut line = |name: &str, cells: &[&str]| {
        let cells: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(text, "{}", format!("{name:first$} | {}", cells.join("  ")).trim_end()).unwrap();
    };
    line(title, &VALUES);
    line(&"-".repeat(first), &[]);
    for (name, row) in &rows {
        line(name, &row.iter().map(String::as_str).collect::<Vec<_>>());
    }
    text.push('\n');
}

/// Left operands down, right ones across.
fn square(text: &mut String, title: &str, source: impl Fn(&str, &str) -> String) {
    let rows = VALUES.iter().map(|left| (*left, VALUES.iter().map(|right| evaluate(&source(left, right))).collect()));
    table(text, title, rows.collect());
}

/// What each value gives, those that are refused together on one line.
fn column(text: &mut String, title: &str, values: &[&str], source: impl Fn(&str) -> String) {
    writeln!(text, "{title}").unwrap();
    let mut refused: Vec<(String, Vec<&str>)> = Vec::new();
    for value in values {
        let result = evaluate(&source(value));
        if !result.ends_with('!') || result.starts_with('"') {
            writeln!(text, "    {value:24} {result}").unwrap();
        } else if let Some((_, all)) = refused.iter_mut().find(|(reason, _)| *reason == result) {
            all.push(value);
        } else {
            refused.push((result, vec![value]));
        }
    }
    for (reason, values) in refused {
        writeln!(text, "    {reason:24} {}", values.join("  ")).unwrap();
    }
    text.push('\n');
}

#[track_caller]
fn is_as_committed(name: &str, committed: &str, text: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(format!("{}/tests/expression/truth/{name}", env!("CARGO_MANIFEST_DIR")), text).unwrap();
        return;
    }
    for (number, (now, then)) in text.lines().zip(committed.lines()).enumerate() {
        assert_eq!(now, then, "line {} of {name} differs (UPDATE_EXPECT=1 writes it anew)", number + 1);
    }
    assert_eq!(text.lines().count(), committed.lines().count(), "{name} has more or fewer lines (UPDATE_EXPECT=1 writes it anew)");
}

#[test]
fn every_operator_over_every_pair_of_types_gives_what_is_written_down() {
    let mut text = "Left operands down, right operands across. `type!` and the like are errors of that sort, with a place.\n\n".to_owned();
    for operator in ARITHMETIC.into_iter().chain(COMPARISONS).chain(LOGIC) {
        square(&mut text, operator, |left, right| format!("{left} {operator} {right}"));
    }
    square(&mut text, "a[b]", |left, right| format!("({left})[{right}]"));
    square(&mut text, "a[b:]", |left, right| format!("({left})[{right}:]"));
    square(&mut text, "a[::b]", |left, right| format!("({left})[::{right}]"));
    for test in TESTS_OF_TWO {
        square(&mut text, test, |left, right| format!("{left} is {test}({right})"));
    }
    let mut unary: Vec<(String, String, String)> = [
        ("-a", "-", ""),
        ("+a", "+", ""),
        ("not a", "not ", ""),
        ("1 if a else 2", "1 if ", " else 2"),
        ("a.ab", "(", ").ab"),
        ("a.ab.c", "(", ").ab.c"),
    ]
    .into_iter()
    .map(|(title, before, after)| (title.to_owned(), before.to_owned(), after.to_owned()))
    .collect();
    let parses = |test: &str| Expression::parse(test).is_ok();
    for test in test_names().filter(|test| parses(&format!("1 is {test}")) && !parses(&format!("1 is {test}(1)"))) {
        unary.push((format!("a is {test}"), "(".to_owned(), format!(") is {test}")));
    }
    let rows = unary
        .iter()
        .map(|(title, before, after)| (title.as_str(), VALUES.map(|value| evaluate(&format!("{before}{value}{after}"))).to_vec()));
    table(&mut text, "of one", rows.collect());
    is_as_committed("operators.txt", include_str!("truth/operators.txt"), &text);
}

#[test]
fn the_tests_that_compare_say_what_the_operators_say() {
    let spellings = [
        ("==", &["eq", "equalto", "sameas"][..]),
        ("!=", &["ne"]),
        ("<", &["lt", "lessthan"]),
        ("<=", &["le"]),
        (">", &["gt", "greaterthan"]),
        (">=", &["ge"]),
        ("in", &["in"]),
    ];
    for left in VALUES {
        for right in VALUES {
            for (operator, tests) in spellings {
                let expected = evaluate(&format!("{left} {operator} {right}"));
                for test in tests {
                    assert_eq!(evaluate(&format!("{left} is {test}({right})")), expected, "{left} is {test}({right})");
                }
                if operator != "in" {
                    let chosen = evaluate(&format!("[{left}] | select('{operator}', {right}) | length"));
                    let expected = expected.replace("true", "1").replace("false", "0");
                    assert_eq!(chosen, expected, "select: {left} {operator} {right}");
                }
            }
        }
    }
}

#[test]
fn every_filter_over_every_type_gives_what_is_written_down() {
    let mut text =
        "What each filter gives. `type!` and the like are errors of that sort, with a place, for the values after them.\n\n".to_owned();
    for filter in FILTERS {
        column(&mut text, filter, &INPUTS, |value| format!("({value}) | {filter}"));
    }
    is_as_committed("filters.txt", include_str!("truth/filters.txt"), &text);
}

#[test]
fn no_filter_is_left_out_of_the_table() {
    let tried: BTreeSet<&str> = FILTERS.iter().map(|filter| filter.split('(').next().unwrap()).collect();
    assert_eq!(tried, filter_names().collect());
}

#[test]
fn the_filters_are_those_of_the_language() {
    let listed = "length count default join list map select reject selectattr rejectattr first last nth sort unique flatten batch slice groupby reverse \
                  items keys values entries pick omit merge path sum min max round floor ceil abs int float add subtract multiply divide string upper \
                  lower capitalize title trim replace truncate substring split slugify prefix suffix wordwrap indent escape urlencode contains match \
                  notMatch regexReplace ternary now format_date datetimeformat add_days subtract_days diff_days parse_json to_json tojson is_array \
                  is_object is_string is_number is_empty is_null";
    assert_eq!(listed.split_whitespace().collect::<BTreeSet<_>>(), filter_names().collect());
}

#[test]
fn numbers_are_written_as_short_as_they_are() {
    for (source, text) in [
        ("0.1", "0.1"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("1 / 3", "0.3333333333333333"),
        ("4 / 2", "2.0"),
        ("1e21", "1e+21"),
        ("1e-7", "1e-7"),
        ("-9223372036854775807 - 1", "-9223372036854775808"),
        ("100000000000000000000.0", "1e+20"),
    ] {
        assert_eq!(evaluate(source), text, "{source}");
        assert_eq!(evaluate(&format!("'' ~ ({source})")), json!(text).to_string(), "{source}");
        assert_eq!(serde_json::from_str::<Value>(text).unwrap().to_string(), text);
    }
}

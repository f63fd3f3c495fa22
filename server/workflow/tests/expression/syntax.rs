//! Reading expressions: what is refused, with its place and a suggestion, and what is known before a run.

use serde_json::{Map, Value, json};
use workflow::expression::{Expression, SyntaxError, parse_condition};

#[track_caller]
fn syntax(source: &str) -> SyntaxError {
    match Expression::parse(source) {
        Ok(_) => panic!("{source} was accepted"),
        Err(error) => error,
    }
}

#[test]
fn slips_are_named_with_their_place_and_a_suggestion() {
    for (source, offset, suggestion, part) in [
        ("", 0, None, "empty"),
        ("1 +", 3, None, "ends where a value is expected"),
        ("1 2", 2, None, "`2` stands where an operator or the end is expected"),
        ("a = 1", 2, Some("=="), "sets a name"),
        ("a && b", 2, Some("and"), "`&` means nothing"),
        ("a || b", 3, Some("or"), "`||`"),
        ("!a", 0, Some("not"), "`!` means nothing"),
        ("a | uper", 4, Some("upper"), "no filter `uper`"),
        ("a | map('uper')", 8, Some("upper"), "no filter `uper`"),
        ("a | select('evn')", 11, Some("even"), "no test `evn`"),
        ("a | truncate(10, fin='x')", 21, None, "has no argument `fin`"),
        ("a | truncate(10, lenght=3)", 24, Some("length"), "has no argument `lenght`"),
        ("a | upper(1)", 10, None, "takes nothing"),
        ("a | replace('x')", 4, None, "needs its argument `new`"),
        ("a | round(1, precision=2)", 23, None, "given twice"),
        ("a | default(value=1, 2)", 21, None, "cannot follow one with a name"),
        ("(1", 2, None, "ends where"),
        ("1)", 1, None, "closes no `(`"),
        ("[1}", 2, None, "closes no `{`"),
        ("'abc", 0, None, "never closed"),
        ("1a", 0, None, "followed by letters"),
        ("9223372036854775808", 0, None, "outside of the 64-bit integers"),
        ("1e999", 0, None, "larger than any number"),
        ("{a: 1}", 1, Some("'a'"), "stands in quotes"),
        ("1 if a", 2, Some("1 if a else ''"), "needs an `else`"),
        ("1 + not a", 4, None, "needs parentheses"),
        ("a | first.b", 9, None, "needs parentheses"),
        ("a and", 5, None, "ends where"),
        ("and a", 0, None, "`and` stands where a value"),
        ("a.", 2, None, "the name of a field"),
        ("a; b", 1, None, "`;` means nothing"),
        (r"'\u12'", 1, None, "hexadecimal"),
    ] {
        let error = syntax(source);
        assert!(error.message.contains(part), "{source}: {error}");
        assert_eq!((error.offset, error.suggestion.as_deref()), (offset, suggestion), "{source}: {error}");
    }
}

#[test]
fn a_field_is_never_a_method() {
    let error = syntax("inputs.name.upper()");
    assert_eq!(error.message, "`upper` is a field, never a method: write `| upper`");
    assert_eq!(error.offset, 12);
    assert!(syntax("'a'.__class__()").message.contains("never a method"));
    assert!(syntax("range(3)").message.contains("there is no function `range`"));
    assert!(syntax("now(1)").message.contains("takes nothing"));
    assert!(syntax("inputs['f']()").message.contains("only now() and uuid() can be called"));
    assert!(syntax("upper('a')").message.contains("`upper` is a filter"));
}

#[test]
fn a_condition_may_stand_in_braces() {
    let names = Map::from_iter([("n".to_owned(), Value::from(3))]);
    for source in ["n > 1", "{{ n > 1 }}", "  {{- n > 1 -}}\n", "{{n > 1}}", "{{ {'a': {'b': n}}.a.b > 1 }}"] {
        let condition = parse_condition(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!(condition.condition(&names), Ok(true), "{source}");
        assert_eq!(condition.source(), source);
    }
    for (source, offset) in [("{{ n }} and {{ flag }}", 7), ("{{ n > 1", 0), ("{{ }}", 2), ("{{ n > }}", 7), ("yes {{ n }}", 4)] {
        assert_eq!(parse_condition(source).expect_err(source).offset, offset, "{source}");
    }
}

#[test]
fn names_are_those_from_outside_with_their_fields() {
    for (source, expected) in [
        ("inputs.x", vec!["inputs.x"]),
        ("inputs['x'].y[0].z", vec!["inputs.x.y"]),
        ("steps.read.output.id > n and not flag", vec!["flag", "n", "steps.read.output.id"]),
        ("list | map(attribute=key) | join(sep)", vec!["key", "list", "sep"]),
        ("a[b.c] if d is gt e else {'k': f, g.h: [i]}", vec!["a", "b.c", "d", "e", "f", "g.h", "i"]),
        ("now() ~ uuid() ~ 'x'.y", vec![]),
        ("(a).b", vec!["a.b"]),
    ] {
        let names = Expression::parse(source).unwrap_or_else(|error| panic!("{source}: {error}")).names();
        assert_eq!(names.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{source}");
    }
    let offsets: Vec<usize> = Expression::parse("x + x").unwrap().names().into_iter().map(|name| name.offset).collect();
    assert_eq!(offsets, [0, 4]);
}

#[test]
fn an_expression_is_stored_as_its_text() {
    let expression = parse_condition("{{ n > 1 }}").unwrap();
    let stored = serde_json::to_value(&expression).unwrap();
    assert_eq!(stored, json!("{{ n > 1 }}"));
    assert_eq!(serde_json::from_value::<Expression>(stored).unwrap(), expression);
    assert!(serde_json::from_value::<Expression>(json!("n >")).unwrap_err().to_string().contains("ends where a value is expected"));
}

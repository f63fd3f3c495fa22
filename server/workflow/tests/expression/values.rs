//! The expression language: precedence, operators, names, and what is an error.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use workflow::expression::{EvaluationError, Expression, Limits, Lookup, Scope, SyntaxError};

/// Names as a run has them: an invoice that was read, a step that was skipped, one that has not run.
struct Run(Map<String, Value>);

impl Scope for Run {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        match name {
            "payment" => Lookup::NotYetKnown,
            _ => self.0.get(name).map_or(Lookup::Unknown, |value| Lookup::Found(Cow::Borrowed(value))),
        }
    }

    fn member(&self, name: &str, field: &str) -> Option<Lookup<'_>> {
        match (name, field) {
            ("steps", "read") => Some(Lookup::Found(Cow::Owned(json!({"status": "completed", "output": {"id": 7}})))),
            ("steps", "pay") => Some(Lookup::NotYetKnown),
            ("steps", _) => Some(Lookup::Unknown),
            _ => None,
        }
    }

    fn now(&self) -> Option<i64> {
        Some(1_795_257_663_112_000)
    }

    fn uuid(&self, call_index: u32) -> Option<String> {
        Some(format!("uuid-{call_index}"))
    }
}

fn run() -> Run {
    let names = json!({
        "invoice": {"body": {"id": "INV-7", "vendor": "Nordlicht", "total": 1840.5, "lines": [{"text": "paper", "amount": 12}]}},
        "agreement": null,
        "inputs": {"ask_above": 1000, "publish": true, "name": "Ada", "empty": ""},
        "list": [1, 2, 3, 4],
        "n": 3,
        "half": 0.5,
        "flag": true,
        "text": "Grüße",
    });
    match names {
        Value::Object(names) => Run(names),
        _ => unreachable!(),
    }
}

fn evaluate(source: &str) -> Result<Value, EvaluationError> {
    Expression::parse(source).unwrap_or_else(|error| panic!("{source}: {error}")).evaluate(&run(), &Limits::default())
}

#[track_caller]
fn check(table: &[(&str, Value)]) {
    for (source, expected) in table {
        let value = evaluate(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!(value, *expected, "{source}");
        // Equal numbers of unlike types are equal to the comparison above, but not on paper.
        assert_eq!(value.to_string(), expected.to_string(), "{source}");
    }
}

#[track_caller]
fn refuses(table: &[(&str, &str)]) {
    for (source, expected) in table {
        let error = evaluate(source).expect_err(source);
        assert_eq!(error.to_string(), *expected, "{source}");
    }
}

#[track_caller]
fn syntax(source: &str) -> SyntaxError {
    match Expression::parse(source) {
        Ok(_) => panic!("{source} was accepted"),
        Err(error) => error,
    }
}

#[test]
fn literals_are_values() {
    check(&[
        ("1", json!(1)),
        ("1_000", json!(1000)),
        ("9223372036854775807", json!(i64::MAX)),
        ("1.50", json!(1.5)),
        ("3.0", json!(3.0)),
        ("1e3", json!(1000.0)),
        ("2.5E-1", json!(0.25)),
        ("'a'", json!("a")),
        ("\"it's\"", json!("it's")),
        (r"'a\n\t\\\'\u00e9\x41'", json!("a\n\t\\'éA")),
        (r"'\d+'", json!(r"\d+")),
        ("true", json!(true)),
        ("False", json!(false)),
        ("none", json!(null)),
        ("None", json!(null)),
        ("null", json!(null)),
        ("[]", json!([])),
        ("[1, 'a', [null],]", json!([1, "a", [null]])),
        ("()", json!([])),
        ("(1,)", json!([1])),
        ("(1, 2)", json!([1, 2])),
        ("{}", json!({})),
        ("{'a': 1, 'b' ~ 'c': {'d': 2}}", json!({"a": 1, "bc": {"d": 2}})),
    ]);
}

#[test]
fn operators_bind_as_in_jinja() {
    check(&[
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("10 - 4 - 3", json!(3)),
        ("2 ** 3 ** 2", json!(64)),
        ("-2 ** 2", json!(4)),
        ("2 * 3 ** 2", json!(18)),
        ("-3 | abs", json!(3)),
        ("-half | abs", json!(0.5)),
        ("1 + -3 | abs", json!(4)),
        ("1 ~ 2 + 3 ~ 4 == '1234'", json!(true)),
        ("'a' ~ 1 + 1 ~ 'b'", json!("a11b")),
        ("1 < 2 < 3", json!(true)),
        ("1 < 3 < 2", json!(false)),
        ("not 1 == 2", json!(true)),
        ("not true or true", json!(true)),
        ("not (true or true)", json!(false)),
        ("false and false or true", json!(true)),
        ("true or false and false", json!(true)),
        ("not flag is defined", json!(false)),
        ("n is odd and n is not even", json!(true)),
        ("1 in [1, 2] and 3 not in [1, 2]", json!(true)),
        ("'a' if true else 'b' if true else 'c'", json!("a")),
        ("'a' if false else 'b' if false else 'c'", json!("c")),
        ("('a' if false else 'b') ~ 'c'", json!("bc")),
        ("1 if n == 3 and flag else 2", json!(1)),
        ("list | length > 3", json!(true)),
        ("list[1:] | length + 1", json!(4)),
    ]);
    // As in Jinja `~` is tighter than `+`, and filters and tests are tighter than both.
    refuses(&[
        ("[1, 2] + list | length", "`+` cannot be used on a list and a number"),
        ("2 * n is odd", "`*` cannot be used on a number and a boolean"),
    ]);
}

#[test]
fn arithmetic_is_checked() {
    check(&[
        ("7 / 2", json!(3.5)),
        ("8 / 2", json!(4.0)),
        ("7 // 2", json!(3)),
        ("-7 // 2", json!(-4)),
        ("7 // -2", json!(-4)),
        ("7.5 // 2", json!(3.0)),
        ("7 % 3", json!(1)),
        ("-7 % 3", json!(2)),
        ("7 % -3", json!(-2)),
        ("-7.5 % 2", json!(0.5)),
        ("2 ** 10", json!(1024)),
        ("2 ** -1", json!(0.5)),
        ("2 ** 0.5", json!(std::f64::consts::SQRT_2)),
        ("1 ** 99999999999", json!(1)),
        ("(-1) ** 99999999999", json!(-1)),
        ("1 + 1.5", json!(2.5)),
        ("0.1 + 0.2", json!(0.1 + 0.2)),
        ("'a' + 'b'", json!("ab")),
        ("[1] + [2, 3]", json!([1, 2, 3])),
        ("+n", json!(3)),
        ("- -n", json!(3)),
        ("-9223372036854775807 - 1", json!(i64::MIN)),
        ("(-9223372036854775807 - 1) % -1", json!(0)),
    ]);
    refuses(&[
        ("9223372036854775807 + 1", "the result is outside of the 64-bit integers"),
        ("9223372036854775807 * 2", "the result is outside of the 64-bit integers"),
        ("-9223372036854775807 - 2", "the result is outside of the 64-bit integers"),
        ("(-9223372036854775807 - 1) // -1", "the result is outside of the 64-bit integers"),
        ("-(-9223372036854775807 - 1)", "the result is outside of the 64-bit integers"),
        ("10 ** 19", "the result is outside of the 64-bit integers"),
        ("1e308 * 10", "the result is larger than any number here"),
        ("(-1) ** 0.5", "the result is not a number"),
        ("1 / 0", "this divides by zero"),
        ("1 // 0", "this divides by zero"),
        ("1 % 0.0", "this divides by zero"),
        ("'a' + 1", "`+` cannot be used on a text and a number; `~` joins anything as text"),
        ("[1] + 1", "`+` cannot be used on a list and a number"),
        ("'a' * 3", "`*` cannot be used on a text and a number"),
        ("true + 1", "`+` cannot be used on a boolean and a number"),
        ("null + 1", "`+` cannot be used on null and a number"),
        ("-'a'", "the sign `-` stands before a number, not before a text"),
        ("+true", "the sign `+` stands before a number, not before a boolean"),
    ]);
}

#[test]
fn what_has_no_order_cannot_be_compared() {
    check(&[
        ("1 < 2.5", json!(true)),
        ("9007199254740993 > 9007199254740992.0", json!(true)),
        ("'a' < 'b'", json!(true)),
        ("'Z' < 'a'", json!(true)),
    ]);
    refuses(&[
        ("1 < 'a'", "a number cannot be compared with a text"),
        ("null > 0", "null cannot be compared with a number"),
        ("agreement.amount >= 1", "null cannot be compared with a number"),
        ("true < false", "a boolean and a boolean have no order"),
        ("[1] < [2]", "a list and a list have no order"),
        ("'10' >= 9", "a text cannot be compared with a number"),
    ]);
}

#[test]
fn anything_may_be_asked_whether_it_equals_anything() {
    check(&[
        ("1 == 1.0", json!(true)),
        ("1 == '1'", json!(false)),
        ("1 != '1'", json!(true)),
        ("true == 1", json!(false)),
        ("null == false", json!(false)),
        ("agreement == null", json!(true)),
        ("agreement.decision == 'approved'", json!(false)),
        ("[1, {'a': 2}] == [1.0, {'a': 2}]", json!(true)),
        ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", json!(true)),
        ("{'a': 1} == {'a': 1, 'b': 2}", json!(false)),
    ]);
}

#[test]
fn membership_needs_something_to_be_in() {
    check(&[
        ("2 in list", json!(true)),
        ("2.0 in list", json!(true)),
        ("'2' in list", json!(false)),
        ("'rü' in text", json!(true)),
        ("'name' in inputs", json!(true)),
        ("'x' not in inputs", json!(true)),
    ]);
    refuses(&[
        ("1 in 'a1'", "a number is looked for in a text; only a text can be in there"),
        ("1 in inputs", "a number is looked for in an object; only a text can be in there"),
        ("1 in agreement", "nothing can be in null; a list, a text or an object is wanted"),
        ("1 in 5", "nothing can be in a number; a list, a text or an object is wanted"),
    ]);
}

#[test]
fn conditions_are_booleans_or_null() {
    let truth = |source: &str| Expression::parse(source).unwrap().condition(&run());
    assert_eq!(truth("flag"), Ok(true));
    assert_eq!(truth("agreement"), Ok(false));
    assert_eq!(truth("agreement.approved"), Ok(false));
    assert_eq!(truth("not agreement"), Ok(true));
    assert_eq!(truth("agreement or flag"), Ok(true));
    for source in ["1", "''", "'yes'", "list", "inputs", "0.0", "flag and 1", "'' or flag", "not 'a'", "1 if n else 2"] {
        let error = truth(source).expect_err(source);
        assert!(error.to_string().ends_with("; a condition is a boolean or null"), "{source}: {error}");
    }
    refuses(&[("flag and inputs.name", "`inputs.name` is a text; a condition is a boolean or null")]);
}

#[test]
fn and_and_or_stop_as_soon_as_they_can_and_give_booleans() {
    check(&[
        ("false and 1 / 0", json!(false)),
        ("true or nothing_known", json!(true)),
        ("null or null", json!(false)),
        ("null and true", json!(false)),
        ("1 if true else 1 / 0", json!(1)),
    ]);
}

#[test]
fn fields_of_null_are_null_and_missing_fields_are_errors() {
    check(&[
        ("invoice.body.total", json!(1840.5)),
        ("invoice['body'].id", json!("INV-7")),
        ("invoice.body.lines[0].text", json!("paper")),
        ("invoice.body.lines.0.amount", json!(12)),
        ("agreement.fields.remark", json!(null)),
        ("agreement['fields'][0]", json!(null)),
        ("agreement[1:]", json!(null)),
        ("text[1]", json!("r")),
        ("text[-1]", json!("e")),
        ("list[-1]", json!(4)),
        ("steps.read.output.id", json!(7)),
        ("steps['read'].status", json!("completed")),
    ]);
    refuses(&[
        ("invoice.body.totl", "`invoice.body.totl` is not defined; `invoice.body` has id, vendor, total, lines; did you mean `total`?"),
        ("invoice.body.x.y.z", "`invoice.body.x` is not defined; `invoice.body` has id, vendor, total, lines"),
        ("list[4]", "`list[4]` is not defined; `list` has 4 items"),
        ("list[-5]", "`list[-5]` is not defined; `list` has 4 items"),
        ("list.first", "`list.first` is not defined; `list` is a list and has no fields"),
        ("text.length", "`text.length` is not defined; `text` is a text and has no fields"),
        ("n.real", "`n.real` is not defined; `n` is a number and has no fields"),
        ("{}.a", "`{}.a` is not defined; `{}` has no fields"),
        ("inputs[0]", "the fields of `inputs` are named by texts"),
        ("list[null]", "the items of `list` are numbered by integers"),
        ("invoices.body", "`invoices` is not a name known here"),
        ("steps.reed.output", "`steps.reed` is not a name known here"),
    ]);
}

#[test]
fn only_default_and_definition_tests_may_ask_for_what_is_missing() {
    check(&[
        ("invoice.body.x | default('none')", json!("none")),
        ("invoice.body.x.y[0].z | default(1)", json!(1)),
        ("invoice.body.x | default(invoice.body.y) | default('both')", json!("both")),
        ("agreement.decided_by | default('nobody was asked')", json!("nobody was asked")),
        ("inputs.empty | default('x')", json!("")),
        ("inputs.empty | default('x', true)", json!("x")),
        ("false | default(1)", json!(false)),
        ("inputs.name | default(invoice.body.nothing)", json!("Ada")),
        ("agreement | default", json!("")),
        ("invoice.body.x is defined", json!(false)),
        ("invoice.body.x is undefined", json!(true)),
        ("invoice.body.x is not defined", json!(true)),
        ("invoice.body.id is defined", json!(true)),
        ("agreement.x is defined", json!(true)),
        ("(invoice.body.x if flag else 1) | default(2)", json!(2)),
        ("[] | first | default('none')", json!("none")),
    ]);
    for source in [
        "invoice.body.x is none",
        "invoice.body.x == null",
        "invoice.body.x | upper",
        "invoice.body.x | is_null",
        "[invoice.body.x]",
        "invoice.body.x ~ ''",
        "not invoice.body.x",
        "invoice.body.x",
        "[] | first",
    ] {
        assert!(matches!(evaluate(source), Err(EvaluationError::Undefined { .. })), "{source}");
    }
}

#[test]
fn a_name_that_nothing_sets_is_an_error_whatever_asks() {
    for source in ["agrement | default('x')", "agrement.decided_by is defined", "agrement", "steps.reed | default(1)"] {
        assert!(matches!(evaluate(source), Err(EvaluationError::UnknownName { .. })), "{source}");
    }
}

#[test]
fn what_is_not_yet_known_is_an_error_of_its_own() {
    for (source, name) in [
        ("payment.body.id", "payment"),
        ("payment | default('x')", "payment"),
        ("payment is defined", "payment"),
        ("steps.pay.output", "steps.pay"),
        ("'a' ~ steps['pay']", "steps.pay"),
    ] {
        let error = evaluate(source).expect_err(source);
        assert!(matches!(&error, EvaluationError::NotYetKnown { name: found, .. } if found == name), "{source}: {error:?}");
    }
    let nowhere = Map::new();
    for (source, name) in [("now()", "now()"), ("uuid() ~ ''", "uuid()")] {
        let error = Expression::parse(source).unwrap().evaluate(&nowhere, &Limits::default()).expect_err(source);
        assert!(matches!(&error, EvaluationError::NotYetKnown { name: found, .. } if found == name), "{source}: {error:?}");
    }
}

#[test]
fn slices_are_those_of_python() {
    check(&[
        ("list[1:3]", json!([2, 3])),
        ("list[:2]", json!([1, 2])),
        ("list[-2:]", json!([3, 4])),
        ("list[::2]", json!([1, 3])),
        ("list[::-1]", json!([4, 3, 2, 1])),
        ("list[3:1:-1]", json!([4, 3])),
        ("list[5:9]", json!([])),
        ("list[-99:2]", json!([1, 2])),
        ("list[n - 1:]", json!([3, 4])),
        ("list[null:2]", json!([1, 2])),
        ("text[:3]", json!("Grü")),
        ("text[::-1]", json!("eßürG")),
    ]);
    refuses(&[
        ("list[::0]", "a slice cannot have a step of 0"),
        ("list['a':]", "the bounds of a slice are integers, not a text"),
        ("n[1:]", "a slice is taken of a list or a text, not of a number"),
    ]);
}

#[test]
fn regular_expressions_match_texts() {
    check(&[
        ("'INV-204' =~ /^INV-\\d+$/", json!(true)),
        ("'inv-204' =~ /^INV/", json!(false)),
        ("'inv-204' =~ /^INV/i", json!(true)),
        ("'a/b' =~ /a\\/b/", json!(true)),
        ("'abc' !~ /x/", json!(true)),
        ("invoice.body.id =~ '^INV'", json!(true)),
        ("not 'a' =~ /a/", json!(false)),
        ("'a' =~ /a/ and 'b' =~ /b/", json!(true)),
        ("8 / 2 / 2", json!(2.0)),
        ("(8) / 2", json!(4.0)),
        ("'x' is match(/X/i)", json!(true)),
    ]);
    refuses(&[
        ("1 =~ /1/", "a regular expression is matched with a text, not a number with a text"),
        ("agreement =~ /1/", "a regular expression is matched with a text, not null with a text"),
    ]);
    assert!(syntax("'a' =~ /(/").message.starts_with("the regular expression is not valid"));
    assert!(syntax("'a' =~ '('").message.starts_with("the regular expression is not valid"));
    assert!(syntax("'a' | match('[')").message.starts_with("the regular expression is not valid"));
    assert!(syntax("'a' =~ /a/g").message.contains("has no flag `g`"));
    assert!(syntax("(/a/)").message.contains("can only stand after"));
    assert!(syntax("'a' =~ /(?=a)/").message.contains("look-around"), "patterns that need backtracking are refused");
}

#[test]
fn tests_after_is() {
    check(&[
        ("1 is number and 1.5 is number and true is not number", json!(true)),
        ("1 is integer and 1.0 is float and 1.0 is not integer", json!(true)),
        ("'a' is string and 'a' is not sequence and 'a' is not iterable", json!(true)),
        ("list is array and list is sequence and list is iterable", json!(true)),
        ("inputs is mapping and inputs is object and inputs is iterable", json!(true)),
        ("flag is boolean and flag is true and flag is not false", json!(true)),
        ("agreement is none and agreement is null", json!(true)),
        ("4 is even and 3 is odd and 0 is even and -3 is odd", json!(true)),
        ("9 is divisibleby 3 and 9 is divisibleby(3) and 9 is not divisibleby 2", json!(true)),
        ("2 is in list and 2 is in [1, 2] and 9 is not in list", json!(true)),
        ("n is eq 3 and n is ne 4 and n is lt 4 and n is le 3 and n is gt 2 and n is ge 3", json!(true)),
        ("'' is empty and [] is empty and {} is empty and agreement is empty and list is not empty", json!(true)),
        ("'abc' is startingwith 'ab' and 'abc' is endingwith('bc') and 'abc' is containing 'b'", json!(true)),
        ("'AB' is upper and 'ab' is lower and 'Ab' is not upper and '1' is not lower", json!(true)),
        ("1 if n is defined else 2", json!(1)),
        ("n is gt 1 if true else false", json!(true)),
    ]);
    refuses(&[
        ("1.5 is even", "`is even` is about integers, not about a number"),
        ("'a' is odd", "`is odd` is about integers, not about a text"),
        ("1 is divisibleby 0", "this divides by zero"),
        ("1 is lt 'a'", "a number cannot be compared with a text"),
        ("0 is empty", "`is empty` is about texts, lists, objects and null, not about a number"),
        ("1 is startingwith 'a'", "`is startingwith` is about two texts, not about a number and a text"),
    ]);
    assert_eq!(syntax("n is evn").suggestion.as_deref(), Some("even"));
    assert!(syntax("n is divisibleby").message.contains("what `divisibleby` compares with"));
    assert!(syntax("n is divisibleby and true").message.contains("`and` stands where"));
    assert!(syntax("n is even(2)").message.contains("takes nothing"));
}

#[test]
fn numbers_are_written_as_short_as_possible() {
    check(&[
        ("1840.50 ~ ''", json!("1840.5")),
        ("3.0 ~ ''", json!("3.0")),
        ("(6 / 2) ~ ''", json!("3.0")),
        ("0.1 ~ ''", json!("0.1")),
        ("7 ~ ''", json!("7")),
        ("-0.25 ~ ''", json!("-0.25")),
        ("true ~ null ~ [1, 'a', 2.5] ~ {'k': 'v'}", json!("truenull[1,\"a\",2.5]{\"k\":\"v\"}")),
    ]);
}

#[test]
fn now_and_uuid_come_from_the_scope() {
    check(&[
        ("now()", json!("2026-11-21T10:41:03.112000Z")),
        ("[uuid(), uuid(), 'x' if true else uuid(), uuid()]", json!(["uuid-0", "uuid-1", "x", "uuid-2"])),
    ]);
    let expression = Expression::parse("uuid() ~ uuid()").unwrap();
    let (value, next) = expression.evaluate_numbered(&run(), &Limits::default(), 5).unwrap();
    assert_eq!((value, next), (json!("uuid-5uuid-6"), 7));
}

#[test]
fn errors_carry_their_place() {
    for (source, offset) in
        [("1 + invoices", 4), ("n + invoice.body.totl", 4), ("flag and (1 / 0)", 10), ("list | join(5)", 5), ("'a' ~ (text | round)", 12)]
    {
        assert_eq!(evaluate(source).expect_err(source).offset(), offset, "{source}");
    }
}

#[test]
fn messages_contain_no_values() {
    let secret = json!({"token": "s3cret-value", "list": ["s3cret-value"]});
    let Value::Object(scope) = secret else { unreachable!() };
    for source in [
        "token + 1",
        "token < 1",
        "token.x",
        "token | round",
        "list | sum",
        "token | int",
        "token | parse_json",
        "token | add_days(1)",
        "list.x",
        "not token",
    ] {
        let error = Expression::parse(source).unwrap().evaluate(&scope, &Limits::default()).expect_err(source);
        assert!(!error.to_string().contains("s3cret"), "{source}: {error}");
    }
}

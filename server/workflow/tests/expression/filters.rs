//! Every filter: what it gives and what it refuses.

use std::borrow::Cow;

use serde_json::{Value, json};
use workflow::expression::{EvaluationError, Expression, Limits, Lookup, Scope};

struct Names(Value);

impl Scope for Names {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        self.0.get(name).map_or(Lookup::Unknown, |value| Lookup::Found(Cow::Borrowed(value)))
    }

    fn now(&self) -> Option<i64> {
        Some(1_795_257_663_112_000)
    }

    fn uuid(&self, _: u32) -> Option<String> {
        None
    }
}

fn evaluate(source: &str) -> Result<Value, EvaluationError> {
    let names = Names(json!({
        "people": [
            {"name": "Bea", "age": 31, "home": {"city": "Rome"}, "tags": ["x", "y"]},
            {"name": "ada", "age": 36, "home": {"city": "Bern"}, "tags": ["y"]},
            {"name": "Cem", "age": 31, "home": null, "tags": []},
        ],
        "object": {"b": 2, "a": 1},
        "nothing": null,
        "missing": {},
    }));
    Expression::parse(source).unwrap_or_else(|error| panic!("{source}: {error}")).evaluate(&names, &Limits::default())
}

#[track_caller]
fn check(table: &[(&str, Value)]) {
    for (source, expected) in table {
        let value = evaluate(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!(value.to_string(), expected.to_string(), "{source}");
    }
}

#[track_caller]
fn refuses(table: &[(&str, &str)]) {
    for (source, part) in table {
        let error = evaluate(source).expect_err(source);
        assert!(error.to_string().contains(part), "{source}: {error}");
    }
}

#[test]
fn lists_as_a_whole() {
    check(&[
        ("[1, 2] | length", json!(2)),
        ("'Grüße' | count", json!(5)),
        ("object | length", json!(2)),
        ("[1, 'a', null, 2.0] | join", json!("1anull2.0")),
        ("[1, 2] | join(', ')", json!("1, 2")),
        ("people | join('/', attribute='name')", json!("Bea/ada/Cem")),
        ("[] | join(',')", json!("")),
        ("[1] | list", json!([1])),
        ("'ab' | list", json!(["a", "b"])),
        ("object | list", json!(["b", "a"])),
        ("[1, 2] | first", json!(1)),
        ("[1, 2] | last", json!(2)),
        ("'ab' | last", json!("b")),
        ("[1, 2, 3] | nth(1)", json!(2)),
        ("[1, 2, 3] | nth(-1)", json!(3)),
        ("([1] + []) | nth(3) | default('none')", json!("none")),
        ("[1, 2, 3] | reverse", json!([3, 2, 1])),
        ("'abc' | reverse", json!("cba")),
        ("[1, [2, [3, [4]]]] | flatten", json!([1, 2, 3, 4])),
        ("[1, [2, [3, [4]]]] | flatten(1)", json!([1, 2, [3, [4]]])),
        ("[1, [2]] | flatten(0)", json!([1, [2]])),
        ("[1, 2, 3, 4, 5] | batch(2)", json!([[1, 2], [3, 4], [5]])),
        ("[1, 2, 3] | batch(2, 'x')", json!([[1, 2], [3, "x"]])),
        ("[] | batch(2)", json!([])),
        ("[1, 2, 3, 4, 5] | slice(3)", json!([[1, 2], [3, 4], [5]])),
        ("[1, 2, 3, 4] | slice(3, 0)", json!([[1, 2], [3, 0], [4, 0]])),
    ]);
    refuses(&[
        ("5 | length", "the filter `length` takes a text, a list or an object, not a number"),
        ("nothing | length", "not null; `default` gives a value in place of null"),
        ("'ab' | join", "the filter `join` takes a list, not a text"),
        ("[1] | nth('a')", "the argument `index` of `nth` is an integer, not a text"),
        ("[] | last", "the filter `last` was given nothing to choose from"),
        ("[1] | batch(0)", "cannot divide by 0"),
        ("[1] | slice(-1)", "cannot be negative"),
        ("object | reverse", "the filter `reverse` takes a list or a text, not an object"),
    ]);
}

#[test]
fn items_are_mapped_and_chosen() {
    check(&[
        ("people | map(attribute='name')", json!(["Bea", "ada", "Cem"])),
        ("people | map(attribute='home.city')", json!(["Rome", "Bern", null])),
        ("people | map(attribute='home.city', default='-')", json!(["Rome", "Bern", "-"])),
        ("people | map(attribute='tags.0', default='-')", json!(["x", "y", "-"])),
        ("[[1, 2], [3, 4]] | map(attribute=1)", json!([2, 4])),
        ("['a', 'b'] | map('upper')", json!(["A", "B"])),
        ("['a', null] | map('default', 'x')", json!(["a", "x"])),
        ("[[1, 2], [3]] | map('join', '-')", json!(["1-2", "3"])),
        ("[1.25, 2.75] | map('round', precision=1)", json!([1.3, 2.8])),
        ("[people, people] | map('sum', attribute='age')", json!([98, 98])),
        ("[[[1]], [[2]]] | map('map', 'first')", json!([[1], [2]])),
        ("[1, 2, 3] | select('odd')", json!([1, 3])),
        ("[1, 2, 3] | reject('odd')", json!([2])),
        ("[1, 2, 3] | select('gt', 1)", json!([2, 3])),
        ("[1, 2, 3] | select('>=', 2)", json!([2, 3])),
        ("[1, 2, 3] | select('in', [2, 9])", json!([2])),
        ("[true, null, false] | select", json!([true])),
        ("[true, null, false] | reject", json!([null, false])),
        ("['INV-1', 'x'] | select('match', '^INV')", json!(["INV-1"])),
        ("people | selectattr('age', 'eq', 31) | map(attribute='name')", json!(["Bea", "Cem"])),
        ("people | rejectattr('age', 'eq', 31) | map(attribute='name')", json!(["ada"])),
        ("people | selectattr('home.city', 'none') | map(attribute='name')", json!(["Cem"])),
        ("people | selectattr('phone', 'defined')", json!([])),
        ("people | selectattr('tags', 'containing', 'y') | length", json!(2)),
    ]);
    refuses(&[
        ("people | map(attribute='nam')", "the field `nam` of `nam` is not defined"),
        ("people | map(attribute='name.first')", "`first` of `name.first` is not defined: a text has no fields"),
        ("[1] | select", "`select` without a test is about booleans, not about a number"),
        ("people | selectattr('phone')", "the field `phone` of `phone` is not defined"),
        ("['a'] | map('up' ~ 'per') | map('lo' ~ 'we')", "`map` was given the name of no filter"),
        ("['a'] | map('rou' ~ 'nd')", "the filter `round` takes a number, not a text"),
        ("['a'] | map('repl' ~ 'ace', 'a')", "the filter `replace` needs its argument `new`"),
        ("['a'] | map('upp' ~ 'er', 1)", "the filter `upper` takes fewer arguments"),
        ("[[]] | map('first')", "given nothing to choose from"),
    ]);
}

#[test]
fn items_are_ordered_and_counted() {
    check(&[
        ("[3, 1, 2.5] | sort", json!([1, 2.5, 3])),
        ("[3, 1, 2] | sort(reverse=true)", json!([3, 2, 1])),
        ("['b', 'A', 'c'] | sort", json!(["A", "b", "c"])),
        ("['b', 'a', 'C'] | sort(case_sensitive=true)", json!(["C", "a", "b"])),
        ("people | sort(attribute='name') | map(attribute='name')", json!(["ada", "Bea", "Cem"])),
        ("people | sort(attribute='age,name') | map(attribute='name')", json!(["Bea", "Cem", "ada"])),
        ("people | sort(true, false, 'age') | map(attribute='name')", json!(["ada", "Bea", "Cem"])),
        ("[2, 1, 2.0, '2'] | unique", json!([2, 1, "2"])),
        ("['a', 'A', 'b'] | unique", json!(["a", "b"])),
        ("['a', 'A'] | unique(case_sensitive=true)", json!(["a", "A"])),
        ("[{'a': 1, 'b': 2}, {'b': 2, 'a': 1.0}] | unique", json!([{"a": 1, "b": 2}])),
        ("[['a,b'], ['a', 'b']] | unique | length", json!(2)),
        ("people | unique(attribute='age') | map(attribute='name')", json!(["Bea", "ada"])),
        ("people | groupby('age') | map(attribute='grouper')", json!([31, 36])),
        ("people | groupby('age') | map(attribute='list') | map('length')", json!([2, 1])),
        ("[{'k': 'b'}, {}] | groupby('k', default='a')", json!([{"grouper": "a", "list": [{}]}, {"grouper": "b", "list": [{"k": "b"}]}])),
        ("[1, 2, 3] | sum", json!(6)),
        ("[1, 2.5] | sum", json!(3.5)),
        ("[] | sum", json!(0)),
        ("people | sum('age', start=2)", json!(100)),
        ("[3, 1.5] | min", json!(1.5)),
        ("[3, 1.5] | max", json!(3)),
        ("['b', 'A'] | min", json!("A")),
        ("people | max(attribute='age') | path('name')", json!("ada")),
        ("[] | max | default(0)", json!(0)),
    ]);
    refuses(&[
        ("[1, 'a'] | sort", "numbers and texts have no order among each other"),
        ("[null, 1] | sort", "only numbers and texts have an order, not null"),
        ("[1, 'a'] | max", "numbers and texts have no order among each other"),
        ("[1, '2'] | sum", "the filter `sum` adds numbers, not a text"),
        ("[9223372036854775807, 1] | sum", "outside of the 64-bit integers"),
        ("people | groupby('home')", "only numbers and texts have an order, not an object"),
    ]);
}

#[test]
fn objects() {
    check(&[
        ("object | items", json!([["b", 2], ["a", 1]])),
        ("object | keys", json!(["b", "a"])),
        ("object | values", json!([2, 1])),
        ("object | entries", json!([{"key": "b", "value": 2}, {"key": "a", "value": 1}])),
        ("object | pick('a', 'x')", json!({"a": 1})),
        ("object | pick(['b', 'a'])", json!({"b": 2, "a": 1})),
        ("people | pick('name') | first", json!({"name": "Bea"})),
        ("object | omit('a')", json!({"b": 2})),
        ("object | merge({'c': 3}, {'a': 9})", json!({"b": 2, "a": 9, "c": 3})),
        ("people | path('1.home.city')", json!("Bern")),
        ("people | path('[1].home.city')", json!("Bern")),
        ("people | path('2.home.city')", json!(null)),
        ("people | path('9.name', 'nobody')", json!("nobody")),
        ("people | path('9.name') | default('nobody')", json!("nobody")),
    ]);
    refuses(&[
        ("[1] | keys", "the filter `keys` takes an object, not a list"),
        ("nothing | items", "`default` gives a value in place of null"),
        ("object | pick(1)", "is the name of a field, not a number"),
        ("object | merge([1])", "the filter `merge` takes an object, not a list"),
        ("object | path('c')", "the field `c` of `c` is not defined"),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("2.5 | round", json!(3.0)),
        ("-2.5 | round", json!(-3.0)),
        ("1840.456 | round(2)", json!(1840.46)),
        ("1.21 | round(1, 'ceil')", json!(1.3)),
        ("1.29 | round(1, method='floor')", json!(1.2)),
        ("42 | round", json!(42)),
        ("1234 | round(-2)", json!(1200)),
        ("1234.5 | round(-2)", json!(1200.0)),
        ("1.5 | round(400)", json!(1.5)),
        ("1.5 | round(-400)", json!(0.0)),
        ("2.7 | floor", json!(2)),
        ("-2.1 | floor", json!(-3)),
        ("2.1 | ceil", json!(3)),
        ("7 | ceil", json!(7)),
        ("-3.5 | abs", json!(3.5)),
        ("'42' | int", json!(42)),
        ("' 42.9 ' | int", json!(42)),
        ("-2.9 | int", json!(-2)),
        ("'ff' | int(base=16)", json!(255)),
        ("'x' | int(0)", json!(0)),
        ("'x' | int(default=null)", json!(null)),
        ("nothing | int(7)", json!(7)),
        ("'1.50' | float", json!(1.5)),
        ("3 | float", json!(3.0)),
        ("'x' | float(0)", json!(0)),
        ("1 | add(2)", json!(3)),
        ("1 | subtract(2.5)", json!(-1.5)),
        ("3 | multiply(4)", json!(12)),
        ("3 | divide(4)", json!(0.75)),
    ]);
    refuses(&[
        ("'x' | int", "the filter `int` was given a text that is not an integer; `int(default)` gives one in its place"),
        ("'' | float", "was given a text that is not a number"),
        ("'inf' | float", "was given a text that is not a number"),
        ("'NaN' | int", "was given a text that is not an integer"),
        ("true | int", "takes a number or a text that is one, not a boolean"),
        ("nothing | int", "`default` gives a value in place of null"),
        ("1e300 | int", "outside of the 64-bit integers"),
        ("1e300 | floor", "outside of the 64-bit integers"),
        ("(-9223372036854775807 - 1) | abs", "outside of the 64-bit integers"),
        ("'1' | round", "the filter `round` takes a number, not a text"),
        ("1.5 | round(0, 'up')", "is common, floor or ceil"),
        ("1 | add('1')", "the argument `number` of `add` is a number, not a text"),
        ("1 | divide(0)", "divides by zero"),
        ("'1' | int(base=99)", "is 2 to 36"),
    ]);
}

#[test]
fn texts() {
    check(&[
        ("1.0 | string", json!("1.0")),
        ("'a' | string", json!("a")),
        ("[1, 'a'] | string", json!("[1,\"a\"]")),
        ("'straße' | upper", json!("STRASSE")),
        ("'ÄB' | lower", json!("äb")),
        ("'hELLO wORLD' | capitalize", json!("Hello world")),
        ("'hello big-world (now)' | title", json!("Hello Big-World (Now)")),
        ("'  a b \\n' | trim", json!("a b")),
        ("'--a-b--' | trim('-')", json!("a-b")),
        ("'a-b-c' | replace('-', '+')", json!("a+b+c")),
        ("'a-b-c' | replace('-', '', 1)", json!("ab-c")),
        ("'hello big world' | truncate(9, leeway=0)", json!("hello...")),
        ("'hello big world' | truncate(9, true, '', 0)", json!("hello big")),
        ("'hello big world' | truncate(10)", json!("hello big world")),
        ("'hello big world' | truncate(9, killwords=true)", json!("hello ...")),
        ("'Grüße' | substring(1, 3)", json!("rü")),
        ("'Grüße' | substring(2)", json!("üße")),
        ("'Grüße' | substring(-2)", json!("ße")),
        ("'Grüße' | substring(3, 1)", json!("")),
        ("'a,b,,c' | split(',')", json!(["a", "b", "", "c"])),
        ("' a  b c ' | split", json!(["a", "b", "c"])),
        ("'a b c' | split(maxsplit=1)", json!(["a", "b c"])),
        ("'a,b,c' | split(',', 1)", json!(["a", "b,c"])),
        ("'' | split(',')", json!([""])),
        ("'Über uns: Zürich & Kraków!' | slugify", json!("uber-uns-zurich-krakow")),
        ("'  --  ' | slugify", json!("")),
        ("'日本 2026' | slugify", json!("日本-2026")),
        ("'a' | prefix('x-') | suffix('-y')", json!("x-a-y")),
        ("'aaa bbb ccc' | wordwrap(7)", json!("aaa bbb\nccc")),
        ("'abcdefgh' | wordwrap(3)", json!("abc\ndef\ngh")),
        ("'abcdefgh ij' | wordwrap(3, false, '|')", json!("abcdefgh|ij")),
        ("'a\\nb\\n\\nc' | indent(2)", json!("a\n  b\n\n  c")),
        ("'a\\nb' | indent('> ', true)", json!("> a\n> b")),
        ("'a\\n\\nb' | indent(1, false, true)", json!("a\n \n b")),
    ]);
    refuses(&[
        ("1 | upper", "the filter `upper` takes a text, not a number"),
        ("nothing | trim", "`default` gives a value in place of null"),
        ("'a' | replace('a', 1)", "the argument `new` of `replace` is a text, not a number"),
        ("'abcdefghijk' | truncate(2)", "is less than the length of `end`"),
        ("'a' | truncate(-1)", "cannot be negative"),
        ("'a' | split('')", "cannot be empty"),
        ("'a' | wordwrap(0)", "is at least 1"),
        ("'a' | prefix(null)", "is a text, not null"),
    ]);
}

#[test]
fn written_forms() {
    check(&[
        ("'<a href=\"x\">&\\'' | escape", json!("&lt;a href=&#34;x&#34;&gt;&amp;&#39;")),
        ("'a b/ü&c' | urlencode", json!("a%20b%2F%C3%BC%26c")),
        ("'../admin' | urlencode", json!("..%2Fadmin")),
        ("7 | urlencode", json!("7")),
        ("{'q': 'a b', 'n': 1} | urlencode", json!("q=a%20b&n=1")),
        ("[['q', 'x'], ['q', 'y']] | urlencode", json!("q=x&q=y")),
        ("'[1, {\"a\": 2.50}]' | parse_json", json!([1, {"a": 2.5}])),
        ("'{{ 1 }}' | to_json", json!("\"{{ 1 }}\"")),
        ("object | tojson", json!("{\"b\":2,\"a\":1}")),
        ("'<b>' | tojson", json!("\"<b>\"")),
        ("[1] | to_json(indent=2)", json!("[\n  1\n]")),
    ]);
    refuses(&[
        ("'{' | parse_json", "the text is not JSON (line 1, column 1)"),
        ("nothing | urlencode", "`default` gives a value in place of null"),
        ("[1] | urlencode", "a text, an object or a list of pairs"),
        ("1 | to_json(99)", "is at most 16"),
    ]);
}

#[test]
fn patterns() {
    check(&[
        ("'INV-204' | match('^inv', 'i')", json!(true)),
        ("'INV-204' | match(/^inv/i)", json!(true)),
        ("'INV-204' | match('\\d{4}')", json!(false)),
        ("'INV-204' | notMatch('x')", json!(true)),
        ("'a1b22' | regexReplace('\\d+', '#')", json!("a#b#")),
        ("'Ada Byron' | regexReplace(/(\\w+) (\\w+)/, '$2, $1')", json!("Byron, Ada")),
        ("'aA' | regexReplace('a', 'x', flags='i')", json!("xx")),
    ]);
    refuses(&[
        ("1 | match('1')", "the filter `match` takes a text, not a number"),
        ("'a' | match('a', 'g')", "are i, m, s and x"),
        ("'a' | match('(' ~ '')", "the regular expression is not valid"),
        ("'a' | match('a{1000}{1000}' ~ '')", "needs too much memory"),
    ]);
}

#[test]
fn choices_and_questions() {
    check(&[
        ("true | ternary('a', 'b')", json!("a")),
        ("false | ternary('a', 'b')", json!("b")),
        ("nothing | ternary('a', 'b')", json!("b")),
        ("nothing | ternary('a', 'b', 'c')", json!("c")),
        ("true | ternary('a', missing.x)", json!("a")),
        ("'abc' | contains('b')", json!(true)),
        ("[1, 2] | contains(3)", json!(false)),
        ("object | contains('a')", json!(true)),
        ("[1] | is_array", json!(true)),
        ("object | is_object", json!(true)),
        ("'1' | is_string", json!(true)),
        ("'1' | is_number", json!(false)),
        ("nothing | is_null", json!(true)),
        ("'' | is_empty", json!(true)),
        ("[1] | is_empty", json!(false)),
        ("0 | default(5, true)", json!(5)),
        ("[0, 'a', null] | map('default', 1, true)", json!([1, "a", 1])),
    ]);
    refuses(&[
        ("1 | ternary('a', 'b')", "takes a boolean or null, not a number"),
        ("1 | is_empty", "takes a text, a list, an object or null, not a number"),
        ("nothing | contains(1)", "nothing can be in null"),
        ("missing.x | ternary(1, 2)", "is not defined"),
    ]);
}

#[test]
fn moments() {
    check(&[
        ("'' | now", json!("2026-11-21T10:41:03.112000Z")),
        ("nothing | now('%Y')", json!("2026")),
        ("'%H:%M' | now", json!("10:41")),
        ("'2026-01-31' | format_date", json!("2026-01-31")),
        ("'2026-01-31' | format_date('%d.%m.%Y')", json!("31.01.2026")),
        ("'2026-01-31T09:05:07Z' | format_date('DD/MM/YY HH:mm:ss')", json!("31/01/26 09:05:07")),
        ("'2026-01-05T15:05:07Z' | format_date('dddd, D MMMM YYYY [at] h:mm A')", json!("Monday, 5 January 2026 at 3:05 PM")),
        (
            "'2026-01-05T15:05:07.25Z' | format_date('%A %a %B %b %-d %e %j %u %I %p %f %s %% %F %T %R %Z %z %y')",
            json!("Monday Mon January Jan 5  5 005 1 03 PM 250000 1767625507 % 2026-01-05 15:05:07 15:05 UTC +0000 26"),
        ),
        ("'2026-01-31T09:05:07+02:00' | datetimeformat", json!("2026-01-31 07:05")),
        ("0 | datetimeformat", json!("1970-01-01 00:00")),
        ("1795257663112000 | format_date", json!("2026-11-21")),
        ("'2026-01-31' | add_days(1)", json!("2026-02-01")),
        ("'2024-02-28' | add_days(1)", json!("2024-02-29")),
        ("'2023-02-28' | add_days(1)", json!("2023-03-01")),
        ("'2026-01-31T23:30:00+01:00' | add_days(1)", json!("2026-02-01T22:30:00.000000Z")),
        ("'2026-01-01' | subtract_days(1)", json!("2025-12-31")),
        ("'2026-01-01' | add_days(0.5)", json!("2026-01-01T12:00:00.000000Z")),
        ("0 | add_days(1)", json!(86_400_000_000_i64)),
        ("'2026-03-01' | diff_days('2026-02-01')", json!(28)),
        ("'2026-02-01' | diff_days('2026-03-01')", json!(-28)),
        ("'2026-02-01T23:59:59Z' | diff_days('2026-02-01')", json!(0)),
        ("now() | diff_days('2026-11-01') > 14", json!(true)),
    ]);
    refuses(&[
        ("'2026-02-30' | format_date", "there is no such day"),
        ("'2026-13-01' | format_date", "there is no such day"),
        ("'1900-02-29' | format_date", "there is no such day"),
        ("'2026-01-31T09:05:07' | format_date", "it has no time zone; `Z` at its end says UTC"),
        ("'2026-01-31T25:00:00Z' | format_date", "there is no such time of day"),
        ("'31.01.2026' | format_date", "it is not written as"),
        ("'2026-01-31T09:05:07+99:00' | format_date", "there is no such time zone"),
        ("'2026-01-31T09:05:07.Z' | format_date", "it is not written as"),
        ("'9999-12-31' | add_days(1)", "outside of the years 1 to 9999"),
        ("'2026-01-01' | add_days(1e300)", "outside of the years 1 to 9999"),
        ("'2026-01-01' | add_days(9223372036854775807)", "outside of the years 1 to 9999"),
        ("9223372036854775807 | format_date", "outside of the years 1 to 9999"),
        ("'2026-01-01' | format_date('%Q')", "the format of a date has no `%Q`"),
        ("'2026-01-01' | format_date('jj.mm')", "the format of a date has no `j`"),
        ("true | format_date", "takes a date or a number of microseconds, not a boolean"),
        ("1.5 | format_date", "takes a date or a number of microseconds"),
        ("'2026-01-01' | diff_days(null)", "not null"),
        ("'%Y' | now('%m')", "two formats"),
    ]);
}

//! Templates: what a text with tags gives.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use workflow::expression::{EvaluationError, Limits, Lookup, Scope, Template};

/// The fields of one object, and `later` and `vars.later`, which nothing has set so far.
struct Partly(Map<String, Value>);

impl Scope for Partly {
    fn lookup(&self, name: &str) -> Lookup<'_> {
        match name {
            "later" => Lookup::NotYetKnown,
            _ => self.0.get(name).map_or(Lookup::Unknown, |value| Lookup::Found(Cow::Borrowed(value))),
        }
    }

    fn member(&self, name: &str, field: &str) -> Option<Lookup<'_>> {
        (name == "vars" && field == "later").then_some(Lookup::NotYetKnown)
    }

    fn now(&self) -> Option<i64> {
        None
    }

    fn uuid(&self, _: u32) -> Option<String> {
        None
    }
}

fn scope() -> Partly {
    let names = json!({
        "a": 1,
        "name": "Ada",
        "total": 1840.5,
        "flag": true,
        "nothing": null,
        "list": ["x", "y", "z"],
        "pairs": [["k", 1], ["l", 2]],
        "object": {"first": 1, "second": 2},
        "rows": [{"city": "Rome", "n": 1}, {"city": "Bern", "n": 2}, {"city": "Rome", "n": 3}],
        "untrusted": "{{ name }}{% if flag %}",
        "vars": {},
    });
    match names {
        Value::Object(names) => Partly(names),
        _ => unreachable!(),
    }
}

fn evaluate(source: &str) -> Result<Value, EvaluationError> {
    Template::parse(source).unwrap_or_else(|error| panic!("{source}: {error}")).evaluate(&scope(), &Limits::default())
}

#[track_caller]
fn check(table: &[(&str, Value)]) {
    for (source, expected) in table {
        assert_eq!(evaluate(source).unwrap_or_else(|error| panic!("{source}: {error}")), *expected, "{source}");
    }
}

#[test]
fn text_without_tags_is_itself() {
    for source in ["", "plain", "a } b }} { %} #}", "{ {", "${HOME}", "cred://payment-desk", "\u{feff}ü\r\n"] {
        let template = Template::parse(source).unwrap();
        assert!(template.is_literal(), "{source}");
        assert_eq!(template.evaluate(&scope(), &Limits::default()), Ok(json!(source)));
    }
    assert!(!Template::parse("{{ a }}").unwrap().is_literal());
    assert!(!Template::parse("a{# note #}").unwrap().is_literal());
}

#[test]
fn one_expression_alone_keeps_its_type() {
    check(&[
        ("{{ a }}", json!(1)),
        ("  {{- list -}}\n", json!(["x", "y", "z"])),
        ("{{ nothing }}", json!(null)),
        ("{{ object.first == 1 }}", json!(true)),
        ("{{ {'a': {'b': 1}} }}", json!({"a": {"b": 1}})),
        ("{{ '}}' }}", json!("}}")),
        ("{{ a }}{{ a }}", json!("11")),
        ("{{ a }}.", json!("1.")),
        ("{{ a }}{# a note #}", json!("1")),
    ]);
}

#[test]
fn values_appear_in_text_as_their_json() {
    check(&[
        ("Pay {{ total }} to {{ name }}", json!("Pay 1840.5 to Ada")),
        ("{{ flag }} {{ nothing }} {{ list }} {{ object }}", json!("true null [\"x\",\"y\",\"z\"] {\"first\":1,\"second\":2}")),
        ("{{ nothing | default('-') }}!", json!("-!")),
    ]);
}

#[test]
fn what_comes_out_is_never_evaluated_again() {
    check(&[
        ("{{ untrusted }}", json!("{{ name }}{% if flag %}")),
        ("<{{ untrusted }}>", json!("<{{ name }}{% if flag %}>")),
        ("<{{ '{{ name }}' ~ '{{' }}>", json!("<{{ name }}{{>")),
    ]);
}

#[test]
fn branches_are_taken_by_conditions() {
    check(&[
        ("{% if flag %}yes{% endif %}", json!("yes")),
        ("{% if nothing %}yes{% endif %}", json!("")),
        ("{% if a > 1 %}many{% elif a == 1 %}one{% else %}none{% endif %}", json!("one")),
        ("{% if a > 1 %}many{% elif a < 1 %}less{% else %}one{% endif %}", json!("one")),
        ("{% if a > 1 %}1{% elif a == 1 %}2{% elif 1 / 0 %}3{% endif %}", json!("2")),
        ("{% if flag %}{% if nothing %}x{% else %}y{% endif %}{% endif %}", json!("y")),
        ("{% if object.third is defined %}{{ object.third }}{% endif %}", json!("")),
    ]);
    assert!(matches!(evaluate("{% if name %}x{% endif %}"), Err(EvaluationError::TypeMismatch { offset: 6, .. })));
}

#[test]
fn loops_go_through_lists_and_names_of_fields() {
    check(&[
        ("{% for x in list %}{{ x }},{% endfor %}", json!("x,y,z,")),
        ("{% for x in [] %}{{ x }}{% else %}empty{% endfor %}", json!("empty")),
        ("{% for x in list if x != 'y' %}{{ loop.index }}{{ x }}{% endfor %}", json!("1x2z")),
        ("{% for x in list if x == 'q' %}{{ x }}{% else %}none{% endfor %}", json!("none")),
        ("{% for k in object %}{{ k }}{% endfor %}", json!("firstsecond")),
        ("{% for k, v in object | items %}{{ k }}={{ v }};{% endfor %}", json!("first=1;second=2;")),
        ("{% for k, v in pairs %}{{ k }}{{ v }}{% endfor %}", json!("k1l2")),
        ("{% for g in rows | groupby('city') %}{{ g.grouper }}:{{ g.list | length }} {% endfor %}", json!("Bern:1 Rome:2 ")),
        ("{% for city, group in rows | groupby('city') %}{{ city }}{{ group | sum('n') }} {% endfor %}", json!("Bern2 Rome4 ")),
        (
            "{% for x in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
            json!("10truefalse3 21falsefalse3 32falsetrue3 "),
        ),
        (
            "{% for x in list[:2] %}{% for y in [1, 2] %}{{ x }}{{ y }}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}",
            json!("x11x221 y11y222 "),
        ),
    ]);
    for (source, part) in [
        ("{% for x in nothing %}{% endfor %}", "not null; `default([])` makes it an empty one"),
        ("{% for x in name %}{% endfor %}", "not a text"),
        ("{% for x, y in list %}{% endfor %}", "takes items apart into 2, but one of them is a text"),
        ("{% for x, y, z in pairs %}{% endfor %}", "one of them is a list of 2"),
    ] {
        let error = evaluate(source).expect_err(source);
        assert!(error.to_string().contains(part), "{source}: {error}");
    }
}

#[test]
fn names_that_are_set_live_as_long_as_their_loop_round() {
    check(&[
        ("{% set x = a + 1 %}{{ x }}!", json!("2!")),
        ("{% set x = 1 %}{% set x = x + 1 %}{{ x }}!", json!("2!")),
        ("{% if flag %}{% set x = 1 %}{% endif %}{{ x }}!", json!("1!")),
        ("{% if nothing %}{% set x = 1 %}{% endif %}{{ x | default('unset') }}!", json!("unset!")),
        ("{% set x = 0 %}{% for y in list %}{% set x = loop.index %}{% endfor %}{{ x }}!", json!("0!")),
        ("{% for y in list %}{{ x | default('-') }}{% set x = y %}{{ x }}{% endfor %}", json!("-x-y-z")),
        ("{% set a = 'own' %}{{ a }}!", json!("own!")),
        ("{% set o = {'a': [1, {'b': 2}]} %}{{ o.a[1].b }}!", json!("2!")),
        ("{% set name = untrusted %}{{ name }}!", json!("{{ name }}{% if flag %}!")),
    ]);
    assert!(matches!(evaluate("{{ x }}{% set x = 1 %}"), Err(EvaluationError::Undefined { offset: 3, .. })));
    assert!(matches!(evaluate("{% for x in list %}{% endfor %}{{ x }}"), Err(EvaluationError::UnknownName { .. })));
    assert!(matches!(evaluate("{% for x in list %}{% endfor %}{{ loop.index }}"), Err(EvaluationError::UnknownName { .. })));
}

#[test]
fn hyphens_take_blanks_away() {
    check(&[
        ("a {{- 1 }} b", json!("a1 b")),
        ("a {{ 1 -}} b", json!("a 1b")),
        ("a\n{%- if flag -%}\n b \n{%- endif -%}\n c", json!("abc")),
        ("a {#- note -#} b", json!("ab")),
        ("{% for x in list -%} {{ x }} {%- endfor %}", json!("xyz")),
        ("<{{-5 }}>", json!("<5>")),
        ("<{{ -5 }}>", json!("<-5>")),
        ("<{{ a -1 }}>", json!("<0>")),
    ]);
}

#[test]
fn comments_and_raw_text_are_not_looked_into() {
    check(&[
        ("a{# {{ 1 / 0 }} {% if %} #}b", json!("ab")),
        ("{% raw %}{{ a }} {% if %}{% endraw %}!", json!("{{ a }} {% if %}!")),
        ("a {%- raw -%} {{ b }} {%- endraw -%} c", json!("a{{ b }}c")),
        ("{% raw %}{% endfor %}{% endraw %}", json!("{% endfor %}")),
    ]);
}

#[test]
fn slips_in_tags_are_named_with_their_place() {
    for (source, offset, suggestion, part) in [
        ("ab {{ a", 3, None, "never closed by `}}`"),
        ("ab {% if a", 3, None, "never closed by `%}`"),
        ("ab {# a", 3, None, "never closed by `#}`"),
        ("{% raw %}a", 0, None, "never closed by `{% endraw %}`"),
        ("a{% if flag %}b", 1, None, "never closed by `{% endif %}`"),
        ("a{% for x in y %}b", 1, None, "never closed by `{% endfor %}`"),
        ("{% endif %}", 0, None, "closes nothing"),
        ("{% if a %}{% endfor %}", 10, Some("endif"), "closes a `if`"),
        ("{% else %}", 0, None, "outside of any"),
        ("{% if a %}{% else %}{% elif b %}{% endif %}", 20, None, "follows the `else`"),
        ("{% for x in y %}{% elif b %}{% endfor %}", 16, None, "cannot stand here"),
        ("{% iff a %}", 3, Some("if"), "no tag `iff`"),
        ("{% include 'a' %}", 3, None, "no tag `include`"),
        ("{% import 'a' %}", 3, None, "no tag `import`"),
        ("{% macro a() %}", 3, None, "no tag `macro`"),
        ("{% set a.b = 1 %}", 8, None, "cannot be set"),
        ("{% set a %}", 9, None, "`=` is expected"),
        ("{% set loop = 1 %}", 7, None, "a word of the language"),
        ("{% for in in a %}", 7, None, "a word of the language"),
        ("{% for x y %}", 9, None, "`in` is expected"),
        ("{% for x in y recursive %}", 14, None, "cannot be recursive"),
        ("{{ }}", 3, None, "ends where a value is expected"),
        ("x {{ a b }}", 7, None, "`b` stands where"),
        ("x {{ a | uper }}", 9, Some("upper"), "no filter"),
        ("{{ a }} {{ b.c() }}", 13, None, "never a method"),
        ("{{ $ }}", 3, None, "means nothing"),
    ] {
        let error = Template::parse(source).expect_err(source);
        assert!(error.message.contains(part), "{source}: {error}");
        assert_eq!((error.offset, error.suggestion.as_deref()), (offset, suggestion), "{source}: {error}");
    }
}

#[test]
fn evaluation_errors_carry_their_place_in_the_whole_text() {
    let source = "Größe {{ a }}\n{% if flag %}{{ name | round }}{% endif %}";
    let error = evaluate(source).unwrap_err();
    assert_eq!(&source[error.offset()..error.offset() + 7], "| round");
}

#[test]
fn names_leave_out_what_the_template_binds_itself() {
    for (source, expected) in [
        ("{{ a.b }} {% if c %}{{ d }}{% elif e %}{% else %}{{ f }}{% endif %}", vec!["a.b", "c", "d", "e", "f"]),
        ("{% for x in list if x.ok %}{{ x.y }}{{ loop.index }}{{ z }}{% else %}{{ x }}{% endfor %}", vec!["list", "x", "z"]),
        ("{% set x = y.z %}{{ x.q }}", vec!["y.z"]),
        ("{{ x }}{% set x = 1 %}{{ x }}", vec!["x"]),
        ("{% for k, v in object | items %}{{ k }}{{ v }}{% endfor %}", vec!["object"]),
        ("{{ loop.index }}", vec!["loop.index"]),
        ("{% raw %}{{ a }}{% endraw %}{# {{ b }} #}", vec![]),
    ] {
        let names = Template::parse(source).unwrap_or_else(|error| panic!("{source}: {error}")).names();
        assert_eq!(names.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{source}");
    }
}

#[test]
fn what_is_not_yet_known_keeps_the_text_of_its_expression() {
    for (source, expected, unknown) in [
        ("{{ name }}", json!("Ada"), vec![]),
        ("{{ later.id }}", json!("{{ later.id }}"), vec!["later"]),
        ("Pay {{ total }} for {{ later.id | upper }}", json!("Pay 1840.5 for {{ later.id | upper }}"), vec!["later"]),
        ("{{ name }} {{ vars.later }} {{ now() }}", json!("Ada {{ vars.later }} {{ now() }}"), vec!["now()", "vars.later"]),
        ("{{ name }}{% if later.ok %}a{% else %}b{% endif %}", json!("Ada{% if later.ok %}a{% else %}b{% endif %}"), vec!["later"]),
        ("{% for x in later %}{{ x }}{% endfor %}{{ a }}", json!("{% for x in later %}{{ x }}{% endfor %}1"), vec!["later"]),
        ("{% set x = later.id %}{{ x }}{{ a }}", json!("{% set x = later.id %}{{ x }}1"), vec!["later"]),
        (
            "{% set x = 1 %}{% if later %}{% set x = 2 %}{% endif %}{{ x }}",
            json!("{% if later %}{% set x = 2 %}{% endif %}{{ x }}"),
            vec!["later"],
        ),
        ("{% for x in list %}{{ x }}{{ later }} {% endfor %}", json!("x{{ later }} y{{ later }} z{{ later }} "), vec!["later"]),
    ] {
        let known = Template::parse(source)
            .unwrap()
            .evaluate_known(&scope(), &Limits::default())
            .unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!(known.value, expected, "{source}");
        assert_eq!(known.unknown.into_iter().collect::<Vec<_>>(), unknown, "{source}");
        let complete = Template::parse(source).unwrap().evaluate(&scope(), &Limits::default());
        assert_eq!(matches!(complete, Err(EvaluationError::NotYetKnown { .. })), !unknown.is_empty(), "{source}");
    }
    let wrong = Template::parse("{{ later }} {{ 1 / 0 }}").unwrap().evaluate_known(&scope(), &Limits::default());
    assert!(matches!(wrong, Err(EvaluationError::Arithmetic { .. })), "other errors stay errors");
}

#[test]
fn a_template_is_stored_as_its_text() {
    let template = Template::parse("Pay {{ total }}").unwrap();
    let stored = serde_json::to_value(&template).unwrap();
    assert_eq!(stored, json!("Pay {{ total }}"));
    assert_eq!(serde_json::from_value::<Template>(stored).unwrap(), template);
}

#[test]
fn a_prompt_with_parts_that_may_be_missing() {
    let source = "Invoice {{ invoice.id }} over {{ invoice.amount }} {{ invoice.currency }}.\n\
        {% if invoice.lines is defined %}Lines:\n\
        {% for line in invoice.lines %}- {{ line.text }}: {{ line.amount }}\n\
        {% endfor %}{% endif %}Agreed by {{ agreement.decided_by | default('nobody') }}.\n";
    let template = Template::parse(source).unwrap();
    let render = |invoice: Value| {
        let names = Map::from_iter([("invoice".to_owned(), invoice), ("agreement".to_owned(), Value::Null)]);
        template.evaluate(&names, &Limits::default())
    };
    assert_eq!(
        render(json!({"id": "INV-7", "amount": 1840.50, "currency": "EUR"})),
        Ok(json!("Invoice INV-7 over 1840.5 EUR.\nAgreed by nobody.\n"))
    );
    assert_eq!(
        render(
            json!({"id": "INV-8", "amount": 3, "currency": "EUR", "lines": [{"text": "ink", "amount": 1}, {"text": "paper", "amount": 2}]})
        ),
        Ok(json!("Invoice INV-8 over 3 EUR.\nLines:\n- ink: 1\n- paper: 2\nAgreed by nobody.\n"))
    );
    let slip = render(json!({"id": "INV-9", "amount": 3, "curency": "EUR"})).unwrap_err();
    assert_eq!(slip.to_string(), "`invoice.currency` is not defined; `invoice` has id, amount, curency; did you mean `curency`?");
}

//! What hostile input meets: every expression ends, within its limits, without a panic.

use serde_json::{Map, Value, json};
use workflow::expression::{
    EvaluationError, Expression, Limits, MAX_DEPTH, MAX_NODES, MAX_PATTERN_BYTES, MAX_PATTERNS, MAX_SOURCE_BYTES, MAX_VALUE_DEPTH,
    Template, parse_condition,
};

pub(crate) fn scope() -> Map<String, Value> {
    let names = json!({
        "long": "x".repeat(700_000),
        "words": "ab ".repeat(200_000),
        "numbers": (0..5_000).collect::<Vec<_>>(),
        "hundred": (0..100).collect::<Vec<_>>(),
        "texts": vec!["text"; 2_000],
        "object": {"a": 1, "b": {"c": [1, "two", null, 2.5, true]}},
        "s": "Some text", "n": 7, "f": 2.5, "t": true, "z": null, "l": [3, 1, 2],
    });
    match names {
        Value::Object(names) => names,
        _ => unreachable!(),
    }
}

fn evaluate(source: &str) -> Result<Value, EvaluationError> {
    Template::parse(source).unwrap_or_else(|error| panic!("{source}: {error}")).evaluate(&scope(), &Limits::default())
}

#[track_caller]
fn exceeds(source: &str) {
    let result = evaluate(source);
    assert!(matches!(result, Err(EvaluationError::LimitExceeded { .. })), "{source:.100}: {:.200}", format!("{result:?}"));
}

#[test]
fn nesting_is_refused_not_crashed() {
    let many = 100_000;
    for (opening, middle, closing) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{'a':", "1", "}"),
        ("not ", "true", ""),
        ("-", "1", ""),
        ("+", "1", ""),
        ("- not ", "1", ""),
        ("a[", "1", "]"),
        ("a|default(", "1", ")"),
        ("1 + (", "1", ")"),
        ("1 if t else ", "1", ""),
        ("(1 if t else ", "1", ")"),
        ("n is eq(", "1", ")"),
        ("[a[1:", "1", "]]"),
        ("{{", "1", "}}"),
    ] {
        for count in [MAX_DEPTH + 1, 1_000, many] {
            let source = format!("{}{middle}{}", opening.repeat(count), closing.repeat(count));
            let template = format!("{{{{ {source} }}}}");
            for (source, error) in [
                (&source, Expression::parse(&source).err()),
                (&source, parse_condition(&source).err()),
                (&template, Template::parse(&template).err()),
            ] {
                let error = error.unwrap_or_else(|| panic!("{opening:?} {count} times was accepted"));
                assert!(error.offset <= source.len() && source.is_char_boundary(error.offset), "{opening:?} {count} times: {error:?}");
            }
        }
    }
    for (opening, closing) in [("{% if t %}", "{% endif %}"), ("{% for x in l %}", "{% endfor %}")] {
        for count in [MAX_DEPTH + 1, 1_000, many] {
            assert!(Template::parse(&format!("{}{}", opening.repeat(count), closing.repeat(count))).is_err());
            assert!(Template::parse(&opening.repeat(count)).is_err());
        }
    }
}

#[test]
fn what_is_accepted_fits_on_a_small_stack() {
    let depth = MAX_DEPTH - 2;
    let nested = |opening: &str, middle: &str, closing: &str| format!("{}{middle}{}", opening.repeat(depth), closing.repeat(depth));
    let half = |opening: &str, middle: &str, closing: &str| format!("{}{middle}{}", opening.repeat(depth / 2), closing.repeat(depth / 2));
    let sources = [
        nested("(", "1", ")"),
        nested("[", "1", "]"),
        nested("{'a':", "1", "}"),
        nested("not ", "t", ""),
        nested("-", "1", ""),
        nested("1 if z else ", "2", ""),
        nested("z | default(", "1", ")"),
        nested("z[", "1", "]"),
        half("(1 + ", "1", ")"),
        half("(not ", "t", ")"),
        half("(z or ", "t", ")"),
        format!("{}''{}", "(not t or t and n * 2 ** 1 ~ '' == ".repeat(6), ")".repeat(6)),
    ];
    let blocks =
        format!("{}{{{{ {} }}}}{}", "{% for x in [1] %}".repeat(depth), nested("z | default(", "1", ")"), "{% endfor %}".repeat(depth));
    // A quarter of what a thread of the runtime has, in a build without optimisation.
    let on_a_small_stack = |name: String, run: Box<dyn FnOnce() + Send>| {
        std::thread::Builder::new().name(name).stack_size(512 * 1024).spawn(run).unwrap().join().unwrap();
    };
    for source in sources {
        let name = source.chars().take(40).collect();
        on_a_small_stack(
            name,
            Box::new(move || {
                let expression = Expression::parse(&source).unwrap_or_else(|error| panic!("{source}: {error}"));
                if std::env::var_os("PHASE").is_some() {
                    return;
                }
                drop(expression.names());
                expression.clone().evaluate(&scope(), &Limits::default()).unwrap_or_else(|error| panic!("{source}: {error}"));
            }),
        );
    }
    on_a_small_stack(
        "blocks".to_owned(),
        Box::new(move || {
            let template = Template::parse(&blocks).unwrap();
            drop(template.names());
            template.clone().evaluate(&scope(), &Limits::default()).unwrap();
        }),
    );
}

#[test]
fn long_chains_are_not_deep() {
    for source in [
        vec!["1"; 400].join(" + "),
        vec!["t"; 400].join(" and "),
        vec!["'a'"; 400].join(" ~ "),
        vec!["1"; 400].join(" == "),
        format!("s{}", " | upper".repeat(400)),
    ] {
        Expression::parse(&source).unwrap().evaluate(&scope(), &Limits::default()).unwrap();
    }
    let fields = format!("z{}", ".a".repeat(400));
    assert_eq!(Expression::parse(&fields).unwrap().evaluate(&scope(), &Limits::default()), Ok(json!(null)));
}

#[test]
fn size_of_the_text_is_bounded() {
    for source in [
        vec!["1"; MAX_NODES + 1].join("+"),
        format!("[{}]", "1,".repeat(MAX_NODES)),
        format!("z{}", ".a".repeat(MAX_NODES)),
        format!("s{}", "|upper".repeat(MAX_NODES)),
        vec!["'a' =~ /a/"; MAX_PATTERNS + 1].join(" and "),
        format!("'a' =~ /{}/", "a".repeat(MAX_PATTERN_BYTES + 1)),
        format!("'{}'", "a".repeat(MAX_SOURCE_BYTES)),
    ] {
        assert!(Expression::parse(&source).is_err(), "{source:.60}");
    }
    assert!(Template::parse(&"a".repeat(MAX_SOURCE_BYTES)).is_ok());
    assert!(Template::parse(&"a".repeat(MAX_SOURCE_BYTES + 1)).is_err());
    assert!(Template::parse(&"{{a}}".repeat(MAX_NODES + 1)).is_err());
    assert!(Template::parse(&"{% set a = 1 %}".repeat(MAX_NODES)).is_err());
}

#[test]
fn steps_are_bounded() {
    exceeds("{% for a in hundred %}{% for b in hundred %}{% for c in hundred %}{{ c }}{% endfor %}{% endfor %}{% endfor %}");
    exceeds("{% for a in numbers %}{{ numbers | sum }}{% endfor %}");
    exceeds("{% for a in hundred %}{{ numbers | sort | first }}{% endfor %}");
    exceeds("{% for a in numbers %}{{ 1 if a in numbers else 2 }}{% endfor %}");
    exceeds("{% for a in numbers %}{{ 1 if numbers == numbers else 2 }}{% endfor %}");
    exceeds("{% for a in hundred %}{{ long | length }}{% endfor %}");
    exceeds("{% for a in hundred %}{{ 1 if long =~ /(x+x+)+y/ else 2 }}{% endfor %}");
    exceeds("{% for a in numbers %}{{ 1 if s =~ 'a{50}' ~ a else 2 }}{% endfor %}");
    exceeds("{% for a in hundred %}{% set x = numbers | list + [a] %}{% endfor %}");
    exceeds("{% for a in numbers %}{{ long[-1] }}{% endfor %}");
    exceeds("{% for a in numbers %}{{ words is endingwith words }}{% endfor %}");
    exceeds(
        "{{ numbers | map('string') | map('list') | map('join') | map('int') | sort | list | unique | sum }}{{ numbers | map('string') | map('list') | map('join') | unique | list | length }}{{ numbers | map('string') | map('list') | map('join') | list | length }}",
    );
    let few = Limits { steps: 5, ..Limits::default() };
    let expression = Expression::parse("1 + 2 + 3 + 4 + 5").unwrap();
    assert!(matches!(expression.evaluate(&scope(), &few), Err(EvaluationError::LimitExceeded { .. })));
}

#[test]
fn results_are_bounded() {
    exceeds("{{ long ~ long }}");
    exceeds("{{ long + long }}");
    exceeds("{{ long }}{{ long }}");
    exceeds("{{ [long, long] }}");
    exceeds("{{ {'a': long, 'b': long} }}");
    exceeds("{% set x = s %}{% for a in hundred %}{% set x = x %}{% endfor %}{{ s | replace('', long) }}");
    exceeds("{{ long | replace('x', 'yy') }}");
    exceeds("{{ long | regexReplace('x', '$0$0') }}");
    exceeds("{{ long | regexReplace('x', 'yyyy') }}");
    exceeds("{{ [long, long] | join }}");
    exceeds("{{ texts | join(words) }}");
    exceeds("{{ words | split | length }}");
    exceeds("{{ words | wordwrap(3, true, long) }}");
    exceeds("{{ s | indent(2000000) }}");
    exceeds("{{ [1] | batch(900000000000, 'x') }}");
    exceeds("{{ [1] | slice(900000000000, 'x') }}");
    exceeds("{{ long | escape ~ (long | urlencode) }}");
    exceeds("{{ [long[:500000], long[:500000]] | tojson ~ s ~ long }}");
    exceeds("{{ s | prefix(long) | suffix(long) }}");
    exceeds("{{ numbers | map('default', 1) | map('string') | map('prefix', long) }}");
    exceeds("{{ (words | parse_json) if z else (long | list) }}");
}

#[test]
fn values_cannot_be_nested_without_bound() {
    let deep = format!("{}{{{{ x }}}}", "{% set x = [x] %}".repeat(MAX_VALUE_DEPTH));
    exceeds(&format!("{{% set x = 1 %}}{deep}"));
    let step = "{% set x = {'a': x} %}{% set x = [x] | batch(1) %}".repeat(MAX_VALUE_DEPTH / 2);
    exceeds(&format!("{{% set x = 1 %}}{step}"));
    let json = format!("{{{{ '{}' | parse_json }}}}", "[".repeat(10_000));
    assert!(evaluate(&json).is_err());
    assert!(evaluate(&format!("{{{{ '{}1{}' | parse_json }}}}", "[".repeat(125), "]".repeat(125))).is_err());
}

#[test]
fn filters_that_call_filters_are_bounded() {
    let maps = format!("{{{{ [{}] | map({}'first') }}}}", "l", "'map', ".repeat(300));
    assert!(evaluate(&maps).is_err());
    let nested = format!("{}l{}", "[".repeat(60), "]".repeat(60));
    assert!(evaluate(&format!("{{{{ {nested} | map({}'first') }}}}", "'map', ".repeat(200))).is_err());
}

#[test]
fn large_values_may_be_looked_into_but_not_taken_whole() {
    let mut names = scope();
    names.insert("answer".into(), json!({"id": 7, "blob": "x".repeat(3_000_000), "rows": vec![json!({"n": 1}); 20_000]}));
    for (source, expected) in
        [("{{ answer.id }}", json!(7)), ("{{ answer.rows[5].n }}", json!(1)), ("{{ answer.rows | length }}", json!(20_000))]
    {
        assert_eq!(Template::parse(source).unwrap().evaluate(&names, &Limits::default()), Ok(expected), "{source}");
    }
    for source in ["{{ answer }}", "{{ answer.blob }}", "a {{ answer.blob }}"] {
        let result = Template::parse(source).unwrap().evaluate(&names, &Limits::default());
        assert!(matches!(result, Err(EvaluationError::LimitExceeded { .. })), "{source}");
    }
}

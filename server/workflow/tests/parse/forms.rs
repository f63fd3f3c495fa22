//! The form that whoever decides fills in.

use serde_json::json;
use workflow::plan::{FormField, FormKind, StepKind, TemplateValue};

use crate::{errors, only_kind, step};

/// An approval with these lines below `fields`, the first of them on line 9.
fn form(fields: &str) -> String {
    let lines: Vec<String> = fields.lines().map(|line| format!("    {line}")).collect();
    step(&format!("id: a\napproval:\n  title: Pay?\n  fields:\n{}", lines.join("\n")))
}

fn fields(text: &str) -> Vec<FormField> {
    match only_kind(&form(text)) {
        StepKind::Approval(approval) => approval.fields,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_type_of_field_is_read_in_the_order_of_the_file() {
    let fields = fields(
        "one: {type: string}\ntwo: {type: text, label: Why, description: In a sentence, required: true}\nthree: {type: number, default: 5}\n\
         four: {type: boolean, default: false}\nfive: {type: select, options: [red, 2]}\nsix: {type: date, default: 2026-01-31}\n\
         seven: {type: email}\neight: {type: url}",
    );
    use FormKind::{Boolean, Date, Email, Number, Select, String, Text, Url};
    let kinds: Vec<FormKind> = fields.iter().map(|field| field.kind).collect();
    assert_eq!(kinds, [String, Text, Number, Boolean, Select, Date, Email, Url]);
    assert_eq!(fields[1].label.as_ref().map(workflow::expression::Template::source), Some("Why"));
    assert_eq!((fields[1].required, fields[0].required), (true, false));
    assert_eq!(fields[2].default, Some(TemplateValue::Literal(json!(5))));
    assert_eq!(fields[4].check.one_of, Some(vec![json!("red"), json!("2")]));
    assert_eq!(fields[5].default, Some(TemplateValue::Literal(json!("2026-01-31"))));
}

#[test]
fn the_checks_of_a_field_stand_below_validation() {
    let fields = fields(
        "code: {type: text, validation: {min: 2, max: 4, pattern: \"^[0-9]+$\"}, default: \"{{ inputs }}\"}\nfigure: {type: number, validation: {min: -1.5}}",
    );
    let check = &fields[0].check;
    assert_eq!((check.min, check.max, check.pattern.as_deref()), (Some(2.0), Some(4.0), Some("^[0-9]+$")));
    assert!(matches!(fields[0].default, Some(TemplateValue::Template(_))));
    assert_eq!(fields[1].check.min, Some(-1.5));
}

#[test]
fn a_field_that_means_nothing_is_refused_at_its_place() {
    for (text, expected) in [
        ("code: {}", "9:5+4 key_missing [a] the field `code` needs `type`; add `type: text`, or what else it takes"),
        ("code: {type: txet}", "9:18+4 unknown_value [a] `txet` is no value of `type`; did you mean `text`?"),
        ("code: {type: select}", "9:5+4 key_missing [a] the field `code` needs `options`; add `options: [one, another]`"),
        ("code: {type: select, options: []}", "9:35+1 out_of_range [a] a choice has 1 to 200 options"),
        ("code: {type: select, options: [a, a]}", "9:39+1 duplicate_value [a] this option is there already"),
        ("code: {type: text, options: [a]}", "9:24+7 no_meaning [a] `options` has no meaning here: only a `select` has them"),
        ("code: {type: date, validation: {min: 3}}", "9:37+3 no_meaning [a] `min` has no meaning here: any day may be given"),
        ("code: {type: boolean, validation: {max: 3}}", "9:40+3 no_meaning [a] `max` has no meaning for the type boolean"),
        ("code: {type: number, validation: {pattern: a}}", "9:39+7 no_meaning [a] `pattern` has no meaning for the type number"),
        (
            "code: {type: text, default: 12345, validation: {max: 4}}",
            "9:33+5 invalid_default [a] the default of `code` has to be at most 4 characters",
        ),
        ("code: {type: date, default: 2026-02-30}", "9:33+10 invalid_default [a] the default of `code` has to be a day, as 2026-01-31"),
        ("code: {type: select, options: [a], default: b}", "9:49+1 invalid_default [a] the default of `code` has to be one of \"a\""),
        ("code: {type: number, default: many}", "9:35+4 invalid_default [a] the default of `code` has to be a number and is text"),
        ("code: {type: text, default: \"{{ nope }}\"}", "9:37+4 undefined_name [a] nothing sets `nope`"),
        ("code: {type: text, lable: x}", "9:24+5 unknown_key [a] `lable` is no key of a field; did you mean `label`?"),
        ("code: {type: text, pattern: x}", "9:24+7 unknown_key [a] `pattern` is no key of a field"),
        (
            "a-b: {type: text}",
            "9:5+3 invalid_name [a] `a-b` cannot be the name of a field: a name is made of letters, digits and `_`, and no word of the language; write `a_b`",
        ),
    ] {
        errors(&form(text), &[expected]);
    }
}

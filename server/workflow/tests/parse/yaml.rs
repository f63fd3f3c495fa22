//! YAML that is broken, or says more than the language allows.

use crate::{below, errors, front, step};

#[test]
fn broken_yaml_names_its_step_and_its_place() {
    let source = below(
        "## Step 1: A\n```yaml\naction: workflow.log\ninputs:\n  message: \"never closed\n```\n## Step 2: B\n```yaml\naction: workflow.log\ninputs: [\n```\n",
    );
    errors(
        &source,
        &[
            "8:1+1 broken_yaml [step_1] this is not valid YAML: invalid indentation in multiline quoted scalar; close the quote",
            "13:9+1 broken_yaml [step_2] this is not valid YAML: unclosed bracket '['; close the bracket",
        ],
    );
}

#[test]
fn an_expression_without_quotes_is_recognised() {
    for (line, column) in [("  message: {{ run.id }}", 12), ("  message: {{ run.id }} done", 12)] {
        errors(
            &step(&format!("id: a\naction: workflow.log\ninputs:\n{line}")),
            &[&format!("8:{column}+2 unquoted_braces [a] a value that begins with `{{{{` needs quotes; put quotes around the whole value")],
        );
    }
}

#[test]
fn every_key_stands_once() {
    errors(
        &step("id: a\naction: workflow.log\ninputs:\n  message: x\n  message: y"),
        &["9:3+7 duplicate_key [a] `message` was already given on line 8; keep one of the two"],
    );
    errors(
        &step("id: a\naction: workflow.log\ninputs: {message: x}\noutput: b\noutputVariable: c"),
        &["9:1+14 duplicate_key [a] `outputVariable` says the same as `output` on line 8; keep one of the two"],
    );
}

#[test]
fn anchors_aliases_tags_and_merge_keys_are_refused() {
    errors(
        &step("id: a\naction: workflow.log\ninputs:\n  message: &m hello\n  <<: {level: info}\nname: !!str x\nx-more: *m"),
        &[
            "8:12+1 anchor [a] YAML anchors (`&name`) are not part of the language; write the value out where it is used",
            "9:3+2 merge_key [a] YAML merge keys (`<<`) are not part of the language; write the keys out",
            "10:7+1 tag [a] YAML tags (`!!str`) are not part of the language; put quotes around a text that looks like a number",
            "11:9+2 alias [a] YAML aliases (`*name`) are not part of the language; write the value out",
        ],
    );
}

#[test]
fn a_block_is_one_document() {
    errors(
        &below("## A\n```yaml\naction: workflow.log\ninputs: {message: x}\n---\nb: 1\n```\n"),
        &["8:1+3 second_document [a] a second YAML document begins here; a block is one document"],
    );
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("id: a\naction: workflow.log\ninputs: {{message: {}1{}}}", "[".repeat(80), "]".repeat(80));
    let parsed = workflow::parse::parse(&step(&deep));
    assert_eq!(parsed.errors().map(|error| error.code).collect::<Vec<_>>(), ["too_deep"]);
}

#[test]
fn what_older_yaml_read_differently_is_asked_about() {
    let body = |yaml: &str| {
        step(&format!("id: a\naction: http.request\ninputs:\n  method: POST\n  url: https://a.example/\n  json: {{v: {yaml}}}"))
    };
    for (value, help) in [
        ("yes", "write `true` or, if the text is meant, `\"yes\"`"),
        ("Off", "write `false` or, if the text is meant, `\"Off\"`"),
        ("1_000", "write `1000` or, if the text is meant, `\"1_000\"`"),
        ("0o17", "write `15` or, if the text is meant, `\"0o17\"`"),
        ("-0x1F", "write `-31` or, if the text is meant, `\"-0x1F\"`"),
        ("017", "write `17` or, if the text is meant, `\"017\"`"),
        (".inf", "this is no number that JSON can hold; if the text is meant, write `\".inf\"`"),
        ("9223372036854775808", "whole numbers have 64 bits; if the text is meant, write `\"9223372036854775808\"`"),
    ] {
        let length = value.len();
        errors(&body(value), &[&format!("10:13+{length} ambiguous_scalar [a] `{value}` can be read in two ways; {help}")]);
    }
    for value in ["'yes'", "true", "~", "1.5", "-3", "1e3", "1.0.0", "2026-01-01", "a: b"] {
        errors(&body(&format!("[{value}]").replace("[a: b]", "{a: b}")), &[]);
    }
    // Where a text is expected it is the text.
    errors(&step("id: a\nname: no\naction: workflow.log\ninputs: {message: 017}"), &[]);
    assert_eq!(crate::plan(&step("id: a\nname: no\naction: workflow.log\ninputs: {message: 017}")).steps[0].name, "no");
}

#[test]
fn places_are_right_inside_every_kind_of_text() {
    let undefined = |place: &str| format!("{place}+4 undefined_name [a] nothing sets `nope`");
    for (yaml, place) in [
        ("message: äö {{ nope }}", "8:18"),
        ("message: \"\\u00e4\\t\\\"x {{ nope }}\"", "8:28"),
        ("message: 'it''s {{ nope }}'", "8:22"),
        ("message: |\n    one\n    two {{ nope }}", "10:12"),
        ("message: >- # folded\n    one\n    two\n\n    three {{ nope }}", "12:14"),
        ("message: one\n    two {{ nope }}", "9:12"),
        ("message: \"one\n    two {{ nope }}\"", "9:12"),
        ("message: |2\n      {{ nope }}", "9:10"),
    ] {
        errors(&step(&format!("id: a\naction: workflow.log\ninputs:\n  {yaml}")), &[&undefined(place)]);
    }
}

#[test]
fn places_are_those_of_an_editor_whatever_the_line_ends() {
    let source = front("risk_level: hihg\nunkown: 1").replace('\n', "\r\n");
    errors(
        &format!("\u{feff}{source}"),
        &[
            "3:13+4 unknown_value `hihg` is no value of `risk_level`; did you mean `high`?",
            "4:1+6 unknown_key `unkown` is no key of the front matter",
        ],
    );
}

#[test]
fn the_first_line_is_not_shifted_by_a_byte_order_mark() {
    errors(
        "\u{feff}hello",
        &["1:1+5 front_matter_missing a workflow file begins with front matter between two lines of `---`; \
           begin the file with `---`, `workflow: {id: my-workflow, name: My workflow}` and `---`"],
    );
}

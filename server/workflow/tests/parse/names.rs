//! Names in expressions.

use crate::{below, errors, plan};

fn two(first: &str, second: &str) -> String {
    format!(
        "---\nworkflow: {{id: demo, name: Demo}}\ninputs: {{invoice_id: {{type: string}}}}\n---\n\
         ```yaml\nid: read\naction: http.request\ninputs: {{method: GET, url: \"https://a.example/{first}\"}}\noutput_variable: invoice\n```\n\
         ```yaml\nid: say\naction: workflow.log\ninputs:\n  message: \"{second}\"\n```\n"
    )
}

#[test]
fn a_name_that_nothing_sets_is_an_error_with_the_nearest_name() {
    for (text, message) in [
        ("{{ invioce.body }}", "15:16+7 undefined_name [say] nothing sets `invioce`; did you mean `invoice`?"),
        ("{{ inputs.invoiceid }}", "15:16+6 undefined_name [say] there is no input `invoiceid`; did you mean `inputs.invoice_id`?"),
        ("{{ inputs.other }}", "15:16+6 undefined_name [say] there is no input `other`; declare it under `inputs` in the front matter"),
        ("{{ steps.raed.output }}", "15:16+5 undefined_name [say] there is no step `raed`; did you mean `steps.read`?"),
        ("{{ steps.read.outptu }}", "15:16+5 undefined_name [say] `steps.read` has no `outptu`; did you mean `steps.read.output`?"),
        (
            "{{ steps.read.body }}",
            "15:16+5 undefined_name [say] `steps.read` has no `body`; write `steps.read.output.body` for a field of what it gave",
        ),
        ("{{ read.body }}", "15:16+4 undefined_name [say] nothing sets `read`; write `steps.read.output` for what that step gave"),
        ("{{ run.nubmer }}", "15:16+3 undefined_name [say] `run` has no `nubmer`; did you mean `run.number`?"),
        ("{{ tenant.owner }}", "15:16+6 undefined_name [say] `tenant` has no `owner`; it has `slug`, `name`"),
        ("{{ vars }}", "15:16+4 undefined_name [say] a tenant variable is named literally; write `vars.name`"),
        ("{{ vars[invoice_id] }}", "15:16+4 undefined_name [say] a tenant variable is named literally; write `vars.name`"),
        ("{{ loop.index }}", "15:16+4 undefined_name [say] `loop` exists only inside a loop"),
        ("{{ error.message }}", "15:16+5 undefined_name [say] `error` exists only in the `catch` of a `try`"),
        ("{{ now }}", "15:16+3 undefined_name [say] `now` is a function; write `now()`"),
    ] {
        errors(&two("", text), &[message]);
    }
}

#[test]
fn names_that_are_set_are_no_errors() {
    for text in [
        "{{ invoice.body }}",
        "{{ inputs.invoice_id }}",
        "{{ invoice_id }}",
        "{{ steps.read.output.body }} {{ steps.read.cost }}",
        "{{ run.number }} {{ tenant.slug }} {{ now() }} {{ uuid() }}",
        "{{ inputs }}",
        "{% for line in invoice.body.lines %}{{ loop.index }} {{ line }}{% endfor %}",
        "{% set total = 1 %}{{ total }}",
        "{{ vars.anything }}",
    ] {
        errors(&two("", text), &[]);
    }
}

#[test]
fn a_name_is_set_before_it_is_used() {
    errors(&two("{{ invoice.body }}", ""), &["8:50+7 set_later [read] `invoice` is set by this very step, after this is read"]);
    let source = below(
        "```yaml\nid: one\naction: workflow.log\ninputs: {message: \"{{ late }} {{ steps.two.output }}\"}\n```\n\
         ```yaml\nid: two\naction: agent.generate\nprompt: hello\noutput_variable: late\n```\n",
    );
    errors(
        &source,
        &[
            "7:23+4 set_later [one] `late` is set only later, by the step `two` on line 9",
            "7:34+5 set_later [one] `steps.two` is set only later, by the step `two` on line 9",
        ],
    );
}

#[test]
fn what_a_broken_or_refused_step_would_set_is_not_called_unknown() {
    let use_it = "```yaml\nid: say\naction: workflow.log\ninputs: {message: \"{{ found }} {{ steps.inner.output }}\"}\n```\n";
    let broken = below(&format!("## A\n```yaml\nid: inner\naction: [\noutput_variable: found\n```\n{use_it}"));
    let codes = |source: &str| workflow::parse::parse(source).errors().map(|error| error.code).collect::<Vec<_>>();
    assert_eq!(codes(&broken), ["broken_yaml"]);
    let incomplete =
        below(&format!("## A\n```yaml\ntype: try\ntry:\n  - {{id: inner, action: core.set, output_variable: found}}\n```\n{use_it}"));
    assert_eq!(codes(&incomplete), ["value_missing"]);
}

#[test]
fn a_condition_is_an_expression_with_or_without_braces() {
    let condition = |text: &str| {
        let source = below(&format!("```yaml\nid: a\ncondition: {text}\naction: workflow.log\ninputs: {{message: x}}\n```\n"));
        plan(&source).steps[0].condition.as_ref().unwrap().source().to_owned()
    };
    assert_eq!(condition("vars.a == 1"), "vars.a == 1");
    assert_eq!(condition("\"{{ vars.a == 1 }}\""), "vars.a == 1");
    assert_eq!(condition("[vars.a, \"{{ not vars.b }}\"]"), "(vars.a) and (not vars.b)");
    assert_eq!(condition("[vars.a]"), "vars.a");
}

#[test]
fn a_broken_expression_is_pointed_at() {
    let parsed = workflow::parse::parse(&below(
        "```yaml\nid: a\ncondition: vars.a ==\naction: workflow.log\ninputs: {message: \"{{ 1 | lenght }}\"}\n```\n",
    ));
    let found: Vec<_> = parsed.errors().map(|error| (error.line, error.column, error.code, error.suggestion.as_deref())).collect();
    assert_eq!(found, [(6, 20, "invalid_expression", None), (8, 27, "invalid_expression", Some("did you mean `length`?"))]);
}

//! What stands above the steps.

use std::time::Duration;

use serde_json::json;
use workflow::{
    parse::parse,
    plan::{FieldType, Per, TemplateValue},
};

use crate::{below, errors, front, hints, plan};

#[test]
fn several_errors_are_told_at_once() {
    errors(
        "---\nworkflow: {id: Vendor Payment, nmae: x}\ninputs:\n  amount: {type: nubmer}\nbudget: {limit: 0.25, on_limit: ask}\nrisk: high\n---\n\
         ```yaml\nid: a\naction: http.requets\n```\n```yaml\nid: b\naction: workflow.log\ninputs: {mesage: x}\n```\n",
        &[
            "2:1+8 key_missing `workflow` needs `name`; add a name for people, such as `name: Vendor payment`",
            "2:16+14 invalid_id the id of a workflow is made of small letters, digits, `-` and `_`, begins and ends with a letter or digit, \
             and has at most 64 of them; write `vendor-payment`",
            "2:32+4 unknown_key `nmae` is no key of `workflow`; did you mean `name`?",
            "4:18+6 unknown_value `nubmer` is no value of `type`; did you mean `number`?",
            "6:1+4 unknown_key `risk` is no key of the front matter; did you mean `risk_level`?",
            "10:9+12 unknown_action [a] there is no action `http.requets`; did you mean `http.request`?",
            "15:1+6 key_missing [b] `workflow.log` needs `message`; add `message:` below `inputs`",
            "15:10+6 unknown_key [b] `mesage` is no key of the inputs of `workflow.log`; did you mean `message`?",
        ],
    );
}

#[test]
fn inputs_are_declared_in_full_or_by_their_default() {
    let plan = plan(&front(
        "inputs:\n  a: {type: string, required: true, min: 1, max: 9, pattern: \"^x\", description: What}\n  b: 5\n  c: 2.5\n  d: hello\n  e: false\n  \
         f: [1]\n  g: {type: number, validation: {min: 0, max: 1.5}}\n  h: {type: array, items: {type: string, max: 3}, max: 2, default: [a, no]}\n  \
         i: {type: integer, enum: [1, 2]}\n  j: {type: string, default: 017}\n  k: {type: float, default: 1000}\n  l: {type: boolean, default: null}",
    ));
    let kinds: Vec<_> = plan.inputs.iter().map(|input| input.check.kind).collect();
    use FieldType::{Array, Boolean, Integer, Number, String};
    assert_eq!(kinds, [String, Integer, Number, String, Boolean, Array, Number, Array, Integer, String, Number, Boolean]);
    let input = |name: &str| plan.inputs.iter().find(|input| input.name == name).unwrap();
    assert!(input("a").required && !input("b").required);
    assert_eq!((input("a").check.min, input("a").check.max, input("a").check.pattern.as_deref()), (Some(1.0), Some(9.0), Some("^x")));
    assert_eq!((input("g").check.min, input("g").check.max), (Some(0.0), Some(1.5)));
    assert_eq!(input("h").default, Some(json!(["a", "no"])));
    assert_eq!(input("i").check.one_of, Some(vec![json!(1), json!(2)]));
    assert_eq!(input("j").default, Some(json!("017")));
    assert_eq!(input("k").default, Some(json!(1000)));
    assert_eq!(input("l").default, None);
}

#[test]
fn a_default_passes_its_own_checks() {
    for (declaration, column, message) in [
        ("{type: number, min: 5, default: 1}", 38, "+1 invalid_default the default of `a` has to be at least 5"),
        ("{type: string, enum: [x, y], default: z}", 44, "+1 invalid_default the default of `a` has to be one of \"x\", \"y\""),
        ("{type: string, pattern: \"^INV\", default: x}", 47, "+1 invalid_default the default of `a` has to match ^INV"),
        ("{type: integer, default: 1.5}", 31, "+3 wrong_type `default` is a whole number, not `1.5`"),
        ("{type: integer, default: \"1\"}", 31, "+3 wrong_type `default` is a whole number, not `1`; write the number without quotes"),
        ("{type: boolean, default: yes}", 31, "+3 wrong_type `default` is `true` or `false`, not `yes`; write `true`"),
        ("{type: array, default: x}", 29, "+1 wrong_type `default` is a list, not a single value"),
        (
            "{type: string, default: \"{{ now() }}\"}",
            30,
            "+13 not_evaluated a default is taken as it is written: expressions are not evaluated here",
        ),
    ] {
        errors(&front(&format!("inputs:\n  a: {declaration}")), &[&format!("4:{column}{message}")]);
    }
}

#[test]
fn checks_fit_the_type() {
    for (declaration, expected) in [
        ("{type: boolean, min: 1}", "4:22+3 no_meaning `min` has no meaning for the type boolean"),
        ("{type: number, pattern: x}", "4:21+7 no_meaning `pattern` has no meaning for the type number"),
        ("{type: string, items: {type: string}}", "4:21+5 no_meaning `items` has no meaning for the type string"),
        ("{type: string, min: 2.5}", "4:26+3 wrong_type `min` is a whole number from 0 to 4294967295, not `2.5`"),
        ("{type: number, min: 2, max: 1}", "4:26+1 out_of_range `min` (2) is above `max` (1)"),
        ("{type: string, pattern: \"(\"}", "4:30+3 invalid_pattern this is no regular expression: unclosed group"),
        ("{type: string, pattern: \"(\\\\w{50}){50}\"}", "4:30+15 invalid_pattern this pattern is too large when compiled"),
        ("{type: string, enum: []}", "4:27+1 value_missing `enum` is empty: no value could ever be given"),
        ("{type: str}", "4:13+3 unknown_value `str` is no value of `type`; did you mean `string`?"),
        ("{required: true}", "4:3+1 key_missing the input `a` needs `type`; add `type: string`, or what else it is"),
        ("{type: string, defualt: x}", "4:21+7 unknown_key `defualt` is no key of an input; did you mean `default`?"),
    ] {
        errors(&front(&format!("inputs:\n  a: {declaration}")), &[expected]);
    }
}

#[test]
fn names_of_inputs_can_stand_in_expressions() {
    errors(
        &front("inputs: {invoice-id: {type: string}, steps: {type: string}}"),
        &[
            "3:10+10 invalid_name `invoice-id` cannot be the name of an input: a name is made of letters, digits and `_`, and no word of the language; \
             write `invoice_id`",
            "3:38+5 invalid_name `steps` cannot be the name of an input: a name is made of letters, digits and `_`, and no word of the language",
        ],
    );
}

#[test]
fn every_output_has_a_value_or_a_step_that_sets_it() {
    errors(
        &front("outputs: {a: {type: string}}"),
        &["3:11+1 output_never_set nothing sets the output `a`; add a `value`, or a step with `action: workflow.set_outputs`"],
    );
    let set = |outputs: &str, sets: &str| {
        format!(
            "---\nworkflow: {{id: demo, name: Demo}}\noutputs: {outputs}\n---\n```yaml\nid: a\naction: workflow.set_outputs\ninputs: {sets}\n```\n"
        )
    };
    errors(&set("{a: {type: string}, b: {description: free}, c: ~}", "{a: 1, b: 2, c: 3}"), &[]);
    errors(
        &set("{amount: {type: string}}", "{amuont: 1, amount: 2}"),
        &["8:10+6 undeclared_output [a] `amuont` is no output of this workflow; did you mean `amount`?"],
    );
    errors(
        &set("{a: {value: \"{{ 1 }}\"}}", "{a: 1}"),
        &["3:11+1 duplicate_value the output `a` has a `value`, and the step `a` sets it too; keep one of the two"],
    );
    errors(&set("{}", "{}"), &["8:1+6 value_missing [a] `workflow.set_outputs` sets nothing; name an output and its value below `inputs`"]);
}

#[test]
fn the_value_of_an_output_is_an_expression_that_sees_all_steps() {
    let source = "---\nworkflow: {id: demo, name: Demo}\noutputs:\n  a: {value: answer}\n  b: {value: \"{{ answer }}!\"}\n  c: {value: [1, \"{{ answer }}\"]}\n  d: {value: 7}\n---\n\
                  ```yaml\nid: a\naction: agent.generate\nprompt: hello\noutput_variable: answer\n```\n";
    let plan = plan(source);
    let text = |index: usize| match plan.outputs[index].value.as_ref().unwrap() {
        TemplateValue::Template(template) => template.source().to_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!((text(0).as_str(), text(1).as_str(), text(3).as_str()), ("{{ answer }}", "{{ answer }}!", "{{ 7 }}"));
    assert!(matches!(plan.outputs[2].value, Some(TemplateValue::List(_))));
    errors(&source.replace("value: answer", "value: anwser"), &["4:14+6 undefined_name nothing sets `anwser`; did you mean `answer`?"]);
}

#[test]
fn limits_are_exact() {
    let plan = plan(&front(
        "budget: {limit: 0.000000001, per: step}\nexecution: {timeout: 90, max_retries: 2, error_handling: stop}\nrisk_level: medium\ndefault_model: openai/gpt\ntriggers: [{type: manual}]",
    ));
    let budget = plan.budget.unwrap();
    assert_eq!((budget.limit.nanos(), budget.per), (1, Per::Step));
    assert_eq!(plan.time_limit, Some(Duration::from_secs(90)));
    assert_eq!(plan.default_model.as_deref(), Some("openai/gpt"));
    // Nothing is called by a log, so nothing of it is tried again.
    assert_eq!(plan.steps[0].retry.max_attempts, 1);
    for (text, help) in [("$5", "; write `5`"), ("1,000.50", "; write `1000.50`"), ("-1", ""), ("1e3", ""), ("0.0000000001", "")] {
        errors(
            &front(&format!("budget: {{limit: \"{text}\"}}")),
            &[&format!(
                "3:17+{} wrong_type `limit` is an amount of US dollars such as `0.25` with at most nine decimals, not `{text}`{help}",
                text.len() + 2
            )],
        );
    }
}

#[test]
fn other_spellings_are_read_with_a_hint() {
    hints(
        &front("model: a/b\nbudget: {max_cost_usd: 1}\nriskLevel: low"),
        &[
            "3:1+5 other_spelling `model` is read as `default_model`; write `default_model`",
            "4:10+12 other_spelling `max_cost_usd` is read as `limit`; write `limit`",
            "5:1+9 other_spelling `riskLevel` is read as `risk_level`; write `risk_level`",
        ],
    );
}

#[test]
fn front_matter_is_needed_and_closed() {
    errors(
        "---\nworkflow: {id: a, name: b}\n",
        &["1:1+3 front_matter_unclosed the front matter is never closed; end it with a line of `---`"],
    );
    let parsed = parse("---\n---\n");
    assert_eq!(parsed.errors().map(|error| error.code).collect::<Vec<_>>(), ["front_matter_missing"]);
    errors(
        "---\n- a\n---\n```yaml\nid: a\naction: workflow.log\ninputs: {message: x}\n```\n",
        &["2:1+1 wrong_type `the front matter` is a mapping of names to values, not a list"],
    );
}

#[test]
fn broken_front_matter_does_not_make_names_unknown() {
    let source = "---\nworkflow: {id: a, name: b}\ninputs: {x: [}\n---\n```yaml\nid: a\naction: workflow.log\ninputs: {message: \"{{ inputs.x }} {{ y }}\"}\n```\n";
    let parsed = parse(source);
    assert_eq!(parsed.errors().map(|error| (error.line, error.code)).collect::<Vec<_>>(), [(3, "broken_yaml")]);
    assert_eq!(parsed.outline.len(), 1);
}

#[test]
fn lists_of_steps_and_graphs_in_front_matter_are_refused_by_name() {
    errors("[{\"id\": \"a\", \"type\": \"agent\"}]", &["1:1+1 not_supported a workflow written as a list of steps is not supported yet"]);
    errors("policies: {}\nsteps: [{id: a}]\n", &["2:1+1 not_supported a workflow written as a list of steps is not supported yet"]);
    errors(
        "---\nworkflow: {id: demo, name: Demo}\nnodes: []\n---\n```yaml\n{id: a, action: workflow.log, inputs: {message: hello}}\n```\n",
        &["3:1+5 no_meaning `nodes` has no meaning here: a graph is a YAML file of its own; remove the lines of `---`, or write steps"],
    );
    assert!(parse(&below("")).plan.is_none());
}

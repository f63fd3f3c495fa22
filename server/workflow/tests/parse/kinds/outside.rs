//! Other workflows, scripts, files and mail, and what any step may narrow.

use serde_json::json;
use workflow::plan::{Further, Permissions, Reach, ScriptStep, StepKind, SubWorkflowStep, TemplateValue};

use crate::{errors, hints, only_kind, plan, step};

fn script(yaml: &str) -> ScriptStep {
    match only_kind(&step(&format!("id: a\n{yaml}"))) {
        StepKind::Script(script) => script,
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_workflow_is_named_by_its_id() {
    let StepKind::Workflow(sub) = only_kind(&step("id: a\nworkflow: other-one\nversion: 1.0.0\ninputs: {x: \"{{ run.id }}\", y: 1}"))
    else {
        panic!("it is a workflow")
    };
    assert_eq!((sub.workflow.as_str(), sub.version.as_deref(), sub.inputs.len()), ("other-one", Some("1.0.0"), 2));
    assert_eq!(sub.inputs[1], ("y".to_owned(), TemplateValue::Literal(json!(1))));
    assert_eq!(
        only_kind(&step("id: a\ntype: workflow\nworkflow: x")),
        StepKind::Workflow(SubWorkflowStep { workflow: "x".into(), version: None, inputs: Vec::new() })
    );
    for (yaml, expected) in [
        (
            "type: workflow",
            "6:7+8 key_missing [a] a step of kind `workflow` needs `workflow`; add `workflow:` with its id, or with its path beside this file, such as `./other.md`",
        ),
        (
            "workflow: ./other.md",
            "6:11+10 bundle_needed [a] `./other.md` is the path of a file, and this workflow is one file alone; put the file and this one into a bundle, or write its text here",
        ),
        (
            "workflow: other one",
            "6:11+9 invalid_id [a] `other one` is neither the id of a workflow nor a path that begins with `./`; write the id that the other file gives",
        ),
        ("workflow: x\nmodel: y", "7:1+5 no_meaning [a] `model` has no meaning here: no model is asked"),
        ("workflow: x\ninputs: [1]", "7:9+1 wrong_type [a] `inputs` is a mapping of names to values, not a list"),
    ] {
        errors(&step(&format!("id: a\n{yaml}")), &[expected]);
    }
}

#[test]
fn a_script_is_code_with_its_language_or_something_that_is_there_already() {
    let short = script("script: print(1)\nlanguage: python");
    assert_eq!(
        (short.code.as_ref().map(workflow::expression::Template::source), short.language.as_deref(), short.network),
        (Some("print(1)"), Some("python"), false)
    );
    for same in [
        "script: {code: print(1), language: python}",
        "type: script\ncode: print(1)\nlanguage: python",
        "action: script.execute\ninputs: {code: print(1), language: python}",
        "type: script\naction: script.execute\ninputs: {code: print(1), language: python}",
    ] {
        assert_eq!(script(same), short, "{same}");
    }
    let operation = script("type: script\noperation: count\nargs: {a: \"{{ run.id }}\", b: true}\npreset: low\nnetwork: true");
    assert_eq!(
        (operation.operation.as_deref(), operation.preset.as_deref(), operation.network, operation.code),
        (Some("count"), Some("low"), true, None)
    );
    hints(
        &step("id: a\nscript: {code: x, lang: bash, arguments: [1]}"),
        &[
            "6:19+4 other_spelling [a] `lang` is read as `language`; write `language`",
            "6:31+9 other_spelling [a] `arguments` is read as `args`; write `args`",
        ],
    );
    for (yaml, expected) in [
        ("type: script", "6:7+6 key_missing [a] a script needs `code`; add `code:`, or `operation:` for one that is there already"),
        ("script: print(1)", "6:1+6 key_missing [a] a script needs `language`; add `language:`, such as `language: python`"),
        (
            "type: script\nlanguage: python\ncode: [1]",
            "8:7+1 wrong_type [a] `code` is a text, not a list; put quotes around a value that begins with `{{` or `[`",
        ),
        ("script: {code: x, language: bash, codee: 1}", "6:35+5 unknown_key [a] `codee` is no key of `script`; did you mean `code`?"),
        ("script: x\nlanguage: bash\nnetwork: sometimes", "8:10+9 wrong_type [a] `network` is `true` or `false`, not `sometimes`"),
    ] {
        errors(&step(&format!("id: a\n{yaml}")), &[expected]);
    }
}

#[test]
fn files_and_mail_need_what_they_are_about() {
    for (yaml, expected) in [
        ("action: file.read", "6:9+9 key_missing [a] `file.read` needs `path`; add `path:` below `inputs`"),
        ("action: file.write\ninputs: {path: x}", "7:1+6 key_missing [a] `file.write` needs `content`; add `content:` below `inputs`"),
        (
            "action: file.write\ninputs: {path: x, content: {a: 1}, contents: 2}",
            "7:36+8 unknown_key [a] `contents` is no key of the inputs of `file.write`; did you mean `content`?",
        ),
        (
            "action: mail.send\ninputs: {to: [anna@a.example, nobody], subject: x, text: y}",
            "7:31+6 unknown_value [a] `nobody` is no e-mail address",
        ),
        (
            "action: mail.send\ninputs: {to: a@b.example, subject: x}",
            "7:1+6 key_missing [a] `mail.send` needs `text`; add `text:` below `inputs`",
        ),
        ("action: mail.send\ninputs: {to: [], subject: x, text: y}", "7:14+1 out_of_range [a] a mail goes to 1 to 50 addresses"),
    ] {
        errors(&step(&format!("id: a\n{yaml}")), &[expected]);
    }
    hints(
        &step("id: a\naction: mail.send\ninputs: {to: \"{{ run.started_by }}\", subject: x, body: y}"),
        &["7:50+4 other_spelling [a] `body` is read as `text`; write `text`"],
    );
}

#[test]
fn a_step_may_narrow_what_it_touches() {
    let log = |more: &str| step(&format!("id: a\naction: workflow.log\ninputs: {{message: x}}\n{more}"));
    let source = log(
        "agent: helper\nagent_hints: [fast]\npermissions: {read: [src/**], write: \"out/*.txt\", execute: false, network: true, allowed_hosts: a.example, max_file_size: 10}",
    );
    let further = plan(&source).steps.remove(0).further.unwrap();
    assert_eq!(
        *further,
        Further {
            agent: Some("helper".into()),
            agent_hints: Some(json!(["fast"])),
            permissions: Some(Permissions {
                read: Some(Reach::Globs(vec!["src/**".into()])),
                write: Some(Reach::Globs(vec!["out/*.txt".into()])),
                execute: Some(Reach::None),
                network: Some(true),
                allowed_hosts: Some(vec!["a.example".into()]),
                max_file_size: Some(10),
                ..Permissions::default()
            }),
            ..Further::default()
        }
    );
    for (more, expected) in [
        ("permissions: {execute: perhaps}", "8:24+7 wrong_type [a] `execute` is `true` or `false`, not `perhaps`"),
        ("permissions: {network: yes}", "8:24+3 wrong_type [a] `network` is `true` or `false`, not `yes`; write `true`"),
        (
            "permissions: {max_file_size: 10MB}",
            "8:30+4 wrong_type [a] `max_file_size` is a whole number from 0 to 1099511627776, not `10MB`",
        ),
        ("permissions: {raed: 1}", "8:15+4 unknown_key [a] `raed` is no key of `permissions`; did you mean `read`?"),
        ("permissions: [read]", "8:14+1 wrong_type [a] `permissions` is a mapping of names to values, not a list"),
    ] {
        errors(&log(more), &[expected]);
    }
}

//! Triggers, requirements, compatibility, permissions, tools, agents and secrets.

use serde_json::json;
use workflow::plan::{Feature, Need, Reach, Support, TemplateValue, TriggerKind};

use crate::{below, errors, front, hints, plan};

/// A file with inputs `id` and `level` and these triggers on line 4.
fn triggered(triggers: &str) -> String {
    front(&format!("inputs: {{id: {{type: string}}, level: {{type: string, default: low}}}}\ntriggers: [{triggers}]"))
}

fn kinds(triggers: &str) -> Vec<TriggerKind> {
    plan(&triggered(triggers)).declared.triggers.into_iter().map(|trigger| trigger.kind).collect()
}

#[test]
fn a_schedule_is_five_fields_and_a_zone_flat_or_below_config() {
    let wanted = |zone: Option<&str>| TriggerKind::Schedule { cron: "0 7 * * MON-FRI".to_owned(), timezone: zone.map(str::to_owned) };
    assert_eq!(kinds("{type: schedule, cron: \"0 7 * * MON-FRI\", timezone: Europe/Berlin}"), [wanted(Some("Europe/Berlin"))]);
    assert_eq!(kinds("{type: schedule, config: {schedule: \"0 7 * * MON-FRI\"}}"), [wanted(None)]);
    for (trigger, expected) in [
        (
            "{type: schedule}",
            "4:19+8 key_missing a schedule needs `cron`; add `cron: \"0 7 * * MON-FRI\"`: minute, hour, day, month, day of the week",
        ),
        (
            "{type: schedule, cron: \"0 0 31 2 *\"}",
            "4:35+12 invalid_cron `0 0 31 2 *` would never come: no month that it names has such a day",
        ),
        (
            "{type: schedule, cron: \"0 7 * * *\", timezone: Europe/Berln}",
            "4:58+12 unknown_timezone there is no time zone `Europe/Berln`; write one of the IANA database, such as `Europe/Berlin`",
        ),
        ("{type: schedule, cron: \"0 7 * * *\", every: 5m}", "4:48+5 unknown_key `every` is no key of a trigger of type `schedule`"),
    ] {
        errors(&triggered(trigger), &[expected]);
    }
    for cron in ["* * * *", "0 0 0 * * *", "61 * * * *", "0 25 * * *", "* * 0 * *", "0 0 * 13 *", "0 0 * * 8", "", "every day"] {
        let parsed = workflow::parse(&triggered(&format!("{{type: schedule, cron: \"{cron}\"}}")));
        assert!(
            parsed.errors().any(|error| matches!(error.code, "invalid_cron" | "wrong_type" | "value_missing")),
            "{cron}: {:?}",
            parsed.diagnostics
        );
    }
}

#[test]
fn a_webhook_has_a_path_and_its_secret_is_a_credential() {
    assert_eq!(
        kinds("{type: webhook, path: a/b.c, method: PUT, secret: \"cred://hook\", provider: github}"),
        [TriggerKind::Webhook {
            path: "a/b.c".to_owned(),
            method: "PUT".to_owned(),
            secret: Some("hook".to_owned()),
            provider: Some("github".to_owned())
        }]
    );
    for (trigger, expected) in [
        ("{type: webhook}", "4:19+7 key_missing a webhook needs `path`; add `path:`, such as `path: incidents`"),
        (
            "{type: webhook, path: a, secret: hunter2}",
            "4:45+7 secret_in_file `secret` names a credential, and no secret stands in a file; store it under Credentials and write `cred://its-name`",
        ),
        (
            "{type: webhook, path: ../a}",
            "4:34+4 invalid_path `../a` is no path: words of letters, digits, `-`, `_` and `.`, with `/` between them",
        ),
        ("{type: webhok, path: a}", "4:19+6 unknown_value there is no trigger of type `webhok`; did you mean `webhook`?"),
        ("{path: a}", "4:12+1 key_missing a trigger needs `type`; add `type: manual`, `type: schedule` or `type: webhook`"),
    ] {
        errors(&triggered(trigger), &[expected]);
    }
}

#[test]
fn what_a_trigger_gives_are_known_inputs_and_it_sees_only_what_started_the_run() {
    let inputs = &plan(&triggered("{type: event, name: x, input_mapping: {id: \"{{ trigger.body.id }}\", level: high}}")).declared.triggers
        [0]
    .inputs;
    assert!(matches!(&inputs[0].1, TemplateValue::Template(text) if text.source() == "{{ trigger.body.id }}"));
    assert_eq!(inputs[1], ("level".to_owned(), TemplateValue::Literal(json!("high"))));
    errors(
        &triggered("{type: event, name: x, input_mapping: {idd: 1, level: \"{{ inputs.id }}\"}}"),
        &[
            "4:51+3 unknown_input `idd` is no input of this workflow; did you mean `id`?",
            "4:70+6 undefined_name nothing is called `inputs` where a trigger starts a run: there are `trigger`, `vars` and `tenant`",
        ],
    );
}

#[test]
fn triggers_keep_what_they_say_and_do_not_keep_a_person_from_starting() {
    let source = triggered(
        "{type: manual}, {type: queue, name: orders, enabled: false}, {type: file_watch, config: {path: in/}}, {type: email, address: a@b.example}",
    );
    let plan = plan(&source);
    assert!(plan.not_yet().is_empty());
    let options = vec![("name".to_owned(), json!("orders"))];
    assert_eq!((&plan.declared.triggers[1].kind, plan.declared.triggers[1].enabled), (&TriggerKind::Queue { options }, false));
    hints(
        &source,
        &[
            "4:80+10 starts_nothing_yet a trigger of type `file_watch` is kept, and starts no runs yet",
            "4:121+5 starts_nothing_yet a trigger of type `email` is kept, and starts no runs yet",
        ],
    );
}

#[test]
fn a_block_below_a_heading_declares_triggers_too() {
    let source = below(
        "## Triggers\n```yaml\n- {type: event, name: x}\n```\n## Step 1: Go\n```yaml\naction: workflow.log\ninputs: {message: hi}\n```\n",
    );
    assert_eq!(plan(&source).declared.triggers.len(), 1);
}

#[test]
fn what_a_workflow_needs_is_kept_and_what_cannot_be_done_yet_is_named() {
    let plan = plan(&front(
        "requirements: {tools: [search], permissions: [\"run:read\"], features: {required: [vision], optional: streaming}}\n\
         compatibility: {min_version: 0.1.0, agents: {helper: partial}}\n\
         permissions: {read: [\"docs/**\"], write: false, network: true, allowed_hosts: [a.example]}\n\
         tools: {search: {sdk: web.search, auth: \"cred://search\", options: {depth: 2}}}\n\
         agent: helper\nsecrets: {provider: vault}",
    ));
    let declared = &plan.declared;
    assert_eq!(
        (declared.requirements.tools.as_slice(), declared.requirements.permissions.as_slice()),
        (&["search".to_owned()][..], &["run:read".to_owned()][..])
    );
    assert_eq!(
        declared.requirements.features,
        [Feature { name: "vision".to_owned(), need: Need::Required }, Feature { name: "streaming".to_owned(), need: Need::Optional }]
    );
    assert_eq!(
        (declared.min_version.as_deref(), declared.agents.as_slice()),
        (Some("0.1.0"), &[("helper".to_owned(), Support::Partial)][..])
    );
    let permissions = declared.permissions.as_ref().unwrap();
    assert_eq!((&permissions.write, permissions.network), (&Some(Reach::None), Some(true)));
    assert_eq!((declared.tools[0].1.tool.as_str(), declared.tools[0].1.auth.as_deref()), ("web.search", Some("search")));
    let not_yet: Vec<String> = plan.not_yet().into_iter().map(|asked| asked.what).collect();
    assert_eq!(not_yet, ["`default_agent`", "`permissions`", "`tools`", "`secrets`", "`requirements.tools`", "the feature `vision`"]);
}

#[test]
fn what_is_wrong_with_declarations_is_told_at_its_place() {
    for (yaml, expected) in [
        (
            "requirements: {permissions: [\"run:reed\"]}",
            "3:30+10 unknown_permission there is no permission `run:reed`; did you mean `run:read`?",
        ),
        ("requirements: {tool: [a]}", "3:16+4 unknown_key `tool` is no key of `requirements`; did you mean `tools`?"),
        ("tools: {a: {auth: \"cred://x\"}}", "3:9+1 key_missing a tool needs `tool`; add `tool:` with the name of one that there is"),
        (
            "compatibility: {agents: {a: perfect}}",
            "3:29+7 unknown_value `perfect` is no value of `a`; it is one of `recommended`, `supported`, `partial`, `experimental`",
        ),
    ] {
        errors(&front(yaml), &[expected]);
    }
    errors(&front("x-anything: {goes: here}"), &[]);
}

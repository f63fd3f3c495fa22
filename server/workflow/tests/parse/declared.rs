//! Triggers, requirements, compatibility, permissions, tools, agents and secrets.

use std::time::Duration;

use serde_json::json;
use workflow::{
    needs::Needs,
    plan::{Feature, FileChange, Need, OnError, OnLimit, Reach, Support, TemplateValue, TriggerKind},
};

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
        ("{type: webhook, path: a, pahts: y}", "4:37+5 unknown_key `pahts` is no key of a trigger of type `webhook`; did you mean `path`?"),
        ("hello", "4:12+5 wrong_type `a trigger` is a mapping of names to values, not a single value"),
        ("{path: a}", "4:12+1 key_missing a trigger needs `type`; add `type: manual`, `type: schedule` or `type: webhook`"),
    ] {
        errors(&triggered(trigger), &[expected]);
    }
}

#[test]
fn what_a_trigger_gives_are_known_inputs_and_it_sees_only_what_started_the_run() {
    let inputs =
        &plan(&triggered("{type: event, event: x, input_mapping: {id: \"{{ trigger.body.id }}\", level: high}}")).declared.triggers[0]
            .inputs;
    assert!(matches!(&inputs[0].1, TemplateValue::Template(text) if text.source() == "{{ trigger.body.id }}"));
    assert_eq!(inputs[1], ("level".to_owned(), TemplateValue::Literal(json!("high"))));
    errors(
        &triggered("{type: event, event: x, input_mapping: {idd: 1, level: \"{{ inputs.id }}\"}}"),
        &[
            "4:52+3 unknown_input `idd` is no input of this workflow; did you mean `id`?",
            "4:71+6 undefined_name nothing is called `inputs` where a trigger starts a run: there are `trigger`, `vars` and `tenant`",
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
    let queue = TriggerKind::Queue { queue: "orders".to_owned(), provider: None };
    assert_eq!((&plan.declared.triggers[1].kind, plan.declared.triggers[1].enabled), (&queue, false));
    hints(
        &source,
        &[
            "4:42+4 other_spelling `name` is read as `queue`; write `queue`",
            "4:80+10 starts_nothing_yet a trigger of type `file_watch` is kept, and starts no runs yet",
            "4:121+5 starts_nothing_yet a trigger of type `email` is kept, and starts no runs yet",
        ],
    );
}

#[test]
fn a_block_below_a_heading_declares_triggers_too() {
    let source = below(
        "## Triggers\n```yaml\n- {type: event, event: x}\n```\n## Step 1: Go\n```yaml\naction: workflow.log\ninputs: {message: hi}\n```\n",
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
    assert_eq!(not_yet, ["`default_agent`", "`permissions`", "`tools`", "`secrets`", "the tool `search`", "the feature `vision`"]);
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

/// What a file asks for and no run can do yet.
fn not_yet(yaml: &str) -> Vec<String> {
    plan(&front(yaml)).not_yet().into_iter().map(|not| not.what).collect()
}

#[test]
fn further_triggers_are_read_key_by_key() {
    for (trigger, kind) in [
        (
            "{type: email, address: in@a.example, from: [b@c.example], subject: Bill}",
            TriggerKind::Email { address: Some("in@a.example".into()), from: vec!["b@c.example".into()], subject: Some("Bill".into()) },
        ),
        ("{type: queue, queue: jobs, provider: redis}", TriggerKind::Queue { queue: "jobs".into(), provider: Some("redis".into()) }),
        (
            "{type: file_watch, path: in, patterns: [\"*.csv\"], ignore: tmp, events: [created, moved], recursive: true, debounce: 2s}",
            TriggerKind::FileWatch {
                path: "in".into(),
                patterns: vec!["*.csv".into()],
                ignore: vec!["tmp".into()],
                events: vec![FileChange::Created, FileChange::Moved],
                recursive: true,
                debounce: Some(Duration::from_secs(2)),
            },
        ),
    ] {
        assert_eq!(kinds(trigger), [kind], "{trigger}");
    }
    let event = kinds("{type: event, event: order.created, source: shop, filter: trigger.body.amount > 5}").remove(0);
    let TriggerKind::Event { filter, .. } = &event else { panic!("it is an event") };
    assert_eq!(filter.as_ref().map(workflow::expression::Expression::source), Some("trigger.body.amount > 5"));
    for (trigger, expected) in [
        ("{type: event}", "4:19+5 key_missing a trigger of type `event` needs `event`; add `event:` with its name"),
        (
            "{type: event, event: x, filter: \"{{ body.id }}\"}",
            "4:48+4 undefined_name nothing is called `body` where a trigger starts a run: there are `trigger`, `vars` and `tenant`; did you mean `trigger.body`?",
        ),
        (
            "{type: file_watch, path: in, events: [renamed]}",
            "4:50+7 unknown_value `renamed` is no value of `events`; it is one of `created`, `modified`, `deleted`, `moved`",
        ),
        ("{type: queue}", "4:19+5 key_missing a trigger of type `queue` needs `queue`; add `queue:` with its name"),
        ("{type: email, form: x}", "4:26+4 unknown_key `form` is no key of a trigger of type `email`; did you mean `from`?"),
    ] {
        errors(&triggered(trigger), &[expected]);
    }
}

#[test]
fn a_run_that_a_trigger_starts_lacks_nothing_as_far_as_the_file_tells() {
    let with = |trigger: &str| {
        front(&format!("inputs: {{id: {{type: string, required: true}}, n: {{type: integer, default: 1}}}}\ntriggers: [{trigger}]"))
    };
    for sound in [
        "{type: schedule, cron: \"0 7 * * *\", inputs: {id: x}}",
        "{type: webhook, path: a}",
        "{type: webhook, path: a, input_mapping: {id: \"{{ trigger.body.id }}\", n: 5}}",
        "{type: manual}",
    ] {
        errors(&with(sound), &[]);
    }
    for (trigger, expected) in [
        (
            "{type: schedule, cron: \"0 7 * * *\"}",
            "4:19+8 trigger_inputs_missing a run that this starts would lack `id`; add them below `inputs:`, or give them defaults",
        ),
        (
            "{type: webhook, path: a, input_mapping: {n: 1}}",
            "4:19+7 trigger_inputs_missing a run that this starts would lack `id`; add them below `input_mapping:`, or give them defaults",
        ),
        (
            "{type: webhook, path: a, input_mapping: {id: x, n: many}}",
            "4:63+4 wrong_type the input `n` has to be a whole number and is text",
        ),
    ] {
        errors(&with(trigger), &[expected]);
    }
}

#[test]
fn a_person_can_be_kept_from_starting_it() {
    let off: Vec<_> = plan(&triggered("{type: manual, enabled: false}")).not_yet().into_iter().map(|not| (not.line, not.what)).collect();
    assert_eq!(off, [(4, "no start by hand: its manual trigger is switched off".to_owned())]);
}

#[test]
fn what_is_there_already_is_not_named() {
    let source = front("requirements: {tools: [http.request, agent], permissions: [\"tool:execute\"], features: {recommended: [vision]}}");
    assert!(plan(&source).not_yet().is_empty());
    let needed: Vec<&str> = Needs::of(&plan(&source)).permissions.iter().map(|permission| permission.name()).collect();
    assert_eq!(needed, ["workflow:execute", "tool:execute"]);
}

#[test]
fn a_version_that_is_newer_than_this_one_is_named() {
    assert!(not_yet("compatibility: {min_version: 0.1.0}").is_empty());
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(not_yet("compatibility: {min_version: \"99.0\"}"), [format!("version 99.0 of Mandate, and this is {version}")]);
    errors(&front("compatibility: {min_version: newest}"), &["3:30+6 wrong_type `min_version` is a version such as `0.1.0`, not `newest`"]);
}

#[test]
fn a_step_narrows_and_never_widens_what_the_file_allows() {
    let file = "permissions: {read: [src/**], write: false, network: false, allowed_hosts: [a.example], max_file_size: 10}";
    let with = |permissions: &str| {
        format!(
            "---\nworkflow: {{id: demo, name: Demo}}\n{file}\n---\n```yaml\nid: a\naction: workflow.noop\npermissions: {permissions}\n```\n"
        )
    };
    let plan = plan(&with("{read: [src/**], write: false, execute: false, network: false, allowed_hosts: [a.example], max_file_size: 5}"));
    assert_eq!(plan.declared.permissions.as_ref().unwrap().read, Some(Reach::Globs(vec!["src/**".into()])));
    assert_eq!(plan.not_yet().into_iter().map(|not| not.what).collect::<Vec<_>>(), ["`permissions`", "permissions"]);
    for (permissions, place, key) in [
        ("{read: true}", "8:15+4", "read"),
        ("{read: [other/**]}", "8:15+4", "read"),
        ("{write: [x]}", "8:15+5", "write"),
        ("{network: true}", "8:15+7", "network"),
        ("{allowed_hosts: [b.example]}", "8:15+13", "allowed_hosts"),
        ("{max_file_size: 11}", "8:15+13", "max_file_size"),
    ] {
        let expected = format!(
            "{place} wider_permission [a] a step may narrow what the file allows, and `{key}` widens it; leave `{key}` out, or allow it in the front matter"
        );
        errors(&with(permissions), &[&expected]);
    }
}

#[test]
fn an_agent_and_what_happens_at_a_limit_are_kept_and_named() {
    assert_eq!(not_yet("default_agent: helper"), ["`default_agent`"]);
    hints(&front("agent: helper"), &["3:1+5 other_spelling `agent` is read as `default_agent`; write `default_agent`"]);
    assert!(not_yet("budget: {limit: 1, on_limit: block}").is_empty());
    for word in ["ask", "warn", "cheaper"] {
        assert_eq!(not_yet(&format!("budget: {{limit: 1, on_limit: {word}}}")), [format!("a budget with `on_limit: {word}`")]);
    }
    let step = plan(&crate::step("id: a\nprompt: x\nbudget: {limit: 1, on_limit: warn}")).steps.remove(0);
    assert_eq!((step.budget.unwrap().to_dollars().as_str(), step.further.unwrap().on_limit), ("1", Some(OnLimit::Warn)));
}

#[test]
fn what_the_file_says_of_failures_is_for_every_step_that_says_nothing() {
    let with = |policy: &str| {
        let step = |id: &str, more: &str| format!("```yaml\n{{id: {id}, {more}}}\n```\n");
        format!(
            "---\nworkflow: {{id: demo, name: Demo}}\nexecution: {{error_handling: {policy}}}\n---\n{}{}{}{}",
            step("a", "action: workflow.noop"),
            step("b", "action: workflow.noop, on_error: stop, compensate: {action: workflow.noop}"),
            step("c", "approval: {title: Pay?}"),
            step("d", "action: workflow.noop")
        )
    };
    let policies = |policy: &str| -> Vec<(String, OnError)> {
        plan(&with(policy)).all_steps().map(|step| (step.id.clone(), step.on_error.clone())).collect()
    };
    let goes_on = OnError::Continue { fallback: None };
    let expected = [("a", &goes_on), ("b", &OnError::Stop), ("b_compensation", &OnError::Stop), ("c", &OnError::Stop), ("d", &goes_on)];
    assert_eq!(policies("continue").iter().map(|(id, policy)| (id.as_str(), policy)).collect::<Vec<_>>(), expected);
    assert!(policies("stop").iter().all(|(_, policy)| *policy == OnError::Stop));
    let instead = policies("{action: fallback, fallback: {action: workflow.noop}}");
    let ids: Vec<&str> = instead.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["a", "a_fallback", "b", "b_compensation", "c", "d", "d_fallback"], "what is done instead has no other in its stead");
    assert_eq!(
        policies("[{code: timeout, action: continue}, {code: default, action: rollback}]")[0].1.of("timeout"),
        &OnError::Continue { fallback: None }
    );
    // Told once, however many steps there are.
    errors(
        &with("later"),
        &["3:29+5 unknown_value [a] `later` is no value of `error_handling`; it is one of `stop`, `continue`, `fallback`, `rollback`"],
    );
}

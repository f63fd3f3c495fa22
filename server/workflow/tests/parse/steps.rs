//! What a step may say.

use std::time::Duration;

use serde_json::json;
use workflow::{
    needs::Needs,
    parse::parse,
    plan::{AfterRefusal, Approver, CredentialPiece, HttpStepBody, LogLevel, ModelTask, Quorum, Retry, Risk, StepKind, TemplateValue},
};

use crate::{errors, front, hints, only_kind, plan, step};

fn log(more: &str) -> String {
    step(&format!("id: a\naction: workflow.log\ninputs: {{message: hello}}\n{more}"))
}

fn http(more: &str) -> String {
    step(&format!("id: a\naction: http.request\ninputs:\n  method: POST\n  url: https://a.example/\n{more}"))
}

fn prompt(more: &str) -> String {
    step(&format!("id: a\naction: agent.generate\nprompt: hello\n{more}"))
}

fn approval(more: &str) -> String {
    step(&format!("id: a\napproval:\n  title: Pay?\n{more}"))
}

#[test]
fn a_step_says_what_it_does() {
    errors(
        &step("id: a\ninputs: {message: x}"),
        &["4:1+3 step_without_action [a] nothing here says what the step does; \
           add `action:`, such as `action: http.request`; if this is no step, put it below a heading such as Example"],
    );
    errors(
        &step("id: a\nacton: workflow.log\ninputs: {message: x}"),
        &["6:1+5 step_without_action [a] nothing here says what the step does; did you mean `action`?"],
    );
    errors(
        &step("id: a\ntype: action\ninputs: {}"),
        &["6:7+6 step_without_action [a] nothing here says what the step does; add `action:`, such as `action: http.request`"],
    );
    errors(
        &step("id: a\ntype: foreach\nsteps: []"),
        &["6:7+7 unknown_type [a] there is no type of step `foreach`; did you mean `for_each`?"],
    );
    errors(
        &step("id: a\naction: workflow.log\napproval: {title: x}"),
        &["7:1+8 two_kinds [a] a step is either an action or an approval; make two steps of it: the approval first"],
    );
}

/// What a plan says and cannot be done yet.
fn not_yet(source: &str) -> Vec<String> {
    plan(source).not_yet().into_iter().map(|not| not.what).collect()
}

#[test]
fn what_cannot_run_yet_is_read_and_named() {
    for (yaml, named) in [
        ("type: script\ncode: print(1)\nlanguage: python", "script.execute"),
        ("action: script.execute\ninputs: {code: print(1), language: python}", "script.execute"),
        ("type: workflow\nworkflow: other", "workflow"),
        ("type: wait\nmode: webhook\nwebhook_path: back", "wait with `mode: webhook`"),
        ("type: wait\nmode: form\nfields: {go: {type: boolean}}", "wait with `mode: form`"),
        ("action: file.read\ninputs: {path: a.txt}", "file.read"),
        ("action: file.write\ninputs: {path: a.txt, content: x}", "file.write"),
        ("action: mail.send\ninputs: {to: a@b.example, subject: x, text: y}", "mail.send"),
        ("action: agent.generate\nprompt: hello\ntools: [search]", "a prompt with `tools`"),
        ("action: agent.chat\nmessages: [{role: user, content: hi}, {role: user, content: there}]", "a prompt with several `messages`"),
        ("action: workflow.log\ninputs: {message: hi}\nagent: helper", "agent"),
        ("action: workflow.log\ninputs: {message: hi}\nagent_hints: {strength: writing}", "agent_hints"),
        ("action: workflow.log\ninputs: {message: hi}\npermissions: {read: false}", "permissions"),
    ] {
        assert_eq!(not_yet(&step(&format!("id: a\n{yaml}"))), [named], "{yaml}");
    }
    for yaml in ["prompt: x", "action: workflow.sleep\ninputs: {duration: 5m}", "type: wait\nmode: signal\nsignal: go"] {
        assert!(not_yet(&step(&format!("id: a\n{yaml}"))).is_empty(), "{yaml}");
    }
    errors(
        &step("id: a\naction: slack.post"),
        &["6:9+10 unknown_action [a] there is no action `slack.post`; built in are `http.request`, `agent.analyze`, `agent.generate`, \
           `agent.chat`, `agent.chat.completions`, `workflow.assert`, `workflow.set_outputs`, `workflow.log`, `core.log`, `workflow.sleep`, \
           `script.execute`, `file.read`, `file.write`, `mail.send` and the data steps, such as `core.set`"],
    );
}

#[test]
fn other_keys_are_refused_with_the_nearest_one() {
    errors(&log("timout: 5s"), &["8:1+6 unknown_key [a] `timout` is no key of a step of kind `workflow.log`; did you mean `timeout`?"]);
    errors(&log("depends_on: b"), &["8:13+1 unknown_step [a] there is no step `b` in this list; did you mean `a`?"]);
    errors(&log("x-note: [anything]"), &[]);
}

#[test]
fn known_keys_may_be_in_camel_case() {
    let source = prompt("outputVariable: b\nmaxRetries: 1\nmaxTokens: 5");
    hints(
        &source,
        &[
            "8:1+14 other_spelling [a] `outputVariable` is read as `output_variable`; write `output_variable`",
            "9:1+10 other_spelling [a] `maxRetries` is read as `max_retries`; write `max_retries`",
            "10:1+9 other_spelling [a] `maxTokens` is read as `max_tokens`; write `max_tokens`",
        ],
    );
    let step = plan(&source).steps.remove(0);
    assert_eq!((step.output_variable.as_deref(), step.retry.max_attempts), (Some("b"), 2));
}

#[test]
fn a_variable_has_a_name_that_expressions_can_use() {
    errors(
        &log("output_variable: my-value"),
        &["8:18+8 invalid_name [a] `my-value` cannot be the name of a variable: letters, digits and `_` only; write `my_value`"],
    );
    errors(&log("output_variable: steps"), &["8:18+5 invalid_name [a] `steps` is a word of the language; a variable has another name"]);
    errors(
        &log("output_variable: \"{{ x }}\""),
        &["8:18+9 not_evaluated [a] `output_variable` is taken as it is written: expressions are not evaluated here"],
    );
}

#[test]
fn retries_count_as_the_language_says() {
    let retry = |yaml: &str| plan(&http(yaml)).steps[0].retry;
    assert_eq!(retry(""), Retry::ONCE);
    assert_eq!(retry("max_retries: 3").max_attempts, 4);
    assert_eq!(retry("retry: {}"), Retry { max_attempts: 3, ..Retry::ONCE });
    let long = retry("retry: {initial_interval: 5m}");
    assert_eq!((long.initial_interval, long.max_interval), (Duration::from_mins(5), Duration::from_mins(5)));
    let all = front("execution: {max_retries: 2}").replace("workflow.log, inputs: {message: hello}", "agent.analyze, prompt: hi");
    assert_eq!(plan(&all).steps[0].retry.max_attempts, 3);
    for (yaml, expected) in [
        ("retry: 3", "10:8+1 wrong_type [a] `retry` is a mapping such as `{max_attempts: 3}`; write `retry: {max_attempts: 3}`"),
        ("retry: {max_attempts: 0}", "10:23+1 wrong_type [a] `max_attempts` is a whole number from 1 to 100, not `0`"),
        ("retry: {factor: 0.5}", "10:17+3 wrong_type [a] `factor` is a number from 1 to 100, not `0.5`"),
        ("retry: {jitter: 2}", "10:17+1 wrong_type [a] `jitter` is a number from 0 to 1, not `2`"),
        ("retry: {backoff: 2}", "10:9+7 unknown_key [a] `backoff` is no key of `retry`"),
        ("retry: {initial_interval: 10s, max_interval: 1s}", "10:27+3 out_of_range [a] `initial_interval` is longer than `max_interval`"),
        (
            "timeout: 5 minutes",
            "10:10+9 wrong_type [a] `timeout` is a time such as `500ms`, `30s`, `5m`, `1h` or `7d`, not `5 minutes`; write `5m`",
        ),
        ("timeout: 0", "10:10+1 out_of_range [a] `timeout` has to be longer than nothing"),
        ("budget: 0.5", "10:9+3 wrong_type [a] `budget` is a mapping with a `limit`; write `budget: {limit: 0.5}`"),
        (
            "budget: {limit: 1, per: run}",
            "10:25+3 unknown_value [a] the budget of a step is for that step alone; put the budget of the run into the front matter",
        ),
        ("budget: {}", "10:1+6 key_missing [a] a budget needs `limit`; add the most it may cost in US dollars, such as `limit: 0.25`"),
    ] {
        errors(&http(yaml), &[expected]);
    }
}

#[test]
fn a_request_reads_every_key() {
    let source = http(
        "  headers: {A: \"x {{ run.id }} cred://one-a, cred://b\", B: 1}\n  query: {a: [1, x], b: \"{{ run.id }}\"}\n  json: {a: {b: [true, ~]}, c: \"{{ run.number }}\"}\n  \
         accept_status: [404, 503]\n  follow_redirects: true",
    );
    let StepKind::Http(http) = only_kind(&source) else { panic!("it is a request") };
    let pieces: Vec<String> = http.headers[0]
        .1
        .iter()
        .map(|piece| match piece {
            CredentialPiece::Text(text) => text.source().to_owned(),
            CredentialPiece::Credential(name) => format!("<{name}>"),
        })
        .collect();
    assert_eq!(pieces, ["x {{ run.id }} ", "<one-a>", ", ", "<b>"]);
    assert_eq!(http.query[0], ("a".to_owned(), TemplateValue::Literal(json!([1, "x"]))));
    let HttpStepBody::Json(TemplateValue::Map(fields)) = &http.body else { panic!("it sends a document") };
    assert_eq!(fields[0].1, TemplateValue::Literal(json!({"b": [true, null]})));
    assert!(matches!(fields[1].1, TemplateValue::Template(_)));
    assert_eq!((http.accept_status, http.follow_redirects), (vec![404, 503], true));
    let parsed = parse(&source);
    let needs = Needs::of(&parsed.plan.unwrap());
    assert_eq!(needs.credentials.into_iter().collect::<Vec<_>>(), ["b", "one-a"]);
    assert_eq!(parsed.outline[0].host.as_deref(), Some("a.example"));
}

#[test]
fn a_request_is_refused_when_it_cannot_be_what_is_meant() {
    for (yaml, expected) in [
        (
            "  json: {}\n  body: x",
            "11:3+4 duplicate_key [a] a request sends one thing: `json` is given already; keep one of `json`, `body` and `form`",
        ),
        (
            "  body: {a: 1}",
            "10:9+1 wrong_type [a] `body` is a text, not a mapping; write `json` for a JSON document, or `form` for the fields of a form",
        ),
        ("  form: {a: {b: 1}}", "10:13+1 wrong_type [a] a value of `form` is a text, a number or a list of them, not a mapping"),
        ("  headers: {\"a b\": x}", "10:13+5 invalid_header [a] `a b` cannot be the name of a header"),
        ("  headers: {A: x, a: y}", "10:19+1 duplicate_key [a] the header `a` is given twice"),
        ("  headers: {A: \"x\\ny\"}", "10:16+6 invalid_header [a] the header `A` is one line of text"),
        ("  accept_status: [99]", "10:19+2 wrong_type [a] `accept_status` is a whole number from 100 to 599, not `99`"),
        ("  follow_redirects: yes", "10:21+3 wrong_type [a] `follow_redirects` is `true` or `false`, not `yes`; write `true`"),
        ("  auth: x", "10:3+4 unknown_key [a] `auth` is no key of the inputs of `http.request`"),
        ("model: x", "10:1+5 no_meaning [a] `model` has no meaning here: no model is asked"),
    ] {
        errors(&http(yaml), &[expected]);
    }
}

#[test]
fn methods_and_addresses_are_checked() {
    let with = |method: &str, url: &str| step(&format!("id: a\naction: http.request\ninputs:\n  method: {method}\n  url: {url}"));
    errors(&with("FETCH", "https://a.example"), &["8:11+5 unknown_value [a] `FETCH` is no value of `method`; did you mean `PATCH`?"]);
    errors(&with("GTE", "https://a.example"), &["8:11+3 unknown_value [a] `GTE` is no value of `method`; did you mean `GET`?"]);
    hints(&with("get", "https://a.example"), &["8:11+3 other_spelling [a] `get` is read as `GET`; write `GET`"]);
    for (url, expected) in [
        ("a.example/x", "an address begins with `http://`, `https://` or an expression; did you mean `https://a.example/x`?"),
        ("ftp://a.example", "an address begins with `http://`, `https://` or an expression"),
        ("https://", "the address has no host"),
        (
            "https://me:secret@a.example",
            "an address carries no user name and no password; put a credential into `headers`, as `cred://name`",
        ),
        ("https://a b/", "`a b` is no host"),
    ] {
        errors(&with("GET", url), &[&format!("9:8+{} invalid_url [a] {expected}", url.len())]);
    }
    let host = |url: &str| parse(&with("GET", url)).outline[0].host.clone().unwrap();
    assert_eq!(host("https://API.example:8443/x?y"), "api.example:8443");
    assert_eq!(host("\"https://{{ vars.host }}.example/{{ run.id }}\""), "{{ vars.host }}.example");
    assert_eq!(host("\"https://{{ vars.a ~ '/' }}x/y\""), "{{ vars.a ~ '/' }}x");
    assert_eq!(host("\"{{ vars.base }}/x\""), "vars.base");
    errors(
        &step("id: a\naction: http.request\ninputs: {json: {}}"),
        &[
            "7:1+6 key_missing [a] `http.request` needs `url`; add `url:` below `inputs`",
            "7:1+6 key_missing [a] an `http.request` that sends something needs `method`; add `method: POST`, or what else is meant, beside `json`",
        ],
    );
    hints(
        &step("id: a\naction: http.request\ninputs: {url: \"https://a.example\"}"),
        &["7:1+6 method_missing [a] no method is given: this is a GET; add `method: GET`"],
    );
}

#[test]
fn a_credential_stands_in_a_header_and_nowhere_else() {
    let misplaced = "credential_misplaced [a] a credential can only stand in a header of `http.request`; elsewhere it is not supported yet; \
                     put `cred://name` into `headers`";
    errors(&http("  json: {a: \"x cred://one\"}"), &[&format!("10:16+7 {misplaced}")]);
    errors(&http("  query: {a: cred://one}"), &[&format!("10:14+7 {misplaced}")]);
    errors(&prompt("system: my cred://one"), &[&format!("8:12+7 {misplaced}")]);
    errors(&log("condition: \"'cred://one' == 1\""), &[&format!("8:14+7 {misplaced}")]);
    errors(
        &http("  headers: {A: \"{{ 'cred://one' }}\"}"),
        &["10:21+7 credential_misplaced [a] a credential cannot stand inside `{{ }}`: what comes out of an expression is data"],
    );
    errors(
        &http("  headers: {A: \"cred://{{ run.id }}\"}"),
        &["10:17+7 invalid_credential [a] a credential is named literally, with at most 64 letters, digits, `-` and `_`; \
           write `cred://` and the name of the credential"],
    );
    errors(
        &http("  headers: {A: \"{% if true %}cred://a{% endif %}\"}"),
        &["10:16+34 credential_misplaced [a] a header with a credential cannot have `{% %}` or `{# #}`"],
    );
    errors(&http("  headers: {A: \"cred://a {{ nope }}\"}"), &["10:29+4 undefined_name [a] nothing sets `nope`"]);
}

#[test]
fn a_secret_of_a_provider_is_a_credential_too() {
    let source = http("  headers: {A: \"Bearer ${secret:vault://team/pay.v2#api_key} cred://one\"}");
    let StepKind::Http(request) = only_kind(&source) else { panic!("it is a request") };
    let credential = |name: &str| CredentialPiece::Credential(name.to_owned());
    assert_eq!((&request.headers[0].1[1], &request.headers[0].1[3]), (&credential("vault://team/pay.v2#api_key"), &credential("one")));
    assert_eq!(not_yet(&source), ["`${secret:…}`"]);
    let unnamed = "invalid_credential [a] a secret is named literally, by its provider, its path and its key; \
                   write `${secret:vault://path#key}`, or `cred://` and the name of a credential";
    for wrong in ["${secret:x}", "${secret:vault://x}", "${secret:vault://x#}", "${secret:vault://x#y", "${secret:vault://{{ run.id }}#y}"]
    {
        errors(&http(&format!("  headers: {{A: \"{wrong}\"}}")), &[&format!("10:17+9 {unnamed}")]);
    }
    errors(
        &http("  json: {a: \"${secret:vault://a#b}\"}"),
        &["10:14+9 credential_misplaced [a] a secret can only stand in a header of `http.request`; elsewhere it is not supported yet; \
           put `${secret:…}` into `headers`"],
    );
}

#[test]
fn the_keys_of_a_prompt_stand_on_the_step_or_below_inputs() {
    let both = step(
        "id: a\naction: agent.analyze\nsystem: be short\ninputs:\n  prompt: \"{{ run.id }}\"\n  max_tokens: 10\n  output_schema: {type: object, properties: {a: {enum: [\"yes\"]}}}\ntemperature: 0.5\nmodel: a/b",
    );
    let StepKind::Model(model) = only_kind(&both) else { panic!("it is a prompt") };
    assert_eq!(model.task, ModelTask::Analyze);
    assert_eq!((model.model.as_deref(), model.max_tokens, model.temperature), (Some("a/b"), Some(10), Some(0.5)));
    assert_eq!(model.output_schema, Some(json!({"type": "object", "properties": {"a": {"enum": ["yes"]}}})));
    let needs = Needs::of(&parse(&both).plan.unwrap());
    assert!(!needs.default_model && needs.models.contains("a/b"));
    for (yaml, expected) in [
        ("inputs: {prompt: again}", "8:10+6 duplicate_key [a] `prompt` was already given on line 7; keep one of the two"),
        ("temperature: 3", "8:14+1 wrong_type [a] `temperature` is a number from 0 to 2, not `3`"),
        ("max_tokens: 0", "8:13+1 wrong_type [a] `max_tokens` is a whole number from 1 to 10000000, not `0`"),
        ("output_schema: {properties: {}}", "8:1+13 invalid_schema [a] `output_schema` needs `type: object`; add `type: object`"),
        (
            "output_schema: {type: array}",
            "8:23+5 invalid_schema [a] the answer of a model is an object: `type: object`; put what is wanted into a field of an object",
        ),
        (
            "output_schema: {type: object, title: \"{{ x }}\"}",
            "8:38+9 not_evaluated [a] a schema is taken as it is written: expressions are not evaluated here",
        ),
        ("promt: x", "8:1+5 unknown_key [a] `promt` is no key of a step of kind `agent.generate`; did you mean `prompt`?"),
    ] {
        errors(&prompt(yaml), &[expected]);
    }
    errors(
        &step("id: a\naction: agent.generate"),
        &["6:9+14 key_missing [a] `agent.generate` needs `prompt`; add `prompt:` below `inputs`"],
    );
    errors(
        &step("id: a\naction: agent.generate\nprompt: prompts/x.md"),
        &[
            "7:9+12 bundle_needed [a] `prompts/x.md` is the path of a file, and this workflow is one file alone; put the file and this one into a bundle, or write its text here",
        ],
    );
}

#[test]
fn an_approval_has_defaults_that_the_language_states() {
    let StepKind::Approval(approval) = only_kind(&step("id: a\nname: Agree\ntype: approval")) else { panic!("it is an approval") };
    assert_eq!(approval.title.source(), "Agree");
    assert_eq!(approval.approvers, [Approver::Anyone]);
    assert_eq!((approval.quorum, approval.risk), (Quorum::Of(1), Risk::Low));
    assert_eq!(approval.expires_in, Duration::from_hours(7 * 24));
    assert_eq!((approval.on_expiry, approval.on_reject), (AfterRefusal::Stop, AfterRefusal::Stop));
}

#[test]
fn a_heading_with_braces_is_no_title() {
    errors(
        &crate::below("## Pay {{ nope }}\n```yaml\nid: a\napproval: {risk: low}\n```\n"),
        &["5:1+3 key_missing [a] this approval needs `title`; add `title:`; a heading with braces cannot be one"],
    );
}

#[test]
fn an_approval_reads_every_key_below_it_or_on_the_step() {
    let keys = [
        "title: Pay {{ run.number }}?",
        "approvers: [role:approver, \"email:A@b.example\"]",
        "quorum: all",
        "risk: high",
        "shows: {Run: \"{{ run.id }}\"}",
        "expires_in: 1h",
        "on_expiry: continue",
        "on_reject: continue",
    ];
    let nested = step(&format!("id: a\napproval:\n  {}", keys.join("\n  ")));
    let flat = step(&format!("id: a\ntype: approval\n{}", keys.join("\n")));
    let StepKind::Approval(approval) = only_kind(&nested) else { panic!("it is an approval") };
    assert_eq!(StepKind::Approval(approval.clone()), only_kind(&flat));
    assert_eq!(approval.approvers, [Approver::Role("approver".into()), Approver::Email("a@b.example".into())]);
    assert_eq!(
        (approval.quorum, approval.risk, approval.on_expiry, approval.on_reject),
        (Quorum::All, Risk::High, AfterRefusal::Continue, AfterRefusal::Continue)
    );
}

#[test]
fn an_approval_that_nobody_decides_goes_on_as_a_rejected_one() {
    let after = |more: &str| match only_kind(&approval(more)) {
        StepKind::Approval(approval) => (approval.on_reject, approval.on_expiry),
        _ => panic!("it is an approval"),
    };
    use AfterRefusal::{Continue, Stop};
    assert_eq!(after("  on_reject: continue"), (Continue, Continue));
    assert_eq!(after("  on_reject: continue\n  on_expiry: reject"), (Continue, Continue));
    assert_eq!(after("  on_expiry: continue"), (Stop, Continue));
}

#[test]
fn an_approval_that_nobody_could_give_is_refused() {
    for (yaml, expected) in [
        ("  approvers: [approver]", "8:15+8 unknown_value [a] `approver` is neither a role nor a person; write `role:approver`"),
        ("  approvers: [a@b.example]", "8:15+11 unknown_value [a] `a@b.example` is neither a role nor a person; write `email:a@b.example`"),
        ("  approvers: [\"email:nobody\"]", "8:15+14 unknown_value [a] `nobody` is no e-mail address"),
        ("  approvers: [group:finance]", "8:15+13 not_supported [a] `group:` of `approvers` is not supported yet"),
        ("  approvers: [rloe:x]", "8:15+6 unknown_value [a] `rloe` is no kind of approver; did you mean `role`?"),
        (
            "  approvers: []",
            "8:14+1 value_missing [a] `approvers` names nobody; name a role, such as `[role:approver]`, or leave `approvers` out",
        ),
        ("  approvers: [role:a, role:a]", "8:23+6 duplicate_value [a] this approver is named already"),
        (
            "  quorum: 2\n  approvers: [\"email:a@b.example\"]",
            "8:11+1 out_of_range [a] 2 have to agree, but only 1 can be asked: nobody could ever approve this",
        ),
        ("  quorum: most", "8:11+4 wrong_type [a] `quorum` is a whole number from 1 to 1000, not `most`"),
        ("  on_reject: reject", "8:14+6 unknown_value [a] `reject` is no value of `on_reject`; it is one of `stop`, `continue`"),
        ("  on_reject: {steps: []}", "8:22+1 value_missing [a] `steps` has no steps; add a step, or leave the key out"),
        ("  fields: {}", "8:11+1 value_missing [a] `fields` asks for nothing"),
        ("  titel: x", "8:3+5 unknown_key [a] `titel` is no key of an approval; did you mean `title`?"),
        (
            "timeout: 1d",
            "8:1+7 no_meaning [a] `timeout` has no meaning here: an approval waits for people; say with `expires_in` how long it can be decided",
        ),
        ("retry: {}", "8:1+5 no_meaning [a] `retry` has no meaning here: an approval is asked once and costs nothing"),
    ] {
        errors(&approval(yaml), &[expected]);
    }
    hints(
        &approval("  approvers:\n    - role: approver"),
        &["9:7+4 other_spelling [a] this is read as `role:approver`; write `role:approver`"],
    );
}

#[test]
fn the_built_in_actions_read_their_inputs() {
    let StepKind::Assert { condition, message } =
        only_kind(&step("id: a\naction: workflow.assert\ninputs: {condition: \"{{ 1 < 2 }}\", message: no}"))
    else {
        panic!("it is an assertion")
    };
    assert_eq!((condition.source(), message.unwrap().source()), ("1 < 2", "no"));
    let StepKind::Log { level, message } = only_kind(&step("id: a\naction: workflow.log\ninputs: {level: warning, message: 5}")) else {
        panic!("it is a log")
    };
    assert_eq!((level, message.source()), (LogLevel::Warning, "5"));
    errors(
        &step("id: a\naction: workflow.log\ninputs: {level: warn, message: x}"),
        &["7:17+4 unknown_value [a] `warn` is no value of `level`; did you mean `warning`?"],
    );
    errors(
        &step("id: a\naction: workflow.assert"),
        &["6:9+15 key_missing [a] `workflow.assert` needs `condition`; add `condition:` below `inputs`"],
    );
    errors(&log("idempotency_key: x"), &["8:1+15 no_meaning [a] `idempotency_key` has no meaning here: nothing is called"]);
    errors(
        &step("id: a\naction: workflow.log\ninputs: hello"),
        &["7:9+5 wrong_type [a] `inputs` is a mapping of names to values, not a single value"],
    );
}

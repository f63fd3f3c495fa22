//! Dry runs: where samples come from, who decides, how long it waits, what stops it, and what a run takes at most.

use std::{collections::BTreeMap, time::Duration};

use domain::Money;
use serde_json::{Value, json};
use workflow::{
    Event, Plan,
    coverage::ModelUse,
    dry_run::{
        Choice, Recorded, Script, Simulation, Source,
        bounds::{self, Bounds, Most},
        simulate,
    },
    event::Failure,
    parse,
    run::{End, StepState},
};

use crate::{
    blocks::{file, get, steps},
    desk::{START, started},
};

#[expect(clippy::unnecessary_wraps, reason = "it stands for a check")]
fn any(_: &Value, _: &Value) -> Result<(), String> {
    Ok(())
}

fn simulated(plan: &Plan, inputs: Value, script: &Script) -> Simulation {
    let simulation = simulate(plan, started(plan, inputs), START, script, any);
    let again = workflow::Run::fold(simulation.journal.iter().map(|(at, event)| (*at, event)));
    assert_eq!(again, simulation.run, "its facts make the run");
    simulation
}

fn outputs(simulation: &Simulation) -> Value {
    match simulation.run.end() {
        Some(End::Completed { outputs }) => Value::Object((**outputs).clone()),
        other => panic!("the run is {other:?}"),
    }
}

fn failure(simulation: &Simulation) -> &Failure {
    match simulation.run.end() {
        Some(End::Failed { failure, .. }) => failure,
        other => panic!("the run is {other:?}"),
    }
}

fn output(simulation: &Simulation, path: &str) -> Value {
    match &simulation.run.step(path).state {
        StepState::Completed { output, .. } => (**output).clone(),
        other => panic!("{path} is {other:?}"),
    }
}

fn given(step: &str, value: Value) -> Script {
    Script { given: BTreeMap::from([(step.to_owned(), Ok(value))]), ..Script::default() }
}

fn decided(step: &str, choice: Choice) -> Script {
    Script { decisions: BTreeMap::from([(step.to_owned(), choice)]), ..Script::default() }
}

#[test]
fn a_sample_is_the_given_one_else_the_declared_else_the_recorded_else_made_up() {
    let plan = steps(&format!("- {}", get("a")));
    let body = |from: &str| json!({"body": from});
    let recorded = Recorded { run: "run_1".to_owned(), output: body("recorded") };
    let mut script = Script::default();
    let mut seen = Vec::new();
    for turn in 0..4 {
        match turn {
            1 => drop(script.recorded.insert("a".to_owned(), recorded.clone())),
            2 => drop(script.declared.insert("a".to_owned(), body("declared"))),
            3 => drop(script.given.insert("a".to_owned(), Ok(body("given")))),
            _ => {}
        }
        let simulation = simulated(&plan, json!({}), &script);
        seen.push((simulation.sources["a"].clone(), output(&simulation, "a")["body"].clone()));
    }
    let expected = [
        (Source::MadeUp, Value::Null),
        (Source::Recorded("run_1".to_owned()), json!("recorded")),
        (Source::Declared, json!("declared")),
        (Source::Given, json!("given")),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_file_declares_samples_that_are_no_part_of_its_plan_and_are_never_evaluated() {
    let with =
        "- {id: a, action: http.request, inputs: {method: GET, url: \"https://a.example\"}, x-sample: {body: {n: 3, t: \"{{ 1 + 1 }}\"}}}";
    let source = |step: &str| format!("---\nworkflow: {{id: demo, name: Demo}}\nsteps:\n  {step}\n---\n");
    let parsed = parse(&source(with));
    let sample = json!({"body": {"n": 3, "t": "{{ 1 + 1 }}"}});
    assert_eq!(parsed.samples, BTreeMap::from([("a".to_owned(), sample.clone())]));
    let plan = parsed.plan.unwrap();
    let without = parse(&source("- {id: a, action: http.request, inputs: {method: GET, url: \"https://a.example\"}}"));
    assert_eq!(plan.hash().unwrap(), without.plan.unwrap().hash().unwrap());
    let script = Script { declared: parsed.samples, ..Script::default() };
    let simulation = simulated(&plan, json!({}), &script);
    assert_eq!(output(&simulation, "a"), json!({"status": 200, "headers": {}, "body": sample["body"]}));
}

#[test]
fn the_nodes_of_a_graph_declare_samples_too() {
    let source = "schema_version: \"1.0\"\nflow: {name: g}\nstate:\n  fields:\n    answer: {type: str, default: \"\"}\nnodes:\n  - id: ask\n    prompt: Say it\n    output_schema: {type: object, fields: [{name: answer, type: str}]}\n    outputs: [answer]\n    x-sample: {answer: yes please}\nedges: [{from: START, to: ask}, {from: ask, to: END}]\n";
    let parsed = parse(source);
    let errors: Vec<_> = parsed.errors().collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(parsed.samples["ask"], json!({"answer": "yes please"}));
}

#[test]
fn what_is_made_up_fits_the_schema_or_says_that_it_cannot() {
    let schema = "{type: object, required: [risk, items], properties: {risk: {enum: [low, high]}, score: {type: integer, minimum: 3}, items: {type: array, minItems: 2, items: {type: string, minLength: 9}}, when: {type: string, format: date}, other: {$ref: \"#/$defs/o\"}}, $defs: {o: {anyOf: [{type: boolean}, {type: \"null\"}]}}}";
    let plan = steps(&format!("- {{id: a, action: agent.analyze, inputs: {{prompt: Look, output_schema: {schema}}}}}"));
    let simulation = simulated(&plan, json!({}), &Script::default());
    let made = json!({"risk": "low", "score": 3, "items": ["samplesam", "samplesam"], "when": "2026-01-31", "other": true});
    assert_eq!(output(&simulation, "a"), made);

    let refuse: workflow::dry_run::Fits = |_, _| Err("At /risk: the value is wrong.".to_owned());
    let simulation = simulate(&plan, started(&plan, json!({})), START, &Script::default(), refuse);
    assert!(failure(&simulation).message.contains("x-sample"), "{:?}", failure(&simulation));
    let simulation = simulate(&plan, started(&plan, json!({})), START, &given("a", json!({})), refuse);
    assert_eq!(failure(&simulation).message, "the sample does not fit the output_schema: At /risk: the value is wrong");
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let plan = steps(
        "- {id: a, action: agent.analyze, inputs: {prompt: Look, output_schema: {type: object, properties: {a: {$ref: \"#\"}, b: {$ref: \"#\"}, c: {$ref: \"#\"}}}}}",
    );
    let simulation = simulated(&plan, json!({}), &Script::default());
    assert!(output(&simulation, "a").to_string().len() < 200_000);
}

#[test]
fn a_status_that_is_an_error_fails_as_the_call_would_and_is_tried_as_often() {
    let plan = steps(
        "- {id: a, action: http.request, inputs: {method: GET, url: \"https://a.example\", accept_status: [404]}, retry: {max_attempts: 3, initial_interval: 10s, jitter: 0}}",
    );
    let simulation = simulated(&plan, json!({}), &given("a", json!({"status": 503})));
    assert_eq!((failure(&simulation).code.as_str(), simulation.run.step("a").attempts), ("status", 3));
    assert_eq!(simulation.waited, Duration::from_secs(30), "10 s, then 20 s, at once");
    let simulation = simulated(&plan, json!({}), &given("a", json!({"status": 400})));
    assert_eq!(simulation.run.step("a").attempts, 1);
    let simulation = simulated(&plan, json!({}), &given("a", json!({"status": 404, "body": "gone"})));
    assert_eq!(output(&simulation, "a")["status"], json!(404));
    for wrong in [json!([]), json!({}), json!({"status": 900}), json!({"stauts": 200})] {
        let simulation = simulated(&plan, json!({}), &given("a", wrong.clone()));
        assert_eq!(failure(&simulation).code, "sample", "{wrong}");
    }
}

#[test]
fn a_step_can_be_made_to_fail() {
    let plan = steps(&format!(
        "- {{id: t, try: [{}], catch: [{{id: c, action: workflow.log, inputs: {{message: \"{{{{ error.code }}}}\"}}}}]}}",
        get("a")
    ));
    let script = Script { given: BTreeMap::from([("a".to_owned(), Err(Failure::last("time_out", "no answer")))]), ..Script::default() };
    let simulation = simulated(&plan, json!({}), &script);
    let said = simulation.journal.iter().find_map(|(_, event)| match event {
        Event::Logged { message, .. } => Some(message.clone()),
        _ => None,
    });
    assert_eq!(said.as_deref(), Some("time_out"));
}

const ASKS: &str = "- {id: ok, approval: {}, title: Pay?, output_variable: ok, expires_in: 2d, fields: {note: {type: string, required: true}, more: {type: number}}}\n- {id: pay, action: http.request, inputs: {method: POST, url: \"https://pay.example\", json: {note: \"{{ ok.fields.note }}\"}}}";

#[test]
fn an_approval_goes_as_whoever_simulates_wishes() {
    let plan = steps(&ASKS.replace("approval: {}, ", "type: approval, "));
    let simulation = simulated(&plan, json!({}), &Script::default());
    let call = serde_json::to_value(&simulation.run.step("pay").prepared.as_ref().unwrap().call).unwrap();
    assert_eq!(call["body"]["json"]["note"], json!("sample"));
    assert_eq!(output(&simulation, "ok")["fields"]["more"], Value::Null);
    let simulation = simulated(&plan, json!({}), &decided("ok", Choice::Reject));
    assert_eq!((failure(&simulation).code.as_str(), simulation.run.step("pay").state.name()), ("rejected", "idle"));
    let simulation = simulated(&plan, json!({}), &decided("ok", Choice::Expire));
    assert_eq!((failure(&simulation).code.as_str(), simulation.waited), ("expired", Duration::from_hours(48)));
    let simulation = simulated(&plan, json!({}), &given("ok", json!({"fields": {"note": "for May"}})));
    assert_eq!(output(&simulation, "ok")["fields"]["note"], json!("for May"));
    let simulation = simulated(&plan, json!({}), &given("ok", json!({"decision": "rejected"})));
    assert_eq!(failure(&simulation).code, "rejected");
}

#[test]
fn pauses_are_over_at_once_and_what_is_waited_for_comes_or_does_not() {
    let plan = steps(
        "- {id: w, type: wait, duration: 3d}\n- {id: s, type: wait, mode: signal, signal: go, expires_in: 1d, on_expiry: continue, output_variable: s}",
    );
    let simulation = simulated(&plan, json!({}), &given("s", json!({"by": "Ada"})));
    assert_eq!((output(&simulation, "s"), simulation.waited), (json!({"by": "Ada"}), Duration::from_hours(72)));
    let simulation = simulated(&plan, json!({}), &decided("s", Choice::Expire));
    assert_eq!((output(&simulation, "s"), simulation.waited), (Value::Null, Duration::from_hours(96)));
}

#[test]
fn rounds_have_samples_of_their_own_and_endless_ones_are_cut_short() {
    let plan = file(
        "inputs:\n  items: {type: array, required: true}",
        "- {id: e, for_each: inputs.items, steps: [{id: a, action: http.request, inputs: {method: GET, url: \"https://a.example/{{ item }}\"}}]}",
    );
    let mut script = given("a", json!({"body": "each"}));
    script.given.insert("e[1]/a".to_owned(), Ok(json!({"body": "second"})));
    let simulation = simulated(&plan, json!({"items": [1, 2, 3]}), &script);
    let bodies: Vec<Value> = (0..3).map(|round| output(&simulation, &format!("e[{round}]/a"))["body"].clone()).collect();
    assert_eq!(bodies, [json!("each"), json!("second"), json!("each")]);
    let many: Vec<u32> = (0..1_100).collect();
    let simulation = simulated(&plan, json!({"items": many}), &script);
    assert!(simulation.is_cut_short && !simulation.run.is_over());
}

#[test]
fn what_is_skipped_says_why_and_a_completed_run_has_its_outputs() {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/release-notes.md")).unwrap();
    let plan = parse(&source).plan.unwrap();
    let script = given("collect", json!({"body": {"items": [{"title": "A", "kind": "fix"}]}}));
    let simulation = simulated(&plan, json!({"project": "engine", "publish": false}), &script);
    assert_eq!(outputs(&simulation)["notes"], json!("A made-up answer."));
    let StepState::Skipped { reason } = &simulation.run.step("publish").state else { panic!("it is skipped") };
    assert!(!reason.is_empty());
}

/// A cent an attempt for a prompt of a known length, with a token a byte.
fn cents(prompt: &ModelUse) -> (Option<u64>, Option<Money>) {
    (prompt.prompt_bytes, prompt.prompt_bytes.map(|_| Money::from_nanos(10_000_000)))
}

fn bound(plan: &Plan, inputs: Value, known: bool) -> Bounds {
    bounds::of(plan, started(plan, inputs), START, known, &cents)
}

fn most(calls: u64, tokens: u64, cents: i64) -> Most {
    Most { calls: Some(calls), tokens: Some(tokens), cost: Some(Money::from_nanos(cents * 10_000_000)) }
}

fn prompt(id: &str, more: &str) -> String {
    format!("{{id: {id}, action: agent.generate, output_variable: {id}, inputs: {{prompt: \"12345\"}}{more}}}")
}

#[test]
fn attempts_rounds_and_stand_ins_count_and_of_two_branches_the_dearer() {
    let retried = prompt("a", ", max_retries: 2");
    let cases = [
        (format!("- {retried}"), most(3, 15, 3)),
        (format!("- {{id: w, while: \"1 < 2\", max_iterations: 4, steps: [{}]}}", prompt("a", "")), most(4, 20, 4)),
        (format!("- {{id: e, for_each: \"[1, 2]\", steps: [{retried}]}}"), most(6, 30, 6)),
        (
            format!(
                "- {}\n- {{id: i, if: \"a == 'x'\", then: [{}, {}], else: [{}]}}",
                prompt("a", ""),
                prompt("b", ""),
                prompt("c", ""),
                prompt("d", "")
            ),
            most(3, 15, 3),
        ),
        (
            format!("- {{id: i, if: \"1 > 2\", then: [{}, {}], else: [{}]}}", prompt("b", ""), prompt("c", ""), prompt("d", "")),
            most(1, 5, 1),
        ),
        (format!("- {}", prompt("a", ", condition: \"1 > 2\"")), Most::NOTHING),
        (
            format!("- {{id: p, parallel: [{{id: x, steps: [{}]}}, {{id: y, steps: [{}]}}]}}", prompt("b", ""), prompt("c", "")),
            most(2, 10, 2),
        ),
        (format!("- {}", prompt("a", &format!(", compensate: {}", prompt("b", "")))), most(2, 10, 2)),
        (format!("- {}", prompt("a", &format!(", on_error: {{action: fallback, fallback: {}}}", prompt("b", "")))), most(2, 10, 2)),
        (format!("- {}", get("a")), most(1, 0, 0)),
    ];
    for (yaml, expected) in cases {
        let bounds = bound(&steps(&yaml), json!({}), true);
        assert_eq!(bounds.run, expected, "{yaml}\n{:#?}", bounds.steps);
    }
}

#[test]
fn what_is_not_known_before_the_run_has_no_bound_but_its_budget() {
    let later = "- {id: a, action: agent.generate, output_variable: a, inputs: {prompt: Say}}\n- {id: b, action: agent.generate, inputs: {prompt: \"Again {{ a }}\"}}";
    let bounds = bound(&steps(later), json!({}), true);
    assert_eq!((bounds.run.calls, bounds.run.tokens, bounds.run.cost), (Some(2), None, None));
    let bounds = bound(&file("budget: {limit: 0.05, per: run}", later), json!({}), true);
    assert_eq!(bounds.run.cost, Some(Money::from_nanos(50_000_000)));
    let limited = later.replace("}}\"}}", "}}\"}, budget: {limit: 0.02}}");
    let bounds = bound(&steps(&limited), json!({}), true);
    assert_eq!(bounds.run.cost, Some(Money::from_nanos(30_000_000)));
    let loops = format!("- {}\n- {{id: e, for_each: a.body, steps: [{}]}}", get("a"), prompt("b", ""));
    assert_eq!(bound(&steps(&loops), json!({}), true).run, Most { calls: None, tokens: None, cost: None });
    let free = format!("- {}\n- {{id: e, for_each: a.body, steps: [{}]}}", get("a"), get("b"));
    assert_eq!(bound(&steps(&free), json!({}), true).run.cost, Some(Money::ZERO), "nothing costs nothing however often");
}

#[test]
fn inputs_that_are_not_known_bound_nothing_and_loops_know_only_what_no_step_changes() {
    let front = "inputs:\n  text: {type: string, default: \"1234567890\"}\n  items: {type: array, default: [1, 2, 3]}";
    let plan =
        file(front, "- {id: e, for_each: inputs.items, steps: [{id: a, action: agent.generate, inputs: {prompt: \"{{ inputs.text }}\"}}]}");
    assert_eq!(bound(&plan, json!({}), true).run, most(3, 30, 3));
    assert_eq!(bound(&plan, json!({}), false).run, Most { calls: None, tokens: None, cost: None });
    let plan = file(
        front,
        "- {id: e, for_each: inputs.items, steps: [{id: a, action: agent.generate, inputs: {prompt: \"{{ item | default('') }}\"}}]}",
    );
    let bounds = bound(&plan, json!({}), true);
    assert_eq!((bounds.run.calls, bounds.run.cost), (Some(3), None), "an item is not known, whatever stands for nothing");
    assert_eq!(bounds.steps[0].times, Some(3));
}

#[test]
fn no_simulated_run_takes_more_calls_than_its_bound() {
    let files = ["expense-report.md", "release-notes.md", "vendor-payment.md"];
    for name in files {
        let source = std::fs::read_to_string(format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let plan = parse(&source).plan.unwrap();
        let given = plan.inputs.iter().filter(|input| input.required).map(|input| {
            let value = match (&input.check.one_of, input.check.pattern.as_deref(), input.check.kind) {
                (Some(values), ..) => values[0].clone(),
                (_, Some(pattern), _) if pattern.contains("INV") => json!("INV-2026"),
                (.., workflow::plan::FieldType::String) => json!("engine"),
                (.., workflow::plan::FieldType::Array) => json!([]),
                (.., workflow::plan::FieldType::Object) => json!({}),
                (.., workflow::plan::FieldType::Boolean) => json!(true),
                _ => json!(1),
            };
            (input.name.clone(), value)
        });
        let inputs = Value::Object(given.collect());
        let simulation = simulated(&plan, inputs.clone(), &Script::default());
        let calls = simulation.journal.iter().filter(|(_, event)| matches!(event, Event::Dispatched { .. })).count() as u64;
        let bound = bound(&plan, inputs, true).run.calls;
        assert!(bound.is_none_or(|bound| calls <= bound) && calls > 0, "{name}: {calls} of {bound:?}");
    }
}

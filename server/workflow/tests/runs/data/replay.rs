//! The same facts, however often they are asked for.

use serde_json::{Value, json};
use workflow::{Event, decide, event::Started};

use crate::desk::{Desk, RUN, START, started};

const FILE: &str = "---
workflow: {id: demo, name: Demo}
---
```yaml
id: first
action: core.crypto
inputs: {operation: uuid}
output_variable: one
```
```yaml
id: second
action: core.crypto
inputs: {operation: uuid}
output_variable: two
```
```yaml
id: third
type: map
items: [1, 2, 3]
expression: uuid()
output_variable: three
```
```yaml
id: fourth
action: core.set
inputs: {a: \"{{ uuid() }}\", b: \"{{ uuid() }}\"}
output_variable: four
```
```yaml
id: fifth
action: core.crypto
inputs: {operation: random_bytes}
output_variable: five
```
```yaml
id: sixth
action: core.compress
inputs: {input: \"{{ one }} {{ two }}\"}
output_variable: six
```
```yaml
id: seventh
action: workflow.timestamp
output_variable: seven
```
```yaml
id: read
action: http.request
inputs: {method: GET, url: \"https://a.example/{{ three[0] }}\"}
```
";

fn facts() -> Vec<Event> {
    let plan = workflow::parse(FILE).plan.unwrap();
    let started: Started = started(&plan, json!({}));
    decide(&plan, &workflow::Run::new(), workflow::Input::Start(started), START).unwrap()
}

#[test]
fn what_is_made_by_chance_is_the_same_again_and_differs_within_a_run() {
    assert_eq!(facts(), facts());
    let outputs: Vec<Value> = facts()
        .into_iter()
        .filter_map(|fact| match fact {
            Event::StepCompleted { output, .. } => Some(output),
            _ => None,
        })
        .collect();
    let mut ids: Vec<&str> = vec![outputs[0].as_str().unwrap(), outputs[1].as_str().unwrap()];
    ids.extend(outputs[2].as_array().unwrap().iter().map(|id| id.as_str().unwrap()));
    ids.extend([outputs[3]["a"].as_str().unwrap(), outputs[3]["b"].as_str().unwrap()]);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 7, "no two are alike");
    assert!(!RUN.is_empty());
}

#[test]
fn a_crash_after_data_steps_changes_nothing() {
    let mut desk = Desk::start(workflow::parse(FILE).plan.unwrap(), json!({}));
    let before = desk.call();
    let outputs: Vec<Value> = ["first", "third", "fifth", "sixth"].iter().map(|step| desk.output(step)).collect();
    desk.crash();
    assert_eq!(desk.call(), before);
    let after: Vec<Value> = ["first", "third", "fifth", "sixth"].iter().map(|step| desk.output(step)).collect();
    assert_eq!(after, outputs);
}

//! From the text of a workflow of 200 steps to its plan and the hash of it.

use std::{fmt::Write as _, hint::black_box, time::Instant};

const STEPS: usize = 200;
const TURNS: usize = 101;

/// Steps of the kinds that real files have, each of which uses what the one before it gave.
fn source() -> String {
    let mut source = String::from("---\nworkflow: {id: long, name: Long}\ninputs: {amount: {type: number, required: true}}\n---\n");
    let mut before = "inputs.amount".to_owned();
    for number in 1..=STEPS {
        let _infallible = write!(source, "\n## Step {number}: Do it\n\nWhy this is done.\n\n```yaml\n");
        let _infallible = match number % 4 {
            0 => write!(
                source,
                "action: http.request\ninputs: {{method: POST, url: \"https://bench.example/{{{{ run.id }}}}/{number}\", json: {{of: \"{{{{ {before} }}}}\"}}}}\noutput_variable: v{number}\nretry: {{max_attempts: 3}}\n"
            ),
            1 => write!(source, "action: core.set\ninputs: {{of: \"{{{{ {before} }}}}\", n: {number}}}\noutput_variable: v{number}\n"),
            2 => write!(
                source,
                "type: if\nif: \"{{{{ {before} is defined and inputs.amount > {number} }}}}\"\nthen: [{{id: a{number}, action: core.set, inputs: {{of: 1}}, output_variable: v{number}}}]\nelse: [{{id: b{number}, action: core.set, inputs: {{of: 2}}, output_variable: v{number}}}]\n"
            ),
            _ => write!(
                source,
                "type: map\nitems: \"{{{{ [1, 2, 3] }}}}\"\nexpression: \"{{{{ item + {number} }}}}\"\noutput_variable: v{number}\ncondition: \"{{{{ {before} is not none }}}}\"\n"
            ),
        };
        source.push_str("```\n");
        before = format!("v{number}");
    }
    source
}

/// Prints the median.
pub fn measure() {
    let source = source();
    let mut millis: Vec<f64> = (0..TURNS)
        .map(|_| {
            let begun = Instant::now();
            let parsed = workflow::parse(black_box(&source));
            let plan = parsed.plan.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
            black_box(plan.hash().unwrap());
            begun.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    println!("compile: {:.2} ms for {STEPS} steps in {} KiB, hash and all (median of {TURNS})", millis[TURNS / 2], source.len() / 1_024);
}

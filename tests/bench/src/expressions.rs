//! What five expressions cost, beside minijinja: both compiled before, both over the same names, in turns.

use std::{collections::BTreeMap, hint::black_box, time::Instant};

use minijinja::Environment;
use serde_json::{Map, Value, json};
use workflow::expression::{Expression, Limits, Template};

/// How often the two take turns; the median of their turns counts.
const TURNS: usize = 61;
/// How long a turn is about, in seconds.
const TURN: f64 = 0.004;

struct Named {
    name: &'static str,
    source: &'static str,
    is_template: bool,
}

const NAMED: [Named; 5] = [
    Named { name: "condition", source: "invoice.total > inputs.ask_above and invoice.vendor.country != 'CH'", is_template: false },
    Named {
        name: "text",
        source: "Dear {{ invoice.vendor.name }},\nyour invoice {{ invoice.id }} of {{ currency }} is due in {{ due_days }} days.\n",
        is_template: true,
    },
    Named { name: "filters", source: "lines | selectattr('taxed') | map(attribute='amount') | sum", is_template: false },
    Named {
        name: "loop",
        source: "{% for line in lines %}{{ loop.index }}. {{ line.name }}: {{ line.amount }}\n{% endfor %}",
        is_template: true,
    },
    Named {
        name: "choice",
        source: "(invoice.total * (1 - rate) if invoice.reference | default('none') == 'none' else invoice.total) + shipping * 2",
        is_template: false,
    },
];

/// Twenty names, one of them a list of a hundred.
fn names() -> Map<String, Value> {
    let lines: Vec<Value> = (0..100)
        .map(|index| json!({"name": format!("Item {index}"), "amount": f64::from(index) + 0.25, "taxed": index % 3 != 0, "sku": format!("P-{index}")}))
        .collect();
    let names = json!({
        "inputs": {"ask_above": 1000, "publish": true, "note": ""},
        "invoice": {"id": "INV-20417", "total": 1840.5, "vendor": {"name": "Nordlicht GmbH", "country": "DE"}, "paid": false},
        "lines": lines, "currency": "EUR", "due_days": 14, "rate": 0.1, "shipping": 12.5, "agreement": null, "started_by": "ada@acme.example",
        "tenant": {"slug": "acme", "name": "Acme"}, "approved": true, "retries": 3, "tags": ["urgent", "paper"], "memo": "second reminder",
        "region": "north", "ticket": "T-5", "quarter": "Q4", "owner": "Bea", "limit": 5000, "draft": false,
    });
    let Value::Object(names) = names else { panic!("names are an object") };
    assert_eq!(names.len(), 20);
    names
}

fn theirs(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => minijinja::Value::from(()),
        Value::Bool(truth) => minijinja::Value::from(*truth),
        Value::Number(number) => number.as_i64().map_or_else(|| minijinja::Value::from(number.as_f64().unwrap()), minijinja::Value::from),
        Value::String(text) => minijinja::Value::from(text),
        Value::Array(items) => minijinja::Value::from(items.iter().map(theirs).collect::<Vec<_>>()),
        Value::Object(fields) => {
            minijinja::Value::from(fields.iter().map(|(key, value)| (key.clone(), theirs(value))).collect::<BTreeMap<_, _>>())
        }
    }
}

/// Nanoseconds each, of so many in a row.
fn turn(times: usize, mut once: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        once();
    }
    start.elapsed().as_secs_f64() * 1e9 / times as f64
}

/// The medians of two that take turns.
fn in_turns(mut ours: impl FnMut(), mut theirs: impl FnMut()) -> (f64, f64) {
    let times = |nanos: f64| ((TURN * 1e9 / nanos) as usize).max(1);
    let (our_times, their_times) = (times(turn(100, &mut ours)), times(turn(100, &mut theirs)));
    let (mut our_turns, mut their_turns) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        our_turns.push(turn(our_times, &mut ours));
        their_turns.push(turn(their_times, &mut theirs));
    }
    let median = |turns: &mut Vec<f64>| {
        turns.sort_by(f64::total_cmp);
        turns[turns.len() / 2]
    };
    (median(&mut our_turns), median(&mut their_turns))
}

/// Measures each expression, and prints its time beside minijinja's.
pub fn measure() {
    let (names, limits, environment) = (names(), Limits::default(), Environment::new());
    let context = theirs(&Value::Object(names.clone()));
    for Named { name, source, is_template } in NAMED {
        let (ours, theirs) = if is_template {
            let ours = Template::parse(source).unwrap();
            let theirs = environment.template_from_str(source).unwrap();
            let text = ours.evaluate(&names, &limits).unwrap();
            // minijinja leaves out the last line's end, as Jinja does.
            assert_eq!(text.as_str().unwrap().trim_end(), theirs.render(&context).unwrap().trim_end(), "{name}");
            in_turns(|| drop(black_box(ours.evaluate(black_box(&names), &limits))), || drop(black_box(theirs.render(black_box(&context)))))
        } else {
            let ours = Expression::parse(source).unwrap();
            let theirs = environment.compile_expression(source).unwrap();
            // minijinja writes booleans as Python does.
            let text = theirs.eval(&context).unwrap().to_string().to_lowercase();
            assert_eq!(ours.evaluate(&names, &limits).unwrap().to_string(), text, "{name}");
            in_turns(|| drop(black_box(ours.evaluate(black_box(&names), &limits))), || drop(black_box(theirs.eval(black_box(&context)))))
        };
        println!("expression {name}: {ours:.0} ns, minijinja {theirs:.0} ns, ratio {:.2}", ours / theirs);
    }
}

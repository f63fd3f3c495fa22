//! What holds for any text, and for examples that were changed at random.

use proptest::prelude::*;
use workflow::parse::{Severity, parse};

use crate::example;

/// Pieces that mean something to the parser.
const PIECES: &[&str] = &[
    "```",
    "````",
    "```yaml\n",
    "~~~",
    "---\n",
    "\n",
    "\r\n",
    "\r",
    "  ",
    "\t",
    "- ",
    ": ",
    "|",
    ">",
    "{{",
    "}}",
    "{%",
    "%}",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "#",
    "## Step 9: x\n",
    "## Example\n",
    "## Inputs\n",
    "<!--",
    "-->",
    "&a ",
    "*a",
    "!!str ",
    "<<: ",
    "? ",
    "cred://",
    "cred://x",
    "\u{feff}",
    "\0",
    "é",
    "支",
    "0o17",
    "1_000",
    "yes",
    "null",
    "type: for_each\n",
    "action: workflow.log\n",
    "id: a\n",
    "output_variable: invoice\n",
    "${secret:x}",
    "\\",
    "%YAML 1.1\n",
];

#[derive(Debug, Clone)]
enum Change {
    Insert(usize, usize),
    Delete(usize, usize),
    Repeat(usize, usize),
    Swap(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let place = 0..6000_usize;
    prop_oneof![
        (place.clone(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (place.clone(), 1..40_usize).prop_map(|(at, length)| Change::Delete(at, length)),
        (place.clone(), 1..200_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
        (place.clone(), place).prop_map(|(a, b)| Change::Swap(a, b)),
    ]
}

fn changed(source: &str, changes: &[Change]) -> String {
    let mut signs: Vec<char> = source.chars().collect();
    for change in changes {
        let length = signs.len().max(1);
        match *change {
            Change::Insert(at, piece) => {
                let at = (at % length).min(signs.len());
                signs.splice(at..at, PIECES[piece].chars());
            }
            Change::Delete(at, count) => {
                let at = (at % length).min(signs.len());
                let end = (at + count).min(signs.len());
                signs.drain(at..end);
            }
            Change::Repeat(at, count) => {
                let at = (at % length).min(signs.len());
                let end = (at + count).min(signs.len());
                let copy: Vec<char> = signs[at..end].to_vec();
                signs.splice(at..at, copy);
            }
            Change::Swap(a, b) if !signs.is_empty() => signs.swap(a % length, b % length),
            Change::Swap(..) => {}
        }
    }
    signs.into_iter().collect()
}

/// What holds for every text.
fn holds(source: &str) {
    let parsed = parse(source);
    let errors = parsed.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    assert_ne!(parsed.plan.is_some(), errors, "a plan, or errors, and never both");
    let lines = source.replace("\r\n", "\n").replace('\r', "\n").split('\n').count();
    for diagnostic in &parsed.diagnostics {
        assert!(diagnostic.line >= 1 && diagnostic.line as usize <= lines + 1, "{diagnostic:?} of {lines} lines");
        assert!(diagnostic.column >= 1 && diagnostic.length >= 1, "{diagnostic:?}");
        assert!(!diagnostic.message.is_empty() && !diagnostic.message.contains('\n'), "{diagnostic:?}");
        diagnostic.render("file.md", source);
    }
    if let Some(plan) = parsed.plan {
        let ids: std::collections::BTreeSet<_> = plan.all_steps().map(|step| &step.id).collect();
        assert_eq!(ids.len(), plan.all_steps().count());
        let stored = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<workflow::Plan>(&stored).unwrap(), plan);
        let questions = parsed.outline.iter().filter(|step| step.asks_first).count();
        // Graphs add routes, loops and forks, and approvals what follows a no: steps that the file does not write as such.
        assert!(parsed.outline.len() + questions <= plan.all_steps().count());
        assert!(parsed.outline.iter().all(|step| step.complete));
        plan.hash().unwrap();
    }
    assert_eq!(parse(source).diagnostics, parsed.diagnostics, "the same text gives the same answer");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_example_gives_a_plan_or_errors(
        name in prop_oneof![Just("vendor-payment.md"), Just("expense-report.md"), Just("release-notes.md"), Just("incident-triage.md"), Just("support-reply.yaml")],
        changes in prop::collection::vec(change(), 1..12),
    ) {
        holds(&changed(&example(name), &changes));
    }

    #[test]
    fn any_pieces_in_a_row_give_a_plan_or_errors(pieces in prop::collection::vec(0..PIECES.len(), 0..60), in_front in any::<bool>()) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        let source = if in_front { format!("---\n{text}\n---\n") } else { crate::below(&text) };
        holds(&source);
    }

    #[test]
    fn any_text_gives_a_plan_or_errors(text in "\\PC{0,200}") {
        holds(&text);
        holds(&crate::step(&text));
    }
}

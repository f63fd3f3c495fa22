//! `mandate workflow dry-run`: a run that is only thought through, with what it may cost.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use web::api::{
    Word,
    dry_runs::{AskedJson, ChoiceJson, DryRunJson, DryStepJson, EndJson, EstimateJson, MostJson, SampleJson, SourceJson},
};

use super::{
    Shape, dollars,
    given::Inputs,
    http::Client,
    run::{named, tone_of_step},
    spelled,
    workflow::{section, text_of},
};
use crate::{
    failure::{Exit, Failure},
    terminal::{
        self, Tone,
        table::{Cell, table},
    },
};

#[derive(Debug, Args)]
pub(crate) struct DryRun {
    /// The word for the workflow in addresses.
    workflow: Word,
    #[command(flatten)]
    given: Inputs,
    /// The number of a version, also of a draft; the published one when left out. Its inputs come by --inputs, since another version
    /// may declare others.
    #[arg(long, value_name = "N", conflicts_with = "input")]
    workflow_version: Option<i64>,
    /// What steps give: a file with a JSON object, by the ids or paths of the steps.
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
    /// How an approval ends, or whether a wait is met: approve, reject or expire; may be given several times. What is not named is
    /// approved, and comes.
    #[arg(long = "decide", value_name = "STEP=DECISION")]
    decisions: Vec<Decision>,
    /// Take no results of past runs.
    #[arg(long)]
    without_recorded: bool,
    #[command(flatten)]
    shape: Shape,
}

/// How one step's question ends.
#[derive(Debug, Clone)]
struct Decision {
    step: String,
    choice: ChoiceJson,
}

impl FromStr for Decision {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (step, choice) = text.split_once('=').filter(|(step, _)| !step.is_empty()).ok_or("write STEP=DECISION")?;
        let choice = match choice {
            "approve" => ChoiceJson::Approve,
            "reject" => ChoiceJson::Reject,
            "expire" => ChoiceJson::Expire,
            _ => return Err("a decision is approve, reject or expire"),
        };
        Ok(Self { step: step.to_owned(), choice })
    }
}

pub(super) async fn dry_run(asked: DryRun, client: &Client) -> Result<(), Failure> {
    let samples = asked.samples.as_deref().map(samples_of).transpose()?.unwrap_or_default();
    let body = AskedJson {
        inputs: asked.given.read(client, &asked.workflow).await?,
        version: asked.workflow_version,
        samples,
        decisions: asked.decisions.into_iter().map(|Decision { step, choice }| (step, choice)).collect(),
        use_recorded: !asked.without_recorded,
    };
    let thought = client.post(&["workflows", &asked.workflow.0, "dry-runs"], &body)?.send::<DryRunJson>().await?;
    if asked.shape.json {
        terminal::json(&thought.raw)?;
    } else {
        terminal::print(&shown(&thought.value))?;
    }
    match thought.value.status {
        EndJson::Completed => Ok(()),
        EndJson::Failed => {
            let why = thought.value.failure.map(|failure| terminal::line(&failure.message)).unwrap_or_default();
            Err(Failure::new(format!("The run would fail: {why}")))
        }
        EndJson::Waiting => Err(Failure::new("The run would wait for ever for something that does not come.")),
        EndJson::CutShort => Err(Failure::new("The run takes more steps than a dry run has.")),
    }
}

/// What a file says that steps give.
fn samples_of(file: &Path) -> Result<BTreeMap<String, SampleJson>, Failure> {
    let shown = file.display();
    serde_json::from_str(&text_of(file)?)
        .map_err(|error| Failure::of(Exit::Usage, format!("{shown} does not say what steps give: {error}.")))
}

/// A dry run as people read it.
fn shown(run: &DryRunJson) -> String {
    let waited = if run.waited_seconds > 0.0 { format!(", and {} s of waiting", run.waited_seconds) } else { String::new() };
    let mut out = terminal::facts(&[
        ("Workflow", format!("{}, version {}", terminal::line(&run.workflow), run.version)),
        ("Ends", terminal::paint(if run.status == EndJson::Completed { Tone::Good } else { Tone::Bad }, &spelled(&run.status))),
        ("Would make", format!("{} calls{waited}. Nothing was called.", run.calls)),
        ("At most", most(&run.estimate.most)),
        ("Before", before(&run.estimate)),
        ("Missing", run.missing.iter().map(|missing| terminal::line(missing)).collect::<Vec<_>>().join(" ")),
    ]);
    out += &section("Steps", &table(["id", "kind", "status", "result", ""], run.steps.iter().map(step).collect()));
    let of_step = |step: &web::api::dry_runs::StepEstimateJson| {
        [
            Cell::of(Tone::Strong, &step.id),
            step.times.map_or_else(|| "not bounded".to_owned(), |times| format!("{times} × {}", step.attempts)).into(),
            most(&step.most).into(),
        ]
    };
    out += &section("What it may take", &table(["step", "times × tries", "at most"], run.estimate.steps.iter().map(of_step).collect()));
    let outputs = run.outputs.as_ref().map(|outputs| named(&serde_json::Value::Object(outputs.clone())));
    out + section("Outputs", &outputs.unwrap_or_default()).as_str()
}

fn step(step: &DryStepJson) -> [Cell; 5] {
    let DryStepJson { step, sample, asks, approvers } = step;
    let about = match (&step.skipped_because, &step.failure, asks) {
        (Some(reason), ..) => reason.clone(),
        (None, Some(failure), _) => failure.message.clone(),
        (None, None, Some(title)) => format!("asks {}: {title}", approvers.as_deref().unwrap_or("nobody")),
        (None, None, None) => String::new(),
    };
    let from = match sample {
        Some(SourceJson::Given) => "as given".to_owned(),
        Some(SourceJson::Declared) => "as the file says".to_owned(),
        Some(SourceJson::Recorded { run }) => format!("of {run}"),
        Some(SourceJson::MadeUp) => "made up".to_owned(),
        None => String::new(),
    };
    [
        Cell::of(Tone::Strong, &step.id),
        step.kind.clone().into(),
        Cell::of(tone_of_step(&step.status), &spelled(&step.status)),
        from.into(),
        about.into(),
    ]
}

/// The most of each, and what has no bound.
fn most(most: &MostJson) -> String {
    let calls = most.calls.map_or_else(|| "calls without a bound".to_owned(), |calls| format!("{calls} calls"));
    let tokens = most.tokens.map_or_else(|| "tokens without a bound".to_owned(), |tokens| format!("{tokens} tokens"));
    let cost = most.cost.map_or_else(|| "money without a bound".to_owned(), dollars);
    [calls, tokens, cost].join(", ")
}

fn before(estimate: &EstimateJson) -> String {
    estimate.history.as_ref().map_or_else(String::new, |history| {
        format!(
            "{} of {} runs in the middle, {} for 95 of 100; {} s and {} s",
            dollars(history.cost_median),
            history.runs,
            dollars(history.cost_p95),
            history.seconds_median,
            history.seconds_p95
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_names_its_step_and_one_of_three_words() {
        let read = |text: &str| text.parse::<Decision>().map(|Decision { step, choice }| (step, choice));
        assert!(matches!(read("ask=reject"), Ok((step, ChoiceJson::Reject)) if step == "ask"));
        for wrong in ["ask", "=reject", "ask=no", "ask="] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_has_no_bound_is_said_to_have_none() {
        let none = MostJson { calls: None, tokens: Some(12), cost: None };
        assert_eq!(most(&none), "calls without a bound, 12 tokens, money without a bound");
    }
}

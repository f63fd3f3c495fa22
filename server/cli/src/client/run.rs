//! `mandate run`: started, followed, listed, shown, signalled, paused and cancelled.

use std::time::Duration;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use domain::{
    Id, RunId,
    id::kind,
    machine::{OsEntropy, SystemClock},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use web::api::{
    Word,
    runs::{
        AcceptedJson, CancelJson, LineJson, ListJson, LogJson, PauseJson, RunJson, RunLogJson, SignalJson, StandingJson, StartJson,
        StatusJson, StepJson,
    },
    values::{self, Bound},
};

use super::{
    Shape, dollars,
    follow::{self, Teller},
    given::Inputs,
    http::{Answer, Client},
    interrupted,
    list::Part,
    moment, spelled, workflow,
};
use crate::{
    failure::{Exit, Failure},
    terminal::{
        self, Tone,
        table::{Cell, table},
    },
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a run of the published version of a workflow, and print its id.
    #[command(after_help = "\
Examples:
  mandate run start vendor-payment --input invoice_id=INV-20417
  mandate run start vendor-payment --inputs inputs.json --wait
  echo '{\"invoice_id\": \"INV-20417\"}' | mandate run start vendor-payment --inputs - --json
  mandate run start nightly --idempotency-key \"nightly-$(date +%F)\"

With --wait the exit code is that of the run: 0 completed, 1 failed or cancelled, 6 not over in time.")]
    Start(Start),
    /// List runs, newest first.
    #[command(after_help = "\
Examples:
  mandate run list --status failed --since 2026-11-24
  mandate run list --text '#12'
  mandate run list --workflow vendor-payment --limit 500 --json | jq -r '.items[].id'")]
    List(List),
    /// Show a run: how far it is, what it waits for, and each step.
    #[command(after_help = "Examples:\n  mandate run show run_01k9…\n  mandate run show run_01k9… --json | jq .outputs")]
    Show(One),
    /// Show what the steps of a run logged. With --json, one JSON object a line.
    #[command(after_help = "Examples:\n  mandate run logs run_01k9…\n  mandate run logs run_01k9… --follow --json")]
    Logs(Logs),
    /// Send a signal to a run: what a step of it waits for.
    #[command(after_help = "Examples:\n  mandate run signal run_01k9… go\n  mandate run signal run_01k9… go --payload '{\"amount\": 5}'")]
    Signal(Signal),
    /// Pause a run: nothing of it begins until it is resumed. What is out already comes back.
    #[command(after_help = "Examples:\n  mandate run pause run_01k9… --reason 'the bank is closed'\n  mandate run resume run_01k9…")]
    Pause(Pause),
    /// Let a paused run go on.
    #[command(after_help = "Examples:\n  mandate run resume run_01k9…")]
    Resume(One),
    /// Ask a run to stop.
    #[command(
        after_help = "Examples:\n  mandate run cancel run_01k9… --reason 'wrong invoice'\n  mandate run cancel run_01k9… --take-back"
    )]
    Cancel(Cancel),
}

#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The word for the workflow in addresses.
    workflow: Word,
    #[command(flatten)]
    given: Inputs,
    /// The number of a version that is published or was; the published one when left out. Its inputs come by --inputs, since
    /// another version may declare others.
    #[arg(long, value_name = "N", conflicts_with = "input")]
    workflow_version: Option<i64>,
    /// Wait until the run is over, and tell of its steps meanwhile.
    #[arg(long)]
    wait: bool,
    /// How long to wait at most, such as 90s, 10m or 2h.
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = duration)]
    timeout: Option<Duration>,
    /// A name of your own for this start: repeated within a day it starts nothing new. Made up when left out.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those that are this far.
    #[arg(long, value_parser = PossibleValuesParser::new(values::words::<StatusJson>()))]
    status: Option<String>,
    /// Only those of this workflow: the word for it in addresses, or its id, also of one that was removed.
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<Word>,
    /// Only those that somebody of exactly this name started.
    #[arg(long, value_name = "NAME")]
    starter: Option<String>,
    /// Accepted from this day of UTC or this moment on, such as 2026-11-24 or 2026-11-24T09:41:03Z.
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// To the end of this day of UTC, or before this moment.
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only those with this text in their inputs, outputs or failure; `#` and a number, or an id, for that run alone.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The id of the run.
    run: RunId,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The id of the run.
    run: RunId,
    /// Go on until the run is over.
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct Signal {
    /// The id of the run.
    run: RunId,
    /// The name of the signal.
    name: String,
    /// What it carries, as JSON; null when nothing is said.
    #[arg(long, value_name = "JSON", default_value = "null", value_parser = payload)]
    payload: Value,
    #[command(flatten)]
    shape: Shape,
}

/// What a signal carries.
fn payload(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("no JSON: {error}; a text stands in double quotes"))
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The id of the run.
    run: RunId,
    /// Why, for those who read it later.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Take back first what was completed, where its step says how.
    #[arg(long)]
    take_back: bool,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The id of the run.
    run: RunId,
    /// Why, for those who read it later.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    shape: Shape,
}

pub(super) async fn command(command: Command, client: &Client) -> Result<(), Failure> {
    match command {
        Command::Start(asked) => start(asked, client).await,
        Command::List(asked) => list(asked, client).await,
        Command::Show(asked) => show(&asked, client).await,
        Command::Logs(asked) => logs(&asked, client).await,
        Command::Signal(asked) => signal(asked, client).await,
        Command::Pause(asked) => pause(asked, client).await,
        Command::Resume(asked) => resume(&asked, client).await,
        Command::Cancel(asked) => cancel(asked, client).await,
    }
}

/// A while, as people write it: `90`, `90s`, `10m`, `2h`.
fn duration(text: &str) -> Result<Duration, &'static str> {
    let wrong = "write a number of seconds, or one with s, m or h behind it";
    let at = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(at).ok_or(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong)?;
    let seconds = match unit {
        "" | "s" => Some(number),
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(3_600),
        _ => None,
    };
    seconds.map(Duration::from_secs).ok_or(wrong)
}

/// A word that a type of the API knows: the command line let no other through.
pub(super) fn word<T: DeserializeOwned>(text: Option<String>) -> Result<Option<T>, Failure> {
    text.map(|text| serde_json::from_value(text.into())).transpose().map_err(|error| Failure::of(Exit::Usage, error))
}

async fn start(asked: Start, client: &Client) -> Result<(), Failure> {
    let (workflow, inputs) = (asked.workflow.0.clone(), asked.given.read(client, &asked.workflow).await?);
    let body = StartJson { workflow, inputs, version: asked.workflow_version };
    let key = asked.idempotency_key.clone();
    // Only what identifies it: made up anew for every start that is typed, kept while it is sent again.
    let key = key.unwrap_or_else(|| Id::<kind::Request>::new(domain::Clock::now(&SystemClock), &OsEntropy).to_string());
    let accepted = client.post(&["runs"], &body)?.once(&key).send::<AcceptedJson>().await;
    let accepted = match accepted {
        Err(failure) if failure.exit == Exit::NotFound => return Err(workflow::like(client, &asked.workflow, failure).await),
        accepted => accepted?,
    };
    let AcceptedJson { id, number } = accepted.value;
    let how = if accepted.is_replayed { "was accepted before under this key" } else { "is accepted" };
    client.tell(&format!("Run #{number} of {} {how}.", asked.workflow.0));
    if !asked.wait {
        if asked.shape.json {
            return terminal::json(&accepted.raw);
        }
        terminal::print_line(&id.0.to_string())?;
        client.tell(&format!("Follow it with `mandate run logs --follow {}`.", id.0));
        return Ok(());
    }
    client.tell(&id.0.to_string());
    let ended = awaited(&asked, client, id.0).await?;
    if asked.shape.json {
        terminal::json(&ended.raw)?;
    } else {
        terminal::print(&shown(&ended.value))?;
    }
    match ended.value.line.status {
        StatusJson::Completed => Ok(()),
        StatusJson::Cancelled => Err(Failure::new(format!("Run #{number} was cancelled."))),
        _ => {
            let why = ended.value.failure.map(|failure| terminal::line(&failure.message)).unwrap_or_default();
            Err(Failure::new(format!("Run #{number} failed: {why}")))
        }
    }
}

/// The run once it is over.
async fn awaited(asked: &Start, client: &Client, run: RunId) -> Result<Answer<RunJson>, Failure> {
    let mut teller = Teller::new(client);
    let following = follow::follow(client, run, &[], |picture: &RunJson| {
        teller.see(picture);
        Ok(())
    });
    let patience = async {
        match asked.timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let goes_on = |exit, words: &str| {
        Err(Failure::of(exit, format!("{words} The run goes on: `mandate run show {run}` shows it, `mandate run cancel {run}` stops it.")))
    };
    tokio::select! {
        ended = following => ended,
        () = patience => goes_on(Exit::Waiting, "The run was not over in time."),
        () = interrupted() => goes_on(Exit::Interrupted, "Stopped waiting."),
    }
}

/// How a status looks.
pub(super) const fn tone_of(status: StatusJson) -> Tone {
    match status {
        StatusJson::Queued | StatusJson::Running => Tone::Plain,
        StatusJson::Waiting => Tone::Waits,
        StatusJson::Completed => Tone::Good,
        StatusJson::Failed => Tone::Bad,
        StatusJson::Cancelled => Tone::Faint,
    }
}

async fn list(asked: List, client: &Client) -> Result<(), Failure> {
    let List { status, workflow, starter, since, until, text, part, shape } = asked;
    let (since, until) = (since.map(Bound), until.map(Bound));
    let workflow = workflow.map(|word| word.0);
    let query = ListJson { status: word(status)?, workflow, starter, since, until, text, limit: None, cursor: None };
    let rows = part.of::<LineJson>(client, &["runs"], &query).await?;
    if shape.json {
        return terminal::json(&rows.document);
    }
    let row = |line: &LineJson| {
        let waits = line.waiting.as_ref().map(follow::in_words).unwrap_or_default();
        [
            Cell::of(Tone::Strong, &line.id.0.to_string()),
            format!("#{}", line.number).into(),
            line.workflow.clone().into(),
            Cell::of(tone_of(line.status), &spelled(&line.status)),
            moment(line.accepted_at).into(),
            line.starter.clone().into(),
            dollars(line.spent).into(),
            waits.into(),
        ]
    };
    let head = ["run", "", "workflow", "status", "started", "by", "spent", ""];
    terminal::print(&table(head, rows.items.iter().map(row).collect()))?;
    rows.tell_of_more(client, "There are no such runs.");
    Ok(())
}

async fn show(asked: &One, client: &Client) -> Result<(), Failure> {
    let run = client.get(&["runs", &asked.run.to_string()])?.send::<RunJson>().await?;
    if asked.shape.json { terminal::json(&run.raw) } else { terminal::print(&shown(&run.value)) }
}

/// A run as people read it.
fn shown(run: &RunJson) -> String {
    let line = &run.line;
    let until = line.ended_at.map(|at| format!(", ended {}", moment(at))).unwrap_or_default();
    let held = if run.held.0.nanos() == 0 { String::new() } else { format!(", {} held", dollars(run.held)) };
    let failure = run.failure.as_ref().map(|failure| {
        let step = failure.step.as_ref().map(|step| format!("{}: ", terminal::line(step))).unwrap_or_default();
        format!("{step}{} ({})", terminal::line(&failure.message), terminal::line(&failure.code))
    });
    let mut out = terminal::facts(&[
        ("Run", format!("{} (#{})", line.id.0, line.number)),
        ("Workflow", format!("{} ({}), version {}", terminal::line(&line.workflow_name), terminal::line(&line.workflow), run.version)),
        ("Status", terminal::paint(tone_of(line.status), &spelled(&line.status))),
        ("Now", line.waiting.as_ref().map(follow::in_words_with_command).unwrap_or_default()),
        ("Failure", failure.unwrap_or_default()),
        ("Started", format!("{} by {}{until}", moment(line.accepted_at), terminal::line(&line.starter))),
        ("Spent", format!("{}{held}", dollars(line.spent))),
    ]);
    let step = |step: &StepJson| {
        let about = match (&step.skipped_because, &step.failure) {
            (Some(reason), _) => reason.clone(),
            (None, Some(failure)) => failure.message.clone(),
            (None, None) => String::new(),
        };
        [
            Cell::of(Tone::Strong, &step.id),
            step.kind.clone().into(),
            Cell::of(tone_of_step(&step.status), &spelled(&step.status)),
            step.started_at.map(moment).unwrap_or_default().into(),
            (if step.attempts > 1 { format!("{} attempts", step.attempts) } else { String::new() }).into(),
            step.cost.map(dollars).unwrap_or_default().into(),
            about.into(),
        ]
    };
    out += &workflow::section("Steps", &table(["id", "kind", "status", "begun", "", "cost", ""], run.steps.iter().map(step).collect()));
    out += &workflow::section("Inputs", &named(&run.inputs));
    out + workflow::section("Outputs", &run.outputs.as_ref().map(named).unwrap_or_default()).as_str()
}

/// Values with their names, a line each.
pub(super) fn named(values: &Value) -> String {
    let Value::Object(values) = values else { return String::new() };
    let line = |(name, value): (&String, &Value)| format!("  {}: {}\n", terminal::line(name), terminal::value(value, 4));
    values.iter().map(line).collect()
}

pub(super) const fn tone_of_step(status: &StandingJson) -> Tone {
    match status {
        StandingJson::Idle | StandingJson::Running => Tone::Plain,
        StandingJson::Skipped | StandingJson::Stopped => Tone::Faint,
        StandingJson::Retrying | StandingJson::Waiting | StandingJson::PassedOver => Tone::Waits,
        StandingJson::Completed => Tone::Good,
        StandingJson::Failed => Tone::Bad,
    }
}

/// Writes the lines after the first `known`.
fn write_log(log: &RunLogJson, known: usize, shape: Shape) -> Result<(), Failure> {
    for line in log.lines.iter().skip(known) {
        if shape.json {
            terminal::json_line(line)?;
        } else {
            terminal::print_line(&log_line(line))?;
        }
    }
    Ok(())
}

fn log_line(line: &LogJson) -> String {
    let tone = match line.level.as_str() {
        "error" => Tone::Bad,
        "warning" => Tone::Waits,
        "debug" => Tone::Faint,
        _ => Tone::Plain,
    };
    let level = terminal::paint(tone, &format!("{:7}", terminal::line(&line.level)));
    let message = terminal::block(&line.message, 4);
    format!("{} {level} {}  {}", moment(line.at), terminal::line(&line.step), message.trim_start())
}

async fn logs(asked: &Logs, client: &Client) -> Result<(), Failure> {
    if !asked.follow {
        let log = client.get(&["runs", &asked.run.to_string(), "log"])?.send::<RunLogJson>().await?;
        return write_log(&log.value, 0, asked.shape);
    }
    let mut known = 0;
    let following = follow::follow(client, asked.run, &["log"], |log: &RunLogJson| {
        write_log(log, known, asked.shape)?;
        known = log.lines.len().max(known);
        Ok(())
    });
    tokio::select! {
        ended = following => {
            client.tell(&format!("The run is over: {}.", spelled(&ended?.value.status)));
            Ok(())
        }
        () = interrupted() => Err(Failure::of(Exit::Interrupted, "Stopped following. The run goes on.")),
    }
}

/// Says that a run was told something: as JSON, or in words that are not the data.
fn ordered(client: &Client, shape: Shape, said: &Value, words: &str) -> Result<(), Failure> {
    if shape.json {
        return terminal::json(said);
    }
    client.tell(words);
    Ok(())
}

async fn signal(asked: Signal, client: &Client) -> Result<(), Failure> {
    let body = SignalJson { name: asked.name, payload: asked.payload };
    client.post(&["runs", &asked.run.to_string(), "signals"], &body)?.send::<()>().await?;
    let words = format!("The signal {} was sent.", body.name);
    ordered(client, asked.shape, &json!({"id": asked.run.to_string(), "signal": body.name}), &words)
}

async fn pause(asked: Pause, client: &Client) -> Result<(), Failure> {
    let body = PauseJson { reason: asked.reason };
    client.post(&["runs", &asked.run.to_string(), "pause"], &body)?.send::<()>().await?;
    let words = format!("The run is asked to pause. `mandate run resume {}` lets it go on.", asked.run);
    ordered(client, asked.shape, &json!({"id": asked.run.to_string(), "pause": "requested"}), &words)
}

async fn resume(asked: &One, client: &Client) -> Result<(), Failure> {
    client.act(&["runs", &asked.run.to_string(), "continuation"])?.send::<()>().await?;
    let words = format!("The run goes on. `mandate run show {}` shows it.", asked.run);
    ordered(client, asked.shape, &json!({"id": asked.run.to_string(), "continuation": "requested"}), &words)
}

async fn cancel(asked: Cancel, client: &Client) -> Result<(), Failure> {
    let body = CancelJson { reason: asked.reason, take_back: asked.take_back };
    client.post(&["runs", &asked.run.to_string(), "cancellation"], &body)?.send::<()>().await?;
    let words = format!("The run is asked to stop. `mandate run show {}` shows when it has.", asked.run);
    ordered(client, asked.shape, &json!({"id": asked.run.to_string(), "cancellation": "requested"}), &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_while_is_a_number_with_its_unit() {
        let seconds = |text: &str| duration(text).map(|while_| while_.as_secs()).ok();
        assert_eq!((seconds("90"), seconds("90s"), seconds("10m"), seconds("2h")), (Some(90), Some(90), Some(600), Some(7_200)));
        for wrong in ["", "m", "1d", "-1", "1.5h", "1 h", "99999999999999999999", "9999999999999999999h", "1ü"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_logged_line_cannot_look_like_another_one() {
        let line = LogJson {
            at: web::api::Moment(domain::Timestamp::from_micros(0)),
            step: "a\n".to_owned(),
            level: "info\u{1b}".to_owned(),
            message: "one\n2026-11-24T09:41:03Z error   pay  two\u{9b}31m".to_owned(),
        };
        let shown = log_line(&line);
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.lines().last().unwrap().starts_with("    2026") && !shown.contains(['\u{1b}', '\u{9b}']), "{shown:?}");
    }
}

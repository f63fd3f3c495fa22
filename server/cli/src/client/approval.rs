//! `mandate approval`: what waits for a decision, shown whole, and decided as it was shown.
//!
//! A decision always carries the digest of what its maker was shown: the one on the command line, as `show` printed it, or
//! that of what was just put before them at the terminal. Where there is neither, nothing is decided.

use std::fmt::Write;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use domain::{ApprovalId, RunId};
use serde_json::Map;
use web::api::{
    IdText, Word,
    approvals::{
        ApprovalJson, DecisionJson, EffectJson, FieldJson, LabelledJson, LineJson, ListJson, OutcomeJson, SaidJson, StateJson, VerdictJson,
        WhichJson,
    },
    values,
};

use super::{
    Shape, dollars,
    given::{self, Pair},
    http::{Answer, Client},
    list::Part,
    moment,
    run::word,
    spelled,
    workflow::section,
};
use crate::{
    failure::{Exit, Failure},
    terminal::{
        self, Tone, prompt,
        table::{Cell, table},
    },
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the approvals that wait, the one that expires first in front; or those that ended, newest first.
    #[command(after_help = "\
Examples:
  mandate approval list --mine
  mandate approval list --state ended --limit 200 --json | jq -r '.items[] | [.id, .state] | @tsv'")]
    List(List),
    /// Show an approval: exactly what will happen after a yes, and the digest of it.
    #[command(after_help = "Examples:\n  mandate approval show apr_01k9…\n  mandate approval show apr_01k9… --json | jq -r .digest")]
    Show(One),
    /// Say yes to what was shown.
    #[command(after_help = "\
Examples:
  mandate approval approve apr_01k9…                       shows it, and asks
  mandate approval approve apr_01k9… --digest 9f86d0… --comment 'as ordered'
  mandate approval approve apr_01k9… --field reason='as ordered' --field amount=12.50

The digest is that of `mandate approval show`: when something has changed since, nothing is decided and the exit code is 5.")]
    Approve(Approve),
    /// Say no, and why.
    #[command(
        after_help = "Examples:\n  mandate approval reject apr_01k9… --comment 'paid already'\n  mandate approval reject apr_01k9… --digest 9f86d0… --comment 'paid already'"
    )]
    Reject(Reject),
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Those that wait, those that ended, or those that ended in this way; the first when left out.
    #[arg(long, value_parser = PossibleValuesParser::new(values::words::<WhichJson>()))]
    state: Option<String>,
    /// Only those that you may decide, of those that wait.
    #[arg(long)]
    mine: bool,
    /// Only those of runs of this workflow: the word for it in addresses, or its id, also of one that was removed.
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<Word>,
    /// Only those of runs that somebody of exactly this name started.
    #[arg(long, value_name = "NAME")]
    starter: Option<String>,
    /// Only those of this run.
    #[arg(long, value_name = "RUN")]
    run: Option<RunId>,
    /// Only those with this text in what is asked.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The id of the approval.
    approval: ApprovalId,
    #[command(flatten)]
    shape: Shape,
}

/// What is decided on.
#[derive(Debug, Args)]
struct About {
    /// The id of the approval.
    approval: ApprovalId,
    /// The digest of what you were shown, as `mandate approval show` prints it; without it, it is shown and asked for.
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    digest: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    #[command(flatten)]
    about: About,
    /// A remark for those who read it later.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    /// A field of the form, read as what the form declares it to be; may be given several times.
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<Pair>,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct Reject {
    #[command(flatten)]
    about: About,
    /// Why: the one who asked will read it.
    #[arg(long, value_name = "TEXT")]
    comment: String,
    /// A field of the form, read as what the form declares it to be; may be given several times.
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<Pair>,
    #[command(flatten)]
    shape: Shape,
}

fn digest(text: &str) -> Result<String, &'static str> {
    let is_digest = text.len() == 64 && text.bytes().all(|sign| sign.is_ascii_hexdigit());
    is_digest.then(|| text.to_ascii_lowercase()).ok_or("a digest has 64 hexadecimal signs: copy it whole")
}

pub(super) async fn command(command: Command, client: &Client) -> Result<(), Failure> {
    match command {
        Command::List(asked) => list(asked, client).await,
        Command::Show(asked) => show(&asked, client).await,
        Command::Approve(Approve { about, comment, fields, shape }) => {
            decide(client, &about, VerdictJson::Approve, comment, &fields, shape).await
        }
        Command::Reject(Reject { about, comment, fields, shape }) => {
            decide(client, &about, VerdictJson::Reject, comment, &fields, shape).await
        }
    }
}

const fn tone_of(state: &StateJson) -> Tone {
    match state {
        StateJson::Pending => Tone::Waits,
        StateJson::Approved => Tone::Good,
        StateJson::Rejected => Tone::Bad,
        StateJson::Expired | StateJson::Cancelled | StateJson::Voided | StateJson::Escalated => Tone::Faint,
    }
}

async fn list(asked: List, client: &Client) -> Result<(), Failure> {
    let List { state, mine, workflow, starter, run, text, part, shape } = asked;
    let (mine, workflow, run) = (mine.then_some(true), workflow.map(|word| word.0), run.map(IdText));
    let query = ListJson { state: word(state)?, mine, workflow, starter, run, text, limit: None, cursor: None };
    let rows = part.of::<LineJson>(client, &["approvals"], &query).await?;
    if shape.json {
        return terminal::json(&rows.document);
    }
    let row = |line: &LineJson| {
        let ended = line.ended_at.map(|at| format!("ended {}", moment(at)));
        [
            Cell::of(Tone::Strong, &line.id.0.to_string()),
            Cell::of(tone_of(&line.state), &spelled(&line.state)),
            line.title.clone().into(),
            line.risk.clone().into(),
            format!("{} #{}", line.workflow_name, line.run_number).into(),
            line.starter.clone().into(),
            ended.unwrap_or_else(|| format!("until {}", moment(line.expires_at))).into(),
            (if line.is_mine { "yours to decide" } else { "" }).into(),
        ]
    };
    let head = ["approval", "state", "what", "risk", "run", "started by", "", ""];
    terminal::print(&table(head, rows.items.iter().map(row).collect()))?;
    rows.tell_of_more(client, "There are no such approvals.");
    Ok(())
}

async fn approval(client: &Client, id: ApprovalId) -> Result<Answer<ApprovalJson>, Failure> {
    client.get(&["approvals", &id.to_string()])?.send().await
}

async fn show(asked: &One, client: &Client) -> Result<(), Failure> {
    let answer = approval(client, asked.approval).await?;
    if asked.shape.json {
        return terminal::json(&answer.raw);
    }
    terminal::print(&shown(&answer.value))?;
    let line = &answer.value.line;
    if line.is_mine {
        client.tell(&format!(
            "\nTo agree to exactly this: mandate approval approve {} --digest {}",
            line.id.0,
            terminal::line(&answer.value.digest)
        ));
    } else if let Some(why) = &line.not_mine_because {
        client.tell(&format!("\nYou cannot decide it: {}", terminal::line(why)));
    }
    Ok(())
}

/// An approval as people read it: everything that a yes would let happen.
fn shown(approval: &ApprovalJson) -> String {
    let line = &approval.line;
    let ended = line.ended_at.map(|at| {
        let by = line.ended_by.as_ref().map(|who| format!(" by {}", terminal::line(who))).unwrap_or_default();
        format!("{}{by}", moment(at))
    });
    let again = if approval.round > 1 { format!(", for the {}. time", approval.round) } else { String::new() };
    let mut out = format!("{}\n\n", terminal::paint(Tone::Strong, &terminal::line(&line.title)));
    out += &terminal::facts(&[
        ("Approval", line.id.0.to_string()),
        ("State", terminal::paint(tone_of(&line.state), &spelled(&line.state))),
        ("Agreed", format!("{} of {}", line.agreed, line.needed)),
        ("Run", format!("{} (#{} of {})", line.run.0, line.run_number, terminal::line(&line.workflow_name))),
        ("Started by", terminal::line(&line.starter)),
        ("Asked", format!("{}{again}", terminal::line(&line.approvers))),
        ("Risk", terminal::line(&line.risk)),
        ("Since", moment(line.requested_at)),
        ("Until", moment(line.expires_at)),
        ("Ended", ended.unwrap_or_default()),
        ("Spent", format!("{}, and at most {} after a yes", dollars(approval.spent), dollars(approval.ceiling))),
        ("Remark", approval.comment.as_ref().map(|comment| terminal::line(comment)).unwrap_or_default()),
    ]);
    let about = approval.description.as_ref().map(|text| format!("{}\n", terminal::block(text.trim_end(), 2))).unwrap_or_default();
    out += &section("About", &about);
    out += &section("What it is about", &labelled(&approval.shows, 2));
    let effects: String = approval.effects.iter().enumerate().map(|(index, effect)| effect_shown(index + 1, effect)).collect();
    out += &section("What will happen after a yes", &effects);
    let field = |field: &FieldJson| {
        let options = if field.options.is_empty() { String::new() } else { format!("one of: {}", field.options.join(", ")) };
        let value = if field.value.is_null() { String::new() } else { web::text::readable(&field.value) };
        [
            Cell::of(Tone::Strong, &field.name),
            spelled(&field.kind).into(),
            (if field.required { "required" } else { "" }).into(),
            value.into(),
            [field.description.as_deref().unwrap_or(&field.label), options.as_str()].join(" ").into(),
        ]
    };
    out += &section(
        "To be filled in, with --field",
        &table(["name", "type", "", "now", "about"], approval.fields.iter().map(field).collect()),
    );
    let said = |said: &SaidJson| [said.who.clone().into(), said.verdict.clone().into(), moment(said.at).into(), Cell::from(&said.comment)];
    out += &section("Decisions", &table(["who", "", "when", "remark"], approval.decisions.iter().map(said).collect()));
    out + section("Digest", &format!("{}\n", terminal::line(&approval.digest))).as_str()
}

fn labelled(pairs: &[LabelledJson], indent: usize) -> String {
    let blanks = " ".repeat(indent);
    let pair = |pair: &LabelledJson| {
        let value = terminal::value(&pair.value.as_str().into(), indent + 2);
        format!("{blanks}{}: {value}\n", terminal::line(&pair.label))
    };
    pairs.iter().map(pair).collect()
}

fn effect_shown(number: usize, effect: &EffectJson) -> String {
    let mut out =
        format!("{number}. {} ({})\n", terminal::paint(Tone::Strong, &terminal::line(&effect.name)), terminal::line(&effect.kind));
    let mut say = |name: &str, value: String| {
        if !value.is_empty() {
            let _infallible = writeln!(out, "   {name}{}", terminal::line(&value));
        }
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    say("", [text(&effect.method), text(&effect.url)].join(" "));
    say("only if ", text(&effect.only_if));
    say("reaches ", effect.hosts.join(", "));
    say("with the credentials ", effect.credentials.join(", "));
    say("done once under the key ", text(&effect.key));
    say("not known yet: ", effect.unknown.join(", "));
    out + labelled(&effect.arguments, 5).as_str()
}

async fn decide(
    client: &Client,
    about: &About,
    decision: VerdictJson,
    comment: String,
    fields: &[Pair],
    shape: Shape,
) -> Result<(), Failure> {
    let id = about.approval;
    if about.digest.is_none() && !prompt::is_interactive() {
        return Err(Failure::of(Exit::Usage, "Say what you were shown, with --digest: there is no terminal to show it and ask on.")
            .hint(format!("`mandate approval show {id}` shows it, and its digest.")));
    }
    // What is in the form decides how its values are read, and what was shown decides what is agreed to.
    let looked_at = if about.digest.is_none() || !fields.is_empty() { Some(approval(client, id).await?.value) } else { None };
    let fields = match &looked_at {
        Some(approval) => given::fields(&approval.fields, fields)?,
        None => Map::new(),
    };
    let digest = match (&about.digest, &looked_at) {
        (Some(digest), _) => digest.clone(),
        (None, Some(approval)) => {
            terminal::tell(&shown(approval));
            let question = match decision {
                VerdictJson::Approve => "Agree to exactly this?",
                VerdictJson::Reject => "Reject this?",
            };
            if !prompt::confirmed(question)? {
                return Err(Failure::new("Nothing was decided."));
            }
            approval.digest.clone()
        }
        (None, None) => return Err(Failure::new("Nothing was shown, so nothing was decided.")),
    };
    let body = DecisionJson { decision, comment, digest, fields };
    let decided = client.post(&["approvals", &id.to_string(), "decision"], &body)?.send::<OutcomeJson>().await;
    let decided = decided.map_err(|failure| match failure.exit {
        Exit::Conflict => failure.hint(format!("`mandate approval show {id}` shows how it is now.")),
        _ => failure,
    })?;
    if shape.json {
        return terminal::json(&decided.raw);
    }
    let OutcomeJson { state, agreed, needed } = &decided.value;
    match (agreed, needed) {
        (Some(agreed), Some(needed)) => {
            terminal::print_line(&format!("{id}: {agreed} of {needed} have agreed, and others have to agree too."))
        }
        _ => terminal::print_line(&format!("{id}: {}", spelled(state))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_copied_whole() {
        assert_eq!(digest(&"aB".repeat(32)).as_deref(), Ok("ab".repeat(32).as_str()));
        for wrong in ["", "ab", &"x".repeat(64), &"a".repeat(65)] {
            assert!(digest(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_will_happen_cannot_be_written_over() {
        let effect = EffectJson {
            name: "Pay\u{1b}[1A\u{1b}[2K".to_owned(),
            kind: "http.request".to_owned(),
            method: Some("POST".to_owned()),
            url: Some("https://pay.example/\u{202e}moc.live".to_owned()),
            hosts: vec!["pay.example".to_owned()],
            credentials: Vec::new(),
            arguments: vec![LabelledJson { label: "amount".to_owned(), value: "1\n2. Nothing (\r\u{9b}K".to_owned() }],
            key: None,
            only_if: None,
            unknown: Vec::new(),
        };
        let shown = effect_shown(1, &effect);
        assert!(!shown.contains(['\u{1b}', '\u{9b}', '\r', '\u{202e}']), "{shown:?}");
        assert_eq!(shown.lines().filter(|line| !line.starts_with(' ')).count(), 1, "{shown}");
    }
}

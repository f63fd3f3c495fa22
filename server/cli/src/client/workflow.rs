//! `mandate workflow`: a file checked where it would run, and what there is.

use std::{
    fmt::Write,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use unicode_width::UnicodeWidthStr;
use web::{
    api::{
        PageOf, Word,
        plans::{PlanJson, VersionPlanJson},
        workflows::{CheckedJson, ExcerptJson, FileJson, FindingJson, InputJson, LineJson, ListJson, NeedJson, StepJson, WorkflowJson},
    },
    text,
};

use super::{Shape, dry_run, http::Client, moment, plan, run::tone_of, spelled};
use crate::{
    failure::{Exit, Failure},
    terminal::{
        self, Tone, paint,
        table::{Cell, table},
    },
};

/// What a file stands for that is read from standard input.
pub(super) const STANDARD_INPUT: &str = "-";
/// The largest file that is read, in bytes: more than any server takes.
const LARGEST: u64 = 4 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a file as the server would before saving it, and save nothing. The exit code is 1 when it has errors.
    #[command(after_help = "\
Examples:
  mandate workflow validate pay.md
  mandate workflow validate - < pay.md
  mandate workflow validate pay.md --json | jq '.findings[].code'

Errors stand as FILE:LINE:COLUMN, as editors read them. The key needs the scope workflow:write.")]
    Validate(Validate),
    /// List the workflows.
    #[command(after_help = "Examples:\n  mandate workflow list\n  mandate workflow list --json | jq -r '.items[].slug'")]
    List(List),
    /// Show a workflow: its steps, its inputs, what it needs, and its versions; or its plan alone.
    #[command(after_help = "\
Examples:
  mandate workflow show vendor-payment
  mandate workflow show vendor-payment --json
  mandate workflow show vendor-payment --plan
  mandate workflow show vendor-payment --plan --workflow-version 2 --json | jq '.plan.edges'")]
    Show(Show),
    /// Think a run through with samples: what would be sent, asked and given, and what it may cost. Nothing is called.
    #[command(after_help = "\
Examples:
  mandate workflow dry-run vendor-payment --input invoice_id=INV-20417
  mandate workflow dry-run vendor-payment --inputs inputs.json --samples samples.json
  mandate workflow dry-run release-notes --input project=engine --decide publish_approval=reject
  mandate workflow dry-run pay --inputs - --json < inputs.json | jq '.steps[] | {id, status, sample}'

A sample is what a step gives: {\"read\": {\"output\": {\"body\": {\"amount\": 5}}}} or {\"pay\": {\"failure\": {\"code\": \"time_out\"}}}. Steps without
one take what the file says under `x-sample`, else the result of a past run, else one that is made up. The exit code is 1 when
the run would not complete. The key needs workflow:execute, and run:read for results of past runs.")]
    DryRun(dry_run::DryRun),
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// The file, or `-` for standard input.
    file: PathBuf,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those with this text in their name, in the word for them in addresses or in what they do.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only those with exactly this tag.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Only those that live in this folder: a path such as Finance/Payments, or `/` for those that live in none.
    #[arg(long, value_name = "PATH")]
    folder: Option<String>,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The word for the workflow in addresses: the id that its file gives.
    workflow: Word,
    /// Show the plan alone: what each step comes after, what it reads, and what it sets.
    #[arg(long)]
    plan: bool,
    /// Of this version instead of the one that a start takes.
    #[arg(long, value_name = "NUMBER", requires = "plan")]
    workflow_version: Option<i64>,
    #[command(flatten)]
    shape: Shape,
}

pub(super) async fn command(command: Command, client: &Client) -> Result<(), Failure> {
    match command {
        Command::Validate(asked) => validate(asked, client).await,
        Command::List(asked) => list(asked, client).await,
        Command::Show(asked) => show(asked, client).await,
        Command::DryRun(asked) => dry_run::dry_run(asked, client).await,
    }
}

/// The text of a file, or of standard input.
pub(super) fn text_of(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let wrong = |error: std::io::Error| Failure::of(Exit::Usage, format!("{shown} cannot be read: {error}."));
    let mut bytes = Vec::new();
    if file == Path::new(STANDARD_INPUT) {
        std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes).map_err(wrong)?;
    } else {
        fs::File::open(file).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(wrong)?;
    }
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::of(Exit::Usage, format!("{shown} is larger than {} MiB.", LARGEST >> 20)));
    }
    String::from_utf8(bytes).map_err(|_| Failure::of(Exit::Usage, format!("{shown} is no text in UTF-8.")))
}

async fn validate(asked: Validate, client: &Client) -> Result<(), Failure> {
    let source = text_of(&asked.file)?;
    let checked = client.post(&["workflows", "checks"], &FileJson { source })?.send::<CheckedJson>().await?;
    let name = if asked.file == Path::new(STANDARD_INPUT) { "stdin".to_owned() } else { terminal::line(&asked.file.display().to_string()) };
    let CheckedJson { is_sound, findings, needs, steps, .. } = &checked.value;
    let errors = findings.iter().filter(|finding| finding.is_error).count();
    let result = match errors {
        _ if *is_sound => Ok(()),
        1 => Err(Failure::new(format!("{name} has an error."))),
        many => Err(Failure::new(format!("{name} has {many} errors."))),
    };
    if asked.shape.json {
        terminal::json(&checked.raw)?;
        return result;
    }
    for finding in findings {
        terminal::print_line(&diagnostic(&name, finding))?;
    }
    if *is_sound {
        for NeedJson { missing, .. } in needs {
            if let Some(missing) = missing {
                terminal::print_line(&format!("{name}: {}: {}", paint(Tone::Waits, "missing"), terminal::line(missing)))?;
            }
        }
        client.tell(&format!("{name} can be saved: {} steps.", steps.len()));
    }
    result
}

/// A finding as compilers show one: the place, the sentence, the line with the place underlined, and what to do.
fn diagnostic(name: &str, finding: &FindingJson) -> String {
    let kind = if finding.is_error { paint(Tone::Bad, "error") } else { paint(Tone::Waits, "hint") };
    let FindingJson { line, column, .. } = finding;
    let file = finding.file.as_deref().map(|file| format!("/{}", terminal::line(file))).unwrap_or_default();
    let mut out = format!("{name}{file}:{line}:{column}: {kind}[{}]: {}", terminal::line(&finding.code), terminal::line(&finding.message));
    if let Some(step) = &finding.step {
        let _infallible = write!(out, " (step {})", terminal::line(step));
    }
    if let Some(ExcerptJson { before, marked, after }) = &finding.excerpt {
        // What is on one line in the file stays on one, whatever is in it.
        let shown = |part: &str| text::visible(part).replace('\n', "\\n");
        let (before, marked) = (shown(before), shown(marked));
        let number = line.to_string();
        let blank = " ".repeat(number.len());
        // Tabs are kept below tabs, so that the carets stay below the place however wide they are.
        let below: String = before.split('\t').map(|part| " ".repeat(part.width())).collect::<Vec<_>>().join("\t");
        let carets = paint(Tone::Bad, &"^".repeat(marked.width().max(1)));
        let _infallible = write!(out, "\n{number} | {before}{marked}{}\n{blank} | {below}{carets}", shown(after));
    }
    if let Some(suggestion) = &finding.suggestion {
        let _infallible = write!(out, "\n  help: {}", terminal::line(suggestion));
    }
    out
}

/// The workflows of the tenant that are asked for.
async fn all(client: &Client, query: &ListJson) -> Result<super::http::Answer<PageOf<LineJson>>, Failure> {
    client.get(&["workflows"])?.query(query)?.send().await
}

async fn list(asked: List, client: &Client) -> Result<(), Failure> {
    let List { text, tag, folder, shape } = asked;
    let answer = all(client, &ListJson { text, tag, folder }).await?;
    if shape.json {
        return terminal::json(&answer.raw);
    }
    let lines = answer.value.items;
    if lines.is_empty() {
        client.tell("There are no such workflows.");
    }
    let row = |line: LineJson| {
        let version = if line.is_published { line.version.to_string() } else { format!("{} (draft)", line.version) };
        let (newest, since) = match line.last_run {
            Some(last) => (Cell::of(tone_of(last.status), &spelled(&last.status)), moment(last.accepted_at)),
            None => ("never".into(), String::new()),
        };
        [Cell::of(Tone::Strong, &line.slug), line.name.into(), version.into(), line.unfinished.into(), newest, since.into()]
    };
    terminal::print(&table(["workflow", "name", "version", "open runs", "newest", "started"], lines.into_iter().map(row).collect()))
}

/// A workflow that has to be there; one that is not is told from those that are.
pub(super) async fn workflow(client: &Client, slug: &Word) -> Result<super::http::Answer<WorkflowJson>, Failure> {
    let asked = client.get(&["workflows", &slug.0])?.send::<WorkflowJson>().await;
    match asked {
        Err(failure) if failure.exit == Exit::NotFound => Err(like(client, slug, failure).await),
        asked => asked,
    }
}

/// A failure to find a workflow, with the one that was perhaps meant.
pub(super) async fn like(client: &Client, slug: &Word, failure: Failure) -> Failure {
    // Whoever may not list them is told no more.
    let Ok(all) = all(client, &ListJson::default()).await else { return failure };
    match platform::nearest(&slug.0, all.value.items.iter().map(|line| line.slug.as_str())) {
        Some(near) => failure.hint(format!("Did you mean `{}`?", terminal::line(near))),
        None => failure.hint("`mandate workflow list` shows those there are."),
    }
}

async fn show(asked: Show, client: &Client) -> Result<(), Failure> {
    let Show { workflow: slug, plan: alone, workflow_version: version, shape } = asked;
    if alone {
        let answer = plan_of(client, &slug, version).await?;
        return if shape.json { terminal::json(&answer.raw) } else { terminal::print(&plan::alone(&answer.value)) };
    }
    let answer = workflow(client, &slug).await?;
    if shape.json {
        return terminal::json(&answer.raw);
    }
    let plan = plan_of(client, &slug, Some(answer.value.current.number)).await?.value.plan;
    terminal::print(&outline(&answer.value, plan.as_ref()))
}

/// The plan of a version, or of the one that a start takes.
async fn plan_of(client: &Client, slug: &Word, version: Option<i64>) -> Result<super::http::Answer<VersionPlanJson>, Failure> {
    let asked = match version {
        Some(number) => client.get(&["workflows", &slug.0, "versions", &number.to_string(), "plan"])?.send().await,
        None => client.get(&["workflows", &slug.0, "plan"])?.send().await,
    };
    match asked {
        Err(failure) if failure.exit == Exit::NotFound && version.is_none() => Err(like(client, slug, failure).await),
        asked => asked,
    }
}

/// A heading with what stands below it; nothing when there is nothing.
pub(super) fn section(heading: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("\n{}\n{body}", paint(Tone::Strong, heading)) }
}

fn outline(workflow: &WorkflowJson, plan: Option<&PlanJson>) -> String {
    let current = &workflow.current;
    let label = if current.label.is_empty() { String::new() } else { format!(" ({})", terminal::line(&current.label)) };
    let saved_by = current.saved_by.as_ref().map(|who| format!(" by {}", terminal::line(who))).unwrap_or_default();
    let mut out = terminal::facts(&[
        ("Workflow", format!("{} ({})", terminal::line(&workflow.name), terminal::line(&workflow.slug))),
        ("About", terminal::line(&workflow.description)),
        ("Folder", workflow.folder.as_ref().map(|folder| terminal::line(folder)).unwrap_or_default()),
        ("Version", format!("{}{label}, saved {}{saved_by}", current.number, moment(current.saved_at))),
    ]);
    let step = |(index, step): (usize, &StepJson)| {
        let condition = step.condition.as_ref().map(|condition| format!("if {condition}")).unwrap_or_default();
        [Cell::from(index + 1), Cell::of(Tone::Strong, &step.id), step.kind.clone().into(), step.name.clone().into(), condition.into()]
    };
    let CheckedJson { steps, inputs, needs, findings, .. } = &workflow.checked;
    // A draft with errors has no plan, and its steps are known as far as they could be read.
    let as_read = || table(["", "id", "kind", "name", "condition"], steps.iter().enumerate().map(step).collect());
    out += &section("Steps", &plan.map_or_else(as_read, |plan| plan::tree(plan, false)));
    let input = |input: &InputJson| {
        let default = input.default.as_ref().map(|value| format!("default {value}")).unwrap_or_default();
        let need = if input.required { "required".to_owned() } else { default };
        [
            Cell::of(Tone::Strong, &input.name),
            spelled(&input.kind).into(),
            need.into(),
            input.description.clone().unwrap_or_default().into(),
        ]
    };
    out += &section("Inputs", &table(["name", "type", "", "about"], inputs.iter().map(input).collect()));
    let missing = |missing: &String| format!("{} {}\n", paint(Tone::Waits, "-"), terminal::line(missing));
    let missing: String = needs.iter().filter_map(|need| need.missing.as_ref()).map(missing).collect();
    out += &section("Missing before a run can start", &missing);
    let found = |finding: &FindingJson| diagnostic(&workflow.slug, finding) + "\n";
    let found: String = findings.iter().map(found).collect();
    out += &section("Findings", &found);
    let versions = workflow.versions.iter().map(|version| {
        [
            version.number.into(),
            version.label.clone().into(),
            moment(version.saved_at).into(),
            version.saved_by.clone().unwrap_or_default().into(),
        ]
    });
    out + section("Versions", &table(["", "label", "saved", "by"], versions.collect())).as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(before: &str, marked: &str, after: &str) -> FindingJson {
        FindingJson {
            is_error: true,
            file: None,
            line: 12,
            column: 3,
            step: Some("pay".to_owned()),
            code: "unknown_key".to_owned(),
            message: "`inptu` is no key".to_owned(),
            suggestion: Some("did you mean `inputs`?".to_owned()),
            excerpt: Some(ExcerptJson { before: before.to_owned(), marked: marked.to_owned(), after: after.to_owned() }),
        }
    }

    #[test]
    fn a_finding_is_shown_with_the_place_underlined() {
        assert_eq!(
            diagnostic("pay.md", &finding("\t漢", "inptu", ": 2")),
            "pay.md:12:3: error[unknown_key]: `inptu` is no key (step pay)\n12 | \t漢inptu: 2\n   | \t  ^^^^^\n  help: did you mean `inputs`?"
        );
    }

    #[test]
    fn the_text_of_a_file_cannot_write_to_the_terminal_and_moves_no_caret() {
        let shown = diagnostic("pay.md", &finding("\u{1b}[2J", "x\u{202e}", "\u{9b}0m"));
        assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{shown:?}");
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[1], "12 | \\u{001b}[2Jx\\u{202e}\\u{009b}0m");
        assert_eq!(lines[2], "   |            ^^^^^^^^^");
    }
}

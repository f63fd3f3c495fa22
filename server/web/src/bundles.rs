//! Bundles: an archive is chosen, looked at, and then imported. Nothing of it is stored before that: the preview itself carries the
//! archive, as base64, to the import, which reads it anew with every check.

use actix_web::http::StatusCode;
use askama::Template;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use domain::{
    Permission,
    permission::{WorkflowRead, WorkflowWrite},
};
use platform::{
    Error,
    workflows::{
        SaveError, WorkflowSearch,
        bundles::{BundleChecked, FileLine, FileRole, ToolLine, VariableLine},
    },
};
use serde::Deserialize;

use crate::{
    api::reply::File,
    body::LARGEST_ARCHIVE,
    format,
    mandate::{About, Card},
    page::Page,
    route::{Answer, Archive, Grant, Path, Result},
    text,
    view::{self, FormErrors, Refusal},
    workflows::checked::CheckedView,
};

#[derive(Template)]
#[template(path = "bundles/new.html")]
struct NewView {
    page: Page,
    list_href: String,
    check_action: String,
    hint: String,
    errors: FormErrors,
}

/// One file of the bundle.
struct FileRow {
    path: String,
    size: String,
    role: &'static str,
}

/// What is proposed for a variable.
struct VariableRow {
    name: String,
    value: String,
    description: String,
    is_set: bool,
}

/// A declared tool.
struct ToolRow {
    name: String,
    kind: &'static str,
    source: String,
    description: String,
    credential: String,
}

#[derive(Template)]
#[template(path = "bundles/checked.html")]
struct Preview {
    page: Page,
    list_href: String,
    new_href: String,
    name: String,
    description: String,
    label: String,
    checked: CheckedView,
    refused: String,
    mandate: Option<Card>,
    files: Vec<FileRow>,
    size: String,
    variables: Vec<VariableRow>,
    tools: Vec<ToolRow>,
    packed: String,
    import_action: String,
    /// What importing does, as a sentence.
    importing: String,
}

/// `GET /t/{slug}/bundles/new`: the form.
pub(crate) async fn form(grant: Grant<WorkflowWrite>) -> Answer {
    view::html(&new_view(&grant, FormErrors::none()).await?)
}

async fn new_view(grant: &Grant<WorkflowWrite>, errors: FormErrors) -> Result<NewView> {
    Ok(NewView {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        check_action: grant.path("/bundles/checks"),
        hint: format!("A zip or a tar.gz of at most {} MiB.", LARGEST_ARCHIVE >> 20),
        errors,
    })
}

/// The form again, with what keeps the archive from being read.
async fn again(grant: &Grant<WorkflowWrite>, refusal: Refusal) -> Answer {
    view::html_with(refusal.status, &new_view(grant, refusal.errors).await?)
}

fn not_chosen() -> Refusal {
    Refusal::from(domain::Problem::field("archive", "Choose the archive of a bundle."))
}

/// The refusal of an archive, which the form can show; every other error is passed on.
fn refusal_of(error: Error) -> Result<Refusal> {
    let problem = error.problem();
    if problem.status == 422 { Ok(Refusal::from(problem)) } else { Err(error) }
}

/// `POST /t/{slug}/bundles/checks`: what is in the archive, or why it is refused. Stores nothing.
pub(crate) async fn check(grant: Grant<WorkflowWrite>, Archive(archive): Archive) -> Answer {
    let Some(archive) = archive else { return again(&grant, not_chosen()).await };
    let packed = BASE64.encode(&archive);
    match grant.platform().check_bundle(grant.actor(), archive).await {
        Ok(checked) => show(&grant, checked, packed).await,
        Err(error) => again(&grant, refusal_of(error)?).await,
    }
}

/// `POST /t/{slug}/bundles`: imports the archive that was looked at, as a draft.
pub(crate) async fn import(grant: Grant<WorkflowWrite>, Archive(archive): Archive) -> Answer {
    let Some(archive) = archive else { return again(&grant, not_chosen()).await };
    let packed = BASE64.encode(&archive);
    let (platform, actor) = (grant.platform(), grant.actor());
    match platform.import_bundle(actor, archive.clone()).await {
        Ok(saved) => {
            let words = if saved.new {
                format!("The bundle is imported as version {}, a draft. Nothing was run.", saved.version)
            } else {
                "The bundle is the one that is saved already: nothing was added.".to_owned()
            };
            Ok(grant.visit().done(&grant.path(&format!("/workflows/{}", saved.slug)), &words))
        }
        Err(SaveError::Refused(_)) => show(&grant, platform.check_bundle(actor, archive).await?, packed).await,
        Err(SaveError::Other(error)) => again(&grant, refusal_of(error)?).await,
    }
}

async fn show(grant: &Grant<WorkflowWrite>, bundle: BundleChecked, packed: String) -> Answer {
    let BundleChecked { mut checked, files, bytes, variables, tools, .. } = bundle;
    let is_refused = !checked.is_sound();
    let importing = importing(grant, checked.slug.as_deref()).await?;
    let mandate = checked.mandate.take();
    let (name, description, label) = (checked.name.take(), checked.description.take(), checked.label.take());
    let shown = CheckedView::new(grant, checked);
    let line = |text: Option<&str>| text.map(text::in_line).unwrap_or_default();
    let preview = Preview {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        new_href: grant.path("/bundles/new"),
        name: line(name.as_deref()),
        description: line(description.as_deref()),
        label: line(label.as_deref()),
        refused: format!("The bundle has {}.", shown.error_count()),
        checked: shown,
        mandate: mandate.map(|mandate| Card::new(mandate, About::Workflow, String::new())),
        size: format!("{} files, {}", format::count(files.len() as u64), size(bytes)),
        files: files.into_iter().map(file_row).collect(),
        variables: variables.into_iter().map(variable_row).collect(),
        tools: tools.into_iter().map(tool_row).collect(),
        packed,
        import_action: grant.path("/bundles"),
        importing,
    };
    view::html_with(if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &preview)
}

/// What importing a sound bundle would do.
async fn importing(grant: &Grant<WorkflowWrite>, slug: Option<&str>) -> Result<String> {
    let Some(slug) = slug else { return Ok(String::new()) };
    if !grant.may(Permission::WorkflowRead) {
        return Ok("Nothing is stored yet.".to_owned());
    }
    let known = grant.platform().workflows(grant.actor(), &WorkflowSearch::default()).await?;
    Ok(match known.iter().find(|line| line.slug == slug) {
        Some(line) => format!("Nothing is stored yet. Importing adds a draft to {}; what runs stays as it is.", text::in_line(&line.name)),
        None => format!("Nothing is stored yet. Importing makes a new workflow, {slug}, as a draft."),
    })
}

/// A number of bytes for people.
fn size(bytes: usize) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes.div_ceil(1_024)),
        _ => format!("{} MiB", bytes.div_ceil(1_048_576)),
    }
}

fn file_row(file: FileLine) -> FileRow {
    FileRow {
        path: text::in_line(&file.path),
        size: size(file.bytes),
        role: match file.role {
            FileRole::Main => "the workflow",
            FileRole::Workflow => "a workflow that a step names",
            FileRole::Config => "defaults and variables",
            FileRole::Tools => "declared tools",
            FileRole::Tool => "part of a tool; kept, never run by importing",
            FileRole::Other => "kept, read where a step names it",
        },
    }
}

fn variable_row(variable: VariableLine) -> VariableRow {
    VariableRow {
        name: text::in_line(&variable.name),
        value: text::in_line(&variable.value),
        description: variable.description.as_deref().map(text::in_line).unwrap_or_default(),
        is_set: variable.is_set,
    }
}

fn tool_row(tool: ToolLine) -> ToolRow {
    ToolRow {
        name: text::in_line(&tool.name),
        kind: tool.kind,
        source: text::in_line(&tool.source),
        description: tool.description.as_deref().map(text::in_line).unwrap_or_default(),
        credential: tool.credential.map(|name| format!("cred://{}", text::in_line(&name))).unwrap_or_default(),
    }
}

/// The workflow and the version that an address names.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    workflow: String,
    number: i64,
}

/// `GET /t/{slug}/workflows/{workflow}/versions/{number}/bundle`: the version with its files, as a zip.
pub(crate) async fn export(grant: Grant<WorkflowRead>, Path(version): Path<Version>) -> Answer {
    let export = grant.platform().export_bundle(grant.actor(), &version.workflow, version.number).await?;
    Ok(File::named(&export.file_name(), "application/zip").body(export.archive))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mandate, page, workflows::checked};

    fn preview(checked: CheckedView) -> String {
        Preview {
            page: page::sample(),
            list_href: "/t/acme/workflows".to_owned(),
            new_href: "/t/acme/bundles/new".to_owned(),
            name: "Triage".to_owned(),
            description: String::new(),
            label: String::new(),
            refused: format!("The bundle has {}.", checked.error_count()),
            checked,
            mandate: Some(Card::new(mandate::sample(), About::Workflow, String::new())),
            files: vec![file_row(FileLine { path: "tools/<script>.py".to_owned(), bytes: 2_000, role: FileRole::Tool })],
            size: "1 files, 2 KiB".to_owned(),
            variables: vec![variable_row(VariableLine {
                name: "queue".to_owned(),
                value: "\"support\"".to_owned(),
                description: None,
                is_set: false,
            })],
            tools: vec![tool_row(ToolLine {
                name: "lint".to_owned(),
                kind: "script",
                description: None,
                source: "tools/lint.py".to_owned(),
                credential: Some("desk".to_owned()),
            })],
            packed: "UEsDBA==".to_owned(),
            import_action: "/t/acme/bundles".to_owned(),
            importing: "Nothing is stored yet.".to_owned(),
        }
        .render()
        .unwrap()
    }

    #[test]
    fn a_bundle_with_errors_cannot_be_imported() {
        let mut sample = checked::tests::sample();
        if let Some(error) = sample.errors.first_mut() {
            error.file = "parts/a.md".to_owned();
        }
        let html = preview(sample);
        assert!(html.contains("parts/a.md, line 73") && html.contains("The bundle has 1 error."), "{html}");
        assert!(!html.contains("action=\"/t/acme/bundles\""), "{html}");
    }

    #[test]
    fn a_sound_bundle_shows_its_files_variables_and_tools_and_can_be_imported() {
        let mut sample = checked::tests::sample();
        sample.errors.clear();
        let html = preview(sample);
        for part in [
            "action=\"/t/acme/bundles\"",
            "name=\"packed\" value=\"UEsDBA==\"",
            "never run by importing",
            "vars.queue",
            "tools/lint.py",
            "cred://desk",
            "not available yet",
            "What this workflow may do",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("<script>.py"));
    }

    #[test]
    fn sizes_are_rounded_up_to_what_people_read() {
        assert_eq!([0, 1_023, 1_024, 1_025, 1_048_576].map(size), ["0 bytes", "1023 bytes", "1 KiB", "2 KiB", "1 MiB"]);
    }
}

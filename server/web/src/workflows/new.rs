//! Putting a workflow in: paste or upload, look at all that it says, then save. Nothing is saved before that.

use askama::Template;
use domain::{Problem, permission::WorkflowWrite};
use platform::workflows::{Checked, SaveError, Saved, WorkflowSearch};
use serde::Deserialize;

use super::checked::CheckedView;
use crate::{
    mandate::{About, Card},
    page::Page,
    route::{Answer, Form, Grant, Query, Result},
    text,
    view::{self, FormErrors, Refusal},
};

#[derive(Template)]
#[template(path = "workflows/new.html")]
struct NewView {
    page: Page,
    list_href: String,
    check_action: String,
    source: String,
    /// The name of the workflow that gets a new version; empty for a new one.
    of: String,
    errors: FormErrors,
}

#[derive(Template)]
#[template(path = "workflows/checked.html")]
struct Preview {
    page: Page,
    list_href: String,
    name: String,
    description: String,
    label: String,
    checked: CheckedView,
    /// What stands on top when it cannot be saved.
    refused: String,
    mandate: Option<Card>,
    source: String,
    check_action: String,
    save_action: String,
    /// What saving does, as a sentence.
    saving: String,
}

/// What the address of the form says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    from: Option<String>,
}

/// What the form sends.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Sent {
    #[serde(default)]
    file: String,
    #[serde(default)]
    source: String,
}

/// `GET /t/{slug}/workflows/new`: the form; with the text of a workflow that gets a new version.
pub(crate) async fn form(grant: Grant<WorkflowWrite>, Query(wanted): Query<Wanted>) -> Answer {
    let (source, of) = match &wanted.from {
        Some(slug) => {
            let shown = grant.platform().workflow_source(grant.actor(), slug, None).await?;
            (shown.source, text::in_line(&shown.name))
        }
        None => (String::new(), String::new()),
    };
    view::html(&new_view(&grant, source, of, FormErrors::none()).await?)
}

async fn new_view(grant: &Grant<WorkflowWrite>, source: String, of: String, errors: FormErrors) -> Result<NewView> {
    Ok(NewView {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        check_action: grant.path("/workflows/checks"),
        source,
        of,
        errors,
    })
}

/// The text that was sent, in a file or in the field. Browsers end the lines of a field with CRLF, whatever stood in it.
fn text_of(sent: Sent) -> std::result::Result<String, (String, Problem)> {
    let Sent { file, source } = sent;
    match (file.trim().is_empty(), source.trim().is_empty()) {
        (false, true) => Ok(lines_of_unix(&file)),
        (true, false) => Ok(lines_of_unix(&source)),
        (true, true) => Err((source, Problem::field("source", "Choose a file, or paste the text of a workflow."))),
        (false, false) => {
            Err((source, Problem::field("file", "Choose a file or paste a text, not both: nobody can tell which one you mean.")))
        }
    }
}

fn lines_of_unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// `POST /t/{slug}/workflows/checks`: what the text says, or all of its errors. Saves nothing.
pub(crate) async fn check(grant: Grant<WorkflowWrite>, Form(sent): Form<Sent>) -> Answer {
    let source = match text_of(sent) {
        Ok(source) => source,
        Err((source, problem)) => {
            let refusal = Refusal::from(problem);
            return view::html_with(refusal.status, &new_view(&grant, source, String::new(), refusal.errors).await?);
        }
    };
    let checked = grant.platform().check_workflow(grant.actor(), &source).await?;
    show(&grant, checked, source).await
}

/// `POST /t/{slug}/workflows`: saves the text, as a new workflow or as the next version of the one with its id.
pub(crate) async fn save(grant: Grant<WorkflowWrite>, Form(sent): Form<Sent>) -> Answer {
    let source = match text_of(sent) {
        Ok(source) => source,
        Err((source, problem)) => {
            let refusal = Refusal::from(problem);
            return view::html_with(refusal.status, &new_view(&grant, source, String::new(), refusal.errors).await?);
        }
    };
    let (platform, actor) = (grant.platform(), grant.actor());
    match platform.save_workflow(actor, &source).await {
        Ok(Saved { slug, version, new }) => {
            let words = match (new, version) {
                (false, _) => "The text is the one that is saved already: nothing was added.".to_owned(),
                (true, 1) => "The workflow is saved.".to_owned(),
                (true, version) => format!("Version {version} is saved. Runs that were started go on with theirs."),
            };
            Ok(grant.visit().done(&grant.path(&format!("/workflows/{slug}")), &words))
        }
        Err(SaveError::Refused(checked)) => show(&grant, *checked, source).await,
        Err(SaveError::Other(error)) => Err(error),
    }
}

async fn show(grant: &Grant<WorkflowWrite>, mut checked: Checked, source: String) -> Answer {
    let is_refused = !checked.is_sound();
    let saving = saving(grant, checked.slug.as_deref()).await?;
    let mandate = checked.mandate.take();
    let (name, description, label) = (checked.name.take(), checked.description.take(), checked.label.take());
    let shown = CheckedView::new(grant, checked);
    let line = |text: Option<&str>| text.map(text::in_line).unwrap_or_default();
    let preview = Preview {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        name: line(name.as_deref()),
        description: line(description.as_deref()),
        label: line(label.as_deref()),
        mandate: mandate.map(|mandate| Card::new(mandate, About::Workflow, String::new())),
        refused: format!("The file has {}.", shown.error_count()),
        checked: shown,
        source,
        check_action: grant.path("/workflows/checks"),
        save_action: grant.path("/workflows"),
        saving,
    };
    let status = if is_refused { actix_web::http::StatusCode::UNPROCESSABLE_ENTITY } else { actix_web::http::StatusCode::OK };
    view::html_with(status, &preview)
}

/// What saving a sound file would do.
async fn saving(grant: &Grant<WorkflowWrite>, slug: Option<&str>) -> Result<String> {
    let Some(slug) = slug else { return Ok(String::new()) };
    if !grant.may(domain::Permission::WorkflowRead) {
        return Ok("Nothing is saved yet.".to_owned());
    }
    let known = grant.platform().workflows(grant.actor(), &WorkflowSearch::default()).await?;
    Ok(match known.iter().find(|line| line.slug == slug) {
        Some(line) => format!(
            "Nothing is saved yet. Saving adds version {} to {}; runs that were started go on with theirs.",
            line.version.saturating_add(1),
            text::in_line(&line.name)
        ),
        None => format!("Nothing is saved yet. Saving makes a new workflow, {slug}."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mandate, page, workflows::checked};

    fn preview(checked: CheckedView) -> String {
        Preview {
            page: page::sample(),
            list_href: "/t/acme/workflows".to_owned(),
            name: "Vendor payment".to_owned(),
            description: String::new(),
            label: "1.0.0".to_owned(),
            refused: format!("The file has {}.", checked.error_count()),
            checked,
            mandate: Some(Card::new(mandate::sample(), About::Workflow, String::new())),
            source: "---\n</textarea><script>".to_owned(),
            check_action: "/t/acme/workflows/checks".to_owned(),
            save_action: "/t/acme/workflows".to_owned(),
            saving: "Nothing is saved yet.".to_owned(),
        }
        .render()
        .unwrap()
    }

    #[test]
    fn a_file_with_errors_shows_all_of_them_and_cannot_be_saved() {
        let html = preview(checked::tests::sample());
        for part in [
            "1 error",
            "line 73, column 18",
            "Unknown key <code>inptu</code>.",
            "<mark>inptu</mark>",
            "Did you mean <code>inputs</code>?",
            "Finance agrees",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("formaction=\"/t/acme/workflows\"") && !html.contains("</textarea><script>"));
    }

    #[test]
    fn a_sound_file_shows_what_it_would_do_and_can_be_saved() {
        let mut view = checked::tests::sample();
        view.errors.clear();
        let html = preview(view);
        for part in [
            "Nothing is saved yet.",
            "formaction=\"/t/acme/workflows\"",
            "What this workflow may do",
            "payments_url",
            "line 48",
            "Only yaml blocks are steps.",
            "enctype=\"multipart/form-data\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn the_form_takes_a_file_or_a_text() {
        let html = NewView {
            page: page::sample(),
            list_href: String::new(),
            check_action: "/t/acme/workflows/checks".to_owned(),
            source: String::new(),
            of: String::new(),
            errors: FormErrors::none(),
        }
        .render()
        .unwrap();
        assert!(html.contains("type=\"file\"") && html.contains("name=\"source\"") && html.contains("multipart/form-data"));
    }

    #[test]
    fn a_text_comes_from_one_place_and_with_the_lines_it_was_written_with() {
        let sent = |file: &str, source: &str| text_of(Sent { file: file.to_owned(), source: source.to_owned() });
        assert_eq!(sent("", "a\r\nb").unwrap(), "a\nb");
        assert_eq!(sent("a\n", " ").unwrap(), "a\n");
        assert_eq!(sent("", "").unwrap_err().1.fields[0].field, "source");
        assert_eq!(sent("a", "b").unwrap_err().1.fields[0].field, "file");
    }
}

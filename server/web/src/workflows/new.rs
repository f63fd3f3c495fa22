//! Putting a workflow in: paste or upload, look at all that it says and at what it changes, then keep it as a draft or publish it.
//! Nothing is saved before that, and nothing that was typed is lost when somebody else saved meanwhile.

use actix_web::http::StatusCode;
use askama::Template;
use domain::{FolderId, Problem, permission::WorkflowWrite};
use platform::workflows::{Base, Foreseen, Save, SaveError, Saved, Standing};
use serde::Deserialize;

use super::{
    changes::{ChangeLine, Row, TextView, change_lines},
    checked::CheckedView,
    versions::{self, VersionRow},
};
use crate::{
    mandate::{About, Card},
    page::Page,
    route::{Answer, Form, Grant, Query, Result},
    text,
    view::{self, FormErrors, Outcome, Refusal},
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
    keeps: Keeps,
    errors: FormErrors,
}

/// What a form carries along from one step to the next.
#[derive(Default, Clone)]
struct Keeps {
    /// The id of the workflow that the text is to be a version of.
    id: String,
    /// The number of its newest version when somebody began to write; 0 for none.
    base: i64,
    /// Where a new workflow is to live.
    folder: String,
    message: String,
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
    /// What stands on top when it cannot be published.
    refused: String,
    mandate: Option<Card>,
    source: String,
    check_action: String,
    save_action: String,
    /// What saving does, as a sentence.
    saving: String,
    keeps: Keeps,
    /// The version that somebody else saved meanwhile.
    conflict: Option<VersionRow>,
    /// Against which version the changes in meaning are told; empty for a workflow that is published for the first time.
    against: String,
    changes: Vec<ChangeLine>,
    /// How the text differs from that of the newest version.
    text: Option<TextView>,
    errors: FormErrors,
}

/// What the address of the form says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    from: Option<String>,
    folder: Option<FolderId>,
}

/// What a form does with the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Act {
    /// Keep it as a draft.
    Draft,
    /// Let starts take it.
    Publish,
}

/// What the form sends.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Sent {
    #[serde(default)]
    file: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    id: String,
    base: Option<i64>,
    folder: Option<FolderId>,
    act: Option<Act>,
}

/// `GET /t/{slug}/workflows/new`: the form; with the text of a workflow that gets a new version.
pub(crate) async fn form(grant: Grant<WorkflowWrite>, Query(wanted): Query<Wanted>) -> Answer {
    let folder = wanted.folder.map(|folder| folder.to_string()).unwrap_or_default();
    let (source, of, keeps) = match &wanted.from {
        Some(slug) => {
            let shown = grant.platform().workflow_source(grant.actor(), slug, None).await?;
            let keeps = Keeps { id: shown.slug, base: shown.version.number, folder, message: String::new() };
            (shown.source, text::in_line(&shown.name), keeps)
        }
        None => (String::new(), String::new(), Keeps { folder, ..Keeps::default() }),
    };
    view::html(&new_view(&grant, source, of, keeps, FormErrors::none()).await?)
}

async fn new_view(grant: &Grant<WorkflowWrite>, source: String, of: String, keeps: Keeps, errors: FormErrors) -> Result<NewView> {
    Ok(NewView {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        check_action: grant.path("/workflows/checks"),
        source,
        of,
        keeps,
        errors,
    })
}

/// The text that was sent, in a file or in the field. Browsers end the lines of a field with CRLF, whatever stood in it.
fn text_of(file: &str, source: &str) -> std::result::Result<String, Problem> {
    match (file.trim().is_empty(), source.trim().is_empty()) {
        (false, true) => Ok(lines_of_unix(file)),
        (true, false) => Ok(lines_of_unix(source)),
        (true, true) => Err(Problem::field("source", "Choose a file, or paste the text of a workflow.")),
        (false, false) => Err(Problem::field("file", "Choose a file or paste a text, not both: nobody can tell which one you mean.")),
    }
}

fn lines_of_unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// What was typed, and the text in it; or the form again.
fn taken(sent: Sent) -> std::result::Result<Typed, Box<(String, Keeps, Problem)>> {
    let Sent { file, source, message, id, base, folder, act } = sent;
    let keeps = Keeps { id, base: base.unwrap_or(0), folder: folder.map(|folder| folder.to_string()).unwrap_or_default(), message };
    match text_of(&file, &source) {
        Ok(source) => Ok(Typed { source, keeps, has_base: base.is_some(), folder, act }),
        Err(problem) => Err(Box::new((source, keeps, problem))),
    }
}

struct Typed {
    source: String,
    keeps: Keeps,
    /// Whether the form said what was there when somebody began to write.
    has_base: bool,
    folder: Option<FolderId>,
    act: Option<Act>,
}

/// `POST /t/{slug}/workflows/checks`: what the text says and changes, or all of its errors. Saves nothing.
pub(crate) async fn check(grant: Grant<WorkflowWrite>, Form(sent): Form<Sent>) -> Answer {
    match taken(sent) {
        Ok(typed) => {
            let foreseen = foresee(&grant, &typed).await?;
            let status = if foreseen.checked.is_sound() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
            show(&grant, foreseen, typed, status, FormErrors::none()).await
        }
        Err(again_with) => again(&grant, *again_with).await,
    }
}

async fn again(grant: &Grant<WorkflowWrite>, (source, keeps, problem): (String, Keeps, Problem)) -> Answer {
    let refusal = Refusal::from(problem);
    view::html_with(refusal.status, &new_view(grant, source, String::new(), keeps, refusal.errors).await?)
}

async fn foresee(grant: &Grant<WorkflowWrite>, typed: &Typed) -> Result<Foreseen> {
    let id = Some(typed.keeps.id.as_str()).filter(|id| !id.is_empty());
    grant.platform().foresee_save(grant.actor(), &typed.source, id).await
}

/// `POST /t/{slug}/workflows`: keeps the text as a draft or publishes it, as a new workflow or as the next version of the one
/// with its id.
pub(crate) async fn save(grant: Grant<WorkflowWrite>, Form(sent): Form<Sent>) -> Answer {
    let typed = match taken(sent) {
        Ok(typed) => typed,
        Err(again_with) => return again(&grant, *again_with).await,
    };
    let Some(act) = typed.act else {
        return Err(Problem::field("act", "Say whether to keep it as a draft or to publish it.").into());
    };
    let save = Save {
        source: &typed.source,
        slug: None,
        draft_id: Some(typed.keeps.id.as_str()).filter(|id| !id.is_empty()),
        message: &typed.keeps.message,
        publish: act == Act::Publish,
        folder: typed.folder,
        base: Base::Version(typed.keeps.base),
    };
    let (status, errors) = match grant.platform().save(grant.actor(), &save).await {
        Ok(saved) => return Ok(done(&grant, &saved)),
        Err(SaveError::Refused(_)) => (StatusCode::UNPROCESSABLE_ENTITY, FormErrors::none()),
        Err(SaveError::Other(error)) => match view::outcome::<()>(Err(error), &[409, 412, 422])? {
            // A refusal is never done.
            Outcome::Done(()) => (StatusCode::CONFLICT, FormErrors::none()),
            Outcome::Refused(refusal) => (refusal.status, refusal.errors),
        },
    };
    let foreseen = foresee(&grant, &typed).await?;
    show(&grant, foreseen, Typed { has_base: true, ..typed }, status, errors).await
}

fn done(grant: &Grant<WorkflowWrite>, saved: &Saved) -> actix_web::HttpResponse {
    let Saved { slug, version, new, published } = saved;
    let words = match (new, published, version) {
        (false, false, _) => "The text is the one that is saved already: nothing was added.".to_owned(),
        (false, true, version) => {
            format!("The text is the one that is saved already, and version {version} is published: nothing was added.")
        }
        (true, true, 1) => "The workflow is saved and published.".to_owned(),
        (true, true, version) => format!("Version {version} is saved and published. Runs that were started go on with theirs."),
        (true, false, version) => format!("Version {version} is kept as a draft. A start takes it when it is published."),
    };
    let href = if *published { format!("/workflows/{slug}") } else { format!("/workflows/{slug}/versions/{version}") };
    grant.visit().done(&grant.path(&href), &words)
}

async fn show(grant: &Grant<WorkflowWrite>, foreseen: Foreseen, typed: Typed, status: StatusCode, errors: FormErrors) -> Answer {
    let Foreseen { mut checked, slug, standing, changes } = foreseen;
    let is_sound = checked.is_sound();
    let saving = saving(slug.as_deref(), standing.as_ref(), is_sound);
    let latest = standing.as_ref().map_or(0, |standing| standing.latest.number);
    let Typed { source, mut keeps, has_base, .. } = typed;
    // Whoever gave the text another id on the way sees what is there under that one only now.
    let is_known = has_base && (keeps.id.is_empty() || slug.as_ref().is_none_or(|slug| *slug == keeps.id));
    let is_conflict = is_known && latest != keeps.base;
    keeps.base = latest;
    keeps.id = slug.unwrap_or(keeps.id);
    let against = standing.as_ref().and_then(|standing| standing.published).map(|number| number.to_string()).unwrap_or_default();
    let (conflict, text) = match standing {
        Some(Standing { latest, text, .. }) => {
            let row = versions::row(grant, &keeps.id, latest);
            (Some(row).filter(|_| is_conflict), Some(TextView::new(text)))
        }
        None => (None, None),
    };
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
        keeps,
        conflict,
        against,
        changes: change_lines(changes),
        text,
        errors,
    };
    view::html_with(status, &preview)
}

/// What saving the text would do.
fn saving(slug: Option<&str>, standing: Option<&Standing>, is_sound: bool) -> String {
    match (slug, standing) {
        (_, Some(standing)) => format!(
            "Nothing is saved yet. Saving adds version {} to {}; runs that were started go on with theirs.",
            standing.latest.number.saturating_add(1),
            text::in_line(&standing.name)
        ),
        (Some(slug), None) if is_sound => format!("Nothing is saved yet. Saving makes a new workflow, {}.", text::in_line(slug)),
        _ => "Nothing is saved yet.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mandate, page, workflows::checked};

    fn preview(checked: CheckedView) -> String {
        preview_beside(checked, None)
    }

    fn preview_beside(checked: CheckedView, conflict: Option<VersionRow>) -> String {
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
            keeps: Keeps { id: "vendor-payment".to_owned(), base: 3, ..Keeps::default() },
            conflict,
            against: "2".to_owned(),
            changes: Vec::new(),
            text: None,
            errors: FormErrors::none(),
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
        assert!(!html.contains("value=\"publish\"") && !html.contains("</textarea><script>"));
        assert!(html.contains("value=\"draft\"") && html.contains("name=\"id\""), "what was written can be kept: {html}");
    }

    #[test]
    fn what_somebody_else_saved_meanwhile_is_shown_and_no_typed_text_is_lost() {
        let mut view = checked::tests::sample();
        view.errors.clear();
        let theirs = versions::tests::sample(3, platform::workflows::VersionState::Draft);
        let html = preview_beside(view, Some(theirs));
        for part in ["Somebody saved version 3", "versions/3", "---\n&#60;/textarea&#62;&#60;script&#62;", "name=\"base\" value=\"3\""] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn a_sound_file_shows_what_it_would_do_and_can_be_saved() {
        let mut view = checked::tests::sample();
        view.errors.clear();
        let html = preview(view);
        for part in [
            "Nothing is saved yet.",
            "formaction=\"/t/acme/workflows\"",
            "value=\"publish\"",
            "value=\"draft\"",
            "It means the same as version 2",
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
            keeps: Keeps::default(),
            errors: FormErrors::none(),
        }
        .render()
        .unwrap();
        assert!(html.contains("type=\"file\"") && html.contains("name=\"source\"") && html.contains("multipart/form-data"));
    }

    #[test]
    fn a_text_comes_from_one_place_and_with_the_lines_it_was_written_with() {
        assert_eq!(text_of("", "a\r\nb").unwrap(), "a\nb");
        assert_eq!(text_of("a\n", " ").unwrap(), "a\n");
        assert_eq!(text_of("", "").unwrap_err().fields[0].field, "source");
        assert_eq!(text_of("a", "b").unwrap_err().fields[0].field, "file");
    }
}

//! The versions of a workflow: the list, one with its text and mandate, two held against each other; publishing one, bringing
//! an old one back, and taking them away as files.

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    web::Bytes,
};
use askama::Template;
use domain::{
    Permission,
    permission::{WorkflowRead, WorkflowWrite},
};
use futures_util::{Stream, stream};
use platform::{
    expected::Expected,
    workflows::{DifferenceShown, Export, SourceShown, VersionLine, VersionShown, VersionState},
};
use serde::Deserialize;

use super::changes::{ChangeLine, Row, TextView, change_lines};
use crate::{
    format::{self, ShownId, Time},
    mandate::{About, Card},
    page::Page,
    route::{Answer, Form, Grant, Path, Query, Result},
    text,
    view::{self, FormErrors, Outcome},
};

/// The name of the file that all workflows are taken away in.
pub(crate) const ARCHIVE: &str = "workflows.zip";

/// A saved version in a list.
#[derive(Clone)]
pub(super) struct VersionRow {
    pub(super) number: i64,
    pub(super) label: String,
    pub(super) saved: Time,
    pub(super) by: String,
    pub(super) message: String,
    /// The state as a pill and its word.
    pub(super) state: &'static str,
    pub(super) word: &'static str,
    /// Nothing of a draft with errors.
    pub(super) plan: Option<ShownId>,
    pub(super) href: String,
    pub(super) is_published: bool,
}

#[derive(Template)]
#[template(path = "workflows/versions.html")]
struct ListView {
    page: Page,
    list_href: String,
    href: String,
    name: String,
    versions: Vec<VersionRow>,
    compare_action: String,
    history_href: String,
}

/// A line of a source text (`ui::source`).
struct Line {
    number: usize,
    mark: &'static str,
    before: String,
    marked: &'static str,
    after: &'static str,
}

/// What can be done with a version.
#[derive(Default)]
struct Acts {
    publish_action: String,
    can_publish: bool,
    tag: String,
    restore_action: String,
    can_restore: bool,
    start_href: String,
    difference_href: String,
    difference_word: String,
    file_href: String,
    bundle_href: String,
    /// Empty for a draft with errors.
    plan_href: String,
    may_write: bool,
}

#[derive(Template)]
#[template(path = "workflows/version.html")]
struct VersionView {
    page: Page,
    list_href: String,
    /// The workflow; empty when it is the version of a run that is shown.
    href: String,
    versions_href: String,
    run_href: String,
    name: String,
    version: VersionRow,
    restored_from: String,
    published: Option<Time>,
    content: ShownId,
    lines: Vec<Line>,
    mandate: Option<Card>,
    acts: Acts,
    /// Against which version the changes are told; empty for one that is told whole.
    against: String,
    changes: Vec<ChangeLine>,
    shows_changes: bool,
    errors: FormErrors,
}

#[derive(Template)]
#[template(path = "workflows/difference.html")]
struct DifferenceView {
    page: Page,
    list_href: String,
    href: String,
    versions_href: String,
    name: String,
    from: i64,
    to: i64,
    both: [VersionRow; 2],
    /// The same page the other way round.
    turned_href: String,
    meaning: Option<Vec<ChangeLine>>,
    text: TextView,
}

impl VersionRow {
    /// What stands above a workflow that has a newer draft.
    pub(super) fn title(&self) -> String {
        let errors = if self.plan.is_none() { " with errors" } else { "" };
        format!("Version {} is a draft{errors}.", self.number)
    }
}

pub(super) const fn pill(state: VersionState) -> (&'static str, &'static str) {
    match state {
        VersionState::Published => ("completed", "Published"),
        VersionState::Earlier => ("idle", "Was published"),
        VersionState::Draft => ("waiting", "Draft"),
        VersionState::Broken => ("failed", "Draft with errors"),
    }
}

fn short(hash: String) -> ShownId {
    ShownId { short: hash.get(..8).unwrap_or(&hash).to_owned(), full: hash }
}

pub(super) fn row<P>(grant: &Grant<P>, slug: &str, line: VersionLine) -> VersionRow {
    let (state, word) = pill(line.state);
    VersionRow {
        number: line.number,
        label: text::in_line(&line.label),
        saved: format::ago(line.saved_at, grant.platform().now()),
        by: line.saved_by.unwrap_or_default(),
        message: text::in_line(&line.message),
        state,
        word,
        plan: line.plan_hash.map(short),
        href: grant.path(&format!("/workflows/{slug}/versions/{}", line.number)),
        is_published: line.state == VersionState::Published,
    }
}

/// `GET /t/{slug}/workflows/{workflow}/versions`: all of them, newest first, two of which can be held against each other.
pub(crate) async fn list(grant: Grant<WorkflowRead>, Path(slug): Path<String>) -> Answer {
    let shown = grant.platform().workflow_versions(grant.actor(), &slug).await?;
    let href = grant.path(&format!("/workflows/{slug}"));
    let newest = shown.versions.first().map_or(1, |line| line.number);
    view::html(&ListView {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        name: text::in_line(&shown.name),
        versions: shown.versions.into_iter().map(|line| row(&grant, &slug, line)).collect(),
        compare_action: format!("{href}/versions/{newest}/difference"),
        history_href: format!("{href}/history"),
        href,
    })
}

/// `GET /t/{slug}/workflows/{workflow}/versions/{number}`: the text of a version as it was written, and what it may.
pub(crate) async fn version(grant: Grant<WorkflowRead>, Path((slug, number)): Path<(String, i64)>) -> Answer {
    let shown = grant.platform().workflow_version(grant.actor(), &slug, number).await?;
    view::html(&version_view(&grant, &slug, shown, FormErrors::none()).await?)
}

async fn version_view<P>(grant: &Grant<P>, slug: &str, version: VersionShown, errors: FormErrors) -> Result<VersionView> {
    let VersionShown { shown, published, latest, tag, changes } = version;
    let (number, state) = (shown.version.number, shown.version.state);
    let href = grant.path(&format!("/workflows/{slug}"));
    let at = format!("{href}/versions/{number}");
    let may_start = grant.may(Permission::WorkflowExecute) && state.can_start();
    let against = published.filter(|published| *published != number);
    let acts = Acts {
        publish_action: format!("{at}/publication"),
        can_publish: matches!(state, VersionState::Draft | VersionState::Earlier),
        tag,
        restore_action: format!("{at}/restoration"),
        can_restore: number != latest,
        start_href: if may_start { format!("{href}/runs/new?version={number}") } else { String::new() },
        difference_href: match against {
            Some(published) => format!("{at}/difference?from={published}"),
            None if number > 1 => format!("{at}/difference"),
            None => String::new(),
        },
        difference_word: match against {
            Some(published) => format!("Compare with version {published}"),
            None => format!("Compare with version {}", number.saturating_sub(1)),
        },
        file_href: format!("{at}/file"),
        bundle_href: format!("{at}/bundle"),
        plan_href: if state == VersionState::Broken { String::new() } else { format!("{at}/plan") },
        may_write: grant.may(Permission::WorkflowWrite),
    };
    let view = page_of(grant, shown, None).await?;
    Ok(VersionView {
        acts,
        against: against.map(|published| published.to_string()).unwrap_or_default(),
        shows_changes: changes.is_some(),
        changes: change_lines(changes.unwrap_or_default()),
        errors,
        ..view
    })
}

/// The page of the version that a run pinned, with the address of the run.
pub(crate) async fn version_page(grant: &Grant<WorkflowRead>, shown: SourceShown, run_href: String) -> Answer {
    view::html(&page_of(grant, shown, Some(run_href)).await?)
}

async fn page_of<P>(grant: &Grant<P>, shown: SourceShown, run_href: Option<String>) -> Result<VersionView> {
    let SourceShown { slug, name, version, source, mandate } = shown;
    let href = if run_href.is_some() { String::new() } else { grant.path(&format!("/workflows/{slug}")) };
    Ok(VersionView {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        versions_href: format!("{href}/versions"),
        href,
        run_href: run_href.unwrap_or_default(),
        name: text::in_line(&name),
        restored_from: version.restored_from.map(|number| number.to_string()).unwrap_or_default(),
        published: version.published_at.map(|at| format::ago(at, grant.platform().now())),
        content: short(version.content_hash.clone()),
        version: row(grant, &slug, version),
        lines: lines(&source),
        mandate: mandate.map(|mandate| Card::new(mandate, About::Workflow, String::new())),
        acts: Acts::default(),
        against: String::new(),
        changes: Vec::new(),
        shows_changes: false,
        errors: FormErrors::none(),
    })
}

fn lines(source: &str) -> Vec<Line> {
    let line = |(index, line): (usize, &str)| Line { number: index + 1, mark: "", before: text::visible(line), marked: "", after: "" };
    source.lines().enumerate().map(line).collect()
}

/// What a version is held against.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Against {
    /// The number of the other one; the one before when left out.
    from: Option<i64>,
    /// The number of the one that is meant instead of the one in the path: of the form that offers all of them.
    to: Option<i64>,
}

/// `GET /t/{slug}/workflows/{workflow}/versions/{number}/difference`: what it means and says that another one did not.
pub(crate) async fn difference(
    grant: Grant<WorkflowRead>,
    Path((slug, number)): Path<(String, i64)>,
    Query(against): Query<Against>,
) -> Answer {
    let to = against.to.unwrap_or(number);
    let from = against.from.unwrap_or_else(|| to.saturating_sub(1).max(1));
    let shown = grant.platform().workflow_difference(grant.actor(), &slug, from, to).await?;
    let DifferenceShown { slug, name, from, to, meaning, text: changed } = shown;
    let href = grant.path(&format!("/workflows/{slug}"));
    view::html(&DifferenceView {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        versions_href: format!("{href}/versions"),
        turned_href: format!("{href}/versions/{}/difference?from={}", from.number, to.number),
        href,
        name: text::in_line(&name),
        from: from.number,
        to: to.number,
        both: [row(&grant, &slug, from), row(&grant, &slug, to)],
        meaning: meaning.map(change_lines),
        text: TextView::new(changed),
    })
}

/// What the form of a publication sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Publication {
    /// The workflow as it was when the page was made.
    tag: String,
}

/// `POST /t/{slug}/workflows/{workflow}/versions/{number}/publication`: a start takes it from now on.
pub(crate) async fn publish(
    grant: Grant<WorkflowWrite>,
    Path((slug, number)): Path<(String, i64)>,
    Form(sent): Form<Publication>,
) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    let expected = Expected::Tagged(vec![sent.tag]);
    match view::outcome(platform.publish_workflow(actor, &slug, number, &expected).await, &[409, 412])? {
        Outcome::Done(()) => {
            let words = format!("Version {number} is published: a start takes it. Runs that were started go on with theirs.");
            Ok(grant.visit().done(&grant.path(&format!("/workflows/{slug}")), &words))
        }
        Outcome::Refused(refusal) => {
            let shown = platform.workflow_version(actor, &slug, number).await?;
            view::html_with(refusal.status, &version_view(&grant, &slug, shown, refusal.errors).await?)
        }
    }
}

/// `POST /t/{slug}/workflows/{workflow}/versions/{number}/restoration`: adds a draft with its text.
pub(crate) async fn restore(grant: Grant<WorkflowWrite>, Path((slug, number)): Path<(String, i64)>) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    match view::outcome(platform.restore_workflow(actor, &slug, number).await, &[409])? {
        Outcome::Done(saved) => {
            let href = grant.path(&format!("/workflows/{slug}/versions/{}", saved.version));
            let words =
                format!("Version {} has the text of version {number} again. It is a draft: publish it when it is right.", saved.version);
            Ok(grant.visit().done(&href, &words))
        }
        Outcome::Refused(refusal) => {
            let shown = platform.workflow_version(actor, &slug, number).await?;
            view::html_with(refusal.status, &version_view(&grant, &slug, shown, refusal.errors).await?)
        }
    }
}

fn attachment(name: &str, content_type: &str) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, content_type)).insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
    response
}

/// `GET /t/{slug}/workflows/{workflow}/versions/{number}/file`: the file as it was written.
pub(crate) async fn file(grant: Grant<WorkflowRead>, Path((slug, number)): Path<(String, i64)>) -> Answer {
    let file = grant.platform().export_version(grant.actor(), &slug, number).await?;
    Ok(attachment(&file.name, file.content_type()).body(file.source))
}

/// `GET /t/{slug}/workflows/{workflow}/history`: all versions with their texts, as JSON.
pub(crate) async fn history(grant: Grant<WorkflowRead>, Path(slug): Path<String>) -> Answer {
    let export = grant.platform().export_history(grant.actor(), &slug).await?;
    let request = grant.visit().facts().id.to_string();
    Ok(attachment(&format!("{slug}-history.json"), "application/json").streaming(pieces(export, request)))
}

/// `GET /t/{slug}/workflows/export`: all workflows, as an archive of folders.
pub(crate) async fn export(grant: Grant<WorkflowRead>) -> Answer {
    let export = grant.platform().export_workflows(grant.actor()).await?;
    let request = grant.visit().facts().id.to_string();
    Ok(attachment(ARCHIVE, "application/zip").streaming(pieces(export, request)))
}

/// The pieces of an export, as they are read; the id of the request is for the log. One that breaks off is cut, so that nobody
/// takes it for the whole.
pub(crate) fn pieces(export: Export, request: String) -> impl Stream<Item = std::result::Result<Bytes, actix_web::Error>> {
    stream::try_unfold((export, request), |(mut export, request): (Export, String)| async move {
        match export.next().await {
            Ok(Some(piece)) => Ok(Some((Bytes::from(piece), (export, request)))),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::warn!(%request, %error, "request {request}: an export of workflows broke off: {error}");
                Err(actix_web::error::ErrorInternalServerError("the export broke off"))
            }
        }
    })
}

#[cfg(test)]
pub(super) mod tests {
    use domain::Timestamp;
    use platform::workflows::{Change, ChangeKind, Weight};

    use super::*;
    use crate::{mandate, page, view::FormError};

    pub(in crate::workflows) fn sample(number: i64, state: VersionState) -> VersionRow {
        let (pill_state, word) = pill(state);
        VersionRow {
            number,
            label: "1.0.0".to_owned(),
            saved: format::clock(Timestamp::from_micros(0)),
            by: "clerk@acme.example".to_owned(),
            message: "Pay <faster>".to_owned(),
            state: pill_state,
            word,
            plan: Some(short("9f2c41ab".repeat(8))),
            href: format!("/t/acme/workflows/vendor-payment/versions/{number}"),
            is_published: state == VersionState::Published,
        }
    }

    fn view(acts: Acts, errors: FormErrors) -> String {
        let change = Change {
            weight: Weight::Raises,
            kind: ChangeKind::Host,
            subject: "x".to_owned(),
            words: "It may reach `evil.example`".to_owned(),
        };
        VersionView {
            page: page::sample(),
            list_href: String::new(),
            href: "/t/acme/workflows/a".to_owned(),
            versions_href: "/t/acme/workflows/a/versions".to_owned(),
            run_href: String::new(),
            name: "A".to_owned(),
            version: sample(2, VersionState::Draft),
            restored_from: "1".to_owned(),
            published: None,
            content: short("ab".repeat(32)),
            lines: lines("a\r\n\u{202e}b"),
            mandate: Some(Card::new(mandate::sample(), About::Workflow, String::new())),
            acts,
            against: "1".to_owned(),
            changes: change_lines(vec![change]),
            shows_changes: true,
            errors,
        }
        .render()
        .unwrap()
    }

    #[test]
    fn a_source_is_shown_line_by_line_with_what_hides_written_out() {
        let lines = lines("a\r\n\u{202e}b");
        assert_eq!((lines[0].before.as_str(), lines[1].before.as_str(), lines[1].number), ("a", "\\u{202e}b", 2));
        let html = view(Acts::default(), FormErrors::none());
        for part in ["id=\"L2\"", "Pay &#60;faster&#62;", "What this workflow may do", "Draft"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("/publication\"") && !html.contains("/restoration\""));
    }

    #[test]
    fn a_draft_can_be_published_by_who_saw_what_it_changes() {
        let acts = || Acts {
            publish_action: "/x/publication".to_owned(),
            can_publish: true,
            tag: "wf_x.3".to_owned(),
            restore_action: "/x/restoration".to_owned(),
            can_restore: true,
            may_write: true,
            ..Acts::default()
        };
        let errors = FormErrors(vec![FormError { field: String::new(), message: "Somebody changed it.".to_owned() }]);
        let html = view(acts(), errors);
        for part in [
            "action=\"/x/publication\"",
            "value=\"wf_x.3\"",
            "action=\"/x/restoration\"",
            "Somebody changed it.",
            "More risk",
            "<code>evil.example</code>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let html = view(Acts { may_write: false, ..acts() }, FormErrors::none());
        assert!(!html.contains("action=\"/x/publication\"") && html.contains("needs <code>workflow:write</code>"), "{html}");
    }
}

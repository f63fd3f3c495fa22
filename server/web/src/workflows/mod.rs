//! Workflows: the list, the page of one with its versions, and its removal. Putting one in is in `new`, starting one in
//! `start`; `checked` is what both the page and the preview show of a file.

mod checked;
pub(crate) mod new;
pub(crate) mod start;

use askama::Template;
use domain::{
    Permission, Problem,
    permission::{WorkflowDelete, WorkflowRead},
};
use platform::workflows::{RunStatus, SourceShown, VersionLine, WorkflowLine, WorkflowSearch, WorkflowShown};
use serde::Deserialize;

use crate::{
    format::{self, ShownId, Time},
    mandate::{About, Card, audit_href},
    page::Page,
    route::{Answer, Form, Grant, Path, Result},
    runs::{self, RunRow},
    text,
    view::{self, FormErrors, Outcome, Refusal},
};
use checked::CheckedView;

/// Runs are counted so far; what is beyond stands as more.
const COUNTED_RUNS: i64 = 10_000;

/// A workflow in the list.
struct WorkflowRow {
    href: String,
    name: String,
    description: String,
    version: i64,
    runs: String,
    last: Option<LastRun>,
    start_href: String,
}

struct LastRun {
    number: i64,
    state: &'static str,
    word: &'static str,
    at: Time,
}

#[derive(Template)]
#[template(path = "workflows/list.html")]
struct ListView {
    page: Page,
    rows: Vec<WorkflowRow>,
    new_href: String,
    may_write: bool,
    may_start: bool,
}

/// A saved version.
struct VersionRow {
    number: i64,
    label: String,
    saved: Time,
    by: String,
    plan: ShownId,
    href: String,
    is_current: bool,
}

#[derive(Template)]
#[template(path = "workflows/workflow.html")]
struct WorkflowView {
    page: Page,
    list_href: String,
    name: String,
    description: String,
    id: ShownId,
    current: VersionRow,
    checked: CheckedView,
    versions: Vec<VersionRow>,
    runs: Vec<RunRow>,
    may_see_runs: bool,
    mandate: Option<Card>,
    start_href: String,
    may_start: bool,
    edit_href: String,
    may_write: bool,
    remove_action: String,
    may_remove: bool,
    confirm_hint: String,
    confirm: String,
    errors: FormErrors,
}

/// A line of a source text (`ui::source`).
struct Line {
    number: usize,
    mark: &'static str,
    before: String,
    marked: &'static str,
    after: &'static str,
}

#[derive(Template)]
#[template(path = "workflows/version.html")]
struct VersionView {
    page: Page,
    list_href: String,
    /// The workflow; empty when it is the version of a run that is shown.
    href: String,
    run_href: String,
    name: String,
    version: VersionRow,
    lines: Vec<Line>,
}

/// `GET /t/{slug}/workflows`: every workflow with its last run.
pub(crate) async fn list(grant: Grant<WorkflowRead>) -> Answer {
    let workflows = grant.platform().workflows(grant.actor(), &WorkflowSearch::default()).await?;
    view::html(&ListView {
        page: grant.page().await?,
        rows: workflows.into_iter().map(|line| row(&grant, line)).collect(),
        new_href: grant.path("/workflows/new"),
        may_write: grant.may(Permission::WorkflowWrite),
        may_start: grant.may(Permission::WorkflowExecute),
    })
}

fn row<P>(grant: &Grant<P>, line: WorkflowLine) -> WorkflowRow {
    let href = grant.path(&format!("/workflows/{}", line.slug));
    let now = grant.platform().now();
    WorkflowRow {
        start_href: format!("{href}/runs/new"),
        href,
        name: text::in_line(&line.name),
        description: text::in_line(&line.description),
        version: line.version,
        runs: run_count(line.runs),
        last: line
            .last_run
            .filter(|_| grant.may(Permission::RunRead))
            .map(|(number, status, at)| last_run(number, status, format::ago(at, now))),
    }
}

const fn last_run(number: i64, status: RunStatus, at: Time) -> LastRun {
    let (state, word) = runs::pill(status);
    LastRun { number, state, word, at }
}

fn run_count(runs: i64) -> String {
    let counted = u64::try_from(runs.min(COUNTED_RUNS)).unwrap_or(0);
    if runs > COUNTED_RUNS { format!("{}+", format::count(counted)) } else { format::count(counted) }
}

fn version_row<P>(grant: &Grant<P>, slug: &str, line: VersionLine, current: i64) -> VersionRow {
    VersionRow {
        number: line.number,
        label: text::in_line(&line.label),
        saved: format::ago(line.saved_at, grant.platform().now()),
        by: line.saved_by.unwrap_or_default(),
        plan: ShownId { short: line.plan_hash.get(..8).unwrap_or(&line.plan_hash).to_owned(), full: line.plan_hash },
        href: grant.path(&format!("/workflows/{slug}/versions/{}", line.number)),
        is_current: line.number == current,
    }
}

/// `GET /t/{slug}/workflows/{workflow}`: what it would do, what it needs, its versions and runs.
pub(crate) async fn workflow(grant: Grant<WorkflowRead>, Path(slug): Path<String>) -> Answer {
    let shown = grant.platform().workflow(grant.actor(), &slug).await?;
    view::html(&workflow_view(&grant, shown, String::new(), FormErrors::none()).await?)
}

async fn workflow_view<P>(grant: &Grant<P>, shown: WorkflowShown, confirm: String, errors: FormErrors) -> Result<WorkflowView> {
    let WorkflowShown { id, slug, name, description, current, mut checked, versions, recent_runs } = shown;
    let href = grant.path(&format!("/workflows/{slug}"));
    let mandate = checked.mandate.take();
    let number = current.number;
    Ok(WorkflowView {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        name: text::in_line(&name),
        description: text::in_line(&description),
        id: format::id(id),
        checked: CheckedView::new(grant, checked),
        current: version_row(grant, &slug, current, number),
        versions: versions.into_iter().map(|line| version_row(grant, &slug, line, number)).collect(),
        runs: recent_runs.iter().map(|line| RunRow::new(grant, line)).collect(),
        may_see_runs: grant.may(Permission::RunRead),
        mandate: mandate.map(|mandate| Card::new(mandate, About::Workflow, audit_href(grant, &id.to_string()))),
        start_href: format!("{href}/runs/new"),
        may_start: grant.may(Permission::WorkflowExecute),
        edit_href: grant.path(&format!("/workflows/new?from={slug}")),
        may_write: grant.may(Permission::WorkflowWrite),
        remove_action: format!("{href}/removal"),
        may_remove: grant.may(Permission::WorkflowDelete),
        confirm_hint: confirm_hint(&slug),
        confirm,
        errors,
    })
}

/// `GET /t/{slug}/workflows/{workflow}/versions/{number}`: the text of a version as it was written.
pub(crate) async fn version(grant: Grant<WorkflowRead>, Path((slug, number)): Path<(String, i64)>) -> Answer {
    let shown = grant.platform().workflow_source(grant.actor(), &slug, Some(number)).await?;
    version_page(&grant, shown, None).await
}

/// The page of a version; with the address of a run when it is shown as the one that run pinned.
pub(crate) async fn version_page(grant: &Grant<WorkflowRead>, shown: SourceShown, run_href: Option<String>) -> Answer {
    view::html(&VersionView {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        href: if run_href.is_some() { String::new() } else { grant.path(&format!("/workflows/{}", shown.slug)) },
        run_href: run_href.unwrap_or_default(),
        name: text::in_line(&shown.name),
        version: version_row(grant, &shown.slug, shown.version, 0),
        lines: lines(&shown.source),
    })
}

fn lines(source: &str) -> Vec<Line> {
    let line = |(index, line): (usize, &str)| Line { number: index + 1, mark: "", before: text::visible(line), marked: "", after: "" };
    source.lines().enumerate().map(line).collect()
}

fn confirm_hint(slug: &str) -> String {
    format!("Type {slug} to remove it.")
}

/// What the form of a removal sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Removal {
    #[serde(default)]
    confirm: String,
}

/// `POST /t/{slug}/workflows/{workflow}/removal`: takes it off the list; its runs stay.
pub(crate) async fn remove(grant: Grant<WorkflowDelete>, Path(slug): Path<String>, Form(sent): Form<Removal>) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    let refusal = if sent.confirm.trim() == slug {
        match view::outcome(platform.remove_workflow(actor, &slug).await, &[409])? {
            Outcome::Done(()) => {
                return Ok(grant
                    .visit()
                    .done(&grant.path("/workflows"), "The workflow is removed. Runs that were started go on and stay."));
            }
            Outcome::Refused(refusal) => refusal,
        }
    } else {
        Refusal::from(Problem::field("confirm", confirm_hint(&slug)))
    };
    let shown = platform.workflow(actor, &slug).await?;
    view::html_with(refusal.status, &workflow_view(&grant, shown, sent.confirm, refusal.errors).await?)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::{mandate, page, view::FormError};

    fn at() -> Time {
        format::clock(Timestamp::from_micros(0))
    }

    fn version_row(number: i64) -> VersionRow {
        VersionRow {
            number,
            label: "1.0.0".to_owned(),
            saved: at(),
            by: "clerk@acme.example".to_owned(),
            plan: ShownId { full: "9f2c41ab".repeat(8), short: "9f2c41ab".to_owned() },
            href: format!("/t/acme/workflows/vendor-payment/versions/{number}"),
            is_current: number == 2,
        }
    }

    fn html(may: bool, errors: FormErrors) -> String {
        WorkflowView {
            page: page::sample(),
            list_href: "/t/acme/workflows".to_owned(),
            name: "Vendor <payment>".to_owned(),
            description: "Pays once.".to_owned(),
            id: format::id("wf_01k9c4v7ty0000000000000000"),
            current: version_row(2),
            checked: checked::tests::sample(),
            versions: vec![version_row(2), version_row(1)],
            runs: Vec::new(),
            may_see_runs: true,
            mandate: Some(Card::new(mandate::sample(), About::Workflow, String::new())),
            start_href: "/t/acme/workflows/vendor-payment/runs/new".to_owned(),
            may_start: may,
            edit_href: "/t/acme/workflows/new?from=vendor-payment".to_owned(),
            may_write: may,
            remove_action: "/t/acme/workflows/vendor-payment/removal".to_owned(),
            may_remove: may,
            confirm_hint: confirm_hint("vendor-payment"),
            confirm: "wrong".to_owned(),
            errors,
        }
        .render()
        .unwrap()
    }

    #[test]
    fn the_page_shows_the_mandate_the_steps_and_what_is_missing() {
        let html = html(true, FormErrors::none());
        for part in [
            "What this workflow may do",
            "Finance agrees",
            "payments_url",
            "Set it under Variables.",
            "versions/1",
            "/runs/new",
            "9f2c41ab",
            "Vendor &#60;payment&#62;",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn acts_are_locked_for_those_who_may_not() {
        let html = html(false, FormErrors::none());
        assert!(!html.contains("/removal") && !html.contains("vendor-payment/runs/new") && !html.contains("workflows/new?from"));
        assert!(html.contains("needs <code>workflow:execute</code>") && html.contains("needs <code>workflow:write</code>"));
    }

    #[test]
    fn a_removal_without_the_name_comes_back_open() {
        let errors = FormErrors(vec![FormError { field: "confirm".to_owned(), message: "Type vendor-payment to remove it.".to_owned() }]);
        let html = html(true, errors);
        assert!(html.contains("<details class=\"more as-button danger\" open>") && html.contains("value=\"wrong\""), "{html}");
    }

    #[test]
    fn the_list_shows_the_last_run_or_that_there_was_none() {
        let row = |last| WorkflowRow {
            href: "/t/acme/workflows/a".to_owned(),
            name: "A".to_owned(),
            description: "Does a".to_owned(),
            version: 3,
            runs: run_count(10_001),
            last,
            start_href: "/t/acme/workflows/a/runs/new".to_owned(),
        };
        let view = |rows, may| ListView {
            page: page::sample(),
            rows,
            new_href: "/t/acme/workflows/new".to_owned(),
            may_write: may,
            may_start: may,
        };
        let html = view(vec![row(Some(last_run(7, RunStatus::Failed, at()))), row(None)], true).render().unwrap();
        for part in ["Failed", "#7", "no run yet", "10,000+", "/t/acme/workflows/new"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let html = view(Vec::new(), false).render().unwrap();
        assert!(html.contains("No workflows yet") && html.contains("needs <code>workflow:write</code>"), "{html}");
    }

    #[test]
    fn a_source_is_shown_line_by_line_with_what_hides_written_out() {
        let lines = lines("a\r\n\u{202e}b");
        assert_eq!((lines[0].before.as_str(), lines[1].before.as_str(), lines[1].number), ("a", "\\u{202e}b", 2));
        let html = VersionView {
            page: page::sample(),
            list_href: String::new(),
            href: "/t/acme/workflows/a".to_owned(),
            run_href: String::new(),
            name: "A".to_owned(),
            version: version_row(1),
            lines,
        }
        .render()
        .unwrap();
        assert!(html.contains("id=\"L2\""), "{html}");
    }
}

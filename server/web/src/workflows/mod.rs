//! Workflows: the list, the page of one with its versions, where it lives, and its removal. Putting one in is in `new`, starting
//! one in `start`, what became of its versions in `versions`; `checked` is what both the page and the preview show of a file,
//! `changes` how two differ,
//! `plan` the picture of one.

mod changes;
pub(crate) mod checked;
pub(crate) mod new;
pub(crate) mod plan;
pub(crate) mod start;
pub(crate) mod versions;

use askama::Template;
use domain::{
    FolderId, Permission, Problem,
    permission::{WorkflowDelete, WorkflowRead, WorkflowWrite},
};
use platform::{
    folders::FolderLine,
    workflows::{RunStatus, VersionState, WorkflowLine, WorkflowSearch, WorkflowShown},
};
use serde::Deserialize;

use crate::{
    folders,
    format::{self, ShownId, Time},
    mandate::{About, Card, audit_href},
    page::Page,
    route::{Answer, Form, Grant, Path, Result},
    runs::{self, RunRow},
    text,
    view::{self, FormErrors, Outcome, Refusal},
};
use checked::CheckedView;
use versions::VersionRow;

/// Runs are counted so far; what is beyond stands as more.
const COUNTED_RUNS: i64 = 10_000;
/// Versions that the page of a workflow shows; the others are on a page of their own.
const RECENT_VERSIONS: usize = 5;

/// A workflow in the list.
struct WorkflowRow {
    href: String,
    name: String,
    description: String,
    version: i64,
    /// Whether a start takes one of its versions.
    is_published: bool,
    /// The number of a draft that is newer than what a start takes; empty for none.
    draft: String,
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
    list_href: String,
    export_href: String,
    /// The folder that is shown; nothing for the root.
    folder: Option<folders::FolderHead>,
    folders: Vec<folders::FolderRow>,
    create_action: String,
    /// What stands in the form for a new folder.
    new_folder: String,
    rows: Vec<WorkflowRow>,
    new_href: String,
    import_href: String,
    may_write: bool,
    may_start: bool,
    errors: FormErrors,
}

#[derive(Template)]
#[template(path = "workflows/workflow.html")]
struct WorkflowView {
    page: Page,
    list_href: String,
    name: String,
    description: String,
    id: ShownId,
    /// The folder it lives in: its address and its path.
    folder: Option<(String, String)>,
    folders: Vec<folders::FolderChoice>,
    move_action: String,
    current: VersionRow,
    /// The newest version, when it is another one.
    draft: Option<VersionRow>,
    checked: CheckedView,
    versions: Vec<VersionRow>,
    versions_href: String,
    plan_href: String,
    runs: Vec<RunRow>,
    may_see_runs: bool,
    mandate: Option<Card>,
    start_href: String,
    may_start: bool,
    is_published: bool,
    edit_href: String,
    may_write: bool,
    remove_action: String,
    may_remove: bool,
    confirm_hint: String,
    confirm: String,
    errors: FormErrors,
}

/// `GET /t/{slug}/workflows`: the folders, and the workflows that live in none, each with its last run.
pub(crate) async fn list(grant: Grant<WorkflowRead>) -> Answer {
    folder_page(&grant, None, Tried::default()).await
}

/// A form of the page of a folder that was refused.
#[derive(Default)]
pub(crate) struct Tried {
    pub(crate) status: actix_web::http::StatusCode,
    /// What was typed for a new folder.
    pub(crate) new_folder: String,
    /// What was typed as another path of this one.
    pub(crate) path: Option<String>,
    pub(crate) errors: FormErrors,
}

/// What is in a folder, or at the root.
pub(crate) async fn folder_page<P>(grant: &Grant<P>, shown: Option<FolderId>, tried: Tried) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    let all = platform.folders(actor).await?;
    let this = match shown {
        Some(id) => Some(all.iter().find(|line| line.id == id).ok_or_else(|| Problem::not_found("folder"))?),
        None => None,
    };
    let workflows = platform.workflows(actor, &WorkflowSearch::default()).await?;
    let is_inside = |line: &&FolderLine| line.parent() == this.map(|this| this.path.as_str());
    let rows: Vec<WorkflowRow> = workflows.into_iter().filter(|line| line.folder == shown).map(|line| row(grant, line)).collect();
    let new_href = match shown {
        Some(id) => grant.path(&format!("/workflows/new?folder={id}")),
        None => grant.path("/workflows/new"),
    };
    let view = ListView {
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        export_href: grant.path("/workflows/export"),
        folders: all.iter().filter(is_inside).map(|line| folders::row(grant, line)).collect(),
        folder: this.map(|this| folders::head(grant, this, &all, tried.path)),
        create_action: grant.path("/folders"),
        new_folder: tried.new_folder,
        rows,
        new_href,
        import_href: grant.path("/bundles/new"),
        may_write: grant.may(Permission::WorkflowWrite),
        may_start: grant.may(Permission::WorkflowExecute),
        errors: tried.errors,
    };
    view::html_with(tried.status, &view)
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
        is_published: line.is_published,
        draft: if line.latest > line.version { line.latest.to_string() } else { String::new() },
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

/// `GET /t/{slug}/workflows/{workflow}`: what it would do, what it needs, its versions and runs.
pub(crate) async fn workflow(grant: Grant<WorkflowRead>, Path(slug): Path<String>) -> Answer {
    let shown = grant.platform().workflow(grant.actor(), &slug).await?;
    view::html(&workflow_view(&grant, shown, String::new(), FormErrors::none()).await?)
}

async fn workflow_view<P>(grant: &Grant<P>, shown: WorkflowShown, confirm: String, errors: FormErrors) -> Result<WorkflowView> {
    let WorkflowShown { id, slug, name, description, current, mut checked, versions, recent_runs, folder, .. } = shown;
    let href = grant.path(&format!("/workflows/{slug}"));
    let mandate = checked.mandate.take();
    let is_published = current.state == VersionState::Published;
    let draft = versions.first().filter(|newest| newest.number > current.number).cloned();
    let lives_in = folder.as_ref().map(|(id, _)| *id);
    let all = grant.platform().folders(grant.actor()).await?;
    Ok(WorkflowView {
        folder: folder.map(|(id, path)| (grant.path(&format!("/folders/{id}")), text::in_line(&path))),
        folders: folders::choices(&all, lives_in),
        move_action: format!("{href}/folder"),
        draft: draft.map(|line| versions::row(grant, &slug, line)),
        versions_href: format!("{href}/versions"),
        plan_href: format!("{href}/plan"),
        page: grant.page().await?,
        list_href: grant.path("/workflows"),
        name: text::in_line(&name),
        description: text::in_line(&description),
        id: format::id(id),
        checked: CheckedView::new(grant, checked),
        current: versions::row(grant, &slug, current),
        versions: versions.into_iter().take(RECENT_VERSIONS).map(|line| versions::row(grant, &slug, line)).collect(),
        runs: recent_runs.iter().map(|line| RunRow::new(grant, line)).collect(),
        may_see_runs: grant.may(Permission::RunRead),
        mandate: mandate.map(|mandate| Card::new(mandate, About::Workflow, audit_href(grant, &id.to_string()))),
        start_href: format!("{href}/runs/new"),
        may_start: grant.may(Permission::WorkflowExecute),
        is_published,
        edit_href: grant.path(&format!("/workflows/new?from={slug}")),
        may_write: grant.may(Permission::WorkflowWrite),
        remove_action: format!("{href}/removal"),
        may_remove: grant.may(Permission::WorkflowDelete),
        confirm_hint: confirm_hint(&slug),
        confirm,
        errors,
    })
}

/// What the form of a move sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    /// The folder; empty for none.
    folder: Option<FolderId>,
}

/// `POST /t/{slug}/workflows/{workflow}/folder`: lets it live elsewhere.
pub(crate) async fn place(grant: Grant<WorkflowWrite>, Path(slug): Path<String>, Form(sent): Form<Place>) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    match view::outcome(platform.move_workflow(actor, &slug, sent.folder).await, &[409, 422])? {
        Outcome::Done(()) => Ok(grant.visit().done(&grant.path(&format!("/workflows/{slug}")), "The workflow is moved.")),
        Outcome::Refused(refusal) => {
            let shown = platform.workflow(actor, &slug).await?;
            view::html_with(refusal.status, &workflow_view(&grant, shown, String::new(), refusal.errors).await?)
        }
    }
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

    fn html(may: bool, errors: FormErrors) -> String {
        WorkflowView {
            page: page::sample(),
            list_href: "/t/acme/workflows".to_owned(),
            name: "Vendor <payment>".to_owned(),
            description: "Pays once.".to_owned(),
            id: format::id("wf_01k9c4v7ty0000000000000000"),
            folder: Some(("/t/acme/folders/x".to_owned(), "Finance/Payments".to_owned())),
            folders: vec![folders::FolderChoice { id: String::new(), path: "no folder".to_owned(), is_chosen: true }],
            move_action: "/t/acme/workflows/vendor-payment/folder".to_owned(),
            current: versions::tests::sample(2, VersionState::Published),
            draft: Some(versions::tests::sample(3, VersionState::Draft)),
            checked: checked::tests::sample(),
            versions: vec![versions::tests::sample(3, VersionState::Draft), versions::tests::sample(1, VersionState::Earlier)],
            versions_href: "/t/acme/workflows/vendor-payment/versions".to_owned(),
            plan_href: "/t/acme/workflows/vendor-payment/plan".to_owned(),
            runs: Vec::new(),
            may_see_runs: true,
            mandate: Some(Card::new(mandate::sample(), About::Workflow, String::new())),
            start_href: "/t/acme/workflows/vendor-payment/runs/new".to_owned(),
            may_start: may,
            is_published: true,
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
            "Finance/Payments",
            "Version 3 is a draft",
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
            is_published: true,
            draft: "4".to_owned(),
            runs: run_count(10_001),
            last,
            start_href: "/t/acme/workflows/a/runs/new".to_owned(),
        };
        let view = |rows, may| ListView {
            page: page::sample(),
            list_href: "/t/acme/workflows".to_owned(),
            export_href: "/t/acme/workflows/export".to_owned(),
            folder: None,
            folders: Vec::new(),
            create_action: "/t/acme/folders".to_owned(),
            new_folder: String::new(),
            rows,
            new_href: "/t/acme/workflows/new".to_owned(),
            import_href: "/t/acme/bundles/new".to_owned(),
            may_write: may,
            may_start: may,
            errors: FormErrors::none(),
        };
        let html = view(vec![row(Some(last_run(7, RunStatus::Failed, at()))), row(None)], true).render().unwrap();
        for part in ["Failed", "#7", "no run yet", "10,000+", "/t/acme/workflows/new"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let html = view(Vec::new(), false).render().unwrap();
        assert!(html.contains("No workflows yet") && html.contains("needs <code>workflow:write</code>"), "{html}");
    }
}

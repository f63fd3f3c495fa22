//! The list of runs: narrowed by what stands in the address, page by page.

use askama::Template;
use domain::{Cursor, Permission, Problem, permission::RunRead};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use platform::{
    runs::{LOOKED_THROUGH, RunFilter, WorkflowName},
    workflows::RunStatus,
};
use serde::Deserialize;

use super::{RunRow, pill};
use crate::{
    day, format,
    page::Page,
    route::{Answer, Grant, Query, Result},
    text,
    view::{self, FormErrors, Outcome},
};

/// Runs on one page.
const PER_PAGE: u32 = 50;
/// What is written out in a query: everything but what RFC 3986 leaves as it is (2.3, 3.4).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@').remove(b'/');

/// The states that the list can be narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Queued,
    Running,
    Waiting,
    Completed,
    Failed,
    Cancelled,
}

impl State {
    const ALL: [Self; 6] = [Self::Queued, Self::Running, Self::Waiting, Self::Completed, Self::Failed, Self::Cancelled];

    const fn status(self) -> RunStatus {
        match self {
            Self::Queued => RunStatus::Queued,
            Self::Running => RunStatus::Running,
            Self::Waiting => RunStatus::Waiting,
            Self::Completed => RunStatus::Completed,
            Self::Failed => RunStatus::Failed,
            Self::Cancelled => RunStatus::Cancelled,
        }
    }
}

/// Something to choose.
struct Choice {
    value: String,
    word: String,
    selected: bool,
}

/// A filter that is on, and the address without it.
struct Chip {
    label: String,
    href: String,
}

/// A run, and the address of those that the same person started.
struct ListRow {
    run: RunRow,
    starter_href: String,
}

#[derive(Template)]
#[template(path = "runs/list.html")]
struct ListView {
    page: Page,
    rows: Vec<ListRow>,
    states: Vec<Choice>,
    workflows: Vec<Choice>,
    chips: Vec<Chip>,
    filter: Wanted,
    errors: FormErrors,
    list_href: String,
    /// The runs of the reader.
    mine_href: String,
    /// Where a run is started; empty for one who may not.
    workflows_href: String,
    may_start: bool,
    /// The first page, when this is another; else empty.
    newest: String,
    older: String,
    /// What the link to the next page says.
    older_word: &'static str,
    words: String,
}

/// What the address of the list says.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Wanted {
    state: Option<State>,
    /// A workflow's slug; the id of one that was removed.
    workflow: Option<String>,
    starter: Option<String>,
    since: Option<String>,
    until: Option<String>,
    text: Option<String>,
    after: Option<i64>,
}

/// The filters by name, in the order of the form.
const FILTERS: [&str; 6] = ["text", "state", "workflow", "starter", "since", "until"];

/// What people call a filter.
fn word(filter: &str) -> &'static str {
    match filter {
        "text" => "text",
        "state" => "state",
        "workflow" => "workflow",
        "starter" => "started by",
        "since" => "from",
        _ => "to",
    }
}

impl Wanted {
    fn of(&self, name: &str) -> &str {
        let value = match name {
            "state" => return self.state.map_or("", |state| state.status().name()),
            "workflow" => &self.workflow,
            "starter" => &self.starter,
            "since" => &self.since,
            "until" => &self.until,
            _ => &self.text,
        };
        value.as_deref().map(str::trim).unwrap_or_default()
    }

    /// The same without one filter, from the newest run on.
    fn without(&self, name: &str) -> Self {
        let mut other = Self { after: None, ..self.clone() };
        match name {
            "state" => other.state = None,
            "workflow" => other.workflow = None,
            "starter" => other.starter = None,
            "since" => other.since = None,
            "until" => other.until = None,
            _ => other.text = None,
        }
        other
    }

    fn is_filtered(&self) -> bool {
        FILTERS.iter().any(|name| !self.of(name).is_empty())
    }

    /// Whether one of the filters is on that are folded away otherwise.
    fn is_narrow(&self) -> bool {
        ["starter", "since", "until"].iter().any(|name| !self.of(name).is_empty())
    }

    /// The address of the list with these filters and nothing else.
    fn address(&self, path: &str, after: Option<i64>) -> String {
        let mut parts: Vec<String> = FILTERS
            .iter()
            .filter(|name| !self.of(name).is_empty())
            .map(|name| format!("{name}={}", utf8_percent_encode(self.of(name), QUERY)))
            .collect();
        parts.extend(after.map(|after| format!("after={after}")));
        if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
    }

    fn filter(&self, workflows: &[WorkflowName]) -> Result<RunFilter> {
        let mut wrong = Vec::new();
        let (since, until) = day::range(self.of("since"), self.of("until")).unwrap_or_else(|problems| {
            wrong.extend(problems);
            (None, None)
        });
        let named = self.of("workflow");
        let workflow = workflows.iter().find(|known| value_of(known) == named);
        if !named.is_empty() && workflow.is_none() {
            wrong.extend(Problem::field("workflow", "There is no such workflow here. Choose one of the list.").fields);
        }
        if !wrong.is_empty() {
            return Err(Problem::invalid(wrong).into());
        }
        let text = |name| Some(self.of(name).to_owned()).filter(|text| !text.is_empty());
        Ok(RunFilter {
            status: self.state.map(State::status),
            workflow: workflow.map(|workflow| workflow.id),
            starter: text("starter"),
            since,
            until,
            text: text("text"),
        })
    }
}

/// What stands in the address for a workflow: its slug, which another one may have once it was removed; then its id.
fn value_of(workflow: &WorkflowName) -> String {
    if workflow.is_removed { workflow.id.to_string() } else { workflow.slug.clone() }
}

/// `GET /t/{slug}/runs`: the runs, newest first.
pub(crate) async fn list(grant: Grant<RunRead>, Query(wanted): Query<Wanted>) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    let names = platform.run_workflows(actor).await?;
    let found = match wanted.filter(&names) {
        Ok(filter) => platform.runs(actor, filter, wanted.after.map(Cursor), PER_PAGE).await,
        Err(error) => Err(error),
    };
    let (status, lines, next, errors) = match view::outcome(found, &[422])? {
        Outcome::Done(page) => (actix_web::http::StatusCode::OK, page.items, page.next, FormErrors::none()),
        Outcome::Refused(refusal) => (refusal.status, Vec::new(), None, refusal.errors),
    };
    let path = grant.path("/runs");
    let started_by = |starter: &str| Wanted { starter: Some(starter.to_owned()), ..Wanted::default() }.address(&path, None);
    let is_short = lines.len() < PER_PAGE as usize;
    let view = ListView {
        page: grant.page().await?,
        words: words(lines.len(), next, wanted.after.is_some(), is_short),
        older: next.map(|Cursor(next)| wanted.address(&path, Some(next))).unwrap_or_default(),
        older_word: if is_short { "Look further back" } else { "Older" },
        newest: wanted.after.map(|_| wanted.address(&path, None)).unwrap_or_default(),
        rows: lines.iter().map(|line| ListRow { starter_href: started_by(&line.starter), run: RunRow::new(&grant, line) }).collect(),
        states: states(wanted.state),
        workflows: workflows(&names, wanted.of("workflow")),
        chips: chips(&wanted, &names, &path),
        mine_href: started_by(actor.label()),
        workflows_href: grant.path("/workflows"),
        may_start: grant.may(Permission::WorkflowExecute),
        list_href: path,
        filter: wanted,
        errors,
    };
    view::html_with(status, &view)
}

fn states(chosen: Option<State>) -> Vec<Choice> {
    State::ALL
        .into_iter()
        .map(|state| Choice {
            value: state.status().name().to_owned(),
            word: pill(state.status()).1.to_owned(),
            selected: chosen == Some(state),
        })
        .collect()
}

fn workflows(names: &[WorkflowName], chosen: &str) -> Vec<Choice> {
    names
        .iter()
        .map(|workflow| Choice { selected: value_of(workflow) == chosen, value: value_of(workflow), word: name_of(workflow) })
        .collect()
}

fn name_of(workflow: &WorkflowName) -> String {
    let name = text::in_line(&workflow.name);
    if workflow.is_removed { format!("{name} (removed)") } else { name }
}

fn chips(wanted: &Wanted, names: &[WorkflowName], path: &str) -> Vec<Chip> {
    let chip = |name: &&str| {
        let value = match (*name, wanted.state) {
            ("state", Some(state)) => pill(state.status()).1.to_owned(),
            ("workflow", _) => names.iter().find(|known| value_of(known) == wanted.of(name)).map(name_of).unwrap_or_default(),
            _ => text::in_line(wanted.of(name)),
        };
        (!value.is_empty()).then(|| Chip { label: format!("{}: {value}", word(name)), href: wanted.without(name).address(path, None) })
    };
    FILTERS.iter().filter_map(chip).collect()
}

/// How much is shown, and how far was looked.
fn words(shown: usize, next: Option<Cursor>, is_later_page: bool, is_short: bool) -> String {
    let runs = match shown {
        1 => "1 run".to_owned(),
        shown => format!("{shown} runs"),
    };
    match next {
        Some(Cursor(before)) if is_short => {
            let looked = format::count(u64::from(LOOKED_THROUGH));
            format!("{runs} among {looked} that were looked through, back to #{before}")
        }
        None if !is_later_page => runs,
        _ => format!("{runs} on this page"),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Timestamp, WorkflowId, entropy::SeededEntropy};
    use platform::runs::Waiting;

    use super::*;
    use crate::{page, runs::sample_line, view::FormError};

    fn names() -> Vec<WorkflowName> {
        let entropy = SeededEntropy::new(5);
        let name = |slug: &str, name: &str, is_removed| WorkflowName {
            id: WorkflowId::new(Timestamp::from_micros(0), &entropy),
            slug: slug.to_owned(),
            name: name.to_owned(),
            is_removed,
        };
        vec![name("vendor-payment", "Vendor <payment>", false), name("vendor-payment", "Old payment", true)]
    }

    fn html(runs: Vec<RunRow>, filter: Wanted) -> String {
        let names = names();
        ListView {
            page: page::sample(),
            words: words(runs.len(), None, false, true),
            rows: runs.into_iter().map(|run| ListRow { run, starter_href: "/t/acme/runs?starter=a@b.example".to_owned() }).collect(),
            states: states(filter.state),
            workflows: workflows(&names, filter.of("workflow")),
            chips: chips(&filter, &names, "/t/acme/runs"),
            errors: FormErrors(vec![FormError { field: "since".to_owned(), message: "Enter a day.".to_owned() }]),
            list_href: "/t/acme/runs".to_owned(),
            mine_href: "/t/acme/runs?starter=me".to_owned(),
            workflows_href: "/t/acme/workflows".to_owned(),
            may_start: true,
            newest: String::new(),
            older: "/t/acme/runs?after=7".to_owned(),
            older_word: "Older",
            filter,
        }
        .render()
        .unwrap()
    }

    fn wanted() -> Wanted {
        Wanted {
            state: Some(State::Failed),
            workflow: Some("vendor-payment".to_owned()),
            text: Some(" INV & 7 ".to_owned()),
            after: Some(9),
            ..Wanted::default()
        }
    }

    #[test]
    fn a_run_is_a_line_with_its_state_and_what_it_waits_for() {
        let now = Timestamp::from_micros(1_795_257_783_112_000);
        let mut line = sample_line(RunStatus::Waiting);
        line.waiting = Some(Waiting::Approval {
            step: "agree".to_owned(),
            approval: None,
            title: "Pay <b>1</b> \u{202e}EUR".to_owned(),
            since: now,
            until: now,
        });
        let row = RunRow::at(&line, "/t/acme/runs/x".to_owned(), now);
        assert_eq!((row.word, row.length.as_str(), row.started.text.as_str()), ("Waiting for approval", "2 min", "2 min ago"));
        let html = html(vec![row], Wanted::default());
        for part in [
            "Vendor payment #1042",
            "Waiting for approval",
            "Pay &#60;b&#62;1&#60;/b&#62; \\u{202e}EUR",
            "after=7",
            "1 run",
            "href=\"/t/acme/runs?starter=a@b.example\"",
            "href=\"#f-since\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn filters_live_in_the_address() {
        let wanted = wanted();
        assert_eq!(
            wanted.address("/t/acme/runs", wanted.after),
            "/t/acme/runs?text=INV%20%26%207&state=failed&workflow=vendor-payment&after=9"
        );
        assert_eq!(wanted.without("text").address("/r", None), "/r?state=failed&workflow=vendor-payment");
        assert_eq!(Wanted::default().address("/r", None), "/r");
        let html = html(Vec::new(), wanted);
        for part in [
            "state: Failed",
            "workflow: Vendor &#60;payment&#62;",
            "text: INV &#38; 7",
            "<option value=\"failed\" selected>",
            "<option value=\"vendor-payment\" selected>",
            "Old payment (removed)",
            "No runs fit",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn a_removed_workflow_is_meant_by_its_id_and_an_unknown_one_is_refused() {
        let names = names();
        let of = |workflow: &str| Wanted { workflow: Some(workflow.to_owned()), ..Wanted::default() }.filter(&names);
        assert_eq!(of("vendor-payment").unwrap().workflow, Some(names[0].id));
        assert_eq!(of(&names[1].id.to_string()).unwrap().workflow, Some(names[1].id));
        let wrong = Wanted { workflow: Some("other".to_owned()), since: Some("x".to_owned()), ..Wanted::default() };
        let problem = wrong.filter(&names).unwrap_err().problem();
        assert_eq!(problem.fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), ["since", "workflow"]);
    }

    #[test]
    fn an_empty_list_says_why_it_is_empty() {
        assert!(html(Vec::new(), Wanted::default()).contains("No runs yet"));
        assert_eq!(words(3, Some(Cursor(80_001)), false, true), "3 runs among 20,000 that were looked through, back to #80001");
        assert_eq!(words(50, Some(Cursor(7)), false, false), "50 runs on this page");
    }

    #[test]
    fn every_state_of_a_run_can_be_chosen() {
        for (word, status) in RunStatus::WORDS {
            assert!(states(None).iter().any(|choice| choice.value == *word), "{word}");
            assert!(!pill(*status).1.is_empty());
        }
    }
}

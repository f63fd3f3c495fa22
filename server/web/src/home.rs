//! The home of a tenant: what waits for the reader, what broke, what ran last and what was spent.

use std::time::Duration;

use askama::Template;
use domain::{Permission, Timestamp, permission::RunRead};
use platform::{
    budgets::AccountShown,
    runs::{RunFilter, RunShown},
    workflows::RunStatus,
};

use crate::{
    approvals::ApprovalRow,
    format::{self, Time},
    mandate::{Meter, meter},
    page::Page,
    route::{Answer, Grant, Result},
    runs::RunRow,
    text, view,
};

/// Failed runs that are shown with their cause.
const BROKEN: u32 = 5;
/// Latest runs that are shown.
const RECENT: u32 = 8;
/// Approvals that are looked through for those of the reader.
const WAITING: u32 = 100;
/// A run that failed longer ago than this is no news.
const NEWS: Duration = Duration::from_hours(24);

#[derive(Template)]
#[template(path = "home/page.html")]
struct HomeView {
    page: Page,
    tenant: String,
    lead: String,
    waiting: Vec<ApprovalRow>,
    may_see_approvals: bool,
    approvals_href: String,
    broken: Vec<Broken>,
    /// Where all that failed is listed, when there is more; else empty.
    more_broken: String,
    recent: Vec<RunRow>,
    runs_href: String,
    workflows_href: String,
    may_start: bool,
    spending: Option<Spending>,
}

/// A run that failed.
struct Broken {
    href: String,
    name: String,
    number: i64,
    step: String,
    message: String,
    ended: Time,
}

/// How the tenant's account stands.
struct Spending {
    href: String,
    limit: String,
    spent: String,
    rest: String,
    meter: Option<Meter>,
    note: String,
}

/// `GET /t/{slug}`: the home of the tenant.
pub(crate) async fn page(grant: Grant<RunRead>) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    let may_see_approvals = grant.may(Permission::ApprovalRead);
    let waiting: Vec<ApprovalRow> = if may_see_approvals && grant.may(Permission::ApprovalApprove) {
        let lines = platform.pending_approvals(actor, WAITING).await?;
        lines.into_iter().filter(|line| line.mine.is_ok()).map(|line| ApprovalRow::new(&grant, line)).collect()
    } else {
        Vec::new()
    };
    let (broken, are_more) = broken(&grant).await?;
    let recent = platform.runs(actor, RunFilter::default(), None, RECENT).await?;
    let runs_href = grant.path("/runs");
    let page = grant.page().await?;
    view::html(&HomeView {
        tenant: page.tenant.as_ref().map(|tenant| tenant.name.clone()).unwrap_or_default(),
        page,
        lead: lead(waiting.len(), broken.len(), are_more),
        waiting,
        may_see_approvals,
        approvals_href: grant.path("/approvals"),
        broken,
        more_broken: if are_more { format!("{runs_href}?state=failed") } else { String::new() },
        recent: recent.items.iter().map(|line| RunRow::new(&grant, line)).collect(),
        runs_href,
        workflows_href: grant.path("/workflows"),
        may_start: grant.may(Permission::WorkflowExecute),
        spending: spending(&grant).await?,
    })
}

/// What failed within a day, with its cause, and whether there is more of it.
async fn broken(grant: &Grant<RunRead>) -> Result<(Vec<Broken>, bool)> {
    let (platform, actor) = (grant.platform(), grant.actor());
    let now = platform.now();
    let failed = RunFilter { status: Some(RunStatus::Failed), ..RunFilter::default() };
    let failed = platform.runs(actor, failed, None, BROKEN.saturating_add(1)).await?;
    let news: Vec<_> = failed.items.into_iter().filter(|line| line.ended_at.is_some_and(|ended| now.since(ended) < NEWS)).collect();
    let are_more = news.len() > BROKEN as usize;
    let mut broken = Vec::with_capacity(news.len());
    for line in news.into_iter().take(BROKEN as usize) {
        let run = platform.run(actor, line.id).await?;
        broken.push(broken_run(&run, grant.path(&format!("/runs/{}", line.id)), now));
    }
    Ok((broken, are_more))
}

fn broken_run(run: &RunShown, href: String, now: Timestamp) -> Broken {
    let (step, message) = run.failure.as_ref().map_or((None, ""), |(step, _, message)| (step.as_deref(), message.as_str()));
    let name = step.map(|id| run.steps.iter().find(|step| step.id == id).map_or(id, |step| step.name.as_str()));
    Broken {
        href,
        name: text::in_line(&run.line.workflow_name),
        number: run.line.number,
        step: name.map(text::in_line).unwrap_or_default(),
        message: text::in_line(message),
        ended: format::ago(run.line.ended_at.unwrap_or(now), now),
    }
}

fn lead(waiting: usize, broken: usize, are_more: bool) -> String {
    let waits = match waiting {
        0 => "Nothing waits for you",
        1 => "One thing waits for you",
        _ => "Several things wait for you",
    };
    let broke = match (broken, are_more) {
        (0, _) if waiting == 0 => return "Nothing waits for you and nothing is broken.".to_owned(),
        (0, _) => "Nothing is broken.".to_owned(),
        (1, false) => "One run failed since yesterday.".to_owned(),
        (number, false) => format!("{number} runs failed since yesterday."),
        (number, true) => format!("More than {number} runs failed since yesterday."),
    };
    format!("{waits}. {broke}")
}

async fn spending(grant: &Grant<RunRead>) -> Result<Option<Spending>> {
    let has_page = grant.visit().site().page("/t/{slug}/budgets").is_some();
    if !has_page || !grant.may(Permission::BudgetRead) {
        return Ok(None);
    }
    let budgets = grant.platform().budgets(grant.actor()).await?;
    Ok(Some(spending_of(&budgets.tenant, grant.path("/budgets"))))
}

fn spending_of(account: &AccountShown, href: String) -> Spending {
    let AccountShown { limit, spent, held, unconfirmed, .. } = *account;
    let left = account.left().map(|left| format!(", {left} left")).unwrap_or_default();
    Spending {
        href,
        limit: limit.map_or_else(|| "no limit".to_owned(), |limit| format!("{limit} limit")),
        spent: spent.to_string(),
        rest: format!("spent, {held} held{left}"),
        meter: meter(spent, held, limit),
        note: if unconfirmed.nanos() > 0 { format!("{unconfirmed} of it was left in doubt by a crash.") } else { String::new() },
    }
}

#[cfg(test)]
mod tests {
    use domain::Money;

    use super::*;
    use crate::page;

    fn view(broken: Vec<Broken>, spending: Option<Spending>) -> HomeView {
        HomeView {
            page: page::sample(),
            tenant: "Acme <&>".to_owned(),
            lead: lead(0, broken.len(), false),
            waiting: Vec::new(),
            may_see_approvals: true,
            approvals_href: "/t/acme/approvals".to_owned(),
            broken,
            more_broken: "/t/acme/runs?state=failed".to_owned(),
            recent: Vec::new(),
            runs_href: "/t/acme/runs".to_owned(),
            workflows_href: "/t/acme/workflows".to_owned(),
            may_start: true,
            spending,
        }
    }

    #[test]
    fn home_says_what_broke_and_why_and_what_was_spent() {
        let broken = Broken {
            href: "/t/acme/runs/run_x".to_owned(),
            name: "Vendor payment".to_owned(),
            number: 1039,
            step: "Pay".to_owned(),
            message: "503 from <payments.example>".to_owned(),
            ended: format::clock(Timestamp::from_micros(0)),
        };
        let dollars = |number: i64| Money::from_nanos(number * domain::money::NANOS);
        let account = AccountShown {
            limit: Some(dollars(50)),
            spent: dollars(31),
            held: dollars(1),
            unconfirmed: dollars(2),
            ..AccountShown::default()
        };
        let html = view(vec![broken], Some(spending_of(&account, "/t/acme/budgets".to_owned()))).render().unwrap();
        for part in [
            "Vendor payment #1039",
            "503 from &#60;payments.example&#62;",
            "$31.00",
            "spent, $1.00 held, $18.00 left",
            "$50.00 limit",
            "$2.00 of it was left in doubt",
            "One run failed since yesterday.",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn an_empty_home_says_that_all_is_well() {
        let html = view(Vec::new(), None).render().unwrap();
        assert!(
            html.contains("Nothing waits for you and nothing is broken.") && html.contains("No runs yet") && !html.contains("Spending"),
            "{html}"
        );
        assert_eq!(lead(2, 3, true), "Several things wait for you. More than 3 runs failed since yesterday.");
    }
}

//! Budgets: the whole and each workflow with its limit, what is spent and held, and calls that a crash left in doubt.

use actix_web::http::StatusCode;
use askama::Template;
use domain::{
    HoldId, Money, Period, Permission, Problem,
    permission::{BudgetRead, BudgetWrite},
};
use platform::budgets::{AccountShown, BudgetsShown, HoldShown, Limited, PeriodShown, WorkflowBudget};
use serde::Deserialize;

use crate::{
    format::{self, Amount, Time},
    mandate::{self, Meter},
    page::Page,
    route::{Answer, Form, Grant, Path, Result},
    things,
    view::{self, FormErrors, Outcome, Refusal},
};

/// What the forms show themselves.
const IN_FORM: &[u16] = &[409, 422];
/// The whole of the tenant, in the form that sets limits.
const WHOLE: &str = "tenant";
/// Before a workflow's slug there.
const WORKFLOW: &str = "workflow:";

#[derive(Template)]
#[template(path = "budgets/page.html", blocks = ["figures"])]
struct View {
    page: Page,
    href: String,
    tenant: String,
    whole: Account,
    workflows: Vec<WorkflowRow>,
    in_doubt: Vec<HoldRow>,
    under_way: Vec<HoldRow>,
    /// What can be limited.
    scopes: Vec<Scope>,
    /// For how long a limit can hold.
    periods: Vec<Choice>,
    time_zone: String,
    errors: FormErrors,
    form: Filled,
    may_write: bool,
}

/// How an account stands, in words and as a meter.
struct Account {
    limit: Option<Amount>,
    spent: Amount,
    held: Amount,
    has_held: bool,
    left: Option<Amount>,
    /// The part of what is spent that a crash left in doubt.
    in_doubt: Option<Amount>,
    meter: Option<Meter>,
    is_used_up: bool,
    /// Its limits of periods, the shortest first.
    periods: Vec<PeriodRow>,
}

/// How an account stands below the limit of one period.
struct PeriodRow {
    /// `hour` and so on.
    period: &'static str,
    limit: Amount,
    spent: Amount,
    held: Amount,
    has_held: bool,
    left: Amount,
    meter: Option<Meter>,
    is_used_up: bool,
    /// When the next one begins.
    anew: String,
}

struct WorkflowRow {
    name: String,
    href: String,
    is_removed: bool,
    account: Account,
}

struct HoldRow {
    id: String,
    run: i64,
    run_href: String,
    step: String,
    attempt: i64,
    model: String,
    amount: Amount,
    since: Time,
    /// Where its forms go.
    href: String,
    /// The name of its field for an amount, as it stands in the page.
    field: String,
    /// The amount that was typed; the whole of it at first.
    cost: String,
    errors: FormErrors,
}

struct Scope {
    value: String,
    label: String,
}

struct Choice {
    value: &'static str,
    word: &'static str,
    selected: bool,
}

/// What can be chosen for how long a limit holds; a month unless another one was.
fn periods(chosen: &str) -> Vec<Choice> {
    let chosen = if chosen.is_empty() { Period::Month.name() } else { chosen };
    let choice = |period: Period| {
        let word = match period {
            Period::Hour => "every hour",
            Period::Day => "every day",
            Period::Week => "every week",
            Period::Month => "every month",
            Period::Total => "in all, for ever",
        };
        Choice { value: period.name(), word, selected: period.name() == chosen }
    };
    Period::ALL.into_iter().map(choice).collect()
}

/// What the form of a limit shows again.
#[derive(Default)]
struct Filled {
    scope: String,
    period: String,
    limit: String,
}

/// What to do with a limit.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Set,
    Lift,
}

/// A limit as it is sent.
#[derive(Deserialize)]
pub(crate) struct Sent {
    scope: String,
    period: String,
    limit: Option<String>,
    act: Act,
}

/// What a call in doubt cost, as it is sent.
#[derive(Deserialize)]
pub(crate) struct Cost {
    cost: String,
}

/// The form that is shown again.
enum Again {
    Nothing,
    Limit(FormErrors, Filled),
    Hold(HoldId, FormErrors, Option<String>),
}

impl From<AccountShown> for Account {
    fn from(account: AccountShown) -> Self {
        let AccountShown { limit, spent, held, unconfirmed, .. } = account;
        Self {
            periods: account.periods.iter().filter_map(period_row).collect(),
            limit: limit.map(format::money),
            spent: format::money(spent),
            held: format::money(held),
            has_held: held > Money::ZERO,
            left: account.left().map(format::money),
            in_doubt: (unconfirmed > Money::ZERO).then(|| format::money(unconfirmed)),
            is_used_up: limit.is_some_and(|limit| spent.saturating_add(held) >= limit),
            meter: mandate::meter(spent, held, limit),
        }
    }
}

fn period_row(shown: &PeriodShown) -> Option<PeriodRow> {
    let (limit, left) = shown.limit.zip(shown.left())?;
    Some(PeriodRow {
        period: shown.span.period.name(),
        limit: format::money(limit),
        spent: format::money(shown.spent),
        held: format::money(shown.held),
        has_held: shown.held > Money::ZERO,
        left: format::money(left),
        meter: mandate::meter(shown.spent, shown.held, Some(limit)),
        is_used_up: left == Money::ZERO,
        anew: shown.anew.clone(),
    })
}

fn workflow_row<P>(grant: &Grant<P>, budget: WorkflowBudget) -> WorkflowRow {
    WorkflowRow {
        href: budget.slug.as_deref().map(|slug| things::href(grant, "workflow", slug)).unwrap_or_default(),
        is_removed: budget.slug.is_none(),
        name: budget.name,
        account: budget.account.into(),
    }
}

fn hold_row<P>(grant: &Grant<P>, hold: HoldShown) -> HoldRow {
    let now = grant.platform().now();
    HoldRow {
        run: hold.run_number,
        run_href: things::href(grant, "run", &hold.run.to_string()),
        step: hold.step,
        attempt: hold.attempt,
        model: hold.model.unwrap_or_default(),
        amount: format::money(hold.amount),
        since: format::moment(hold.since, now),
        href: grant.path(&format!("/holds/{}", hold.id)),
        field: format!("cost-{}", hold.id),
        cost: hold.amount.to_dollars(),
        errors: FormErrors::none(),
        id: hold.id.to_string(),
    }
}

/// Puts what is wrong with a hold's form to that hold; the fields of the others have the same name but for the id.
fn mark(holds: &mut [HoldRow], id: HoldId, mut errors: FormErrors, cost: Option<String>) {
    let id = id.to_string();
    let Some(hold) = holds.iter_mut().find(|hold| hold.id == id) else { return };
    for error in errors.0.iter_mut().filter(|error| error.field == "cost") {
        error.field.clone_from(&hold.field);
    }
    hold.errors = errors;
    if let Some(cost) = cost {
        hold.cost = cost;
    }
}

async fn shown<P>(grant: &Grant<P>, again: Again) -> Result<View> {
    let BudgetsShown { time_zone, tenant, workflows, in_doubt, under_way } = grant.platform().budgets(grant.actor()).await?;
    let page = grant.page().await?;
    let name = page.tenant.as_ref().map(|tenant| tenant.name.clone()).unwrap_or_default();
    let scope =
        |budget: &WorkflowBudget| Some(Scope { value: format!("{WORKFLOW}{}", budget.slug.as_deref()?), label: budget.name.clone() });
    let mut scopes = vec![Scope { value: WHOLE.to_owned(), label: format!("{name}, in all") }];
    scopes.extend(workflows.iter().filter_map(scope));
    let mut in_doubt: Vec<HoldRow> = in_doubt.into_iter().map(|hold| hold_row(grant, hold)).collect();
    let (mut errors, mut form) = (FormErrors::none(), Filled::default());
    match again {
        Again::Nothing => {}
        Again::Limit(wrong, filled) => (errors, form) = (wrong, filled),
        Again::Hold(id, wrong, cost) => mark(&mut in_doubt, id, wrong, cost),
    }
    Ok(View {
        page,
        href: grant.path("/budgets"),
        tenant: name,
        whole: tenant.into(),
        workflows: workflows.into_iter().map(|budget| workflow_row(grant, budget)).collect(),
        in_doubt,
        under_way: under_way.into_iter().map(|hold| hold_row(grant, hold)).collect(),
        scopes,
        periods: periods(&form.period),
        time_zone,
        errors,
        form,
        may_write: grant.may(Permission::BudgetWrite),
    })
}

/// `GET /t/{slug}/budgets`: everything; its figures alone when htmx asks for them.
pub(crate) async fn page(grant: Grant<BudgetRead>) -> Answer {
    let view = shown(&grant, Again::Nothing).await?;
    if grant.visit().wants_fragment() { view::html(&view.as_figures()) } else { view::html(&view) }
}

async fn again<P>(grant: &Grant<P>, status: StatusCode, again: Again) -> Answer {
    view::html_with(status, &shown(grant, again).await?)
}

fn limited(scope: &str) -> Result<Limited> {
    match (scope, scope.strip_prefix(WORKFLOW)) {
        (WHOLE, _) => Ok(Limited::Tenant),
        (_, Some(slug)) => Ok(Limited::Workflow(slug.to_owned())),
        _ => Err(Problem::field("scope", "Choose what the limit is for.").into()),
    }
}

/// An amount as people type it.
fn dollars(field: &str, text: &str) -> Result<Money> {
    let wrong = || Problem::field(field, "Enter an amount of US dollars such as 25.00, with at most nine decimals.");
    Ok(Money::from_dollars(text.trim().trim_start_matches('$')).map_err(|_| wrong())?)
}

async fn set(grant: &Grant<BudgetWrite>, sent: &Sent) -> Result<String> {
    let limited = limited(&sent.scope)?;
    let period: Period = sent.period.parse().map_err(|_| Problem::field("period", "Choose for how long the limit holds."))?;
    let limit = match sent.act {
        Act::Set => Some(dollars("limit", sent.limit.as_deref().unwrap_or_default())?),
        Act::Lift => None,
    };
    grant.platform().set_limit(grant.actor(), &limited, period, limit).await?;
    let of = if period == Period::Total { "limit in all".to_owned() } else { format!("limit of a {period}") };
    Ok(limit.map_or_else(|| format!("There is no {of} any more."), |limit| format!("The {of} is {limit}.")))
}

/// `POST /t/{slug}/budgets`: sets a limit or lifts it.
pub(crate) async fn set_limit(grant: Grant<BudgetWrite>, Form(sent): Form<Sent>) -> Answer {
    match view::outcome(set(&grant, &sent).await, IN_FORM)? {
        Outcome::Done(notice) => Ok(grant.visit().done(&grant.path("/budgets"), &notice)),
        Outcome::Refused(refusal) => {
            let filled = Filled { scope: sent.scope, period: sent.period, limit: sent.limit.unwrap_or_default() };
            again(&grant, refusal.status, Again::Limit(refusal.errors, filled)).await
        }
    }
}

/// After an answer on a call in doubt: the page, which says so; one that was refused is shown again at its place if the
/// call is still in doubt.
async fn settled(grant: &Grant<BudgetWrite>, id: HoldId, result: Result<()>, cost: Option<String>, notice: &str) -> Answer {
    match view::outcome(result, &[422])? {
        Outcome::Done(()) => Ok(grant.visit().done(&grant.path("/budgets"), notice)),
        Outcome::Refused(Refusal { status, errors, .. }) => again(grant, status, Again::Hold(id, errors, cost)).await,
    }
}

/// `POST /t/{slug}/holds/{id}/confirmation`: the call was made and cost this.
pub(crate) async fn confirm(grant: Grant<BudgetWrite>, Path(id): Path<HoldId>, Form(Cost { cost }): Form<Cost>) -> Answer {
    let result = match dollars("cost", &cost) {
        Ok(amount) => grant.platform().confirm_hold(grant.actor(), id, amount).await,
        Err(error) => Err(error),
    };
    settled(&grant, id, result, Some(cost), "The call is confirmed, and what it cost is spent.").await
}

/// `POST /t/{slug}/holds/{id}/release`: the call was not made.
pub(crate) async fn release(grant: Grant<BudgetWrite>, Path(id): Path<HoldId>) -> Answer {
    let result = grant.platform().release_hold(grant.actor(), id).await;
    settled(&grant, id, result, None, "The call is released, and its money is free again.").await
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::{page, view::FormError};

    fn account(spent: &str, held: &str, limit: Option<&str>, unconfirmed: &str) -> Account {
        let dollars = |text| Money::from_dollars(text).unwrap();
        let (spent, held, unconfirmed) = (dollars(spent), dollars(held), dollars(unconfirmed));
        AccountShown { limit: limit.map(dollars), spent, held, unconfirmed, periods: Vec::new() }.into()
    }

    /// The same with a limit of a day.
    fn daily(spent: &str, held: &str, limit: &str) -> Account {
        let dollars = |text| Money::from_dollars(text).unwrap();
        let at = Timestamp::from_micros(0);
        let day = PeriodShown {
            span: domain::Span { period: Period::Day, starts_at: at, ends_at: at },
            anew: "Wed 2 Dec 2026, 00:00 in Europe/Berlin".to_owned(),
            limit: Some(dollars(limit)),
            spent: dollars(spent),
            held: dollars(held),
            unconfirmed: Money::ZERO,
        };
        let week = PeriodShown { span: domain::Span { period: Period::Week, ..day.span }, limit: None, ..day.clone() };
        AccountShown { periods: vec![day, week], ..AccountShown::default() }.into()
    }

    fn hold(id: &str) -> HoldRow {
        HoldRow {
            id: id.to_owned(),
            run: 1031,
            run_href: "/t/acme/runs/run_1".to_owned(),
            step: "look_for <anything>".to_owned(),
            attempt: 2,
            model: "rehearsal/model".to_owned(),
            amount: format::money(Money::from_nanos(100_000_000)),
            since: format::clock(Timestamp::from_micros(0)),
            href: format!("/t/acme/holds/{id}"),
            field: format!("cost-{id}"),
            cost: "0.1".to_owned(),
            errors: FormErrors::none(),
        }
    }

    fn view(in_doubt: Vec<HoldRow>, may_write: bool) -> View {
        View {
            page: page::sample(),
            href: "/t/acme/budgets".to_owned(),
            tenant: "Acme".to_owned(),
            whole: account("31.84", "0.41", Some("50"), "0.1"),
            workflows: vec![
                WorkflowRow {
                    name: "Vendor payment".to_owned(),
                    href: "/t/acme/workflows/vendor-payment".to_owned(),
                    is_removed: false,
                    account: account("9.8", "0.2", Some("10"), "0"),
                },
                WorkflowRow { name: "Digest".to_owned(), href: String::new(), is_removed: false, account: account("0", "0", None, "0") },
                WorkflowRow {
                    name: "Release notes".to_owned(),
                    href: String::new(),
                    is_removed: true,
                    account: account("0.0732", "0", None, "0"),
                },
            ],
            in_doubt,
            under_way: vec![hold("hld_2")],
            scopes: vec![
                Scope { value: WHOLE.to_owned(), label: "Acme, in all".to_owned() },
                Scope { value: "workflow:vendor-payment".to_owned(), label: "Vendor payment".to_owned() },
            ],
            errors: FormErrors(vec![FormError { field: "limit".to_owned(), message: "Enter an amount.".to_owned() }]),
            periods: periods("week"),
            time_zone: "Europe/Berlin".to_owned(),
            form: Filled { scope: "workflow:vendor-payment".to_owned(), period: "week".to_owned(), limit: "much".to_owned() },
            may_write,
        }
    }

    #[test]
    fn the_three_numbers_stand_in_words_beside_every_meter() {
        let html = view(Vec::new(), true).render().unwrap();
        for part in ["$31.84", "$0.4100", "$17.75", "$31.84 of $50.00 spent", "at its limit", "no limit of its own", "removed;", "$0.1000"]
        {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(
            html.contains("<option value=\"workflow:vendor-payment\" selected>")
                && html.contains("value=\"much\"")
                && html.contains("href=\"#f-limit\"")
        );
        assert!(!html.contains("left by a crash"));
    }

    #[test]
    fn a_limit_of_a_period_says_how_it_stands_and_when_it_is_counted_anew() {
        let mut view = view(Vec::new(), true);
        view.whole = daily("3.5", "0.5", "4");
        view.workflows[1].account = daily("1", "0", "4");
        let html = view.render().unwrap();
        for part in ["$3.50 of $4.00 spent, $0.5000 held", "counted anew on Wed 2 Dec 2026, 00:00 in Europe/Berlin", "$3.00", "every week"]
        {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(html.contains("The limit of this day is reached") && html.contains("<option value=\"week\" selected>"));
        assert!(!html.contains("this week"), "what has no limit is not drawn");
    }

    #[test]
    fn the_figures_can_be_sent_alone() {
        let html = view(vec![hold("hld_1")], true).as_figures().render().unwrap();
        assert!(html.contains("id=\"figures\"") && html.contains("$31.84") && !html.contains("<html") && !html.contains("/confirmation"));
    }

    #[test]
    fn a_call_in_doubt_is_explained_and_settled_at_its_place() {
        let id: HoldId = "hld_00000000000000000000000001".parse().unwrap();
        let mut holds = vec![hold(&id.to_string()), hold("hld_00000000000000000000000002")];
        let wrong = FormErrors(vec![FormError { field: "cost".to_owned(), message: "At most.".to_owned() }]);
        mark(&mut holds, id, wrong, Some("7".to_owned()));
        let html = view(holds, true).render().unwrap();
        for part in [
            "href=\"#f-cost-hld_00000000000000000000000001\"",
            "id=\"f-cost-hld_00000000000000000000000002\"",
            "value=\"7\"",
            "/t/acme/holds/hld_00000000000000000000000001/confirmation",
            "/t/acme/holds/hld_00000000000000000000000001/release",
            "Nobody knows",
            "#1031",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("look_for <anything>"));
        let html = view(vec![hold("hld_1")], false).render().unwrap();
        assert!(!html.contains("method=\"post\" action=\"/t/") && html.contains("budget:write"));
    }

    #[test]
    fn what_is_limited_is_chosen_and_never_guessed() {
        assert_eq!(limited("tenant").ok(), Some(Limited::Tenant));
        assert_eq!(limited("workflow:tenant").ok(), Some(Limited::Workflow("tenant".to_owned())));
        assert!(limited("").is_err() && limited("vendor-payment").is_err());
        assert_eq!(dollars("limit", " $12.50 ").unwrap(), Money::from_nanos(12_500_000_000));
        assert!(dollars("limit", "").is_err() && dollars("limit", "-1").is_err() && dollars("limit", "1,000").is_err());
    }
}

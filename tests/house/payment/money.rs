//! What models cost, what stops them, and how they fail.

use std::{collections::BTreeSet, time::Duration};

use database::RunStatus;
use domain::{Money, Period, RunId};
use platform::{budgets::Limited, runs::RunShown};
use rehearsal::When;
use serde_json::json;

use super::{LARGE, SMALL, SOURCE, approve, failure, fill, parked, with_samples};
use crate::harness::{House, PATIENCE, Tenant, in_both_houses, stub, things::approval_of};

/// Runs that want the same money.
const RACERS: usize = 8;

fn dollars(text: &str) -> Money {
    Money::from_dollars(text).unwrap()
}

async fn started(house: &House) -> RunId {
    house.start(&house.acme.developer, json!({"invoice_id": LARGE})).await
}

/// A payment that failed at the model.
async fn failed_at_the_model(house: &House) -> RunShown {
    let run = started(house).await;
    let over = house.until_over(&house.acme, run).await;
    assert_eq!((over.line.status, failure(&over).0), (RunStatus::Failed, "step_3"), "{over:#?}");
    assert_eq!(over.held, Money::ZERO, "nothing stays set aside");
    over
}

async fn spent(house: &House) -> Money {
    house.platform.budgets(&house.actor(&house.acme.admin).await).await.unwrap().tenant.spent
}

async fn in_doubt(house: &House) -> usize {
    house.platform.budgets(&house.actor(&house.acme.admin).await).await.unwrap().in_doubt.len()
}

in_both_houses! {
    with_samples =>

    async fn a_budget_without_room_stops_the_model_before_it_is_asked(house) {
        for (scope, period, words) in [
            ("tenant", "total", "the budget of the tenant has $0.000010 left: of $0.000010, $0.00 are spent and $0.00 held. It is a total"),
            ("workflow:vendor-payment", "hour", "the budget of this workflow has $0.000010 left for this hour"),
            ("tenant", "week", "The next week begins on Mon "),
        ] {
            let set = [("scope", scope), ("period", period), ("limit", "0.00001"), ("act", "set")];
            fill(&house.acme.admin, "/t/acme/budgets", "/t/acme/budgets", &set).await.expect(303);
            let over = failed_at_the_model(&house).await;
            assert_eq!(failure(&over).1, "budget");
            assert!(failure(&over).2.contains(words) && failure(&over).2.contains("Nothing was sent"), "{over:#?}");
            fill(&house.acme.admin, "/t/acme/budgets", "/t/acme/budgets", &[("scope", scope), ("period", period), ("limit", ""), ("act", "lift")]).await.expect(303);
        }
        assert_eq!(house.rehearsal.model_stage().requests().len(), 0);
        assert_eq!(spent(&house).await, Money::ZERO);
        // The other tenant's money is its own.
        let run = house.start(&house.globex.developer, json!({"invoice_id": LARGE})).await;
        approval_of(&house, &house.globex, run).await;
        assert_eq!(spent(&house).await, Money::ZERO);
    }

    async fn a_day_that_is_used_up_blocks_until_it_ends_in_the_zone_of_the_tenant_and_never_comes_back(house) {
        let admin = house.actor(&house.acme.admin).await;
        let zone = platform::tenants::SettingsText { name: "Acme".to_owned(), time_zone: "Asia/Tokyo".to_owned(), ..Default::default() };
        house.platform.change_settings(&admin, &zone).await.unwrap();
        let run = started(&house).await;
        approval_of(&house, &house.acme, run).await;
        let spent_once = spent(&house).await;
        assert!(spent_once > Money::ZERO);
        let today = async || {
            let shown = house.platform.budgets(&house.actor(&house.acme.admin).await).await.unwrap();
            let day = shown.tenant.periods.into_iter().find(|shown| shown.span.period == Period::Day).unwrap();
            (day.spent, day.span)
        };
        let (spent_today, first) = today().await;
        assert_eq!(spent_today, spent_once);
        // Nothing is left of the day: the next call is not made.
        house.platform.set_limit(&admin, &Limited::Tenant, Period::Day, Some(spent_once)).await.unwrap();
        let over = failed_at_the_model(&house).await;
        assert_eq!(failure(&over).1, "budget");
        for words in ["has $0.00 left for this day", "The next day begins on", "00:00 in Asia/Tokyo", "Nothing was sent"] {
            assert!(failure(&over).2.contains(words), "{words} in {over:#?}");
        }
        let asked = house.rehearsal.model_stage().requests().len();
        assert_eq!(asked, 1);
        // The day ends at midnight in Tokyo, which is 15:00 in UTC.
        let until = first.ends_at.since(house.platform.now());
        assert_eq!(first.ends_at.civil().hour, 15);
        house.platform.set_limit(&admin, &Limited::Tenant, Period::Day, Some(dollars("5"))).await.unwrap();
        house.clock.advance(until);
        assert_eq!(today().await.0, Money::ZERO);
        let run = started(&house).await;
        approval_of(&house, &house.acme, run).await;
        let (spent_today, second) = today().await;
        assert_eq!((spent_today, second.starts_at), (spent(&house).await.checked_sub(spent_once).unwrap(), first.ends_at));
        // A clock that is set back opens no day again: what is spent counts in the latest one.
        house.clock.set_back(Duration::from_hours(2));
        assert_eq!(today().await, (spent_today, second));
        let admin = house.actor(&house.acme.admin).await;
        house.platform.set_limit(&admin, &Limited::Tenant, Period::Day, Some(spent_today)).await.unwrap();
        let over = failed_at_the_model(&house).await;
        let shown = house.platform.budgets(&admin).await.unwrap().tenant.periods;
        let anew = &shown.iter().find(|shown| shown.span == second).unwrap().anew;
        for words in ["has $0.00 left for this day", &format!("The next day begins on {anew}")] {
            assert!(failure(&over).2.contains(words), "{words} in {over:#?}");
        }
        assert_eq!(house.rehearsal.model_stage().requests().len(), 2);
    }

    async fn runs_that_race_for_the_rest_of_a_day_never_go_over_it_and_each_that_is_stopped_is_on_record(house) {
        let admin = house.actor(&house.acme.admin).await;
        let (book, model) = (house.rehearsal.invoice_book_stage(), house.rehearsal.model_stage());
        // Calls that do not come back keep what they may cost held.
        (0..=RACERS).for_each(|_| model.hang_next(When::BeforeWork));
        let first = started(&house).await;
        tokio::time::timeout(PATIENCE, model.arrived(1)).await.unwrap();
        let most = house.platform.run(&admin, first).await.unwrap().held;
        // There is room for two more: a third is short of a billionth of a dollar.
        let limit = Money::from_nanos(most.nanos() * 4 - 1);
        house.platform.set_limit(&admin, &Limited::Tenant, Period::Day, Some(limit)).await.unwrap();
        (0..RACERS).for_each(|_| book.hang_next(When::AfterWork));
        let mut racers = Vec::new();
        for _ in 0..RACERS {
            racers.push(started(&house).await);
        }
        tokio::time::timeout(PATIENCE, book.arrived(1 + RACERS)).await.unwrap();
        book.release();
        let (mut calling, mut stopped) = (vec![first], Vec::new());
        for run in racers {
            let shown = house.until(&house.acme, run, |shown| shown.held > Money::ZERO || shown.line.status.is_over()).await;
            if shown.line.status.is_over() { stopped.push(shown) } else { calling.push(run) }
        }
        assert_eq!((calling.len(), stopped.len()), (3, RACERS - 2));
        for over in &stopped {
            assert_eq!((failure(over).0, failure(over).1), ("step_3", "budget"));
            assert!(failure(over).2.contains("left for this day") && failure(over).2.contains("Nothing was sent"), "{over:#?}");
        }
        let today = async || {
            let tenant = house.platform.budgets(&admin).await.unwrap().tenant;
            let day = tenant.periods.into_iter().find(|shown| shown.span.period == Period::Day).unwrap();
            (day.spent, day.held)
        };
        assert_eq!(today().await, (Money::ZERO, Money::from_nanos(most.nanos() * 3)));
        // Each of them, and none of those that had room, in its own tenant's log.
        let exceeded = async |tenant: &Tenant| {
            let log = house.log(tenant).await;
            log.into_iter().filter(|line| line.action == "budget.exceeded").map(|line| line.run.unwrap()).collect::<BTreeSet<_>>()
        };
        assert_eq!(exceeded(&house.acme).await, stopped.iter().map(|over| over.line.id.to_string()).collect());
        assert_eq!(exceeded(&house.globex).await, BTreeSet::new());
        model.release();
        for run in calling {
            approval_of(&house, &house.acme, run).await;
        }
        let (spent, held) = today().await;
        assert!(spent > Money::ZERO && spent <= limit && held == Money::ZERO, "{spent} and {held} of {limit}");
        assert_eq!(model.requests().len(), 3);
    }

    async fn the_budget_of_the_step_holds_too(house) {
        let admin = house.actor(&house.acme.admin).await;
        let source = SOURCE.replace("budget: {limit: 0.10}", "budget: {limit: 0.00001}");
        house.platform.save_workflow(&admin, &source).await.unwrap();
        let over = failed_at_the_model(&house).await;
        assert_eq!(failure(&over).1, "budget");
        assert!(failure(&over).2.contains("the budget of this step"), "{over:#?}");
        assert_eq!(house.rehearsal.model_stage().requests().len(), 0);
    }

    async fn a_model_that_refuses_costs_nothing(house) {
        for (status, said) in [(429, "429"), (401, "401"), (404, "404")] {
            house.rehearsal.model_stage().fail_next(1, status);
            let over = failed_at_the_model(&house).await;
            assert!(failure(&over).2.contains(said), "{over:#?}");
            assert_eq!(over.line.spent, Money::ZERO, "{status}");
        }
        assert_eq!((spent(&house).await, in_doubt(&house).await), (Money::ZERO, 0));
        assert_eq!(house.rehearsal.payments().len(), 0);
    }

    async fn a_model_that_breaks_down_is_charged_until_somebody_knows_better(house) {
        house.rehearsal.model_stage().fail_next(1, 500);
        let over = failed_at_the_model(&house).await;
        assert!(failure(&over).2.contains("500"), "{over:#?}");
        assert!(over.line.spent > Money::ZERO && over.line.spent == spent(&house).await);
        assert_eq!((in_doubt(&house).await, house.rehearsal.payments().len()), (1, 0));
    }

    async fn an_answer_that_does_not_fit_is_paid_for_and_not_used(house) {
        for answer in ["I am sorry, Dave.", r#"{"risk": "none", "reasons": []}"#, r#"{"risk": "low"}"#, "{"] {
            house.rehearsal.model_says_next(answer);
            let over = failed_at_the_model(&house).await;
            assert!(failure(&over).2.contains("output_schema"), "{over:#?}");
            assert!(over.line.spent > Money::ZERO, "the provider was paid for it");
        }
        assert_eq!((in_doubt(&house).await, house.rehearsal.payments().len()), (0, 0));
    }

    async fn a_model_that_never_answers_is_stopped_and_charged_until_somebody_knows_better(house) {
        let admin = house.actor(&house.acme.admin).await;
        house.platform.save_workflow(&admin, &SOURCE.replace("timeout: 90s", "timeout: 1s")).await.unwrap();
        house.rehearsal.model_stage().hang_next(When::AfterWork);
        let over = failed_at_the_model(&house).await;
        assert_eq!(failure(&over).1, "time_out");
        assert!(over.line.spent > Money::ZERO && over.line.spent == spent(&house).await);

        // The page tells of it, and a person who asked the provider says what it cost.
        house.acme.admin.get("/t/acme/budgets").await.expect(200).says(&["Nobody knows"]);
        let hold = house.platform.budgets(&admin).await.unwrap().in_doubt[0].clone();
        let at = format!("/t/acme/holds/{}", hold.id);
        let too_much = (hold.amount.checked_add(dollars("1")).unwrap()).to_dollars();
        house.acme.admin.post(&format!("{at}/confirmation"), &[("cost", &too_much)]).await.expect(422);
        house.acme.admin.post(&format!("{at}/release"), &[]).await.expect(303);
        assert_eq!((spent(&house).await, in_doubt(&house).await), (Money::ZERO, 0));
        house.acme.admin.post(&format!("{at}/confirmation"), &[("cost", "0")]).await.expect(409);
    }

    async fn an_answer_without_usage_is_charged_at_the_most_it_may_have_cost(house) {
        let answer = json!({
            "id": "x", "object": "chat.completion", "created": 0, "model": "odd",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": r#"{"risk": "low", "reasons": []}"#}, "finish_reason": "stop"}],
        });
        let provider = stub::answering(&answer.to_string()).await;
        let choices = crate::harness::Choices { allow: vec![provider.address.to_string()], ..Default::default() };
        house = House::open(house.fall().await, choices).await;
        let admin = house.actor(&house.acme.admin).await;
        let new = platform::providers::NewProvider { name: "odd".to_owned(), base_url: format!("http://{}/v1", provider.address), credential_name: None };
        let id = house.platform.add_provider(&admin, new).await.unwrap();
        let price = platform::providers::PriceText { input: "1".to_owned(), output: "2".to_owned(), cached: None, max_output_tokens: "4096".to_owned() };
        let model = house.platform.add_model(&admin, id, "odd", &price).await.unwrap();
        house.platform.set_default_model(&admin, model).await.unwrap();
        let run = house.start(&house.acme.developer, json!({"invoice_id": SMALL})).await;
        let over = house.until_over(&house.acme, run).await;
        assert_eq!(over.line.status, RunStatus::Completed, "{over:#?}");
        let step = over.steps.iter().find(|step| step.kind == "agent.analyze").unwrap();
        assert!(step.cost_estimated && step.cost.unwrap() > Money::ZERO, "{step:#?}");
        // 400 tokens of answer at two dollars a million are a part of it.
        assert!(step.cost.unwrap() >= dollars("0.0008"));
        assert_eq!(over.line.spent, step.cost.unwrap());
        house.acme.viewer.get(&format!("/t/acme/runs/{run}")).await.expect(200).says(&["odd/odd"]);
    }

    async fn a_model_whose_price_nobody_knows_is_not_called(house) {
        let admin = house.actor(&house.acme.admin).await;
        let source = SOURCE.replace("  max_tokens: 400", "  model: rehearsal/unknown\n  max_tokens: 400");
        house.platform.save_workflow(&admin, &source).await.unwrap();
        let start = [("start_key", "k"), ("input.invoice_id", LARGE)];
        house.acme.developer.post("/t/acme/workflows/vendor-payment/runs", &start).await.expect(422).says(&["rehearsal/unknown"]);
        assert_eq!(house.rehearsal.model_stage().requests().len(), 0);
    }

    async fn a_model_that_is_removed_meanwhile_is_not_called(house) {
        house.rehearsal.invoice_book_stage().hang_next(When::BeforeWork);
        let run = started(&house).await;
        tokio::time::timeout(PATIENCE, house.rehearsal.invoice_book_stage().arrived(1)).await.unwrap();
        let admin = house.actor(&house.acme.admin).await;
        let model = house.platform.providers(&admin).await.unwrap()[0].models[0].id;
        house.platform.remove_model(&admin, model).await.unwrap();
        house.rehearsal.invoice_book_stage().release();
        let over = house.until_over(&house.acme, run).await;
        assert_eq!((failure(&over).0, failure(&over).1), ("step_3", "price"));
        assert_eq!(house.rehearsal.model_stage().requests().len(), 0);
    }

    async fn a_call_that_fails_is_tried_again_after_its_pause(house) {
        house.rehearsal.invoice_book_stage().fail_next(3, 503);
        let run = started(&house).await;
        for attempt in 1..=3 {
            house.until(&house.acme, run, |shown| shown.steps[0].attempts == attempt && matches!(shown.steps[0].standing, platform::runs::StepStanding::Retrying(_))).await;
            house.clock.advance(Duration::from_secs(10));
        }
        approval_of(&house, &house.acme, run).await;
        assert_eq!(house.rehearsal.invoice_book_stage().requests().len(), 4);
    }

    async fn a_payment_that_timed_out_is_not_sent_again_by_itself(house) {
        let admin = house.actor(&house.acme.admin).await;
        house.platform.save_workflow(&admin, &SOURCE.replace("timeout: 30s", "timeout: 1s")).await.unwrap();
        let run = started(&house).await;
        let approval = approval_of(&house, &house.acme, run).await;
        house.rehearsal.payment_desk_stage().hang_next(When::AfterWork);
        approve(&house, approval).await;
        let over = house.until_over(&house.acme, run).await;
        assert_eq!((failure(&over).0, failure(&over).1), ("step_5", "time_out"));
        assert!(failure(&over).2.contains("nswer within"), "{over:#?}");
        assert_eq!(house.rehearsal.payments().len(), 1, "it was paid, and nobody was told");
        assert!(parked(&over).is_none());
    }

    async fn the_page_says_the_most_that_may_be_spent_after_a_yes(house) {
        // A prompt after the approval: what it may cost is what the page and the mail say, beside what was spent before.
        let source = "---\nworkflow: {id: ask-then-think, name: Ask then think}\n---\n\n\
            ## 1. Before\n\n```yaml\naction: agent.generate\ninputs: {prompt: What do you think?, max_tokens: 1000}\nbudget: {limit: 0.5}\n```\n\n\
            ## 2. Agree\n\n```yaml\napproval: {title: Think, approvers: [role:approver], expires_in: 1d}\n```\n\n\
            ## 3. After\n\n```yaml\naction: agent.generate\ninputs: {prompt: What do you think now?, max_tokens: 1000}\nbudget: {limit: 0.5}\n```\n";
        let admin = house.actor(&house.acme.admin).await;
        house.platform.save_workflow(&admin, source).await.unwrap();
        let price = platform::providers::PriceText { input: "100".to_owned(), output: "400".to_owned(), cached: None, max_output_tokens: "4096".to_owned() };
        let model = house.platform.providers(&admin).await.unwrap()[0].models[0].id;
        house.platform.set_price(&admin, model, &price).await.unwrap();
        let run = house.start_workflow(&house.acme.developer, "ask-then-think", serde_json::Map::new()).await;
        let approval = approval_of(&house, &house.acme, run).await;
        let shown = house.platform.approval(&admin, approval).await.unwrap();
        assert!(shown.ceiling > Money::ZERO && shown.spent > Money::ZERO);
        let most = format!("at most {} more", shown.ceiling);
        house.acme.approver.get(&format!("/t/acme/approvals/{approval}")).await.expect(200).says(&[&most]);
        let limit = Limited::Tenant;
        house.platform.set_limit(&admin, &limit, Period::Total, Some(dollars("5"))).await.unwrap();
        approve(&house, approval).await;
        assert_eq!(house.until_over(&house.acme, run).await.line.status, RunStatus::Completed);
    }
}

//! How approvals end: agreed to, rejected, not in time, cancelled with their run, or void because what they were about
//! changed; and whose rights count when.

use std::time::Duration;

use database::{ApprovalState, RunStatus};
use domain::Secret;
use platform::{members::Role, runs::RunShown};
use rehearsal::When;
use serde_json::json;

use super::{LARGE, approve, asked, decide, failure, parked, with_samples};
use crate::harness::{House, PATIENCE, in_both_houses, person, things::approval_of};

/// Steps that wait for rights are looked at again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(61);

async fn state_of(house: &House, approval: domain::ApprovalId) -> ApprovalState {
    house.platform.approval(&house.actor(&house.acme.admin).await, approval).await.unwrap().line.state
}

fn is_parked(shown: &RunShown) -> bool {
    parked(shown).is_some()
}

in_both_houses! {
    with_samples =>

    async fn a_rejected_payment_is_not_made_and_the_starter_reads_why(house) {
        let (run, approval) = asked(&house).await;
        decide(&house.acme.approver, &house.acme, approval, "reject", " ").await.expect(422).says(&["why"]);
        assert_eq!(state_of(&house, approval).await, ApprovalState::Pending);
        decide(&house.acme.approver, &house.acme, approval, "reject", "The account is new").await.expect(303);
        let over = house.until_over(&house.acme, run).await;
        assert_eq!(over.line.status, RunStatus::Failed);
        assert_eq!(failure(&over).0, "step_4");
        house.acme.developer.get(&format!("/t/acme/runs/{run}")).await.expect(200).says(&["The account is new"]);
        house.acme.approver.post(
            &format!("/t/acme/approvals/{approval}/decision"),
            &[("decision", "approve"), ("comment", ""), ("digest", &*house.platform.approval(&house.actor(&house.acme.admin).await, approval).await.unwrap().digest)],
        ).await.expect(409);
        assert_eq!(house.rehearsal.payment_desk_stage().requests().len(), 0);
    }

    async fn a_run_says_why_it_waits_and_afterwards_what_happened_at_each_step(house) {
        let (run, approval) = asked(&house).await;
        let at = format!("/t/acme/runs/{run}");
        let waits = ["Why it waits", "1 of role approver", "approver@acme.example, by mail", "the run fails, and nothing of it is done"];
        house.acme.viewer.get(&at).await.expect(200).says(&waits);
        approve(&house, approval).await;
        house.until_over(&house.acme, run).await;
        let over = house.acme.viewer.get(&at).await.expect(200);
        assert!(!over.words().contains("1 of role approver, by mail") && !over.words().contains("approver@acme.example, by mail"));
        let agreed = house.acme.viewer.get(&format!("{at}?step=step_4")).await.expect(200);
        agreed.says(&["What happened to the approval", "Asked approver@acme.example", "Agreed approver@acme.example", "Approved approver@acme.example"]);
        let paid = house.acme.viewer.get(&format!("{at}?step=step_5")).await.expect(200);
        let desk = format!("POST {}", house.rehearsal.payment_desk());
        paid.says(&["Attempts", &desk, "with payment-desk version 1", "Answered", "Size of the result"]);
        let asked_model = house.acme.viewer.get(&format!("{at}?step=step_3&tab=sent")).await.expect(200);
        asked_model.says(&["rehearsal/rehearsal-model", " in, ", " out", "Size of what was sent"]);
        house.globex.admin.get(&format!("{at}?step=step_5")).await.expect(404);
    }

    async fn nobody_decided_within_three_days_and_nothing_is_paid(house) {
        let (run, approval) = asked(&house).await;
        house.clock.advance(Duration::from_hours(72) - Duration::from_secs(1));
        assert_eq!(state_of(&house, approval).await, ApprovalState::Pending);
        house.clock.advance(Duration::from_secs(2));
        let over = house.until_over(&house.acme, run).await;
        assert_eq!((over.line.status, state_of(&house, approval).await), (RunStatus::Failed, ApprovalState::Expired));
        let digest = house.platform.approval(&house.actor(&house.acme.admin).await, approval).await.unwrap().digest;
        let decision = format!("/t/acme/approvals/{approval}/decision");
        house.acme.approver.post(&decision, &[("decision", "approve"), ("comment", ""), ("digest", &digest)]).await.expect(409);
        house.acme.approver.get(&format!("/t/acme/approvals/{approval}")).await.expect(200).says(&["Nobody decided in time"]);
        assert_eq!(house.rehearsal.payment_desk_stage().requests().len(), 0);
    }

    async fn a_run_that_is_cancelled_while_it_waits_asks_nobody_any_more(house) {
        let (run, approval) = asked(&house).await;
        let at = format!("/t/acme/runs/{run}/cancellation");
        house.acme.viewer.post(&at, &[("reason", "")]).await.expect(403);
        let page = house.acme.developer.get(&format!("{at}/new")).await.expect(200);
        house.acme.developer.submit(&page, &at, &[("reason", "Wrong invoice")]).await.expect(303);
        let over = house.until_over(&house.acme, run).await;
        assert_eq!((over.line.status, state_of(&house, approval).await), (RunStatus::Cancelled, ApprovalState::Cancelled));
        let page = house.acme.approver.get(&format!("/t/acme/approvals/{approval}")).await.expect(200);
        assert!(page.says(&["The run was cancelled"]).text.contains("<main") );
        let told = house.acme.viewer.get(&format!("/t/acme/runs/{run}")).await.expect(200);
        told.says(&["Cancelled by developer@acme.example.", "“Wrong invoice”", "Ended 0 s ago"]);
        assert_eq!(house.rehearsal.payment_desk_stage().requests().len(), 0);
        // Cancelling again changes nothing and says so.
        house.acme.developer.post(&at, &[("reason", "")]).await.expect(303);
    }

    async fn a_run_that_is_cancelled_while_a_call_hangs_stops_waiting_for_it(house) {
        let (run, approval) = asked(&house).await;
        house.rehearsal.payment_desk_stage().hang_next(When::BeforeWork);
        approve(&house, approval).await;
        tokio::time::timeout(PATIENCE, house.rehearsal.payment_desk_stage().arrived(1)).await.unwrap();
        house.acme.developer.post(&format!("/t/acme/runs/{run}/cancellation"), &[("reason", "")]).await.expect(303);
        let over = house.until_over(&house.acme, run).await;
        assert_eq!(over.line.status, RunStatus::Cancelled);
        house.rehearsal.payment_desk_stage().release();
        assert_eq!(house.rehearsal.payment_desk_stage().requests().len(), 1, "nothing is sent again");
    }

    async fn a_credential_that_is_replaced_voids_what_was_approved_under_it(house) {
        let (run, first) = asked(&house).await;
        let admin = house.actor(&house.acme.admin).await;
        let credentials = house.platform.credentials(&admin).await.unwrap();
        let desk = credentials.iter().find(|line| line.name == "payment-desk").unwrap();
        let at = format!("/t/acme/credentials/{}", desk.id);
        house.acme.admin.post(&format!("{at}/replacement"), &[("value", rehearsal::PAYMENT_DESK_KEY)]).await.expect(303);

        approve(&house, first).await;
        let wanted = |shown: &RunShown| matches!(&shown.line.waiting, Some(platform::runs::Waiting::Approval { approval: Some(second), .. }) if *second != first);
        house.until(&house.acme, run, wanted).await;
        let second = approval_of(&house, &house.acme, run).await;
        assert_eq!((state_of(&house, first).await, state_of(&house, second).await), (ApprovalState::Voided, ApprovalState::Pending));
        assert_eq!(house.rehearsal.payment_desk_stage().requests().len(), 0, "nothing was sent under the old approval");
        house.acme.approver.get(&format!("/t/acme/approvals/{first}")).await.expect(200).says(&["What it was about has changed"]);
        house.acme.approver.get(&format!("/t/acme/approvals/{second}")).await.expect(200).says(&["second time"]);
        let mails = house.platform.mailbox().await.unwrap();
        assert_eq!(mails.iter().filter(|mail| mail.to == "approver@acme.example" && mail.subject.contains("Approve")).count(), 2);

        approve(&house, second).await;
        assert_eq!(house.until_over(&house.acme, run).await.line.status, RunStatus::Completed);
        assert_eq!(house.rehearsal.payments().len(), 1);
        let uses = house.platform.credential(&admin, desk.id, None, 10).await.unwrap().uses.items;
        assert_eq!(uses.iter().map(|line| line.version).collect::<Vec<_>>(), [2]);
    }

    async fn a_credential_that_is_removed_meanwhile_is_not_sent(house) {
        let (run, approval) = asked(&house).await;
        let admin = house.actor(&house.acme.admin).await;
        let credentials = house.platform.credentials(&admin).await.unwrap();
        let desk = credentials.iter().find(|line| line.name == "payment-desk").unwrap();
        house.platform.remove_credential(&admin, desk.id).await.unwrap();
        approve(&house, approval).await;
        house.until(&house.acme, run, |shown| shown.line.status.is_over() || parked(shown).is_some()).await;
        assert_eq!(house.rehearsal.payment_desk_stage().requests().len(), 0);
    }

    async fn a_run_of_one_who_was_disabled_is_parked_until_they_may_again(house) {
        let (run, approval) = asked(&house).await;
        let at = format!("/t/acme/members/{}", person(&house.acme.developer));
        house.acme.admin.post(&format!("{at}/disabling"), &[]).await.expect(303);
        assert_eq!(house.acme.developer.get(&format!("/t/acme/runs/{run}")).await.class(), "sign-in");
        approve(&house, approval).await;
        let waiting = house.until(&house.acme, run, is_parked).await;
        assert!(parked(&waiting).unwrap().contains("no active member"), "{waiting:#?}");
        house.acme.viewer.get(&format!("/t/acme/runs/{run}")).await.expect(200).says(&["no active member"]);
        assert_eq!(house.rehearsal.payment_desk_stage().requests().len(), 0);

        house.acme.admin.post(&format!("{at}/enabling"), &[]).await.expect(303);
        house.clock.advance(LOOK_AGAIN);
        assert_eq!(house.until_over(&house.acme, run).await.line.status, RunStatus::Completed);
        assert_eq!(house.rehearsal.payments().len(), 1);
    }

    async fn a_run_never_does_more_than_its_starter_may_now(house) {
        let (run, approval) = asked(&house).await;
        let at = format!("/t/acme/members/{}/roles", person(&house.acme.developer));
        house.acme.admin.post(&format!("{at}/{}/withdrawal", Role::Developer), &[]).await.expect(303);
        approve(&house, approval).await;
        let waiting = house.until(&house.acme, run, is_parked).await;
        assert!(parked(&waiting).unwrap().contains("holds no role"), "{waiting:#?}");
        // A role that may look and not start is not enough.
        house.acme.admin.post(&format!("{at}/{}/grant", Role::Viewer), &[]).await.expect(303);
        house.clock.advance(LOOK_AGAIN);
        let waiting = house.until(&house.acme, run, |shown| parked(shown).is_some_and(|words| words.contains("workflow:execute"))).await;
        assert_eq!(waiting.line.status, RunStatus::Waiting);
        assert_eq!(house.rehearsal.payment_desk_stage().requests().len(), 0);
        house.acme.admin.post(&format!("/t/acme/runs/{run}/cancellation"), &[("reason", "")]).await.expect(303);
        assert_eq!(house.until_over(&house.acme, run).await.line.status, RunStatus::Cancelled);
    }

    async fn one_who_is_no_approver_any_more_cannot_decide(house) {
        let (_, approval) = asked(&house).await;
        let digest = house.platform.approval(&house.actor(&house.acme.approver).await, approval).await.unwrap().digest;
        let at = format!("/t/acme/members/{}/roles/{}", person(&house.acme.approver), Role::Approver);
        house.acme.admin.post(&format!("{at}/withdrawal"), &[]).await.expect(303);
        let yes = [("decision", "approve"), ("comment", ""), ("digest", &*digest)];
        house.acme.approver.post(&format!("/t/acme/approvals/{approval}/decision"), &yes).await.expect(403);
        assert_eq!(state_of(&house, approval).await, ApprovalState::Pending);
    }

    async fn nobody_approves_what_they_started_or_wrote_themselves(house) {
        // The approver may start runs now, and the admin, who put the workflow in, may decide.
        for (member, role) in [(&house.acme.approver, Role::Executor), (&house.acme.admin, Role::Approver)] {
            let admin = house.actor(&house.acme.admin).await;
            house.platform.grant_role(&admin, person(member), role).await.unwrap();
        }
        let run = house.start(&house.acme.approver, json!({"invoice_id": LARGE})).await;
        let approval = approval_of(&house, &house.acme, run).await;
        let digest = house.platform.approval(&house.actor(&house.acme.approver).await, approval).await.unwrap().digest;
        let yes = [("decision", "approve"), ("comment", ""), ("digest", &*digest)];
        for (member, why) in [(&house.acme.approver, "You started this run"), (&house.acme.admin, "You wrote this version")] {
            member.post(&format!("/t/acme/approvals/{approval}/decision"), &yes).await.expect(403).says(&[why]);
        }
        let log = house.log(&house.acme).await;
        let denied: Vec<&str> = log.iter().filter(|line| line.outcome == "denied").map(|line| line.actor.as_str()).collect();
        assert_eq!(denied, ["approver@acme.example", "admin@acme.example"], "that they tried is in the log");
        assert_eq!(state_of(&house, approval).await, ApprovalState::Pending);
    }

    async fn two_who_decide_at_once_decide_once(house) {
        let (run, approval) = asked(&house).await;
        let digest = house.platform.approval(&house.actor(&house.acme.approver).await, approval).await.unwrap().digest;
        let at = format!("/t/acme/approvals/{approval}/decision");
        house.acme.approver.csrf().await;
        let say = |decision: &'static str| {
            let (client, at, digest) = (house.acme.approver.clone(), at.clone(), digest.clone());
            tokio::spawn(async move { client.post(&at, &[("decision", decision), ("comment", "x"), ("digest", &digest)]).await.status })
        };
        let tries: Vec<_> = ["approve", "reject", "approve", "reject"].into_iter().map(say).collect();
        let mut statuses = Vec::new();
        for one in tries {
            statuses.push(one.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409, 409, 409]);
        house.until_over(&house.acme, run).await;
        assert!(house.rehearsal.payments().len() <= 1);
    }

    async fn a_provider_that_moves_voids_nothing_that_is_over(house) {
        // What is decided stays decided: a credential that is replaced after the payment changes nothing of it.
        let (run, approval) = asked(&house).await;
        approve(&house, approval).await;
        house.until_over(&house.acme, run).await;
        let admin = house.actor(&house.acme.admin).await;
        let desk = house.platform.credentials(&admin).await.unwrap().into_iter().find(|line| line.name == "payment-desk").unwrap();
        house.platform.replace_credential(&admin, desk.id, &Secret::new("another-secret-value")).await.unwrap();
        house.clock.advance(LOOK_AGAIN);
        assert_eq!(state_of(&house, approval).await, ApprovalState::Approved);
        assert_eq!(house.rehearsal.payments().len(), 1);
    }
}

//! The page of one decision, made for a phone: what exactly will happen, and two buttons. Afterwards the same address says
//! what was decided and what follows.

use std::collections::BTreeMap;

use askama::Template;
use domain::{
    ApprovalId, Money, Permission, Timestamp,
    permission::{ApprovalApprove, ApprovalRead},
};
use platform::{
    access::MemberDoor,
    approvals::{ApprovalShown, EffectShown, Outcome as Decided, Say, State},
    runs::Given,
};
use serde::Deserialize;

use super::{
    form::{self, Control, Field, Filled},
    markdown::{self, Block, Style},
    pill,
    sent::{Sent, Verdict, Way},
};
use crate::{
    format::{self, Time},
    mandate::{About, Card, audit_href},
    page::Page,
    route::{Answer, Form, Grant, Path, Query, Result},
    text,
    view::{self, FormErrors, Outcome},
};

/// Signs of the digest that are shown: enough to compare by eye.
const DIGEST_SIGNS: usize = 8;

#[derive(Template)]
#[template(path = "approvals/approval.html")]
struct ApprovalView {
    page: Page,
    inbox_href: String,
    run_href: String,
    run: String,
    approval: Shown,
    /// What yes allows; nothing for one who may not see runs.
    mandate: Option<Card>,
    /// Why a decision was not taken; empty when nothing was refused.
    refused: String,
    /// What is wrong with the fields.
    errors: FormErrors,
    /// What is to be filled in.
    fields: Vec<Field>,
    /// What was typed before the form came back.
    comment: String,
    by_mail: bool,
    action: String,
}

/// Everything that is shown of an approval.
struct Shown {
    state: &'static str,
    word: &'static str,
    is_pending: bool,
    title: String,
    /// The value that the workflow calls the amount; may be empty.
    amount: String,
    starter: String,
    asked: Time,
    /// What happens at that moment: `Rejects itself`.
    at_expiry: &'static str,
    expires: Time,
    approvers: String,
    agreed: String,
    /// Why this member cannot decide it; empty when they can.
    not_mine: String,
    shows: Vec<(String, String)>,
    effects: Vec<Effect>,
    costs: String,
    note: Vec<Block>,
    /// Whether a model wrote a part of what is shown.
    is_of_model: bool,
    risk: &'static str,
    round: String,
    digest: String,
    digest_short: String,
    decisions: Vec<Decision>,
    /// How it ended, as a sentence before the moment; empty while it waits.
    ended: String,
    ended_at: Option<Time>,
    /// What follows from that.
    follows: &'static str,
    comment: String,
}

/// One call that goes out after a yes.
struct Effect {
    name: String,
    /// `Once` when the other side does it once however often it is sent.
    times: &'static str,
    /// Pieces between which a line may end.
    what: Vec<String>,
    credentials: Vec<String>,
    arguments: Vec<(String, Vec<String>)>,
    key: String,
    only_if: String,
    unknown: String,
}

/// What one of several approvers said.
struct Decision {
    who: String,
    verdict: &'static str,
    comment: String,
    fields: Vec<Filled>,
    at: Time,
}

/// What the address of the page says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    by: Option<Way>,
}

/// `GET /t/{slug}/approvals/{id}`: everything that a decision is about. Changes nothing.
pub(crate) async fn page(grant: Grant<ApprovalRead>, Path(id): Path<ApprovalId>, Query(wanted): Query<Wanted>) -> Answer {
    let view = approval_view(&grant, id, wanted.by == Some(Way::Mail), Typed::default(), FormErrors::none()).await?;
    view::html(&view)
}

/// `POST /t/{slug}/approvals/{id}/decision`: decides.
pub(crate) async fn decide(
    grant: Grant<ApprovalApprove>,
    Path(id): Path<ApprovalId>,
    Form(sent): Form<BTreeMap<String, Vec<String>>>,
) -> Answer {
    let Sent { decision, comment, digest, by_mail, fields } = Sent::read(sent)?;
    let (platform, visit) = (grant.platform(), grant.visit());
    let by_link = if by_mail {
        Some(platform.actor(grant.session().person(), grant.slug(), MemberDoor::MailLink, visit.facts().clone()).await?)
    } else {
        None
    };
    let actor = by_link.as_ref().unwrap_or_else(|| grant.actor());
    let say = Say { approve: decision == Verdict::Approve, comment: comment.clone(), digest, fields: Given::Form(fields.clone()) };
    match view::outcome(platform.decide(actor, id, &say).await, &[403, 409, 422])? {
        Outcome::Done(decided) => {
            let goes_on = !say.approve && platform.approval(actor, id).await.is_ok_and(|approval| approval.goes_on_after_rejection);
            Ok(visit.done(&grant.path(&format!("/approvals/{id}")), &words(decided, goes_on)))
        }
        Outcome::Refused(refusal) => {
            let view = approval_view(&grant, id, by_mail, Typed { comment, fields }, refusal.errors).await?;
            view::html_with(refusal.status, &view)
        }
    }
}

fn words(decided: Decided, goes_on: bool) -> String {
    match decided {
        Decided::Counted { agreed, quorum } => format!("You approved. {agreed} of {quorum} agreed: the run waits for the others."),
        Decided::Ended(State::Approved) => "You approved. The run goes on.".to_owned(),
        Decided::Ended(_) if goes_on => "You rejected. The run goes on without it.".to_owned(),
        Decided::Ended(_) => "You rejected. Nothing of it is done.".to_owned(),
    }
}

/// What was typed before the form came back.
#[derive(Debug, Default)]
struct Typed {
    comment: String,
    fields: Vec<(String, String)>,
}

async fn approval_view<P>(grant: &Grant<P>, id: ApprovalId, by_mail: bool, typed: Typed, errors: FormErrors) -> Result<ApprovalView> {
    let (platform, actor) = (grant.platform(), grant.actor());
    let mut approval = platform.approval(actor, id).await?;
    let run_id = approval.line.run;
    let run = if grant.may(Permission::RunRead) { Some(platform.run(actor, run_id).await?) } else { None };
    let is_of_model = run.as_ref().is_some_and(|run| run.steps.iter().any(|step| step.asked == Some(id) && step.is_of_model));
    let may = if grant.may(Permission::ApprovalApprove) {
        Ok(())
    } else {
        Err("Deciding needs the permission approval:approve, which you do not have here. The role approver has it.".to_owned())
    };
    let mut page = grant.page().await?;
    // On this page every line counts: what is not about the decision itself stays away.
    page.notices.retain(|notice| notice.kind != "info");
    Ok(ApprovalView {
        page,
        inbox_href: grant.path("/approvals"),
        fields: form::fields(std::mem::take(&mut approval.fields), &typed.fields),
        run_href: if run.is_some() { grant.path(&format!("/runs/{run_id}")) } else { String::new() },
        run: format!("{} #{}", text::in_line(&approval.line.workflow_name), approval.line.run_number),
        approval: shown(approval, may, is_of_model, platform.now()),
        mandate: run.map(|run| Card::new(run.mandate, About::Approval, audit_href(grant, &run_id.to_string()))),
        refused: errors.of("").to_owned(),
        errors: FormErrors(errors.0.into_iter().filter(|error| !error.field.is_empty()).collect()),
        comment: typed.comment,
        by_mail,
        action: grant.path(&format!("/approvals/{id}/decision")),
    })
}

fn shown(approval: ApprovalShown, may: std::result::Result<(), String>, is_of_model: bool, now: Timestamp) -> Shown {
    let ApprovalShown { line, description, mut shows, effects, spent, ceiling, digest, round, decisions, comment, .. } = approval;
    let (after_rejection, after_expiry) = (approval.goes_on_after_rejection, approval.goes_on_after_expiry);
    let (state, word) = pill(line.state);
    let is_pending = line.state == State::Pending;
    let not_mine = may.and(line.mine).err().unwrap_or_default();
    let amount = match shows.iter().position(|(label, _)| label.eq_ignore_ascii_case("amount")) {
        Some(position) => shows.remove(position).1,
        None => String::new(),
    };
    let (agreed, needed) = line.agreed;
    // The ceiling counts from the yes on: what was spent before is no part of it.
    let more = if ceiling > Money::ZERO { format!("at most {ceiling} more") } else { "nothing more".to_owned() };
    let by = line.ended_by.map(|by| format!(" by {by}")).unwrap_or_default();
    let (ended, follows) = match line.state {
        State::Pending | State::Escalated => (String::new(), ""),
        State::Approved => (format!("Approved{by}"), "The run goes on and does what is listed here, and nothing else under this approval."),
        State::Rejected if after_rejection => (format!("Rejected{by}"), "The run goes on without it."),
        State::Rejected => (format!("Rejected{by}"), "Nothing of what is listed here is done."),
        State::Expired if after_expiry => ("Nobody decided in time".to_owned(), "The run goes on without it."),
        State::Expired => ("Nobody decided in time".to_owned(), "Nothing of what is listed here is done under this approval."),
        State::Cancelled => ("The run was cancelled".to_owned(), "There is nothing to decide any more."),
        State::Voided => {
            ("What it was about has changed".to_owned(), "It is void. If it is still wanted, it is asked anew, with a mail of its own.")
        }
    };
    Shown {
        state,
        word: match (is_pending, not_mine.is_empty()) {
            (true, true) => "Your decision",
            (true, false) => "For others to decide",
            (false, _) => word,
        },
        is_pending,
        title: text::in_line(&line.title),
        amount: text::in_line(&amount),
        starter: line.starter,
        asked: format::ago(line.requested_at, now),
        at_expiry: if after_expiry { "Goes on without a decision" } else { "Rejects itself" },
        expires: format::moment(line.expires_at, now),
        approvers: line.approvers,
        agreed: if needed > 1 { format!("{agreed} of {needed} agreed.") } else { String::new() },
        not_mine,
        shows: shows.into_iter().map(|(label, value)| (text::in_line(&label), text::in_line(&value))).collect(),
        effects: effects.into_iter().map(effect).collect(),
        costs: format!("{more}, {spent} spent"),
        note: description.as_deref().map(markdown::read).unwrap_or_default(),
        is_of_model,
        risk: line.risk,
        round: if round > 1 { format!("Asked for the {} time: something of it had changed.", ordinal(round)) } else { String::new() },
        digest_short: digest_short(&digest),
        digest,
        decisions: decisions
            .into_iter()
            .map(|said| Decision {
                who: said.who,
                verdict: said.verdict,
                comment: text::visible(&said.comment),
                fields: form::filled(said.fields),
                at: format::ago(said.at, now),
            })
            .collect(),
        ended,
        ended_at: line.ended_at.map(|at| format::ago(at, now)),
        follows,
        comment: text::visible(comment.as_deref().unwrap_or_default()),
    }
}

fn ordinal(number: i64) -> String {
    match number {
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        other => format!("{other}th"),
    }
}

fn digest_short(digest: &str) -> String {
    let signs = digest.get(..DIGEST_SIGNS).unwrap_or(digest);
    let (first, second) = signs.split_at_checked(DIGEST_SIGNS / 2).unwrap_or((signs, ""));
    format!("{first} {second}").trim_end().to_owned()
}

fn effect(effect: EffectShown) -> Effect {
    let place = effect.url.unwrap_or_else(|| effect.hosts.join(", "));
    let shorter = place.strip_prefix("https://").unwrap_or(&place);
    let what = match effect.method {
        Some(method) => format!("{method} {shorter}"),
        None if effect.kind.starts_with("agent.") => "a prompt to the model provider".to_owned(),
        None => format!("{} {shorter}", effect.kind),
    };
    Effect {
        name: text::in_line(&effect.name),
        times: if effect.key.is_some() { "Once" } else { "What" },
        what: text::breakable(&text::in_line(&what)),
        credentials: effect.credentials.into_iter().map(|name| format!("cred://{}", text::in_line(&name))).collect(),
        arguments: effect
            .arguments
            .into_iter()
            .map(|(name, value)| (text::in_line(&name), text::breakable(&text::visible(&value))))
            .collect(),
        key: effect.key.as_deref().map(text::in_line).unwrap_or_default(),
        only_if: effect.only_if.as_deref().map(text::in_line).unwrap_or_default(),
        unknown: effect.unknown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use platform::approvals::{FieldShown, FilledShown, FormKind, Said};
    use serde_json::{Value, json};

    use super::*;
    use crate::{approvals::sample_line, mandate, page, view::FormError};

    const NOW: Timestamp = Timestamp::from_micros(1_795_257_783_112_000);

    fn sample(state: State, mine: std::result::Result<(), String>) -> ApprovalShown {
        ApprovalShown {
            line: sample_line(state, mine),
            description: Some("Review: **medium**\\. <odd>".to_owned()),
            shows: vec![("Invoice".to_owned(), "INV-20417".to_owned()), ("Amount".to_owned(), "1840.5 EUR".to_owned())],
            effects: vec![EffectShown {
                name: "Pay".to_owned(),
                kind: "http.request".to_owned(),
                method: Some("POST".to_owned()),
                url: Some("https://payments.example/payments".to_owned()),
                hosts: vec!["payments.example".to_owned()],
                credentials: vec!["payment-desk".to_owned()],
                arguments: vec![("iban".to_owned(), "DE02120300000000202051".to_owned())],
                key: Some("pay-INV-20417".to_owned()),
                only_if: None,
                unknown: Vec::new(),
            }],
            spent: Money::from_nanos(3_100_000),
            ceiling: Money::from_nanos(0),
            digest: "9f2c41ab".repeat(8),
            round: 1,
            fields: Vec::new(),
            decisions: Vec::new(),
            goes_on_after_rejection: false,
            goes_on_after_expiry: false,
            comment: None,
        }
    }

    fn html(mut approval: ApprovalShown, may: std::result::Result<(), String>, errors: FormErrors) -> String {
        ApprovalView {
            fields: form::fields(std::mem::take(&mut approval.fields), &[]),
            page: page::sample(),
            inbox_href: "/t/acme/approvals".to_owned(),
            run_href: "/t/acme/runs/run_x".to_owned(),
            run: "Vendor payment #1042".to_owned(),
            approval: shown(approval, may, true, NOW),
            mandate: Some(Card::new(mandate::sample(), About::Approval, String::new())),
            refused: "It was rejected before.".to_owned(),
            errors,
            comment: "typed".to_owned(),
            by_mail: true,
            action: "/t/acme/approvals/apr_x/decision".to_owned(),
        }
        .render()
        .unwrap()
        // Where a line may end says nothing of what stands in it.
        .replace("<wbr>", "")
    }

    #[test]
    fn the_page_says_exactly_what_will_happen_and_what_it_may_cost() {
        let html = html(sample(State::Pending, Ok(())), Ok(()), FormErrors::none());
        for part in [
            "Your decision",
            "Pay 1840.5 EUR to &#60;Nordlicht&#62;",
            "<p class=\"decide-amount\">1840.5 EUR</p>",
            "What will happen if you approve",
            "POST payments.example/payments",
            "Once",
            "pay-INV-20417",
            "cred://payment-desk",
            "DE02120300000000202051",
            "nothing more, $0.0031 spent",
            "<strong>medium</strong>. &#60;odd&#62;",
            "A model wrote parts of it, and what clerk@acme.example wrote may stand in it too.",
            "Tue 24 Nov, 10:41 UTC",
            "9f2c 41ab",
            "name=\"csrf\"",
            "name=\"by\" value=\"mail\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(html.contains(&format!("name=\"digest\" value=\"{}\"", "9f2c41ab".repeat(8))));
        assert!(html.len() < 30 * 1024, "{}", html.len());
    }

    #[test]
    fn one_who_may_not_decide_sees_why_and_no_form() {
        let reason = "You started this run: somebody else has to decide.";
        for html in [
            html(sample(State::Pending, Err(reason.to_owned())), Ok(()), FormErrors::none()),
            html(sample(State::Pending, Ok(())), Err(reason.to_owned()), FormErrors::none()),
        ] {
            assert!(html.contains(reason) && !html.contains("/decision"), "{html}");
            assert!(html.contains("aria-disabled=\"true\""));
        }
    }

    #[test]
    fn an_ended_approval_says_how_and_what_follows_and_takes_no_decision() {
        for (state, words) in [
            (State::Approved, "Approved by ada@acme.example"),
            (State::Rejected, "Rejected by ada@acme.example"),
            (State::Expired, "Nobody decided in time"),
            (State::Voided, "It is void."),
            (State::Cancelled, "The run was cancelled"),
        ] {
            let mut approval = sample(state, Ok(()));
            approval.comment = Some("<wrong> account".to_owned());
            let html = html(approval, Ok(()), FormErrors::none());
            assert!(html.contains(words) && html.contains("&#60;wrong&#62; account"), "{words} in {html}");
            assert!(!html.contains("/decision"));
            assert!(html.contains("role=\"alert\"") && html.contains("It was rejected before."), "why nothing was done");
        }
    }

    #[test]
    fn a_form_that_came_back_keeps_what_was_typed() {
        let errors = FormErrors(vec![FormError { field: "comment".to_owned(), message: "Say why.".to_owned() }]);
        let html = html(sample(State::Pending, Ok(())), Ok(()), errors);
        assert!(
            html.contains("typed</textarea>") && html.contains("href=\"#f-comment\"") && html.contains("aria-invalid=\"true\""),
            "{html}"
        );
    }

    #[test]
    fn what_is_not_known_yet_is_named_and_costs_to_come_are_bounded() {
        let mut approval = sample(State::Pending, Ok(()));
        approval.ceiling = Money::from_nanos(100_000_000);
        approval.round = 2;
        approval.effects[0].unknown = vec!["payment".to_owned()];
        approval.effects[0].only_if = Some("payment.ok".to_owned());
        let html = html(approval, Ok(()), FormErrors::none());
        for part in ["at most $0.1000 more, $0.0031 spent", "only if", "payment.ok", "not known yet", "second time"] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn the_answer_to_a_decision_says_what_follows() {
        assert_eq!(words(Decided::Counted { agreed: 1, quorum: 2 }, false), "You approved. 1 of 2 agreed: the run waits for the others.");
        assert_eq!(words(Decided::Ended(State::Rejected), false), "You rejected. Nothing of it is done.");
        assert_eq!(words(Decided::Ended(State::Rejected), true), "You rejected. The run goes on without it.");
    }

    fn with_form(state: State) -> ApprovalShown {
        let field = |name: &str, kind, label: &str, required, value| FieldShown {
            name: name.to_owned(),
            kind,
            label: label.to_owned(),
            description: None,
            required,
            value,
            options: vec!["red".to_owned()],
            min: None,
            max: None,
            pattern: None,
        };
        let mut approval = sample(state, Ok(()));
        approval.fields = vec![
            field("cost_centre", FormKind::String, "Cost centre", true, json!("4711")),
            field("remark", FormKind::Text, "Remark for the <employee>", false, Value::Null),
            field("figure", FormKind::Number, "Figure", false, json!(1.5)),
            field("sure", FormKind::Boolean, "Sure", false, json!(true)),
            field("colour", FormKind::Select, "Colour", false, Value::Null),
            field("day", FormKind::Date, "Day", false, Value::Null),
        ];
        approval.goes_on_after_expiry = true;
        approval
    }

    #[test]
    fn every_field_of_the_form_stands_there_with_its_suggestion() {
        let html = html(with_form(State::Pending), Ok(()), FormErrors::none());
        for part in [
            "What you fill in",
            "id=\"f-fields.cost_centre\" name=\"fields.cost_centre\" value=\"4711\" required",
            "Remark for the &#60;employee&#62; <span class=\"optional\">(optional)</span>",
            "<textarea class=\"input\" id=\"f-fields.remark\"",
            "name=\"fields.figure\" value=\"1.5\"",
            "type=\"hidden\" name=\"fields.sure\" value=\"false\"",
            "name=\"fields.sure\" value=\"true\" checked",
            "<option value=\"\" selected>",
            "type=\"date\" id=\"f-fields.day\"",
            // A rejection need not fill anything in; what it needs is checked by the server.
            "value=\"reject\" formnovalidate",
            "Goes on without a decision on",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("value=\"approve\" formnovalidate") && !html.contains("maxlength=\"2000\" required"), "{html}");
    }

    #[test]
    fn what_is_wrong_stands_at_its_field() {
        let message = "Cost centre has to match ^[0-9]{4}$.".to_owned();
        let html = html(with_form(State::Pending), Ok(()), FormErrors(vec![FormError { field: "fields.cost_centre".to_owned(), message }]));
        for part in
            ["href=\"#f-fields.cost_centre\"", "id=\"f-fields.cost_centre-error\"", "aria-describedby=\" f-fields.cost_centre-error\""]
        {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn what_was_filled_in_is_shown_with_the_decision() {
        let mut approval = with_form(State::Rejected);
        approval.goes_on_after_rejection = true;
        let filled = |label: &str, value| FilledShown { name: "x".to_owned(), label: label.to_owned(), value };
        approval.decisions = vec![Said {
            who: "ada@acme.example".to_owned(),
            verdict: "rejected",
            comment: "no".to_owned(),
            fields: vec![filled("Cost centre", json!("<0815>")), filled("Remark", Value::Null)],
            at: NOW,
        }];
        let html = html(approval, Ok(()), FormErrors::none());
        for part in ["Cost centre: &#60;0815&#62;", "Remark: nothing", "The run goes on without it."] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("What you fill in"), "{html}");
    }
}

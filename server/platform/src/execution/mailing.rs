//! The mail that asks somebody to decide.

use database::MailRecord;
use domain::{ApprovalId, MailId, Money};
use engine::RunContext;
use vault::Token;
use workflow::{Run, plan::AfterRefusal};

use super::{Execution, approval::Asking};
use crate::{
    mail::{
        Letter,
        text::{cut, one_line},
    },
    runs::in_one_line,
    words::moment,
};

/// The longest part of a workflow's own words in a subject, in signs.
const SUBJECT_WORDS: usize = 60;

/// One person who is asked, and on which terms.
pub(super) struct Invitation<'a> {
    pub approval: ApprovalId,
    pub recipient: &'a str,
    pub token: &'a Token,
    pub ceiling: Money,
    pub quorum: i64,
}

pub(super) fn asked(execution: &Execution, run: &RunContext, state: &Run, asking: &Asking<'_>, to: &Invitation<'_>) -> MailRecord {
    let platform = &execution.platform;
    let (tenant, slug) = state.started().map_or(("", ""), |started| (started.tenant_name.as_str(), started.tenant_slug.as_str()));
    let request = asking.request;
    let subject = format!("[{tenant}] Approve: {} - until {}", cut(&one_line(&request.title), SUBJECT_WORDS), moment(asking.expires_at));
    let mut letter = Letter::new(to.recipient, &subject, to.approval)
        .list("approvals", slug, &platform.mail_host())
        .paragraph(&format!("{} asks you to approve one step of \"{}\", run #{}.", run.starter_label, run.plan.name, run.number))
        .paragraph(&request.title);
    for (label, value) in &request.shows {
        letter = letter.fact(label, value);
    }
    letter = letter.paragraph("If you approve:");
    for effect in &asking.coverage.effects {
        letter = letter.fact(&effect.name, &in_one_line(effect));
    }
    if !request.fields.is_empty() {
        let labels: Vec<&str> = request.fields.iter().map(|field| field.label.as_str()).collect();
        letter = letter.fact("You fill in", &labels.join(", "));
    }
    let at_expiry = match request.on_expiry {
        AfterRefusal::Stop => "Rejects itself on",
        AfterRefusal::Continue => "Goes on without a decision on",
    };
    letter
        .fact("It may cost", &format!("up to {} more", to.ceiling))
        .fact("Needed", &format!("{} approval{}", to.quorum, if to.quorum == 1 { "" } else { "s" }))
        .fact_at(at_expiry, asking.expires_at)
        .action("Look at it and decide", &platform.page_url(&format!("/a/{}", to.token.text().expose())))
        .paragraph("You have to sign in. Opening the link changes nothing, and forwarding this mail does not pass on your right to decide.")
        .compose()
        .into_record(MailId::new(platform.now(), platform.parts().entropy.as_ref()))
}

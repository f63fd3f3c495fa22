//! The mail that asks somebody to decide.

use database::MailRecord;
use domain::{ApprovalId, MailId, Money, Timestamp};
use engine::RunContext;
use vault::Token;
use workflow::Run;

use super::{Execution, approval::Asking};

/// The longest part of a workflow's own words in a subject.
const SUBJECT_WORDS: usize = 60;

/// One line without control signs, cut to a length in signs.
fn one_line(text: &str, limit: usize) -> String {
    tools::text::one_line(text, limit)
}

#[expect(clippy::too_many_arguments, reason = "each is one fact of the mail; a struct would only be unpacked here")]
pub(super) fn asked(
    execution: &Execution,
    run: &RunContext,
    state: &Run,
    asking: &Asking<'_>,
    approval: ApprovalId,
    recipient: &str,
    token: &Token,
    ceiling: Money,
    quorum: i64,
    now: Timestamp,
) -> MailRecord {
    let parts = execution.platform.parts();
    let (tenant, slug) = state.started().map_or(("", ""), |started| (started.tenant_name.as_str(), started.tenant_slug.as_str()));
    let title = one_line(&asking.request.title, 200);
    let until = crate::words::moment(asking.expires_at);
    let mut text = format!(
        "{} asks you to approve one step of \"{}\" (run {}).\n\n{title}\n\n",
        run.starter_label,
        one_line(&run.plan.name, 100),
        run.number
    );
    for (label, value) in &asking.request.shows {
        text.push_str(&format!("  {}: {}\n", one_line(label, 60), one_line(value, 300)));
    }
    text.push_str("\nIf you approve:\n");
    for effect in &asking.coverage.effects {
        let hosts = if effect.hosts.is_empty() { "a model provider".to_owned() } else { effect.hosts.join(", ") };
        let with = if effect.credentials.is_empty() { String::new() } else { format!(", with {}", effect.credentials.join(", ")) };
        text.push_str(&format!("  {}: {} to {hosts}{with}\n", one_line(&effect.name, 80), effect.kind));
    }
    text.push_str(&format!(
        "  It may cost up to {ceiling} more.\n\nNeeded: {quorum} approval{}. It rejects itself on {until} if nobody decides.\n\nDecide here, after signing in:\n{}/a/{}\n\n\
         Opening the link changes nothing. Forwarding this mail does not pass on\nyour right to decide.\n",
        if quorum == 1 { "" } else { "s" },
        execution.platform.settings().public_url,
        token.text().expose(),
    ));
    let headers = serde_json::json!({ "List-Id": format!("Approvals of {} <{slug}.approvals>", one_line(tenant, 60)) });
    MailRecord {
        id: MailId::new(now, parts.entropy.as_ref()),
        recipient: recipient.to_owned(),
        subject: format!("[{}] Approve: {} - until {until}", one_line(tenant, 40), one_line(&asking.request.title, SUBJECT_WORDS)),
        text_body: text,
        html_body: None,
        headers: headers.to_string(),
        reference: approval.to_string(),
    }
}

//! Writing what the members of a batch decided: one statement a table, all in one text, checked to have changed every row.

use std::collections::BTreeMap;

use domain::{RunId, TenantId, Timestamp};

use super::{Outcome, money::Charge, records::Records, system};
use crate::{bulk::Rows, error::Error, executor::Arm, together::Together};

/// Writes everything but the audit rows, which the commit writes.
pub(crate) async fn store(arm: &mut Arm<'_>, records: Records, now: Timestamp) -> Result<Outcome, Error> {
    let Records {
        journal,
        runs,
        queue,
        inbox_done,
        accounts,
        holds_opened,
        holds_closed,
        approvals_asked,
        approvals_ended,
        links,
        uses,
        mails,
        intents,
        announcements,
    } = records;

    let mut writes = Together::default();
    let mut rows = Rows::default();
    for (tenant, run, seq, at, event) in &journal {
        rows.row().uuid(tenant.uuid()).uuid(run.uuid()).int(*seq).int(at.micros()).text(event);
    }
    writes.add(rows, &system::JOURNAL)?;

    let mut rows = Rows::default();
    for ((tenant, key), account) in &accounts {
        rows.row()
            .uuid(tenant.uuid())
            .text(key)
            .opt_int(account.limits.total.map(domain::Money::nanos))
            .int(account.spent.nanos())
            .int(account.held.nanos())
            .int(account.unconfirmed.nanos())
            .opt_int(account.counted_at.map(Timestamp::micros))
            .opt_text(account.span.map(|span| span.period.name()))
            .opt_int(account.span.map(|span| span.starts_at.micros()))
            .opt_int(account.span.map(|span| span.ends_at.micros()));
    }
    writes.add(rows, &system::WRITE_ACCOUNTS)?;

    let mut rows = Rows::default();
    for (tenant, run, hold) in &holds_opened {
        let accounts = serde_json::Value::from(hold.accounts.clone()).to_string();
        rows.row()
            .uuid(tenant.uuid())
            .uuid(hold.id.uuid())
            .uuid(run.uuid())
            .text(&hold.step)
            .int(hold.attempt)
            .int(hold.dispatch)
            .int(hold.amount.nanos())
            .text(&accounts)
            .int(now.micros());
    }
    writes.add(rows, &system::OPEN_HOLD)?;

    let mut rows = Rows::default();
    for (tenant, close) in &holds_closed {
        let Charge { charged, usage, model, price_version } = &close.charge;
        rows.row()
            .uuid(tenant.uuid())
            .uuid(close.id.uuid())
            .text(close.state.name())
            .int(charged.nanos())
            .opt_text(usage.as_deref())
            .opt_text(model.as_deref())
            .opt_int(*price_version)
            .int(now.micros());
    }
    writes.add(rows, &system::CLOSE_HOLD)?;

    let mut rows = Rows::default();
    for (tenant, run, asked) in &approvals_asked {
        rows.row()
            .uuid(tenant.uuid())
            .uuid(asked.id.uuid())
            .uuid(run.uuid())
            .text(&asked.step)
            .int(asked.round)
            .text(&asked.kind)
            .text(&asked.title)
            .text(&asked.request)
            .text(&asked.coverage)
            .bytes(&asked.digest)
            .int(asked.ceiling.nanos())
            .int(asked.quorum)
            .int(asked.requested_at.micros())
            .int(asked.expires_at.micros());
    }
    writes.add(rows, &system::ASK_APPROVAL)?;

    let mut rows = Rows::default();
    for (tenant, link) in &links {
        rows.row()
            .uuid(tenant.uuid())
            .uuid(link.id.uuid())
            .uuid(link.approval.uuid())
            .uuid(link.person.uuid())
            .bytes(&link.token_hash)
            .int(link.expires_at.micros());
    }
    writes.add(rows, &system::LINK)?;

    let (mut rows, mut withdrawn) = (Rows::default(), Rows::default());
    for (tenant, before, end) in &approvals_ended {
        rows.row()
            .uuid(tenant.uuid())
            .uuid(end.id.uuid())
            .text(end.state.name())
            .int(end.at.micros())
            .text(&end.by)
            .opt_text(end.comment.as_deref())
            .text(before.name());
        withdrawn.row().uuid(tenant.uuid()).uuid(end.id.uuid()).int(end.at.micros());
    }
    writes.add(rows, &system::END_APPROVAL)?;

    let mut rows = Rows::default();
    for (tenant, run, used) in &uses {
        rows.row()
            .uuid(tenant.uuid())
            .uuid(used.id.uuid())
            .uuid(used.credential.uuid())
            .int(used.version)
            .uuid(run.uuid())
            .text(&used.step)
            .int(used.attempt)
            .int(used.dispatch)
            .text(&used.host)
            .int(used.at.micros());
    }
    writes.add(rows, &system::CREDENTIAL_USE)?;

    let mut rows = Rows::default();
    for (tenant, mail) in &mails {
        rows.row()
            .uuid(tenant.uuid())
            .uuid(mail.id.uuid())
            .text(&mail.recipient)
            .text(&mail.subject)
            .text(&mail.text_body)
            .opt_text(mail.html_body.as_deref())
            .text(&mail.headers)
            .text(&mail.reference)
            .int(now.micros());
    }
    writes.add(rows, &system::MAIL)?;

    let mut rows = Rows::default();
    for ((tenant, run), change) in &runs {
        let update = change.update.as_ref();
        rows.row()
            .uuid(tenant.uuid())
            .uuid(run.uuid())
            .int(change.spent)
            .int(change.held)
            .opt_text(update.map(|update| update.status.name()))
            .opt_text(update.and_then(|update| update.waiting_for.as_deref()))
            .opt_text(update.and_then(|update| update.outputs.as_deref()))
            .opt_text(update.and_then(|update| update.error.as_deref()))
            .int(update.map_or(0, |update| update.last_seq))
            .opt_int(update.and_then(|update| update.started_at).map(Timestamp::micros))
            .opt_int(update.and_then(|update| update.ended_at).map(Timestamp::micros));
    }
    writes.add(rows, &system::RUNS)?;

    let mut rows = Rows::default();
    for (tenant, _, id) in &inbox_done {
        rows.row().uuid(tenant.uuid()).uuid(id.uuid());
    }
    writes.add(rows, &system::INBOX_DONE)?;

    // After the inbox was emptied: what is left in it wakes its run. Where the statements see the same moment, the count
    // of what was taken out tells whether anything is.
    let mut taken: BTreeMap<(TenantId, RunId), i64> = BTreeMap::new();
    for (tenant, run, _) in &inbox_done {
        *taken.entry((*tenant, *run)).or_default() += 1;
    }
    let mut rows = Rows::default();
    for ((tenant, run), place) in &queue {
        rows.row()
            .uuid(tenant.uuid())
            .uuid(run.uuid())
            .int(place.fence)
            .opt_int(place.wake_at.map(Timestamp::micros))
            .int(i64::from(place.owner.is_none()))
            .int(now.micros())
            .int(taken.get(&(*tenant, *run)).copied().unwrap_or_default());
    }
    writes.add(rows, &system::QUEUE)?;

    writes.write(arm).await?;
    withdrawn.write_any(arm, &system::WITHDRAW_LINKS).await?;
    Ok(Outcome { intents, announcements })
}

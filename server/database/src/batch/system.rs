//! The statements of the batch: each reads or writes one table for many runs of many tenants.
//!
//! Their one value is a JSON array of arrays. On PostgreSQL they run as the application's login, for the tenants that
//! the batch names, and row level security holds them there. What is read to be changed is locked in one order:
//! accounts, approvals, places in the queue, each by key, and at last the ends of audit chains.

use crate::statement::Statement;

/// Runs with their places in the queue, and the tenant of each.
pub(crate) static PLACES: Statement = Statement::system_each(
    "batch.places",
    "select t.id as tenant_id, t.status, t.policy_version, t.time_zone, q.run_id, q.owner, q.fence, q.lease_until, q.wake_at
     from jsonb_each($1) as j
     cross join tenant as t on t.id = unhex(j.value->>0)
     cross join run_queue as q on q.tenant_id = t.id and q.run_id = unhex(j.value->>1)",
    "select t.id as tenant_id, t.status, t.policy_version, t.time_zone, q.run_id, q.owner, q.fence, q.lease_until, q.wake_at
     from jsonb_array_elements($1::jsonb) as j
     join tenant as t on t.id = (j.value->>0)::uuid
     join run_queue as q on q.tenant_id = t.id and q.run_id = (j.value->>1)::uuid
     order by q.tenant_id, q.run_id for no key update of q",
);

pub(crate) static MEMBERSHIPS: Statement = Statement::system_each(
    "batch.memberships",
    "select m.tenant_id, m.person_id, m.status
     from jsonb_each($1) as j cross join membership as m on m.tenant_id = unhex(j.value->>0) and m.person_id = unhex(j.value->>1)",
    "select m.tenant_id, m.person_id, m.status
     from jsonb_array_elements($1::jsonb) as j
     join membership as m on m.tenant_id = (j.value->>0)::uuid and m.person_id = (j.value->>1)::uuid",
);

/// On PostgreSQL a row that does not exist cannot be locked, so each is made first; two that make one wait for each other.
pub(crate) static ENSURE_ACCOUNTS: Statement = Statement::system_each(
    "batch.ensure_accounts",
    "insert into account (tenant_id, key) select unhex(value->>0), value->>1 from jsonb_each($1) where true on conflict do nothing",
    "insert into account (tenant_id, key) select (value->>0)::uuid, value->>1 from jsonb_array_elements($1::jsonb)
     order by 1, 2 on conflict do nothing",
);

pub(crate) static ACCOUNTS: Statement = Statement::system_each(
    "batch.accounts",
    "select a.tenant_id, a.key, a.limit_nanos, a.hour_limit, a.day_limit, a.week_limit, a.month_limit, a.spent, a.held, a.unconfirmed,
         a.counted_at, a.period, a.starts_at, a.ends_at
     from jsonb_each($1) as j cross join account as a on a.tenant_id = unhex(j.value->>0) and a.key = j.value->>1",
    "select a.tenant_id, a.key, a.limit_nanos, a.hour_limit, a.day_limit, a.week_limit, a.month_limit, a.spent, a.held, a.unconfirmed,
         a.counted_at, a.period, a.starts_at, a.ends_at
     from jsonb_array_elements($1::jsonb) as j join account as a on a.tenant_id = (j.value->>0)::uuid and a.key = j.value->>1
     order by a.tenant_id, a.key for no key update of a",
);

pub(crate) static APPROVALS: Statement = Statement::system_each(
    "batch.approvals",
    "select a.tenant_id, a.id, a.run_id, a.step, a.round, a.kind, a.state, a.digest, a.ceiling, a.quorum, a.requested_at, a.expires_at
     from jsonb_each($1) as j cross join approval as a on a.tenant_id = unhex(j.value->>0) and a.id = unhex(j.value->>1)",
    "select a.tenant_id, a.id, a.run_id, a.step, a.round, a.kind, a.state, a.digest, a.ceiling, a.quorum, a.requested_at, a.expires_at
     from jsonb_array_elements($1::jsonb) as j join approval as a on a.tenant_id = (j.value->>0)::uuid and a.id = (j.value->>1)::uuid
     order by a.tenant_id, a.id for no key update of a",
);

pub(crate) static CREDENTIALS: Statement = Statement::system_each(
    "batch.credentials",
    "select c.tenant_id, c.id, c.name, c.kind, c.version, c.allowed_hosts
     from jsonb_each($1) as j cross join credential as c
     on c.tenant_id = unhex(j.value->>0) and c.name = j.value->>1 and c.removed_at is null",
    "select c.tenant_id, c.id, c.name, c.kind, c.version, c.allowed_hosts
     from jsonb_array_elements($1::jsonb) as j
     join credential as c on c.tenant_id = (j.value->>0)::uuid and c.name = j.value->>1 and c.removed_at is null",
);

pub(crate) static PROVIDER_CREDENTIALS: Statement = Statement::system_each(
    "batch.provider_credentials",
    "select c.tenant_id, c.id, c.name, c.kind, c.version, c.allowed_hosts
     from jsonb_each($1) as j
     cross join provider as p on p.tenant_id = unhex(j.value->>0) and p.removed_at is null
     join credential as c on c.tenant_id = p.tenant_id and c.name = p.credential_name and c.removed_at is null",
    "select c.tenant_id, c.id, c.name, c.kind, c.version, c.allowed_hosts
     from jsonb_array_elements($1::jsonb) as j
     join provider as p on p.tenant_id = (j.value->>0)::uuid and p.removed_at is null
     join credential as c on c.tenant_id = p.tenant_id and c.name = p.credential_name and c.removed_at is null",
);

pub(crate) static MODELS: Statement = Statement::system_each(
    "batch.models",
    "select m.tenant_id, m.id, m.name, m.provider_id, p.name as provider_name, p.base_url, p.credential_name, m.input_price,
         m.output_price, m.cached_price, m.max_output_tokens, m.is_default, m.price_version
     from jsonb_each($1) as j
     cross join model as m on m.tenant_id = unhex(j.value->>0)
     join provider as p on p.tenant_id = m.tenant_id and p.id = m.provider_id and p.removed_at is null
     order by p.name, m.name",
    "select m.tenant_id, m.id, m.name, m.provider_id, p.name as provider_name, p.base_url, p.credential_name, m.input_price,
         m.output_price, m.cached_price, m.max_output_tokens, m.is_default, m.price_version
     from jsonb_array_elements($1::jsonb) as j
     join model as m on m.tenant_id = (j.value->>0)::uuid
     join provider as p on p.tenant_id = m.tenant_id and p.id = m.provider_id and p.removed_at is null
     order by p.name, m.name",
);

pub(crate) static HOLDS: Statement = Statement::system_each(
    "batch.holds",
    "select h.tenant_id, h.id, h.run_id, h.step, h.attempt, h.dispatch, h.amount, h.accounts, h.state, h.charged
     from jsonb_each($1) as j cross join hold as h on h.tenant_id = unhex(j.value->>0) and h.id = unhex(j.value->>1)",
    "select h.tenant_id, h.id, h.run_id, h.step, h.attempt, h.dispatch, h.amount, h.accounts, h.state, h.charged
     from jsonb_array_elements($1::jsonb) as j join hold as h on h.tenant_id = (j.value->>0)::uuid and h.id = (j.value->>1)::uuid",
);

pub(crate) static OPEN_HOLDS: Statement = Statement::system_each(
    "batch.open_holds",
    "select h.tenant_id, h.id, h.run_id, h.step, h.attempt, h.dispatch, h.amount, h.accounts, h.state, h.charged
     from jsonb_each($1) as j cross join hold as h
     on h.tenant_id = unhex(j.value->>0) and h.run_id = unhex(j.value->>1) and h.state = 'open'",
    "select h.tenant_id, h.id, h.run_id, h.step, h.attempt, h.dispatch, h.amount, h.accounts, h.state, h.charged
     from jsonb_array_elements($1::jsonb) as j
     join hold as h on h.tenant_id = (j.value->>0)::uuid and h.run_id = (j.value->>1)::uuid and h.state = 'open'",
);

pub(crate) static JOURNAL: Statement = Statement::system_each(
    "batch.journal",
    "insert into journal (tenant_id, run_id, seq, at, event)
     select unhex(value->>0), unhex(value->>1), value->>2, value->>3, value->>4 from jsonb_each($1)",
    "insert into journal (tenant_id, run_id, seq, at, event)
     select (value->>0)::uuid, (value->>1)::uuid, (value->>2)::bigint, (value->>3)::bigint, value->>4
     from jsonb_array_elements($1::jsonb)",
);

/// Money moves by differences; the rest is written when the row has a status, and what a run once had it keeps.
pub(crate) static RUNS: Statement = Statement::system_each(
    "batch.runs",
    "update run set spent = run.spent + (j.value->>2), held = run.held + (j.value->>3),
         status = coalesce(j.value->>4, run.status),
         waiting_for = case when j.value->>4 is null then run.waiting_for else j.value->>5 end,
         outputs = coalesce(j.value->>6, run.outputs), error = coalesce(j.value->>7, run.error),
         last_seq = max(run.last_seq, j.value->>8),
         started_at = coalesce(run.started_at, j.value->>9), ended_at = coalesce(run.ended_at, j.value->>10)
     from jsonb_each($1) as j where run.tenant_id = unhex(j.value->>0) and run.id = unhex(j.value->>1)",
    "update run set spent = run.spent + (j.value->>2)::bigint, held = run.held + (j.value->>3)::bigint,
         status = coalesce(j.value->>4, run.status),
         waiting_for = case when j.value->>4 is null then run.waiting_for else j.value->>5 end,
         outputs = coalesce(j.value->>6, run.outputs), error = coalesce(j.value->>7, run.error),
         last_seq = greatest(run.last_seq, (j.value->>8)::bigint),
         started_at = coalesce(run.started_at, (j.value->>9)::bigint), ended_at = coalesce(run.ended_at, (j.value->>10)::bigint)
     from jsonb_array_elements($1::jsonb) as j where run.tenant_id = (j.value->>0)::uuid and run.id = (j.value->>1)::uuid",
);

/// The fence stands in the condition although it was compared before: a lost lease can never move a run. What came in
/// while the run was worked on and is still in the inbox wakes it at once, whatever time the worker chose. On PostgreSQL
/// the statement runs beside the one that empties the inbox and sees what that takes out, so it counts.
pub(crate) static QUEUE: Statement = Statement::system_each(
    "batch.queue",
    "update run_queue set
         wake_at = case when exists (select 1 from inbox as i where i.tenant_id = run_queue.tenant_id and i.run_id = run_queue.run_id)
             then j.value->>5 else j.value->>3 end,
         owner = case when j.value->>4 then null else run_queue.owner end,
         lease_until = case when j.value->>4 then null else run_queue.lease_until end
     from jsonb_each($1) as j
     where run_queue.tenant_id = unhex(j.value->>0) and run_queue.run_id = unhex(j.value->>1) and run_queue.fence = j.value->>2",
    "update run_queue set
         wake_at = case when (select count(*) from inbox as i where i.tenant_id = run_queue.tenant_id and i.run_id = run_queue.run_id)
             > (j.value->>6)::bigint then (j.value->>5)::bigint else (j.value->>3)::bigint end,
         owner = case when j.value->>4 = '1' then null else run_queue.owner end,
         lease_until = case when j.value->>4 = '1' then null else run_queue.lease_until end
     from jsonb_array_elements($1::jsonb) as j
     where run_queue.tenant_id = (j.value->>0)::uuid and run_queue.run_id = (j.value->>1)::uuid
         and run_queue.fence = (j.value->>2)::bigint",
);

pub(crate) static INBOX_DONE: Statement = Statement::system_each(
    "batch.inbox_done",
    "delete from inbox where (tenant_id, id) in (select unhex(value->>0), unhex(value->>1) from jsonb_each($1))",
    "delete from inbox using jsonb_array_elements($1::jsonb) as j
     where inbox.tenant_id = (j.value->>0)::uuid and inbox.id = (j.value->>1)::uuid",
);

/// The limits of periods are a person's to set, and stay as they are.
pub(crate) static WRITE_ACCOUNTS: Statement = Statement::system_each(
    "batch.write_accounts",
    "insert into account (tenant_id, key, limit_nanos, spent, held, unconfirmed, counted_at, period, starts_at, ends_at)
     select unhex(value->>0), value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, value->>9
     from jsonb_each($1) where true
     on conflict (tenant_id, key) do update
     set limit_nanos = excluded.limit_nanos, spent = excluded.spent, held = excluded.held, unconfirmed = excluded.unconfirmed,
         counted_at = excluded.counted_at, period = excluded.period, starts_at = excluded.starts_at, ends_at = excluded.ends_at",
    "insert into account (tenant_id, key, limit_nanos, spent, held, unconfirmed, counted_at, period, starts_at, ends_at)
     select (value->>0)::uuid, value->>1, (value->>2)::bigint, (value->>3)::bigint, (value->>4)::bigint, (value->>5)::bigint,
         (value->>6)::bigint, value->>7, (value->>8)::bigint, (value->>9)::bigint
     from jsonb_array_elements($1::jsonb)
     on conflict (tenant_id, key) do update
     set limit_nanos = excluded.limit_nanos, spent = excluded.spent, held = excluded.held, unconfirmed = excluded.unconfirmed,
         counted_at = excluded.counted_at, period = excluded.period, starts_at = excluded.starts_at, ends_at = excluded.ends_at",
);

pub(crate) static OPEN_HOLD: Statement = Statement::system_each(
    "batch.open_hold",
    "insert into hold (tenant_id, id, run_id, step, attempt, dispatch, amount, accounts, opened_at, state)
     select unhex(value->>0), unhex(value->>1), unhex(value->>2), value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, 'open'
     from jsonb_each($1)",
    "insert into hold (tenant_id, id, run_id, step, attempt, dispatch, amount, accounts, opened_at, state)
     select (value->>0)::uuid, (value->>1)::uuid, (value->>2)::uuid, value->>3, (value->>4)::bigint, (value->>5)::bigint,
         (value->>6)::bigint, value->>7, (value->>8)::bigint, 'open'
     from jsonb_array_elements($1::jsonb)",
);

/// Closes only what is open: somebody who was faster wins, and the batch is decided again.
pub(crate) static CLOSE_HOLD: Statement = Statement::system_each(
    "batch.close_hold",
    "update hold set state = j.value->>2, charged = j.value->>3, usage = j.value->>4, model = j.value->>5,
         price_version = j.value->>6, closed_at = j.value->>7
     from jsonb_each($1) as j
     where hold.tenant_id = unhex(j.value->>0) and hold.id = unhex(j.value->>1) and hold.state = 'open'",
    "update hold set state = j.value->>2, charged = (j.value->>3)::bigint, usage = j.value->>4, model = j.value->>5,
         price_version = (j.value->>6)::bigint, closed_at = (j.value->>7)::bigint
     from jsonb_array_elements($1::jsonb) as j
     where hold.tenant_id = (j.value->>0)::uuid and hold.id = (j.value->>1)::uuid and hold.state = 'open'",
);

pub(crate) static ASK_APPROVAL: Statement = Statement::system_each(
    "batch.ask_approval",
    "insert into approval (tenant_id, id, run_id, step, round, kind, title, request, coverage, digest, ceiling, quorum, requested_at,
         expires_at, state)
     select unhex(value->>0), unhex(value->>1), unhex(value->>2), value->>3, value->>4, value->>5, value->>6, value->>7, value->>8,
         unhex(value->>9), value->>10, value->>11, value->>12, value->>13, 'PENDING'
     from jsonb_each($1)",
    "insert into approval (tenant_id, id, run_id, step, round, kind, title, request, coverage, digest, ceiling, quorum, requested_at,
         expires_at, state)
     select (value->>0)::uuid, (value->>1)::uuid, (value->>2)::uuid, value->>3, (value->>4)::bigint, value->>5, value->>6, value->>7,
         value->>8, decode(value->>9, 'hex'), (value->>10)::bigint, (value->>11)::bigint, (value->>12)::bigint, (value->>13)::bigint,
         'PENDING'
     from jsonb_array_elements($1::jsonb)",
);

/// The one conditional update from PENDING that decides every race.
pub(crate) static END_APPROVAL: Statement = Statement::system_each(
    "batch.end_approval",
    "update approval set state = j.value->>2, ended_at = j.value->>3, ended_by_label = j.value->>4, comment = j.value->>5
     from jsonb_each($1) as j
     where approval.tenant_id = unhex(j.value->>0) and approval.id = unhex(j.value->>1) and approval.state = j.value->>6",
    "update approval set state = j.value->>2, ended_at = (j.value->>3)::bigint, ended_by_label = j.value->>4, comment = j.value->>5
     from jsonb_array_elements($1::jsonb) as j
     where approval.tenant_id = (j.value->>0)::uuid and approval.id = (j.value->>1)::uuid and approval.state = j.value->>6",
);

pub(crate) static LINK: Statement = Statement::system_each(
    "batch.link",
    "insert into approval_link (tenant_id, id, approval_id, person_id, token_hash, expires_at)
     select unhex(value->>0), unhex(value->>1), unhex(value->>2), unhex(value->>3), unhex(value->>4), value->>5 from jsonb_each($1)",
    "insert into approval_link (tenant_id, id, approval_id, person_id, token_hash, expires_at)
     select (value->>0)::uuid, (value->>1)::uuid, (value->>2)::uuid, (value->>3)::uuid, decode(value->>4, 'hex'), (value->>5)::bigint
     from jsonb_array_elements($1::jsonb)",
);

pub(crate) static WITHDRAW_LINKS: Statement = Statement::system_each(
    "batch.withdraw_links",
    "update approval_link set withdrawn_at = j.value->>2 from jsonb_each($1) as j
     where approval_link.tenant_id = unhex(j.value->>0) and approval_link.approval_id = unhex(j.value->>1)
         and approval_link.withdrawn_at is null",
    "update approval_link set withdrawn_at = (j.value->>2)::bigint from jsonb_array_elements($1::jsonb) as j
     where approval_link.tenant_id = (j.value->>0)::uuid and approval_link.approval_id = (j.value->>1)::uuid
         and approval_link.withdrawn_at is null",
);

pub(crate) static CREDENTIAL_USE: Statement = Statement::system_each(
    "batch.credential_use",
    "insert into credential_use (tenant_id, id, credential_id, version, run_id, step, attempt, dispatch, host, at)
     select unhex(value->>0), unhex(value->>1), unhex(value->>2), value->>3, unhex(value->>4), value->>5, value->>6, value->>7,
         value->>8, value->>9
     from jsonb_each($1)",
    "insert into credential_use (tenant_id, id, credential_id, version, run_id, step, attempt, dispatch, host, at)
     select (value->>0)::uuid, (value->>1)::uuid, (value->>2)::uuid, (value->>3)::bigint, (value->>4)::uuid, value->>5,
         (value->>6)::bigint, (value->>7)::bigint, value->>8, (value->>9)::bigint
     from jsonb_array_elements($1::jsonb)",
);

pub(crate) static MAIL: Statement = Statement::system_each(
    "batch.mail",
    "insert into mail (tenant_id, id, recipient, subject, text_body, html_body, headers, reference, created_at, next_attempt_at)
     select unhex(value->>0), unhex(value->>1), value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, value->>8
     from jsonb_each($1)",
    "insert into mail (tenant_id, id, recipient, subject, text_body, html_body, headers, reference, created_at, next_attempt_at)
     select (value->>0)::uuid, (value->>1)::uuid, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
         (value->>8)::bigint, (value->>8)::bigint
     from jsonb_array_elements($1::jsonb)",
);

pub(crate) static ALL: &[&Statement] = &[
    &PLACES,
    &MEMBERSHIPS,
    &ENSURE_ACCOUNTS,
    &ACCOUNTS,
    &APPROVALS,
    &CREDENTIALS,
    &PROVIDER_CREDENTIALS,
    &MODELS,
    &HOLDS,
    &OPEN_HOLDS,
    &JOURNAL,
    &RUNS,
    &QUEUE,
    &INBOX_DONE,
    &WRITE_ACCOUNTS,
    &OPEN_HOLD,
    &CLOSE_HOLD,
    &ASK_APPROVAL,
    &END_APPROVAL,
    &LINK,
    &WITHDRAW_LINKS,
    &CREDENTIAL_USE,
    &MAIL,
];

-- The foundation. Twin of migrations/postgres/0001_foundation.sql: same tables, same columns, same names.
-- Times are microseconds since 1970 in UTC, money is nano-dollars, JSON documents are kept as the text
-- they were written in. Every table of a tenant begins its primary key with tenant_id, and so do the
-- foreign keys between such tables: a row of one tenant cannot point to a row of another.

-- The installation: what belongs to no tenant.

-- The one installation: where its own audit chain ends.
create table installation (
    id integer not null constraint there_is_one_installation check (id = 1),
    audit_seq integer not null default 0,
    audit_hash blob not null check (length(audit_hash) = 32),
    primary key (id)
) strict;
insert into installation (id, audit_hash) values (1, zeroblob(32));

-- The audit chain of the installation: set-up, tenants, keys. Rows are added, never changed.
create table installation_audit (
    seq integer not null,
    at integer not null,
    action text not null,
    canonical text not null,
    hash blob not null check (length(hash) = 32),
    primary key (seq)
) strict;

-- Signed one-time links that were used; whoever inserts the row first has used the link.
create table used_link (
    id text not null,
    purpose text not null,
    used_at integer not null,
    tenant_id blob check (length(tenant_id) = 16),
    primary key (id)
) strict;

-- People who sign in; one person may be a member of several tenants.
create table person (
    id blob not null check (length(id) = 16),
    email text not null constraint an_email_is_kept_in_lower_case check (email = lower(email)),
    name text not null,
    password_hash text not null,
    status text not null check (status in ('active', 'disabled')),
    created_at integer not null,
    password_changed_at integer not null,
    primary key (id),
    constraint an_email_names_one_person unique (email)
) strict;

-- Signed-in browsers. Only the hash of the cookie is kept.
create table session (
    id blob not null check (length(id) = 16),
    person_id blob not null check (length(person_id) = 16),
    token_hash blob not null check (length(token_hash) = 32),
    created_at integer not null,
    last_seen_at integer not null,
    expires_at integer not null,
    address text,
    agent text,
    primary key (id),
    constraint a_token_opens_one_session unique (token_hash),
    constraint a_session_belongs_to_a_person foreign key (person_id) references person (id)
) strict;

create index session_of_person on session (person_id);

-- Token buckets: thousandths of a token left for a key at a moment.
create table throttle (
    key text not null,
    tokens integer not null,
    updated_at integer not null,
    primary key (key)
) strict;

create index throttle_by_age on throttle (updated_at);

-- Tenants. The row also holds the end of the tenant's audit chain, the id of its policy's state and the next run's number.
create table tenant (
    id blob not null check (length(id) = 16),
    slug text not null,
    name text not null,
    status text not null check (status in ('active', 'closed')),
    policy_version blob not null check (length(policy_version) = 16),
    created_at integer not null,
    time_zone text not null default 'UTC',
    next_run_number integer not null default 1,
    audit_seq integer not null default 0,
    audit_hash blob not null check (length(audit_hash) = 32),
    primary key (id),
    constraint a_slug_names_one_tenant unique (slug)
) strict;

-- Members and what they may.

-- Who is a member of a tenant.
create table membership (
    tenant_id blob not null check (length(tenant_id) = 16),
    person_id blob not null check (length(person_id) = 16),
    status text not null check (status in ('active', 'disabled')),
    joined_at integer not null,
    primary key (tenant_id, person_id),
    constraint a_membership_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_membership_is_of_a_person foreign key (person_id) references person (id)
) strict;

create index membership_of_person on membership (person_id);

-- Invitations to become a member. Open while neither accepted nor withdrawn; only the hash of the link's token is kept.
create table invitation (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    email text not null constraint an_invited_email_is_kept_in_lower_case check (email = lower(email)),
    name text not null,
    role text not null,
    token_hash blob not null check (length(token_hash) = 32),
    invited_by blob check (length(invited_by) = 16),
    created_at integer not null,
    expires_at integer not null,
    accepted_at integer,
    withdrawn_at integer,
    primary key (tenant_id, id),
    constraint a_token_accepts_one_invitation unique (token_hash),
    constraint an_invitation_ends_once check (accepted_at is null or withdrawn_at is null),
    constraint an_invitation_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint an_inviter_is_a_member foreign key (tenant_id, invited_by) references membership (tenant_id, person_id)
) strict;

create unique index an_email_has_one_open_invitation on invitation (tenant_id, email) where accepted_at is null and withdrawn_at is null;

-- Which member holds which role; granted_by is empty for what the installation or its operator gave.
create table role_binding (
    tenant_id blob not null check (length(tenant_id) = 16),
    person_id blob not null check (length(person_id) = 16),
    role text not null,
    granted_by blob check (length(granted_by) = 16),
    granted_at integer not null,
    primary key (tenant_id, person_id, role),
    constraint a_role_is_held_by_a_member foreign key (tenant_id, person_id) references membership (tenant_id, person_id),
    constraint a_role_is_granted_by_a_member foreign key (tenant_id, granted_by) references membership (tenant_id, person_id)
) strict;

-- The record.

-- The audit chain of a tenant. `canonical` is what `hash` covers; the other columns repeat parts of it for filtering. Rows are added, never changed.
create table audit_event (
    tenant_id blob not null check (length(tenant_id) = 16),
    seq integer not null,
    at integer not null,
    actor_label text not null,
    action text not null,
    target_kind text not null,
    target_id text not null,
    outcome text not null check (outcome in ('done', 'denied', 'failed')),
    request text not null,
    search text not null,
    canonical text not null,
    hash blob not null check (length(hash) = 32),
    primary key (tenant_id, seq),
    constraint an_audit_event_is_of_a_tenant foreign key (tenant_id) references tenant (id)
) strict;

create index audit_event_of_target on audit_event (tenant_id, target_id, seq);
create index audit_event_of_actor on audit_event (tenant_id, actor_label, seq);
create index audit_event_by_action on audit_event (tenant_id, action, seq);
create index audit_event_by_time on audit_event (tenant_id, at);

-- Denials repeated within one minute: the first is an audit event at once, the others are counted here and recorded as one event afterwards.
create table denial_count (
    tenant_id blob not null check (length(tenant_id) = 16),
    key text not null,
    minute integer not null,
    count integer not null,
    actor text not null,
    event text not null,
    primary key (tenant_id, key, minute),
    constraint a_denial_is_of_a_tenant foreign key (tenant_id) references tenant (id)
) strict;

create index denial_count_by_minute on denial_count (minute);

-- Secrets.

-- The identity that opens a tenant's credentials, wrapped by the installation's.
create table tenant_key (
    tenant_id blob not null check (length(tenant_id) = 16),
    wrapped blob not null,
    created_at integer not null,
    primary key (tenant_id),
    constraint a_key_is_of_a_tenant foreign key (tenant_id) references tenant (id)
) strict;

-- Credentials, sealed. A removed one keeps its facts and loses its value.
create table credential (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    name text not null,
    kind text not null,
    version integer not null constraint a_credential_version_counts_from_one check (version >= 1),
    sealed blob,
    allowed_hosts text not null,
    description text not null,
    created_by blob check (length(created_by) = 16),
    created_at integer not null,
    replaced_at integer,
    removed_at integer,
    primary key (tenant_id, id),
    constraint only_a_removed_credential_has_no_value check ((sealed is null) = (removed_at is not null)),
    constraint a_credential_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_credential_is_created_by_a_member foreign key (tenant_id, created_by) references membership (tenant_id, person_id)
) strict;

create unique index a_name_is_of_one_credential on credential (tenant_id, name) where removed_at is null;

-- Settings of a tenant.

-- Tenant variables, readable as `vars.name`.
create table variable (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    name text not null,
    kind text not null check (kind in ('string', 'number', 'boolean')),
    value text not null,
    updated_by blob check (length(updated_by) = 16),
    updated_at integer not null,
    primary key (tenant_id, id),
    constraint a_name_is_of_one_variable unique (tenant_id, name),
    constraint a_variable_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_variable_is_set_by_a_member foreign key (tenant_id, updated_by) references membership (tenant_id, person_id)
) strict;

-- Model providers that speak the wire format of OpenAI.
create table provider (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    name text not null,
    base_url text not null,
    credential_name text,
    created_by blob check (length(created_by) = 16),
    created_at integer not null,
    removed_at integer,
    primary key (tenant_id, id),
    constraint a_provider_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_provider_is_created_by_a_member foreign key (tenant_id, created_by) references membership (tenant_id, person_id)
) strict;

create unique index a_name_is_of_one_provider on provider (tenant_id, name) where removed_at is null;

-- Models of a provider with their prices, in nano-dollars for a million tokens.
create table model (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    provider_id blob not null check (length(provider_id) = 16),
    name text not null,
    input_price integer not null,
    output_price integer not null,
    cached_price integer,
    max_output_tokens integer not null,
    is_default integer not null check (is_default in (0, 1)),
    price_version integer not null,
    created_at integer not null,
    primary key (tenant_id, id),
    constraint a_name_is_of_one_model_of_a_provider unique (tenant_id, provider_id, name),
    constraint a_price_is_not_negative check (input_price >= 0 and output_price >= 0 and (cached_price is null or cached_price >= 0)),
    constraint a_model_is_of_a_provider foreign key (tenant_id, provider_id) references provider (tenant_id, id)
) strict;

create unique index a_tenant_has_one_default_model on model (tenant_id) where is_default;

-- Workflows and runs.

-- Folders that workflows live in. A path is made of the names from the root on, with slashes between.
create table folder (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    path text not null,
    created_by blob check (length(created_by) = 16),
    created_at integer not null,
    primary key (tenant_id, id),
    constraint a_path_leads_to_one_folder unique (tenant_id, path),
    constraint a_folder_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_folder_is_created_by_a_member foreign key (tenant_id, created_by) references membership (tenant_id, person_id)
) strict;

-- Workflows. What they do is in their versions; a start takes the published one. The revision counts every change.
create table workflow (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    slug text not null,
    name text not null,
    description text not null,
    tags text not null,
    current_version integer not null,
    published_version integer,
    revision integer not null,
    folder_id blob check (length(folder_id) = 16),
    created_by blob check (length(created_by) = 16),
    created_at integer not null,
    removed_at integer,
    primary key (tenant_id, id),
    constraint only_a_version_is_published check (published_version between 1 and current_version),
    constraint a_workflow_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_workflow_lives_in_a_folder foreign key (tenant_id, folder_id) references folder (tenant_id, id),
    constraint a_workflow_is_created_by_a_member foreign key (tenant_id, created_by) references membership (tenant_id, person_id)
) strict;

create unique index a_slug_names_one_workflow on workflow (tenant_id, slug) where removed_at is null;
create index workflow_in_folder on workflow (tenant_id, folder_id) where removed_at is null;

-- Saved versions of workflows: the text as it was written, and the plan it was compiled to. A draft with errors has no plan. Rows are added, never changed.
create table version (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    workflow_id blob not null check (length(workflow_id) = 16),
    number integer not null,
    source text not null,
    content_hash blob not null check (length(content_hash) = 32),
    plan text,
    plan_hash blob check (length(plan_hash) = 32),
    saved_by blob check (length(saved_by) = 16),
    saved_at integer not null,
    label text not null,
    message text not null,
    restored_from integer,
    primary key (tenant_id, id),
    constraint a_plan_has_its_hash check ((plan is null) = (plan_hash is null)),
    constraint a_number_is_of_one_version unique (tenant_id, workflow_id, number),
    constraint a_version_is_of_a_workflow foreign key (tenant_id, workflow_id) references workflow (tenant_id, id),
    constraint a_version_is_saved_by_a_member foreign key (tenant_id, saved_by) references membership (tenant_id, person_id)
) strict;

-- Files that stand beside the text of a version. Rows are added, never changed.
create table version_file (
    tenant_id blob not null check (length(tenant_id) = 16),
    version_id blob not null check (length(version_id) = 16),
    path text not null,
    content blob not null,
    primary key (tenant_id, version_id, path),
    constraint a_file_is_of_a_version foreign key (tenant_id, version_id) references version (tenant_id, id)
) strict;

-- Each time a version became the one that a start takes. Rows are added, never changed.
create table publication (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    workflow_id blob not null check (length(workflow_id) = 16),
    number integer not null,
    published_by blob check (length(published_by) = 16),
    published_at integer not null,
    primary key (tenant_id, id),
    constraint a_publication_is_of_a_version foreign key (tenant_id, workflow_id, number) references version (tenant_id, workflow_id, number),
    constraint a_publication_is_by_a_member foreign key (tenant_id, published_by) references membership (tenant_id, person_id)
) strict;

create index publication_of_version on publication (tenant_id, workflow_id, number, published_at);

-- Runs, as lists and pages show them. What happened in a run is in its journal.
create table run (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    number integer not null,
    workflow_id blob not null check (length(workflow_id) = 16),
    version_id blob not null check (length(version_id) = 16),
    plan_hash blob not null check (length(plan_hash) = 32),
    starter blob not null check (length(starter) = 16),
    starter_label text not null,
    status text not null check (status in ('queued', 'running', 'waiting', 'completed', 'failed', 'cancelled')),
    waiting_for text,
    inputs text not null,
    outputs text,
    error text,
    spent integer not null default 0,
    held integer not null default 0,
    last_seq integer not null default 0,
    accepted_at integer not null,
    started_at integer,
    ended_at integer,
    start_key text,
    primary key (tenant_id, id),
    constraint a_number_is_of_one_run unique (tenant_id, number),
    constraint a_run_is_of_a_version foreign key (tenant_id, version_id) references version (tenant_id, id),
    constraint a_run_is_of_a_workflow foreign key (tenant_id, workflow_id) references workflow (tenant_id, id),
    constraint a_run_is_started_by_a_member foreign key (tenant_id, starter) references membership (tenant_id, person_id)
) strict;

create unique index a_start_key_starts_one_run on run (tenant_id, start_key) where start_key is not null;
create index run_by_status on run (tenant_id, status, number);
create index run_of_workflow on run (tenant_id, workflow_id, number);
create index run_of_workflow_by_status on run (tenant_id, workflow_id, status, number);

-- What happened in a run, in order. Rows are added, never changed; a run is what its journal folds to.
create table journal (
    tenant_id blob not null check (length(tenant_id) = 16),
    run_id blob not null check (length(run_id) = 16),
    seq integer not null,
    at integer not null,
    event text not null,
    primary key (tenant_id, run_id, seq),
    constraint a_journal_is_of_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
) strict;

-- What the doors want of a run and the engine has not taken in yet.
create table inbox (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    run_id blob not null check (length(run_id) = 16),
    kind text not null check (kind in ('start', 'approval', 'cancel', 'pause', 'end_pause', 'signal', 'resume')),
    payload text not null,
    created_at integer not null,
    primary key (tenant_id, id),
    constraint an_inbox_row_is_for_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
) strict;

create index inbox_of_run on inbox (tenant_id, run_id, created_at);

-- When a run wants attention, and who holds its lease. Without a time in wake_at it sleeps until something arrives.
create table run_queue (
    tenant_id blob not null check (length(tenant_id) = 16),
    run_id blob not null check (length(run_id) = 16),
    wake_at integer,
    owner text,
    fence integer not null default 0,
    lease_until integer,
    primary key (tenant_id, run_id),
    constraint a_lease_has_an_owner_and_an_end check ((owner is null) = (lease_until is null)),
    constraint a_queued_run_is_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
) strict;

create index run_queue_due on run_queue (wake_at, tenant_id, run_id) where owner is null and wake_at is not null;
create index run_queue_leased on run_queue (lease_until) where owner is not null;
create index run_queue_of_owner on run_queue (owner) where owner is not null;

-- Each time a credential was sent out, written in the commit that gave leave to it.
create table credential_use (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    credential_id blob not null check (length(credential_id) = 16),
    version integer not null,
    run_id blob not null check (length(run_id) = 16),
    step text not null,
    attempt integer not null,
    dispatch integer not null,
    host text not null,
    at integer not null,
    primary key (tenant_id, id),
    constraint a_use_is_of_a_credential foreign key (tenant_id, credential_id) references credential (tenant_id, id),
    constraint a_use_is_by_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
) strict;

create index credential_use_of_credential on credential_use (tenant_id, credential_id, at);

-- Approvals.

-- Approvals that were asked. The row decides every race: whoever moves it out of PENDING has ended it.
create table approval (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    run_id blob not null check (length(run_id) = 16),
    step text not null,
    round integer not null,
    kind text not null,
    state text not null check (state in ('PENDING', 'APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED', 'VOIDED', 'ESCALATED')),
    title text not null,
    request text not null,
    coverage text not null,
    digest blob not null check (length(digest) = 32),
    ceiling integer not null,
    quorum integer not null constraint a_quorum_is_at_least_one check (quorum >= 1),
    requested_at integer not null,
    expires_at integer not null,
    ended_at integer,
    ended_by_label text,
    comment text,
    primary key (tenant_id, id),
    constraint only_an_ended_approval_has_an_end check ((state in ('PENDING', 'ESCALATED')) = (ended_at is null)),
    constraint a_round_of_a_step_is_asked_once unique (tenant_id, run_id, step, kind, round),
    constraint an_approval_is_of_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
) strict;

create index approval_pending on approval (tenant_id, expires_at) where ended_at is null;
create index approval_ended on approval (tenant_id, ended_at, id) where ended_at is not null;

-- What each approver said; one decision a person.
create table approval_decision (
    tenant_id blob not null check (length(tenant_id) = 16),
    approval_id blob not null check (length(approval_id) = 16),
    person_id blob not null check (length(person_id) = 16),
    decision text not null check (decision in ('approved', 'rejected')),
    comment text not null,
    at integer not null,
    primary key (tenant_id, approval_id, person_id),
    constraint a_decision_is_on_an_approval foreign key (tenant_id, approval_id) references approval (tenant_id, id),
    constraint a_decision_is_by_a_member foreign key (tenant_id, person_id) references membership (tenant_id, person_id)
) strict;

-- Links in mails that lead a person to an approval. Only the hash of the token is kept; the link alone decides nothing.
create table approval_link (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    approval_id blob not null check (length(approval_id) = 16),
    person_id blob not null check (length(person_id) = 16),
    token_hash blob not null check (length(token_hash) = 32),
    expires_at integer not null,
    withdrawn_at integer,
    primary key (tenant_id, id),
    constraint a_token_leads_to_one_approval unique (token_hash),
    constraint a_link_leads_to_an_approval foreign key (tenant_id, approval_id) references approval (tenant_id, id),
    constraint a_link_is_for_a_member foreign key (tenant_id, person_id) references membership (tenant_id, person_id)
) strict;

create index approval_link_of_approval on approval_link (tenant_id, approval_id);

-- Money.

-- What may be, was and is about to be spent: of the tenant, of a workflow, a run or a step, and of each of their periods, whose limits stand in the account itself. Counted_at is the latest moment at which something was set aside: no period before it is counted in again. Unconfirmed is the part of spent that a crash left in doubt.
create table account (
    tenant_id blob not null check (length(tenant_id) = 16),
    key text not null,
    limit_nanos integer check (limit_nanos >= 0),
    hour_limit integer check (hour_limit >= 0),
    day_limit integer check (day_limit >= 0),
    week_limit integer check (week_limit >= 0),
    month_limit integer check (month_limit >= 0),
    spent integer not null default 0,
    held integer not null default 0,
    unconfirmed integer not null default 0,
    counted_at integer,
    period text check (period in ('hour', 'day', 'week', 'month')),
    starts_at integer,
    ends_at integer,
    primary key (tenant_id, key),
    constraint an_account_is_never_negative check (spent >= 0 and held >= 0 and unconfirmed >= 0),
    constraint a_period_has_a_beginning_and_an_end check ((period is null) = (starts_at is null) and (period is null) = (ends_at is null)),
    constraint an_account_is_of_a_tenant foreign key (tenant_id) references tenant (id)
) strict;

create index account_of_a_period on account (tenant_id, ends_at) where ends_at is not null;

-- Money set aside for one dispatch of one effect. Unknown: a crash left it, so it counts as spent at its maximum until somebody confirms or releases it.
create table hold (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    run_id blob not null check (length(run_id) = 16),
    step text not null,
    attempt integer not null,
    dispatch integer not null,
    amount integer not null,
    accounts text not null,
    state text not null check (state in ('open', 'settled', 'released', 'unknown', 'confirmed')),
    charged integer not null default 0,
    usage text,
    model text,
    price_version integer,
    opened_at integer not null,
    closed_at integer,
    primary key (tenant_id, id),
    constraint a_dispatch_has_one_hold unique (tenant_id, run_id, step, attempt, dispatch),
    constraint a_hold_is_never_negative check (amount >= 0 and charged >= 0),
    constraint a_hold_is_of_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
) strict;

create index hold_unclosed on hold (tenant_id, state, opened_at) where state in ('open', 'unknown');

-- Mail.

-- The outbox. It is written with what it tells of and sent afterwards; without a next attempt it was sent or given up.
create table mail (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    recipient text not null,
    subject text not null,
    text_body text not null,
    html_body text,
    headers text not null,
    reference text not null,
    created_at integer not null,
    attempts integer not null default 0,
    next_attempt_at integer,
    sent_at integer,
    last_error text,
    primary key (tenant_id, id),
    constraint a_sent_mail_is_not_sent_again check (sent_at is null or next_attempt_at is null),
    constraint a_mail_is_of_a_tenant foreign key (tenant_id) references tenant (id)
) strict;

create index mail_due on mail (next_attempt_at) where next_attempt_at is not null;
create index mail_by_age on mail (created_at, id);
create index mail_sent on mail (sent_at) where sent_at is not null;

-- What was recorded stays as it was. On PostgreSQL the logins lack the right; here triggers refuse.

create trigger audit_event_refuses_update before update on audit_event begin
    select raise(abort, 'rows of audit_event are added, never changed');
end;
create trigger audit_event_refuses_delete before delete on audit_event begin
    select raise(abort, 'rows of audit_event are added, never changed');
end;
create trigger installation_audit_refuses_update before update on installation_audit begin
    select raise(abort, 'rows of installation_audit are added, never changed');
end;
create trigger installation_audit_refuses_delete before delete on installation_audit begin
    select raise(abort, 'rows of installation_audit are added, never changed');
end;
create trigger journal_refuses_update before update on journal begin
    select raise(abort, 'rows of journal are added, never changed');
end;
create trigger journal_refuses_delete before delete on journal begin
    select raise(abort, 'rows of journal are added, never changed');
end;
create trigger version_refuses_update before update on version begin
    select raise(abort, 'rows of version are added, never changed');
end;
create trigger version_refuses_delete before delete on version begin
    select raise(abort, 'rows of version are added, never changed');
end;
create trigger version_file_refuses_update before update on version_file begin
    select raise(abort, 'rows of version_file are added, never changed');
end;
create trigger version_file_refuses_delete before delete on version_file begin
    select raise(abort, 'rows of version_file are added, never changed');
end;
create trigger publication_refuses_update before update on publication begin
    select raise(abort, 'rows of publication are added, never changed');
end;
create trigger publication_refuses_delete before delete on publication begin
    select raise(abort, 'rows of publication are added, never changed');
end;
create trigger approval_decision_refuses_update before update on approval_decision begin
    select raise(abort, 'rows of approval_decision are added, never changed');
end;
create trigger approval_decision_refuses_delete before delete on approval_decision begin
    select raise(abort, 'rows of approval_decision are added, never changed');
end;
create trigger credential_use_refuses_update before update on credential_use begin
    select raise(abort, 'rows of credential_use are added, never changed');
end;
create trigger credential_use_refuses_delete before delete on credential_use begin
    select raise(abort, 'rows of credential_use are added, never changed');
end;

-- The foundation. Twin of migrations/sqlite/0001_foundation.sql: same tables, same columns, same names.
-- Times are microseconds since 1970 in UTC, money is nano-dollars, JSON documents are kept as the text
-- they were written in. Every table of a tenant begins its primary key with tenant_id, and so do the
-- foreign keys between such tables: a row of one tenant cannot point to a row of another.
--
-- Run by the owner of the database. The logins mandate_app and mandate_system exist before
-- (deploy/postgres-roles.sql); what they may is at the end of this file.

-- The installation: what belongs to no tenant.

create table installation (
    id bigint not null constraint there_is_one_installation check (id = 1),
    audit_seq bigint not null default 0,
    audit_hash bytea not null check (octet_length(audit_hash) = 32),
    primary key (id)
);
comment on table installation is 'The one installation: where its own audit chain ends.';
insert into installation (id, audit_hash) values (1, decode(repeat('00', 32), 'hex'));

create table installation_audit (
    seq bigint not null,
    at bigint not null,
    action text collate "C" not null,
    canonical text collate "C" not null,
    hash bytea not null check (octet_length(hash) = 32),
    primary key (seq)
);
comment on table installation_audit is 'The audit chain of the installation: set-up, tenants, keys. Rows are added, never changed.';

create table used_link (
    id text collate "C" not null,
    purpose text collate "C" not null,
    used_at bigint not null,
    tenant_id uuid,
    primary key (id)
);
comment on table used_link is 'Signed one-time links that were used; whoever inserts the row first has used the link.';

create table person (
    id uuid not null,
    email text collate "C" not null constraint an_email_is_kept_in_lower_case check (email = lower(email)),
    name text collate "C" not null,
    password_hash text collate "C" not null,
    status text collate "C" not null check (status in ('active', 'disabled')),
    created_at bigint not null,
    password_changed_at bigint not null,
    primary key (id),
    constraint an_email_names_one_person unique (email)
);
comment on table person is 'People who sign in; one person may be a member of several tenants.';

create table session (
    id uuid not null,
    person_id uuid not null,
    token_hash bytea not null check (octet_length(token_hash) = 32),
    created_at bigint not null,
    last_seen_at bigint not null,
    expires_at bigint not null,
    address text collate "C",
    agent text collate "C",
    primary key (id),
    constraint a_token_opens_one_session unique (token_hash),
    constraint a_session_belongs_to_a_person foreign key (person_id) references person (id)
);
comment on table session is 'Signed-in browsers. Only the hash of the cookie is kept.';

create index session_of_person on session (person_id);

create table throttle (
    key text collate "C" not null,
    tokens bigint not null,
    updated_at bigint not null,
    primary key (key)
);
comment on table throttle is 'Token buckets: thousandths of a token left for a key at a moment.';

create index throttle_by_age on throttle (updated_at);

create table tenant (
    id uuid not null,
    slug text collate "C" not null,
    name text collate "C" not null,
    status text collate "C" not null check (status in ('active', 'closed')),
    policy_version uuid not null,
    created_at bigint not null,
    time_zone text collate "C" not null default 'UTC',
    next_run_number bigint not null default 1,
    audit_seq bigint not null default 0,
    audit_hash bytea not null check (octet_length(audit_hash) = 32),
    primary key (id),
    constraint a_slug_names_one_tenant unique (slug)
) with (fillfactor = 70);
comment on table tenant is 'Tenants. The row also holds the end of the tenant''s audit chain, the id of its policy''s state and the next run''s number.';

-- Members and what they may.

create table membership (
    tenant_id uuid not null,
    person_id uuid not null,
    status text collate "C" not null check (status in ('active', 'disabled')),
    joined_at bigint not null,
    primary key (tenant_id, person_id),
    constraint a_membership_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_membership_is_of_a_person foreign key (person_id) references person (id)
);
comment on table membership is 'Who is a member of a tenant.';

create index membership_of_person on membership (person_id);

create table invitation (
    tenant_id uuid not null,
    id uuid not null,
    email text collate "C" not null constraint an_invited_email_is_kept_in_lower_case check (email = lower(email)),
    name text collate "C" not null,
    role text collate "C" not null,
    token_hash bytea not null check (octet_length(token_hash) = 32),
    invited_by uuid,
    created_at bigint not null,
    expires_at bigint not null,
    accepted_at bigint,
    withdrawn_at bigint,
    primary key (tenant_id, id),
    constraint a_token_accepts_one_invitation unique (token_hash),
    constraint an_invitation_ends_once check (accepted_at is null or withdrawn_at is null),
    constraint an_invitation_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint an_inviter_is_a_member foreign key (tenant_id, invited_by) references membership (tenant_id, person_id)
);
comment on table invitation is 'Invitations to become a member. Open while neither accepted nor withdrawn; only the hash of the link''s token is kept.';

create unique index an_email_has_one_open_invitation on invitation (tenant_id, email) where accepted_at is null and withdrawn_at is null;

create table role_binding (
    tenant_id uuid not null,
    person_id uuid not null,
    role text collate "C" not null,
    granted_by uuid,
    granted_at bigint not null,
    primary key (tenant_id, person_id, role),
    constraint a_role_is_held_by_a_member foreign key (tenant_id, person_id) references membership (tenant_id, person_id),
    constraint a_role_is_granted_by_a_member foreign key (tenant_id, granted_by) references membership (tenant_id, person_id)
);
comment on table role_binding is 'Which member holds which role; granted_by is empty for what the installation or its operator gave.';

-- The record.

create table audit_event (
    tenant_id uuid not null,
    seq bigint not null,
    at bigint not null,
    actor_label text collate "C" not null,
    action text collate "C" not null,
    target_kind text collate "C" not null,
    target_id text collate "C" not null,
    outcome text collate "C" not null check (outcome in ('done', 'denied', 'failed')),
    request text collate "C" not null,
    search text collate "C" not null,
    canonical text collate "C" not null,
    hash bytea not null check (octet_length(hash) = 32),
    primary key (tenant_id, seq),
    constraint an_audit_event_is_of_a_tenant foreign key (tenant_id) references tenant (id)
);
comment on table audit_event is 'The audit chain of a tenant. `canonical` is what `hash` covers; the other columns repeat parts of it for filtering. Rows are added, never changed.';

create index audit_event_of_target on audit_event (tenant_id, target_id, seq);
create index audit_event_of_actor on audit_event (tenant_id, actor_label, seq);
create index audit_event_by_action on audit_event (tenant_id, action, seq);
create index audit_event_by_time on audit_event (tenant_id, at);

create table denial_count (
    tenant_id uuid not null,
    key text collate "C" not null,
    minute bigint not null,
    count bigint not null,
    actor text not null,
    event text not null,
    primary key (tenant_id, key, minute),
    constraint a_denial_is_of_a_tenant foreign key (tenant_id) references tenant (id)
);
comment on table denial_count is 'Denials repeated within one minute: the first is an audit event at once, the others are counted here and recorded as one event afterwards.';

create index denial_count_by_minute on denial_count (minute);

-- Secrets.

create table tenant_key (
    tenant_id uuid not null,
    wrapped bytea not null,
    created_at bigint not null,
    primary key (tenant_id),
    constraint a_key_is_of_a_tenant foreign key (tenant_id) references tenant (id)
);
comment on table tenant_key is 'The identity that opens a tenant''s credentials, wrapped by the installation''s.';

create table credential (
    tenant_id uuid not null,
    id uuid not null,
    name text collate "C" not null,
    kind text collate "C" not null,
    version bigint not null constraint a_credential_version_counts_from_one check (version >= 1),
    sealed bytea,
    allowed_hosts text not null,
    description text collate "C" not null,
    created_by uuid,
    created_at bigint not null,
    replaced_at bigint,
    removed_at bigint,
    primary key (tenant_id, id),
    constraint only_a_removed_credential_has_no_value check ((sealed is null) = (removed_at is not null)),
    constraint a_credential_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_credential_is_created_by_a_member foreign key (tenant_id, created_by) references membership (tenant_id, person_id)
);
comment on table credential is 'Credentials, sealed. A removed one keeps its facts and loses its value.';

create unique index a_name_is_of_one_credential on credential (tenant_id, name) where removed_at is null;

-- Settings of a tenant.

create table variable (
    tenant_id uuid not null,
    id uuid not null,
    name text collate "C" not null,
    kind text collate "C" not null check (kind in ('string', 'number', 'boolean')),
    value text not null,
    updated_by uuid,
    updated_at bigint not null,
    primary key (tenant_id, id),
    constraint a_name_is_of_one_variable unique (tenant_id, name),
    constraint a_variable_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_variable_is_set_by_a_member foreign key (tenant_id, updated_by) references membership (tenant_id, person_id)
);
comment on table variable is 'Tenant variables, readable as `vars.name`.';

create table provider (
    tenant_id uuid not null,
    id uuid not null,
    name text collate "C" not null,
    base_url text collate "C" not null,
    credential_name text collate "C",
    created_by uuid,
    created_at bigint not null,
    removed_at bigint,
    primary key (tenant_id, id),
    constraint a_provider_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_provider_is_created_by_a_member foreign key (tenant_id, created_by) references membership (tenant_id, person_id)
);
comment on table provider is 'Model providers that speak the wire format of OpenAI.';

create unique index a_name_is_of_one_provider on provider (tenant_id, name) where removed_at is null;

create table model (
    tenant_id uuid not null,
    id uuid not null,
    provider_id uuid not null,
    name text collate "C" not null,
    input_price bigint not null,
    output_price bigint not null,
    cached_price bigint,
    max_output_tokens bigint not null,
    is_default boolean not null,
    price_version bigint not null,
    created_at bigint not null,
    primary key (tenant_id, id),
    constraint a_name_is_of_one_model_of_a_provider unique (tenant_id, provider_id, name),
    constraint a_price_is_not_negative check (input_price >= 0 and output_price >= 0 and (cached_price is null or cached_price >= 0)),
    constraint a_model_is_of_a_provider foreign key (tenant_id, provider_id) references provider (tenant_id, id)
);
comment on table model is 'Models of a provider with their prices, in nano-dollars for a million tokens.';

create unique index a_tenant_has_one_default_model on model (tenant_id) where is_default;

-- Workflows and runs.

create table folder (
    tenant_id uuid not null,
    id uuid not null,
    path text collate "C" not null,
    created_by uuid,
    created_at bigint not null,
    primary key (tenant_id, id),
    constraint a_path_leads_to_one_folder unique (tenant_id, path),
    constraint a_folder_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_folder_is_created_by_a_member foreign key (tenant_id, created_by) references membership (tenant_id, person_id)
);
comment on table folder is 'Folders that workflows live in. A path is made of the names from the root on, with slashes between.';

create table workflow (
    tenant_id uuid not null,
    id uuid not null,
    slug text collate "C" not null,
    name text collate "C" not null,
    description text collate "C" not null,
    tags text not null,
    current_version bigint not null,
    published_version bigint,
    revision bigint not null,
    folder_id uuid,
    created_by uuid,
    created_at bigint not null,
    removed_at bigint,
    primary key (tenant_id, id),
    constraint only_a_version_is_published check (published_version between 1 and current_version),
    constraint a_workflow_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint a_workflow_lives_in_a_folder foreign key (tenant_id, folder_id) references folder (tenant_id, id),
    constraint a_workflow_is_created_by_a_member foreign key (tenant_id, created_by) references membership (tenant_id, person_id)
);
comment on table workflow is 'Workflows. What they do is in their versions; a start takes the published one. The revision counts every change.';

create unique index a_slug_names_one_workflow on workflow (tenant_id, slug) where removed_at is null;
create index workflow_in_folder on workflow (tenant_id, folder_id) where removed_at is null;

create table version (
    tenant_id uuid not null,
    id uuid not null,
    workflow_id uuid not null,
    number bigint not null,
    source text collate "C" not null,
    content_hash bytea not null check (octet_length(content_hash) = 32),
    plan text,
    plan_hash bytea check (octet_length(plan_hash) = 32),
    saved_by uuid,
    saved_at bigint not null,
    label text collate "C" not null,
    message text collate "C" not null,
    restored_from bigint,
    primary key (tenant_id, id),
    constraint a_plan_has_its_hash check ((plan is null) = (plan_hash is null)),
    constraint a_number_is_of_one_version unique (tenant_id, workflow_id, number),
    constraint a_version_is_of_a_workflow foreign key (tenant_id, workflow_id) references workflow (tenant_id, id),
    constraint a_version_is_saved_by_a_member foreign key (tenant_id, saved_by) references membership (tenant_id, person_id)
);
comment on table version is 'Saved versions of workflows: the text as it was written, and the plan it was compiled to. A draft with errors has no plan. Rows are added, never changed.';

create table version_file (
    tenant_id uuid not null,
    version_id uuid not null,
    path text collate "C" not null,
    content bytea not null,
    primary key (tenant_id, version_id, path),
    constraint a_file_is_of_a_version foreign key (tenant_id, version_id) references version (tenant_id, id)
);
comment on table version_file is 'Files that stand beside the text of a version. Rows are added, never changed.';

create table publication (
    tenant_id uuid not null,
    id uuid not null,
    workflow_id uuid not null,
    number bigint not null,
    published_by uuid,
    published_at bigint not null,
    primary key (tenant_id, id),
    constraint a_publication_is_of_a_version foreign key (tenant_id, workflow_id, number) references version (tenant_id, workflow_id, number),
    constraint a_publication_is_by_a_member foreign key (tenant_id, published_by) references membership (tenant_id, person_id)
);
comment on table publication is 'Each time a version became the one that a start takes. Rows are added, never changed.';

create index publication_of_version on publication (tenant_id, workflow_id, number, published_at);

create table run (
    tenant_id uuid not null,
    id uuid not null,
    number bigint not null,
    workflow_id uuid not null,
    version_id uuid not null,
    plan_hash bytea not null check (octet_length(plan_hash) = 32),
    starter uuid not null,
    starter_label text collate "C" not null,
    status text collate "C" not null check (status in ('queued', 'running', 'waiting', 'completed', 'failed', 'cancelled')),
    waiting_for text,
    inputs text not null,
    outputs text,
    error text,
    spent bigint not null default 0,
    held bigint not null default 0,
    last_seq bigint not null default 0,
    accepted_at bigint not null,
    started_at bigint,
    ended_at bigint,
    start_key text collate "C",
    primary key (tenant_id, id),
    constraint a_number_is_of_one_run unique (tenant_id, number),
    constraint a_run_is_of_a_version foreign key (tenant_id, version_id) references version (tenant_id, id),
    constraint a_run_is_of_a_workflow foreign key (tenant_id, workflow_id) references workflow (tenant_id, id),
    constraint a_run_is_started_by_a_member foreign key (tenant_id, starter) references membership (tenant_id, person_id)
) with (fillfactor = 70);
comment on table run is 'Runs, as lists and pages show them. What happened in a run is in its journal.';

create unique index a_start_key_starts_one_run on run (tenant_id, start_key) where start_key is not null;
create index run_by_status on run (tenant_id, status, number);
create index run_of_workflow on run (tenant_id, workflow_id, number);
create index run_of_workflow_by_status on run (tenant_id, workflow_id, status, number);

create table journal (
    tenant_id uuid not null,
    run_id uuid not null,
    seq bigint not null,
    at bigint not null,
    event text collate "C" not null,
    primary key (tenant_id, run_id, seq),
    constraint a_journal_is_of_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
);
comment on table journal is 'What happened in a run, in order. Rows are added, never changed; a run is what its journal folds to.';

create table inbox (
    tenant_id uuid not null,
    id uuid not null,
    run_id uuid not null,
    kind text collate "C" not null check (kind in ('start', 'approval', 'cancel', 'pause', 'end_pause', 'signal', 'resume')),
    payload text not null,
    created_at bigint not null,
    primary key (tenant_id, id),
    constraint an_inbox_row_is_for_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
);
comment on table inbox is 'What the doors want of a run and the engine has not taken in yet.';

create index inbox_of_run on inbox (tenant_id, run_id, created_at);

create table run_queue (
    tenant_id uuid not null,
    run_id uuid not null,
    wake_at bigint,
    owner text collate "C",
    fence bigint not null default 0,
    lease_until bigint,
    primary key (tenant_id, run_id),
    constraint a_lease_has_an_owner_and_an_end check ((owner is null) = (lease_until is null)),
    constraint a_queued_run_is_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
) with (fillfactor = 70);
comment on table run_queue is 'When a run wants attention, and who holds its lease. Without a time in wake_at it sleeps until something arrives.';

create index run_queue_due on run_queue (wake_at, tenant_id, run_id) where owner is null and wake_at is not null;
create index run_queue_leased on run_queue (lease_until) where owner is not null;
create index run_queue_of_owner on run_queue (owner) where owner is not null;

create table credential_use (
    tenant_id uuid not null,
    id uuid not null,
    credential_id uuid not null,
    version bigint not null,
    run_id uuid not null,
    step text collate "C" not null,
    attempt bigint not null,
    dispatch bigint not null,
    host text collate "C" not null,
    at bigint not null,
    primary key (tenant_id, id),
    constraint a_use_is_of_a_credential foreign key (tenant_id, credential_id) references credential (tenant_id, id),
    constraint a_use_is_by_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
);
comment on table credential_use is 'Each time a credential was sent out, written in the commit that gave leave to it.';

create index credential_use_of_credential on credential_use (tenant_id, credential_id, at);

-- Approvals.

create table approval (
    tenant_id uuid not null,
    id uuid not null,
    run_id uuid not null,
    step text collate "C" not null,
    round bigint not null,
    kind text collate "C" not null,
    state text collate "C" not null check (state in ('PENDING', 'APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED', 'VOIDED', 'ESCALATED')),
    title text collate "C" not null,
    request text not null,
    coverage text not null,
    digest bytea not null check (octet_length(digest) = 32),
    ceiling bigint not null,
    quorum bigint not null constraint a_quorum_is_at_least_one check (quorum >= 1),
    requested_at bigint not null,
    expires_at bigint not null,
    ended_at bigint,
    ended_by_label text collate "C",
    comment text collate "C",
    primary key (tenant_id, id),
    constraint only_an_ended_approval_has_an_end check ((state in ('PENDING', 'ESCALATED')) = (ended_at is null)),
    constraint a_round_of_a_step_is_asked_once unique (tenant_id, run_id, step, kind, round),
    constraint an_approval_is_of_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
);
comment on table approval is 'Approvals that were asked. The row decides every race: whoever moves it out of PENDING has ended it.';

create index approval_pending on approval (tenant_id, expires_at) where ended_at is null;
create index approval_ended on approval (tenant_id, ended_at, id) where ended_at is not null;

create table approval_decision (
    tenant_id uuid not null,
    approval_id uuid not null,
    person_id uuid not null,
    decision text collate "C" not null check (decision in ('approved', 'rejected')),
    comment text collate "C" not null,
    at bigint not null,
    primary key (tenant_id, approval_id, person_id),
    constraint a_decision_is_on_an_approval foreign key (tenant_id, approval_id) references approval (tenant_id, id),
    constraint a_decision_is_by_a_member foreign key (tenant_id, person_id) references membership (tenant_id, person_id)
);
comment on table approval_decision is 'What each approver said; one decision a person.';

create table approval_link (
    tenant_id uuid not null,
    id uuid not null,
    approval_id uuid not null,
    person_id uuid not null,
    token_hash bytea not null check (octet_length(token_hash) = 32),
    expires_at bigint not null,
    withdrawn_at bigint,
    primary key (tenant_id, id),
    constraint a_token_leads_to_one_approval unique (token_hash),
    constraint a_link_leads_to_an_approval foreign key (tenant_id, approval_id) references approval (tenant_id, id),
    constraint a_link_is_for_a_member foreign key (tenant_id, person_id) references membership (tenant_id, person_id)
);
comment on table approval_link is 'Links in mails that lead a person to an approval. Only the hash of the token is kept; the link alone decides nothing.';

create index approval_link_of_approval on approval_link (tenant_id, approval_id);

-- Money.

create table account (
    tenant_id uuid not null,
    key text collate "C" not null,
    limit_nanos bigint check (limit_nanos >= 0),
    hour_limit bigint check (hour_limit >= 0),
    day_limit bigint check (day_limit >= 0),
    week_limit bigint check (week_limit >= 0),
    month_limit bigint check (month_limit >= 0),
    spent bigint not null default 0,
    held bigint not null default 0,
    unconfirmed bigint not null default 0,
    counted_at bigint,
    period text collate "C" check (period in ('hour', 'day', 'week', 'month')),
    starts_at bigint,
    ends_at bigint,
    primary key (tenant_id, key),
    constraint an_account_is_never_negative check (spent >= 0 and held >= 0 and unconfirmed >= 0),
    constraint a_period_has_a_beginning_and_an_end check ((period is null) = (starts_at is null) and (period is null) = (ends_at is null)),
    constraint an_account_is_of_a_tenant foreign key (tenant_id) references tenant (id)
) with (fillfactor = 70);
comment on table account is 'What may be, was and is about to be spent: of the tenant, of a workflow, a run or a step, and of each of their periods, whose limits stand in the account itself. Counted_at is the latest moment at which something was set aside: no period before it is counted in again. Unconfirmed is the part of spent that a crash left in doubt.';

create index account_of_a_period on account (tenant_id, ends_at) where ends_at is not null;

create table hold (
    tenant_id uuid not null,
    id uuid not null,
    run_id uuid not null,
    step text collate "C" not null,
    attempt bigint not null,
    dispatch bigint not null,
    amount bigint not null,
    accounts text not null,
    state text collate "C" not null check (state in ('open', 'settled', 'released', 'unknown', 'confirmed')),
    charged bigint not null default 0,
    usage text,
    model text collate "C",
    price_version bigint,
    opened_at bigint not null,
    closed_at bigint,
    primary key (tenant_id, id),
    constraint a_dispatch_has_one_hold unique (tenant_id, run_id, step, attempt, dispatch),
    constraint a_hold_is_never_negative check (amount >= 0 and charged >= 0),
    constraint a_hold_is_of_a_run foreign key (tenant_id, run_id) references run (tenant_id, id)
) with (fillfactor = 70);
comment on table hold is 'Money set aside for one dispatch of one effect. Unknown: a crash left it, so it counts as spent at its maximum until somebody confirms or releases it.';

create index hold_unclosed on hold (tenant_id, state, opened_at) where state in ('open', 'unknown');

-- Mail.

create table mail (
    tenant_id uuid not null,
    id uuid not null,
    recipient text collate "C" not null,
    subject text collate "C" not null,
    text_body text collate "C" not null,
    html_body text collate "C",
    headers text not null,
    reference text collate "C" not null,
    created_at bigint not null,
    attempts bigint not null default 0,
    next_attempt_at bigint,
    sent_at bigint,
    last_error text collate "C",
    primary key (tenant_id, id),
    constraint a_sent_mail_is_not_sent_again check (sent_at is null or next_attempt_at is null),
    constraint a_mail_is_of_a_tenant foreign key (tenant_id) references tenant (id)
) with (fillfactor = 70);
comment on table mail is 'The outbox. It is written with what it tells of and sent afterwards; without a next attempt it was sent or given up.';

create index mail_due on mail (next_attempt_at) where next_attempt_at is not null;
create index mail_by_age on mail (created_at, id);
create index mail_sent on mail (sent_at) where sent_at is not null;

-- What the logins may.
--
-- mandate_app works for the tenants that its transaction names in the setting mandate.tenants, and row
-- level security holds it to them. mandate_system runs only the statements across tenants; it has
-- rights on the tables they touch and on nothing else. Neither may change what was recorded.
-- Row level security is forced: it binds the owner too, who has no policy and so sees no tenant's row.

grant usage on schema public to mandate_app, mandate_system;

grant select, insert, update on membership to mandate_app;
grant select, insert, update on invitation to mandate_app;
grant select, insert, delete on role_binding to mandate_app;
grant select, insert on audit_event to mandate_app;
grant select, insert, update on denial_count to mandate_app;
grant select, insert on tenant_key to mandate_app;
grant select, insert, update on credential to mandate_app;
grant select, insert, update, delete on variable to mandate_app;
grant select, insert, update on provider to mandate_app;
grant select, insert, update, delete on model to mandate_app;
grant select, insert, update on workflow to mandate_app;
grant select, insert, update, delete on folder to mandate_app;
grant select, insert on version to mandate_app;
grant select, insert on version_file to mandate_app;
grant select, insert on publication to mandate_app;
grant select, insert, update on run to mandate_app;
grant select, insert on journal to mandate_app;
grant select, insert, delete on inbox to mandate_app;
grant select, insert, update, delete on run_queue to mandate_app;
grant select, insert on credential_use to mandate_app;
grant select, insert, update on approval to mandate_app;
grant select, insert on approval_decision to mandate_app;
grant select, insert, update on approval_link to mandate_app;
grant select, insert, update on account to mandate_app;
grant select, insert, update on hold to mandate_app;
grant select, insert, update on mail to mandate_app;
grant select, update (name, policy_version, next_run_number, audit_seq, audit_hash) on tenant to mandate_app;
grant select (id, email, name, status) on person to mandate_app;

grant select, insert, update on installation to mandate_system;
grant select, insert on installation_audit to mandate_system;
grant select, insert on used_link to mandate_system;
grant select, insert, update on person to mandate_system;
grant select, insert, update, delete on session to mandate_system;
grant select, insert, update, delete on throttle to mandate_system;
grant select, insert, update on tenant to mandate_system;
grant select, insert, update on membership to mandate_system;
grant select, update on invitation to mandate_system;
grant select, insert on role_binding to mandate_system;
grant select, insert on audit_event to mandate_system;
grant select, delete on denial_count to mandate_system;
grant insert on tenant_key to mandate_system;
grant select, update on run_queue to mandate_system;
grant select on approval_link to mandate_system;
grant select, update, delete on mail to mandate_system;

do $$
declare
    owned text;
    -- The scalar sub-select makes PostgreSQL read the setting once a statement instead of once a row.
    named constant text := $text$any((select string_to_array(current_setting('mandate.tenants', true), ',')::uuid[])::uuid[])$text$;
begin
    foreach owned in array array[
        'membership', 'invitation', 'role_binding', 'audit_event', 'denial_count', 'tenant_key', 'credential',
        'variable', 'provider', 'model', 'folder', 'workflow', 'version', 'version_file', 'publication', 'run', 'journal', 'inbox', 'run_queue',
        'credential_use', 'approval', 'approval_decision', 'approval_link', 'account', 'hold', 'mail'
    ] loop
        execute format('alter table %I enable row level security', owned);
        execute format('alter table %I force row level security', owned);
        execute format(
            'create policy %1$I on %2$I to mandate_app using (tenant_id = %3$s) with check (tenant_id = %3$s)',
            owned || '_of_the_named_tenants', owned, named
        );
    end loop;

    execute 'alter table tenant enable row level security';
    execute 'alter table tenant force row level security';
    execute format(
        'create policy tenant_that_is_named on tenant to mandate_app using (id = %1$s) with check (id = %1$s)', named
    );
end
$$;

create policy tenant_across_tenants on tenant to mandate_system using (true) with check (true);
create policy membership_across_tenants on membership to mandate_system using (true) with check (true);
create policy invitation_across_tenants on invitation to mandate_system using (true) with check (true);
create policy role_binding_across_tenants on role_binding to mandate_system using (true) with check (true);
create policy audit_event_across_tenants on audit_event to mandate_system using (true) with check (true);
create policy denial_count_across_tenants on denial_count to mandate_system using (true) with check (true);
create policy tenant_key_of_a_new_tenant on tenant_key for insert to mandate_system with check (true);
create policy run_queue_across_tenants on run_queue to mandate_system using (true) with check (true);
create policy approval_link_across_tenants on approval_link to mandate_system using (true) with check (true);
create policy mail_across_tenants on mail to mandate_system using (true) with check (true);

-- A used link names the tenant it made, and is still the installation's alone.
alter table used_link enable row level security;
alter table used_link force row level security;
create policy used_link_across_tenants on used_link to mandate_system using (true) with check (true);

-- People are of no tenant; a tenant sees those who are its members.
alter table person enable row level security;
alter table person force row level security;
create policy person_who_is_a_member on person for select to mandate_app
    using (exists (select 1 from membership where membership.person_id = person.id));
create policy person_across_tenants on person to mandate_system using (true) with check (true);

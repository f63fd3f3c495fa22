-- One-time links of persons, sessions that an admin ended, and what a tenant decides for itself.
-- Twin of migrations/sqlite/0006_identity_settings_quotas.sql.

create table person_link (
    id uuid not null,
    person_id uuid not null,
    purpose text collate "C" not null check (purpose in ('password_reset', 'email_change', 'email_restoration')),
    token_hash bytea not null check (octet_length(token_hash) = 32),
    email text collate "C" not null constraint a_linked_email_is_kept_in_lower_case check (email = lower(email)),
    created_at bigint not null,
    expires_at bigint not null,
    primary key (id),
    constraint a_token_opens_one_link_of_a_person unique (token_hash),
    constraint a_link_is_of_a_person foreign key (person_id) references person (id)
);
comment on table person_link is 'One-time links in mails to a person: to choose a new password, to confirm a new e-mail address, to take an old one back. Only the hash of the token is kept; a link that was used is gone.';

create index person_link_of_person on person_link (person_id, purpose);
create index person_link_by_end on person_link (expires_at);

create table session_ending (
    tenant_id uuid not null,
    session_id uuid not null,
    ended_by uuid,
    ended_at bigint not null,
    primary key (tenant_id, session_id),
    constraint an_ending_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint an_ending_is_of_a_session foreign key (session_id) references session (id) on delete cascade,
    constraint a_session_is_ended_by_a_member foreign key (tenant_id, ended_by) references membership (tenant_id, person_id)
);
comment on table session_ending is 'Sessions that an admin ended for their tenant: such a session opens nothing here any more, whatever else it may open.';

create index session_ending_of_session on session_ending (session_id);

alter table tenant add column session_idle_minutes bigint check (session_idle_minutes >= 5);
alter table tenant add column invited_domains text collate "C" not null default '';
alter table tenant add column quota_members bigint check (quota_members >= 1);
alter table tenant add column quota_open_runs bigint check (quota_open_runs >= 0);
alter table tenant add column quota_runs_a_day bigint check (quota_runs_a_day >= 0);
alter table tenant add column quota_stored_bytes bigint check (quota_stored_bytes >= 0);
alter table tenant add column stored_bytes bigint not null default 0;
comment on column tenant.stored_bytes is 'What its workflows and the inputs of its runs take. The quotas and limits beside it are what the tenant decided; nothing means what the operator decided.';

-- The owner is bound by row level security as well, and has no policy: for this one sum it steps out of it.
alter table tenant no force row level security;
alter table version no force row level security;
alter table run no force row level security;
update tenant set stored_bytes =
    (select coalesce(sum(octet_length(v.source) + octet_length(v.plan)), 0) from version v where v.tenant_id = tenant.id)
    + (select coalesce(sum(octet_length(r.inputs)), 0) from run r where r.tenant_id = tenant.id);
alter table tenant force row level security;
alter table version force row level security;
alter table run force row level security;

grant update (time_zone, session_idle_minutes, invited_domains, quota_members, quota_open_runs, quota_runs_a_day, quota_stored_bytes, stored_bytes)
    on tenant to mandate_app;
grant select, insert on session_ending to mandate_app;
grant select on session_ending to mandate_system;
grant select, insert, delete on person_link to mandate_system;
-- A mail to a person goes through the outbox of a tenant of theirs.
grant insert on mail to mandate_system;

alter table session_ending enable row level security;
alter table session_ending force row level security;
create policy session_ending_of_the_named_tenants on session_ending to mandate_app
    using (tenant_id = any((select string_to_array(current_setting('mandate.tenants', true), ',')::uuid[])::uuid[]))
    with check (tenant_id = any((select string_to_array(current_setting('mandate.tenants', true), ',')::uuid[])::uuid[]));
create policy session_ending_across_tenants on session_ending to mandate_system using (true) with check (true);

-- One-time links of persons, sessions that an admin ended, and what a tenant decides for itself.
-- Twin of migrations/postgres/0006_identity_settings_quotas.sql.

-- One-time links in mails to a person: to choose a new password, to confirm a new e-mail address, to take an old one back. Only the hash of the token is kept; a link that was used is gone.
create table person_link (
    id blob not null check (length(id) = 16),
    person_id blob not null check (length(person_id) = 16),
    purpose text not null check (purpose in ('password_reset', 'email_change', 'email_restoration')),
    token_hash blob not null check (length(token_hash) = 32),
    email text not null constraint a_linked_email_is_kept_in_lower_case check (email = lower(email)),
    created_at integer not null,
    expires_at integer not null,
    primary key (id),
    constraint a_token_opens_one_link_of_a_person unique (token_hash),
    constraint a_link_is_of_a_person foreign key (person_id) references person (id)
) strict;

create index person_link_of_person on person_link (person_id, purpose);
create index person_link_by_end on person_link (expires_at);

-- Sessions that an admin ended for their tenant: such a session opens nothing here any more, whatever else it may open.
create table session_ending (
    tenant_id blob not null check (length(tenant_id) = 16),
    session_id blob not null check (length(session_id) = 16),
    ended_by blob check (length(ended_by) = 16),
    ended_at integer not null,
    primary key (tenant_id, session_id),
    constraint an_ending_is_of_a_tenant foreign key (tenant_id) references tenant (id),
    constraint an_ending_is_of_a_session foreign key (session_id) references session (id) on delete cascade,
    constraint a_session_is_ended_by_a_member foreign key (tenant_id, ended_by) references membership (tenant_id, person_id)
) strict;

create index session_ending_of_session on session_ending (session_id);

-- What a tenant decides for itself; nothing means what the operator decided. stored_bytes is what its workflows and the inputs of its runs take.
alter table tenant add column session_idle_minutes integer check (session_idle_minutes >= 5);
alter table tenant add column invited_domains text not null default '';
alter table tenant add column quota_members integer check (quota_members >= 1);
alter table tenant add column quota_open_runs integer check (quota_open_runs >= 0);
alter table tenant add column quota_runs_a_day integer check (quota_runs_a_day >= 0);
alter table tenant add column quota_stored_bytes integer check (quota_stored_bytes >= 0);
alter table tenant add column stored_bytes integer not null default 0;

update tenant set stored_bytes =
    (select coalesce(sum(length(cast(v.source as blob)) + length(cast(v.plan as blob))), 0) from version v where v.tenant_id = tenant.id)
    + (select coalesce(sum(length(cast(r.inputs as blob))), 0) from run r where r.tenant_id = tenant.id);

-- The API: keys, service accounts, and requests that are done once. Twin of migrations/postgres/0005_api.sql.

-- A service account is a member without a person behind it: it has no password, and so no way to sign in.
alter table person add column tenant_id blob
    constraint a_service_account_has_no_password check (tenant_id is null or (length(tenant_id) = 16 and password_hash = '*'))
    references tenant (id);

create index service_account_of_tenant on person (tenant_id) where tenant_id is not null;

-- Keys of the API. Only the hash of the secret is kept; scopes are the permissions the key is limited to, as a JSON list.
create table api_key (
    tenant_id blob not null check (length(tenant_id) = 16),
    id blob not null check (length(id) = 16),
    person_id blob not null check (length(person_id) = 16),
    name text not null,
    secret_hash blob not null check (length(secret_hash) = 32),
    scopes text not null,
    created_by blob not null check (length(created_by) = 16),
    created_at integer not null,
    expires_at integer not null,
    last_used_at integer,
    last_used_from text,
    revoked_at integer,
    revoked_by blob check (length(revoked_by) = 16),
    primary key (tenant_id, id),
    constraint a_key_has_an_id_of_its_own unique (id),
    constraint a_key_is_revoked_by_somebody check ((revoked_at is null) = (revoked_by is null)),
    constraint a_key_is_of_a_member foreign key (tenant_id, person_id) references membership (tenant_id, person_id),
    constraint a_key_is_made_by_a_member foreign key (tenant_id, created_by) references membership (tenant_id, person_id),
    constraint a_key_is_revoked_by_a_member foreign key (tenant_id, revoked_by) references membership (tenant_id, person_id)
) strict;

create index api_key_of_person on api_key (tenant_id, person_id, created_at);

-- Requests that are done once: written with the change they made, the answer when it was given. Without a status the
-- change was made, and nobody knows whether its answer was heard.
create table idempotency (
    tenant_id blob not null check (length(tenant_id) = 16),
    person_id blob not null check (length(person_id) = 16),
    key text not null,
    digest blob not null check (length(digest) = 32),
    request text not null,
    at integer not null,
    expires_at integer not null,
    status integer,
    headers text,
    body text,
    primary key (tenant_id, person_id, key),
    constraint an_answer_is_whole check ((status is null) = (body is null) and (status is null) = (headers is null)),
    constraint a_request_is_of_a_member foreign key (tenant_id, person_id) references membership (tenant_id, person_id)
) strict;

create index idempotency_by_end on idempotency (expires_at);

-- The API: keys, service accounts, and requests that are done once. Twin of migrations/sqlite/0005_api.sql.

alter table person add column tenant_id uuid
    constraint a_service_account_has_no_password check (tenant_id is null or password_hash = '*')
    references tenant (id);
comment on column person.tenant_id is
    'The tenant whose service account this is: a member without a person behind it, who has no password and so no way to sign in.';

create index service_account_of_tenant on person (tenant_id) where tenant_id is not null;

create table api_key (
    tenant_id uuid not null,
    id uuid not null,
    person_id uuid not null,
    name text collate "C" not null,
    secret_hash bytea not null check (octet_length(secret_hash) = 32),
    scopes text not null,
    created_by uuid not null,
    created_at bigint not null,
    expires_at bigint not null,
    last_used_at bigint,
    last_used_from text collate "C",
    revoked_at bigint,
    revoked_by uuid,
    primary key (tenant_id, id),
    constraint a_key_has_an_id_of_its_own unique (id),
    constraint a_key_is_revoked_by_somebody check ((revoked_at is null) = (revoked_by is null)),
    constraint a_key_is_of_a_member foreign key (tenant_id, person_id) references membership (tenant_id, person_id),
    constraint a_key_is_made_by_a_member foreign key (tenant_id, created_by) references membership (tenant_id, person_id),
    constraint a_key_is_revoked_by_a_member foreign key (tenant_id, revoked_by) references membership (tenant_id, person_id)
);
comment on table api_key is
    'Keys of the API. Only the hash of the secret is kept; scopes are the permissions the key is limited to, as a JSON list.';

create index api_key_of_person on api_key (tenant_id, person_id, created_at);

create table idempotency (
    tenant_id uuid not null,
    person_id uuid not null,
    key text collate "C" not null,
    digest bytea not null check (octet_length(digest) = 32),
    request text collate "C" not null,
    at bigint not null,
    expires_at bigint not null,
    status bigint,
    headers text,
    body text,
    primary key (tenant_id, person_id, key),
    constraint an_answer_is_whole check ((status is null) = (body is null) and (status is null) = (headers is null)),
    constraint a_request_is_of_a_member foreign key (tenant_id, person_id) references membership (tenant_id, person_id)
);
comment on table idempotency is
    'Requests that are done once: written with the change they made, the answer when it was given. Without a status the change was made, and nobody knows whether its answer was heard.';

create index idempotency_by_end on idempotency (expires_at);

grant select (tenant_id) on person to mandate_app;
grant select, insert, update on api_key to mandate_app;
grant select, insert, update on idempotency to mandate_app;
grant select, update on api_key to mandate_system;
grant select, delete on idempotency to mandate_system;

do $$
declare
    owned text;
    named constant text := $text$any((select string_to_array(current_setting('mandate.tenants', true), ',')::uuid[])::uuid[])$text$;
begin
    foreach owned in array array['api_key', 'idempotency'] loop
        execute format('alter table %I enable row level security', owned);
        execute format('alter table %I force row level security', owned);
        execute format(
            'create policy %1$I on %2$I to mandate_app using (tenant_id = %3$s) with check (tenant_id = %3$s)',
            owned || '_of_the_named_tenants', owned, named
        );
    end loop;
end
$$;

create policy api_key_across_tenants on api_key to mandate_system using (true) with check (true);
create policy idempotency_across_tenants on idempotency to mandate_system using (true) with check (true);

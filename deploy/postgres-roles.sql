-- The three logins of Mandate on PostgreSQL. Run once on a server, by a superuser, before the first start:
--
--     psql -f deploy/postgres-roles.sql
--     createdb --owner mandate_owner mandate
--
-- and give each login a password (`\password mandate_app` in psql) or a line in pg_hba.conf.
-- Running it again changes nothing but the limits below.
--
-- mandate_owner   owns the tables; only `mandate migrate` and the start of a server use it.
-- mandate_app     works for one tenant at a time (or the tenants of one batch); row level security holds it there.
-- mandate_system  signs people in, finds work that is due, sends mail: the few statements across tenants.
--
-- None of them is a superuser, and none may step around row level security.

do $$
declare
    login text;
begin
    foreach login in array array['mandate_owner', 'mandate_app', 'mandate_system'] loop
        if not exists (select 1 from pg_roles where rolname = login) then
            execute format('create role %I', login);
        end if;
        execute format('alter role %I login nosuperuser nobypassrls nocreatedb nocreaterole noreplication', login);
    end loop;
end
$$;

-- A statement or a lock that takes this long is a fault; a transaction left open holds others up.
alter role mandate_app set statement_timeout = '30s';
alter role mandate_app set lock_timeout = '10s';
alter role mandate_app set idle_in_transaction_session_timeout = '30s';
alter role mandate_system set statement_timeout = '30s';
alter role mandate_system set lock_timeout = '10s';
alter role mandate_system set idle_in_transaction_session_timeout = '30s';

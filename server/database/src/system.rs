//! Every statement that crosses tenants: signing in, links, the scan of leases, the outbox, housekeeping.
//!
//! Only the texts live here; the functions that run them are in the noun files (`people.rs`, `leases.rs`, ...). On
//! PostgreSQL they run as a login of their own, which has rights on the tables named here and on nothing else: a
//! statement on another table needs a grant and a policy in a new migration. The list at the end is printed into a
//! committed text, so that a new one is seen by whoever reads the change.
//!
//! Parameters have no tenant bound for them; where a row of a tenant is changed, the caller names the tenant.

use crate::statement::Statement;

// Tenants.

pub(crate) static TENANT_CREATE: Statement = Statement::system(
    "tenants.create",
    "insert into tenant (id, slug, name, status, policy_version, created_at, audit_hash)
     values ($1, $2, $3, 'active', $4, $5, $6)
     on conflict do nothing",
);
pub(crate) static TENANT_FIND: Statement =
    Statement::system("tenants.find", "select id, slug, name, status, policy_version, created_at from tenant where id = $1");
pub(crate) static TENANT_BY_SLUG: Statement =
    Statement::system("tenants.find_by_slug", "select id, slug, name, status, policy_version, created_at from tenant where slug = $1");
pub(crate) static TENANT_ALL: Statement =
    Statement::system("tenants.all", "select id, slug, name, status, policy_version, created_at from tenant order by slug");
pub(crate) static TENANT_OF_PERSON: Statement = Statement::system(
    "tenants.of_person",
    "select t.id, t.slug, t.name, t.status, t.policy_version, t.created_at, m.status as membership_status
     from membership m
     join tenant t on t.id = m.tenant_id
     where m.person_id = $1
     order by t.name, t.slug",
);
pub(crate) static TENANT_ENTERED: Statement = Statement::system(
    "tenants.entered",
    "select t.id, t.slug, t.name, t.status, t.policy_version, t.created_at, m.status as membership_status,
            (select count(*) from session_ending e where e.tenant_id = t.id and e.session_id = $3) as endings
     from tenant t
     join membership m on m.tenant_id = t.id and m.person_id = $2
     where t.slug = $1",
);
pub(crate) static TENANT_SET_POLICY: Statement =
    Statement::system("tenants.set_policy", "update tenant set policy_version = $2 where id = $1");
/// The same, by one whose rights belong to a known state: nothing happens when that is no longer the state.
pub(crate) static TENANT_MOVE_POLICY: Statement = Statement::system(
    "tenants.move_policy",
    "update tenant set policy_version = $2 where id = $1 and policy_version = $3 and status = 'active'",
);
pub(crate) static TENANT_KEY_CREATE: Statement =
    Statement::system("tenants.create_key", "insert into tenant_key (tenant_id, wrapped, created_at) values ($1, $2, $3)");
pub(crate) static POLICY_OF_TENANT: Statement = Statement::system(
    "roles.policy_of",
    "select t.status, t.policy_version, h.person_id, h.role
     from tenant t
     left join (
         select b.tenant_id, b.person_id, b.role
         from role_binding b
         join membership m on m.tenant_id = b.tenant_id and m.person_id = b.person_id
         join person p on p.id = b.person_id
         where b.tenant_id = $1 and m.status = 'active' and p.status = 'active'
     ) as h on h.tenant_id = t.id
     where t.id = $1
     order by h.person_id, h.role",
);

// People and their sessions.

pub(crate) static PERSON_CREATE: Statement = Statement::system(
    "people.create",
    "insert into person (id, email, name, password_hash, status, created_at, password_changed_at)
     values ($1, $2, $3, $4, 'active', $5, $5)
     on conflict do nothing",
);
pub(crate) static PERSON_FIND: Statement = Statement::system(
    "people.find",
    "select id, email, name, password_hash, status, created_at, password_changed_at from person where id = $1",
);
pub(crate) static PERSON_BY_EMAIL: Statement = Statement::system(
    "people.find_by_email",
    "select id, email, name, password_hash, status, created_at, password_changed_at from person
     where email = $1 and tenant_id is null",
);
pub(crate) static SERVICE_ACCOUNT_CREATE: Statement = Statement::system(
    "service_accounts.create",
    "insert into person (id, tenant_id, email, name, password_hash, status, created_at, password_changed_at)
     values ($1, $2, $3, $4, '*', 'active', $5, $5)
     on conflict do nothing",
);
pub(crate) static PERSON_SET_PASSWORD: Statement = Statement::system(
    "people.set_password",
    "update person set password_hash = $2, password_changed_at = $3 where id = $1 and password_hash = $4",
);
pub(crate) static PERSON_SET_EMAIL: Statement = Statement::system(
    "people.set_email",
    "update person set email = $2
     where id = $1 and email <> $2 and not exists (select 1 from person other where other.email = $2)",
);
pub(crate) static PERSON_SET_STATUS: Statement =
    Statement::system("people.set_status", "update person set status = $2 where id = $1 and status <> $2");
/// A session with its person and the shortest time that one of their tenants lets a session be idle.
macro_rules! signed_in_select {
    ($which:literal) => {
        concat!(
            "select s.id, s.person_id, s.created_at, s.last_seen_at, s.expires_at, s.address, s.agent, p.email, p.name, p.status,
                    (select min(t.session_idle_minutes)
                     from membership m
                     join tenant t on t.id = m.tenant_id
                     where m.person_id = s.person_id and m.status = 'active' and t.status = 'active') as idle_minutes
             from session s
             join person p on p.id = s.person_id
             where ",
            $which
        )
    };
}

pub(crate) static SESSION_CREATE: Statement = Statement::system(
    "sessions.create",
    "insert into session (id, person_id, token_hash, created_at, last_seen_at, expires_at, address, agent)
     values ($1, $2, $3, $4, $4, $5, $6, $7)",
);
pub(crate) static SESSION_BY_TOKEN: Statement = Statement::system("sessions.find_by_token", signed_in_select!("s.token_hash = $1"));
pub(crate) static SESSION_FIND: Statement = Statement::system("sessions.find", signed_in_select!("s.id = $1"));
pub(crate) static SESSION_IS_ENDED_IN: Statement =
    Statement::system("sessions.is_ended_in", "select count(*) as endings from session_ending where tenant_id = $1 and session_id = $2");
pub(crate) static SESSION_TOUCH: Statement =
    Statement::system("sessions.touch", "update session set last_seen_at = $2 where id = $1 and last_seen_at < $2");
pub(crate) static SESSION_OF_PERSON: Statement = Statement::system(
    "sessions.of_person",
    "select id, person_id, created_at, last_seen_at, expires_at, address, agent
     from session
     where person_id = $1
     order by last_seen_at desc, id",
);
pub(crate) static SESSION_DELETE: Statement = Statement::system("sessions.delete", "delete from session where person_id = $1 and id = $2");
pub(crate) static SESSION_DELETE_ALL: Statement =
    Statement::system("sessions.delete_all", "delete from session where person_id = $1 and (id <> $2 or $2 is null)");
pub(crate) static SESSION_DELETE_WITHOUT_REACH: Statement = Statement::system(
    "sessions.delete_without_reach",
    "delete from session
     where person_id = $1
       and not exists (
           select 1 from membership m
           where m.person_id = session.person_id and m.status = 'active'
             and not exists (select 1 from session_ending e where e.tenant_id = m.tenant_id and e.session_id = session.id)
       )",
);
pub(crate) static SESSION_DELETE_ENDED: Statement =
    Statement::system("sessions.delete_ended", "delete from session where expires_at <= $1 or last_seen_at < $2");

// Keys of the API, and requests that are done once.

pub(crate) static API_KEY_SHOWN: Statement = Statement::system(
    "api_keys.shown",
    "select k.tenant_id, t.status as tenant_status, m.status as membership_status, p.status as person_status, k.secret_hash,
            k.id, k.person_id, p.email, p.tenant_id as service_of, k.name, k.scopes, k.created_by, k.created_at, k.expires_at,
            k.last_used_at, k.last_used_from, k.revoked_at
     from api_key k
     join tenant t on t.id = k.tenant_id
     join membership m on m.tenant_id = k.tenant_id and m.person_id = k.person_id
     join person p on p.id = k.person_id
     where k.id = $1",
);
pub(crate) static API_KEY_OF_PERSON: Statement = Statement::system(
    "api_keys.of_person_everywhere",
    "select t.name as tenant_name, t.slug as tenant_slug, k.id, k.person_id, p.email, p.tenant_id as service_of, k.name, k.scopes,
            k.created_by, k.created_at, k.expires_at, k.last_used_at, k.last_used_from, k.revoked_at
     from api_key k
     join tenant t on t.id = k.tenant_id
     join membership m on m.tenant_id = k.tenant_id and m.person_id = k.person_id
     join person p on p.id = k.person_id
     where k.person_id = $1 and t.status = 'active' and m.status = 'active'
     order by k.created_at desc, k.id",
);
pub(crate) static API_KEY_REVOKE_OF_PERSON: Statement = Statement::system(
    "api_keys.revoke_of_person",
    "update api_key set revoked_at = $2, revoked_by = person_id where person_id = $1 and revoked_at is null",
);
pub(crate) static API_KEY_TOUCH: Statement = Statement::system(
    "api_keys.touch",
    "update api_key set last_used_at = $3, last_used_from = $4
     where tenant_id = $1 and id = $2 and (last_used_at is null or last_used_at < $3)",
);
pub(crate) static IDEMPOTENCY_DELETE_ENDED: Statement =
    Statement::system("idempotency.delete_ended", "delete from idempotency where expires_at <= $1");

// One-time links of people.

pub(crate) static PERSON_LINK_CREATE: Statement = Statement::system(
    "person_links.create",
    "insert into person_link (id, person_id, purpose, token_hash, email, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)",
);
pub(crate) static PERSON_LINK_FIND: Statement = Statement::system(
    "person_links.find",
    "select id, person_id, purpose, email, expires_at from person_link where token_hash = $1 and purpose = $2 and expires_at > $3",
);
pub(crate) static PERSON_LINK_TAKE: Statement = Statement::system(
    "person_links.take",
    "delete from person_link where token_hash = $1 and purpose = $2 and expires_at > $3
     returning id, person_id, purpose, email, expires_at",
);
pub(crate) static PERSON_LINK_DELETE_OF: Statement =
    Statement::system("person_links.delete_of", "delete from person_link where person_id = $1 and purpose = $2");
pub(crate) static PERSON_LINK_DELETE_EXPIRED: Statement =
    Statement::system("person_links.delete_expired", "delete from person_link where expires_at <= $1");

// Becoming a member.

pub(crate) static INVITATION_BY_TOKEN: Statement = Statement::system(
    "invitations.find_by_token",
    "select i.tenant_id, t.name as tenant_name, t.slug as tenant_slug, i.id, i.email, i.name, i.role, i.invited_by,
            i.created_at, i.expires_at, i.accepted_at, i.withdrawn_at
     from invitation i
     join tenant t on t.id = i.tenant_id
     where i.token_hash = $1 and t.status = 'active'",
);
pub(crate) static INVITATION_ACCEPT: Statement = Statement::system(
    "invitations.accept",
    "update invitation set accepted_at = $3
     where tenant_id = $1 and id = $2 and accepted_at is null and withdrawn_at is null and expires_at > $3",
);
pub(crate) static MEMBERSHIP_CREATE: Statement = Statement::system(
    "members.create",
    "insert into membership (tenant_id, person_id, status, joined_at) values ($1, $2, 'active', $3) on conflict do nothing",
);
pub(crate) static QUOTA_MEMBERS_OF: Statement = Statement::system(
    "quotas.members_of",
    "select t.quota_members,
            (select count(*)
             from membership m
             join person p on p.id = m.person_id
             where m.tenant_id = t.id and m.status = 'active' and p.tenant_id is null) as members
     from tenant t
     where t.id = $1",
);
pub(crate) static ROLE_GRANT: Statement = Statement::system(
    "roles.grant_on_joining",
    "insert into role_binding (tenant_id, person_id, role, granted_by, granted_at) values ($1, $2, $3, $4, $5)
     on conflict do nothing",
);

// Links.

pub(crate) static LINK_BY_TOKEN: Statement = Statement::system(
    "links.find_by_token",
    "select l.id, l.tenant_id, t.slug as tenant_slug, l.approval_id, l.person_id, l.expires_at, l.withdrawn_at
     from approval_link l
     join tenant t on t.id = l.tenant_id
     where l.token_hash = $1 and t.status = 'active'",
);
pub(crate) static USED_LINK_CREATE: Statement = Statement::system(
    "links.use_once",
    "insert into used_link (id, purpose, used_at, tenant_id) values ($1, $2, $3, $4) on conflict do nothing",
);
pub(crate) static USED_LINK_FIND: Statement = Statement::system("links.was_used", "select used_at from used_link where id = $1");

// Leases of runs. A run is due when its time came and nobody holds it, or when the lease of who held it ran out.

/// On PostgreSQL several claim at once and pass over what others are just taking, so each looks at a few more than it
/// wants; it does not look at everything that is due, which may be much more than anybody can claim.
pub(crate) static LEASE_CLAIM: Statement = Statement::system_each(
    "leases.claim",
    "update run_queue set owner = $2, fence = fence + 1, lease_until = $3
     where (tenant_id, run_id) in (
         select tenant_id, run_id
         from (
             select tenant_id, run_id, due_at, row_number() over (partition by tenant_id order by due_at, run_id) as turn
             from (
                 select tenant_id, run_id, wake_at as due_at
                 from run_queue where owner is null and wake_at is not null and wake_at <= $1
                 union all
                 select tenant_id, run_id, lease_until as due_at
                 from run_queue where owner is not null and owner <> $2 and lease_until <= $1
             ) as due
         ) as turns
         order by turn, due_at
         limit $4
     )
     returning tenant_id, run_id, fence",
    "with turns as materialized (
         select tenant_id, run_id, due_at, row_number() over (partition by tenant_id order by due_at, run_id) as turn
         from (
             select tenant_id, run_id, wake_at as due_at
             from run_queue where owner is null and wake_at is not null and wake_at <= $1
             union all
             select tenant_id, run_id, lease_until as due_at
             from run_queue where owner is not null and owner <> $2 and lease_until <= $1
         ) as due
         order by turn, due_at
         limit 4 * cast($4 as bigint)
     ),
     taken as materialized (
         select q.tenant_id, q.run_id
         from run_queue q
         join turns t on t.tenant_id = q.tenant_id and t.run_id = q.run_id
         where (q.owner is null and q.wake_at <= $1) or (q.owner is not null and q.lease_until <= $1)
         order by t.turn, t.due_at
         limit $4
         for update of q skip locked
     )
     update run_queue set owner = $2, fence = fence + 1, lease_until = $3
     from taken
     where run_queue.tenant_id = taken.tenant_id and run_queue.run_id = taken.run_id
     returning run_queue.tenant_id, run_queue.run_id, run_queue.fence",
);
/// On PostgreSQL the rows are locked in the order of their keys, as the batch of the engine locks them: two that lock many
/// rows in different orders could wait for each other for ever.
pub(crate) static LEASE_RENEW: Statement = Statement::system_each(
    "leases.renew",
    "update run_queue set lease_until = $2 where owner = $1 returning tenant_id, run_id, fence",
    "with held as materialized (
         select tenant_id, run_id from run_queue where owner = $1 order by tenant_id, run_id for no key update
     )
     update run_queue set lease_until = $2
     from held
     where run_queue.tenant_id = held.tenant_id and run_queue.run_id = held.run_id
     returning run_queue.tenant_id, run_queue.run_id, run_queue.fence",
);
/// Records of the owner that stops may still be on their way: the same order as above.
pub(crate) static LEASE_RELEASE_ALL: Statement = Statement::system_each(
    "leases.release_all",
    "update run_queue set owner = null, lease_until = null, wake_at = $2 where owner = $1",
    "with held as materialized (
         select tenant_id, run_id from run_queue where owner = $1 order by tenant_id, run_id for no key update
     )
     update run_queue set owner = null, lease_until = null, wake_at = $2
     from held
     where run_queue.tenant_id = held.tenant_id and run_queue.run_id = held.run_id",
);
pub(crate) static LEASE_RELEASE_OTHERS: Statement =
    Statement::system("leases.release_others", "update run_queue set owner = null, lease_until = null, wake_at = $2 where owner <> $1");
pub(crate) static LEASE_GIVE_BACK: Statement = Statement::system(
    "leases.give_back",
    "update run_queue set owner = null, lease_until = null, wake_at = $5
     where tenant_id = $1 and run_id = $2 and owner = $3 and fence = $4",
);
pub(crate) static LEASE_NEXT_DUE: Statement = Statement::system(
    "leases.next_due",
    "select min(at) as at
     from (
         select min(wake_at) as at from run_queue where owner is null and wake_at is not null
         union all
         select min(lease_until) as at from run_queue where owner is not null
     ) as moments",
);

// The outbox.

pub(crate) static MAIL_CREATE: Statement = Statement::system(
    "mail.create_to_person",
    "insert into mail (tenant_id, id, recipient, subject, text_body, html_body, headers, reference, created_at, next_attempt_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
);
pub(crate) static MAIL_CLAIM: Statement = Statement::system_each(
    "mail.claim_due",
    "update mail set attempts = attempts + 1, next_attempt_at = $2
     where (tenant_id, id) in (
         select tenant_id, id from mail
         where next_attempt_at is not null and next_attempt_at <= $1
         order by next_attempt_at
         limit $3
     )
     returning tenant_id, id, recipient, subject, text_body, html_body, headers, reference, created_at, attempts,
               next_attempt_at, sent_at, last_error",
    "update mail set attempts = attempts + 1, next_attempt_at = $2
     where (tenant_id, id) in (
         select tenant_id, id from mail
         where next_attempt_at is not null and next_attempt_at <= $1
         order by next_attempt_at
         limit $3
         for update skip locked
     )
     returning tenant_id, id, recipient, subject, text_body, html_body, headers, reference, created_at, attempts,
               next_attempt_at, sent_at, last_error",
);
pub(crate) static MAIL_SENT: Statement = Statement::system(
    "mail.sent",
    "update mail set sent_at = $3, next_attempt_at = null, last_error = null
     where tenant_id = $1 and id = $2 and sent_at is null",
);
pub(crate) static MAIL_FAILED: Statement = Statement::system(
    "mail.failed",
    "update mail set last_error = $3, next_attempt_at = $4 where tenant_id = $1 and id = $2 and sent_at is null",
);
pub(crate) static MAIL_LATEST: Statement = Statement::system(
    "mail.latest",
    "select tenant_id, id, recipient, subject, text_body, html_body, headers, reference, created_at, attempts,
            next_attempt_at, sent_at, last_error
     from mail
     order by created_at desc, id desc
     limit $1",
);
pub(crate) static MAIL_FIND: Statement = Statement::system(
    "mail.find",
    "select tenant_id, id, recipient, subject, text_body, html_body, headers, reference, created_at, attempts,
            next_attempt_at, sent_at, last_error
     from mail
     where tenant_id = $1 and id = $2",
);
pub(crate) static MAIL_NEXT_DUE: Statement =
    Statement::system("mail.next_due", "select min(next_attempt_at) as at from mail where next_attempt_at is not null");
pub(crate) static MAIL_DELETE_SENT: Statement =
    Statement::system("mail.delete_sent", "delete from mail where sent_at is not null and sent_at < $1");

// Audit: the installation's own chain, and denials that were counted.

pub(crate) static INSTALLATION_AUDIT_HEAD: Statement =
    Statement::system("audit.installation_end", "select audit_seq, audit_hash from installation where id = 1");
pub(crate) static INSTALLATION_AUDIT_AFTER: Statement = Statement::system(
    "audit.installation_after",
    "select seq, canonical, hash from installation_audit where seq > $1 order by seq limit $2",
);
pub(crate) static DENIALS_DUE: Statement = Statement::system(
    "audit.denials_due",
    "select tenant_id, key, minute, count, actor, event
     from denial_count
     where minute < $1
     order by minute, tenant_id, key
     limit $2",
);
pub(crate) static DENIALS_DELETE: Statement =
    Statement::system("audit.denials_delete", "delete from denial_count where tenant_id = $1 and key = $2 and minute = $3");

// Throttling. A bucket that is not there is full; a full one is as good as none.

pub(crate) static THROTTLE_TAKE: Statement = Statement::system(
    "throttle.take",
    "insert into throttle as b (key, tokens, updated_at) values ($1, cast($2 as bigint) - cast($5 as bigint), $3)
     on conflict (key) do update set
         tokens = case
             when b.tokens + case when $3 > b.updated_at then ($3 - b.updated_at) / $4 else 0 end > $2 then $2
             else b.tokens + case when $3 > b.updated_at then ($3 - b.updated_at) / $4 else 0 end
         end - $5,
         updated_at = case when $3 > b.updated_at then $3 else b.updated_at end
     where b.tokens + case when $3 > b.updated_at then ($3 - b.updated_at) / $4 else 0 end >= $5
     returning tokens",
);
pub(crate) static THROTTLE_LEFT: Statement = Statement::system("throttle.left", "select tokens, updated_at from throttle where key = $1");
pub(crate) static THROTTLE_DELETE_UNUSED: Statement =
    Statement::system("throttle.delete_unused", "delete from throttle where updated_at < $1");

// What waits, as numbers alone.

pub(crate) static BACKLOG: Statement = Statement::system(
    "health.backlog",
    "select
         (select count(*) from run_queue where owner is not null) as driven,
         (select count(*) from run_queue where owner is null and wake_at <= $1) as due,
         (select count(*) from run_queue where owner is null and wake_at > $1) as later,
         (select count(*) from mail where next_attempt_at is not null) as mails",
);

pub(crate) static ALL: &[&Statement] = &[
    &TENANT_CREATE,
    &TENANT_FIND,
    &TENANT_BY_SLUG,
    &TENANT_ALL,
    &TENANT_OF_PERSON,
    &TENANT_ENTERED,
    &TENANT_SET_POLICY,
    &TENANT_MOVE_POLICY,
    &TENANT_KEY_CREATE,
    &POLICY_OF_TENANT,
    &PERSON_CREATE,
    &PERSON_FIND,
    &PERSON_BY_EMAIL,
    &SERVICE_ACCOUNT_CREATE,
    &PERSON_SET_PASSWORD,
    &PERSON_SET_EMAIL,
    &PERSON_SET_STATUS,
    &SESSION_CREATE,
    &SESSION_BY_TOKEN,
    &SESSION_FIND,
    &SESSION_IS_ENDED_IN,
    &SESSION_TOUCH,
    &SESSION_OF_PERSON,
    &SESSION_DELETE,
    &SESSION_DELETE_ALL,
    &SESSION_DELETE_WITHOUT_REACH,
    &SESSION_DELETE_ENDED,
    &API_KEY_SHOWN,
    &API_KEY_OF_PERSON,
    &API_KEY_REVOKE_OF_PERSON,
    &API_KEY_TOUCH,
    &IDEMPOTENCY_DELETE_ENDED,
    &PERSON_LINK_CREATE,
    &PERSON_LINK_FIND,
    &PERSON_LINK_TAKE,
    &PERSON_LINK_DELETE_OF,
    &PERSON_LINK_DELETE_EXPIRED,
    &INVITATION_BY_TOKEN,
    &INVITATION_ACCEPT,
    &MEMBERSHIP_CREATE,
    &QUOTA_MEMBERS_OF,
    &ROLE_GRANT,
    &LINK_BY_TOKEN,
    &USED_LINK_CREATE,
    &USED_LINK_FIND,
    &LEASE_CLAIM,
    &LEASE_RENEW,
    &LEASE_RELEASE_ALL,
    &LEASE_RELEASE_OTHERS,
    &LEASE_GIVE_BACK,
    &LEASE_NEXT_DUE,
    &MAIL_CREATE,
    &MAIL_CLAIM,
    &MAIL_SENT,
    &MAIL_FAILED,
    &MAIL_LATEST,
    &MAIL_FIND,
    &MAIL_NEXT_DUE,
    &MAIL_DELETE_SENT,
    &INSTALLATION_AUDIT_HEAD,
    &INSTALLATION_AUDIT_AFTER,
    &DENIALS_DUE,
    &DENIALS_DELETE,
    &THROTTLE_TAKE,
    &THROTTLE_LEFT,
    &THROTTLE_DELETE_UNUSED,
    &BACKLOG,
];

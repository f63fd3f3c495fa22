//! The statements of the writer: ends of audit chains, and the small write that shows that writing works.

use crate::statement::Statement;

/// Ends of tenants' chains, locked in one order. `no key`: an insert that refers to the tenant does not wait for it.
pub(crate) static HEADS: Statement = Statement::system_each(
    "audit.heads",
    "select id, audit_seq, audit_hash from tenant where id in (select unhex(value->>0) from jsonb_each($1))",
    "select id, audit_seq, audit_hash from tenant where id in (select (value->>0)::uuid from jsonb_array_elements($1::jsonb))
     order by id for no key update",
);

pub(crate) static APPEND: Statement = Statement::system_each(
    "audit.append",
    "insert into audit_event (tenant_id, seq, at, actor_label, action, target_kind, target_id, outcome, request, search, canonical, hash)
     select unhex(value->>0), value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, value->>9,
         value->>10, unhex(value->>11)
     from jsonb_each($1)",
    "insert into audit_event (tenant_id, seq, at, actor_label, action, target_kind, target_id, outcome, request, search, canonical, hash)
     select (value->>0)::uuid, (value->>1)::bigint, (value->>2)::bigint, value->>3, value->>4, value->>5, value->>6, value->>7,
         value->>8, value->>9, value->>10, decode(value->>11, 'hex')
     from jsonb_array_elements($1::jsonb)",
);

pub(crate) static MOVE_HEADS: Statement = Statement::system_each(
    "audit.move_heads",
    "update tenant set audit_seq = j.value->>1, audit_hash = unhex(j.value->>2)
     from jsonb_each($1) as j where tenant.id = unhex(j.value->>0)",
    "update tenant set audit_seq = (j.value->>1)::bigint, audit_hash = decode(j.value->>2, 'hex')
     from jsonb_array_elements($1::jsonb) as j where tenant.id = (j.value->>0)::uuid",
);

pub(crate) static INSTALLATION_HEAD: Statement = Statement::system_each(
    "audit.installation_head",
    "select audit_seq, audit_hash from installation where id = 1",
    "select audit_seq, audit_hash from installation where id = 1 for no key update",
);

pub(crate) static INSTALLATION_APPEND: Statement = Statement::system_each(
    "audit.installation_append",
    "insert into installation_audit (seq, at, action, canonical, hash)
     select value->>0, value->>1, value->>2, value->>3, unhex(value->>4) from jsonb_each($1)",
    "insert into installation_audit (seq, at, action, canonical, hash)
     select (value->>0)::bigint, (value->>1)::bigint, value->>2, value->>3, decode(value->>4, 'hex')
     from jsonb_array_elements($1::jsonb)",
);

pub(crate) static INSTALLATION_MOVE_HEAD: Statement =
    Statement::system("audit.installation_move_head", "update installation set audit_seq = $1, audit_hash = $2 where id = 1");

pub(crate) static PROBE: Statement = Statement::system(
    "writer.probe",
    "insert into throttle (key, tokens, updated_at) values ('probe', 0, $1)
     on conflict (key) do update set updated_at = excluded.updated_at",
);

pub(crate) static ALL: &[&Statement] =
    &[&HEADS, &APPEND, &MOVE_HEADS, &INSTALLATION_HEAD, &INSTALLATION_APPEND, &INSTALLATION_MOVE_HEAD, &PROBE];

//! Requests that are done once, however often they are sent.
//!
//! A change that was asked for under a key is committed together with the key ([`crate::WriteTx::commit`] does it for an
//! actor who carries one), so of two that are sent at once one changes something. The answer follows when it is known; a
//! row without one says that the change was made and that its answer was lost.

use domain::{Once, PersonId, Timestamp};
use serde_json::Value;

use crate::{
    Result,
    error::Error,
    executor::{Query, Session},
    param::Json,
    read::Reads,
    row::{FromRow, Row},
    statement::{Reach, Statement},
    system,
    system_tx::SystemTx,
    write::WriteTx,
};

/// What is remembered of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// SHA-256 of what was asked.
    pub digest: [u8; 32],
    /// The id of the request that was answered.
    pub request: String,
    /// The answer; nothing when the change was made and the answer was lost.
    pub answer: Option<Answer>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Those headers that belong to the content, as an object.
    pub headers: Value,
    /// The body.
    pub body: String,
}

impl FromRow for Remembered {
    fn from_row(row: &Row) -> Result<Self> {
        let answer = match (row.opt_i64("status")?, row.opt_json("headers")?, row.opt_text("body")?) {
            (Some(status), Some(headers), Some(body)) => {
                let status = u16::try_from(status).map_err(|_| row.wrong("status", "it is no status".to_owned()))?;
                Some(Answer { status, headers, body })
            }
            _ => None,
        };
        Ok(Self { digest: row.hash("digest")?, request: row.text("request")?, answer })
    }
}

static FIND: Statement = Statement::tenant(
    "idempotency.find",
    "select digest, request, status, headers, body
     from idempotency
     where tenant_id = $1 and person_id = $2 and key = $3 and expires_at > $4",
);
/// What was done under a key is not done again; a key whose time is over is as good as new. A request that commits in
/// several steps keeps its row.
static DONE: Statement = Statement::tenant(
    "idempotency.done",
    "insert into idempotency (tenant_id, person_id, key, digest, request, at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (tenant_id, person_id, key) do update set
         digest = excluded.digest, request = excluded.request, at = excluded.at, expires_at = excluded.expires_at,
         status = null, headers = null, body = null
     where idempotency.expires_at <= excluded.at or idempotency.request = excluded.request",
);
static ANSWERED: Statement = Statement::tenant(
    "idempotency.answered",
    "insert into idempotency (tenant_id, person_id, key, digest, request, at, expires_at, status, headers, body)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (tenant_id, person_id, key) do update set
         digest = excluded.digest, request = excluded.request, at = excluded.at, expires_at = excluded.expires_at,
         status = excluded.status, headers = excluded.headers, body = excluded.body
     where idempotency.expires_at <= excluded.at or idempotency.request = excluded.request",
);

pub(crate) static ALL: &[&Statement] = &[&FIND, &DONE, &ANSWERED];

fn bound<'q>(query: Query<'q>, person: PersonId, once: &Once, request: &str) -> Query<'q> {
    query.bind(person).bind(once.key.as_str()).bind(once.digest).bind(request).bind(once.at).bind(once.expires_at)
}

/// What is remembered under a key of this person, at a moment.
pub async fn find<'a>(tx: &mut impl Reads<'a>, person: PersonId, key: &str, now: Timestamp) -> Result<Option<Remembered>> {
    tx.query(&FIND).bind(person).bind(key).bind(now).optional().await
}

/// Remembers the answer of the actor's request. Commits as housekeeping.
pub async fn answered(tx: &mut WriteTx<'_>, person: PersonId, once: &Once, answer: &Answer) -> Result<()> {
    let request = tx.actor().request().id.to_string();
    bound(tx.query(&ANSWERED), person, once, &request)
        .bind(i64::from(answer.status))
        .bind(Json(answer.headers.clone()))
        .bind(&answer.body)
        .execute()
        .await
        .map(drop)
}

/// Remembers in a transaction about to be committed that its change was made under the actor's key.
pub(crate) async fn done(session: &mut Session, actor: &domain::Actor) -> Result<()> {
    let (Some(once), Some(person)) = (actor.once(), actor.person()) else { return Ok(()) };
    let request = actor.request().id.to_string();
    let query = session.query(&DONE, Reach::Tenant).bind(actor.tenant());
    if bound(query, person, once, &request).execute().await? == 0 {
        return Err(Error::DoneBefore);
    }
    Ok(())
}

/// Forgets requests whose time is over. Commits as housekeeping.
pub async fn delete_ended(tx: &mut SystemTx, now: Timestamp) -> Result<u64> {
    tx.query(&system::IDEMPOTENCY_DELETE_ENDED).bind(now).execute().await
}

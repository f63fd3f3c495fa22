//! Recording that somebody was denied something: for want of a right, or of room in a quota.
//!
//! The first denial of a kind in a minute is an event at once; the repetitions are counted and become one event when
//! the minute is over, so that whoever hammers on a door does not fill the log.

use database::{
    AuditIntent, Chain, Housekeeping,
    audit::{self, CountedDenial, Denial},
};
use domain::{
    Actor, Denied, Door, Timestamp,
    audit::{AuditActor, AuditEvent, AuditEvents, Outcome},
};
use serde_json::{Value, json};

use crate::{
    Platform, Result, identity,
    tenants::quotas::{EXCEEDED, Full},
};

const ACTION: &str = "security.permission_denied";
/// How many kinds of denials are summed up in one transaction.
const AT_ONCE: u32 = 200;

/// The minute since 1970 that a moment is in.
const fn minute(at: Timestamp) -> i64 {
    at.micros().div_euclid(60_000_000)
}

impl Platform {
    /// Records that an actor was denied something, in a transaction of its own after theirs was undone.
    pub async fn record_denial(&self, actor: &Actor, denied: &Denied) -> Result<()> {
        let (Denied::NotFound { kind, permission, id } | Denied::Forbidden { kind, permission, id }) = denied;
        // What was denied may have to do with rights that changed just now.
        let actor = self.renewed(actor).await?.aside();
        let in_log = AuditActor::from(&actor);
        let denial = Denial {
            key: format!("{} {} {permission} {kind} {id}", in_log.kind, in_log.id),
            minute: minute(self.now()),
            actor: actor_value(&in_log),
            event: json!({"kind": kind, "id": id, "permission": permission.name()}),
        };
        let mut tx = self.parts().database.write(&actor).await?;
        if audit::count_denial(&mut tx, &denial).await? > 1 {
            return Ok(tx.housekeep(Housekeeping::Denials).await?);
        }
        let event = AuditEvent::done(ACTION, kind, id, "").outcome(Outcome::Denied).with("permission", permission.name());
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }

    /// Records that a quota refused an actor something, in a transaction of its own after theirs was undone.
    pub(crate) async fn record_full(&self, actor: &Actor, full: Full) -> Result<()> {
        let actor = self.renewed(actor).await?;
        let in_log = AuditActor::from(&actor);
        let denial = Denial {
            key: format!("{} {} quota {}", in_log.kind, in_log.id, full.quota),
            minute: minute(self.now()),
            actor: actor_value(&in_log),
            event: json!({"action": EXCEEDED, "kind": "quota", "id": full.quota.name()}),
        };
        let mut tx = self.parts().database.write(&actor).await?;
        if audit::count_denial(&mut tx, &denial).await? > 1 {
            return Ok(tx.housekeep(Housekeeping::Denials).await?);
        }
        Ok(tx.commit(AuditEvents::one(full.event())).await?)
    }

    /// Records the repetitions of minutes that are over, one event for each kind of denial.
    pub(crate) async fn sum_up_denials(&self) -> Result<()> {
        loop {
            let mut tx = self.parts().database.system().await?;
            let due = audit::denials_due(&mut tx, minute(self.now()), AT_ONCE).await?;
            if due.is_empty() {
                return Ok(());
            }
            let mut intents = Vec::new();
            for counted in &due {
                if audit::delete_denial(&mut tx, counted).await? && counted.count > 1 {
                    intents.push(AuditIntent {
                        chain: Chain::Tenant(counted.tenant),
                        actor: actor_of(&counted.denial.actor),
                        event: repetitions(counted),
                    });
                }
            }
            if intents.is_empty() {
                tx.housekeep(Housekeeping::Denials).await?;
            } else {
                identity::commit(tx, intents).await?;
            }
        }
    }
}

/// The event that stands for the repetitions. The first of the minute has one of its own, and is not counted.
fn repetitions(counted: &CountedDenial) -> AuditEvent {
    let fact = |name: &str| counted.denial.event.get(name).cloned().unwrap_or_default();
    let action = if fact("action").as_str() == Some(EXCEEDED) { EXCEEDED } else { ACTION };
    let event = AuditEvent::done(action, "repetitions", fact("id").as_str().unwrap_or_default(), "").outcome(Outcome::Denied);
    let event = if action == ACTION { event.with("permission", fact("permission")) } else { event };
    event
        .with("kind", fact("kind"))
        .with("repetitions", counted.count - 1)
        .with("minute", Timestamp::from_micros(counted.denial.minute.saturating_mul(60_000_000)).to_string())
}

fn actor_value(actor: &AuditActor) -> Value {
    json!({
        "kind": actor.kind, "id": actor.id, "label": actor.label, "door": actor.door,
        "run": actor.run, "address": actor.address, "request": actor.request,
    })
}

/// The actor that [`actor_value`] wrote down.
fn actor_of(value: &Value) -> AuditActor {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let owned = |name: &str| text(name).map(str::to_owned);
    let known = |words: &[&'static str], name: &str| words.iter().copied().find(|word| text(name) == Some(word)).unwrap_or("system");
    AuditActor {
        kind: known(&["person", "operator"], "kind"),
        id: owned("id").unwrap_or_default(),
        label: owned("label").unwrap_or_default(),
        door: known(&[Door::Page.name(), Door::MailLink.name(), "api", "run", "operator"], "door"),
        run: owned("run"),
        address: owned("address"),
        request: owned("request").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_the_same_after_being_counted() {
        for (kind, door, run) in
            [("person", "page", None), ("person", "run", Some("run_1")), ("operator", "operator", None), ("system", "system", None)]
        {
            let actor = AuditActor {
                kind,
                id: "per_1".to_owned(),
                label: "fin@acme.example".to_owned(),
                door,
                run: run.map(str::to_owned),
                address: Some("192.0.2.7".to_owned()),
                request: "req_1".to_owned(),
            };
            assert_eq!(actor_of(&actor_value(&actor)), actor);
        }
    }
}

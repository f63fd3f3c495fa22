//! The audit log's words: an event, its canonical bytes, and the hash that chains it to the one before.
//!
//! Every tenant has a chain of its own, and the installation has one. A row's hash covers all of its
//! fields and the hash of the row before, so a row that was changed, removed or put elsewhere is found.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    actor::{Actor, Subject},
    canonical,
    time::Timestamp,
};

/// Written before the canonical bytes of a row when hashing, so that the hash means nothing else.
const DOMAIN: &[u8] = b"mandate audit row v1\n";

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused for want of a right.
    Denied,
    /// It was tried and did not work.
    Failed,
}

impl Outcome {
    /// The word in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// Who did it, in the words of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditActor {
    /// `person`, `operator` or `system`.
    pub kind: &'static str,
    /// The public id; empty for operator and system.
    pub id: String,
    /// The name people know: an e-mail address.
    pub label: String,
    /// The door: `page`, `mail_link`, `run`, `operator`, `system`.
    pub door: &'static str,
    /// The run, when the door is a run.
    pub run: Option<String>,
    /// The client's address, if there was a client.
    pub address: Option<String>,
    /// The id of the request.
    pub request: String,
}

impl From<&Actor> for AuditActor {
    fn from(actor: &Actor) -> Self {
        let Subject::Person(person) = actor.subject();
        let (kind, id) = ("person", person.to_string());
        Self {
            kind,
            id,
            label: actor.label().to_owned(),
            door: actor.door().name(),
            // The engine records what runs do.
            run: None,
            address: actor.request().address.clone(),
            request: actor.request().id.to_string(),
        }
    }
}

/// What was done to what. The actor, the time and the place in the chain are added at the commit.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvent {
    /// The public event name, such as `approval.approved`.
    pub action: &'static str,
    /// The kind of thing it was done to.
    pub target_kind: &'static str,
    /// Its public id; empty when there is none.
    pub target_id: String,
    /// Its name for people, at that time.
    pub target_name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Facts, never secrets; an object.
    pub detail: Map<String, Value>,
}

impl AuditEvent {
    /// Something that was done.
    pub fn done(action: &'static str, target_kind: &'static str, target_id: impl ToString, target_name: impl Into<String>) -> Self {
        Self {
            action,
            target_kind,
            target_id: target_id.to_string(),
            target_name: target_name.into(),
            outcome: Outcome::Done,
            detail: Map::new(),
        }
    }

    /// The same with another outcome.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The same with one more fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(key.to_owned(), value.into());
        self
    }
}

/// One or more events: what a commit demands. There is no empty one.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEvents(Vec<AuditEvent>);

impl AuditEvents {
    /// One event.
    pub fn one(event: AuditEvent) -> Self {
        Self(vec![event])
    }

    /// Several, in order; nothing when there are none, as nothing is committed without an event.
    pub fn several(events: Vec<AuditEvent>) -> Option<Self> {
        (!events.is_empty()).then_some(Self(events))
    }

    /// One more.
    #[must_use]
    pub fn and(mut self, event: AuditEvent) -> Self {
        self.0.push(event);
        self
    }

    /// The events, in order.
    pub fn into_vec(self) -> Vec<AuditEvent> {
        self.0
    }
}

/// A fact that is written down in a journal, and what of it the audit log shows.
pub trait Recorded {
    /// The bytes the journal keeps for ever.
    fn bytes(&self) -> String;
    /// What the audit log says of it; `None` for facts that are no act.
    fn audit(&self) -> Option<AuditEvent>;
}

/// A row of the log, complete but for its hash.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// The chain: a tenant's public id, or `installation`.
    pub chain: String,
    /// The place in the chain, from 1.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: AuditActor,
    /// What.
    pub event: AuditEvent,
    /// The hash of the row before; zeros for the first.
    pub previous: [u8; 32],
}

impl AuditRow {
    /// The row as a JSON object with everything the hash covers.
    pub fn to_value(&self) -> Value {
        json!({
            "v": 1,
            "chain": self.chain,
            "seq": self.seq,
            "at": self.at.to_string(),
            "actor": {
                "kind": self.actor.kind, "id": self.actor.id, "label": self.actor.label,
                "door": self.actor.door, "run": self.actor.run,
                "address": self.actor.address, "request": self.actor.request,
            },
            "action": self.event.action,
            "target": {"kind": self.event.target_kind, "id": self.event.target_id, "name": self.event.target_name},
            "outcome": self.event.outcome.name(),
            "detail": Value::Object(self.event.detail.clone()),
            "previous": hex::encode(self.previous),
        })
    }

    /// The canonical text that is stored, and that the hash covers.
    pub fn canonical(&self) -> String {
        canonical::text(&self.to_value())
    }
}

/// The hash of a row's canonical text.
pub fn hash(canonical_text: &str) -> [u8; 32] {
    Sha256::new().chain_update(DOMAIN).chain_update(canonical_text.as_bytes()).finalize().into()
}

/// The line of a row in a JSONL export: its canonical object with the member `hash` added.
pub fn export_line(canonical_text: &str, hash: &[u8; 32]) -> String {
    let open = canonical_text.strip_suffix('}').unwrap_or(canonical_text);
    format!("{open},\"hash\":\"{}\"}}", hex::encode(hash))
}

/// What is wrong with an export, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct BadRow {
    /// The line, from 1.
    pub line: usize,
    /// The sequence number, as far as it can be read.
    pub seq: Option<i64>,
    /// What is wrong, as a sentence.
    pub reason: String,
}

/// Where a chain ends: the place of its last row, from 1, and that row's hash.
pub type ChainEnd = (i64, [u8; 32]);

/// Checks lines of an export one after another; keeps only the place and hash of the row before.
#[derive(Debug, Default)]
pub struct Verifier {
    line: usize,
    chain: Option<String>,
    last: Option<ChainEnd>,
}

impl Verifier {
    /// A verifier that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks the next line.
    ///
    /// # Errors
    /// The first reason why the line cannot be a row that follows the one before.
    pub fn check(&mut self, text: &str) -> Result<(), BadRow> {
        self.line += 1;
        let line = self.line;
        let wrong = |seq, reason: &str| BadRow { line, seq, reason: reason.to_owned() };
        let value: Value = serde_json::from_str(text).map_err(|error| wrong(None, &format!("this is not JSON: {error}")))?;
        let seq = value.get("seq").and_then(Value::as_i64);
        let Some((body, claimed)) = text.rsplit_once(",\"hash\":\"") else {
            return Err(wrong(seq, "the row has no hash at its end"));
        };
        let canonical_text = format!("{body}}}");
        let mut claimed_hash = [0_u8; 32];
        let hex_text = claimed.strip_suffix("\"}").unwrap_or_default();
        if hex_text.bytes().any(|byte| byte.is_ascii_uppercase()) || hex::decode_to_slice(hex_text, &mut claimed_hash).is_err() {
            return Err(wrong(seq, "the hash is not 64 lower-case hexadecimal signs"));
        }
        if hash(&canonical_text) != claimed_hash {
            return Err(wrong(seq, "the hash does not match the row: it was changed after it was written"));
        }
        let row: Value = serde_json::from_str(&canonical_text).map_err(|error| wrong(seq, &format!("this is not JSON: {error}")))?;
        let (Some(seq), Some(chain)) = (seq, row.get("chain").and_then(Value::as_str)) else {
            return Err(wrong(seq, "the row has no `seq` or no `chain`"));
        };
        if self.chain.as_deref().is_some_and(|known| known != chain) {
            return Err(wrong(Some(seq), "the row belongs to another chain than the rows before"));
        }
        let previous = row.get("previous").and_then(Value::as_str).unwrap_or_default();
        match &self.last {
            Some((before, _)) if *before + 1 != seq => {
                return Err(wrong(Some(seq), &format!("row {} should follow here: rows are missing or in another order", before + 1)));
            }
            Some((_, hash_before)) if hex::encode(hash_before) != previous => {
                return Err(wrong(Some(seq), "the row does not name the hash of the row before it"));
            }
            None if seq == 1 && previous != hex::encode([0_u8; 32]) => {
                return Err(wrong(Some(seq), "the first row of a chain must not name a row before it"));
            }
            _ => {}
        }
        self.chain = Some(chain.to_owned());
        self.last = Some((seq, claimed_hash));
        Ok(())
    }

    /// Rows seen, the chain they belong to, and the place and hash of the last.
    pub fn finish(self) -> (usize, Option<String>, Option<ChainEnd>) {
        (self.line, self.chain, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(rows: i64) -> Vec<String> {
        let mut previous = [0; 32];
        (1..=rows)
            .map(|seq| {
                let row = AuditRow {
                    chain: "ten_x".to_owned(),
                    seq,
                    at: Timestamp::from_micros(seq * 1_000_000),
                    actor: AuditActor {
                        kind: "person",
                        id: "per_1".to_owned(),
                        label: "clerk@acme.example".to_owned(),
                        door: "page",
                        run: None,
                        address: Some("127.0.0.1".to_owned()),
                        request: "req_1".to_owned(),
                    },
                    event: AuditEvent::done("user.updated", "user", "per_1", "Clerk").with("note", "a \"quoted\" ,\"hash\":\" text"),
                    previous,
                };
                let text = row.canonical();
                previous = hash(&text);
                export_line(&text, &previous)
            })
            .collect()
    }

    fn first_bad(lines: &[String]) -> Option<BadRow> {
        let mut verifier = Verifier::new();
        lines.iter().find_map(|line| verifier.check(line).err())
    }

    #[test]
    fn an_untouched_export_is_accepted() {
        assert_eq!(first_bad(&export(5)), None);
        assert_eq!(first_bad(&export(5)[2..]), None, "a filtered range may begin anywhere");
    }

    #[test]
    fn any_changed_byte_is_found_in_its_row() {
        let lines = export(3);
        for position in 0..lines[1].len() {
            let mut bytes = lines[1].clone().into_bytes();
            bytes[position] = if bytes[position] == b'7' { b'8' } else { b'7' };
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let tampered = vec![lines[0].clone(), changed, lines[2].clone()];
            assert_eq!(first_bad(&tampered).map(|bad| bad.line), Some(2), "byte {position}");
        }
    }

    #[test]
    fn a_missing_or_exchanged_row_is_found() {
        let lines = export(4);
        let missing = vec![lines[0].clone(), lines[2].clone()];
        assert_eq!(first_bad(&missing).map(|bad| bad.line), Some(2));
        let exchanged = vec![lines[0].clone(), lines[2].clone(), lines[1].clone()];
        assert_eq!(first_bad(&exchanged).map(|bad| bad.line), Some(2));
    }
}

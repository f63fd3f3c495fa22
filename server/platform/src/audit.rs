//! The audit log: pages with filters, the export, and checking an export without the server.
//!
//! Nothing is written here but the event that says that somebody took the log away. Rows are written by commits alone.

mod csv;

use std::io::{self, BufRead, Read as _};

use database::audit::{self as rows, AuditEventRow};
use domain::{
    Actor, Cursor, Page, Scope, Timestamp,
    audit::{AuditEvent, AuditEvents, Verifier, export_line},
    permission::{AuditExport, AuditRead},
};
use serde_json::{Map, Value};

use crate::{Error, Platform, Result, search::demand_searchable};

pub use database::audit::Filter;
pub use domain::audit::BadRow;

/// The most rows of a page.
const PAGE: u32 = 200;
/// Rows read for an export at a time.
const CHUNK: u32 = 500;
/// The longest line of an export that is read, in bytes: far above any row, and a bound for a file that is none.
const LONGEST_LINE: u64 = 16 << 20;

/// A row of the log, to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditLine {
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who, by the name people know.
    pub actor: String,
    /// The door: `page`, `mail_link`, `run`, `operator` or `system`.
    pub door: String,
    /// The run, when the door is a run.
    pub run: Option<String>,
    /// The client's address, if there was a client.
    pub address: Option<String>,
    /// The id of the request.
    pub request: String,
    /// The event's name.
    pub action: String,
    /// The kind of thing it was done to.
    pub target_kind: String,
    /// Its public id; empty when there is none.
    pub target_id: String,
    /// Its name at that time.
    pub target_name: String,
    /// `done`, `denied` or `failed`.
    pub outcome: String,
    /// Further facts.
    pub detail: Map<String, Value>,
}

/// The end of a chain, to be kept beside an export: rows that were cut off at the end are found by it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditState {
    /// The chain: the tenant's public id.
    pub chain: String,
    /// The place of the last row; 0 when there is none.
    pub seq: i64,
    /// Its hash, as 64 hexadecimal signs.
    pub hash: String,
}

/// A stretch of the chain that was checked in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The place of its first row.
    pub first: i64,
    /// The place of its last row; less than `first` when there is none.
    pub last: i64,
    /// How many rows were checked.
    pub rows: usize,
    /// Whether it goes to the end of the chain.
    pub is_end: bool,
    /// The first row that is not as it was written, or not where it belongs.
    pub bad: Option<BadRow>,
    /// Where the stretch before it ends; nothing when this one begins the chain. Both have that row: so it is known to follow.
    pub older: Option<i64>,
}

/// What a whole export is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many rows it has.
    pub rows: usize,
    /// The chain they belong to: a tenant's public id.
    pub chain: String,
    /// The place of the first row; more than 1 when the export begins later.
    pub first: i64,
    /// The place of the last row.
    pub last: i64,
    /// The hash of the last row, as 64 hexadecimal signs.
    pub last_hash: String,
}

/// Why a file was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A row is not as it was written, or not where it belongs.
    #[error(transparent)]
    Bad(#[from] BadRow),
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

fn line(row: AuditEventRow) -> Result<AuditLine> {
    let unreadable = |error: serde_json::Error| Error::Broken(format!("row {} of the audit log cannot be read: {error}", row.seq));
    let whole: Value = serde_json::from_str(&row.canonical).map_err(unreadable)?;
    let text = |pointer: &str| whole.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Ok(AuditLine {
        door: text("/actor/door").unwrap_or_default(),
        run: text("/actor/run"),
        address: text("/actor/address"),
        target_name: text("/target/name").unwrap_or_default(),
        detail: whole.get("detail").and_then(Value::as_object).cloned().unwrap_or_default(),
        seq: row.seq,
        at: row.at,
        actor: row.actor_label,
        request: row.request,
        action: row.action,
        target_kind: row.target_kind,
        target_id: row.target_id,
        outcome: row.outcome,
    })
}

impl Platform {
    /// A page of the log, newest first, from before `after`; at most 200 rows.
    ///
    /// # Errors
    /// 422 for a text to search for that is too long.
    pub async fn audit(&self, actor: &Actor, filter: &Filter, after: Option<Cursor>, limit: u32) -> Result<Page<AuditLine>> {
        let scope = Scope::<AuditRead>::of(actor, "audit log")?;
        demand_searchable(&[
            ("text", filter.text.as_deref()),
            ("action", filter.action.as_deref()),
            ("actor", filter.actor.as_deref()),
            ("target", filter.target.as_deref()),
        ])?;
        let mut tx = self.parts().database.read(actor).await?;
        let page = rows::page(&mut tx, &scope, filter, after, limit.clamp(1, PAGE)).await?;
        Ok(Page { items: page.items.into_iter().map(line).collect::<Result<_>>()?, next: page.next })
    }

    /// The end of the tenant's chain.
    pub async fn audit_state(&self, actor: &Actor) -> Result<AuditState> {
        let scope = Scope::<AuditRead>::of(actor, "audit log")?;
        let mut tx = self.parts().database.read(actor).await?;
        let head = rows::head(&mut tx, &scope).await?;
        Ok(AuditState { chain: actor.tenant().to_string(), seq: head.seq, hash: hex::encode(head.hash) })
    }

    /// Checks up to `most` rows of the log in place, those up to the place `last`, or the newest.
    pub async fn audit_check(&self, actor: &Actor, last: Option<i64>, most: u32) -> Result<Stretch> {
        let scope = Scope::<AuditRead>::of(actor, "audit log")?;
        let mut tx = self.parts().database.read(actor).await?;
        let head = rows::head(&mut tx, &scope).await?;
        let last = last.map_or(head.seq, |last| last.clamp(0, head.seq));
        let first = last.saturating_sub(i64::from(most)).saturating_add(1).max(1);
        let mut verifier = Verifier::new();
        let mut bad = None;
        let rows = rows::stretch(&mut tx, &scope, first - 1, most).await?;
        for row in rows.iter().take_while(|row| row.seq <= last) {
            if let Err(wrong) = verifier.check(&export_line(&row.canonical, &row.hash)) {
                bad = Some(wrong);
                break;
            }
        }
        let (rows, chain, end) = verifier.finish();
        let is_end = last == head.seq;
        let wrong = |seq, reason: &str| Some(BadRow { line: rows, seq: Some(seq), reason: reason.to_owned() });
        if bad.is_none() {
            bad = match (chain, end) {
                _ if last < first => None,
                (Some(chain), _) if chain != actor.tenant().to_string() => wrong(first, "it belongs to another chain"),
                (_, Some((seq, _))) if seq != last => wrong(seq.saturating_add(1), "it is missing"),
                (_, None) => wrong(first, "it is missing"),
                (_, Some((seq, hash))) if is_end && hash != head.hash => wrong(seq, "it is not the row that the chain ends with"),
                _ => None,
            };
        }
        Ok(Stretch { first, last, rows, is_end, bad, older: (first > 1).then_some(first) })
    }

    /// Begins to take the log away, as it is now, a JSON object a line: that somebody does is recorded first.
    pub async fn audit_export(&self, actor: &Actor) -> Result<Export> {
        self.begin_export(actor, Format::Jsonl).await
    }

    /// Begins to take the log away, as it is now, as a table for a spreadsheet: that somebody does is recorded first.
    pub async fn audit_export_csv(&self, actor: &Actor) -> Result<Export> {
        self.begin_export(actor, Format::Csv).await
    }

    async fn begin_export(&self, actor: &Actor, format: Format) -> Result<Export> {
        Scope::<AuditExport>::of(actor, "audit log")?;
        let scope = Scope::<AuditRead>::of(actor, "audit log")?;
        let mut tx = self.parts().database.write(actor).await?;
        let head = rows::head(&mut tx, &scope).await?;
        let event = AuditEvent::done("audit.exported", "audit log", "", "").with("format", format.name()).with("rows", head.seq);
        tx.commit(AuditEvents::one(event)).await?;
        Ok(Export { platform: self.clone(), actor: actor.clone(), format, after: 0, until: head.seq })
    }
}

/// How a log is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// A JSON object a line, with what it takes to verify the chain.
    Jsonl,
    /// A table for people and their spreadsheets ([`csv`]).
    Csv,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }
}

/// An export under way. Rights are looked at again with every chunk.
pub struct Export {
    platform: Platform,
    actor: Actor,
    format: Format,
    after: i64,
    until: i64,
}

impl Export {
    /// The next up to 500 rows, each with its line end, oldest first; `None` after the last.
    ///
    /// # Errors
    /// The right to export was lost, or the database does not answer. What was given before is a beginning and no whole.
    pub async fn next(&mut self) -> Result<Option<String>> {
        if self.after >= self.until {
            return Ok(None);
        }
        self.actor = self.platform.renewed(&self.actor).await?;
        let scope = Scope::<AuditExport>::of(&self.actor, "audit log")?;
        let mut tx = self.platform.parts().database.read(&self.actor).await?;
        let chunk = rows::export(&mut tx, &scope, self.after, CHUNK).await?;
        let begins_at = self.after;
        let mut lines = String::new();
        if self.format == Format::Csv && begins_at == 0 {
            lines.push_str(&csv::header());
        }
        for row in chunk.into_iter().filter(|row| row.seq <= self.until) {
            self.after = row.seq;
            match self.format {
                Format::Jsonl => {
                    lines.push_str(&export_line(&row.canonical, &row.hash));
                    lines.push('\n');
                }
                Format::Csv => lines.push_str(&csv::row(&row.canonical, &row.hash)?),
            }
        }
        if self.after == begins_at {
            return Err(Error::Broken(format!("the audit log of {} ends before row {}", self.actor.tenant(), self.until)));
        }
        Ok(Some(lines))
    }
}

/// Checks an export line by line, with nothing but the file: every row as it was written, none missing in between,
/// none exchanged. Whether rows are missing at the end is told by [`AuditState`].
///
/// # Errors
/// The first bad row, or why the file cannot be read.
pub fn verify_export(mut reader: impl BufRead) -> Result<Verified, VerifyError> {
    let mut verifier = Verifier::new();
    let mut first = None;
    let mut number = 0;
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        number += 1;
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            break;
        }
        let bad = |reason: &str| BadRow { line: number, seq: None, reason: reason.to_owned() };
        if bytes.pop_if(|last| *last == b'\n').is_none() {
            // Rows are written with their line end: without one the file was cut off within its last line.
            return Err(bad("the line has no end: the file was cut off here, or this is no export").into());
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| bad("this is not UTF-8 text: a byte was changed"))?;
        verifier.check(text)?;
        if first.is_none() {
            first = serde_json::from_str::<Value>(text).ok().and_then(|row| row.get("seq")?.as_i64());
        }
    }
    match (verifier.finish(), first) {
        ((rows, Some(chain), Some((last, hash))), Some(first)) => Ok(Verified { rows, chain, first, last, last_hash: hex::encode(hash) }),
        _ => Err(BadRow { line: 1, seq: None, reason: "the file is empty: an export has at least one row".to_owned() }.into()),
    }
}

//! Reading a tar.gz: one gzip member (RFC 1952) around a tar in the form of POSIX (ustar, pax) or GNU.
//!
//! Long names come in entries of their own before the one they name, in two dialects; both are read. What would make two
//! programs see two trees (sparse files, sizes in base 256, names of other character sets) is refused.

use std::io::Read as _;

use flate2::bufread::GzDecoder;

use super::{Entries, Files, MAX_ENTRIES, MAX_UNPACKED, Reason, Refusal, Taking};

const BLOCK: usize = 512;
/// The most that a tar may have in all: its files, and for each entry its head, that of a long name, and what fills up blocks.
const MAX_TAR: usize = MAX_UNPACKED + MAX_ENTRIES * 8 * BLOCK + (1 << 20);
/// The most that the extended head of an entry may have.
const MAX_EXTENDED: usize = 64 << 10;
/// The most extended heads: two before each entry, and one of the archive.
const MAX_HEADS: usize = 3 * MAX_ENTRIES + 8;

/// Keys of an extended head that say nothing of what a file is or holds.
const HARMLESS: &[&str] = &["atime", "comment", "ctime", "gid", "gname", "mtime", "uid", "uname"];
/// Keys of vendors that say nothing of it either: flags and attributes that some file systems have.
const HARMLESS_BEGINNINGS: &[&str] = &["LIBARCHIVE.", "SCHILY."];

/// The head of an entry.
struct Head<'b> {
    name: Vec<u8>,
    kind: u8,
    size: usize,
    content: &'b [u8],
}

/// What stands before an entry and is about it.
#[derive(Default)]
struct Before {
    name: Option<Vec<u8>>,
    size: Option<usize>,
}

pub(super) fn read(archive: &[u8]) -> Result<Files, Refusal> {
    let tar = unzipped(archive)?;
    let mut entries = Entries::default();
    let mut rest = Taking(&tar);
    let mut before = Before::default();
    let mut heads = 0;
    while let Some(head) = head(&mut rest)? {
        heads += 1;
        if heads > MAX_HEADS {
            return Err(super::too_many_entries());
        }
        match head.kind {
            b'L' => long_name(&head, &mut before)?,
            b'x' => extended(&head, &mut before)?,
            b'g' => demand_harmless(&head)?,
            _ => file(head, std::mem::take(&mut before), &mut entries)?,
        }
    }
    if before.name.is_some() || before.size.is_some() {
        return Err(Refusal::truncated());
    }
    entries.demand_ratio(archive.len())?;
    entries.finish()
}

/// The tar, unpacked no further than a bundle can be large.
fn unzipped(archive: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut decoder = GzDecoder::new(archive);
    let mut tar = Vec::new();
    let read = decoder.by_ref().take(MAX_TAR as u64 + 1).read_to_end(&mut tar);
    if tar.len() > MAX_TAR {
        let words = format!("The archive unpacks to more than {} MiB, which is the most a bundle may have.", MAX_UNPACKED >> 20);
        return Err(Refusal::whole(Reason::TooLarge, words));
    }
    match read {
        Ok(_) if decoder.into_inner().is_empty() => Ok(tar),
        Ok(_) => Err(Refusal::whole(Reason::Layout, "There are bytes behind the end of the archive.")),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(Refusal::truncated()),
        Err(_) => Err(Refusal::whole(Reason::Corrupt, "The archive does not unpack: it is damaged, or no gzip.")),
    }
}

/// The next head with what it announces; nothing at the end, which is two blocks of zeros or more.
fn head<'b>(rest: &mut Taking<'b>) -> Result<Option<Head<'b>>, Refusal> {
    let Some(block) = rest.bytes(BLOCK) else { return Err(Refusal::truncated()) };
    if is_zero(block) {
        if rest.0.len() < BLOCK {
            return Err(Refusal::truncated());
        }
        if !is_zero(rest.0) {
            return Err(Refusal::whole(Reason::Layout, "There are bytes behind the end of the archive."));
        }
        return Ok(None);
    }
    let mut fields = Taking(block);
    let parts = |fields: &mut Taking<'b>| {
        let name = fields.bytes(100)?;
        fields.bytes(24)?;
        let size = fields.bytes(12)?;
        fields.bytes(12)?;
        let sum = fields.bytes(8)?;
        let kind = *fields.bytes(1)?.first()?;
        fields.bytes(100)?;
        let magic = fields.bytes(8)?;
        fields.bytes(80)?;
        Some((name, size, sum, kind, magic, fields.bytes(155)?))
    };
    let Some((name, size, sum, kind, magic, prefix)) = parts(&mut fields) else { return Err(Refusal::truncated()) };
    if octal(sum) != Some(checksum(block)) {
        return Err(Refusal::whole(Reason::Corrupt, "The archive is damaged: a head of an entry does not fit its checksum."));
    }
    let (Some(mut name), Some(prefix)) = (field(name), field(prefix)) else {
        return Err(Refusal::of(Reason::Name, name, "has a NUL in its name"));
    };
    match magic {
        b"ustar\x0000" if !prefix.is_empty() => name = [&prefix[..], b"/", &name[..]].concat(),
        // In the form of GNU there are times where POSIX has the first part of a name.
        b"ustar\x0000" | b"ustar  \0" => {}
        _ => return Err(Refusal::of(Reason::Form, &name, "is written in a form of tar that is not read here: use ustar, pax or GNU")),
    }
    let Some(size) = octal(size) else {
        return Err(Refusal::of(Reason::Form, &name, "has a size that is not written in octal digits"));
    };
    if size > MAX_UNPACKED {
        return Err(Refusal::of(Reason::TooLarge, &name, "is larger than a bundle may be"));
    }
    if matches!(kind, b'0' | 0 | b'L' | b'x' | b'g') {
        let content = rest.bytes(size).ok_or_else(Refusal::truncated)?;
        let filling = rest.bytes(size.next_multiple_of(BLOCK) - size).ok_or_else(Refusal::truncated)?;
        if !is_zero(filling) {
            return Err(Refusal::of(Reason::Layout, &name, "is followed by bytes that belong to nothing"));
        }
        return Ok(Some(Head { name, kind, size, content }));
    }
    Ok(Some(Head { name, kind, size, content: &[] }))
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// The sum of the bytes of a head, its own place counted as blanks.
fn checksum(block: &[u8]) -> usize {
    block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { usize::from(b' ') } else { usize::from(*byte) }).sum()
}

/// The text of a field: up to the first NUL, behind which there is nothing else.
fn field(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, rest) = bytes.split_at_checked(end)?;
    is_zero(rest).then(|| text.to_vec())
}

/// A number in octal digits, with blanks before it and blanks or NULs behind it.
fn octal(bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?.trim_start_matches(' ').trim_end_matches([' ', '\0']);
    if text.is_empty() || !text.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        return None;
    }
    usize::from_str_radix(text, 8).ok()
}

/// A long name in the form of GNU: the contents of an entry before the one it names.
fn long_name(head: &Head<'_>, before: &mut Before) -> Result<(), Refusal> {
    let name = head.content.strip_suffix(b"\0").unwrap_or(head.content);
    named(before, name.to_vec())
}

fn named(before: &mut Before, name: Vec<u8>) -> Result<(), Refusal> {
    if before.name.is_some() {
        return Err(Refusal::of(Reason::Mismatch, &name, "is one of two names of the same entry"));
    }
    before.name = Some(name);
    Ok(())
}

/// The records of an extended head: `length key=value` and the end of a line.
fn records<'b>(head: &Head<'b>) -> Result<Vec<(&'b str, &'b [u8])>, Refusal> {
    let broken = || Refusal::of(Reason::Corrupt, &head.name, "has an extended head that cannot be read");
    if head.size > MAX_EXTENDED {
        return Err(Refusal::of(Reason::TooLarge, &head.name, "has an extended head that is too large"));
    }
    let mut rest = head.content;
    let mut records = Vec::new();
    while !rest.is_empty() {
        let digits = rest.iter().take(6).position(|byte| *byte == b' ').ok_or_else(broken)?;
        let number = rest.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(broken)?;
        let length: usize = number.parse().ok().filter(|length| *length > digits + 1).ok_or_else(broken)?;
        let (record, after) = rest.split_at_checked(length).ok_or_else(broken)?;
        let record = record.get(digits + 1..).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(broken)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
        let (key, value) = record.split_at_checked(equals).ok_or_else(broken)?;
        records.push((std::str::from_utf8(key).map_err(|_| broken())?, value.get(1..).unwrap_or_default()));
        rest = after;
    }
    Ok(records)
}

fn is_harmless(key: &str) -> bool {
    HARMLESS.contains(&key) || HARMLESS_BEGINNINGS.iter().any(|beginning| key.starts_with(beginning))
}

fn extended(head: &Head<'_>, before: &mut Before) -> Result<(), Refusal> {
    for (key, value) in records(head)? {
        match key {
            "path" => named(before, value.to_vec())?,
            "size" if before.size.is_none() => {
                let size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok());
                before.size = Some(size.unwrap_or(usize::MAX));
            }
            "linkpath" => return Err(Refusal::of(Reason::Link, &head.name, "carries the target of a link")),
            key if is_harmless(key) => {}
            key => {
                let what = format!("has `{}` in its extended head, which is not read here", super::shown(key.as_bytes()));
                return Err(Refusal::of(Reason::Form, &head.name, &what));
            }
        }
    }
    Ok(())
}

/// The extended head of the whole archive may not say anything of the files in it.
fn demand_harmless(head: &Head<'_>) -> Result<(), Refusal> {
    match records(head)?.into_iter().find(|(key, _)| !is_harmless(key)) {
        Some((key, _)) => {
            let what = format!("says `{}` for all entries at once, which is not read here", super::shown(key.as_bytes()));
            Err(Refusal::of(Reason::Form, &head.name, &what))
        }
        None => Ok(()),
    }
}

fn file(head: Head<'_>, before: Before, entries: &mut Entries) -> Result<(), Refusal> {
    let name = before.name.unwrap_or(head.name);
    let refuse = |reason, what| Err(Refusal::of(reason, &name, what));
    if before.size.is_some_and(|size| size != head.size) {
        return refuse(Reason::Mismatch, "has two sizes");
    }
    let is_folder = match head.kind {
        b'0' | 0 => false,
        b'5' if head.size == 0 => true,
        b'5' => return refuse(Reason::Mismatch, "is a folder that has contents"),
        b'1' => return refuse(Reason::Link, "is a hard link"),
        b'2' | b'K' => return refuse(Reason::Link, "is a symbolic link"),
        b'3' | b'4' => return refuse(Reason::Special, "is a device"),
        b'6' => return refuse(Reason::Special, "is a pipe"),
        _ => return refuse(Reason::Form, "is of a kind that is not read here: neither a file nor a folder"),
    };
    if let Some(path) = entries.admit(&name, is_folder, head.size)?
        && !is_folder
    {
        entries.keep(path, head.content.to_vec());
    }
    Ok(())
}

//! Bundles: a workflow together with the files it is made of, as a folder, a zip or a tar.gz.
//!
//! [`read`] turns the bytes of an archive into [`Files`], or into a [`Refusal`] that names the entry and the reason.
//! Everything is decided in memory, from headers and from decompression that stops at what the headers announced: nothing
//! is written, nothing is run, and an archive inside is data like any other. `path` says which names an entry may have,
//! `zip` and `tar` read the two forms, `pack` writes the one we give away. What the files *mean* is in `opened`.
//!
//! An archive is read in one way or not at all: wherever two programs could see different files in it (a name in two
//! places, entries that overlap, bytes that belong to none), it is refused. To add a form, write a reader that gives its
//! entries to [`Entries`], so that the same limits hold.

mod pack;
mod path;
mod tar;
mod zip;

use std::{collections::BTreeMap, sync::Arc};

use domain::canonical;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use path::Names;

pub use pack::pack;

/// The largest archive, in bytes.
pub const MAX_ARCHIVE: usize = 16 << 20;
/// The most that all files of a bundle have together, in bytes (OWASP ASVS 5.0, 5.2.3).
pub const MAX_UNPACKED: usize = 50 << 20;
/// The most entries, folders among them.
pub const MAX_ENTRIES: usize = 1_000;
/// How many times larger than packed a file may be, and all of them together.
pub const MAX_RATIO: usize = 100;

/// Why an archive was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is neither a zip nor a tar.gz.
    NotAnArchive,
    /// The archive, or what is in it, is too large.
    TooLarge,
    /// It has too many entries.
    TooManyEntries,
    /// It unpacks to more than [`MAX_RATIO`] times its size.
    Ratio,
    /// The name of an entry could lead out of the bundle.
    Escape,
    /// The name of an entry has signs, or a length, that not every system can write.
    Name,
    /// Two entries have the same name.
    Duplicate,
    /// Two names would be one on some system.
    Collision,
    /// An entry is a link.
    Link,
    /// An entry is a device, a pipe or something else that is neither a file nor a folder.
    Special,
    /// An entry is encrypted.
    Encrypted,
    /// An entry is packed in a way that is not read here.
    Method,
    /// It uses a form of the format that is not read here.
    Form,
    /// It says two different things of one entry.
    Mismatch,
    /// Entries overlap, or bytes belong to no entry.
    Layout,
    /// It ends too early.
    Truncated,
    /// What is in it is not what its headers say.
    Corrupt,
    /// There is no file in it.
    Empty,
}

impl Reason {
    /// A stable word for the reason.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAnArchive => "not_an_archive",
            Self::TooLarge => "too_large",
            Self::TooManyEntries => "too_many_entries",
            Self::Ratio => "ratio",
            Self::Escape => "escape",
            Self::Name => "name",
            Self::Duplicate => "duplicate",
            Self::Collision => "collision",
            Self::Link => "link",
            Self::Special => "special",
            Self::Encrypted => "encrypted",
            Self::Method => "method",
            Self::Form => "form",
            Self::Mismatch => "mismatch",
            Self::Layout => "layout",
            Self::Truncated => "truncated",
            Self::Corrupt => "corrupt",
            Self::Empty => "empty",
        }
    }
}

/// Why a bundle was refused, in a sentence that names the entry. Nothing of it was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    /// The kind of reason.
    pub reason: Reason,
    /// The name of the entry, as far as it can be shown; nothing when it is about the archive.
    pub entry: Option<String>,
    /// What is wrong and what to do, as sentences.
    pub sentence: String,
}

impl Refusal {
    /// About the archive as a whole.
    fn whole(reason: Reason, sentence: impl Into<String>) -> Self {
        Self { reason, entry: None, sentence: sentence.into() }
    }

    /// About one entry; `what` goes on after its name.
    fn of(reason: Reason, name: &[u8], what: &str) -> Self {
        let entry = shown(name);
        Self { reason, sentence: format!("The entry `{entry}` {what}."), entry: Some(entry) }
    }

    fn truncated() -> Self {
        Self::whole(Reason::Truncated, "The archive ends too early: it was cut off, or is no archive. Pack or send it again.")
    }
}

/// A name as it can be shown to a person: control characters escaped, and cut where it is very long.
fn shown(name: &[u8]) -> String {
    const LONGEST: usize = 120;
    let text = String::from_utf8_lossy(name);
    let mut out: String = text
        .chars()
        .take(LONGEST)
        .flat_map(|sign| {
            let is_plain = !sign.is_control() && !path::is_invisible(sign);
            let escaped = (!is_plain).then(|| sign.escape_unicode());
            escaped.into_iter().flatten().chain(is_plain.then_some(sign))
        })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

/// The files of a bundle by their paths (`prompts/triage.md`). Copies share what they hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(Arc<BTreeMap<String, Vec<u8>>>);

impl Files {
    /// Files that come from a folder or a table, under the same limits as those of an archive.
    ///
    /// # Errors
    /// [`Refusal`] for the first path that no bundle may have, and when there are too many or too much.
    pub fn collect(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, Refusal> {
        let mut entries = Entries::default();
        for (path, content) in files {
            if let Some(path) = entries.admit(path.as_bytes(), false, content.len())? {
                entries.keep(path, content);
            }
        }
        entries.finish()
    }

    /// What a file holds.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// Paths and what the files hold, in the order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(path, content)| (path.as_str(), content.as_slice()))
    }

    /// The paths, in their order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes all files have together.
    pub fn bytes(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// The same files without one of them.
    #[must_use]
    pub fn without(&self, path: &str) -> Self {
        Self(Arc::new(self.0.iter().filter(|(known, _)| *known != path).map(|(path, content)| (path.clone(), content.clone())).collect()))
    }

    /// The same files with one more, or with another content of one of them.
    ///
    /// # Errors
    /// As [`Files::collect`].
    pub fn with(&self, path: &str, content: Vec<u8>) -> Result<Self, Refusal> {
        let others = self.iter().filter(|(known, _)| *known != path).map(|(path, content)| (path.to_owned(), content.to_vec()));
        Self::collect(others.chain([(path.to_owned(), content)]))
    }

    /// SHA-256 over the paths and the hashes of what the files hold: equal exactly when the bundles are.
    pub fn hash(&self) -> [u8; 32] {
        let manifest: Map<String, Value> =
            self.iter().map(|(path, content)| (path.to_owned(), Value::String(hex::encode(Sha256::digest(content))))).collect();
        canonical::digest(&Value::Object(manifest))
    }

    /// The same files seen from inside the one folder that all of them are in, if there is one: an archive of a folder
    /// begins with its name.
    #[must_use]
    fn below_top_folder(self) -> Self {
        let Some((top, _)) = self.paths().next().and_then(|path| path.split_once('/')) else { return self };
        let prefix = format!("{top}/");
        if !self.paths().all(|path| path.starts_with(&prefix)) {
            return self;
        }
        let inner = |(path, content): (String, Vec<u8>)| path.strip_prefix(&prefix).map(|path| (path.to_owned(), content));
        Self(Arc::new(Arc::unwrap_or_clone(self.0).into_iter().filter_map(inner).collect()))
    }
}

/// The entries of an archive as they are found, held against the limits one by one.
#[derive(Debug, Default)]
struct Entries {
    names: Names,
    count: usize,
    announced: usize,
    files: BTreeMap<String, Vec<u8>>,
}

impl Entries {
    /// Admits an entry by its name and announced size, before it is unpacked. Gives its path; nothing for the folder
    /// that the archive itself is.
    fn admit(&mut self, name: &[u8], is_folder: bool, size: usize) -> Result<Option<String>, Refusal> {
        self.count += 1;
        if self.count > MAX_ENTRIES {
            return Err(too_many_entries());
        }
        let Some(path) = path::checked(name, is_folder)? else { return Ok(None) };
        self.names.add(&path, is_folder)?;
        self.announced = self.announced.saturating_add(size);
        if self.announced > MAX_UNPACKED {
            let what = format!("brings the bundle above {} MiB unpacked, which is the most one may have", MAX_UNPACKED >> 20);
            return Err(Refusal::of(Reason::TooLarge, name, &what));
        }
        Ok(Some(path))
    }

    fn keep(&mut self, path: String, content: Vec<u8>) {
        self.files.insert(path, content);
    }

    /// Refuses an archive whose entries have more bytes than an archive of this size may unpack to.
    fn demand_ratio(&self, packed: usize) -> Result<(), Refusal> {
        if self.announced > packed.saturating_mul(MAX_RATIO) {
            let words = format!("The archive unpacks to more than {MAX_RATIO} times its own size, which no bundle of texts does.");
            return Err(Refusal::whole(Reason::Ratio, words));
        }
        Ok(())
    }

    fn finish(self) -> Result<Files, Refusal> {
        if self.files.is_empty() {
            return Err(Refusal::whole(Reason::Empty, "There is no file in the bundle. It needs at least its workflow file."));
        }
        Ok(Files(Arc::new(self.files)))
    }
}

fn too_many_entries() -> Refusal {
    let words = format!("The bundle has more than {MAX_ENTRIES} entries, which is the most one may have.");
    Refusal::whole(Reason::TooManyEntries, words)
}

/// Reads an archive, a zip or a tar.gz by what it begins with, whole or not at all. When everything in it is inside one
/// folder, the paths begin below that folder.
///
/// # Errors
/// [`Refusal`] with the first reason that was found.
pub fn read(archive: &[u8]) -> Result<Files, Refusal> {
    if archive.len() > MAX_ARCHIVE {
        let words = format!("The archive is larger than {} MiB, which is the most one may have.", MAX_ARCHIVE >> 20);
        return Err(Refusal::whole(Reason::TooLarge, words));
    }
    let files = match archive {
        [b'P', b'K', 3, 4, ..] => zip::read(archive)?,
        [b'P', b'K', 5, 6, ..] => return Entries::default().finish(),
        [0x1f, 0x8b, ..] => tar::read(archive)?,
        _ => {
            let words = "This is neither a zip nor a tar.gz. Pack the folder of the bundle as one of the two.";
            return Err(Refusal::whole(Reason::NotAnArchive, words));
        }
    };
    Ok(files.below_top_folder())
}

/// Numbers and pieces, taken from the front of some bytes.
struct Taking<'b>(&'b [u8]);

impl<'b> Taking<'b> {
    fn bytes(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let taken = self.bytes(2)?;
        Some(u16::from_le_bytes(taken.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        let taken = self.bytes(4)?;
        Some(u32::from_le_bytes(taken.try_into().ok()?))
    }
}

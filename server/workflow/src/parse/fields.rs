//! Reading a mapping key by key, so that no key is accepted and then ignored.
//!
//! A reader asks for the keys it knows ([`Fields::take`]); [`Fields::finish`] then refuses what nobody
//! asked for: by name if the language has such a key, with the nearest known key otherwise.

use super::{
    diagnostic::{Report, nearest},
    scalar::short,
    source::Place,
    yaml::{Content, Entry, Node},
};

/// The entries of one mapping, or of several that are read as one.
pub(super) struct Fields<'n> {
    entries: Vec<(&'n Entry, bool)>,
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The entries of a mapping; reports when the node is none. `label` is the key that the node stands under.
    pub(super) fn of(report: &mut Report, label: &str, node: &'n Node) -> Option<Self> {
        match &node.content {
            Content::Map(entries) => Some(Self::new(entries)),
            Content::Refused => None,
            _ => {
                report.error(node.place, "wrong_type", format!("`{label}` is a mapping of names to values, not {}", node.description()));
                None
            }
        }
    }

    /// The entries of a mapping.
    pub(super) fn new(entries: &'n [Entry]) -> Self {
        Self { entries: entries.iter().map(|entry| (entry, false)).collect(), asked: Vec::new() }
    }

    /// No entries at all.
    pub(super) const fn none() -> Self {
        Self { entries: Vec::new(), asked: Vec::new() }
    }

    /// The entry with our spelling of a key or another one; hints at our spelling, and reports a key that is
    /// given in two spellings.
    pub(super) fn take(&mut self, report: &mut Report, ours: &'static str, others: &[&'static str]) -> Option<&'n Entry> {
        self.asked.push(ours);
        let mut found: Option<&'n Entry> = None;
        for (entry, taken) in self.entries.iter_mut().filter(|(_, taken)| !taken) {
            let key = snake_case(&entry.key);
            if key != ours && !others.contains(&key.as_str()) {
                continue;
            }
            *taken = true;
            if let Some(first) = found {
                report.error_with(
                    entry.key_place,
                    "duplicate_key",
                    format!("`{}` says the same as `{}` on line {}", entry.key, first.key, first.key_place.line),
                    "keep one of the two".to_owned(),
                );
                continue;
            }
            if entry.key != ours {
                report.hint(entry.key_place, "other_spelling", format!("`{}` is read as `{ours}`", entry.key), format!("write `{ours}`"));
            }
            found = Some(entry);
        }
        found
    }

    /// An entry that has to be there; reports when it is not. `whose` and `place` say of what.
    pub(super) fn take_required(
        &mut self,
        report: &mut Report,
        ours: &'static str,
        (whose, place): (&str, Place),
        help: &str,
    ) -> Option<&'n Entry> {
        let entry = self.take(report, ours, &[]);
        if entry.is_none() {
            required(report, place, ours, whose, help.to_owned());
        }
        entry
    }

    /// Refuses keys that the language has, but that mean nothing here, and says why.
    pub(super) fn refuse_meaningless(&mut self, report: &mut Report, keys: &[&'static str], why: &str, help: Option<&str>) {
        for key in keys {
            for (entry, taken) in self.entries.iter_mut().filter(|(entry, taken)| !taken && snake_case(&entry.key) == *key) {
                *taken = true;
                report.error_with(
                    entry.key_place,
                    "no_meaning",
                    format!("`{}` has no meaning here: {why}", entry.key),
                    help.map(str::to_owned),
                );
            }
        }
    }

    /// Whether a key is there that has not been taken yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(entry, taken)| !taken && snake_case(&entry.key) == key)
    }

    /// What has not been taken yet.
    pub(super) fn left(&self) -> Vec<&'n Entry> {
        self.entries.iter().filter(|(_, taken)| !taken).map(|(entry, _)| *entry).collect()
    }

    /// Takes everything that is left: for mappings whose keys are the author's own names.
    pub(super) fn rest(&mut self) -> Vec<&'n Entry> {
        self.entries
            .iter_mut()
            .filter(|(_, taken)| !taken)
            .map(|(entry, taken)| {
                *taken = true;
                *entry
            })
            .collect()
    }

    /// Refuses every entry that nobody asked for; keys that begin with `x-` are free.
    /// `whose` says where the keys stand, such as "a step".
    pub(super) fn finish(self, report: &mut Report, whose: &str) {
        for (entry, _) in self.entries.iter().filter(|(entry, taken)| !taken && !entry.key.starts_with("x-")) {
            if report.is_full() {
                return;
            }
            let help = nearest(&snake_case(&entry.key), self.asked.iter().copied()).map(|known| format!("did you mean `{known}`?"));
            report.error_with(entry.key_place, "unknown_key", format!("`{}` is no key of {whose}", short(&entry.key)), help);
        }
    }
}

/// A key that may stand on a step or below its `inputs`; reports one that stands in both.
pub(super) fn take_from_either<'n>(
    report: &mut Report,
    [first, second]: [&mut Fields<'n>; 2],
    ours: &'static str,
    others: &[&'static str],
) -> Option<&'n Entry> {
    let a = first.take(report, ours, others);
    let b = second.take(report, ours, others);
    if let (Some(a), Some(b)) = (a, b) {
        let (one, two) = if a.key_place.line <= b.key_place.line { (a, b) } else { (b, a) };
        report.error_with(
            two.key_place,
            "duplicate_key",
            format!("`{}` was already given on line {}", two.key, one.key_place.line),
            "keep one of the two".to_owned(),
        );
    }
    a.or(b)
}

/// Reports a key that has to be there.
pub(super) fn required(report: &mut Report, place: Place, key: &str, whose: &str, help: impl Into<Option<String>>) {
    report.error_with(place, "key_missing", format!("{whose} needs `{key}`"), help.into());
}

/// `outputVariable` as `output_variable`; other keys stay as they are.
pub(super) fn snake_case(key: &str) -> String {
    let camel = key.starts_with(|sign: char| sign.is_ascii_lowercase()) && key.chars().all(|sign| sign.is_ascii_alphanumeric());
    if !camel || !key.contains(|sign: char| sign.is_ascii_uppercase()) {
        return key.to_owned();
    }
    let mut snake = String::with_capacity(key.len() + 4);
    for sign in key.chars() {
        if sign.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(sign.to_ascii_lowercase());
    }
    snake
}

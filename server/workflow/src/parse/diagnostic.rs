//! What is wrong with a file, or could be said better: where, in which step, and what was perhaps meant.
//!
//! Everything that reads a part of a file takes the [`Report`] and goes on after an error, so that an
//! author sees all errors at once.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::source::{self, Place};

/// The most errors, and the most hints, that are kept for one file; a last error says that there were more.
pub const MAX_DIAGNOSTICS: usize = 100;

/// Whether a file with this diagnostic can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot run.
    Error,
    /// It can run; this says how it could be put better, or what is easily overlooked.
    Hint,
}

impl Severity {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Hint => "hint",
        }
    }
}

/// One thing to say about one place of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Error or hint.
    pub severity: Severity,
    /// The file of the bundle; nothing for a file alone, and for what is about the bundle as a whole.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// How many characters are meant, at least 1.
    pub length: u32,
    /// The id of the step, if it is about one.
    pub step: Option<String>,
    /// A stable word for the kind of diagnostic, such as `unknown_key`.
    pub code: &'static str,
    /// What is wrong, as a sentence without its full stop.
    pub message: String,
    /// What to write instead, or what to do.
    pub suggestion: Option<String>,
}

impl Diagnostic {
    /// The diagnostic as a terminal shows it: the place, the sentence, the line of the file with the place
    /// underlined, and the suggestion. `source` is the text that was parsed.
    pub fn render(&self, file_name: &str, source: &str) -> String {
        let mut out = format!("{file_name}:{}:{}: {}: {}", self.line, self.column, self.severity.word(), self.message);
        if let Some(step) = &self.step {
            let _ = write!(out, " [{step}]");
        }
        let lines = source::lines(source);
        let line = (self.line as usize).checked_sub(1).and_then(|index| lines.get(index)).copied();
        if let Some(line) = line.filter(|line| !line.trim().is_empty()) {
            let number = self.line.to_string();
            // Tabs are kept in the line of carets, so that it stays below the text however wide they are.
            let before: String =
                line.chars().take(self.column.saturating_sub(1) as usize).map(|sign| if sign == '\t' { '\t' } else { ' ' }).collect();
            let left = line.chars().count().saturating_sub(self.column.saturating_sub(1) as usize);
            let carets = "^".repeat((self.length as usize).min(left).max(1));
            let _ = write!(out, "\n{number} | {line}\n{blank} | {before}{carets}", blank = " ".repeat(number.len()));
        }
        if let Some(suggestion) = &self.suggestion {
            let _ = write!(out, "\n  help: {suggestion}");
        }
        out
    }
}

/// Collects diagnostics while a file is read.
#[derive(Debug, Default)]
pub(super) struct Report {
    diagnostics: Vec<Diagnostic>,
    /// The step that is read at the moment.
    step: Option<String>,
    errors: usize,
    hints: usize,
}

impl Report {
    /// Diagnostics from here on are about that step, or about none.
    pub(super) fn enter(&mut self, step: Option<&str>) {
        self.step = step.map(str::to_owned);
    }

    /// Something that keeps the file from running.
    pub(super) fn error(&mut self, place: Place, code: &'static str, message: impl Into<String>) {
        self.push(Severity::Error, place, code, message.into(), None);
    }

    /// Something that keeps the file from running, and what to do about it.
    pub(super) fn error_with(&mut self, place: Place, code: &'static str, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.push(Severity::Error, place, code, message.into(), help.into());
    }

    /// A key, kind or value of the language that cannot be run yet: refused by its name.
    pub(super) fn not_supported(&mut self, place: Place, what: impl AsRef<str>) {
        self.error(place, "not_supported", format!("{} is not supported yet", what.as_ref()));
    }

    /// Something that could be put better.
    pub(super) fn hint(&mut self, place: Place, code: &'static str, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.push(Severity::Hint, place, code, message.into(), help.into());
    }

    /// How many errors there are so far.
    pub(super) const fn error_count(&self) -> usize {
        self.errors
    }

    /// Whether anything keeps the file from running.
    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether further errors would only be counted: a reason to stop looking for them.
    pub(super) const fn is_full(&self) -> bool {
        self.errors > MAX_DIAGNOSTICS
    }

    fn push(&mut self, severity: Severity, place: Place, code: &'static str, message: String, suggestion: Option<String>) {
        let number = match severity {
            Severity::Error => &mut self.errors,
            Severity::Hint => &mut self.hints,
        };
        *number = number.saturating_add(1);
        if *number > MAX_DIAGNOSTICS {
            return;
        }
        self.diagnostics.push(Diagnostic {
            severity,
            file: None,
            line: place.line,
            column: place.column,
            length: place.length.max(1),
            step: self.step.clone(),
            code,
            message,
            suggestion,
        });
    }

    /// All of them in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column, diagnostic.severity));
        self.diagnostics.dedup();
        if self.errors > MAX_DIAGNOSTICS {
            let last = self.diagnostics.last().map_or(1, |diagnostic| diagnostic.line);
            self.diagnostics.push(Diagnostic {
                severity: Severity::Error,
                file: None,
                line: last,
                column: 1,
                length: 1,
                step: None,
                code: "too_many",
                message: format!("there are more than {MAX_DIAGNOSTICS} errors; the rest is left out"),
                suggestion: None,
            });
        }
        self.diagnostics
    }
}

/// The word of `known` nearest to a misspelt one, if any is near.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Longer words are no slip, and comparing them is quadratic in their length.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase().replace('-', "_");
    let known: Vec<&str> = known.into_iter().filter(|candidate| candidate.len() <= 64).collect();
    let begun = known.iter().copied().find(|candidate| lower.len() >= 3 && candidate.starts_with(&lower));
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(lower.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
        .or(begun)
}

/// The nearest word as a suggestion.
pub(super) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(word, known).map(|known| format!("did you mean `{known}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_shows_the_line_with_the_place_underlined() {
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            file: None,
            line: 2,
            column: 2,
            length: 5,
            step: Some("pay".into()),
            code: "unknown_key",
            message: "unknown key `inptu`".into(),
            suggestion: Some("did you mean `inputs`?".into()),
        };
        assert_eq!(
            diagnostic.render("pay.md", "a: 1\r\n\tinptu: 2\r\n"),
            "pay.md:2:2: error: unknown key `inptu` [pay]\n2 | \tinptu: 2\n  | \t^^^^^\n  help: did you mean `inputs`?"
        );
        let beyond = Diagnostic { line: 9, ..diagnostic };
        assert_eq!(beyond.render("pay.md", "a"), "pay.md:9:2: error: unknown key `inptu` [pay]\n  help: did you mean `inputs`?");
    }

    #[test]
    fn errors_are_not_lost_among_hints_and_the_last_says_that_there_were_more() {
        let mut report = Report::default();
        for line in 0..300 {
            report.hint(Place::line(line + 1), "hint", "a hint", None);
        }
        report.error(Place::line(1), "first", "an error");
        assert!(report.has_errors());
        for line in 0..300 {
            report.error(Place::line(line + 2), "more", "an error");
        }
        let all = report.finish();
        assert_eq!(all.first().unwrap().code, "first");
        assert_eq!(all.last().unwrap().code, "too_many");
        assert_eq!(all.len(), 2 * MAX_DIAGNOSTICS + 1);
    }
}

//! What one version means and says that another did not (`templates/workflows/_changes.html` and `_difference.html`).

use platform::workflows::{Change, TextDifference, TextLine, TextRow, Weight};

use crate::text::{self, Piece};

/// One change in meaning.
pub(super) struct ChangeLine {
    /// What it does to the risk, as a pill and its word.
    pub(super) state: &'static str,
    pub(super) word: &'static str,
    pub(super) words: Vec<Piece>,
}

/// How a text differs from another one.
pub(super) struct TextView {
    pub(super) rows: Vec<Row>,
    pub(super) summary: String,
}

/// One row of two texts.
pub(super) enum Row {
    /// A line that both have: its numbers, and the line.
    Same(usize, usize, String),
    /// A line of the old text, one of the new, or both.
    Different(Option<Side>, Option<Side>),
    /// What is left out, in words.
    LeftOut(String),
}

/// A line of one text.
pub(super) struct Side {
    pub(super) number: usize,
    /// Its words; whether the other line does not have them.
    pub(super) words: Vec<(bool, String)>,
}

/// Changes as they are shown, those that raise the risk first.
pub(super) fn change_lines(changes: Vec<Change>) -> Vec<ChangeLine> {
    let line = |change: Change| {
        let (state, word) = match change.weight {
            Weight::Raises => ("failed", "More risk"),
            Weight::Changes => ("idle", "Different"),
            Weight::Lowers => ("completed", "Less risk"),
        };
        ChangeLine { state, word, words: text::pieces(&change.words) }
    };
    changes.into_iter().map(line).collect()
}

fn count(lines: usize) -> String {
    if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") }
}

fn side(line: TextLine) -> Side {
    Side { number: line.number, words: line.words.into_iter().map(|words| (words.is_different, text::visible(&words.text))).collect() }
}

impl TextView {
    pub(super) fn new(difference: TextDifference) -> Self {
        let summary = format!("{} gone, {} new", count(difference.removed), count(difference.added));
        let row = |row| match row {
            TextRow::Same { old, new, text } => Row::Same(old, new, text::visible(&text)),
            TextRow::Different { old, new } => Row::Different(old.map(side), new.map(side)),
            TextRow::LeftOut { lines } => Row::LeftOut(format!("{} not shown", count(lines))),
        };
        Self { rows: difference.rows.into_iter().map(row).collect(), summary }
    }
}

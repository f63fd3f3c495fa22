//! How one text differs from another, line by line and word by word within a line.
//!
//! Lines are found by `similar`; which of them belong together, which words to mark and how much is worth showing is
//! decided here. Comparing takes time that grows with what differs, so texts that differ in too much are shown as replaced
//! as a whole.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::{Error, Result};

/// Equal lines shown before and behind a change.
const AROUND: usize = 3;
/// The most lines, of both texts together, that are held against each other.
const MOST_LINES: usize = 6_000;
/// The most words of a line, of both texts together, that are held against each other.
const MOST_WORDS: usize = 600;
/// The most rows that are given; what is beyond is counted.
const MOST_ROWS: usize = 4_000;

/// How a text differs from another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextDifference {
    /// The rows, in the order of the texts; none when they are equal.
    pub rows: Vec<TextRow>,
    /// How many lines only the new text has.
    pub added: usize,
    /// How many lines only the old text has.
    pub removed: usize,
}

/// One row of two texts side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextRow {
    /// A line that both have.
    Same {
        /// Its number in the old text.
        old: usize,
        /// Its number in the new text.
        new: usize,
        /// The line.
        text: String,
    },
    /// A line of one text, or a line of each that stand for each other.
    Different {
        /// Of the old text.
        old: Option<TextLine>,
        /// Of the new text.
        new: Option<TextLine>,
    },
    /// That many lines are left out.
    LeftOut {
        /// How many.
        lines: usize,
    },
}

/// A line that only one text has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextLine {
    /// Its number, from 1.
    pub number: usize,
    /// Its words, in pieces.
    pub words: Vec<Words>,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The text.
    pub text: String,
    /// Whether the other line does not have it.
    pub is_different: bool,
}

/// Compares two texts, beside the other work of the server: large ones take a while.
pub(super) async fn difference(old: String, new: String) -> Result<TextDifference> {
    let compared = tokio::task::spawn_blocking(move || compare(&old, &new)).await;
    compared.map_err(|error| Error::Broken(format!("two texts could not be compared: {error}")))
}

/// A line as it is shown: without its end. A text that does not end its last line is the same as one that does.
fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// A line in words, the blanks and signs between them each a word.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut begin = 0;
    let mut was_word = false;
    for (at, sign) in line.char_indices() {
        let is_word = sign.is_alphanumeric() || sign == '_';
        if at > begin && !(is_word && was_word) {
            words.extend(line.get(begin..at));
            begin = at;
        }
        was_word = is_word;
    }
    words.extend(line.get(begin..).filter(|rest| !rest.is_empty()));
    words
}

fn compare(old: &str, new: &str) -> TextDifference {
    let (old, new) = (lines(old), lines(new));
    let before = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = |lines: &[&str]| lines.len() - before;
    let after = old.iter().rev().zip(new.iter().rev()).take(rest(&old).min(rest(&new))).take_while(|(old, new)| old == new).count();
    let middle = |lines: &[&'_ str]| before..lines.len() - after;
    let (old_middle, new_middle) = (old.get(middle(&old)).unwrap_or_default(), new.get(middle(&new)).unwrap_or_default());
    let mut ops = vec![DiffOp::Equal { old_index: 0, new_index: 0, len: before }];
    if old_middle.len() + new_middle.len() > MOST_LINES {
        ops.push(DiffOp::Replace { old_index: before, old_len: old_middle.len(), new_index: before, new_len: new_middle.len() });
    } else {
        let found = capture_diff_slices(Algorithm::Patience, old_middle, new_middle);
        ops.extend(found.into_iter().map(|op| moved(op, before)));
    }
    ops.push(DiffOp::Equal { old_index: old.len() - after, new_index: new.len() - after, len: after });
    Rows { old: &old, new: &new, given: TextDifference::default(), same: Vec::new() }.all(&ops)
}

/// The same operation in texts that begin earlier.
fn moved(op: DiffOp, by: usize) -> DiffOp {
    match op {
        DiffOp::Equal { old_index, new_index, len } => DiffOp::Equal { old_index: old_index + by, new_index: new_index + by, len },
        DiffOp::Delete { old_index, old_len, new_index } => {
            DiffOp::Delete { old_index: old_index + by, old_len, new_index: new_index + by }
        }
        DiffOp::Insert { old_index, new_index, new_len } => {
            DiffOp::Insert { old_index: old_index + by, new_index: new_index + by, new_len }
        }
        DiffOp::Replace { old_index, old_len, new_index, new_len } => {
            DiffOp::Replace { old_index: old_index + by, old_len, new_index: new_index + by, new_len }
        }
    }
}

struct Rows<'t> {
    old: &'t [&'t str],
    new: &'t [&'t str],
    given: TextDifference,
    /// Equal lines of which it is not yet known whether they stand near a change: their places in both texts.
    same: Vec<(usize, usize)>,
}

impl Rows<'_> {
    fn all(mut self, ops: &[DiffOp]) -> TextDifference {
        for op in ops {
            match *op {
                DiffOp::Equal { old_index, new_index, len } => self.same.extend((0..len).map(|at| (old_index + at, new_index + at))),
                DiffOp::Delete { old_index, old_len, .. } => self.different((old_index, old_len), (0, 0)),
                DiffOp::Insert { new_index, new_len, .. } => self.different((0, 0), (new_index, new_len)),
                DiffOp::Replace { old_index, old_len, new_index, new_len } => self.different((old_index, old_len), (new_index, new_len)),
            }
        }
        self.settle(true);
        let beyond = self.given.rows.len().saturating_sub(MOST_ROWS);
        if beyond > 0 {
            self.given.rows.truncate(MOST_ROWS);
            self.given.rows.push(TextRow::LeftOut { lines: beyond });
        }
        if self.given.added + self.given.removed == 0 {
            self.given.rows.clear();
        }
        self.given
    }

    /// Shows the equal lines that stand near a change and counts the others.
    fn settle(&mut self, is_end: bool) {
        let same = std::mem::take(&mut self.same);
        let head = if self.given.rows.is_empty() { 0 } else { AROUND };
        let tail = if is_end { 0 } else { AROUND };
        let left_out = same.len().saturating_sub(head + tail);
        // One line takes no more room than saying that it is left out.
        let left_out = if left_out > 1 { left_out } else { 0 };
        for (at, (old, new)) in same.iter().enumerate() {
            if left_out > 0 && at == head {
                self.given.rows.push(TextRow::LeftOut { lines: left_out });
            }
            if left_out == 0 || at < head || at >= head + left_out {
                let text = self.old.get(*old).copied().unwrap_or_default().to_owned();
                self.given.rows.push(TextRow::Same { old: old + 1, new: new + 1, text });
            }
        }
    }

    fn different(&mut self, (old_from, old_len): (usize, usize), (new_from, new_len): (usize, usize)) {
        self.settle(false);
        self.given.removed += old_len;
        self.given.added += new_len;
        for at in 0..old_len.max(new_len) {
            let old = self.old.get(old_from + at).filter(|_| at < old_len);
            let new = self.new.get(new_from + at).filter(|_| at < new_len);
            let (old_words, new_words) = marked(old.copied(), new.copied());
            let line = |from: usize, words: Option<Vec<Words>>| words.map(|words| TextLine { number: from + at + 1, words });
            self.given.rows.push(TextRow::Different { old: line(old_from, old_words), new: line(new_from, new_words) });
        }
    }
}

fn whole(line: &str) -> Vec<Words> {
    vec![Words { text: line.to_owned(), is_different: false }]
}

/// Two lines with the words marked that the other does not have. Lines that have little in common are not marked at all.
fn marked(old: Option<&str>, new: Option<&str>) -> (Option<Vec<Words>>, Option<Vec<Words>>) {
    let (Some(old), Some(new)) = (old, new) else { return (old.map(whole), new.map(whole)) };
    let (old_words, new_words) = (words(old), words(new));
    let most = old_words.len() + new_words.len();
    if most > MOST_WORDS {
        return (Some(whole(old)), Some(whole(new)));
    }
    let ops = capture_diff_slices(Algorithm::Myers, &old_words, &new_words);
    let in_common: usize = ops.iter().map(|op| if let DiffOp::Equal { len, .. } = op { *len } else { 0 }).sum();
    if in_common * 4 < most {
        return (Some(whole(old)), Some(whole(new)));
    }
    let (mut of_old, mut of_new) = (Vec::new(), Vec::new());
    for op in ops {
        let is_different = !matches!(op, DiffOp::Equal { .. });
        for (range, all, pieces) in [(op.old_range(), &old_words, &mut of_old), (op.new_range(), &new_words, &mut of_new)] {
            let text = all.get(range).unwrap_or_default().concat();
            if !text.is_empty() {
                pieces.push(Words { text, is_different });
            }
        }
    }
    (Some(of_old), Some(of_new))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row a line: ` 1 1 a`, `- 2 b`, `+ 2 c`, `… 7`; changed words stand in brackets.
    fn drawn(old: &str, new: &str) -> Vec<String> {
        let line = |sign: char, line: &TextLine| {
            let words = |piece: &Words| if piece.is_different { format!("[{}]", piece.text) } else { piece.text.clone() };
            format!("{sign} {} {}", line.number, line.words.iter().map(words).collect::<String>())
        };
        let rows = compare(old, new).rows;
        let drawn = rows.iter().flat_map(|row| match row {
            TextRow::Same { old, new, text } => vec![format!("  {old} {new} {text}")],
            TextRow::LeftOut { lines } => vec![format!("… {lines}")],
            TextRow::Different { old, new } => old.iter().map(|old| line('-', old)).chain(new.iter().map(|new| line('+', new))).collect(),
        });
        drawn.collect()
    }

    fn numbered(range: std::ops::Range<usize>) -> String {
        range.map(|number| format!("line {number}\n")).collect::<Vec<_>>().concat()
    }

    #[test]
    fn equal_texts_differ_in_nothing() {
        for (old, new) in [("", ""), ("a\nb\n", "a\nb\n"), ("a\nb", "a\nb\n"), ("a\r\nb\r\n", "a\nb\n")] {
            assert_eq!(compare(old, new), TextDifference::default(), "{old:?} {new:?}");
        }
    }

    #[test]
    fn lines_and_words_that_differ_are_told_with_their_numbers() {
        assert_eq!(
            drawn("a\nlimit: 0.25 a run\nc\n", "a\nlimit: 0.50 a run\nc\n"),
            ["  1 1 a", "- 2 limit: 0.[25] a run", "+ 2 limit: 0.[50] a run", "  3 3 c"]
        );
        assert_eq!(drawn("a\nb\n", "a\nx\nb\n"), ["  1 1 a", "+ 2 x", "  2 3 b"]);
        assert_eq!(drawn("a\nx\nb\n", "a\nb\n"), ["  1 1 a", "- 2 x", "  3 2 b"]);
        assert_eq!(drawn("entirely other words\n", "nothing = alike!\n"), ["- 1 entirely other words", "+ 1 nothing = alike!"]);
        assert_eq!(drawn("", "a\n"), ["+ 1 a"]);
    }

    #[test]
    fn equal_lines_far_from_a_change_are_counted() {
        let (old, new) = (format!("{}x\n{}", numbered(0..10), numbered(20..30)), format!("{}y\n{}", numbered(0..10), numbered(20..30)));
        let drawn = drawn(&old, &new);
        assert_eq!((drawn.first().unwrap().as_str(), drawn.last().unwrap().as_str()), ("… 7", "… 7"));
        assert_eq!(drawn.len(), 1 + 3 + 2 + 3 + 1);
    }

    #[test]
    fn every_line_of_both_texts_is_accounted_for() {
        let (old, new) = (numbered(0..50), format!("{}{}", numbered(10..20), numbered(25..60)));
        let difference = compare(&old, &new);
        let mut counted = (0, 0);
        for row in &difference.rows {
            match row {
                TextRow::Same { .. } => counted = (counted.0 + 1, counted.1 + 1),
                TextRow::LeftOut { lines } => counted = (counted.0 + lines, counted.1 + lines),
                TextRow::Different { old, new } => {
                    counted = (counted.0 + usize::from(old.is_some()), counted.1 + usize::from(new.is_some()));
                }
            }
        }
        assert_eq!(counted, (50, 45));
        assert_eq!((difference.removed, difference.added), (15, 10));
    }

    #[test]
    fn texts_that_differ_in_too_much_are_replaced_as_a_whole() {
        let (old, new) = (numbered(0..10_000), numbered(20_000..30_000));
        let difference = compare(&old, &new);
        assert_eq!((difference.removed, difference.added, difference.rows.len()), (10_000, 10_000, MOST_ROWS + 1));
        let long = "x ".repeat(100_000);
        assert_eq!(compare(&long, &format!("{long}y")).rows.len(), 1);
    }
}

//! Rows below each other, each column as wide as its widest value.

use unicode_width::UnicodeWidthStr;

use super::{Tone, line, paint};

/// One value of a row: on one line, and harmless.
#[derive(Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A text from elsewhere that looks like this.
    pub(crate) fn of(tone: Tone, text: &str) -> Self {
        Self { text: line(text), tone }
    }
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::of(Tone::Plain, &text.to_string())
    }
}

/// The rows with the names of their columns above them; nothing when there are no rows.
pub(crate) fn table<const COLUMNS: usize>(head: [&str; COLUMNS], rows: Vec<[Cell; COLUMNS]>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head = head.map(|name| Cell { text: name.to_uppercase(), tone: Tone::Faint });
    let rows: Vec<[Cell; COLUMNS]> = std::iter::once(head).chain(rows).collect();
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.text.width().max(*width);
        }
    }
    let written = |row: &[Cell; COLUMNS]| {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            let padding = if column + 1 == COLUMNS { 0 } else { width - cell.text.width() };
            format!("{}{}", paint(cell.tone, &cell.text), " ".repeat(padding))
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_value() {
        let rows = vec![["a".into(), "1".into()], ["漢字".into(), "22".into()], [Cell::from("x\n\u{1b}y"), "".into()]];
        assert_eq!(table(["name", "n"], rows), "NAME         N\na            1\n漢字         22\nx \\u{001b}y\n");
        assert_eq!(table(["name"], Vec::new()), "");
    }
}

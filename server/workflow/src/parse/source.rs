//! The text of a file as lines, and pieces of it that know where they came from.
//!
//! A line ends with LF, CRLF or a lone CR, and a byte order mark at the start is not part of the first
//! line: so lines and columns are those that every editor shows.

/// Where something stands in the file, for a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// From 1.
    pub(super) line: u32,
    /// In characters, from 1.
    pub(super) column: u32,
    /// In characters; at least 1.
    pub(super) length: u32,
}

impl Place {
    /// The first character of a line.
    pub(super) const fn line(line: u32) -> Self {
        Self { line, column: 1, length: 1 }
    }

    /// The whole text of a line, without the blanks around it.
    pub(super) fn of_text(line: u32, text: &str) -> Self {
        let blanks = text.chars().take_while(|sign| sign.is_whitespace()).count();
        let length = text.trim().chars().count();
        Self { line, column: count(blanks).saturating_add(1), length: count(length).max(1) }
    }
}

/// A length or index as files count it; a file of a megabyte never comes near the limit.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The lines of a file, without their ends and without a byte order mark.
pub(super) fn lines(source: &str) -> Vec<&str> {
    let mut rest = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mut lines = Vec::new();
    while let Some(end) = rest.find(['\n', '\r']) {
        let (line, tail) = rest.split_at(end);
        lines.push(line);
        rest = tail.strip_prefix("\r\n").or_else(|| tail.get(1..)).unwrap_or_default();
    }
    lines.push(rest);
    lines
}

/// Some whole lines of the file that are read as YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The line of the file where the text begins, from 1.
    pub(super) first_line: u32,
    /// The lines, joined by LF.
    pub(super) text: String,
}

impl Excerpt {
    /// The given lines, which begin at `first_line`.
    pub(super) fn new(first_line: u32, lines: &[&str]) -> Self {
        let mut text = lines.join("\n");
        text.push('\n');
        Self { first_line, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_three_ways_and_a_mark_is_not_text() {
        assert_eq!(lines("\u{feff}a\r\nb\rc\n\nd"), ["a", "b", "c", "", "d"]);
        assert_eq!(lines(""), [""]);
        assert_eq!(lines("a\n"), ["a", ""]);
    }
}

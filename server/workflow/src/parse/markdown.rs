//! The outline of a Markdown file: front matter, headings and fences. Prose is passed over.
//!
//! Follows CommonMark where the two meet, with one addition: inside a fence of YAML, lines that belong to
//! a literal block (`key: |`) cannot close the fence, so a prompt may show fences of its own. What a block
//! *means* is decided in `blocks`.

use super::source::{Excerpt, count};

/// A file, divided.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) front: Front,
    /// In the order of the file.
    pub(super) headings: Vec<Heading>,
    /// In the order of the file.
    pub(super) fences: Vec<Fence>,
}

/// What stands between the first two lines of `---`.
#[derive(Debug)]
pub(super) enum Front {
    /// Its YAML.
    Matter(Excerpt),
    /// The file does not begin with `---`.
    Missing,
    /// There is no second `---`; the line of the first.
    Unclosed(u32),
}

/// A heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heading {
    pub(super) line: u32,
    /// 1 to 6.
    pub(super) level: u8,
    /// Without signs, and for a step heading without word and number.
    pub(super) title: String,
    /// `3` or `3.1`, when this is the heading of a step.
    pub(super) number: Option<String>,
}

/// A fenced block.
#[derive(Debug)]
pub(super) struct Fence {
    /// The line of the opening fence.
    pub(super) line: u32,
    /// The first word after the opening fence, in small letters.
    pub(super) language: String,
    pub(super) standing: Standing,
    /// Whether a closing fence was found.
    pub(super) closed: bool,
    /// The index of the heading above it.
    pub(super) heading: Option<usize>,
    /// What stands inside.
    pub(super) body: Excerpt,
}

impl Fence {
    /// Whether it says that it is YAML.
    pub(super) fn is_yaml(&self) -> bool {
        matches!(self.language.as_str(), "yaml" | "yml")
    }
}

/// How a fence stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// As part of the text.
    Text,
    /// In a quotation (`>`).
    Quotation,
    /// In an HTML comment.
    Comment,
    /// Indented by four columns or more: shown as it is.
    Indented,
}

/// Divides a file into its parts.
pub(super) fn divide(lines: &[&str]) -> Document {
    let (front, body) = front_matter(lines);
    let mut scanner = Scanner { lines, at: body, headings: Vec::new(), fences: Vec::new(), paragraph: None };
    scanner.run();
    Document { front, headings: scanner.headings, fences: scanner.fences }
}

/// The front matter, and the index of the first line after it.
fn front_matter(lines: &[&str]) -> (Front, usize) {
    let start = lines.iter().position(|line| !line.trim().is_empty()).unwrap_or(0);
    if lines.get(start).is_none_or(|line| line.trim_end() != "---") {
        return (Front::Missing, 0);
    }
    let inner = lines.get(start + 1..).unwrap_or_default();
    match inner.iter().position(|line| line.trim_end() == "---") {
        Some(end) => {
            let first_line = count(start + 2);
            (Front::Matter(Excerpt::new(first_line, inner.get(..end).unwrap_or_default())), start + 2 + end)
        }
        None => (Front::Unclosed(count(start + 1)), lines.len()),
    }
}

struct Scanner<'l> {
    lines: &'l [&'l str],
    at: usize,
    headings: Vec<Heading>,
    fences: Vec<Fence>,
    /// The first line of the paragraph that goes on here: a line of `===` or `---` makes it a heading.
    paragraph: Option<(u32, &'l str)>,
}

/// The line that opens a fence.
struct Opening<'l> {
    sign: char,
    length: usize,
    indent: usize,
    language: &'l str,
}

impl<'l> Scanner<'l> {
    fn run(&mut self) {
        while let Some(line) = self.lines.get(self.at).copied() {
            let number = count(self.at + 1);
            let indent = indentation(line);
            let text = line.trim();
            if indent < 4 && text.starts_with("<!--") {
                self.comment();
            } else if indent < 4 && text.starts_with('>') {
                self.paragraph = None;
                self.quoted();
            } else if let Some(opening) = opening(line) {
                self.paragraph = None;
                let standing = if opening.indent >= 4 { Standing::Indented } else { Standing::Text };
                self.fence(&opening, standing);
            } else {
                self.at += 1;
                if indent >= 4 && self.paragraph.is_none() {
                    continue;
                }
                if let Some((level, title)) = atx_heading(line, indent) {
                    self.paragraph = None;
                    self.heading(number, level, title);
                } else if let (Some((first, title)), Some(level)) = (self.paragraph, underline(text, indent)) {
                    self.paragraph = None;
                    self.heading(first, level, title.trim());
                } else if text.is_empty() || text.starts_with(['-', '*', '+', '<', '|']) {
                    self.paragraph = None;
                } else if self.paragraph.is_none() {
                    self.paragraph = Some((number, line));
                }
            }
        }
    }

    fn heading(&mut self, line: u32, level: u8, title: &str) {
        let (number, title) = match step_number(title).filter(|_| (2..=4).contains(&level)) {
            Some((number, title)) => (Some(number.to_owned()), title),
            None => (None, title),
        };
        self.headings.push(Heading { line, level, title: title.to_owned(), number });
    }

    /// An HTML comment, up to the line that ends it. Fences inside are kept, so that they can be reported.
    fn comment(&mut self) {
        self.paragraph = None;
        let start = self.at;
        let rest = self.lines.get(start..).unwrap_or_default();
        let ends = |(index, line): (usize, &&str)| {
            let text = if index == 0 { line.split_once("<!--").map_or("", |(_, after)| after) } else { line };
            text.contains("-->").then_some(index)
        };
        let end = rest.iter().enumerate().find_map(ends).map_or(self.lines.len(), |index| start + index + 1);
        self.enclosed(start, end, Standing::Comment, |line| line);
        self.at = end;
    }

    /// Lines of a quotation.
    fn quoted(&mut self) {
        let start = self.at;
        let rest = self.lines.get(start..).unwrap_or_default();
        let length = rest.iter().position(|line| !line.trim_start().starts_with('>')).unwrap_or(rest.len());
        self.enclosed(start, start + length, Standing::Quotation, |line| {
            line.trim_start_matches(|sign: char| sign == '>' || sign.is_whitespace())
        });
        self.at = start + length;
    }

    /// Fences between two lines that are no part of the text themselves.
    fn enclosed(&mut self, start: usize, end: usize, standing: Standing, opening_of: fn(&str) -> &str) {
        let mut at = start;
        while at < end {
            let line = self.lines.get(at).copied().unwrap_or_default();
            let Some(opening) = opening(opening_of(line)) else {
                at += 1;
                continue;
            };
            let inner = self.lines.get(at + 1..end).unwrap_or_default();
            let length = inner.iter().position(|line| closes(opening_of(line), &opening));
            let body: Vec<&str> =
                inner.get(..length.unwrap_or(inner.len())).unwrap_or_default().iter().map(|line| unquoted(line, standing)).collect();
            self.fences.push(Fence {
                line: count(at + 1),
                language: opening.language.to_lowercase(),
                standing,
                closed: true,
                heading: self.headings.len().checked_sub(1),
                body: Excerpt::new(count(at + 2), &body),
            });
            at += body.len() + 2;
        }
    }

    fn fence(&mut self, opening: &Opening<'l>, standing: Standing) {
        let line = count(self.at + 1);
        let language = opening.language.to_lowercase();
        let yaml = matches!(language.as_str(), "yaml" | "yml");
        let inner = self.lines.get(self.at + 1..).unwrap_or_default();
        let mut literal = Literal::default();
        let end = inner.iter().position(|line| {
            let inside = yaml && literal.covers(line);
            !inside && closes(line, opening)
        });
        let body = inner.get(..end.unwrap_or(inner.len())).unwrap_or_default();
        self.fences.push(Fence {
            line,
            language,
            standing,
            closed: end.is_some(),
            heading: self.headings.len().checked_sub(1),
            body: Excerpt::new(line.saturating_add(1), body),
        });
        self.at += body.len() + 2;
    }
}

/// A line of a quotation without its first mark.
fn unquoted(line: &str, standing: Standing) -> &str {
    if standing != Standing::Quotation {
        return line;
    }
    let inner = line.trim_start();
    let inner = inner.strip_prefix('>').unwrap_or(inner);
    inner.strip_prefix(' ').unwrap_or(inner)
}

/// How far a line is indented, in columns; a tab goes to the next multiple of four.
fn indentation(line: &str) -> usize {
    let mut columns = 0;
    for sign in line.chars() {
        match sign {
            ' ' => columns += 1,
            '\t' => columns += 4 - columns % 4,
            _ => break,
        }
    }
    columns
}

fn opening(line: &str) -> Option<Opening<'_>> {
    let text = line.trim();
    let sign = text.chars().next().filter(|sign| matches!(sign, '`' | '~'))?;
    let info = text.trim_start_matches(sign);
    let length = text.len() - info.len();
    // Three backticks and more backticks later in the line are code inside a sentence.
    if length < 3 || (sign == '`' && info.contains('`')) {
        return None;
    }
    let language = info.split_whitespace().next().unwrap_or_default();
    Some(Opening { sign, length, indent: indentation(line), language })
}

fn closes(line: &str, opening: &Opening<'_>) -> bool {
    let text = line.trim();
    let indent_allows = opening.indent >= 4 || indentation(line) < 4;
    indent_allows && text.len() >= opening.length && text.chars().all(|sign| sign == opening.sign)
}

/// Follows the literal blocks of YAML, line by line.
#[derive(Default)]
struct Literal {
    /// The column of the key whose literal block goes on; deeper lines belong to it.
    parent: Option<usize>,
}

impl Literal {
    /// Whether the line is inside a literal block. Called for each line in turn.
    fn covers(&mut self, line: &str) -> bool {
        let text = line.trim_end();
        let mut indent = text.len() - text.trim_start_matches(' ').len();
        if let Some(parent) = self.parent {
            if text.is_empty() || indent > parent {
                return true;
            }
            self.parent = None;
        }
        let mut rest = text.trim_start_matches(' ');
        // `- - key: |`: the block belongs to the innermost entry.
        while let Some(after) = rest.strip_prefix("- ").filter(|after| !is_block_header(after.trim_start())) {
            indent += rest.len() - after.trim_start().len();
            rest = after.trim_start();
        }
        let headers =
            [rest.strip_prefix("- "), rest.split_once(": ").map(|(_, value)| value), rest.rsplit_once(": ").map(|(_, value)| value)];
        if headers.into_iter().flatten().any(|header| is_block_header(header.trim_start())) {
            self.parent = Some(indent);
        }
        false
    }
}

/// `|`, `>`, with chomping and indentation indicators and perhaps a comment.
fn is_block_header(text: &str) -> bool {
    let mut signs = text.chars();
    if !matches!(signs.next(), Some('|' | '>')) {
        return false;
    }
    let rest = signs.as_str();
    let (indicators, comment) = rest.split_once(' ').unwrap_or((rest, ""));
    let comment = comment.trim_start();
    indicators.len() <= 2
        && indicators.chars().all(|sign| sign.is_ascii_digit() || matches!(sign, '+' | '-'))
        && (comment.is_empty() || comment.starts_with('#'))
}

fn atx_heading(line: &str, indent: usize) -> Option<(u8, &str)> {
    if indent >= 4 {
        return None;
    }
    let text = line.trim();
    let title = text.trim_start_matches('#');
    let level = u8::try_from(text.len() - title.len()).ok().filter(|level| (1..=6).contains(level))?;
    if !title.is_empty() && !title.starts_with([' ', '\t']) {
        return None;
    }
    let title = title.trim();
    // Closing signs are decoration, if a blank stands before them.
    let open = title.trim_end_matches('#');
    let title = if open.is_empty() || open.ends_with([' ', '\t']) { open.trim_end() } else { title };
    Some((level, title))
}

fn underline(text: &str, indent: usize) -> Option<u8> {
    if indent >= 4 || text.is_empty() {
        return None;
    }
    if text.chars().all(|sign| sign == '=') {
        Some(1)
    } else if text.chars().all(|sign| sign == '-') {
        Some(2)
    } else {
        None
    }
}

/// The number and the title of a step heading: an optional word Step, `3` or `3.1`, then `.` or `:`.
pub(super) fn step_number(title: &str) -> Option<(&str, &str)> {
    let after_word = match title.get(..4) {
        Some(word) if word.eq_ignore_ascii_case("step") => {
            let rest = title.get(4..)?;
            rest.starts_with(char::is_whitespace).then(|| rest.trim_start())?
        }
        _ => title,
    };
    let end = after_word.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap_or(after_word.len());
    let (number, rest) = after_word.split_at(end);
    let (number, rest) = match (number.strip_suffix('.'), rest.strip_prefix(':')) {
        (Some(number), None) if rest.is_empty() || rest.starts_with(char::is_whitespace) => (number, rest),
        (None, Some(rest)) => (number, rest),
        _ => return None,
    };
    let well_formed = number.len() <= 20 && number.split('.').all(|part| !part.is_empty());
    well_formed.then_some((number, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(source: &str) -> Document {
        divide(&super::super::source::lines(source))
    }

    fn titles(source: &str) -> Vec<(u8, String, Option<String>)> {
        divided(source).headings.into_iter().map(|heading| (heading.level, heading.title, heading.number)).collect()
    }

    fn bodies(source: &str) -> Vec<(u32, String, bool, Standing)> {
        let fences = divided(source).fences;
        fences.into_iter().map(|fence| (fence.line, fence.body.text, fence.closed, fence.standing)).collect()
    }

    #[test]
    fn a_step_heading_has_a_number_and_a_full_stop_or_colon() {
        for (title, expected) in [
            ("Step 1: Read", Some(("1", "Read"))),
            ("STEP 3.1. Write", Some(("3.1", "Write"))),
            ("3.1: Write", Some(("3.1", "Write"))),
            ("2.", Some(("2", ""))),
            ("Step 1:Read", Some(("1", "Read"))),
            ("Step 1.Read", None),
            ("Step one: Read", None),
            ("Step 1", None),
            ("3.1 Write", None),
            ("Steps: 1", None),
            ("1..2: x", None),
            (".: x", None),
            (": x", None),
        ] {
            assert_eq!(step_number(title), expected, "{title}");
        }
    }

    #[test]
    fn headings_of_both_kinds_are_found() {
        assert_eq!(
            titles(
                "# Title\n\n## Step 1: A ##\ntext\n##no heading\n\nNotes\n-----\n\n- item\n---\n##### 3: too deep\n    # code\n# 1. not a step\n"
            ),
            [
                (1, "Title".into(), None),
                (2, "A".into(), Some("1".into())),
                (2, "Notes".into(), None),
                (5, "3: too deep".into(), None),
                (1, "1. not a step".into(), None),
            ]
        );
    }

    #[test]
    fn fences_nest_by_length_and_by_sign() {
        let found = bodies("````yaml\na: 1\n```\nb: 2\n````\n~~~yml\n```\n~~~\n```yaml\nopen: true\n");
        assert_eq!(
            found,
            [
                (1, "a: 1\n```\nb: 2\n".into(), true, Standing::Text),
                (6, "```\n".into(), true, Standing::Text),
                (9, "open: true\n\n".into(), false, Standing::Text),
            ]
        );
    }

    #[test]
    fn a_fence_inside_a_literal_block_belongs_to_the_yaml() {
        for header in ["prompt: |", "prompt: >-", "prompt: |2 # why", "- prompt: |+"] {
            let source = format!("```yaml\n{header}\n    show\n    ```json\n    {{}}\n    ```\n\n    end\n```\nafter\n");
            let found = bodies(&source);
            assert_eq!(found.len(), 1, "{header}");
            assert!(found[0].1.ends_with("end\n"), "{header}: {}", found[0].1);
        }
        // Other text that ends with a bar opens nothing.
        assert_eq!(bodies("```yaml\na: b |\n  ```\n```\n")[0].1, "a: b |\n");
        // The literal block ends where the indentation does.
        assert_eq!(bodies("  ```yaml\n  a: |\n    b\n  ```\nafter\n")[0].1, "  a: |\n    b\n");
    }

    #[test]
    fn fences_that_are_not_part_of_the_text_are_told_apart() {
        let found = bodies(
            "> ```yaml\n> a: 1\n> ```\n\n<!--\n```yaml\nb: 2\n```\n-->\n\n    ```yaml\n    c: 3\n    ```\n<!-- one line -->\n```yaml\nd: 4\n```\n",
        );
        assert_eq!(
            found,
            [
                (1, "a: 1\n".into(), true, Standing::Quotation),
                (6, "b: 2\n".into(), true, Standing::Comment),
                (11, "    c: 3\n".into(), true, Standing::Indented),
                (15, "d: 4\n".into(), true, Standing::Text),
            ]
        );
    }

    #[test]
    fn front_matter_may_end_with_the_file() {
        for source in ["---\na: 1\n---", "\n---  \na: 1\n---\n"] {
            let Front::Matter(excerpt) = divided(source).front else { panic!("{source}") };
            assert_eq!(excerpt.text, "a: 1\n");
        }
        assert!(matches!(divided("---\na: 1\n").front, Front::Unclosed(1)));
        assert!(matches!(divided("# Title\n").front, Front::Missing));
    }
}

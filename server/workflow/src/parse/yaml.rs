//! YAML as a small tree in which every key and every scalar knows its place in the file.
//!
//! Stricter than YAML: one document, no anchors, aliases, merge keys or tags, no key twice, keys are
//! texts, and bounds on depth and size. What a plain scalar means is not decided here but where it is
//! read (`scalar`), because that depends on what is asked for.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::{
    diagnostic::Report,
    source::{Excerpt, Place, count},
};

/// How deep lists and mappings may be nested.
pub(super) const MAX_DEPTH: usize = 64;
/// How many scalars, lists and mappings one piece of YAML may have.
pub(super) const MAX_NODES: usize = 50_000;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) content: Content,
    pub(super) place: Place,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that was already reported: whoever reads it keeps quiet and gives nothing.
    Refused,
}

/// A text as YAML reads it, and as it is written.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Neither quoted nor a block: it may be a number, a boolean or null.
    pub(super) plain: bool,
    /// Written as `|` or `>`.
    block: bool,
    raw: String,
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Whether the key is neither quoted nor a block: it may be a number, a boolean or null.
    pub(super) key_plain: bool,
    pub(super) key_place: Place,
    pub(super) node: Node,
}

impl Node {
    /// The entries of a mapping.
    pub(super) fn entries(&self) -> Option<&[Entry]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entry with that key, if this is a mapping that has it.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// The text of a scalar.
    pub(super) fn scalar(&self) -> Option<&Scalar> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// What it is, for people.
    pub(super) fn description(&self) -> &'static str {
        match &self.content {
            Content::Scalar(scalar) if scalar.is_null() => "nothing",
            Content::Scalar(_) => "a single value",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
            Content::Refused => "nothing",
        }
    }

    /// Whether both say the same, wherever they stand.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        match (&self.content, &other.content) {
            (Content::Scalar(a), Content::Scalar(b)) => a.text == b.text && a.plain == b.plain,
            (Content::List(a), Content::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.says_the_same(b)),
            (Content::Map(a), Content::Map(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key && a.node.says_the_same(&b.node))
            }
            _ => false,
        }
    }

    /// The place of the sign at `offset` (in bytes of the scalar's text): also inside blocks, folded lines
    /// and quotes with escapes. The node's own place when this is no scalar.
    pub(super) fn place_at(&self, offset: usize, length: usize) -> Place {
        self.places_at(&[(offset, length)]).pop().unwrap_or(self.place)
    }

    /// As [`Node::place_at`], for many offsets with their lengths, in ascending order: one walk for all.
    pub(super) fn places_at(&self, offsets: &[(usize, usize)]) -> Vec<Place> {
        let Some(scalar) = self.scalar() else { return vec![self.place; offsets.len()] };
        let places = scalar.positions(offsets.iter().map(|(offset, _)| *offset)).into_iter().zip(offsets);
        places
            .map(|((line, column), (_, length))| Place {
                line: self.place.line.saturating_add(line),
                column: if line == 0 { self.place.column.saturating_add(column) } else { column.saturating_add(1) },
                length: count(*length).max(1),
            })
            .collect()
    }
}

impl Scalar {
    /// An unquoted null: `null`, `~` or nothing at all.
    pub(super) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// Lines below the first, and columns (from 0, in characters of that line; on the first line counted
    /// from the start of the scalar), of the signs at ascending byte offsets of the text.
    ///
    /// YAML changes blanks, line ends and escapes only. So the n-th sign that is no blank in the text is
    /// the n-th that is none in the source.
    fn positions(&self, offsets: impl Iterator<Item = usize>) -> Vec<(u32, u32)> {
        let mut signs = self.text.char_indices().peekable();
        let mut units = Units { rest: self.raw.chars(), line: 0, column: 0, style: self.style() };
        // How many signs of the text come before the offset, and how many of the source were walked over.
        let (mut before, mut walked, mut here) = (0_usize, 0_usize, (0, 0));
        let mut positions = Vec::new();
        for offset in offsets {
            while let Some((_, sign)) = signs.next_if(|(at, _)| *at < offset) {
                before += usize::from(!sign.is_whitespace());
            }
            while walked <= before {
                let Some((place, sign)) = units.next() else { break };
                if !sign.is_whitespace() {
                    walked += 1;
                    here = place;
                }
            }
            positions.push(here);
        }
        positions
    }

    fn style(&self) -> Style {
        match self.raw.chars().next() {
            Some('"') if !self.plain && !self.block => Style::Double,
            Some('\'') if !self.plain && !self.block => Style::Single,
            _ => Style::Verbatim,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Verbatim,
    Single,
    Double,
}

/// Walks over the source of a scalar, one sign of its text at a time.
struct Units<'r> {
    rest: std::str::Chars<'r>,
    line: u32,
    column: u32,
    style: Style,
}

impl Units<'_> {
    fn take(&mut self) -> Option<char> {
        let sign = self.rest.next()?;
        if sign == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 0;
        } else {
            self.column = self.column.saturating_add(1);
        }
        Some(sign)
    }

    /// The next sign as the text has it, and where it begins.
    fn next(&mut self) -> Option<((u32, u32), char)> {
        // The quotes themselves are no signs of the text.
        if (self.line, self.column) == (0, 0) && self.style != Style::Verbatim {
            self.take();
        }
        let place = (self.line, self.column);
        let sign = self.take()?;
        match (self.style, sign) {
            (Style::Single, '\'') => {
                self.take();
                Some((place, '\''))
            }
            (Style::Double, '"') => None,
            (Style::Double, '\\') => Some((place, self.escaped()?)),
            _ => Some((place, sign)),
        }
    }

    /// What stands for the escape after a backslash: only whether it is a blank matters.
    fn escaped(&mut self) -> Option<char> {
        let digits = match self.take()? {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            // Line ends, blanks and the blanks of other scripts.
            '\n' | 'n' | 't' | '\t' | 'r' | 'v' | 'f' | ' ' | 'N' | '_' | 'L' | 'P' => return Some(' '),
            other => return Some(other),
        };
        let mut code = 0;
        for _ in 0..digits {
            code = code * 16 + self.take()?.to_digit(16)?;
        }
        // Half of a surrogate pair is the start of one sign; its other half is written as an escape too.
        if (0xD800..0xDC00).contains(&code) {
            for _ in 0..6 {
                self.take();
            }
        }
        Some(char::from_u32(code).unwrap_or('x'))
    }
}

/// Something wrong with a piece of YAML. Whether it matters depends on what the piece is for.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    place: Place,
    code: &'static str,
    message: String,
    help: Option<String>,
}

/// A piece of YAML, read.
#[derive(Debug)]
pub(super) struct Reading {
    /// `None` when it is empty or broken.
    pub(super) node: Option<Node>,
    pub(super) problems: Vec<Problem>,
}

impl Reading {
    /// Whether the text is no YAML at all, or too large to be read.
    pub(super) fn is_broken(&self) -> bool {
        self.node.is_none() && !self.problems.is_empty()
    }

    /// Hands the problems in, and gives the tree.
    pub(super) fn report(self, into: &mut Report) -> Option<Node> {
        report(&self.problems, into);
        self.node
    }
}

/// Hands problems in.
pub(super) fn report(problems: &[Problem], into: &mut Report) {
    for problem in problems {
        into.error_with(problem.place, problem.code, problem.message.clone(), problem.help.clone());
    }
}

/// Reads a piece of YAML.
pub(super) fn read(excerpt: &Excerpt) -> Reading {
    let options = granit_parser::options! { emit_comments: false, flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mut loader = Loader { excerpt, events: Parser::new_from_str_with_options(&excerpt.text, options), problems: Vec::new(), nodes: 0 };
    let node = match loader.document() {
        Ok(node) => node,
        // What follows an expression without quotes is the same slip once more.
        Err(_) if loader.problems.last().is_some_and(|last| last.code == UNQUOTED_BRACES) => None,
        Err(problem) => {
            loader.problems.push(problem);
            None
        }
    };
    Reading { node, problems: loader.problems }
}

const UNQUOTED_BRACES: &str = "unquoted_braces";

struct Loader<'e> {
    excerpt: &'e Excerpt,
    events: Parser<'e, StrInput<'e>>,
    problems: Vec<Problem>,
    nodes: usize,
}

type Outcome<T> = Result<T, Problem>;

impl<'e> Loader<'e> {
    fn document(&mut self) -> Outcome<Option<Node>> {
        let mut root = None;
        loop {
            let Some((event, span)) = self.next()? else { return Ok(root) };
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(..) => {
                    if root.is_some() {
                        return Err(self.problem(span, "second_document", "a second YAML document begins here; a block is one document"));
                    }
                }
                event => {
                    let node = self.node(event, span, 1)?;
                    // A text without anything but comments is one empty scalar, or none.
                    let empty = node.scalar().is_some_and(|scalar| scalar.plain && scalar.text.is_empty());
                    root = if empty { None } else { Some(node) };
                }
            }
        }
    }

    fn next(&mut self) -> Outcome<Option<(Event<'e>, Span)>> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok(next)) => Ok(Some(next)),
            Some(Err(error)) => Err(self.broken(&error)),
        }
    }

    fn node(&mut self, event: Event<'e>, span: Span, depth: usize) -> Outcome<Node> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(self.problem(span, "too_deep", format!("this is nested more than {MAX_DEPTH} deep")));
        }
        if self.nodes > MAX_NODES {
            return Err(self.problem(span, "too_large", format!("there are more than {MAX_NODES} values")));
        }
        let place = self.place(span);
        let mut refused = self.decorations(&event, span);
        let content = match event {
            Event::Scalar(text, style, ..) => Content::Scalar(Scalar {
                plain: style == ScalarStyle::Plain,
                block: matches!(style, ScalarStyle::Literal | ScalarStyle::Folded),
                raw: span.slice(&self.excerpt.text).unwrap_or_default().to_owned(),
                text: text.into_owned(),
            }),
            Event::SequenceStart(..) => Content::List(self.list(depth)?),
            Event::MappingStart(..) => self.map(depth)?,
            _ => {
                refused = true;
                Content::Refused
            }
        };
        Ok(Node { content: if refused { Content::Refused } else { content }, place })
    }

    /// Refuses what makes a value depend on another place or on a type of its own.
    fn decorations(&mut self, event: &Event<'e>, span: Span) -> bool {
        let (anchor, tag) = match event {
            Event::Alias(_) => {
                let problem = self.problem(span, "alias", "YAML aliases (`*name`) are not part of the language");
                self.problems.push(Problem { help: Some("write the value out".into()), ..problem });
                return true;
            }
            Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(_, anchor, tag) | Event::MappingStart(_, anchor, tag) => {
                (*anchor, tag.as_ref())
            }
            _ => (0, None),
        };
        if anchor != 0 {
            let problem = self.problem(self.sign_before(span, '&'), "anchor", "YAML anchors (`&name`) are not part of the language");
            self.problems.push(Problem { help: Some("write the value out where it is used".into()), ..problem });
        }
        if let Some(tag) = tag {
            let start = span.tag_start().map_or(span, Span::empty);
            let problem = self.problem(start, "tag", format!("YAML tags (`{}`) are not part of the language", tag.original()));
            self.problems.push(Problem { help: Some("put quotes around a text that looks like a number".into()), ..problem });
        }
        anchor != 0 || tag.is_some()
    }

    /// The place of a sign that stands before a value on its line, or of the value.
    fn sign_before(&self, span: Span, sign: char) -> Span {
        let start = span.start;
        let before = start.byte_offset().and_then(|offset| self.excerpt.text.get(..offset)).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        match line.chars().rev().position(|other| other == sign) {
            Some(back) => Span::empty(granit_parser::Marker::new(0, start.line(), start.col().saturating_sub(back + 1))),
            None => span,
        }
    }

    fn list(&mut self, depth: usize) -> Outcome<Vec<Node>> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.node(event, span, depth + 1)?);
        }
        Ok(items)
    }

    fn map(&mut self, depth: usize) -> Outcome<Content> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut refused = false;
        let mut lines: HashMap<String, u32> = HashMap::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, span, depth + 1)?;
            let Some((event, span)) = self.next()? else { break };
            let mut node = self.node(event, span, depth + 1)?;
            let Some(scalar) = key.scalar() else {
                match key.content {
                    // `{{ x }}` without quotes is a mapping whose key is a mapping.
                    Content::Map(_) if depth > 1 => {
                        refused = true;
                        self.problems.push(Problem {
                            place: Place { column: key.place.column.saturating_sub(1).max(1), length: 2, ..key.place },
                            code: UNQUOTED_BRACES,
                            message: "a value that begins with `{{` needs quotes".into(),
                            help: Some("put quotes around the whole value".into()),
                        });
                    }
                    Content::Refused => {}
                    _ => self.problems.push(Problem {
                        place: key.place,
                        code: "key_not_text",
                        message: "a key is a text, not a list or a mapping".into(),
                        help: None,
                    }),
                }
                continue;
            };
            if node.scalar().is_some_and(|scalar| scalar.plain && scalar.text.is_empty()) {
                node.place = key.place;
            }
            let problem = if scalar.plain && scalar.text == "<<" {
                Some(("merge_key", "YAML merge keys (`<<`) are not part of the language".to_owned(), Some("write the keys out".to_owned())))
            } else if scalar.plain && scalar.text.is_empty() {
                Some(("key_missing", "a key is missing before this".to_owned(), None))
            } else {
                lines.get(&scalar.text).map(|first| {
                    (
                        "duplicate_key",
                        format!("`{}` was already given on line {first}", scalar.text),
                        Some("keep one of the two".to_owned()),
                    )
                })
            };
            if let Some((code, message, help)) = problem {
                self.problems.push(Problem { place: key.place, code, message, help });
                continue;
            }
            lines.insert(scalar.text.clone(), key.place.line);
            entries.push(Entry { key: scalar.text.clone(), key_plain: scalar.plain, key_place: key.place, node });
        }
        Ok(if refused { Content::Refused } else { Content::Map(entries) })
    }

    fn place(&self, span: Span) -> Place {
        let line = count(span.start.line()).saturating_sub(1).saturating_add(self.excerpt.first_line);
        let length = if span.start.line() == span.end.line() { span.end.col().saturating_sub(span.start.col()) } else { 1 };
        Place { line, column: count(span.start.col()).saturating_add(1), length: count(length).max(1) }
    }

    fn problem(&self, span: Span, code: &'static str, message: impl Into<String>) -> Problem {
        Problem { place: self.place(span), code, message: message.into(), help: None }
    }

    /// What the scanner could not read, with the help that fits the usual causes.
    fn broken(&self, error: &ScanError) -> Problem {
        let last = count(self.excerpt.text.lines().count()).max(1);
        let line = count(error.marker().line()).clamp(1, last);
        let text = self.excerpt.text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
        let column = count(error.marker().col()).min(count(text.chars().count()));
        let help = match error.kind() {
            _ if text.contains(": {{") || text.contains("- {{") => Some("put quotes around a value that begins with `{{`"),
            ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
                Some("indent with spaces, not tabs")
            }
            ErrorKind::MappingValueNotAllowed => Some("put quotes around a text that contains `: `"),
            ErrorKind::UnexpectedCharacter { .. } => Some("put quotes around a text that begins with a special sign"),
            ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => Some("close the quote"),
            ErrorKind::UnclosedFlowCollection { .. } => Some("close the bracket"),
            ErrorKind::RecursionLimitExceeded => {
                return Problem {
                    place: Place { line: line.saturating_sub(1).saturating_add(self.excerpt.first_line), column: column + 1, length: 1 },
                    code: "too_deep",
                    message: format!("this is nested more than {MAX_DEPTH} deep"),
                    help: None,
                };
            }
            _ => None,
        };
        Problem {
            place: Place {
                line: line.saturating_sub(1).saturating_add(self.excerpt.first_line),
                column: column.saturating_add(1),
                length: 1,
            },
            code: "broken_yaml",
            message: format!("this is not valid YAML: {}", error.info()),
            help: help.map(str::to_owned),
        }
    }
}

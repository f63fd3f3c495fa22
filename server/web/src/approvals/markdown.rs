//! The little Markdown that a workflow may describe an approval with: paragraphs, lists, bold, emphasis and code. Everything else
//! stays the text it is: no links, no images, no HTML.
//!
//! A value that a workflow puts into it comes with every punctuation sign behind a backslash (CommonMark, 2.4), which is
//! taken away here and means nothing else.

use crate::text;

/// A paragraph, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Whether each line is an item of a list.
    pub(super) is_list: bool,
    /// The lines.
    pub(super) lines: Vec<Vec<Span>>,
}

/// A piece of text in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) style: Style,
    pub(super) text: String,
}

/// How a piece of text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Strong,
    Emphasis,
    Code,
}

/// Reads a description.
pub(super) fn read(description: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut goes_on = false;
    for line in text::visible(description).lines() {
        let line = line.trim();
        if line.is_empty() {
            goes_on = false;
            continue;
        }
        let item = line.strip_prefix("- ").or_else(|| line.strip_prefix("* "));
        let heading = line.trim_start_matches('#');
        let (is_list, spans) = match item {
            Some(item) => (true, inline(item)),
            None if heading.len() < line.len() && heading.starts_with(' ') => {
                (false, vec![Span { style: Style::Strong, text: unescaped(heading.trim()) }])
            }
            None => (false, inline(line)),
        };
        match blocks.last_mut().filter(|block| goes_on && block.is_list == is_list) {
            Some(block) => block.lines.push(spans),
            None => blocks.push(Block { is_list, lines: vec![spans] }),
        }
        goes_on = true;
    }
    blocks
}

/// A text whose signs behind backslashes stand for themselves.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match signs.peek() {
            Some(next) if sign == '\\' && next.is_ascii_punctuation() => {
                out.push(*next);
                signs.next();
            }
            _ => out.push(sign),
        }
    }
    out
}

fn inline(line: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut push = |style, text: &str| {
        let text = if style == Style::Code { text.to_owned() } else { unescaped(text) };
        if !text.is_empty() {
            spans.push(Span { style, text });
        }
    };
    let (mut rest, mut plain_from) = (line, line);
    while let Some(sign) = rest.chars().next() {
        if sign == '\\' {
            let mut signs = rest.chars();
            signs.next();
            signs.next();
            rest = signs.as_str();
            continue;
        }
        let marker = [("**", Style::Strong), ("__", Style::Strong), ("`", Style::Code), ("*", Style::Emphasis)]
            .into_iter()
            .find(|(marker, _)| rest.starts_with(marker));
        let styled = marker.and_then(|(marker, style)| {
            let inner = rest.strip_prefix(marker)?;
            let end = closing(inner, marker, style == Style::Code)?;
            let (inside, after) = (inner.get(..end)?, inner.get(end + marker.len()..)?);
            (!inside.trim().is_empty() && !inside.starts_with(' ')).then_some((style, inside, after))
        });
        if let Some((style, inside, after)) = styled {
            push(Style::Plain, plain_from.strip_suffix(rest).unwrap_or_default());
            push(style, inside);
            (rest, plain_from) = (after, after);
        } else {
            let mut signs = rest.chars();
            signs.next();
            rest = signs.as_str();
        }
    }
    push(Style::Plain, plain_from);
    spans
}

/// Where a marker ends what it began: not behind a backslash, which means nothing in code.
fn closing(text: &str, marker: &str, is_code: bool) -> Option<usize> {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(marker) {
            return Some(at);
        }
        let mut signs = rest.chars();
        let escapes = signs.next() == Some('\\') && !is_code;
        if escapes {
            signs.next();
        }
        at = text.len() - signs.as_str().len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Vec<(Style, String)> {
        read(text).into_iter().flat_map(|block| block.lines).flatten().map(|span| (span.style, span.text)).collect()
    }

    #[test]
    fn styles_are_read_and_values_stay_text() {
        assert_eq!(
            one(r"Review: **medium**. The account\; 2\.4 \*times\* `x*y` and *so*"),
            [
                (Style::Plain, "Review: ".to_owned()),
                (Style::Strong, "medium".to_owned()),
                (Style::Plain, ". The account; 2.4 *times* ".to_owned()),
                (Style::Code, "x*y".to_owned()),
                (Style::Plain, " and ".to_owned()),
                (Style::Emphasis, "so".to_owned()),
            ]
        );
    }

    #[test]
    fn a_value_cannot_leave_its_style_or_hide() {
        assert_eq!(one(r"**a\*\*b**"), [(Style::Strong, "a**b".to_owned())]);
        assert_eq!(one("a **b"), [(Style::Plain, "a **b".to_owned())]);
        assert_eq!(one("2 * 3 * 4"), [(Style::Plain, "2 * 3 * 4".to_owned())]);
        assert_eq!(one("[x](https://evil.example) <b>"), [(Style::Plain, "[x](https://evil.example) <b>".to_owned())]);
        assert_eq!(one("a\u{202e}b"), [(Style::Plain, "a\\u{202e}b".to_owned())]);
        assert_eq!(one("\\"), [(Style::Plain, "\\".to_owned())]);
        assert_eq!(one("ä**ö**ü").len(), 3);
    }

    #[test]
    fn paragraphs_lists_and_headings_are_kept_apart() {
        let blocks = read("# Title\n\none\ntwo\n- a\n- b\n\n- c\n");
        let shape: Vec<(bool, usize)> = blocks.iter().map(|block| (block.is_list, block.lines.len())).collect();
        assert_eq!(shape, [(false, 1), (false, 2), (true, 2), (true, 1)]);
        assert_eq!(blocks[0].lines[0], [Span { style: Style::Strong, text: "Title".to_owned() }]);
        assert!(read(" \n\n").is_empty());
    }
}

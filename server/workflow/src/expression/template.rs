//! Templates: text with `{{ }}`, `{% if/elif/else %}`, `{% for/else %}`, `{% set %}`, `{% raw %}` and
//! `{# #}`. This file reads them; [`render`](super::render) gives their value.
//!
//! A `-` inside of a delimiter takes away the blanks on its side, as in Jinja. A new tag is an arm in
//! [`Reader::tag`] and a variant of [`Segment`].

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use super::{
    ast::{Node, Span},
    error::{EvaluationError, SyntaxError, nearest},
    lexer::{End, Tokens, tokenize},
    limits::{Limits, MAX_DEPTH, MAX_SOURCE_BYTES, Work},
    names::{self, Reference},
    parser::{Parser, Parts},
    render::Renderer,
    scope::Scope,
};

/// A text with expressions in it, as it stands in a workflow file.
///
/// A template that is one `{{ expression }}` alone, blanks around it aside, gives the expression's value
/// with its type; every other one gives text, in which a value appears as its JSON, texts as themselves.
#[derive(Clone)]
pub struct Template {
    source: String,
    pub(super) body: Vec<Segment>,
    /// Names bound by a `set` anywhere.
    settable: Vec<String>,
    /// Whether it is one `{{ }}` alone.
    lone: bool,
    literal: bool,
}

/// A part of a template, in order.
#[derive(Debug, Clone)]
pub(super) enum Segment {
    Text(Span),
    Output { node: Node, span: Span },
    Choice { branches: Vec<(Node, Vec<Segment>)>, otherwise: Vec<Segment>, span: Span },
    Loop(Box<Loop>),
    Set { name: String, value: Node, span: Span },
}

/// `{% for targets in list if condition %}`.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    pub(super) targets: Vec<String>,
    pub(super) list: Node,
    pub(super) condition: Option<Node>,
    pub(super) body: Vec<Segment>,
    pub(super) otherwise: Vec<Segment>,
    pub(super) span: Span,
}

/// What a template gives when some names are not known yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The value; what is not yet known stands in it as the text of its expression.
    pub value: Value,
    /// The names that are not yet known. Empty when the value is complete.
    pub unknown: BTreeSet<String>,
}

impl Template {
    /// Reads a template. Any text without `{{`, `{%` and `{#` is one.
    pub fn parse(source: &str) -> Result<Self, SyntaxError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(SyntaxError::new(0, format!("this text is longer than {MAX_SOURCE_BYTES} bytes")));
        }
        let mut reader = Reader {
            source,
            position: 0,
            trims: false,
            body: Vec::new(),
            open: Vec::new(),
            settable: Vec::new(),
            tags: 0,
            parts: Parts::default(),
        };
        reader.read()?;
        let Reader { body, settable, tags, .. } = reader;
        let blank = |segment: &Segment| matches!(segment, Segment::Text(span) if span.of(source).trim().is_empty());
        let lone = tags == 1 && body.iter().all(|segment| matches!(segment, Segment::Output { .. }) || blank(segment));
        Ok(Self { source: source.to_owned(), body, settable, lone, literal: tags == 0 })
    }

    /// The text it was read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it has no tags at all, so that its value is its text.
    pub fn is_literal(&self) -> bool {
        self.literal
    }

    /// The names it takes from outside: without those that it sets itself before it uses them.
    pub fn names(&self) -> BTreeSet<Reference> {
        let mut found = BTreeSet::new();
        collect(&self.body, &mut Vec::new(), &mut found);
        found
    }

    /// Its value. A name that is not yet known is an error.
    pub fn evaluate(&self, scope: &dyn Scope, limits: &Limits) -> Result<Value, EvaluationError> {
        self.evaluate_numbered(scope, limits, 0).map(|(value, _)| value)
    }

    /// Its value, with the calls of `uuid()` numbered from `first_uuid_call` on, and the number for the
    /// next call after it: for a step with several templates.
    pub fn evaluate_numbered(&self, scope: &dyn Scope, limits: &Limits, first_uuid_call: u32) -> Result<(Value, u32), EvaluationError> {
        let mut renderer = Renderer::new(&self.source, Work::new(scope, *limits, first_uuid_call), &self.settable, false);
        let value = renderer.value(self)?;
        Ok((value, renderer.uuid_calls()))
    }

    /// Its value as far as it is known: every part with a name that is not yet known stays the text of its
    /// expression. Every other error stays an error.
    pub fn evaluate_known(&self, scope: &dyn Scope, limits: &Limits) -> Result<Known, EvaluationError> {
        let mut renderer = Renderer::new(&self.source, Work::new(scope, *limits, 0), &self.settable, true);
        let value = renderer.value(self)?;
        Ok(Known { value, unknown: renderer.into_unknown() })
    }

    /// Its text, in which everything that an expression gives went through `escape` first; what the author wrote
    /// stays as it is. Conditions and loops inside see the values themselves.
    pub fn evaluate_escaped(&self, scope: &dyn Scope, limits: &Limits, escape: &dyn Fn(&str) -> String) -> Result<String, EvaluationError> {
        Renderer::new(&self.source, Work::new(scope, *limits, 0), &self.settable, false).escaping(escape).into_text(self)
    }

    /// The one `{{ }}` that the template is, if it is one alone.
    pub(super) fn lone(&self) -> Option<(&Node, Span)> {
        self.body.iter().filter(|_| self.lone).find_map(|segment| match segment {
            Segment::Output { node, span } => Some((node, *span)),
            _ => None,
        })
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source).finish()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Template {}

fn collect<'t>(segments: &'t [Segment], bound: &mut Vec<&'t str>, found: &mut BTreeSet<Reference>) {
    for segment in segments {
        match segment {
            Segment::Text(_) => {}
            Segment::Output { node, .. } => names::collect(node, bound, found),
            Segment::Choice { branches, otherwise, .. } => {
                for (condition, body) in branches {
                    names::collect(condition, bound, found);
                    collect(body, bound, found);
                }
                collect(otherwise, bound, found);
            }
            Segment::Loop(each) => {
                names::collect(&each.list, bound, found);
                let outside = bound.len();
                bound.extend(each.targets.iter().map(String::as_str));
                if let Some(condition) = &each.condition {
                    names::collect(condition, bound, found);
                }
                bound.push("loop");
                collect(&each.body, bound, found);
                bound.truncate(outside);
                collect(&each.otherwise, bound, found);
            }
            Segment::Set { name, value, .. } => {
                names::collect(value, bound, found);
                bound.push(name);
            }
        }
    }
}

/// A block that is not closed yet, with what stood before it.
struct Open {
    block: Block,
    start: usize,
    before: Vec<Segment>,
}

enum Block {
    /// `condition` is that of the branch being read; none in the `else`.
    Choice { branches: Vec<(Node, Vec<Segment>)>, condition: Option<Node> },
    /// `body` is what stood before the `else`.
    Loop { targets: Vec<String>, list: Node, condition: Option<Node>, body: Option<Vec<Segment>> },
}

impl Block {
    fn name(&self) -> &'static str {
        match self {
            Self::Choice { .. } => "if",
            Self::Loop { .. } => "for",
        }
    }
}

const TAGS: [&str; 9] = ["if", "elif", "else", "endif", "for", "endfor", "set", "raw", "endraw"];

struct Reader<'s> {
    source: &'s str,
    position: usize,
    /// Whether the tag before takes the blanks after it away.
    trims: bool,
    body: Vec<Segment>,
    open: Vec<Open>,
    settable: Vec<String>,
    tags: usize,
    parts: Parts,
}

impl<'s> Reader<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.position..).unwrap_or_default()
    }

    fn read(&mut self) -> Result<(), SyntaxError> {
        while let Some((start, opening)) = self.next_opening() {
            let trims = self.source.get(start + 2..).is_some_and(|rest| rest.starts_with('-'));
            self.text(start, trims);
            self.tags += 1;
            self.position = start + 2 + usize::from(trims);
            match opening {
                '#' => self.comment(start)?,
                '{' => {
                    let tokens = self.tokens(start, End::Output)?;
                    let mut parser = Parser::new(self.source, &tokens.list, tokens.end, &mut self.parts);
                    let node = parser.expression()?;
                    parser.finish()?;
                    self.body.push(Segment::Output { node, span: Span { start, end: tokens.after } });
                }
                _ => self.tag(start)?,
            }
        }
        self.text(self.source.len(), false);
        match self.open.last() {
            Some(open) => {
                Err(SyntaxError::new(open.start, format!("this `{{% {0} %}}` is never closed by `{{% end{0} %}}`", open.block.name())))
            }
            None => Ok(()),
        }
    }

    /// Where the next tag begins, and of which sort it is.
    fn next_opening(&self) -> Option<(usize, char)> {
        self.rest().match_indices('{').find_map(|(at, _)| {
            let sort = self.rest().get(at + 1..)?.chars().next()?;
            "{%#".contains(sort).then_some((self.position + at, sort))
        })
    }

    /// Keeps the text up to `end`, less the blanks that tags take away.
    fn text(&mut self, end: usize, trim_end: bool) {
        let mut span = Span { start: self.position, end };
        if self.trims {
            let text = span.of(self.source);
            span.start += text.len() - text.trim_start().len();
        }
        if trim_end {
            span.end = span.start + span.of(self.source).trim_end().len();
        }
        self.trims = false;
        if span.end > span.start {
            self.body.push(Segment::Text(span));
        }
    }

    fn comment(&mut self, start: usize) -> Result<(), SyntaxError> {
        let Some(length) = self.rest().find("#}") else {
            return Err(SyntaxError::new(start, "this comment is never closed by `#}`; `{% raw %}` takes text as it is"));
        };
        self.trims = self.rest().get(..length).is_some_and(|comment| comment.ends_with('-'));
        self.position += length + 2;
        Ok(())
    }

    fn tokens(&mut self, start: usize, end: End) -> Result<Tokens, SyntaxError> {
        let tokens = tokenize(self.source, start, self.position, end)?;
        self.position = tokens.after;
        self.trims = tokens.trims;
        Ok(tokens)
    }

    fn tag(&mut self, start: usize) -> Result<(), SyntaxError> {
        let tokens = self.tokens(start, End::Tag)?;
        self.parts.count(start)?;
        let mut parts = std::mem::take(&mut self.parts);
        let mut parser = Parser::new(self.source, &tokens.list, tokens.end, &mut parts);
        let (name, offset) = parser.word("the name of a tag")?;
        match name {
            "if" => {
                let condition = parser.expression()?;
                parser.finish()?;
                self.begin(start, Block::Choice { branches: Vec::new(), condition: Some(condition) })?;
            }
            "elif" => {
                let condition = parser.expression()?;
                parser.finish()?;
                self.branch(start, Some(condition))?;
            }
            "else" => {
                parser.finish()?;
                self.branch(start, None)?;
            }
            "for" => {
                let block = for_block(&mut parser)?;
                parser.finish()?;
                self.begin(start, block)?;
            }
            "endif" | "endfor" => {
                parser.finish()?;
                self.close(name, start)?;
            }
            "set" => {
                let name = parser.binding()?;
                if parser.at_symbol(".") {
                    return Err(SyntaxError::new(parser.offset(), "`set` binds a name; a field of a value cannot be set"));
                }
                if !parser.take_symbol("=") {
                    return Err(parser.unexpected("`=`"));
                }
                let value = parser.expression()?;
                parser.finish()?;
                self.settable.push(name.clone());
                self.body.push(Segment::Set { name, value, span: Span { start, end: tokens.after } });
            }
            "raw" => {
                parser.finish()?;
                self.raw(start)?;
            }
            _ => {
                return Err(SyntaxError::new(offset, format!("there is no tag `{name}`")).suggesting(nearest(name, TAGS)));
            }
        }
        self.parts = parts;
        Ok(())
    }

    fn begin(&mut self, start: usize, block: Block) -> Result<(), SyntaxError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(SyntaxError::new(start, format!("blocks are nested deeper than {MAX_DEPTH}")));
        }
        self.open.push(Open { block, start, before: std::mem::take(&mut self.body) });
        Ok(())
    }

    /// `elif` with its condition, or `else`.
    fn branch(&mut self, start: usize, next: Option<Node>) -> Result<(), SyntaxError> {
        let finished = std::mem::take(&mut self.body);
        let tag = if next.is_some() { "elif" } else { "else" };
        match self.open.last_mut().map(|open| &mut open.block) {
            Some(Block::Choice { branches, condition }) => match condition.take() {
                Some(now) => {
                    branches.push((now, finished));
                    *condition = next;
                    Ok(())
                }
                None => Err(SyntaxError::new(start, format!("`{tag}` follows the `else` of the same `if`"))),
            },
            Some(Block::Loop { body: body @ None, .. }) if next.is_none() => {
                *body = Some(finished);
                Ok(())
            }
            Some(block) => Err(SyntaxError::new(start, format!("`{tag}` cannot stand here in a `{}`", block.name()))),
            None => Err(SyntaxError::new(start, format!("`{tag}` stands outside of any `if` or `for`"))),
        }
    }

    fn close(&mut self, name: &str, start: usize) -> Result<(), SyntaxError> {
        let Some(Open { block, start: opened, before }) = self.open.pop() else {
            return Err(SyntaxError::new(start, format!("`{name}` closes nothing")));
        };
        if name.strip_prefix("end") != Some(block.name()) {
            return Err(
                SyntaxError::new(start, format!("`{name}` closes a `{}`", block.name())).suggesting(Some(format!("end{}", block.name())))
            );
        }
        let last = std::mem::replace(&mut self.body, before);
        let span = Span { start: opened, end: self.position };
        self.body.push(match block {
            Block::Choice { mut branches, condition } => {
                let otherwise = match condition {
                    Some(condition) => {
                        branches.push((condition, last));
                        Vec::new()
                    }
                    None => last,
                };
                Segment::Choice { branches, otherwise, span }
            }
            Block::Loop { targets, list, condition, body } => {
                let (body, otherwise) = match body {
                    Some(body) => (body, last),
                    None => (last, Vec::new()),
                };
                Segment::Loop(Box::new(Loop { targets, list, condition, body, otherwise, span }))
            }
        });
        Ok(())
    }

    /// Text up to `{% endraw %}`, whatever is in it.
    fn raw(&mut self, start: usize) -> Result<(), SyntaxError> {
        let rest = self.rest();
        for (at, _) in rest.match_indices("{%") {
            let Some(inside) = rest.get(at + 2..) else { break };
            let (trims_before, inside) = inside.strip_prefix('-').map_or((false, inside), |inside| (true, inside));
            let Some(after) = inside.trim_start().strip_prefix("endraw") else { continue };
            let (trims_after, after) = match after.trim_start().strip_prefix('-') {
                Some(after) => (true, after),
                None => (false, after.trim_start()),
            };
            let Some(after) = after.strip_prefix("%}") else { continue };
            self.text(self.position + at, trims_before);
            self.trims = trims_after;
            self.position = self.source.len() - after.len();
            return Ok(());
        }
        Err(SyntaxError::new(start, "this `{% raw %}` is never closed by `{% endraw %}`"))
    }
}

fn for_block(parser: &mut Parser<'_, '_>) -> Result<Block, SyntaxError> {
    let mut targets = vec![parser.binding()?];
    while parser.take_symbol(",") {
        targets.push(parser.binding()?);
    }
    if !parser.take_word("in") {
        return Err(parser.unexpected("`in`"));
    }
    let list = parser.without_choice()?;
    let condition = if parser.take_word("if") { Some(parser.without_choice()?) } else { None };
    if parser.at_word("recursive") {
        return Err(SyntaxError::new(parser.offset(), "loops cannot be recursive"));
    }
    Ok(Block::Loop { targets, list, condition, body: None })
}

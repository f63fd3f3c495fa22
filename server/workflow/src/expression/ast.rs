//! The tree of a parsed expression.
//!
//! Operators of one level that follow each other are one node with many operands (`a ~ b ~ c`), and
//! everything written after an operand (`.field`, `[index]`, `| filter`, `is test`) is one node with many
//! links. So the depth of the tree is the depth of what the author nested, and the bound on it
//! ([`MAX_DEPTH`](super::limits::MAX_DEPTH)) bounds every walk over the tree, dropping it included.

use serde_json::Value;

use super::{filters::Signature, predicates::Predicate};

/// From and to, in bytes of the source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// The text between; empty when the span is not of this text.
    pub(super) fn of<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.start..self.end).unwrap_or_default()
    }
}

/// A part of an expression. Made by the parser only, which counts them and their depth.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) span: Span,
    /// 1 for a leaf.
    pub(super) depth: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Literal(Box<Value>),
    Name(String),
    List(Vec<Node>),
    Object(Vec<(Node, Node)>),
    Call(Function),
    Postfix {
        base: Box<Node>,
        links: Vec<Link>,
    },
    Negate(Box<Node>),
    /// A sign without effect, which still wants a number.
    Affirm(Box<Node>),
    Not(Box<Node>),
    Arithmetic {
        first: Box<Node>,
        rest: Vec<(Arithmetic, Node)>,
    },
    Concatenation(Vec<Node>),
    Comparison {
        first: Box<Node>,
        rest: Vec<(Comparison, Node)>,
    },
    All(Vec<Node>),
    Any(Vec<Node>),
    Choice {
        condition: Box<Node>,
        yes: Box<Node>,
        no: Box<Node>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Now,
    Uuid,
}

/// Something that follows an operand.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) kind: LinkKind,
    pub(super) span: Span,
}

#[derive(Debug, Clone)]
pub(super) enum LinkKind {
    Field(String),
    Index(Box<Node>),
    Slice(Box<Slice>),
    Filter { signature: &'static Signature, arguments: Vec<Argument> },
    Test { predicate: &'static Predicate, negated: bool, argument: Option<Box<Node>> },
}

/// `[from:to:step]`.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) from: Option<Node>,
    pub(super) to: Option<Node>,
    pub(super) step: Option<Node>,
}

/// An argument of a filter.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    /// `None` for one that is given by position.
    pub(super) name: Option<String>,
    pub(super) value: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Matches,
    MatchesNot,
}

impl Node {
    /// The parts directly below this one.
    pub(super) fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Literal(_) | Kind::Name(_) | Kind::Call(_) => Vec::new(),
            Kind::List(items) | Kind::Concatenation(items) | Kind::All(items) | Kind::Any(items) => items.iter().collect(),
            Kind::Object(fields) => fields.iter().flat_map(|(key, value)| [key, value]).collect(),
            Kind::Postfix { base, links } => std::iter::once(&**base).chain(links.iter().flat_map(Link::children)).collect(),
            Kind::Negate(inner) | Kind::Affirm(inner) | Kind::Not(inner) => vec![inner],
            Kind::Arithmetic { first, rest } => std::iter::once(&**first).chain(rest.iter().map(|(_, node)| node)).collect(),
            Kind::Comparison { first, rest } => std::iter::once(&**first).chain(rest.iter().map(|(_, node)| node)).collect(),
            Kind::Choice { condition, yes, no } => vec![condition, yes, no],
        }
    }

    /// The text of a literal.
    pub(super) fn literal_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Literal(value) => value.as_str(),
            _ => None,
        }
    }
}

impl Link {
    /// The parts inside the link.
    pub(super) fn children(&self) -> Vec<&Node> {
        match &self.kind {
            LinkKind::Field(_) => Vec::new(),
            LinkKind::Index(node) => vec![node],
            LinkKind::Slice(slice) => [&slice.from, &slice.to, &slice.step].into_iter().flatten().collect(),
            LinkKind::Filter { arguments, .. } => arguments.iter().map(|argument| &argument.value).collect(),
            LinkKind::Test { argument, .. } => argument.iter().map(|argument| &**argument).collect(),
        }
    }

    /// The field that the link names: `.field` and `['field']` alike.
    pub(super) fn field(&self) -> Option<&str> {
        match &self.kind {
            LinkKind::Field(name) => Some(name),
            LinkKind::Index(node) => node.literal_text(),
            _ => None,
        }
    }
}

//! Reads tokens into a tree: a Pratt parser with the precedence of Jinja.
//!
//! From loose to tight: `a if b else c`, `or`, `and`, `not`, comparisons (with `in`, `=~`, `!~`; chained
//! as `a < b < c`), `+ -`, `~`, `* / // %`, `**` (from the left), signs, filters and tests, fields and
//! indexes. As in Jinja a filter or test takes in the sign before it but no other operator:
//! `-3 | abs` is 3, `a + b | round` rounds `b`.
//!
//! A new operator is a row in [`Parser::operator`] and a variant in [`ast`](super::ast). Recursion is
//! counted ([`MAX_DEPTH`]), so no input exhausts the stack. What recurs is kept in small functions, and
//! what is rare in functions of its own: without optimisation a function's stack is the sum of its branches.

use serde_json::{Number, Value};

use super::{
    ast::{Arithmetic, Comparison, Function, Kind, Node, Span},
    error::{SyntaxError, nearest},
    filters,
    lexer::{Token, TokenKind},
    limits::{self, MAX_DEPTH, MAX_NODES, MAX_PATTERNS},
};

/// Words that are operators or values, and therefore no names.
pub(super) const RESERVED: [&str; 13] = ["and", "or", "not", "in", "is", "if", "else", "true", "True", "false", "False", "none", "None"];

/// How tightly an operator binds; `not` stands between `and` and the comparisons.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Any,
    All,
    Not,
    Comparison,
    Sum,
    Concatenation,
    Product,
    Power,
    Operand,
}

impl Level {
    fn tighter(self) -> Self {
        match self {
            Self::Any => Self::All,
            Self::All => Self::Not,
            Self::Not => Self::Comparison,
            Self::Comparison => Self::Sum,
            Self::Sum => Self::Concatenation,
            Self::Concatenation => Self::Product,
            Self::Product => Self::Power,
            Self::Power | Self::Operand => Self::Operand,
        }
    }
}

#[derive(Clone, Copy)]
enum Operator {
    Any,
    All,
    Concatenation,
    Arithmetic(Arithmetic),
    Comparison(Comparison),
}

/// How many parts have been made; a template counts over all of its expressions.
#[derive(Debug, Default)]
pub(super) struct Parts {
    nodes: usize,
    patterns: usize,
    /// Whether the regular expressions were compiled when the same text was read before.
    patterns_are_sound: bool,
}

impl Parts {
    /// For text whose regular expressions need not be compiled again.
    pub(super) fn sound() -> Self {
        Self { patterns_are_sound: true, ..Self::default() }
    }

    /// Counts one more part.
    pub(super) fn count(&mut self, offset: usize) -> Result<(), SyntaxError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(SyntaxError::new(offset, format!("this has more than {MAX_NODES} parts; divide it into several steps")));
        }
        Ok(())
    }
}

/// Reads the tokens of one expression or tag.
pub(super) struct Parser<'s, 'p> {
    pub(super) source: &'s str,
    tokens: &'s [Token],
    pub(super) position: usize,
    /// Where the tokens end: the place of errors about something missing.
    end: usize,
    level: usize,
    parts: &'p mut Parts,
}

impl<'s, 'p> Parser<'s, 'p> {
    pub(super) fn new(source: &'s str, tokens: &'s [Token], end: usize, parts: &'p mut Parts) -> Self {
        Self { source, tokens, position: 0, end, level: 0, parts }
    }

    // ---- tokens

    pub(super) fn peek(&self) -> Option<&'s Token> {
        self.tokens.get(self.position)
    }

    pub(super) fn symbol_at(&self, ahead: usize) -> Option<&'s str> {
        self.tokens.get(self.position + ahead).filter(|token| token.kind == TokenKind::Symbol).map(|token| token.span.of(self.source))
    }

    pub(super) fn word_at(&self, ahead: usize) -> Option<&'s str> {
        self.tokens.get(self.position + ahead).filter(|token| token.kind == TokenKind::Name).map(|token| token.span.of(self.source))
    }

    pub(super) fn at_symbol(&self, symbol: &str) -> bool {
        self.symbol_at(0) == Some(symbol)
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        self.word_at(0) == Some(word)
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.at_symbol(symbol);
        self.position += usize::from(found);
        found
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        self.position += usize::from(found);
        found
    }

    /// Any word, reserved or not, with its place.
    pub(super) fn word(&mut self, wanted: &str) -> Result<(&'s str, usize), SyntaxError> {
        match self.peek() {
            Some(Token { kind: TokenKind::Name, span }) => {
                self.position += 1;
                Ok((span.of(self.source), span.start))
            }
            _ => Err(self.unexpected(wanted)),
        }
    }

    /// A word that may be bound by `for` or `set`.
    pub(super) fn binding(&mut self) -> Result<String, SyntaxError> {
        let (name, offset) = self.word("a name")?;
        if RESERVED.contains(&name) || name == "loop" || name == "null" {
            return Err(SyntaxError::new(offset, format!("`{name}` is a word of the language and cannot be a name")));
        }
        Ok(name.to_owned())
    }

    /// The offset of the next token, or of the end.
    pub(super) fn offset(&self) -> usize {
        self.peek().map_or(self.end, |token| token.span.start)
    }

    /// The end of the token before.
    pub(super) fn reached(&self) -> usize {
        self.position.checked_sub(1).and_then(|before| self.tokens.get(before)).map_or(self.end, |token| token.span.end)
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<(), SyntaxError> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    /// Nothing may follow.
    pub(super) fn finish(&self) -> Result<(), SyntaxError> {
        if self.peek().is_none() {
            return Ok(());
        }
        Err(match self.symbol_at(0) {
            Some("=") => SyntaxError::new(self.offset(), "`=` sets a name, it does not compare").suggesting(Some("==".to_owned())),
            Some(".") => SyntaxError::new(self.offset(), "a field of a filter's result needs parentheses: `(value | filter).field`"),
            Some("[") => SyntaxError::new(self.offset(), "an item of a filter's result needs parentheses: `(value | filter)[0]`"),
            _ => self.unexpected("an operator or the end"),
        })
    }

    pub(super) fn unexpected(&self, wanted: &str) -> SyntaxError {
        match self.peek() {
            Some(token) => {
                let found = token.span.of(self.source);
                let shown: String = found.chars().take(40).collect();
                SyntaxError::new(token.span.start, format!("`{shown}` stands where {wanted} is expected"))
            }
            None => SyntaxError::new(self.end, format!("the expression ends where {wanted} is expected")),
        }
    }

    // ---- nodes

    pub(super) fn node(&mut self, kind: Kind, start: usize) -> Result<Node, SyntaxError> {
        self.parts.count(start)?;
        let mut node = Node { kind, span: Span { start, end: self.reached() }, depth: 1 };
        node.depth += node.children().iter().map(|child| child.depth).max().unwrap_or(0);
        if node.depth > MAX_DEPTH {
            return Err(too_deep(start));
        }
        Ok(node)
    }

    pub(super) fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, SyntaxError>) -> Result<T, SyntaxError> {
        if self.level >= MAX_DEPTH {
            return Err(too_deep(self.offset()));
        }
        self.level += 1;
        let result = inner(self);
        self.level -= 1;
        result
    }

    /// A whole expression: `a if b else c` and everything tighter.
    pub(super) fn expression(&mut self) -> Result<Node, SyntaxError> {
        let start = self.offset();
        let value = self.operation(Level::Any)?;
        if self.at_word("if") { self.choice(value, start) } else { Ok(value) }
    }

    /// The rest of `a if b else c`.
    fn choice(&mut self, value: Node, start: usize) -> Result<Node, SyntaxError> {
        let offset = self.offset();
        self.position += 1;
        let condition = self.operation(Level::Any)?;
        if !self.take_word("else") {
            return Err(SyntaxError::new(offset, "`a if b` needs an `else`: what is the value otherwise?")
                .suggesting(Some(format!("{} else ''", Span { start, end: self.reached() }.of(self.source)))));
        }
        let no = self.deeper(Self::expression)?;
        self.node(Kind::Choice { condition: Box::new(condition), yes: Box::new(value), no: Box::new(no) }, start)
    }

    /// An expression without a bare `a if b else c`: what `for … in` takes, whose `if` is its own.
    pub(super) fn without_choice(&mut self) -> Result<Node, SyntaxError> {
        self.operation(Level::Any)
    }

    fn operation(&mut self, minimum: Level) -> Result<Node, SyntaxError> {
        self.deeper(|parser| {
            let start = parser.offset();
            let left = if parser.at_word("not") { parser.negation(minimum) } else { parser.operand(true) };
            parser.chains(left?, minimum, start)
        })
    }

    fn negation(&mut self, minimum: Level) -> Result<Node, SyntaxError> {
        let start = self.offset();
        if minimum > Level::Not {
            return Err(SyntaxError::new(start, "`not` needs parentheses here"));
        }
        self.position += 1;
        let operand = self.operation(Level::Not)?;
        self.node(Kind::Not(Box::new(operand)), start)
    }

    fn chains(&mut self, mut left: Node, minimum: Level, start: usize) -> Result<Node, SyntaxError> {
        while let Some((_, level, _)) = self.operator()
            && level >= minimum
        {
            left = self.chain(left, level, start)?;
        }
        Ok(left)
    }

    /// Operators of one level, one after the other.
    fn chain(&mut self, first: Node, level: Level, start: usize) -> Result<Node, SyntaxError> {
        let mut rest = Vec::new();
        while let Some((operator, found, tokens)) = self.operator()
            && found == level
        {
            self.position += tokens;
            let operand = if matches!(operator, Operator::Comparison(Comparison::Matches | Comparison::MatchesNot)) {
                self.pattern_operand(level)?
            } else {
                self.operation(level.tighter())?
            };
            rest.push((operator, operand));
        }
        self.node(chained(first, rest, level), start)
    }

    /// The operator that comes next: what it is, how tightly it binds, how many tokens it has.
    fn operator(&self) -> Option<(Operator, Level, usize)> {
        use Comparison as C;
        let compare = |comparison, tokens| Some((Operator::Comparison(comparison), Level::Comparison, tokens));
        if let Some(word) = self.word_at(0) {
            return match word {
                "or" => Some((Operator::Any, Level::Any, 1)),
                "and" => Some((Operator::All, Level::All, 1)),
                "in" => compare(C::In, 1),
                "not" if self.word_at(1) == Some("in") => compare(C::NotIn, 2),
                _ => None,
            };
        }
        let calculate = |arithmetic, level| Some((Operator::Arithmetic(arithmetic), level, 1));
        match self.symbol_at(0)? {
            "==" => compare(C::Equal, 1),
            "!=" => compare(C::NotEqual, 1),
            "<" => compare(C::Less, 1),
            "<=" => compare(C::LessOrEqual, 1),
            ">" => compare(C::Greater, 1),
            ">=" => compare(C::GreaterOrEqual, 1),
            "=~" => compare(C::Matches, 1),
            "!~" => compare(C::MatchesNot, 1),
            "~" => Some((Operator::Concatenation, Level::Concatenation, 1)),
            "+" => calculate(Arithmetic::Add, Level::Sum),
            "-" => calculate(Arithmetic::Subtract, Level::Sum),
            "*" => calculate(Arithmetic::Multiply, Level::Product),
            "/" => calculate(Arithmetic::Divide, Level::Product),
            "//" => calculate(Arithmetic::FloorDivide, Level::Product),
            "%" => calculate(Arithmetic::Remainder, Level::Product),
            "**" => calculate(Arithmetic::Power, Level::Power),
            _ => None,
        }
    }

    /// What stands right of `=~`: a pattern between slashes, or text.
    fn pattern_operand(&mut self, level: Level) -> Result<Node, SyntaxError> {
        if matches!(self.peek(), Some(Token { kind: TokenKind::Pattern(_), .. })) {
            return self.pattern();
        }
        let operand = self.operation(level.tighter())?;
        self.check_pattern(&operand)?;
        Ok(operand)
    }

    pub(super) fn pattern(&mut self) -> Result<Node, SyntaxError> {
        let start = self.offset();
        let Some(Token { kind: TokenKind::Pattern(pattern), .. }) = self.peek() else {
            return Err(self.unexpected("a regular expression"));
        };
        self.position += 1;
        let node = self.node(Kind::Literal(Box::new(Value::String(pattern.clone()))), start)?;
        self.check_pattern(&node)?;
        Ok(node)
    }

    /// A pattern that is written out is compiled now, so that a slip in it is found before anything runs.
    pub(super) fn check_pattern(&mut self, node: &Node) -> Result<(), SyntaxError> {
        let Some(pattern) = node.literal_text() else { return Ok(()) };
        self.parts.patterns += 1;
        if self.parts.patterns > MAX_PATTERNS {
            return Err(SyntaxError::new(node.span.start, format!("there are more than {MAX_PATTERNS} regular expressions")));
        }
        if self.parts.patterns_are_sound {
            return Ok(());
        }
        limits::compile(pattern).map(|_| ()).map_err(|message| SyntaxError::new(node.span.start, message))
    }

    /// A sign or a primary with everything that follows it.
    pub(super) fn operand(&mut self, with_filters: bool) -> Result<Node, SyntaxError> {
        let start = self.offset();
        let base = if self.at_symbol("-") || self.at_symbol("+") { self.signed() } else { self.primary() };
        self.followed(base?, with_filters, start)
    }

    fn signed(&mut self) -> Result<Node, SyntaxError> {
        let start = self.offset();
        let kind = if self.at_symbol("-") { Kind::Negate } else { Kind::Affirm };
        self.position += 1;
        let operand = self.deeper(|parser| parser.operand(false))?;
        self.node(kind(Box::new(operand)), start)
    }

    fn followed(&mut self, base: Node, with_filters: bool, start: usize) -> Result<Node, SyntaxError> {
        let mut links = Vec::new();
        while let Some(link) = self.access()? {
            self.parts.count(link.span.start)?;
            links.push(link);
        }
        while with_filters && let Some(link) = self.filter_or_test()? {
            self.parts.count(link.span.start)?;
            links.push(link);
        }
        if links.is_empty() { Ok(base) } else { self.node(Kind::Postfix { base: Box::new(base), links }, start) }
    }

    fn primary(&mut self) -> Result<Node, SyntaxError> {
        match self.symbol_at(0) {
            Some("(") => self.parenthesis(),
            Some("[") => self.list(),
            Some("{") => self.object(),
            _ => self.literal_or_name(),
        }
    }

    fn literal_or_name(&mut self) -> Result<Node, SyntaxError> {
        let Some(token) = self.peek() else { return Err(self.unexpected("a value")) };
        let start = token.span.start;
        let literal = match &token.kind {
            TokenKind::Integer(number) => Value::from(*number),
            TokenKind::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
            TokenKind::Text(text) => Value::String(text.clone()),
            TokenKind::Pattern(_) => {
                return Err(SyntaxError::new(
                    start,
                    "a regular expression can only stand after `=~` and `!~`, and in `match`, `notMatch` and `regexReplace`",
                ));
            }
            TokenKind::Name => {
                let name = token.span.of(self.source);
                match name {
                    "true" | "True" => Value::Bool(true),
                    "false" | "False" => Value::Bool(false),
                    "null" | "none" | "None" => Value::Null,
                    _ if RESERVED.contains(&name) => return Err(self.unexpected("a value")),
                    _ => return self.name_or_call(name),
                }
            }
            TokenKind::Symbol => return Err(self.unexpected("a value")),
        };
        self.position += 1;
        self.node(Kind::Literal(Box::new(literal)), start)
    }

    fn name_or_call(&mut self, name: &str) -> Result<Node, SyntaxError> {
        let start = self.offset();
        self.position += 1;
        if !self.take_symbol("(") {
            return self.node(Kind::Name(name.to_owned()), start);
        }
        let function = match name {
            "now" => Function::Now,
            "uuid" => Function::Uuid,
            _ if filters::signature(name).is_some() => {
                return Err(SyntaxError::new(start, format!("`{name}` is a filter: write `value | {name}`")));
            }
            _ => {
                return Err(SyntaxError::new(start, format!("there is no function `{name}`; there are now() and uuid()"))
                    .suggesting(nearest(name, ["now", "uuid"])));
            }
        };
        if !self.take_symbol(")") {
            return Err(SyntaxError::new(self.offset(), format!("`{name}()` takes nothing")));
        }
        self.node(Kind::Call(function), start)
    }

    /// `(a)`, or a list written as a tuple: `()`, `(a,)`, `(a, b)`.
    fn parenthesis(&mut self) -> Result<Node, SyntaxError> {
        let start = self.offset();
        self.position += 1;
        if self.take_symbol(")") {
            return self.node(Kind::List(Vec::new()), start);
        }
        let first = self.expression();
        self.closed(first?, start)
    }

    /// The rest of what began with `(` and a first part.
    fn closed(&mut self, mut first: Node, start: usize) -> Result<Node, SyntaxError> {
        if self.take_symbol(")") {
            // The span takes the parentheses in, so that messages show them.
            first.span = Span { start, end: self.reached() };
            return Ok(first);
        }
        self.expect_symbol(",")?;
        let mut items = vec![first];
        items.extend(self.items(")")?);
        self.node(Kind::List(items), start)
    }

    fn list(&mut self) -> Result<Node, SyntaxError> {
        let start = self.offset();
        self.position += 1;
        let items = self.items("]")?;
        self.node(Kind::List(items), start)
    }

    fn items(&mut self, closing: &str) -> Result<Vec<Node>, SyntaxError> {
        let mut items = Vec::new();
        loop {
            if self.take_symbol(closing) {
                return Ok(items);
            }
            items.push(self.expression()?);
            if !self.take_symbol(",") {
                self.expect_symbol(closing)?;
                return Ok(items);
            }
        }
    }

    /// `'name': value` in an object.
    fn field(&mut self) -> Result<(Node, Node), SyntaxError> {
        let key = self.expression()?;
        if let Kind::Name(name) = &key.kind {
            return Err(SyntaxError::new(key.span.start, "the name of a field stands in quotes").suggesting(Some(format!("'{name}'"))));
        }
        self.expect_symbol(":")?;
        Ok((key, self.expression()?))
    }

    fn object(&mut self) -> Result<Node, SyntaxError> {
        let start = self.offset();
        self.position += 1;
        let mut fields = Vec::new();
        loop {
            if self.take_symbol("}") {
                return self.node(Kind::Object(fields), start);
            }
            fields.push(self.field()?);
            if !self.take_symbol(",") {
                self.expect_symbol("}")?;
                return self.node(Kind::Object(fields), start);
            }
        }
    }
}

/// Operands of one level as a node.
fn chained(first: Node, rest: Vec<(Operator, Node)>, level: Level) -> Kind {
    match level {
        Level::Any => Kind::Any(operands(first, rest)),
        Level::All => Kind::All(operands(first, rest)),
        Level::Concatenation => Kind::Concatenation(operands(first, rest)),
        Level::Comparison => Kind::Comparison {
            first: Box::new(first),
            rest: rest
                .into_iter()
                .filter_map(|(operator, node)| match operator {
                    Operator::Comparison(comparison) => Some((comparison, node)),
                    _ => None,
                })
                .collect(),
        },
        _ => Kind::Arithmetic {
            first: Box::new(first),
            rest: rest
                .into_iter()
                .filter_map(|(operator, node)| match operator {
                    Operator::Arithmetic(arithmetic) => Some((arithmetic, node)),
                    _ => None,
                })
                .collect(),
        },
    }
}

fn operands(first: Node, rest: Vec<(Operator, Node)>) -> Vec<Node> {
    std::iter::once(first).chain(rest.into_iter().map(|(_, node)| node)).collect()
}

fn too_deep(offset: usize) -> SyntaxError {
    SyntaxError::new(offset, format!("this is nested deeper than {MAX_DEPTH}"))
}

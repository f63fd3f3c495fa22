//! What follows an operand: fields, indexes, slices, filters and tests. The other half of the
//! [`Parser`].

use serde_json::Value;

use super::{
    ast::{Argument, Kind, Link, LinkKind, Node, Slice, Span},
    error::{SyntaxError, nearest},
    filters,
    lexer::{Token, TokenKind},
    parser::Parser,
    predicates,
};

/// Where a test's argument may not begin, because the word goes on with the expression around it.
const NOT_AN_ARGUMENT: [&str; 7] = ["and", "or", "not", "in", "is", "if", "else"];

impl Parser<'_, '_> {
    /// `.field`, `[index]` or `[from:to:step]`.
    pub(super) fn access(&mut self) -> Result<Option<Link>, SyntaxError> {
        let start = self.offset();
        let kind = if self.take_symbol(".") {
            self.field_name()?
        } else if self.take_symbol("[") {
            self.index()?
        } else if self.at_symbol("(") {
            return Err(SyntaxError::new(start, "only now() and uuid() can be called"));
        } else {
            return Ok(None);
        };
        Ok(Some(Link { kind, span: Span { start, end: self.reached() } }))
    }

    /// What stands after a dot.
    fn field_name(&mut self) -> Result<LinkKind, SyntaxError> {
        match self.peek().map(|token| (&token.kind, token.span)) {
            Some((TokenKind::Name, span)) => {
                let field = span.of(self.source);
                self.position += 1;
                if self.at_symbol("(") {
                    let advice = if filters::signature(field).is_some() { format!(": write `| {field}`") } else { String::new() };
                    return Err(SyntaxError::new(span.start, format!("`{field}` is a field, never a method{advice}")));
                }
                Ok(LinkKind::Field(field.to_owned()))
            }
            Some((TokenKind::Integer(index), span)) => {
                self.position += 1;
                Ok(LinkKind::Index(Box::new(self.node(Kind::Literal(Box::new(Value::from(*index))), span.start)?)))
            }
            _ => Err(self.unexpected("the name of a field")),
        }
    }

    fn index(&mut self) -> Result<LinkKind, SyntaxError> {
        let from = if self.at_symbol(":") { None } else { Some(self.expression()?) };
        if let Some(index) = from {
            if self.take_symbol("]") {
                return Ok(LinkKind::Index(Box::new(index)));
            }
            self.expect_symbol(":")?;
            return self.slice(Some(index));
        }
        self.position += 1;
        self.slice(None)
    }

    fn slice(&mut self, from: Option<Node>) -> Result<LinkKind, SyntaxError> {
        let to = if self.at_symbol(":") || self.at_symbol("]") { None } else { Some(self.expression()?) };
        let step = if self.take_symbol(":") && !self.at_symbol("]") { Some(self.expression()?) } else { None };
        self.expect_symbol("]")?;
        Ok(LinkKind::Slice(Box::new(Slice { from, to, step })))
    }

    /// `| filter(…)` or `is test`.
    pub(super) fn filter_or_test(&mut self) -> Result<Option<Link>, SyntaxError> {
        let start = self.offset();
        let kind = if self.take_symbol("|") {
            self.filter()?
        } else if self.take_word("is") {
            self.test()?
        } else {
            return Ok(None);
        };
        Ok(Some(Link { kind, span: Span { start, end: self.reached() } }))
    }

    fn filter(&mut self) -> Result<LinkKind, SyntaxError> {
        if self.at_symbol("|") {
            return Err(SyntaxError::new(self.offset(), "`||` means nothing here").suggesting(Some("or".to_owned())));
        }
        let (name, offset) = self.word("the name of a filter")?;
        let Some(signature) = filters::signature(name) else { return Err(no_filter(name, offset)) };
        let arguments = if self.take_symbol("(") { self.arguments(signature)? } else { Vec::new() };
        self.checked(signature, arguments, offset)
    }

    fn checked(
        &mut self,
        signature: &'static filters::Signature,
        arguments: Vec<Argument>,
        offset: usize,
    ) -> Result<LinkKind, SyntaxError> {
        signature.check(&arguments, offset)?;
        for argument in &arguments {
            if signature.takes_pattern(argument, &arguments) {
                self.check_pattern(&argument.value)?;
            }
        }
        Ok(LinkKind::Filter { signature, arguments })
    }

    fn arguments(&mut self, signature: &filters::Signature) -> Result<Vec<Argument>, SyntaxError> {
        let mut arguments: Vec<Argument> = Vec::new();
        loop {
            if self.take_symbol(")") {
                return Ok(arguments);
            }
            let offset = self.offset();
            let name = if self.symbol_at(1) == Some("=") { self.word_at(0) } else { None };
            if name.is_some() {
                self.position += 2;
            } else if arguments.iter().any(|argument| argument.name.is_some()) {
                return Err(SyntaxError::new(offset, "an argument without a name cannot follow one with a name"));
            }
            let value = if matches!(self.peek(), Some(Token { kind: TokenKind::Pattern(_), .. })) && signature.has_pattern() {
                self.pattern()?
            } else {
                self.expression()?
            };
            arguments.push(Argument { name: name.map(str::to_owned), value });
            if !self.take_symbol(",") {
                self.expect_symbol(")")?;
                return Ok(arguments);
            }
        }
    }

    fn test(&mut self) -> Result<LinkKind, SyntaxError> {
        let negated = self.take_word("not");
        let (name, offset) = self.word("the name of a test")?;
        let Some(predicate) = predicates::named(name) else { return Err(no_test(name, offset)) };
        let argument = if predicate.takes_argument() {
            Some(Box::new(self.compared(predicate)?))
        } else if self.take_symbol("(") && !self.take_symbol(")") {
            return Err(SyntaxError::new(self.offset(), format!("`is {name}` takes nothing")));
        } else {
            None
        };
        Ok(LinkKind::Test { predicate, negated, argument })
    }

    /// What a test compares with.
    fn compared(&mut self, predicate: &predicates::Predicate) -> Result<Node, SyntaxError> {
        if self.take_symbol("(") {
            let is_pattern = matches!(self.peek(), Some(Token { kind: TokenKind::Pattern(_), .. })) && predicate.takes_pattern();
            let argument = if is_pattern { self.pattern() } else { self.expression() }?;
            self.expect_symbol(")")?;
            return Ok(argument);
        }
        if self.word_at(0).is_some_and(|word| NOT_AN_ARGUMENT.contains(&word)) || self.peek().is_none() {
            return Err(self.unexpected(&format!("what `{}` compares with", predicate.name)));
        }
        self.deeper(|parser| parser.operand(false))
    }
}

fn no_filter(name: &str, offset: usize) -> SyntaxError {
    SyntaxError::new(offset, format!("there is no filter `{name}`")).suggesting(nearest(name, filters::names()))
}

fn no_test(name: &str, offset: usize) -> SyntaxError {
    SyntaxError::new(offset, format!("there is no test `{name}`")).suggesting(nearest(name, predicates::names()))
}

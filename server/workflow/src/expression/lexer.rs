//! Splits the text of an expression into tokens.
//!
//! Bounded: one pass, one token per character at most, nothing recursive. The lexer knows where an
//! expression ends (at the end of the text, at `}}`, or at `%}` outside of brackets and texts), and whether
//! a `/` divides or begins a regular expression; everything else is the parser's.

use super::{ast::Span, error::SyntaxError};

/// What an expression is closed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The end of the source text.
    Source,
    /// `}}` or `-}}`.
    Output,
    /// `%}` or `-%}`.
    Tag,
}

impl End {
    fn text(self) -> &'static str {
        match self {
            Self::Source => "",
            Self::Output => "}}",
            Self::Tag => "%}",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Name,
    Integer(i64),
    Float(f64),
    Text(String),
    /// A regular expression between slashes, its flags already inside.
    Pattern(String),
    /// An operator or bracket; the text is the symbol.
    Symbol,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

/// The tokens of one expression.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) list: Vec<Token>,
    /// Where the tokens end: before the closing delimiter.
    pub(super) end: usize,
    /// Where the text goes on: after the closing delimiter.
    pub(super) after: usize,
    /// Whether the closing delimiter takes the blanks that follow it away.
    pub(super) trims: bool,
}

/// Longest first, so that `//` is not read as two divisions.
const SYMBOLS: [&str; 29] = [
    "**", "//", "==", "!=", "<=", ">=", "=~", "!~", "(", ")", "[", "]", "{", "}", ".", ",", ":", "|", "~", "+", "-", "*", "/", "%", "<",
    ">", "=", ";", "!",
];

/// Splits `source` from byte `start` on. `opened` is where the delimiter stands that `end` closes.
pub(super) fn tokenize(source: &str, opened: usize, start: usize, end: End) -> Result<Tokens, SyntaxError> {
    let mut lexer = Lexer { source, position: start, tokens: Vec::new(), open: Vec::new() };
    loop {
        lexer.skip_blanks();
        let rest = lexer.rest();
        if lexer.open.is_empty() && end != End::Source {
            let closing = end.text();
            let trims = rest.starts_with('-') && rest.get(1..).is_some_and(|rest| rest.starts_with(closing));
            if trims || rest.starts_with(closing) {
                let after = lexer.position + closing.len() + usize::from(trims);
                return Ok(Tokens { list: lexer.tokens, end: lexer.position, after, trims });
            }
        }
        let Some(next) = rest.chars().next() else {
            return if end == End::Source {
                Ok(Tokens { list: lexer.tokens, end: lexer.position, after: lexer.position, trims: false })
            } else {
                Err(SyntaxError::new(opened, format!("this is never closed by `{}`", end.text())))
            };
        };
        lexer.token(next)?;
    }
}

struct Lexer<'s> {
    source: &'s str,
    position: usize,
    tokens: Vec<Token>,
    /// Brackets that are open, so that the braces of an object do not close the expression.
    open: Vec<char>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.position..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start().len();
    }

    fn push(&mut self, kind: TokenKind, end: usize) {
        self.tokens.push(Token { kind, span: Span { start: self.position, end } });
        self.position = end;
    }

    fn previous_symbol(&self) -> Option<&'s str> {
        self.tokens.last().filter(|token| token.kind == TokenKind::Symbol).map(|token| token.span.of(self.source))
    }

    fn token(&mut self, next: char) -> Result<(), SyntaxError> {
        if next == '_' || next.is_alphabetic() {
            let length = length_while(self.rest(), |c| c == '_' || c.is_alphanumeric());
            self.push(TokenKind::Name, self.position + length);
            return Ok(());
        }
        if next.is_ascii_digit() {
            return self.number();
        }
        if next == '\'' || next == '"' {
            return self.text(next);
        }
        // A slash can only begin a pattern where no operand stands before it.
        if next == '/' && matches!(self.previous_symbol(), Some("=~" | "!~" | "(" | "," | "=")) {
            return self.pattern();
        }
        let Some(symbol) = SYMBOLS.into_iter().find(|symbol| self.rest().starts_with(symbol)) else {
            let suggestion = self.rest().starts_with("&&").then(|| "and".to_owned());
            return Err(
                SyntaxError::new(self.position, format!("`{}` means nothing in an expression", next.escape_debug())).suggesting(suggestion)
            );
        };
        match symbol {
            "(" | "[" | "{" => self.open.push(next),
            ")" | "]" | "}" => {
                let opening = match symbol {
                    ")" => '(',
                    "]" => '[',
                    _ => '{',
                };
                if self.open.pop() != Some(opening) {
                    return Err(SyntaxError::new(self.position, format!("`{symbol}` closes no `{opening}`")));
                }
            }
            ";" => return Err(SyntaxError::new(self.position, "`;` means nothing in an expression")),
            "!" => return Err(SyntaxError::new(self.position, "`!` means nothing in an expression").suggesting(Some("not".to_owned()))),
            _ => {}
        }
        self.push(TokenKind::Symbol, self.position + symbol.len());
        Ok(())
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        let start = self.position;
        let rest = self.rest();
        let digits = |text: &str| length_while(text, |c| c.is_ascii_digit() || c == '_');
        let mut length = digits(rest);
        let mut float = false;
        // `a.0.1` is an item of an item, not a field named by a fraction.
        if self.previous_symbol() != Some(".") {
            if let Some(fraction) = rest.get(length..).and_then(|rest| rest.strip_prefix('.'))
                && fraction.starts_with(|c: char| c.is_ascii_digit())
            {
                length += 1 + digits(fraction);
                float = true;
            }
            if let Some(exponent) = rest.get(length..).and_then(|rest| rest.strip_prefix(['e', 'E'])) {
                let sign = usize::from(exponent.starts_with(['+', '-']));
                let figures = exponent.get(sign..).map_or(0, digits);
                if figures > 0 {
                    length += 1 + sign + figures;
                    float = true;
                }
            }
        }
        let written = rest.get(..length).unwrap_or_default();
        let follows = rest.get(length..).and_then(|rest| rest.chars().next());
        if follows.is_some_and(|c| c == '_' || c.is_alphabetic()) || written.ends_with('_') {
            return Err(SyntaxError::new(start, "a number is followed by letters: names begin with a letter, texts stand in quotes"));
        }
        let plain = written.replace('_', "");
        let kind = if float {
            let number: f64 = plain.parse().map_err(|_| SyntaxError::new(start, format!("`{written}` is not a number")))?;
            if !number.is_finite() {
                return Err(SyntaxError::new(start, format!("`{written}` is larger than any number here")));
            }
            TokenKind::Float(number)
        } else {
            TokenKind::Integer(
                plain.parse().map_err(|_| SyntaxError::new(start, format!("`{written}` is outside of the 64-bit integers")))?,
            )
        };
        self.push(kind, start + length);
        Ok(())
    }

    fn text(&mut self, quote: char) -> Result<(), SyntaxError> {
        let start = self.position;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            if character == quote {
                self.push(TokenKind::Text(text), start + at + quote.len_utf8());
                return Ok(());
            }
            if character != '\\' {
                text.push(character);
                continue;
            }
            let Some((_, escaped)) = characters.next() else { break };
            match escaped {
                '\\' | '\'' | '"' => text.push(escaped),
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'u' | 'x' => {
                    let figures = if escaped == 'u' { 4 } else { 2 };
                    let code: String = characters.by_ref().take(figures).map(|(_, figure)| figure).collect();
                    let named = (code.chars().count() == figures && code.chars().all(|figure| figure.is_ascii_hexdigit()))
                        .then(|| u32::from_str_radix(&code, 16).ok().and_then(char::from_u32))
                        .flatten();
                    let Some(named) = named else {
                        return Err(SyntaxError::new(
                            start + at,
                            format!("`\\{escaped}` wants {figures} hexadecimal figures of a character"),
                        ));
                    };
                    text.push(named);
                }
                // As in Jinja an escape that means nothing stays as it is, so that '\d+' is a pattern.
                other => {
                    text.push('\\');
                    text.push(other);
                }
            }
        }
        Err(SyntaxError::new(start, format!("this text is never closed by `{quote}`")))
    }

    fn pattern(&mut self) -> Result<(), SyntaxError> {
        let start = self.position;
        let mut pattern = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        let mut closed = None;
        while let Some((at, character)) = characters.next() {
            match character {
                '/' => {
                    closed = Some(at + 1);
                    break;
                }
                '\n' => break,
                '\\' => match characters.next() {
                    Some((_, '/')) => pattern.push('/'),
                    Some((_, escaped)) => {
                        pattern.push('\\');
                        pattern.push(escaped);
                    }
                    None => break,
                },
                other => pattern.push(other),
            }
        }
        let Some(closed) = closed else {
            return Err(SyntaxError::new(start, "this regular expression is never closed by `/`"));
        };
        let flags_length = self.rest().get(closed..).map_or(0, |rest| length_while(rest, char::is_alphanumeric));
        let flags = self.rest().get(closed..closed + flags_length).unwrap_or_default();
        if let Some(flag) = flags.chars().find(|flag| !"imsx".contains(*flag)) {
            return Err(SyntaxError::new(start + closed, format!("a regular expression has no flag `{flag}`; there are i, m, s and x")));
        }
        let pattern = if flags.is_empty() { pattern } else { format!("(?{flags}){pattern}") };
        self.push(TokenKind::Pattern(pattern), start + closed + flags_length);
        Ok(())
    }
}

/// How many bytes at the start of a text are of characters that fit.
fn length_while(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c: char| !fits(c)).unwrap_or(text.len())
}

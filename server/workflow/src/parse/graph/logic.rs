//! The condition of a route: `state.x OP literal`, `state.x`, `not`, `and`, `or` and parentheses, made into an expression of the
//! language. Names are names, whatever they contain.

use super::{state::State, types::Type};
use crate::expression::Expression;

/// How deep parentheses and `not` may be nested.
const MAX_DEPTH: usize = 32;
/// The longest condition, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// What is wrong with a condition, and where in its text.
pub(super) struct Trouble {
    pub(super) offset: usize,
    pub(super) length: usize,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A name with its fields, or a word.
    Name(String),
    Operator(&'static str),
    Open,
    Close,
    Text(String),
    Number(String),
}

/// Reads a condition.
pub(super) fn read(text: &str, state: &State) -> Result<Expression, Trouble> {
    if text.len() > MAX_BYTES {
        return Err(trouble(0, 1, "invalid_expression", format!("a condition has at most {MAX_BYTES} bytes")));
    }
    let tokens = tokens(text)?;
    let mut reader = Reader { tokens: &tokens, at: 0, end: text.len(), state };
    let source = reader.either(0)?;
    if let Some((offset, length, _)) = tokens.get(reader.at) {
        return Err(trouble(*offset, *length, "invalid_expression", "the condition should end here, or go on with `and` or `or`"));
    }
    Expression::parse(&source).map_err(|error| trouble(0, text.len(), "invalid_expression", error.message))
}

fn trouble(offset: usize, length: usize, code: &'static str, message: impl Into<String>) -> Trouble {
    Trouble { offset, length: length.max(1), code, message: message.into(), help: None }
}

const OPERATORS: &[&str] = &["==", "!=", "<=", ">=", "<", ">"];

fn tokens(text: &str) -> Result<Vec<(usize, usize, Token)>, Trouble> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(sign) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        let while_of = |fits: fn(char) -> bool| rest.find(|sign| !fits(sign)).unwrap_or(rest.len());
        let (length, token) = if sign.is_whitespace() {
            at += sign.len_utf8();
            continue;
        } else if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            (operator.len(), Token::Operator(operator))
        } else if sign == '(' {
            (1, Token::Open)
        } else if sign == ')' {
            (1, Token::Close)
        } else if sign == '\'' || sign == '"' {
            let (length, text) =
                quoted(rest, sign).ok_or_else(|| trouble(at, 1, "invalid_expression", format!("this text is never closed by `{sign}`")))?;
            (length, Token::Text(text))
        } else if sign.is_ascii_digit() || sign == '-' {
            let length = while_of(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '+' | '_'));
            let number = rest.get(..length).unwrap_or_default();
            let well = number.parse::<i64>().is_ok()
                || (number.ends_with(|sign: char| sign.is_ascii_digit()) && number.parse::<f64>().is_ok_and(f64::is_finite));
            if !well {
                return Err(trouble(at, length, "invalid_expression", format!("`{}` is no number", crate::parse::scalar::short(number))));
            }
            (length, Token::Number(number.to_owned()))
        } else if sign.is_alphabetic() || sign == '_' {
            let length = while_of(|sign| sign.is_alphanumeric() || matches!(sign, '_' | '.'));
            (length, Token::Name(rest.get(..length).unwrap_or_default().to_owned()))
        } else {
            let mut error = trouble(at, sign.len_utf8(), "invalid_expression", format!("`{sign}` means nothing in a condition"));
            error.help = match sign {
                '=' => Some("write `==`".to_owned()),
                '&' => Some("write `and`".to_owned()),
                '|' => Some("write `or`".to_owned()),
                '!' => Some("write `not`".to_owned()),
                '{' | '}' => Some("write the condition without braces".to_owned()),
                _ => None,
            };
            return Err(error);
        };
        tokens.push((at, length, token));
        at += length;
    }
    Ok(tokens)
}

/// The length of a quoted text in its source, and the text.
fn quoted(rest: &str, quote: char) -> Option<(usize, String)> {
    let mut text = String::new();
    let mut signs = rest.char_indices().skip(1);
    while let Some((at, sign)) = signs.next() {
        match sign {
            _ if sign == quote => return Some((at + 1, text)),
            '\\' => match signs.next()?.1 {
                escaped @ ('\\' | '\'' | '"') => text.push(escaped),
                other => text.extend(['\\', other]),
            },
            _ => text.push(sign),
        }
    }
    None
}

/// A text as the expression language writes it.
pub(super) fn text_literal(text: &str) -> String {
    let mut literal = String::from("'");
    for sign in text.chars() {
        match sign {
            '\\' | '\'' => literal.extend(['\\', sign]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            _ => literal.push(sign),
        }
    }
    literal.push('\'');
    literal
}

struct Reader<'r> {
    tokens: &'r [(usize, usize, Token)],
    at: usize,
    end: usize,
    state: &'r State,
}

impl Reader<'_> {
    fn word(&mut self, word: &str) -> bool {
        let is = matches!(self.tokens.get(self.at), Some((_, _, Token::Name(name))) if name == word);
        self.at += usize::from(is);
        is
    }

    fn either(&mut self, depth: usize) -> Result<String, Trouble> {
        let mut source = self.both(depth)?;
        while self.word("or") {
            source = format!("{source} or {}", self.both(depth)?);
        }
        Ok(source)
    }

    fn both(&mut self, depth: usize) -> Result<String, Trouble> {
        let mut source = self.one(depth)?;
        while self.word("and") {
            source = format!("{source} and {}", self.one(depth)?);
        }
        Ok(source)
    }

    fn one(&mut self, depth: usize) -> Result<String, Trouble> {
        let (offset, length, token) = self.tokens.get(self.at).cloned().unwrap_or((self.end, 1, Token::Close));
        if depth > MAX_DEPTH {
            return Err(trouble(offset, length, "too_deep", format!("a condition is nested {MAX_DEPTH} deep at most")));
        }
        if self.word("not") {
            return Ok(format!("not {}", self.one(depth + 1)?));
        }
        self.at += 1;
        match token {
            Token::Open => {
                let inside = self.either(depth + 1)?;
                if !matches!(self.tokens.get(self.at), Some((_, _, Token::Close))) {
                    return Err(trouble(offset, 1, "invalid_expression", "this parenthesis is never closed"));
                }
                self.at += 1;
                Ok(format!("({inside})"))
            }
            Token::Name(name) if name.starts_with("state.") => self.comparison(&name, offset, length),
            Token::Name(name) => {
                let mut error =
                    trouble(offset, length, "undefined_name", format!("`{}` is no field of the state", crate::parse::scalar::short(&name)));
                let root = name.split('.').next().unwrap_or_default();
                error.help = self.state.find(root).map(|_| format!("write `state.{name}`"));
                Err(error)
            }
            _ => Err(trouble(offset, length, "invalid_expression", "a condition says `state.x`, or `state.x OP literal`")),
        }
    }

    fn comparison(&mut self, name: &str, offset: usize, length: usize) -> Result<String, Trouble> {
        let path: Vec<String> = name.split('.').skip(1).map(str::to_owned).collect();
        let kind = self.state.at(&path).map_err(|(message, help)| Trouble { offset, length, code: "unknown_field", message, help })?;
        let source = name_source("state", &path);
        let Some((_, _, Token::Operator(operator))) = self.tokens.get(self.at) else {
            if kind.as_ref().is_some_and(|kind| *kind != Type::Boolean) {
                let message = format!("`{name}` alone is no condition: it is `{}`", kind.map(|kind| kind.word()).unwrap_or_default());
                let help = Some("compare it with a value, such as `== 'x'`".to_owned());
                return Err(Trouble { help, ..trouble(offset, length, "wrong_type", message) });
            }
            return Ok(source);
        };
        self.at += 1;
        let Some((offset, length, literal)) = self.tokens.get(self.at) else {
            return Err(trouble(self.end, 1, "invalid_expression", format!("a value has to follow `{operator}`")));
        };
        self.at += 1;
        let (written, of) = match literal {
            Token::Text(text) => (text_literal(text), Some(Type::Text)),
            Token::Number(number) => (number.clone(), Some(if number.parse::<i64>().is_ok() { Type::Integer } else { Type::Float })),
            Token::Name(word) => match word.as_str() {
                "true" | "True" => ("true".to_owned(), Some(Type::Boolean)),
                "false" | "False" => ("false".to_owned(), Some(Type::Boolean)),
                "null" | "None" | "none" => ("null".to_owned(), None),
                other => {
                    let help = Some(format!("write `'{}'` if the text is meant", crate::parse::scalar::short(other)));
                    let message = "a field is compared with a text in quotes, a number, `true`, `false` or `null`";
                    return Err(Trouble { help, ..trouble(*offset, *length, "invalid_expression", message) });
                }
            },
            _ => return Err(trouble(*offset, *length, "invalid_expression", format!("a value has to follow `{operator}`"))),
        };
        let numbers = |kind: &Type| matches!(kind, Type::Integer | Type::Float);
        let ordered = !matches!(*operator, "==" | "!=");
        if let (Some(kind), Some(of)) = (&kind, &of)
            && kind != of
            && !(numbers(kind) && numbers(of))
        {
            return Err(trouble(
                *offset,
                *length,
                "wrong_type",
                format!("`{name}` is `{}` and can never equal or exceed this `{}`", kind.word(), of.word()),
            ));
        }
        let orderable = |kind: &Type| numbers(kind) || *kind == Type::Text;
        if ordered && (of.is_none() || of.as_ref().is_some_and(|of| !orderable(of))) {
            return Err(trouble(*offset, *length, "wrong_type", format!("`{operator}` compares numbers or texts")));
        }
        Ok(format!("{source} {operator} {written}"))
    }
}

/// A path of names as an expression. What is no plain name stands in brackets.
pub(super) fn name_source(root: &str, path: &[String]) -> String {
    let mut source = root.to_owned();
    for field in path {
        if crate::parse::scalar::is_identifier(field) || (!field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit())) {
            source.push('.');
            source.push_str(field);
        } else {
            source.extend(["[", &text_literal(field), "]"]);
        }
    }
    source
}

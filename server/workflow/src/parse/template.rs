//! Texts that are evaluated: templates, expressions, and values with templates inside.
//!
//! This is also the only place that knows `cred://` and `${secret:…}`: written literally in a header they are references,
//! anywhere else in a step they are errors, so that nobody believes a credential to be there.

use serde_json::Value;

use super::{
    context::Context,
    diagnostic::Report,
    scalar::{self, is_template},
    yaml::{Content, Entry, Node},
};
use crate::{
    expression::{Expression, Reference, SyntaxError, Template, parse_condition},
    plan::{CredentialPiece, TemplateValue},
};

const CREDENTIAL: &str = "cred://";
/// How other tools of this family name a credential: `${secret:provider://path#key}`.
const SECRET: &str = "${secret:";
/// The longest header, in bytes: more than servers accept.
const MAX_HEADER: usize = 16 * 1024;
/// The most credentials in one header.
const MAX_CREDENTIALS: usize = 8;

/// A text with expressions.
pub(super) fn template(context: &mut Context, label: &str, node: &Node) -> Option<Template> {
    let text = scalar::text(&mut context.report, label, node)?;
    without_references(&mut context.report, node, text)?;
    parsed(context, node, text)
}

fn parsed(context: &mut Context, node: &Node, text: &str) -> Option<Template> {
    if !context.admits(node, text) {
        return None;
    }
    match Template::parse(text) {
        Ok(template) => {
            context.note(node, template.names());
            Some(template)
        }
        Err(error) => {
            context.syntax_error(node, error);
            None
        }
    }
}

/// The text of the file that a node names, read as a template.
pub(super) fn of_file(context: &mut Context, node: &Node, path: &str, text: &str) -> Option<Template> {
    if text.contains(CREDENTIAL) {
        let message = format!("there is `cred://` in `{path}`: a credential can only stand in a header of an `http.request`");
        context.report.error(node.place, "credential_misplaced", message);
        return None;
    }
    if !context.admits(node, text) {
        return None;
    }
    match Template::parse(text) {
        Ok(template) => {
            context.note_at(node.place, template.names());
            Some(template)
        }
        Err(error) => {
            let before = text.get(..error.offset).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(1, |line| line.chars().count() + 1);
            let help = error.suggestion.map(|help| format!("did you mean `{help}`?"));
            context.report.error_with(node.place, "invalid_expression", format!("{path}:{line}:{column}: {}", error.message), help);
            None
        }
    }
}

/// An expression; its braces are optional.
pub(super) fn expression(context: &mut Context, label: &str, node: &Node) -> Option<Expression> {
    let text = scalar::text(&mut context.report, label, node)?;
    without_references(&mut context.report, node, text)?;
    if !context.admits(node, text) {
        return None;
    }
    match parse_condition(text) {
        Ok(expression) => {
            context.note(node, expression.names());
            // The plan keeps it without braces, so that both spellings are one plan.
            Some(Expression::respell(without_braces(text)).unwrap_or(expression))
        }
        Err(error) => {
            context.syntax_error(node, error);
            None
        }
    }
}

/// Several conditions, all of which have to hold, as one expression.
pub(super) fn all_of(context: &mut Context, label: &str, node: &Node) -> Option<Expression> {
    let Content::List(items) = &node.content else { return expression(context, label, node) };
    if items.is_empty() {
        context.report.error(node.place, "value_missing", format!("`{label}` is empty"));
        return None;
    }
    let parts: Vec<_> = items.iter().map(|item| expression(context, label, item)).collect();
    let parts = parts.into_iter().collect::<Option<Vec<_>>>()?;
    if let [only] = parts.as_slice() {
        return Some(only.clone());
    }
    let joined = parts.iter().map(|part| format!("({})", part.source())).collect::<Vec<_>>().join(" and ");
    match Expression::respell(&joined) {
        Ok(expression) => Some(expression),
        Err(error) => {
            context.report.error(node.place, "invalid_expression", format!("these conditions together are too much: {}", error.message));
            None
        }
    }
}

/// The expression of a text that is one lone `{{ }}`.
pub(super) fn lone(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.trim_start_matches('-').trim_end_matches('-').trim();
    Expression::parse(inner).is_ok().then_some(inner)
}

fn without_braces(text: &str) -> &str {
    let inner = text.trim().strip_prefix("{{").and_then(|inner| inner.strip_suffix("}}"));
    inner.map_or(text.trim(), |inner| inner.trim_start_matches('-').trim_end_matches('-').trim())
}

/// Any value, with templates in its texts.
pub(super) fn value(context: &mut Context, node: &Node) -> Option<TemplateValue> {
    match &node.content {
        Content::Refused => None,
        Content::Scalar(scalar) => {
            without_references(&mut context.report, node, &scalar.text)?;
            if is_template(&scalar.text) {
                return parsed(context, node, &scalar.text).map(TemplateValue::Template);
            }
            scalar::json(&mut context.report, node).map(TemplateValue::Literal)
        }
        Content::List(items) => {
            let values: Vec<_> = items.iter().map(|item| value(context, item)).collect();
            let values = values.into_iter().collect::<Option<Vec<_>>>()?;
            Some(literal_list(values))
        }
        Content::Map(entries) => {
            let mut fields = Vec::new();
            let mut complete = true;
            for entry in entries {
                if is_template(&entry.key) {
                    context.report.error(
                        entry.key_place,
                        "not_evaluated",
                        "a name is taken as it is written: expressions are not evaluated here",
                    );
                    complete = false;
                }
                match value(context, &entry.node) {
                    Some(value) => fields.push((entry.key.clone(), value)),
                    None => complete = false,
                }
            }
            complete.then(|| literal_map(fields))
        }
    }
}

/// A list without templates is one literal.
fn literal_list(values: Vec<TemplateValue>) -> TemplateValue {
    if values.iter().any(|value| !matches!(value, TemplateValue::Literal(_))) {
        return TemplateValue::List(values);
    }
    TemplateValue::Literal(Value::Array(values.into_iter().filter_map(literal).collect()))
}

/// A mapping without templates is one literal.
fn literal_map(fields: Vec<(String, TemplateValue)>) -> TemplateValue {
    if fields.iter().any(|(_, value)| !matches!(value, TemplateValue::Literal(_))) {
        return TemplateValue::Map(fields);
    }
    TemplateValue::Literal(Value::Object(fields.into_iter().filter_map(|(name, value)| Some((name, literal(value)?))).collect()))
}

fn literal(value: TemplateValue) -> Option<Value> {
    match value {
        TemplateValue::Literal(value) => Some(value),
        _ => None,
    }
}

/// The `value` of an output: an expression even without braces, or a list or mapping of values.
pub(super) fn expression_or_value(context: &mut Context, node: &Node) -> Option<TemplateValue> {
    let bare = node.scalar().filter(|scalar| !is_template(&scalar.text) && !scalar.is_null());
    let Some(scalar) = bare else { return value(context, node) };
    without_references(&mut context.report, node, &scalar.text)?;
    if !context.admits(node, &scalar.text) {
        return None;
    }
    match Expression::parse(&scalar.text) {
        Ok(expression) => {
            context.note(node, expression.names());
            Template::parse(&format!("{{{{ {} }}}}", expression.source())).ok().map(TemplateValue::Template)
        }
        Err(error) => {
            context.syntax_error(node, error);
            None
        }
    }
}

/// The text of a header, in which `cred://name` is the place of a credential.
pub(super) fn header(context: &mut Context, label: &str, node: &Node) -> Option<Vec<CredentialPiece>> {
    let text = scalar::text(&mut context.report, label, node)?;
    if text.chars().any(|sign| sign.is_control() && sign != '\t') {
        context.report.error(node.place, "invalid_header", format!("the header `{label}` is one line of text"));
        return None;
    }
    let credentials = text.matches(CREDENTIAL).count() + text.matches(SECRET).count();
    if text.len() > MAX_HEADER || credentials > MAX_CREDENTIALS {
        let message = format!("a header has at most {MAX_HEADER} bytes and {MAX_CREDENTIALS} credentials");
        context.report.error(node.place, "invalid_header", message);
        return None;
    }
    if credentials == 0 {
        return parsed(context, node, text).map(|template| vec![CredentialPiece::Text(template)]);
    }
    if text.contains("{%") || text.contains("{#") {
        context.report.error(node.place, "credential_misplaced", "a header with a credential cannot have `{% %}` or `{# #}`");
        return None;
    }
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some((before, reference)) = text.get(at..).and_then(next_reference) {
        let here = at + before.len();
        if before.rfind("{{").is_some_and(|open| before.rfind("}}").is_none_or(|close| close < open)) {
            let message = "a credential cannot stand inside `{{ }}`: what comes out of an expression is data";
            context.report.error(node.place_at(here, CREDENTIAL.len()), "credential_misplaced", message);
            return None;
        }
        let (name, length) = named_by(&mut context.report, node, here, reference)?;
        if !before.is_empty() {
            pieces.push(CredentialPiece::Text(piece(context, node, before, at)?));
        }
        pieces.push(CredentialPiece::Credential(name));
        at = here + length;
    }
    if let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        pieces.push(CredentialPiece::Text(piece(context, node, rest, at)?));
    }
    Some(pieces)
}

/// What stands before the next reference to a credential, and the text from there.
fn next_reference(text: &str) -> Option<(&str, &str)> {
    let at = [CREDENTIAL, SECRET].into_iter().filter_map(|marker| text.find(marker)).min()?;
    text.split_at_checked(at)
}

/// The credential that a reference at the beginning of a text names, and how long the reference is. `at` is where it stands in
/// the text of the node.
fn named_by(report: &mut Report, node: &Node, at: usize, text: &str) -> Option<(String, usize)> {
    if let Some(after) = text.strip_prefix(CREDENTIAL) {
        let length = after.find(|sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_'))).unwrap_or(after.len());
        let name = after.get(..length).unwrap_or_default();
        if name.is_empty() || length > 64 {
            report.error_with(
                node.place_at(at, CREDENTIAL.len()),
                "invalid_credential",
                "a credential is named literally, with at most 64 letters, digits, `-` and `_`",
                "write `cred://` and the name of the credential".to_owned(),
            );
            return None;
        }
        return Some((name.to_owned(), CREDENTIAL.len() + length));
    }
    let inner = text.strip_prefix(SECRET).and_then(|after| after.split_once('}')).map_or("", |(inner, _)| inner);
    let part = |part: &str, more: &[char]| {
        !part.is_empty() && part.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_') || more.contains(&sign))
    };
    let sound = inner
        .split_once("://")
        .and_then(|(provider, rest)| Some((provider, rest.split_once('#')?)))
        .is_some_and(|(provider, (path, key))| part(provider, &[]) && part(path, &['/', '.']) && part(key, &['.']));
    if !sound || inner.len() > 200 {
        report.error_with(
            node.place_at(at, SECRET.len()),
            "invalid_credential",
            "a secret is named literally, by its provider, its path and its key",
            "write `${secret:vault://path#key}`, or `cred://` and the name of a credential".to_owned(),
        );
        return None;
    }
    Some((inner.to_owned(), SECRET.len() + inner.len() + 1))
}

/// The credential that a key names, which says nothing else. A secret itself is refused: a file is read by many and kept for ever.
pub(super) fn handle(report: &mut Report, entry: &Entry) -> Option<String> {
    let text = scalar::text(report, &entry.key, &entry.node)?.trim();
    if text.starts_with(CREDENTIAL) || text.starts_with(SECRET) {
        let (name, length) = named_by(report, &entry.node, 0, text)?;
        if length == text.len() {
            return Some(name);
        }
    }
    report.error_with(
        entry.node.place,
        "secret_in_file",
        format!("`{}` names a credential, and no secret stands in a file", entry.key),
        "store it under Credentials and write `cred://its-name`".to_owned(),
    );
    None
}

/// The template of a part of a node's text that begins at that offset.
fn piece(context: &mut Context, node: &Node, part: &str, at: usize) -> Option<Template> {
    without_references(&mut context.report, node, part)?;
    if !context.admits(node, part) {
        return None;
    }
    match Template::parse(part) {
        Ok(template) => {
            let references = template.names().into_iter().map(|reference| Reference { offset: reference.offset + at, ..reference });
            context.note(node, references.collect());
            Some(template)
        }
        Err(error) => {
            context.syntax_error(node, SyntaxError { offset: error.offset + at, ..error });
            None
        }
    }
}

/// Refuses references that are written where none can stand.
fn without_references(report: &mut Report, node: &Node, text: &str) -> Option<()> {
    if text.contains(CREDENTIAL) {
        misplaced_credential(report, node);
        return None;
    }
    if let Some(at) = text.find(SECRET) {
        report.error_with(
            node.place_at(at, SECRET.len()),
            "credential_misplaced",
            "a secret can only stand in a header of `http.request`; elsewhere it is not supported yet",
            "put `${secret:…}` into `headers`".to_owned(),
        );
        return None;
    }
    Some(())
}

/// Reports a credential outside of a header.
pub(super) fn misplaced_credential(report: &mut Report, node: &Node) {
    let at = node.scalar().and_then(|scalar| scalar.text.find(CREDENTIAL)).unwrap_or(0);
    report.error_with(
        node.place_at(at, CREDENTIAL.len()),
        "credential_misplaced",
        "a credential can only stand in a header of `http.request`; elsewhere it is not supported yet",
        "put `cred://name` into `headers`".to_owned(),
    );
}

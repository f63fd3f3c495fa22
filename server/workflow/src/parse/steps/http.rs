//! `http.request`.

use std::collections::HashSet;

use super::Reader;
use crate::{
    parse::{
        context::Context,
        diagnostic::did_you_mean,
        fields::{Fields, required},
        scalar::{self, is_template, short},
        source::Place,
        template,
        yaml::{Content, Entry, Node},
    },
    plan::{CredentialPiece, HttpStep, HttpStepBody, TemplateValue},
};

const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

impl Reader<'_> {
    pub(super) fn http(&mut self, inputs: &mut Fields<'_>, place: Place) -> Option<HttpStep> {
        let report = &mut self.context.report;
        let method_entry = inputs.take(report, "method", &[]);
        let url = inputs.take_required(report, "url", ("`http.request`", place), "add `url:` below `inputs`");
        let headers = inputs.take(report, "headers", &[]);
        let query = inputs.take(report, "query", &[]);
        let bodies: Vec<&Entry> = ["json", "body", "form"].into_iter().filter_map(|key| inputs.take(report, key, &[])).collect();
        let accept_status = inputs.take(report, "accept_status", &[]);
        let follow_redirects = inputs.take(report, "follow_redirects", &[]);

        let method = self.method(method_entry, bodies.first().copied(), place);
        let context = &mut *self.context;
        let url = url.and_then(|entry| address(context, &entry.node));
        let headers = headers.and_then(|entry| read_headers(context, entry)).unwrap_or_default();
        let query = query.and_then(|entry| values(context, entry)).unwrap_or_default();
        let body = body(context, &bodies);
        let accept_status = accept_status.and_then(|entry| status_codes(context, entry)).unwrap_or_default();
        let follow_redirects = follow_redirects.and_then(|entry| scalar::boolean(&mut context.report, "follow_redirects", &entry.node));
        let (url, host) = url?;
        let step = HttpStep {
            method: method?,
            url,
            headers,
            query,
            body: body?,
            accept_status,
            follow_redirects: follow_redirects.unwrap_or(false),
        };
        self.outline.reach(&step, host);
        Some(step)
    }

    fn method(&mut self, entry: Option<&Entry>, body: Option<&Entry>, place: Place) -> Option<String> {
        let report = &mut self.context.report;
        let Some(entry) = entry else {
            if let Some(body) = body {
                let help = format!("add `method: POST`, or what else is meant, beside `{}`", body.key);
                required(report, place, "method", "an `http.request` that sends something", help);
                return None;
            }
            report.hint(place, "method_missing", "no method is given: this is a GET", "add `method: GET`".to_owned());
            return Some("GET".to_owned());
        };
        let text = scalar::name(report, "method", &entry.node)?;
        let capitals = text.to_ascii_uppercase();
        if !METHODS.contains(&capitals.as_str()) {
            let help = did_you_mean(&capitals, METHODS.iter().copied()).unwrap_or_else(|| format!("it is one of {}", METHODS.join(", ")));
            report.error_with(entry.node.place, "unknown_value", format!("`{}` is no value of `method`", short(text)), help);
            return None;
        }
        if capitals != text {
            report.hint(entry.node.place, "other_spelling", format!("`{text}` is read as `{capitals}`"), format!("write `{capitals}`"));
        }
        Some(capitals)
    }
}

/// The address, and where it goes: a literal host with its port, or the expression that gives it.
fn address(context: &mut Context, node: &Node) -> Option<(crate::expression::Template, String)> {
    let template = template::template(context, "url", node)?;
    let text = template.source().trim();
    if text.is_empty() {
        context.report.error(node.place, "value_missing", "`url` is empty");
        return None;
    }
    let authority = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => authority(rest),
        _ if text.starts_with("{{") || text.starts_with("{%") => return Some((template.clone(), leading_expression(text))),
        _ => {
            context.report.error_with(
                node.place,
                "invalid_url",
                "an address begins with `http://`, `https://` or an expression",
                (!text.contains("://") && !is_template(text))
                    .then(|| format!("did you mean `https://{}`?", short(text.trim_start_matches('/')))),
            );
            return None;
        }
    };
    if authority.is_empty() {
        context.report.error(node.place, "invalid_url", "the address has no host");
        return None;
    }
    if !is_template(authority) {
        if authority.contains('@') {
            context.report.error_with(
                node.place,
                "invalid_url",
                "an address carries no user name and no password",
                "put a credential into `headers`, as `cred://name`".to_owned(),
            );
            return None;
        }
        if url::Url::parse(&format!("http://{authority}/")).is_err() {
            context.report.error(node.place, "invalid_url", format!("`{}` is no host", short(authority)));
            return None;
        }
    }
    let host = authority.to_lowercase();
    let host = if is_template(authority) { authority.to_owned() } else { host };
    Some((template, host))
}

/// The part of an address before its path. Signs inside braces do not end it.
fn authority(text: &str) -> &str {
    let mut depth = 0_u32;
    let mut previous = ' ';
    for (at, sign) in text.char_indices() {
        match (previous, sign) {
            ('{', '{') => depth = depth.saturating_add(1),
            ('}', '}') => depth = depth.saturating_sub(1),
            (_, '/' | '?' | '#' | '\\') if depth == 0 => return text.get(..at).unwrap_or(text),
            _ => {}
        }
        previous = sign;
    }
    text
}

/// The text of the expression that an address begins with.
fn leading_expression(text: &str) -> String {
    let inner = text.strip_prefix("{{").and_then(|rest| rest.split_once("}}"));
    inner.map_or(text, |(inner, _)| inner.trim_matches('-').trim()).to_owned()
}

fn read_headers(context: &mut Context, entry: &Entry) -> Option<Vec<(String, Vec<CredentialPiece>)>> {
    let mut fields = Fields::of(&mut context.report, "headers", &entry.node)?;
    let mut headers: Vec<(String, Vec<CredentialPiece>)> = Vec::new();
    let mut complete = true;
    let mut names: HashSet<String> = HashSet::new();
    for entry in fields.rest() {
        let token = |sign: char| sign.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(sign);
        if entry.key.is_empty() || !entry.key.chars().all(token) {
            context.report.error(entry.key_place, "invalid_header", format!("`{}` cannot be the name of a header", short(&entry.key)));
            complete = false;
        }
        if !names.insert(entry.key.to_ascii_lowercase()) {
            context.report.error(entry.key_place, "duplicate_key", format!("the header `{}` is given twice", entry.key));
            complete = false;
        }
        match template::header(context, &entry.key, &entry.node) {
            Some(pieces) => headers.push((entry.key.clone(), pieces)),
            None => complete = false,
        }
    }
    complete.then_some(headers)
}

/// Names with values, for `query` and `form`.
fn values(context: &mut Context, entry: &Entry) -> Option<Vec<(String, TemplateValue)>> {
    let mut fields = Fields::of(&mut context.report, &entry.key, &entry.node)?;
    let values: Vec<_> = fields
        .rest()
        .into_iter()
        .map(|field| {
            if matches!(field.node.content, Content::Map(_)) {
                let message = format!("a value of `{}` is a text, a number or a list of them, not a mapping", entry.key);
                context.report.error(field.node.place, "wrong_type", message);
                return None;
            }
            template::value(context, &field.node).map(|value| (field.key.clone(), value))
        })
        .collect();
    values.into_iter().collect()
}

fn body(context: &mut Context, bodies: &[&Entry]) -> Option<HttpStepBody> {
    if let [first, second, ..] = bodies {
        context.report.error_with(
            second.key_place,
            "duplicate_key",
            format!("a request sends one thing: `{}` is given already", first.key),
            "keep one of `json`, `body` and `form`".to_owned(),
        );
        return None;
    }
    let Some(entry) = bodies.first() else { return Some(HttpStepBody::None) };
    match entry.key.as_str() {
        "json" => template::value(context, &entry.node).map(HttpStepBody::Json),
        "form" => values(context, entry).map(HttpStepBody::Form),
        _ => {
            if matches!(entry.node.content, Content::Map(_) | Content::List(_)) {
                context.report.error_with(
                    entry.node.place,
                    "wrong_type",
                    format!("`body` is a text, not {}", entry.node.description()),
                    "write `json` for a JSON document, or `form` for the fields of a form".to_owned(),
                );
                return None;
            }
            template::template(context, "body", &entry.node).map(HttpStepBody::Text)
        }
    }
}

fn status_codes(context: &mut Context, entry: &Entry) -> Option<Vec<u16>> {
    let report = &mut context.report;
    let mut read = |node: &Node| scalar::integer(report, "accept_status", node, 100..=599).and_then(|code| u16::try_from(code).ok());
    match &entry.node.content {
        Content::List(items) => {
            let codes: Vec<_> = items.iter().map(read).collect();
            codes.into_iter().collect()
        }
        _ => read(&entry.node).map(|code| vec![code]),
    }
}

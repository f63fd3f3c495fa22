//! The prompt of a node: `{name}`, `{state.name}` and `{a.b}` are values, every other brace is text.

use super::{logic::name_source, state::State};
use crate::{
    expression::Template,
    parse::{
        diagnostic::{Report, did_you_mean},
        scalar::{self, short},
        yaml::Node,
    },
};

/// The names that a prompt sees besides the state.
pub(super) struct Locals {
    /// Local inputs, and the paths in the state that they stand for; `None` for one that could not be read.
    pub(super) inputs: Vec<(String, Option<Vec<String>>)>,
    /// Whether the node runs for each item of a list, so that there is an `item` and an `index`.
    pub(super) in_rounds: bool,
}

/// The names of a round: the item, and its number from 0.
pub(super) const ITEM: &str = "item";
pub(super) const INDEX: &str = "index";

/// A prompt as a template.
pub(super) fn read(report: &mut Report, node: &Node, state: &State, locals: &Locals) -> Option<Template> {
    let text = scalar::text(report, "prompt", node)?;
    if text.trim().is_empty() {
        report.error(node.place, "value_missing", "`prompt` is empty");
        return None;
    }
    let mut source = String::with_capacity(text.len() + 32);
    let mut complete = true;
    let mut values = 0_usize;
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('{')).map(|found| at + found) {
        source.push_str(&literal(text.get(at..open).unwrap_or_default()));
        let rest = text.get(open..).unwrap_or_default();
        let tripled = rest.strip_prefix("{{").and_then(|inside| between(inside, "{", "}}}")).filter(|name| path_of(name).is_some());
        let skip = if tripled.is_some() { 2 } else { 0 };
        if tripled.is_none()
            && let Some(name) = between(rest, "{{", "}}")
        {
            if path_of(name).is_some() {
                // As `str.format` has it: doubled braces are braces.
                source.push_str(&literal(&format!("{{{name}}}")));
                at = open + name.len() + 4;
                continue;
            }
            let trimmed = name.trim();
            if path_of(trimmed).is_some() {
                let message = format!("`{{{{{}}}}}` is not evaluated in the prompt of a graph", short(name));
                report.error_with(node.place_at(open, name.len() + 4), "not_evaluated", message, format!("write `{{{trimmed}}}`"));
                complete = false;
                at = open + name.len() + 4;
                continue;
            }
        }
        let (open, rest) = (open + skip, rest.get(skip..).unwrap_or_default());
        if let Some(name) = between(rest, "{", "}")
            && let Some(path) = path_of(name)
        {
            // Doubled braces around a value are braces too.
            let (before, after) = if skip > 0 { ("{{ '{' }}", "}") } else { ("", "") };
            match value(&path, state, locals) {
                Ok(value) => {
                    values += 1;
                    source.extend([before, "{{ ", &value, " }}", after]);
                }
                Err((message, help)) => {
                    let help = help.or_else(|| Some(format!("write `{{{{{name}}}}}` if the braces themselves are meant")));
                    report.error_with(node.place_at(open, name.len() + 2), "undefined_name", message, help);
                    complete = false;
                }
            }
            at = open + name.len() + 2 + skip;
            continue;
        }
        let plain = text.get(open + 1..).is_some_and(|rest| rest.starts_with(|next| !matches!(next, '{' | '%' | '#')));
        source.push_str(if plain { "{" } else { "{{ '{' }}" });
        at = open + 1;
    }
    source.push_str(&literal(text.get(at..).unwrap_or_default()));
    if !complete {
        return None;
    }
    // One value alone would keep its type, and a prompt is a text.
    if values == 1 && source.trim().starts_with("{{") && source.trim().ends_with("}}") {
        source.push_str("{{ '' }}");
    }
    match Template::parse(&source) {
        Ok(template) => Some(template),
        Err(error) => {
            report.error(node.place, "invalid_expression", error.message);
            None
        }
    }
}

/// A text that is taken as it is, as a template.
pub(super) fn verbatim(text: &str) -> Option<Template> {
    Template::parse(&literal(text)).ok()
}

/// What stands between two signs at the start of a text, without braces and line ends.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let inside = text.strip_prefix(open)?;
    let end = inside.find(['{', '}', '\n'])?;
    inside.get(end..)?.starts_with(close).then(|| inside.get(..end))?
}

/// A name with its fields.
fn path_of(text: &str) -> Option<Vec<String>> {
    let path: Vec<String> = text.split('.').map(str::to_owned).collect();
    let first = path.first().is_some_and(|name| scalar::is_identifier(name));
    let rest = path
        .iter()
        .skip(1)
        .all(|name| !name.is_empty() && name.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-')));
    (first && rest).then_some(path)
}

/// The text of a template that gives this text.
fn literal(text: &str) -> String {
    let mut source = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        // A brace begins a tag together with what follows it, which may be the next part of the prompt.
        if sign == '{' && signs.peek().is_none_or(|next| matches!(next, '{' | '%' | '#')) {
            source.push_str("{{ '{' }}");
        } else {
            source.push(sign);
        }
    }
    source
}

fn value(path: &[String], state: &State, locals: &Locals) -> Result<String, (String, Option<String>)> {
    let (name, rest) = path.split_first().ok_or_else(|| ("a name is missing".to_owned(), None))?;
    if let Some((_, target)) = locals.inputs.iter().find(|(local, _)| local == name) {
        // One that could not be read was reported.
        let Some(target) = target else { return Ok("null".to_owned()) };
        let path: Vec<String> = target.iter().chain(rest).cloned().collect();
        state.at(&path)?;
        return Ok(name_source("state", &path));
    }
    if locals.in_rounds && (name == ITEM || (name == INDEX && rest.is_empty())) {
        return Ok(name_source(name, rest));
    }
    if name == "state" && !rest.is_empty() {
        state.at(rest)?;
        return Ok(name_source("state", rest));
    }
    if state.find(name).is_none() {
        let rounds = if locals.in_rounds { &[ITEM, INDEX][..] } else { &[] };
        let known = locals.inputs.iter().map(|(name, _)| name.as_str()).chain(state.names()).chain(rounds.iter().copied());
        return Err((format!("there is no input and no field of the state `{}`", short(name)), did_you_mean(name, known)));
    }
    state.at(path)?;
    Ok(name_source("state", path))
}

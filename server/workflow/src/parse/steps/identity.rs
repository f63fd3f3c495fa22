//! What a step is called: its id and its name.

use crate::parse::{
    blocks::StepBlock,
    context::Context,
    scalar::{self, short, slug},
    source::Place,
    yaml::{Content, Node},
};

/// The id and the name of a block, and where the id stands.
pub(in crate::parse) struct Identity {
    pub(in crate::parse) id: String,
    pub(in crate::parse) name: String,
    /// Where to point at when something is wrong with the id.
    pub(in crate::parse) place: Place,
    /// Whether the file gives the id itself.
    pub(in crate::parse) given: bool,
}

/// The id that a block gives itself, else that of its heading, else the slug of its heading or name.
pub(in crate::parse) fn identify(context: &mut Context, block: &StepBlock<'_>) -> Identity {
    let fence = Place { length: 3, ..Place::line(block.line) };
    let entry = |key: &str| block.node.as_ref().and_then(|node| node.entry(key));
    let name = entry("name").and_then(|entry| entry.node.scalar()).map(|scalar| scalar.text.trim().to_owned());
    let name = name.filter(|name| !name.is_empty() && !scalar::is_template(name));
    let title = block.heading.map(|heading| heading.title.clone()).filter(|title| !title.is_empty());
    let from_place = from_heading(block, name.as_deref());
    let shown = |id: &str| name.clone().or_else(|| title.clone()).unwrap_or_else(|| id.to_owned());
    if let Some(entry) = entry("id") {
        let text = entry.node.scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        if is_step_id(text) {
            return Identity { id: text.to_owned(), name: shown(text), place: entry.node.place, given: true };
        }
        refuse_id(context, &entry.node);
    } else if let Some(id) = id_in_text(block) {
        return Identity { name: shown(&id), id, place: fence, given: true };
    } else if from_place.is_none() && block.node.is_some() {
        context.report.error_with(fence, "id_missing", "nothing gives this step an id", "add `id:`, or put it below a heading".to_owned());
    }
    let id = from_place.unwrap_or_else(|| format!("line_{}", block.line));
    Identity { name: shown(&id), id, place: fence, given: false }
}

/// The id that a block with broken YAML was going to have, so that its errors can be found.
fn id_in_text(block: &StepBlock<'_>) -> Option<String> {
    let text = block.node.is_none().then_some(&block.text.text)?;
    let id = text.lines().find_map(|line| line.strip_prefix("id:"))?.trim();
    is_step_id(id).then(|| id.to_owned())
}

fn from_heading(block: &StepBlock<'_>, name: Option<&str>) -> Option<String> {
    let suffix = match u32::try_from(block.before).ok()? {
        0 => String::new(),
        before => char::from_u32(u32::from('a').saturating_add(before))
            .filter(char::is_ascii_lowercase)
            .map_or_else(|| format!("_{}", before + 1), String::from),
    };
    let named = || name.and_then(|name| slug(name, '_'));
    let id = match block.heading {
        Some(heading) => match &heading.number {
            Some(number) => Some(format!("step_{}{suffix}", number.replace('.', "_"))),
            None if block.before > 0 => named().or_else(|| slug(&heading.title, '_').map(|slug| format!("{slug}_{suffix}"))),
            None => slug(&heading.title, '_').or_else(named),
        },
        None => named(),
    };
    id.map(|id| if is_step_id(&id) { id } else { format!("step_{id}") })
}

pub(in crate::parse) fn is_step_id(text: &str) -> bool {
    text.starts_with(|sign: char| sign.is_ascii_alphabetic())
        && text.len() <= 64
        && text.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-'))
}

/// The id and the name of a step of a list. Without an id of its own it has `<parent>_s<n>` inside another step, and in the front
/// matter the slug of its name, or `step_<n>`.
pub(super) fn listed(context: &mut Context, node: &Node, parent: Option<&str>, number: usize) -> Identity {
    let made = match parent {
        Some(parent) => format!("{parent}_s{number}"),
        None => name_of(node).and_then(|name| slug(name, '_')).filter(|id| is_step_id(id)).unwrap_or_else(|| format!("step_{number}")),
    };
    standing_alone(context, node, &made)
}

/// The id and the name of a step that is called so when it does not say.
pub(super) fn standing_alone(context: &mut Context, node: &Node, made: &str) -> Identity {
    let shown = |id: &str| name_of(node).unwrap_or(id).to_owned();
    let Some(entry) = node.entry("id") else {
        return Identity { name: shown(made), id: made.to_owned(), place: node.place, given: false };
    };
    let text = entry.node.scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
    let place = entry.node.place;
    if is_step_id(text) {
        return Identity { id: text.to_owned(), name: shown(text), place, given: true };
    }
    refuse_id(context, &entry.node);
    Identity { name: shown(made), id: made.to_owned(), place, given: false }
}

/// The name that a step gives itself.
fn name_of(node: &Node) -> Option<&str> {
    let name = node.entry("name").and_then(|entry| entry.node.scalar()).map(|scalar| scalar.text.trim());
    name.filter(|name| !name.is_empty() && !scalar::is_template(name))
}

/// Reports a text that cannot be an id.
fn refuse_id(context: &mut Context, node: &Node) {
    if matches!(node.content, Content::Refused) {
        return;
    }
    let text = node.scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
    let help = slug(text, '_').map(|slug| if is_step_id(&slug) { slug } else { format!("step_{slug}") });
    context.report.error_with(
        node.place,
        "invalid_id",
        format!(
            "`{}` cannot be the id of a step: it begins with a letter, and letters, digits, `_` and `-` follow, 64 at most",
            short(text)
        ),
        help.map(|help| format!("write `{help}`")),
    );
}

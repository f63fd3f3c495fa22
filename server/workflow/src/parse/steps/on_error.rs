//! `on_error`: what follows when a step fails for good.

use crate::{
    parse::{
        context::Context,
        fields::Fields,
        scalar, template,
        yaml::{Content, Entry},
    },
    plan::{OnError, TemplateValue},
};

/// What the words of `action` mean; `rollback` is known and cannot be run yet.
#[derive(Clone, Copy)]
enum Action {
    Stop,
    Continue,
    Fallback,
}

const ACTIONS: &[(&str, Action)] = &[("stop", Action::Stop), ("continue", Action::Continue), ("fallback", Action::Fallback)];

/// A word, or `{action, fallback}`. Rules for each code cannot be run yet.
pub(super) fn read(context: &mut Context, entry: &Entry) -> Option<OnError> {
    let report = &mut context.report;
    match &entry.node.content {
        Content::Refused => None,
        Content::List(_) => {
            report.not_supported(entry.key_place, format!("`{}` with a rule for each code", entry.key));
            None
        }
        Content::Scalar(_) => match scalar::word(report, &entry.key, &entry.node, ACTIONS, &["rollback"])? {
            Action::Stop => Some(OnError::Stop),
            Action::Continue => Some(OnError::Continue { fallback: None }),
            Action::Fallback => {
                let help = "write `{action: continue, fallback: …}`".to_owned();
                report.error_with(entry.node.place, "value_missing", "a fallback needs its value", help);
                None
            }
        },
        Content::Map(_) => detailed(context, entry),
    }
}

fn detailed(context: &mut Context, entry: &Entry) -> Option<OnError> {
    let report = &mut context.report;
    let mut fields = Fields::of(report, &entry.key, &entry.node)?;
    let help = "add `action: continue`, or what else is to follow";
    let action = fields.take_required(report, "action", ("`on_error`", entry.key_place), help);
    let fallback = fields.take(report, "fallback", &[]);
    fields.refuse(report, &["notify"]);
    fields.finish(report, "`on_error`");
    let action = action.and_then(|entry| scalar::word(report, "action", &entry.node, ACTIONS, &["rollback"]));
    let given = fallback.is_some();
    let value = match fallback {
        Some(fallback) => Some(read_fallback(context, fallback)?),
        None => None,
    };
    match (action?, given) {
        (Action::Stop, false) => Some(OnError::Stop),
        (Action::Stop, true) => {
            let place = fallback.map_or(entry.key_place, |fallback| fallback.key_place);
            context.report.error(place, "no_meaning", "`fallback` has no meaning here: the run stops");
            None
        }
        (Action::Fallback, false) => {
            context.report.error(entry.key_place, "value_missing", "a fallback needs its value: add `fallback:`");
            None
        }
        (Action::Continue | Action::Fallback, _) => Some(OnError::Continue { fallback: value }),
    }
}

/// A value; a mapping that names an action would be a step of its own, which cannot be run yet.
fn read_fallback(context: &mut Context, entry: &Entry) -> Option<TemplateValue> {
    if let Some(action) = entry.node.entry("action") {
        context.report.not_supported(action.key_place, "a `fallback` that is an action");
        return None;
    }
    template::value(context, &entry.node)
}

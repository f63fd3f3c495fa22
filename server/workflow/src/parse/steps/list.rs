//! Lists of steps: those inside a step and those of the front matter, and the order that `depends_on` gives.

use std::collections::{HashMap, HashSet};

use super::{Reader, identity};
use crate::{
    parse::{
        context::Context,
        diagnostic::{Report, nearest},
        fields::Fields,
        front_matter::Header,
        scalar,
        source::Place,
        yaml::{Content, Entry, Node},
    },
    plan::Step,
};

/// A step of a list as the file writes it: in the plan it may be several.
pub(in crate::parse) struct Member {
    /// The question it stands behind.
    pub(in crate::parse) before: Option<Step>,
    pub(in crate::parse) step: Step,
    /// What belongs to it and comes after it.
    pub(in crate::parse) after: Vec<Step>,
    /// The ids it waits for, and where they are written.
    pub(in crate::parse) depends_on: Option<Vec<(String, Place)>>,
}

impl Member {
    /// A step that is one step.
    pub(super) const fn alone(step: Step) -> Self {
        Self { before: None, step, after: Vec::new(), depends_on: None }
    }
}

/// Reads the steps below a key. One step that is no list is a list of one.
pub(in crate::parse) fn read_list(context: &mut Context, header: &Header, entry: &Entry, parent: Option<&str>) -> Vec<Member> {
    let items: &[Node] = match &entry.node.content {
        Content::List(items) => items,
        Content::Map(_) => {
            let help = "put `- ` before it".to_owned();
            context.report.hint(entry.key_place, "other_spelling", format!("`{}` is read as a list of one step", entry.key), help);
            std::slice::from_ref(&entry.node)
        }
        Content::Refused => return Vec::new(),
        Content::Scalar(_) => {
            let message = format!("`{}` is a list of steps, not {}", entry.key, entry.node.description());
            context.report.error(entry.node.place, "wrong_type", message);
            return Vec::new();
        }
    };
    if items.is_empty() {
        let help = "add a step, or leave the key out".to_owned();
        context.report.error_with(entry.node.place, "value_missing", format!("`{}` has no steps", entry.key), help);
    }
    let mut members = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if context.report.is_full() {
            break;
        }
        let identity = identity::listed(context, item, parent, index + 1);
        let line = item.place.line;
        let Some(id) = context.claim(&identity.id, line, identity.place, identity.given) else { break };
        let before = context.enter(&identity.id, &id);
        members.push(Reader::new(context, header, identity, id, line).read(item));
        context.leave(before);
    }
    members
}

/// The ids that a step waits for, as written.
pub(super) fn depends_on(report: &mut Report, fields: &mut Fields<'_>) -> Option<Vec<(String, Place)>> {
    let entry = fields.take(report, "depends_on", &["needs", "after"])?;
    let items = match &entry.node.content {
        Content::List(items) => items.as_slice(),
        Content::Refused => return None,
        _ => std::slice::from_ref(&entry.node),
    };
    let mut ids: Vec<(String, Place)> = Vec::new();
    for item in items {
        let Some(id) = scalar::name(report, "depends_on", item) else { continue };
        if ids.iter().any(|(known, _)| known == id) {
            report.error(item.place, "duplicate_value", "this step is named already");
            continue;
        }
        ids.push((id.to_owned(), item.place));
    }
    Some(ids)
}

/// The steps of a list in the order of the file. When any of them says what it depends on, all of them do: those that say nothing
/// wait for nothing.
pub(in crate::parse) fn arrange(report: &mut Report, members: Vec<Member>) -> Vec<Step> {
    if members.iter().all(|member| member.depends_on.is_none()) {
        return members.into_iter().flat_map(|member| member.before.into_iter().chain([member.step]).chain(member.after)).collect();
    }
    let known: HashSet<String> = members.iter().map(|member| member.step.id.clone()).collect();
    let mut waits: HashMap<String, Vec<String>> = HashMap::new();
    for member in &members {
        let id = &member.step.id;
        report.enter(Some(id));
        let mut sound = Vec::new();
        for (other, place) in member.depends_on.iter().flatten() {
            if other == id {
                report.error(*place, "cycle", "a step cannot wait for itself");
            } else if known.contains(other) {
                sound.push(other.clone());
            } else {
                missing(report, other, *place, &known);
            }
        }
        waits.insert(id.clone(), sound);
    }
    report_cycle(report, &members, &waits);
    report.enter(None);
    // Whoever waits for a step waits for what belongs to it.
    let after: HashMap<String, Vec<String>> =
        members.iter().map(|member| (member.step.id.clone(), member.after.iter().map(|step| step.id.clone()).collect())).collect();
    let mut steps = Vec::new();
    for member in members {
        let own = waits.remove(&member.step.id).unwrap_or_default();
        let mut own: Vec<String> =
            own.into_iter().flat_map(|id| std::iter::once(id.clone()).chain(after.get(&id).cloned().unwrap_or_default())).collect();
        if let Some(gate) = member.before {
            let id = gate.id.clone();
            steps.push(Step { depends_on: Some(std::mem::replace(&mut own, vec![id])), ..gate });
        }
        let mut last = member.step.id.clone();
        steps.push(Step { depends_on: Some(own), ..member.step });
        for step in member.after {
            let id = step.id.clone();
            steps.push(Step { depends_on: Some(vec![std::mem::replace(&mut last, id)]), ..step });
        }
    }
    steps
}

fn missing(report: &mut Report, id: &str, place: Place, known: &HashSet<String>) {
    let mut ids: Vec<&str> = known.iter().map(String::as_str).collect();
    ids.sort_unstable();
    let help = nearest(id, ids).map_or_else(
        || "name a step of the same list: what stands inside another step is not one".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    report.error_with(place, "unknown_step", format!("there is no step `{}` in this list", scalar::short(id)), help);
}

/// Reports steps that wait for each other, written out. One such circle is enough to say.
fn report_cycle(report: &mut Report, members: &[Member], waits: &HashMap<String, Vec<String>>) {
    let mut done: HashSet<&str> = HashSet::new();
    for member in members {
        let mut path: Vec<(&str, usize)> = vec![(&member.step.id, 0)];
        while let Some((id, next)) = path.last_mut() {
            let (id, at) = (*id, *next);
            *next += 1;
            let Some(other) = waits.get(id).and_then(|ids| ids.get(at)) else {
                done.insert(id);
                path.pop();
                continue;
            };
            if let Some(start) = path.iter().position(|(id, _)| id == other) {
                let mut circle: Vec<&str> = path.iter().skip(start).map(|(id, _)| *id).collect();
                circle.push(other);
                let written = circle.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" → ");
                let from = members.iter().find(|member| member.step.id == id);
                let place =
                    from.and_then(|member| member.depends_on.iter().flatten().find(|(named, _)| named == other)).map(|(_, place)| *place);
                report.enter(Some(id));
                let message = format!("these steps wait for each other, so none of them could begin: {written}");
                report.error(place.unwrap_or(Place::line(member.step.line)), "cycle", message);
                return;
            }
            if !done.contains(other.as_str()) && path.len() <= members.len() {
                path.push((other, 0));
            }
        }
    }
}

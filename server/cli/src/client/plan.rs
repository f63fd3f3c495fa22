//! What `mandate workflow show` says of a plan.

use std::{collections::HashMap, fmt::Write};

use unicode_width::UnicodeWidthStr;
use web::api::plans::{OnErrorJson, PlanJson, PlanReadJson, PlanRoleJson, PlanStepJson, VersionPlanJson};

use super::workflow::section;
use crate::terminal::{
    self, Tone, paint,
    table::{Cell, table},
};

/// A plan with what each of its steps comes after, reads and sets.
pub(super) fn alone(shown: &VersionPlanJson) -> String {
    let VersionPlanJson { slug, version, plan } = shown;
    let Some(plan) = plan else {
        return format!("Version {} of {} has errors, and no plan.\n", version.number, terminal::line(slug));
    };
    let mut out = terminal::facts(&[
        ("Workflow", terminal::line(slug)),
        ("Version", version.number.to_string()),
        ("Plan", terminal::line(&plan.hash)),
    ]);
    out += &section("Steps", &tree(plan, true));
    let outputs = plan.outputs.iter().map(|output| [Cell::of(Tone::Strong, &output.name), reads(&output.reads).into()]);
    out + section("Outputs", &table(["name", "reads"], outputs.collect())).as_str()
}

/// Names with the steps that give them.
fn reads(reads: &[PlanReadJson]) -> String {
    let one = |read: &PlanReadJson| match read.from.as_slice() {
        [] => read.name.clone(),
        from => format!("{} (from {})", read.name, from.join(" or ")),
    };
    reads.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The steps of a plan as a tree, each set in below the one it is inside of, with when its list is entered above it.
pub(super) fn tree(plan: &PlanJson, with_details: bool) -> String {
    let ids: HashMap<&str, &PlanStepJson> = plan.steps.iter().map(|step| (step.id.as_str(), step)).collect();
    let lines: Vec<(usize, &PlanStepJson)> = plan.steps.iter().map(|step| (depth(&ids, step), step)).collect();
    let width = |text: &str| terminal::line(text).width();
    let id_width = lines.iter().map(|(depth, step)| depth * 4 + width(&step.id)).max().unwrap_or_default();
    let kind_width = lines.iter().map(|(_, step)| width(&step.kind)).max().unwrap_or_default();
    let padded = |text: &str, to: usize| " ".repeat(to.saturating_sub(width(text)));
    let mut out = String::new();
    let mut heads: Vec<(&str, PlanRoleJson, Option<usize>)> = Vec::new();
    for (depth, step) in lines {
        heads.truncate(depth);
        let indent = " ".repeat(depth * 4);
        if let Some(inside) = &step.inside {
            let head = (inside.step.as_str(), inside.role, inside.list);
            // A list is named once, above its first step.
            if heads.get(depth - 1) != Some(&head) {
                heads.truncate(depth - 1);
                heads.push(head);
                let words = match inside.role {
                    PlanRoleJson::Block => inside.label.clone(),
                    PlanRoleJson::Compensation => "takes it back".to_owned(),
                    PlanRoleJson::Fallback => "if it fails".to_owned(),
                };
                if !words.is_empty() {
                    let half = " ".repeat(depth * 4 - 2);
                    let _infallible = writeln!(out, "{half}{}", paint(Tone::Faint, &terminal::line(&words)));
                }
            }
        }
        let (id, kind) = (terminal::line(&step.id), terminal::line(&step.kind));
        let name = if step.name == step.id { String::new() } else { terminal::line(&step.name) };
        let condition = step.condition.as_ref().map(|condition| format!("  if {}", terminal::line(condition))).unwrap_or_default();
        let line = format!(
            "{indent}{}{}  {kind}{}  {name}{condition}",
            paint(Tone::Strong, &id),
            padded(&id, id_width.saturating_sub(depth * 4)),
            padded(&kind, kind_width),
        );
        let _infallible = writeln!(out, "{}", line.trim_end());
        if with_details {
            for (word, said) in details(plan, step) {
                let _infallible = writeln!(out, "{indent}  {} {}", paint(Tone::Faint, word), terminal::line(&said));
            }
        }
    }
    out
}

/// How many steps are around one.
fn depth(ids: &HashMap<&str, &PlanStepJson>, step: &PlanStepJson) -> usize {
    let mut depth = 0;
    let mut at = step;
    // A server that said a step is inside itself would be followed no further than there are steps.
    while depth < ids.len()
        && let Some(around) = at.inside.as_ref().and_then(|inside| ids.get(inside.step.as_str()))
    {
        depth += 1;
        at = around;
    }
    depth
}

/// What a plan says of a step beyond its line.
fn details(plan: &PlanJson, step: &PlanStepJson) -> Vec<(&'static str, String)> {
    let is_before = |id: &&str| plan.steps.iter().any(|other| other.id == **id && beside(other, step));
    let before = plan.edges.iter().filter(|edge| edge.to.as_ref() == Some(&step.id)).filter_map(|edge| edge.from.as_deref());
    let after: Vec<&str> = before.filter(is_before).collect();
    let mut all = Vec::new();
    if !after.is_empty() {
        all.push(("after", after.join(", ")));
    }
    if !step.reads.is_empty() {
        all.push(("reads", reads(&step.reads)));
    }
    if !step.sets.is_empty() {
        all.push(("sets", step.sets.join(", ")));
    }
    match step.on_error {
        OnErrorJson::Stop | OnErrorJson::Instead | OnErrorJson::ByCode => {}
        OnErrorJson::Continue => all.push(("fails", "and the run goes on".to_owned())),
        OnErrorJson::Rollback => all.push(("fails", "and what was done is taken back".to_owned())),
    }
    all
}

/// Whether two steps stand in the same list.
fn beside(one: &PlanStepJson, other: &PlanStepJson) -> bool {
    let place = |step: &PlanStepJson| step.inside.as_ref().map(|inside| (inside.step.clone(), inside.role, inside.list));
    place(one) == place(other)
}

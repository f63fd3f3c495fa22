//! The shape of a graph as a whole: every node is reached, every node leads to END, nothing goes in circles but by `loop`; and
//! which nodes are taken in every run.

use std::collections::{BTreeSet, HashMap};

use super::edges::{END, START, Way, Ways};
use crate::parse::{diagnostic::Report, scalar::short, source::Place};

/// The order of the nodes, and what stands before each.
pub(super) struct Shape {
    /// Numbers of the nodes: those before come before, in the order of the file where nothing decides.
    pub(super) order: Vec<usize>,
    /// The nodes that are taken in every run.
    pub(super) always: BTreeSet<usize>,
    /// Who leads to each node; `None` is START.
    pub(super) before: Vec<Vec<Option<usize>>>,
}

/// The shape, if it is one that can run.
pub(super) fn of(report: &mut Report, nodes: &[(String, Place, u32)], ways: &Ways) -> Option<Shape> {
    let errors = report.error_count();
    let numbers: HashMap<&str, usize> = nodes.iter().enumerate().map(|(number, (id, ..))| (id.as_str(), number)).collect();
    // A graph without nodes was reported.
    let (first, place, _) = nodes.first()?;
    if !ways.contains_key(START) {
        let help = format!("add `{{from: START, to: {first}}}` to the edges");
        report.error_with(*place, "start_missing", "no edge leads from START to a node", help);
        return None;
    }
    let targets = |id: &str| -> Vec<usize> {
        ways.get(id).into_iter().flat_map(|(way, _)| way.targets()).filter_map(|to| numbers.get(to).copied()).collect()
    };
    let mut reached = BTreeSet::new();
    let mut open = targets(START);
    while let Some(number) = open.pop() {
        if reached.insert(number) {
            open.extend(nodes.get(number).map(|(id, ..)| targets(id)).unwrap_or_default());
        }
    }
    let mut before: Vec<Vec<Option<usize>>> = vec![Vec::new(); nodes.len()];
    let mut links = |from: Option<usize>, to: Vec<usize>| {
        for to in to {
            if let Some(all) = before.get_mut(to)
                && !all.contains(&from)
            {
                all.push(from);
            }
        }
    };
    links(None, targets(START));
    for (number, (id, place, _)) in nodes.iter().enumerate() {
        if !reached.contains(&number) {
            report.error_with(
                *place,
                "unreachable",
                format!("nothing leads to the node `{id}`"),
                "add an edge to it, or remove it".to_owned(),
            );
        }
        if !ways.contains_key(id) {
            report.error_with(
                *place,
                "dead_end",
                format!("nothing follows the node `{id}`"),
                format!("add `{{from: {id}, to: END}}` to the edges"),
            );
        }
        links(Some(number), targets(id));
    }
    rounds(report, nodes, ways, &before, &numbers);
    let order = order(report, nodes, &before)?;
    let always = always(nodes, ways, &numbers, &order);
    (report.error_count() == errors).then_some(Shape { order, always, before })
}

/// A node that runs for each item is entered by one way, and does not loop.
fn rounds(report: &mut Report, nodes: &[(String, Place, u32)], ways: &Ways, before: &[Vec<Option<usize>>], numbers: &HashMap<&str, usize>) {
    for (from, (way, place)) in ways {
        let Way::Each { target, .. } = way else { continue };
        let Some(number) = numbers.get(target.as_str()) else { continue };
        if before.get(*number).is_some_and(|before| before.len() > 1) {
            let message = format!("`{target}` runs for each item of a list and can be reached by that edge alone");
            report.error_with(*place, "no_meaning", message, "make a node of its own for the other way".to_owned());
        }
        if matches!(ways.get(target), Some((Way::Loop { .. }, _))) {
            let place = nodes.get(*number).map_or(*place, |(_, place, _)| *place);
            report.error_with(
                place,
                "no_meaning",
                format!("`{target}` runs for each item of a list and cannot loop"),
                "put the loop behind a node that follows".to_owned(),
            );
        }
        if from == target {
            report.error(*place, "cycle", format!("`{target}` leads to itself"));
        }
    }
}

/// The nodes so that each comes after all that lead to it; reports circles.
fn order(report: &mut Report, nodes: &[(String, Place, u32)], before: &[Vec<Option<usize>>]) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = Vec::new();
    let mut done = BTreeSet::new();
    while order.len() < nodes.len() {
        let ready = |number: &usize| {
            !done.contains(number) && before.get(*number).is_some_and(|before| before.iter().flatten().all(|other| done.contains(other)))
        };
        let Some(next) = (0..nodes.len()).find(ready) else {
            let left: Vec<&(String, Place, u32)> =
                nodes.iter().enumerate().filter(|(number, _)| !done.contains(number)).map(|(_, node)| node).collect();
            let named: Vec<String> = left.iter().take(10).map(|(id, ..)| format!("`{}`", short(id))).collect();
            let more = if left.len() > 10 { ", …" } else { "" };
            let place = left.first().map_or(Place::line(1), |(_, place, _)| *place);
            let message = format!("these nodes lead back to each other, or come behind such: {}{more}", named.join(", "));
            report.error_with(place, "cycle", message, "only the `loop` of a node goes back".to_owned());
            return None;
        };
        done.insert(next);
        order.push(next);
    }
    Some(order)
}

/// The nodes that every run takes: of the ways out of a node all are taken but routes, of which one is.
fn always(nodes: &[(String, Place, u32)], ways: &Ways, numbers: &HashMap<&str, usize>, order: &[usize]) -> BTreeSet<usize> {
    let mut certain: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); nodes.len()];
    let behind = |certain: &[BTreeSet<usize>], id: &str| -> BTreeSet<usize> {
        let of = |to: &str| numbers.get(to).and_then(|number| certain.get(*number)).cloned().unwrap_or_default();
        match ways.get(id).map(|(way, _)| way) {
            Some(Way::Routes { routes, default }) => {
                routes.iter().map(|(_, to)| of(to)).fold(of(default), |all, one| all.intersection(&one).copied().collect())
            }
            Some(way) => way.targets().into_iter().filter(|to| *to != END).flat_map(of).collect(),
            None => BTreeSet::new(),
        }
    };
    for number in order.iter().rev() {
        let Some((id, ..)) = nodes.get(*number) else { continue };
        let mut all = behind(&certain, id);
        all.insert(*number);
        if let Some(entry) = certain.get_mut(*number) {
            *entry = all;
        }
    }
    behind(&certain, START)
}

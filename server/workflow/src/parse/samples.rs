//! Declared samples: `x-sample` on a step is what a dry run takes for the step's result. Keys that begin with `x-` are free, so it
//! says nothing about a run and is no part of the plan.

use serde_json::Value;

use super::{
    context::Context,
    scalar,
    yaml::{Content, Entry, Node},
};

/// The key of a sample.
const KEY: &str = "x-sample";

/// Keeps the sample of a step, if its entries have one.
pub(super) fn of_step(context: &mut Context, id: &str, entries: &[Entry]) {
    if let Some(entry) = entries.iter().find(|entry| entry.key == KEY) {
        keep(context, id, &entry.node);
    }
}

/// Keeps the samples of a graph's nodes.
pub(super) fn of_nodes(context: &mut Context, nodes: &Node) {
    let Content::List(items) = &nodes.content else { return };
    for node in items {
        let id = node.entry("id").and_then(|entry| entry.node.scalar()).map(|scalar| scalar.text.clone());
        if let (Some(id), Some(sample)) = (id, node.entry(KEY)) {
            keep(context, &id, &sample.node);
        }
    }
}

fn keep(context: &mut Context, id: &str, node: &Node) {
    let value: Option<Value> = scalar::json(&mut context.report, node);
    context.samples.extend(value.map(|value| (id.to_owned(), value)));
}

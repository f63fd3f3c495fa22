//! Which names an expression refers to, for checks before anything runs.

use std::{collections::BTreeSet, fmt};

use super::ast::{Kind, Link, Node};

/// A name from outside of an expression, with the fields that follow it: `inputs.invoice_id`. Fields
/// written `['field']` count; the rest after an index, a slice or a filter does not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The name (`inputs`).
    pub root: String,
    /// The fields after it (`invoice_id`).
    pub path: Vec<String>,
    /// Where it stands, in bytes of the source text.
    pub offset: usize,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        self.path.iter().try_for_each(|field| write!(f, ".{field}"))
    }
}

/// Collects references below a node. `bound` are the names that mean something of the template's own.
pub(super) fn collect(node: &Node, bound: &[&str], found: &mut BTreeSet<Reference>) {
    let refer = |name: &str, links: &[Link], found: &mut BTreeSet<Reference>| {
        if !bound.contains(&name) {
            let path = links.iter().map_while(Link::field).map(str::to_owned).collect();
            found.insert(Reference { root: name.to_owned(), path, offset: node.span.start });
        }
    };
    match &node.kind {
        Kind::Name(name) => refer(name, &[], found),
        Kind::Postfix { base, links } => {
            match &base.kind {
                Kind::Name(name) => refer(name, links, found),
                _ => collect(base, bound, found),
            }
            for child in links.iter().flat_map(Link::children) {
                collect(child, bound, found);
            }
        }
        _ => {
            for child in node.children() {
                collect(child, bound, found);
            }
        }
    }
}

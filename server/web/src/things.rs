//! The addresses of things that other pages tell of: only of those that have a page which this member may see.

use crate::access::Grant;

/// The pages of things: the kind, the place below the tenant, the variable part of the path. Only of kinds whose id names
/// one page for as long as it is told.
const PLACES: &[(&str, &str, &str)] =
    &[("run", "/runs", "{id}"), ("approval", "/approvals", "{id}"), ("workflow", "/workflows", "{workflow}")];

/// The address of the page of a thing: a run or an approval by its id, a workflow by its slug. Empty when there is no such
/// page, or none for this member.
pub(crate) fn href<P>(grant: &Grant<P>, kind: &str, id: &str) -> String {
    let Some((_, place, part)) = PLACES.iter().find(|(known, ..)| *known == kind) else { return String::new() };
    match grant.visit().site().page(&format!("/t/{{slug}}{place}/{part}")) {
        Some(permission) if grant.may(permission) && !id.is_empty() => grant.path(&format!("{place}/{id}")),
        _ => String::new(),
    }
}

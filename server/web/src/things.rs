//! The addresses of things that other pages tell of: only of those that have a page which this member may see.

use crate::access::Grant;

/// The address of the page of a thing by its public id; empty when there is no such page, or none for this member.
pub(crate) fn href<P>(grant: &Grant<P>, kind: &str, id: &str) -> String {
    // Things that are removed some day are not here: the log tells of them longer than they have a page.
    let place = match kind {
        "run" => "/runs",
        "approval" => "/approvals",
        _ => return String::new(),
    };
    match grant.visit().site().page(&format!("/t/{{slug}}{place}/{{id}}")) {
        Some(permission) if grant.may(permission) && !id.is_empty() => grant.path(&format!("{place}/{id}")),
        _ => String::new(),
    }
}

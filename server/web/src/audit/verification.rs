//! Checking the log in place, stretch by stretch, as `mandate audit verify` checks a file.

use askama::Template;
use domain::permission::AuditRead;
use platform::audit::Stretch;
use serde::Deserialize;

use crate::{
    format,
    page::Page,
    route::{Answer, Grant, Query},
    view,
};

/// Rows checked for one page: read and hashed in a few hundredths of a second.
const ROWS: u32 = 5_000;

#[derive(Template)]
#[template(path = "audit/verification.html")]
struct View {
    page: Page,
    audit_href: String,
    verdict: Verdict,
    older: String,
    newest: String,
}

/// What checking a stretch came to, in words.
pub(super) struct Verdict {
    /// The state it looks like.
    pub(super) state: &'static str,
    /// One word.
    pub(super) word: &'static str,
    pub(super) sentence: String,
}

/// Where the stretch ends.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    last: Option<i64>,
}

fn number(seq: i64) -> String {
    format::count(u64::try_from(seq).unwrap_or_default())
}

pub(super) fn verdict(stretch: &Stretch) -> Verdict {
    if let Some(bad) = &stretch.bad {
        let row = bad.seq.map_or_else(|| "A row".to_owned(), |seq| format!("Row {}", number(seq)));
        return Verdict { state: "failed", word: "Broken", sentence: format!("{row} is not as it was written: {}.", bad.reason) };
    }
    if stretch.rows == 0 {
        return Verdict { state: "idle", word: "Empty", sentence: "There is no row to check.".to_owned() };
    }
    let (first, last) = (number(stretch.first), number(stretch.last));
    let ends = if stretch.is_end { ", and the last one is the end of the chain" } else { "" };
    let sentence = format!("Rows {first} to {last} are as they were written, and each follows the one before{ends}.");
    Verdict { state: "completed", word: "Whole", sentence }
}

/// `GET /t/{slug}/audit/verification`: whether a stretch of the log is whole; the newest one when none is named.
pub(crate) async fn page(grant: Grant<AuditRead>, Query(Wanted { last }): Query<Wanted>) -> Answer {
    let stretch = grant.platform().audit_check(grant.actor(), last, ROWS).await?;
    let path = grant.path("/audit/verification");
    view::html(&View {
        page: grant.page().await?,
        audit_href: grant.path("/audit"),
        verdict: verdict(&stretch),
        older: stretch.older.map(|older| format!("{path}?last={older}")).unwrap_or_default(),
        newest: if last.is_some() { path } else { String::new() },
    })
}

#[cfg(test)]
mod tests {
    use platform::audit::BadRow;

    use super::*;
    use crate::page;

    fn html(stretch: &Stretch) -> String {
        View {
            page: page::sample(),
            audit_href: "/t/acme/audit".to_owned(),
            verdict: verdict(stretch),
            older: "/t/acme/audit/verification?last=1205".to_owned(),
            newest: String::new(),
        }
        .render()
        .unwrap()
    }

    #[test]
    fn a_stretch_is_whole_or_names_its_first_bad_row() {
        let mut stretch = Stretch { first: 1_205, last: 6_204, rows: 5_000, is_end: true, bad: None, older: Some(1_205) };
        let whole = html(&stretch);
        for part in ["Whole", "Rows 1,205 to 6,204 are as they were written", "the end of the chain", "last=1205"] {
            assert!(whole.contains(part), "{part} in {whole}");
        }
        stretch.bad = Some(BadRow { line: 3, seq: Some(1_207), reason: "the hash does not match the row".to_owned() });
        let broken = html(&stretch);
        assert!(broken.contains("Row 1,207 is not as it was written: the hash does not match the row."), "{broken}");
        let empty = Stretch { first: 1, last: 0, rows: 0, is_end: true, bad: None, older: None };
        assert_eq!(verdict(&empty).word, "Empty");
    }
}

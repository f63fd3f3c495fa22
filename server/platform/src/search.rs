//! Texts that lists are searched for.

use domain::Problem;

use crate::Result;

/// The longest text that is searched for, in signs.
const LONGEST: usize = 200;

/// Refuses texts that no list is searched for, under the names of their fields.
pub(crate) fn demand_searchable(texts: &[(&str, Option<&str>)]) -> Result<()> {
    for (field, text) in texts {
        let text = text.unwrap_or_default();
        if text.chars().count() > LONGEST || text.contains('\0') {
            return Err(Problem::field(*field, format!("Search for at most {LONGEST} signs.")).into());
        }
    }
    Ok(())
}

/// Whether a text is in one of these, upper and lower case alike; nothing to search for is in all of them.
pub(crate) fn is_in(text: Option<&str>, of: &[&str]) -> bool {
    let Some(text) = text.map(|text| text.trim().to_lowercase()) else { return true };
    of.iter().any(|of| of.to_lowercase().contains(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_whatever_its_case() {
        assert!(is_in(None, &[]));
        assert!(is_in(Some(" ÄP"), &["Pay", "Äpfel"]));
        assert!(!is_in(Some("x"), &["Pay", "Äpfel"]));
    }

    #[test]
    fn what_is_searched_for_has_a_length() {
        assert!(demand_searchable(&[("text", Some(&"ä".repeat(LONGEST))), ("actor", None)]).is_ok());
        let refused = demand_searchable(&[("text", Some(&"x".repeat(LONGEST + 1)))]).unwrap_err().problem();
        assert_eq!((refused.status, refused.fields[0].field.as_str()), (422, "text"));
    }
}

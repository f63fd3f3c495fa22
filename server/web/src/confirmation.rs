//! What cannot be undone is done only when the name of the thing was typed: the page lists what follows, the server looks.

use domain::Problem;

use crate::route::Result;

/// The field of the name.
pub(crate) const FIELD: &str = "typed";

/// Whether the name of the thing was typed as it is.
///
/// # Errors
/// 422 when another text was typed.
pub(crate) fn typed(text: &str, name: &str) -> Result<()> {
    if text.trim() == name {
        return Ok(());
    }
    Err(Problem::field(FIELD, format!("Type {name} to remove it. Nothing was removed.")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_itself_confirms() {
        assert!(typed(" payment-desk ", "payment-desk").is_ok());
        for wrong in ["", "Payment-Desk", "payment", "yes"] {
            let problem = typed(wrong, "payment-desk").unwrap_err().problem();
            assert_eq!((problem.status, problem.fields[0].field.as_str()), (422, FIELD));
        }
    }
}

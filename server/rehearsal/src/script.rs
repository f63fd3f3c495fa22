//! What the scripted model says: it understands nothing, but knows by their words the questions that the examples ask.

/// What it has to say about everything else: it suits the review of a vendor's invoice.
pub(crate) const REMARK: &str = "The account differs from the vendor's last three invoices.";
/// By whom it is said.
pub(crate) const LABEL: &str = "Written by the rehearsal model, which is a script.";

/// A remark on what was asked.
pub(crate) fn remark(question: &str) -> String {
    if question.contains("cost centre") {
        return "The category and the purpose fit this cost centre.".to_owned();
    }
    if question.contains("release notes") || question.contains("Write notes for") {
        return notes(question);
    }
    REMARK.to_owned()
}

/// Release notes from the changes that the question lists as `1. Title (kind)`.
fn notes(question: &str) -> String {
    let listed = question.lines().filter_map(|line| {
        let (number, change) = line.trim().split_once(". ")?;
        let (title, kind) = change.strip_suffix(')')?.rsplit_once(" (")?;
        number.parse::<u32>().ok().map(|_| format!("- {title}. ({kind})"))
    });
    let lines: Vec<String> = listed.collect();
    if lines.is_empty() { "Nothing changed for you in this release.".to_owned() } else { format!("In this release:\n{}", lines.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_notes_name_every_change_that_was_listed() {
        let question = "Audience: customers. Write notes for 2 changes:\n1. Faster (feature)\n2. No crash (at night) (fix)\n";
        assert_eq!(remark(question), "In this release:\n- Faster. (feature)\n- No crash (at night). (fix)");
        assert_eq!(remark("Write notes for 0 changes:\n"), "Nothing changed for you in this release.");
    }

    #[test]
    fn everything_else_has_its_usual_remark() {
        assert!(remark("Choose a cost centre for this expense").contains("cost centre"));
        assert_eq!(remark("Is anything unusual about this invoice?"), REMARK);
    }
}

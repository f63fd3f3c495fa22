//! What a change expects to find: that nobody changed the thing since it was looked at.
//!
//! A thing has a tag, a short text that is another one after every change. Doors that are asked twice by programs (RFC
//! 9110, 13.1) hand the tags that were seen to the verb, which compares them in the transaction of the change.

use domain::Problem;

/// What a change expects to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there: of a page, which shows what it changes.
    Anything,
    /// Nothing: the thing is to be made.
    Nothing,
    /// Something, whatever it is.
    Something,
    /// The thing with one of these tags.
    Tagged(Vec<String>),
}

impl Expected {
    /// Compares with what is there; `current` is its tag, or nothing when there is no such thing.
    ///
    /// # Errors
    /// 412 `changed_meanwhile` when something else is there, 404 when something was expected and nothing is.
    pub fn check(&self, current: Option<&str>) -> Result<(), Problem> {
        let holds = match (self, current) {
            (Self::Anything, _) | (Self::Nothing, None) | (Self::Something, Some(_)) => true,
            (Self::Tagged(tags), Some(current)) => tags.iter().any(|tag| tag == current),
            _ => false,
        };
        if holds {
            return Ok(());
        }
        if current.is_none() {
            return Err(Problem::not_found("thing"));
        }
        let detail = match self {
            Self::Nothing => "There is one already, and nothing was changed.",
            _ => "Somebody changed it since you looked at it, and nothing was changed now. Look at it again and decide anew.",
        };
        Err(Problem::new(412, "changed_meanwhile", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_expected_lets_a_change_go_on() {
        let seen = Expected::Tagged(vec!["1".to_owned(), "2".to_owned()]);
        for (expected, current, holds) in [
            (&Expected::Anything, None, true),
            (&Expected::Anything, Some("1"), true),
            (&Expected::Nothing, None, true),
            (&Expected::Nothing, Some("1"), false),
            (&Expected::Something, None, false),
            (&Expected::Something, Some("1"), true),
            (&seen, Some("2"), true),
            (&seen, Some("3"), false),
            (&seen, None, false),
        ] {
            assert_eq!(expected.check(current).is_ok(), holds, "{expected:?} {current:?}");
        }
    }
}

//! Filters with regular expressions. They run in time linear in the text; sizes are bounded where they are
//! compiled ([`Work::pattern`]).

use std::borrow::Cow;

use serde_json::Value;

use super::{Arguments, Fault, Outcome, Signature, Work, plain};

pub(super) const FILTERS: &[Signature] = &[
    plain("match", &["pattern", "flags"], 1, |work, input, arguments| matches(work, &input, arguments).map(Outcome::made)),
    plain("notMatch", &["pattern", "flags"], 1, |work, input, arguments| {
        matches(work, &input, arguments).map(|matches| Outcome::made(!matches))
    }),
    plain("regexReplace", &["pattern", "replacement", "flags"], 2, replace),
];

fn pattern(arguments: &Arguments<'_>, flags: usize) -> Result<String, Fault> {
    let pattern = arguments.text(0)?.unwrap_or_default();
    match arguments.text(flags)? {
        None | Some("") => Ok(pattern.to_owned()),
        Some(flags) if flags.chars().all(|flag| "imsx".contains(flag)) => Ok(format!("(?{flags}){pattern}")),
        Some(_) => Err(Fault::Argument("the flags of a regular expression are i, m, s and x".to_owned())),
    }
}

/// Whether the pattern is found anywhere in the text.
fn matches(work: &mut Work<'_>, input: &Value, arguments: &Arguments<'_>) -> Result<bool, Fault> {
    let text = arguments.text_of(input)?;
    let pattern = pattern(arguments, 1)?;
    Ok(work.pattern(&pattern, text)?.is_match(text))
}

/// Every match replaced; `$1` and `${name}` stand for groups, `$$` for a dollar.
fn replace<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let text = arguments.text_of(&input)?;
    let pattern = work.pattern(&pattern(arguments, 2)?, text)?;
    let replacement = arguments.text(1)?.unwrap_or_default();
    let mut replaced = String::new();
    let mut copied = 0;
    for found in pattern.captures_iter(text) {
        work.spend(1)?;
        let Some(whole) = found.get(0) else { continue };
        replaced.push_str(text.get(copied..whole.start()).unwrap_or_default());
        // A replacement can name a group as often as it is long, so its length bounds what is added.
        work.fits(replaced.len().saturating_add(replacement.len().saturating_mul(1 + whole.len())))?;
        found.expand(replacement, &mut replaced);
        work.fits(replaced.len())?;
        copied = whole.end();
    }
    replaced.push_str(text.get(copied..).unwrap_or_default());
    work.allocate(replaced.len())?;
    Ok(Outcome::made(replaced))
}

//! Texts that workflows, models and other servers wrote, made safe to look at: nothing in them hides, turns the direction
//! of reading, or fills the page.

use std::fmt::Write;

use serde_json::Value;

/// The most bytes of one value that a page shows.
const LONGEST: usize = 64 * 1024;
/// The most signs of a value that stands on a line beside others.
const LONGEST_IN_LINE: usize = 400;

/// Control characters, invisible ones, and those that turn the direction of writing (Unicode UAX #9 and #31).
pub const fn hides(sign: char) -> bool {
    matches!(
        sign,
        '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{ffa0}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The text with everything that hides written out as `\u{…}`, and cut where it is longer than a page should be. Line
/// breaks and tabs stay.
pub fn visible(text: &str) -> String {
    limited(text, LONGEST)
}

fn limited(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    for sign in text.chars() {
        if shown.len() >= most {
            let _infallible = write!(shown, "\n… cut here; the whole has {} bytes", text.len());
            break;
        }
        if hides(sign) {
            let _infallible = write!(shown, "\\u{{{:04x}}}", u32::from(sign));
        } else {
            shown.push(sign);
        }
    }
    shown
}

/// The text on one line, at most 400 signs of it.
pub fn in_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut signs = words.chars();
    let mut kept: String = signs.by_ref().take(LONGEST_IN_LINE).collect();
    if signs.next().is_some() {
        kept.push('…');
    }
    visible(&kept)
}

/// A sentence: with a capital and a full stop. Nothing stays nothing.
pub fn sentence(words: &str) -> String {
    let mut signs = words.chars();
    let Some(first) = signs.next() else { return String::new() };
    let stop = if words.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{}{}{stop}", first.to_uppercase(), signs.as_str())
}

/// A long text in pieces between which a line may end: after the signs that part addresses and paths, so that no word of it is
/// torn.
pub(crate) fn breakable(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if let Some(last) = pieces.last_mut() {
            last.push(sign);
        }
        let ends = matches!(sign, '/' | '?' | '&' | '=' | '.' | ':' | '_' | '-' | ',' | ';' | '@' | '#');
        let goes_on = signs.peek().is_some_and(|next| next.is_alphanumeric());
        if ends && goes_on {
            pieces.push(String::new());
        }
    }
    pieces
}

/// A piece of a sentence: words, or a name of the language that stood between backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) is_code: bool,
    pub(crate) text: String,
}

/// A sentence as pages show it, on one line, with what stands between backticks as code.
pub(crate) fn pieces(words: &str) -> Vec<Piece> {
    let words = sentence(&in_line(words));
    let parts: Vec<&str> = words.split('`').collect();
    if parts.len().is_multiple_of(2) {
        // A backtick without another one is a backtick.
        return vec![Piece { is_code: false, text: words }];
    }
    let piece = |(index, part): (usize, &&str)| Piece { is_code: index % 2 == 1, text: (*part).to_owned() };
    parts.iter().enumerate().map(piece).filter(|piece| !piece.text.is_empty()).collect()
}

/// JSON over several lines, as people read it.
pub(crate) fn pretty(value: &Value) -> String {
    // Writing JSON that is in memory cannot fail.
    visible(&serde_json::to_string_pretty(value).unwrap_or_default())
}

/// A value alone, as people read it: a text as it is, everything else as JSON.
pub fn readable(value: &Value) -> String {
    value.as_str().map_or_else(|| pretty(value), visible)
}

/// A value with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its name.
    pub(crate) name: String,
    /// The value.
    pub(crate) value: String,
    /// Whether it takes lines of its own.
    pub(crate) is_block: bool,
}

/// The fields of an object with their values: texts without quotation marks, lists and objects as JSON; empty texts and null
/// as nothing.
pub(crate) fn named(values: &Value) -> Vec<Named> {
    let Value::Object(fields) = values else { return Vec::new() };
    let shown = |(name, value): (&String, &Value)| {
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => visible(text),
            Value::Array(_) | Value::Object(_) => pretty(value),
            other => other.to_string(),
        };
        Named { name: visible(name), is_block: text.contains('\n') || text.len() > LONGEST_IN_LINE, value: text }
    };
    fields.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_hides_is_written_out() {
        assert_eq!(visible("pay\u{202e}001\u{200b}\u{7}"), "pay\\u{202e}001\\u{200b}\\u{0007}");
        assert_eq!(visible("two\nlines\tand ä"), "two\nlines\tand ä");
        assert_eq!(in_line(" a\n b\u{2066} "), "a b\\u{2066}");
    }

    #[test]
    fn a_text_is_read_as_it_is_and_everything_else_as_json() {
        let value = |value: Value| readable(&value);
        assert_eq!(
            (value("a\nb\u{202e}".into()).as_str(), value(serde_json::json!({"a": 1})).as_str()),
            ("a\nb\\u{202e}", "{\n  \"a\": 1\n}")
        );
    }

    #[test]
    fn an_address_may_end_a_line_between_its_words_only() {
        assert_eq!(
            breakable("POST pay.example/v1/payments?invoice=INV-20417"),
            ["POST pay.", "example/", "v1/", "payments?", "invoice=", "INV-", "20417"]
        );
        assert_eq!(breakable("https://x"), ["https://", "x"]);
        assert_eq!(breakable("DE02120300000000202051."), ["DE02120300000000202051."]);
        assert_eq!(breakable(""), [""]);
    }

    #[test]
    fn names_between_backticks_are_code() {
        let shown: Vec<(bool, String)> =
            pieces("unknown key `inptu` of `x`").into_iter().map(|piece| (piece.is_code, piece.text)).collect();
        let words = |text: &str| (false, text.to_owned());
        assert_eq!(shown, [words("Unknown key "), (true, "inptu".to_owned()), words(" of "), (true, "x".to_owned()), words(".")]);
        assert_eq!(pieces("a ` b"), [Piece { is_code: false, text: "A ` b.".to_owned() }]);
        assert!(pieces("").iter().all(|piece| piece.text.is_empty()));
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let long = "ä".repeat(LONGEST);
        let shown = visible(&long);
        assert!(shown.len() < LONGEST + 100 && shown.ends_with(&format!("the whole has {} bytes", 2 * LONGEST)));
        assert_eq!(in_line(&"x".repeat(500)).chars().count(), LONGEST_IN_LINE + 1);
    }

    #[test]
    fn values_are_shown_with_their_names() {
        let shown = named(&json!({"a": "x", "b": 1840.5, "c": [1], "d": "", "e": null, "f": true}));
        let texts: Vec<(&str, &str, bool)> = shown.iter().map(|one| (one.name.as_str(), one.value.as_str(), one.is_block)).collect();
        assert_eq!(
            texts,
            [("a", "x", false), ("b", "1840.5", false), ("c", "[\n  1\n]", true), ("d", "", false), ("e", "", false), ("f", "true", false)]
        );
        assert!(named(&json!("x")).is_empty());
    }
}

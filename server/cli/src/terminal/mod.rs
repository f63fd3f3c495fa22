//! What people see: data on standard output, words on standard error, and nothing in either that a server or a workflow
//! could use to write to the terminal by itself.
//!
//! Whatever comes from elsewhere passes [`line`] or [`block`] before it is shown to people, and [`json`] writes the same
//! signs as escapes, which mean the same to programs. Colours are ours alone, and only where somebody looks on.

pub(crate) mod progress;
pub(crate) mod prompt;
pub(crate) mod table;

use std::{
    env,
    fmt::Write as _,
    io::{self, ErrorKind, IsTerminal, Write},
    sync::OnceLock,
};

use serde::Serialize;
use web::text;

use crate::failure::Failure;

/// How a word looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    Bad,
    Waits,
}

/// Writes to standard output, all of it at once.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// The same with a line end.
pub(crate) fn print_line(text: &str) -> Result<(), Failure> {
    print(&format!("{text}\n"))
}

/// Writes bytes as they are.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::nobody_reads(),
        _ => Failure::new(format!("Standard output cannot be written: {error}.")),
    })
}

/// Says something to whoever looks on. That nobody does is no failure.
pub(crate) fn tell(words: &str) {
    let _nobody_looks = writeln!(io::stderr(), "{words}");
}

/// Whether a terminal wants more than plain lines.
fn wants_drawing(is_terminal: bool) -> bool {
    is_terminal && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Whether progress may be drawn: somebody looks at standard error.
pub(crate) fn draws_progress() -> bool {
    wants_drawing(io::stderr().is_terminal())
}

fn has_colours() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    let refused = || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    *HAS.get_or_init(|| wants_drawing(io::stdout().is_terminal()) && !refused())
}

/// A text of ours, or one that was made safe, as it looks on standard output.
pub(crate) fn paint(tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Strong => "1",
        Tone::Faint => "2",
        Tone::Good => "32",
        Tone::Bad => "31",
        Tone::Waits => "33",
    };
    if has_colours() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// A text from elsewhere on one line, with everything that hides or turns it written out.
pub(crate) fn line(text: &str) -> String {
    text::visible(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A text from elsewhere over as many lines as it has, each behind so many blanks: none of them looks like one of ours.
pub(crate) fn block(text: &str, indent: usize) -> String {
    let blanks = " ".repeat(indent);
    text::visible(text).lines().map(|line| format!("{blanks}{line}")).collect::<Vec<_>>().join("\n")
}

/// A value from elsewhere, as people read it: a short text on the line, anything longer indented below it.
pub(crate) fn value(value: &serde_json::Value, indent: usize) -> String {
    let readable = text::readable(value);
    if readable.contains('\n') { format!("\n{}", block(&readable, indent)) } else { readable }
}

/// Names and what they are called for, one a line, below each other. What is empty is left out.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let shown = || facts.iter().filter(|(_, value)| !value.is_empty());
    let width = shown().map(|(name, _)| name.len()).max().unwrap_or_default();
    let line = |(name, value): &(&str, String)| format!("{}  {value}\n", paint(Tone::Faint, &format!("{name:width$}")));
    shown().map(line).collect()
}

/// Writes out as an escape whatever hides or turns a text: inside of the texts of JSON, where alone it can stand, it means
/// the same.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for sign in json.chars() {
        if text::hides(sign) {
            for unit in sign.encode_utf16(&mut [0; 2]) {
                let _infallible = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(sign);
        }
    }
    safe
}

/// One JSON document.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    print_line(&harmless_json(&serde_json::to_string_pretty(value).map_err(Failure::new)?))
}

/// One JSON document on a line of its own.
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    print_line(&harmless_json(&serde_json::to_string(value).map_err(Failure::new)?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HOSTILE: &str = "a\u{1b}[2Jb\u{9b}31m\u{202e}c\u{7}\rd";

    #[test]
    fn a_text_from_elsewhere_never_steers_the_terminal() {
        for shown in [line(HOSTILE), block(HOSTILE, 2), value(&json!(HOSTILE), 2), value(&json!({HOSTILE: [HOSTILE]}), 2)] {
            assert!(!shown.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}', '\r']), "{shown:?}");
            assert!(shown.contains("202e"), "{shown}");
        }
        assert_eq!(block("a\nb", 2), "  a\n  b");
    }

    #[test]
    fn json_means_the_same_when_it_is_made_harmless() {
        let value = json!({"text": HOSTILE, "tag": "\u{e0041}", "plain": "ä\n\t\"\\"});
        let safe = harmless_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!safe.chars().any(text::hides), "{safe}");
        assert!(safe.contains('ä'), "{safe}");
        assert_eq!(serde_json::from_str::<Value>(&safe).unwrap(), value);
    }

    #[test]
    fn facts_stand_below_each_other_and_empty_ones_nowhere() {
        assert_eq!(facts(&[("a", "1".into()), ("long", "2".into()), ("none", String::new())]), "a     1\nlong  2\n");
    }
}

//! Rows of the log as a table (RFC 4180), for people who look at it in a spreadsheet. It holds the same facts as the lines of
//! JSON, and cannot be verified: what a spreadsheet saves is no longer what was written.
//!
//! A spreadsheet takes a cell that begins with certain signs for a formula and runs it, quoted or not. Names, notes and addresses
//! come from people who are not trusted, so such a cell begins with an apostrophe here, which spreadsheets take for "this is text"
//! (OWASP, CSV Injection). Every cell is quoted. The file begins with the mark of UTF-8, without which some take it for another
//! encoding.

use serde_json::Value;

use crate::{Error, Result};

/// The columns, each with the place of its value in a row's canonical object. The hash is added.
const COLUMNS: [(&str, &str); 14] = [
    ("seq", "/seq"),
    ("at", "/at"),
    ("actor", "/actor/label"),
    ("actor_id", "/actor/id"),
    ("door", "/actor/door"),
    ("run", "/actor/run"),
    ("address", "/actor/address"),
    ("request", "/actor/request"),
    ("action", "/action"),
    ("target_kind", "/target/kind"),
    ("target_id", "/target/id"),
    ("target_name", "/target/name"),
    ("outcome", "/outcome"),
    ("detail", "/detail"),
];
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The first row: the names of the columns.
pub(super) fn header() -> String {
    let names = COLUMNS.iter().map(|(name, _)| *name).chain(["hash"]);
    format!("{BYTE_ORDER_MARK}{}", line(names.map(str::to_owned)))
}

/// A row, with its line end.
pub(super) fn row(canonical: &str, hash: &[u8; 32]) -> Result<String> {
    let whole: Value =
        serde_json::from_str(canonical).map_err(|error| Error::Broken(format!("a row of the audit log cannot be read: {error}")))?;
    let text = |place: &str| match whole.pointer(place) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    Ok(line(COLUMNS.iter().map(|(_, place)| text(place)).chain([hex::encode(hash)])))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut line = cells.map(|text| cell(&text)).collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// A cell that is text to every reader.
fn cell(text: &str) -> String {
    // A reader may pass over what cannot be seen before it looks at the first sign.
    let first = text.chars().find(|sign| !sign.is_whitespace() && !sign.is_control() && *sign != BYTE_ORDER_MARK);
    let is_formula =
        first.is_some_and(|sign| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}|%".contains(sign)) || text.starts_with(['\t', '\r', '\n']);
    format!("\"{}{}\"", if is_formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_that_could_be_a_formula_is_text() {
        for dangerous in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "\tx",
            "\rx",
            "  =1",
            "\u{a0}=1",
            "\u{0}=1",
            "\u{feff}=1",
            "\u{ff1d}1",
            "=HYPERLINK(\"http://evil.example\",\"x\")",
        ] {
            assert_eq!(cell(dangerous), format!("\"'{}\"", dangerous.replace('"', "\"\"")));
        }
        for harmless in ["", "a=1", "ada@acme.example", "2026-11-24", "5", "{\"a\":-1}", "a\r\nb", "x, y"] {
            assert_eq!(cell(harmless), format!("\"{}\"", harmless.replace('"', "\"\"")));
        }
    }

    #[test]
    fn a_row_has_as_many_cells_as_the_first() {
        let canonical = json!({
            "seq": 7, "at": "2026-11-24T09:41:03.112000Z", "actor": {"label": "=cmd", "door": "page", "run": null},
            "action": "run.started", "target": {"kind": "run", "id": "run_1", "name": "a \"b\", c"}, "outcome": "done", "detail": {"n": 1},
        });
        let text = row(&canonical.to_string(), &[0xab; 32]).unwrap();
        assert!(text.starts_with("\"7\",\"2026-11-24T09:41:03.112000Z\",\"'=cmd\",\"\",\"page\",\"\","), "{text}");
        assert!(text.contains("\"a \"\"b\"\", c\",\"done\",\"{\"\"n\"\":1}\",\"abab") && text.ends_with("ab\"\r\n"), "{text}");
        let quoted = |line: &str| line.split("\",\"").count();
        assert_eq!(quoted(&text), quoted(&header()));
        assert!(header().starts_with("\u{feff}\"seq\",\"at\","));
    }
}

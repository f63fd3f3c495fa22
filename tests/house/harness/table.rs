//! Committed text files that a test compares with what is so, as `tests/snapshots/<name>.txt`.

use std::{env, fs, path::Path};

/// Compares a text with the committed one. `UPDATE_EXPECT=1` writes it anew instead: the diff is then the review.
#[track_caller]
pub fn expect(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(format!("{name}.txt"));
    if env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        fs::write(&path, actual).unwrap();
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    if committed == actual {
        return;
    }
    let known: Vec<&str> = committed.lines().collect();
    let now: Vec<&str> = actual.lines().collect();
    let gone = known.iter().filter(|line| !now.contains(line)).map(|line| format!("- {line}"));
    let new = now.iter().filter(|line| !known.contains(line)).map(|line| format!("+ {line}"));
    let difference: Vec<String> = gone.chain(new).collect();
    panic!(
        "tests/snapshots/{name}.txt does not say what is so:\n{}\nIf this is meant, run the test with UPDATE_EXPECT=1 and commit the file.",
        difference.join("\n")
    );
}

/// Rows as columns of equal width, apart by two spaces.
pub fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

//! Values that people read: nothing in them formats, links or hides.

use std::fmt::Write;

/// A text in which control characters, and characters that are invisible or turn the direction of writing,
/// stand as `\u{…}`. Line breaks and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        push_visible(sign, &mut out);
    }
    out
}

/// The same, with every character that Markdown gives a meaning to behind a backslash (CommonMark §2.4: any
/// ASCII punctuation may be escaped), and line breaks as spaces, so that a value stays inside its line.
pub(crate) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for sign in text.chars() {
        match sign {
            '\n' | '\r' | '\t' => out.push(' '),
            // A full stop makes bare domains and numbered lists, a colon and an at sign make bare links;
            // all of ASCII punctuation is escaped, as choosing would mean knowing every reader's dialect.
            sign if sign.is_ascii_punctuation() => {
                out.push('\\');
                out.push(sign);
            }
            sign => push_visible(sign, &mut out),
        }
    }
    out
}

fn push_visible(sign: char, out: &mut String) {
    if hides(sign) {
        // Writing to a text cannot fail.
        let _ = write!(out, "\\u{{{:04x}}}", u32::from(sign));
    } else {
        out.push(sign);
    }
}

/// Control characters, invisible ones, and those that turn the direction of writing.
const fn hides(sign: char) -> bool {
    matches!(
        sign,
        // Controls, but for the tab and the line feed.
        '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Soft hyphen, joiners, Arabic letter mark, Hangul and Khmer fillers, Mongolian separators.
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        // Zero width, marks and embeddings of direction, separators, invisible operators, isolates, fillers.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{ffa0}'
        // Variation selectors, byte order mark, interlinear marks, tags.
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_format_or_link() {
        for (value, escaped) in [
            ("plain Words 12", "plain Words 12"),
            ("**bold** [x](http://evil)", "\\*\\*bold\\*\\* \\[x\\]\\(http\\:\\/\\/evil\\)"),
            ("a\n# title", "a \\# title"),
            ("<script>", "\\<script\\>"),
            ("back\\slash", "back\\\\slash"),
            ("Grüße", "Grüße"),
        ] {
            assert_eq!(markdown(value), escaped);
        }
    }

    #[test]
    fn what_hides_is_made_visible() {
        assert_eq!(visible("pay\u{202e}001\u{200b}\u{7}"), "pay\\u{202e}001\\u{200b}\\u{0007}");
        assert_eq!(visible("two\nlines\tand a tab"), "two\nlines\tand a tab");
        assert_eq!(markdown("\u{2066}x"), "\\u{2066}x");
    }
}

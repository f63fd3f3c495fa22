//! Text for mails: what somebody typed made harmless, and lines short enough for every mail program.

/// The most columns of a line of plain text (RFC 5322, 2.1.1).
pub const COLUMNS: usize = 78;

/// Signs that change the direction of what follows, or that nobody sees: a text may seem another with them.
const fn is_hidden(sign: char) -> bool {
    matches!(sign, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The text on one line: no line ends, control signs or hidden signs, and no two spaces in a row. A value cannot
/// pass for a line of its own, nor for a header.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|sign: char| sign.is_whitespace() || sign.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|sign| !is_hidden(*sign)));
    }
    line
}

/// The first `most` signs of a text, the last of them `…` where something was left out.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// One paragraph in lines of at most [`COLUMNS`] signs, those after the first indented. Words that are longer are
/// broken; addresses of pages never are, since a broken one opens nothing.
pub fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / COLUMNS * (indent + 1));
    let mut column = 0;
    let break_line = |lines: &mut String, column: &mut usize| {
        lines.truncate(lines.trim_end_matches(' ').len());
        lines.push('\n');
        lines.extend(std::iter::repeat_n(' ', indent));
        *column = indent;
    };
    let mut is_first = true;
    for word in text.split(' ') {
        let width = word.chars().count();
        let space = usize::from(!is_first && column > indent);
        if column + space + width > COLUMNS && column > indent {
            break_line(&mut lines, &mut column);
        } else if space == 1 {
            lines.push(' ');
            column += 1;
        }
        is_first = false;
        if width <= COLUMNS - indent || word.starts_with("https://") || word.starts_with("http://") {
            lines.push_str(word);
            column += width;
            continue;
        }
        for sign in word.chars() {
            if column >= COLUMNS {
                break_line(&mut lines, &mut column);
            }
            lines.push(sign);
            column += 1;
        }
    }
    lines
}

/// The text where HTML expects text or the value of an attribute.
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_typed_stays_on_one_line() {
        assert_eq!(one_line("pay\r\nBcc: all@example.com\t now"), "pay Bcc: all@example.com now");
        assert_eq!(one_line("  \u{202e}drawer\u{0} \u{200b}x "), "drawer x");
        assert_eq!(one_line("\n"), "");
    }

    #[test]
    fn no_line_is_longer_than_it_may_be() {
        let text = format!("{} {} {}", "word ".repeat(60).trim_end(), "ü".repeat(200), "x".repeat(78));
        for indent in [0, 2, 4] {
            let lines = wrapped(&text, indent);
            assert!(lines.lines().all(|line| line.chars().count() <= COLUMNS), "{lines}");
            assert!(lines.lines().skip(1).all(|line| line.starts_with(&" ".repeat(indent))), "{lines}");
            let kept = |text: &str| text.chars().filter(|sign| !sign.is_whitespace()).collect::<String>();
            assert_eq!(kept(&lines), kept(&text), "nothing is lost");
        }
    }

    #[test]
    fn an_address_of_a_page_is_never_broken() {
        let url = format!("https://mandate.example/{}", "a".repeat(120));
        assert!(wrapped(&format!("Open {url} now"), 0).lines().any(|line| line == url));
    }

    #[test]
    fn a_text_that_is_too_long_says_so() {
        assert_eq!(cut("invoice 1042", 12), "invoice 1042");
        assert_eq!(cut("invoice 1042 of", 12), "invoice 104…");
        assert_eq!(cut("invoice  1042", 9), "invoice…");
    }
}

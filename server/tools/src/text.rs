//! Text that may name credentials: what is text stays text, what is a reference was made one when the
//! workflow was compiled. No code here or behind here looks for `cred://` inside a text.
//! And [`one_line`], the form in which foreign words enter a message of ours.

/// A part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Goes out as it is, whatever it looks like.
    Text(String),
    /// The name of a credential; its value is put in by the egress.
    Credential(String),
}

/// Text with references to credentials in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(Vec<Piece>);

impl Text {
    /// A text made of these pieces, in order.
    pub const fn new(pieces: Vec<Piece>) -> Self {
        Self(pieces)
    }

    /// The pieces in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The names of the credentials it refers to.
    pub fn credentials(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Credential(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(vec![Piece::Text(text)])
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

/// The beginning of a foreign text on one line, at most `limit` signs and an ellipsis, without control signs and
/// without the invisible ones that reorder or hide text.
pub fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for sign in text.chars().map(|sign| if sign.is_whitespace() { ' ' } else { sign }).filter(|&sign| is_shown(sign)) {
        if sign == ' ' && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        if length == limit {
            line.push('…');
            break;
        }
        line.push(sign);
        length += 1;
    }
    line.trim_end().to_owned()
}

fn is_shown(sign: char) -> bool {
    !sign.is_control()
        && !matches!(sign, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_become_one_short_line() {
        assert_eq!(one_line("  no\n\t such \x1b[31m\r\n thing ", 300), "no such [31m thing");
        assert_eq!(one_line("a\u{202e}b", 300), "ab");
        assert_eq!(one_line(&"x".repeat(1000), 300), format!("{}…", "x".repeat(300)));
        assert_eq!(one_line("", 300), "");
    }
}

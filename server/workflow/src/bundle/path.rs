//! Which names an entry may have: those that mean the same file on every system, inside the folder they are unpacked to.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::{Reason, Refusal};

/// The longest path, in bytes.
const LONGEST_PATH: usize = 240;
/// The longest part of a path, in bytes.
const LONGEST_PART: usize = 120;
/// The most parts of a path.
const DEEPEST: usize = 16;

/// Names that are devices on Windows, with any ending.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The path that an entry's name is, composed (Unicode NFC); nothing for the top folder itself. One `./` before it is how
/// archives of `.` begin, and is left out.
pub(super) fn checked(name: &[u8], is_folder: bool) -> Result<Option<String>, Refusal> {
    let refuse = |reason, what: &str| Err(Refusal::of(reason, name, what));
    let Ok(text) = std::str::from_utf8(name) else { return refuse(Reason::Name, "has a name that is not UTF-8") };
    if text.contains('\0') {
        return refuse(Reason::Name, "has a NUL in its name");
    }
    if text.contains('\\') {
        return refuse(Reason::Name, "has a backslash in its name, which is a separator on some systems");
    }
    if text.starts_with('/') {
        return refuse(Reason::Escape, "has an absolute path");
    }
    if text.as_bytes().get(1) == Some(&b':') && text.starts_with(|sign: char| sign.is_ascii_alphabetic()) {
        return refuse(Reason::Escape, "begins with the letter of a drive");
    }
    if text.split('/').any(|part| part == "..") {
        return refuse(Reason::Escape, "has `..` in its path, which could lead out of the bundle");
    }
    if let Some(sign) = text.chars().find(|sign| sign.is_control() || is_invisible(*sign)) {
        return refuse(Reason::Name, &format!("has the sign U+{:04X} in its name, which nobody can see", u32::from(sign)));
    }
    if let Some(sign) = text.chars().find(|sign| matches!(sign, ':' | '<' | '>' | '"' | '|' | '?' | '*')) {
        return refuse(Reason::Name, &format!("has `{sign}` in its name, which some systems do not allow"));
    }
    let path = text.strip_prefix("./").unwrap_or(text);
    let path = if is_folder { path.strip_suffix('/').unwrap_or(path) } else { path };
    if is_folder && matches!(path, "" | ".") {
        return Ok(None);
    }
    let composed: String = path.nfc().collect();
    if composed.len() > LONGEST_PATH || composed.split('/').count() > DEEPEST {
        return refuse(Reason::Name, &format!("has a path of more than {LONGEST_PATH} bytes or {DEEPEST} parts"));
    }
    for part in composed.split('/') {
        if part.is_empty() {
            return refuse(Reason::Name, "has an empty part in its path");
        }
        if part == "." || part.ends_with(['.', ' ']) || part.starts_with(' ') {
            return refuse(Reason::Name, "has a part of its path that begins with a blank or ends with a blank or a full stop");
        }
        if part.len() > LONGEST_PART {
            return refuse(Reason::Name, &format!("has a name of more than {LONGEST_PART} bytes"));
        }
        if is_device(part) {
            return refuse(Reason::Name, "has the name of a device on Windows");
        }
    }
    Ok(Some(composed))
}

/// Signs that change how a name looks and are not seen themselves: joiners, marks of direction, separators of lines,
/// the byte order mark (Unicode Technical Report 36).
pub(super) fn is_invisible(sign: char) -> bool {
    matches!(
        sign,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_lowercase();
    let numbered = |word: &str| {
        let number = stem.strip_prefix(word).map(|rest| rest.chars().collect::<Vec<_>>());
        matches!(number.as_deref(), Some(['0'..='9' | '¹' | '²' | '³']))
    };
    DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt")
}

/// What two names must not have in common: compatibility forms, cases and compositions of signs that some file system takes
/// for the same.
fn folded(path: &str) -> String {
    let compatible: String = path.nfkc().collect();
    compatible.to_uppercase().to_lowercase().nfkc().collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    /// A folder that has an entry of its own.
    Folder,
    /// A folder because something is in it.
    Above,
}

/// The names that were given so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    seen: BTreeMap<String, (String, Kind)>,
}

impl Names {
    /// Adds a path, and the folders above it.
    pub(super) fn add(&mut self, path: &str, is_folder: bool) -> Result<(), Refusal> {
        for (end, _) in path.match_indices('/') {
            let above = path.get(..end).unwrap_or_default();
            self.enter(path, above, Kind::Above)?;
        }
        self.enter(path, path, if is_folder { Kind::Folder } else { Kind::File })
    }

    fn enter(&mut self, entry: &str, path: &str, kind: Kind) -> Result<(), Refusal> {
        let key = folded(path);
        let Some((spelling, known)) = self.seen.get_mut(&key) else {
            self.seen.insert(key, (path.to_owned(), kind));
            return Ok(());
        };
        if spelling != path {
            let what = format!("has a name that is the same as `{spelling}` on some systems");
            return Err(Refusal::of(Reason::Collision, entry.as_bytes(), &what));
        }
        match (*known, kind) {
            (Kind::Folder | Kind::Above, Kind::Above) => Ok(()),
            (Kind::Above, Kind::Folder) => {
                *known = Kind::Folder;
                Ok(())
            }
            (Kind::File, Kind::Above | Kind::Folder) | (Kind::Above | Kind::Folder, Kind::File) => {
                let what = format!("makes `{path}` a file and a folder at once");
                Err(Refusal::of(Reason::Duplicate, entry.as_bytes(), &what))
            }
            (Kind::File, Kind::File) | (Kind::Folder, Kind::Folder) => {
                Err(Refusal::of(Reason::Duplicate, entry.as_bytes(), "is in the archive twice"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(name: &str) -> Option<Reason> {
        checked(name.as_bytes(), false).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn a_path_stays_inside_and_means_one_file_everywhere() {
        for name in ["workflow.md", "./workflow.md", "prompts/triage.md", "a b/c-d_e.1.txt", "tools/lint", ".hidden", "größe/日本.md"] {
            assert_eq!(reason(name), None, "{name}");
        }
        for name in ["..", "../x", "a/../b", "a/..", "./../x", "/etc/passwd", "//x", "C:x", "c:/x"] {
            assert_eq!(reason(name), Some(Reason::Escape), "{name}");
        }
        for name in [
            "",
            ".",
            "a//b",
            "a/",
            "a/./b",
            "././a",
            "a.",
            "a ",
            " a",
            "a /b",
            "a\\b",
            "..\\a",
            "a\0b",
            "a\nb",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{202e}fdp.md",
            "a\u{200b}b",
            "\u{feff}a",
            "ab:c",
            "a?",
            "a*b",
            "nul",
            "NUL.txt",
            "x/Com1.md",
            "lpt²",
            "con .md",
            "a|b",
        ] {
            assert_eq!(reason(name), Some(Reason::Name), "{name:?}");
        }
        assert_eq!(checked(b"caf\xe9.md", false).unwrap_err().reason, Reason::Name);
        assert_eq!(reason(&"a".repeat(LONGEST_PART + 1)), Some(Reason::Name));
        assert_eq!(reason(&["abcdefgh"; 30].join("/")), Some(Reason::Name));
        assert_eq!(reason(&["a"; DEEPEST + 1].join("/")), Some(Reason::Name));
    }

    #[test]
    fn the_folder_of_the_archive_itself_is_no_entry() {
        assert_eq!(checked(b"./", true).unwrap(), None);
        assert_eq!(checked(b".", true).unwrap(), None);
        assert_eq!(checked(b"./a/", true).unwrap().as_deref(), Some("a"));
    }

    #[test]
    fn names_are_kept_composed() {
        assert_eq!(checked("cafe\u{301}.md".as_bytes(), false).unwrap().as_deref(), Some("caf\u{e9}.md"));
    }

    fn second(first: &str, second: &str) -> Option<Reason> {
        let mut names = Names::default();
        names.add(first, false).unwrap();
        names.add(second, false).err().map(|refusal| refusal.reason)
    }

    #[test]
    fn two_names_that_some_system_takes_for_one_collide() {
        for (first, other) in
            [("a.md", "A.md"), ("straße", "STRASSE"), ("ﬁle", "file"), ("K", "\u{212a}"), ("A/x", "a/y"), ("ﬀ/x", "FF"), ("é", "\u{c9}")]
        {
            assert_eq!(second(first, other), Some(Reason::Collision), "{first} {other}");
        }
        for (first, other) in [("a", "a"), ("a/b", "a"), ("a", "a/b")] {
            assert_eq!(second(first, other), Some(Reason::Duplicate), "{first} {other}");
        }
        assert_eq!(second("a/b", "a/c"), None);
    }

    #[test]
    fn a_folder_may_be_named_once_before_or_after_what_is_in_it() {
        let mut names = Names::default();
        names.add("a/b", false).unwrap();
        names.add("a", true).unwrap();
        assert_eq!(names.add("a", true).unwrap_err().reason, Reason::Duplicate);
    }
}

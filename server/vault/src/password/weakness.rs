//! Passwords that are guessed first. Instead of a list of whole passwords there is a list of the
//! words that the well-known ones are made of, and rules for what people do with them: a
//! few of them joined, with digits and signs anywhere, in any case, with letters replaced by similar digits.
//!
//! To refuse more, add a line to `words.txt`.

use std::{collections::HashSet, fmt, sync::LazyLock};

static WORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("words.txt").lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect());

/// Rows of neighbours: on keyboards, in the alphabet, among digits.
const ROWS: [&str; 10] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiopü",
    "azertyuiop",
    "qsdfghjklm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "!@#$%^&*()_+",
];

/// Fewer different characters than this, in a password of the least length, are soon tried through.
const FEWEST_DIFFERENT: usize = 5;
/// Four words, even of a list of seven hundred, are too many to be tried at a sign-in page.
const MOST_WORDS: usize = 3;
/// A word about the owner counts from this length on; shorter ones are in every password by chance.
const SHORTEST_OWN_WORD: usize = 4;

/// Why a password is guessed early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// Few characters, or a short piece, again and again.
    Repeats,
    /// Runs along the keyboard, the alphabet or the digits.
    Runs,
    /// One to three common password words and nothing else but digits and signs.
    Words,
    /// As before, with what others know of the owner.
    Own,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repeats => "it repeats a few characters",
            Self::Runs => "it follows the keyboard, the alphabet or the digits",
            Self::Words => "it is made of common password words",
            Self::Own => "it is made of your own address or name",
        })
    }
}

/// The first weakness of a password; `about` is what others know of its owner, such as the e-mail address.
pub fn find(password: &str, about: &[&str]) -> Option<Weakness> {
    let lower = password.to_lowercase();
    let signs: Vec<char> = lower.chars().collect();
    if repeats(&signs) {
        return Some(Weakness::Repeats);
    }
    if runs(&signs) {
        return Some(Weakness::Runs);
    }
    let own: HashSet<String> = about.iter().flat_map(|text| own_words(text)).collect();
    let readings = [letters(&lower), letters(&without_look_alikes(&lower))];
    if readings.iter().any(|text| is_made_of(text, &|word| WORDS.contains(word))) {
        return Some(Weakness::Words);
    }
    if readings.iter().any(|text| is_made_of(text, &|word| WORDS.contains(word) || own.contains(word))) {
        return Some(Weakness::Own);
    }
    None
}

fn repeats(signs: &[char]) -> bool {
    let different: HashSet<&char> = signs.iter().collect();
    let has_period = |period: usize| signs.iter().zip(signs.iter().skip(period)).all(|(one, next)| one == next);
    different.len() < FEWEST_DIFFERENT || (1..=signs.len() / 3).any(has_period)
}

/// Whether nearly every step is one to a neighbour: at most one in four leads elsewhere.
fn runs(signs: &[char]) -> bool {
    let near = |one: char, next: char| {
        ROWS.iter().any(|row| {
            let place = |sign| row.chars().position(|candidate| candidate == sign);
            matches!((place(one), place(next)), (Some(a), Some(b)) if a.abs_diff(b) == 1)
        })
    };
    let far = signs.iter().zip(signs.iter().skip(1)).filter(|(one, next)| !near(**one, **next)).count();
    far * 4 <= signs.len()
}

fn letters(text: &str) -> String {
    text.chars().filter(|sign| sign.is_alphabetic()).collect()
}

/// The text with digits and signs read as the letters they look like, except at its ends, where
/// they are mostly a year or a number.
fn without_look_alikes(text: &str) -> String {
    text.trim_matches(|sign: char| !sign.is_alphabetic() && !matches!(sign, '@' | '$'))
        .chars()
        .map(|sign| match sign {
            '0' => 'o',
            '1' | '!' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            other => other,
        })
        .collect()
}

fn own_words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut words: Vec<String> = lower.split(|sign: char| !sign.is_alphabetic()).map(str::to_owned).collect();
    words.extend(lower.split('@').map(letters));
    words.push(letters(&lower));
    words.retain(|word| word.chars().count() >= SHORTEST_OWN_WORD);
    words
}

/// Whether the letters are nothing but at most [`MOST_WORDS`] such words, one after another. A text
/// without letters is not.
fn is_made_of(text: &str, is_word: &dyn Fn(&str) -> bool) -> bool {
    // The places up to which the text is made of words, each with the fewest words that lead there.
    let mut reached = vec![(0_usize, 0_usize)];
    for end in text.char_indices().map(|(start, sign)| start + sign.len_utf8()) {
        let words = reached.iter().filter(|(start, _)| text.get(*start..end).is_some_and(is_word)).map(|(_, words)| words + 1).min();
        reached.extend(words.map(|words| (end, words)));
    }
    reached.last().is_some_and(|(end, words)| *end == text.len() && (1..=MOST_WORDS).contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_refused() {
        for (password, weakness) in [
            ("aaaaaaaaaaaa", Weakness::Repeats),
            ("abcabcabcabc", Weakness::Repeats),
            ("111222333444", Weakness::Repeats),
            ("password1password1password1", Weakness::Repeats),
            ("123456789012", Weakness::Runs),
            ("1234567890qwertyuiop", Weakness::Runs),
            ("qwertyuiopasdf", Weakness::Runs),
            ("1qaz2wsx3edc", Weakness::Runs),
            ("zyxwvutsrqponm", Weakness::Runs),
            ("abcdefghijkl", Weakness::Runs),
            ("password1234", Weakness::Words),
            ("Password123!", Weakness::Words),
            ("P@ssw0rd2024", Weakness::Words),
            ("iloveyou1234", Weakness::Words),
            ("letmeinletmein", Weakness::Words),
            ("welcome-admin-2025", Weakness::Words),
            ("correct horse battery staple", Weakness::Words),
            ("trustno1trustno1", Weakness::Words),
            ("tiger coffee london", Weakness::Words),
            ("changeme12345", Weakness::Words),
        ] {
            assert_eq!(find(password, &[]), Some(weakness), "{password}");
        }
    }

    #[test]
    fn what_others_know_of_the_owner_is_refused() {
        let about = ["erika.musterfrau@zimtstern.example", "Acme Payments"];
        for password in ["erika.musterfrau", "Musterfrau2025", "zimtstern-1234", "acmepayments!!", "ErikaPassword1"] {
            assert_eq!(find(password, &about), Some(Weakness::Own), "{password}");
        }
        assert_eq!(find("musterfrau walks home", &about), None);
    }

    #[test]
    fn other_passwords_are_accepted() {
        for password in [
            "violet harbour",
            "Kx9$mQ2v!pL7",
            "drei kleine Igel",
            "8c1f0e7a55d2",
            "пять серых котов",
            "93847261048573",
            "tiger coffee london guitar",
        ] {
            assert_eq!(find(password, &["a@b.example"]), None, "{password}");
        }
    }

    #[test]
    fn every_word_of_the_list_can_be_met() {
        for word in WORDS.iter() {
            assert!(word.chars().all(|sign| sign.is_alphabetic() && sign.to_lowercase().eq([sign])), "{word}");
        }
    }
}

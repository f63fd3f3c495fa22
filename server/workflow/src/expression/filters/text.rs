//! Filters on texts. Lengths and places count characters, never bytes.

use std::borrow::Cow;

use serde_json::Value;

use super::{Arguments, Fault, Outcome, Signature, Work, plain};
use crate::expression::value::slice_indexes;

pub(super) const FILTERS: &[Signature] = &[
    plain("upper", &[], 0, |work, input, arguments| change(work, &input, arguments, str::to_uppercase)),
    plain("lower", &[], 0, |work, input, arguments| change(work, &input, arguments, str::to_lowercase)),
    plain("capitalize", &[], 0, |work, input, arguments| change(work, &input, arguments, capitalize)),
    plain("title", &[], 0, |work, input, arguments| change(work, &input, arguments, title)),
    plain("slugify", &[], 0, |work, input, arguments| change(work, &input, arguments, slugify)),
    plain("trim", &["characters"], 0, trim),
    plain("replace", &["old", "new", "count"], 2, replace),
    plain("truncate", &["length", "killwords", "end", "leeway"], 0, truncate),
    plain("substring", &["start", "end"], 1, substring),
    plain("split", &["separator", "maxsplit"], 0, split),
    plain("prefix", &["text"], 1, |work, input, arguments| attach(work, &input, arguments, true)),
    plain("suffix", &["text"], 1, |work, input, arguments| attach(work, &input, arguments, false)),
    plain("wordwrap", &["width", "break_long_words", "wrapstring"], 0, wordwrap),
    plain("indent", &["width", "first", "blank"], 0, indent),
];

/// What `truncate` leaves when nothing is said, in characters.
const TRUNCATED_LENGTH: usize = 255;
/// How much longer a text may be before `truncate` touches it, as in Jinja.
const TRUNCATE_LEEWAY: usize = 5;
/// The width of lines that `wordwrap` makes when nothing is said.
const LINE_WIDTH: usize = 79;
/// The blanks that `indent` puts when nothing is said.
const INDENT: usize = 4;

fn change<'a>(work: &mut Work<'a>, input: &Value, arguments: &Arguments<'a>, change: fn(&str) -> String) -> Result<Outcome<'a>, Fault> {
    let text = arguments.text_of(input)?;
    work.allocate(text.len())?;
    Ok(Outcome::made(change(text)))
}

fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

/// Words begin after blanks, hyphens and opening brackets, as in Jinja.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut begins = true;
    for character in text.chars() {
        if begins {
            titled.extend(character.to_uppercase());
        } else {
            titled.extend(character.to_lowercase());
        }
        begins = character.is_whitespace() || "-({[<".contains(character);
    }
    titled
}

/// Small letters and figures, joined by single hyphens.
fn slugify(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            slug.push(character);
        } else if let Some(plain) = without_accent(character) {
            slug.push_str(plain);
        } else if character.is_alphanumeric() {
            slug.push(character);
        } else if !slug.is_empty()
            && !slug.ends_with('-')
            && character != '\''
            && character != '’'
            && !('\u{300}'..='\u{36f}').contains(&character)
        {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// A Latin letter without what stands on it. Letters of other scripts stay what they are.
fn without_accent(character: char) -> Option<&'static str> {
    Some(match character {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        'þ' => "th",
        _ => return None,
    })
}

fn trim<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let text = arguments.text_of(&input)?;
    work.allocate(text.len())?;
    Ok(Outcome::made(match arguments.text(0)? {
        Some(characters) => {
            work.spend(text.len().saturating_mul(characters.len()) / 256)?;
            text.trim_matches(|c| characters.contains(c))
        }
        None => text.trim(),
    }))
}

fn replace<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let text = arguments.text_of(&input)?;
    let (old, new) = (required_text(arguments, 0)?, required_text(arguments, 1)?);
    let most = arguments.size(2)?.unwrap_or(usize::MAX);
    work.read(text.len())?;
    let found = text.matches(old).take(most).count();
    work.allocate(text.len().saturating_add(found.saturating_mul(new.len())))?;
    Ok(Outcome::made(text.replacen(old, new, most)))
}

fn required_text<'v>(arguments: &'v Arguments<'_>, parameter: usize) -> Result<&'v str, Fault> {
    arguments.text(parameter)?.ok_or_else(|| arguments.wrong(parameter, "a text", &Value::Null))
}

/// At most so many characters, of which the last ones say that something is missing.
fn truncate<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let text = arguments.text_of(&input)?;
    let length = arguments.size(0)?.unwrap_or(TRUNCATED_LENGTH);
    let end = arguments.text(2)?.unwrap_or("...");
    let leeway = arguments.size(3)?.unwrap_or(TRUNCATE_LEEWAY);
    work.read(text.len())?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(Outcome::Defined(input));
    }
    let Some(kept) = length.checked_sub(end.chars().count()) else {
        return Err(Fault::Argument("the argument `length` of `truncate` is less than the length of `end`".to_owned()));
    };
    let mut cut: String = text.chars().take(kept).collect();
    if !arguments.flag(1)?
        && let Some(blank) = cut.rfind(' ')
    {
        cut.truncate(blank);
    }
    cut.push_str(end);
    Ok(Outcome::made(cut))
}

/// From one place up to, not including, another; negative places count from the end.
fn substring<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let text = arguments.text_of(&input)?;
    let from = arguments.integer(0)?.ok_or_else(|| arguments.wrong(0, "an integer", &Value::Null))?;
    let to = arguments.integer(1)?;
    work.read(text.len())?;
    let indexes = slice_indexes(text.chars().count(), Some(from), to, 1)?;
    let taken = indexes.first().map_or_else(String::new, |first| text.chars().skip(*first).take(indexes.len()).collect());
    Ok(Outcome::made(taken))
}

/// The parts between separators; between blanks of any length when nothing is said.
fn split<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let text = arguments.text_of(&input)?;
    let most = arguments.size(1)?.unwrap_or(usize::MAX);
    work.allocate(text.len())?;
    let mut parts: Vec<Value> = Vec::new();
    match arguments.text(0)? {
        Some("") => return Err(Fault::Argument("the separator of `split` cannot be empty; `list` gives the characters".to_owned())),
        Some(separator) => {
            for part in text.splitn(most.saturating_add(1), separator) {
                work.spend(1)?;
                parts.push(Value::from(part));
            }
        }
        None => {
            let mut rest = text.trim_start();
            while !rest.is_empty() {
                work.spend(1)?;
                let end = if parts.len() < most { rest.find(char::is_whitespace).unwrap_or(rest.len()) } else { rest.len() };
                let (part, after) = rest.split_at(end);
                parts.push(Value::from(part));
                rest = after.trim_start();
            }
        }
    }
    Ok(Outcome::made(parts))
}

fn attach<'a>(work: &mut Work<'a>, input: &Value, arguments: &Arguments<'a>, before: bool) -> Result<Outcome<'a>, Fault> {
    let text = arguments.text_of(input)?;
    let more = required_text(arguments, 0)?;
    work.allocate(text.len() + more.len())?;
    Ok(Outcome::made(if before { format!("{more}{text}") } else { format!("{text}{more}") }))
}

/// Lines of at most so many characters, broken at blanks; lines that are there stay lines.
fn wordwrap<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let text = arguments.text_of(&input)?;
    let width = arguments.size(0)?.unwrap_or(LINE_WIDTH);
    if width == 0 {
        return Err(Fault::Argument("the argument `width` of `wordwrap` is at least 1".to_owned()));
    }
    let break_long = arguments.optional(1).is_none() || arguments.flag(1)?;
    let line_end = arguments.text(2)?.unwrap_or("\n");
    work.allocate(text.len())?;
    let mut wrapped: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut current = String::new();
        let mut filled = 0;
        for word in line.split(' ') {
            work.spend(1)?;
            let mut characters: Vec<char> = word.chars().collect();
            if filled > 0 && filled + 1 + characters.len() > width {
                wrapped.push(std::mem::take(&mut current));
                filled = 0;
            } else if filled > 0 {
                current.push(' ');
                filled += 1;
            }
            while break_long && characters.len() > width {
                let rest = characters.split_off(width);
                wrapped.push(characters.into_iter().collect());
                characters = rest;
            }
            filled += characters.len();
            current.extend(characters);
        }
        wrapped.push(current);
    }
    work.allocate(text.len().saturating_add(wrapped.len().saturating_mul(line_end.len())))?;
    Ok(Outcome::made(wrapped.join(line_end)))
}

/// Blanks, or a text, before each line but the first and the empty ones.
fn indent<'a>(work: &mut Work<'a>, input: Cow<'a, Value>, arguments: &Arguments<'a>) -> Result<Outcome<'a>, Fault> {
    let text = arguments.text_of(&input)?;
    let before = if let Some(Value::String(before)) = arguments.optional(0) {
        before.clone()
    } else {
        let width = arguments.size(0)?.unwrap_or(INDENT);
        work.fits(width)?;
        " ".repeat(width)
    };
    let (first, blank) = (arguments.flag(1)?, arguments.flag(2)?);
    let lines = text.split('\n').count();
    work.allocate(text.len().saturating_add(lines.saturating_mul(before.len())))?;
    let mut indented = String::new();
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            indented.push('\n');
        }
        if (number > 0 || first) && (blank || !line.trim().is_empty() || number == 0) {
            indented.push_str(&before);
        }
        indented.push_str(line);
    }
    Ok(Outcome::made(indented))
}

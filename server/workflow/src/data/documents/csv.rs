//! CSV (RFC 4180): comma, double quotes, a first row of names. Every value is a text, every row has all of them.

use serde_json::{Map, Value};

use super::{MAX_VALUES, too_many};

/// A list of objects, one a row, with the names of the first row.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut rows = rows(text.strip_prefix('\u{feff}').unwrap_or(text))?.into_iter();
    let Some((_, names)) = rows.next() else { return Ok(Value::Array(Vec::new())) };
    for (at, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(format!("has no name for column {}", at + 1));
        }
        if names.iter().take(at).any(|other| other == name) {
            return Err(format!("has two columns with the name `{name}`"));
        }
    }
    let objects = rows.map(|(line, row)| {
        if row.len() != names.len() {
            return Err(format!("has {} columns on line {line}, and {} names", row.len(), names.len()));
        }
        Ok(Value::Object(names.iter().cloned().zip(row.into_iter().map(Value::String)).collect::<Map<_, _>>()))
    });
    objects.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// The rows with the lines on which they begin. Empty lines are none.
fn rows(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    let mut rows = Vec::new();
    let (mut line, mut values) = (1, 0_usize);
    let mut signs = text.chars().peekable();
    while signs.peek().is_some() {
        let (begin, mut row) = (line, Vec::new());
        loop {
            values += 1;
            if values > MAX_VALUES {
                return Err(too_many());
            }
            let quoted = signs.next_if_eq(&'"').is_some();
            row.push(if quoted { inside_quotes(&mut signs, &mut line)? } else { without_quotes(&mut signs, line)? });
            match signs.next() {
                Some(',') => continue,
                Some('\r') => {
                    signs.next_if_eq(&'\n');
                }
                Some('\n') | None => {}
                Some(_) => return Err(format!("has something behind a closing quote on line {line}")),
            }
            break;
        }
        line += 1;
        if row.iter().any(|value| !value.is_empty()) || row.len() > 1 {
            rows.push((begin, row));
        }
    }
    Ok(rows)
}

type Signs<'t> = std::iter::Peekable<std::str::Chars<'t>>;

fn inside_quotes(signs: &mut Signs<'_>, line: &mut usize) -> Result<String, String> {
    let begin = *line;
    let mut value = String::new();
    while let Some(sign) = signs.next() {
        if sign == '"' && signs.next_if_eq(&'"').is_none() {
            return Ok(value);
        }
        *line += usize::from(sign == '\n');
        value.push(sign);
    }
    Err(format!("has a quote on line {begin} that is never closed"))
}

fn without_quotes(signs: &mut Signs<'_>, line: usize) -> Result<String, String> {
    let mut value = String::new();
    while let Some(sign) = signs.next_if(|sign| !matches!(sign, ',' | '\n' | '\r')) {
        if sign == '"' {
            return Err(format!("has a quote inside a value without quotes on line {line}"));
        }
        value.push(sign);
    }
    Ok(value)
}

/// CSV of a list of objects, all with the fields of the first one, or of a list of lists. Values are texts, numbers,
/// booleans or null, which is an empty one.
pub(super) fn write(value: &Value) -> Result<String, String> {
    const WANTED: &str = "has to be a list of objects, or a list of lists";
    let Value::Array(rows) = value else { return Err(WANTED.to_owned()) };
    let mut csv = String::new();
    if let Some(Value::Object(first)) = rows.first() {
        write_row(&mut csv, first.keys().map(|name| Value::from(name.as_str())).collect::<Vec<_>>().iter())?;
        for row in rows {
            let Value::Object(row) = row else { return Err(WANTED.to_owned()) };
            if row.len() != first.len() {
                return Err("has objects with different fields".to_owned());
            }
            let cells = first.keys().map(|name| row.get(name).ok_or_else(|| "has objects with different fields".to_owned()));
            write_row(&mut csv, cells.collect::<Result<Vec<_>, _>>()?.into_iter())?;
        }
        return Ok(csv);
    }
    for row in rows {
        let Value::Array(row) = row else { return Err(WANTED.to_owned()) };
        write_row(&mut csv, row.iter())?;
    }
    Ok(csv)
}

fn write_row<'v>(csv: &mut String, cells: impl Iterator<Item = &'v Value>) -> Result<(), String> {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            csv.push(',');
        }
        match cell {
            Value::Null => {}
            Value::String(text) if text.is_empty() || text.contains(['"', ',', '\n', '\r']) => {
                csv.push('"');
                csv.push_str(&text.replace('"', "\"\""));
                csv.push('"');
            }
            Value::String(text) => csv.push_str(text),
            Value::Bool(_) | Value::Number(_) => csv.push_str(&cell.to_string()),
            Value::Array(_) | Value::Object(_) => return Err("has a list or an object in a cell".to_owned()),
        }
    }
    csv.push_str("\r\n");
    Ok(())
}

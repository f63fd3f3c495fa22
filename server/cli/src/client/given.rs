//! Values that stand on a command line, `name=value`, read as what a workflow or a form declares them to be.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};
use web::api::{
    Word,
    approvals::{FieldJson, KindJson},
    workflows::{InputJson, TypeJson},
};

use super::{http::Client, workflow};
use crate::{
    failure::{Exit, Failure},
    terminal,
};

/// The inputs of a run, in a file or one by one.
#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// An input, read as what the workflow declares it to be; may be given several times. The key needs workflow:read for it.
    #[arg(long = "input", value_name = "NAME=VALUE", conflicts_with = "inputs")]
    input: Vec<Pair>,
    /// All inputs: a file with a JSON object, or `-` for standard input.
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
}

impl Inputs {
    /// What is given for a workflow; for single inputs what it declares is looked up.
    pub(super) async fn read(&self, client: &Client, of: &Word) -> Result<Map<String, Value>, Failure> {
        if let Some(file) = &self.inputs {
            let text = workflow::text_of(file)?;
            let shown = file.display();
            return serde_json::from_str(&text).map_err(|error| Failure::of(Exit::Usage, format!("{shown} is no JSON object: {error}.")));
        }
        if self.input.is_empty() {
            return Ok(Map::new());
        }
        let declared = workflow::workflow(client, of).await.map_err(|failure| match failure.exit {
            Exit::Denied => failure.hint("--input has to look up what the workflow declares; with --inputs FILE nothing is looked up."),
            _ => failure,
        })?;
        inputs(&declared.value.checked.inputs, &self.input)
    }
}

/// A name and the text given for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    name: String,
    text: String,
}

impl std::str::FromStr for Pair {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, text)) if !name.is_empty() => Ok(Self { name: name.to_owned(), text: text.to_owned() }),
            _ => Err("write NAME=VALUE"),
        }
    }
}

/// What a value has to be.
enum Kind {
    Text,
    Number,
    Boolean,
    Object,
    Array,
}

fn of_input(input: &InputJson) -> Kind {
    match input.kind {
        TypeJson::String => Kind::Text,
        TypeJson::Integer | TypeJson::Number => Kind::Number,
        TypeJson::Boolean => Kind::Boolean,
        TypeJson::Object => Kind::Object,
        TypeJson::Array => Kind::Array,
    }
}

fn of_field(field: &FieldJson) -> Kind {
    match field.kind {
        KindJson::Number => Kind::Number,
        KindJson::Boolean => Kind::Boolean,
        KindJson::String | KindJson::Text | KindJson::Select | KindJson::Date | KindJson::Email | KindJson::Url => Kind::Text,
    }
}

fn read(kind: &Kind, text: &str) -> Result<Value, &'static str> {
    let json = || serde_json::from_str::<Value>(text).ok();
    match kind {
        Kind::Text => Ok(text.into()),
        Kind::Number => json().filter(Value::is_number).ok_or("is no number, such as 12.5"),
        Kind::Boolean => json().filter(Value::is_boolean).ok_or("is neither true nor false"),
        Kind::Object => json().filter(Value::is_object).ok_or("is no JSON object"),
        Kind::Array => json().filter(Value::is_array).ok_or("is no JSON list"),
    }
}

/// The inputs of a workflow.
fn inputs(declared: &[InputJson], given: &[Pair]) -> Result<Map<String, Value>, Failure> {
    let known: Vec<(&str, Kind)> = declared.iter().map(|input| (input.name.as_str(), of_input(input))).collect();
    values(&known, given, "input of this workflow")
}

/// The fields of a form.
pub(super) fn fields(declared: &[FieldJson], given: &[Pair]) -> Result<Map<String, Value>, Failure> {
    let known: Vec<(&str, Kind)> = declared.iter().map(|field| (field.name.as_str(), of_field(field))).collect();
    values(&known, given, "field of this form")
}

fn values(known: &[(&str, Kind)], given: &[Pair], what: &str) -> Result<Map<String, Value>, Failure> {
    let mut values = Map::new();
    for Pair { name, text } in given {
        let shown = terminal::line(name);
        let Some((_, kind)) = known.iter().find(|(known, _)| known == name) else {
            let failure = Failure::of(Exit::Usage, format!("`{shown}` is no {what}."));
            let names = || known.iter().map(|(name, _)| *name);
            return Err(match platform::nearest(name, names()) {
                Some(near) => failure.hint(format!("Did you mean `{}`?", terminal::line(near))),
                None if known.is_empty() => failure.hint("It has none."),
                None => failure.hint(format!("There are: {}", terminal::line(&names().collect::<Vec<_>>().join(", ")))),
            });
        };
        let value = read(kind, text).map_err(|wrong| Failure::of(Exit::Usage, format!("`{shown}` {wrong}: {}", terminal::line(text))))?;
        if values.insert(name.clone(), value).is_some() {
            return Err(Failure::of(Exit::Usage, format!("`{shown}` is given twice.")));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_all(given: &[&str]) -> Result<Value, String> {
        let known = [("text", Kind::Text), ("count", Kind::Number), ("is_on", Kind::Boolean), ("list", Kind::Array), ("map", Kind::Object)];
        let given: Vec<Pair> = given.iter().map(|text| text.parse().unwrap()).collect();
        values(&known, &given, "input").map(Value::Object).map_err(|failure| failure.sentence)
    }

    #[test]
    fn a_value_is_read_as_what_it_is_declared_to_be() {
        let read = read_all(&["text=12", "count=12", "is_on=true", "list=[1]", "map={\"a\": 1}"]);
        assert_eq!(read, Ok(json!({"text": "12", "count": 12, "is_on": true, "list": [1], "map": {"a": 1}})));
        assert_eq!(read_all(&["text=a=b"]), Ok(json!({"text": "a=b"})));
        for wrong in ["count=x", "count=\"1\"", "is_on=yes", "list={}", "map=[]"] {
            assert!(read_all(&[wrong]).is_err(), "{wrong}");
        }
        assert!(read_all(&["text=a", "text=b"]).unwrap_err().contains("twice"));
    }

    #[test]
    fn a_name_that_is_not_declared_is_refused_with_the_nearest() {
        assert!(read_all(&["cuont=1"]).unwrap_err().contains("Did you mean `count`?"));
        assert!(read_all(&["zzzzzz=1"]).unwrap_err().contains("There are: text, count"));
        assert!("noequals".parse::<Pair>().is_err() && "=x".parse::<Pair>().is_err());
    }
}

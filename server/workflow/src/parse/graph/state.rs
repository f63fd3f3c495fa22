//! The state of a graph: what its nodes read and write.

use serde_json::Value;

use super::types::{self, Type};
use crate::{
    expression::Template,
    inputs::fits,
    parse::{
        declarations,
        diagnostic::{Report, did_you_mean},
        fields::{Fields, required},
        scalar::{self, is_identifier, short},
        source::Place,
        yaml::{Entry, Scalar},
    },
    plan::{InputField, OutputField, StateField, TemplateValue},
};

/// The most fields of a state.
const MAX_FIELDS: usize = 200;

/// One field.
pub(super) struct Field {
    pub(super) name: String,
    /// `None` when it could not be read: then nothing is called wrong because of it.
    pub(super) kind: Option<Type>,
    required: bool,
    default: Option<Value>,
    description: Option<String>,
}

/// All of them, in the order of the file.
#[derive(Default)]
pub(super) struct State {
    pub(super) fields: Vec<Field>,
}

impl State {
    pub(super) fn find(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }

    /// The type of what a path of names leads to, or what is wrong with it and what was perhaps meant. `Ok(None)` is not known.
    pub(super) fn at(&self, path: &[String]) -> Result<Option<Type>, (String, Option<String>)> {
        let Some((name, rest)) = path.split_first() else {
            return Err(("`state` is not a value: name one of its fields".to_owned(), Some("write `state.name`".to_owned())));
        };
        let Some(field) = self.find(name) else {
            let help = did_you_mean(name, self.names()).unwrap_or_else(|| "declare it under `state.fields`".to_owned());
            return Err((format!("the state has no field `{}`", short(name)), Some(help)));
        };
        let Some(kind) = &field.kind else { return Ok(None) };
        kind.at(rest).map_err(|missing| (format!("`{name}` is `{}` and has no field `{}`", kind.word(), short(missing)), None))
    }

    /// A field of the state that an entry names, as `name` or `state.name`; reports one that is not there.
    pub(super) fn named(&self, report: &mut Report, entry: &Entry) -> Option<(&Field, Vec<String>)> {
        let text = scalar::name(report, &entry.key, &entry.node)?;
        let path: Vec<String> = text.strip_prefix("state.").unwrap_or(text).split('.').map(str::to_owned).collect();
        if let Err((message, help)) = self.at(&path) {
            report.error_with(entry.node.place, "unknown_field", message, help);
            return None;
        }
        Some((self.find(path.first()?)?, path))
    }

    pub(super) fn inputs(&self) -> Vec<InputField> {
        let input = |field: &Field| {
            let check = field.kind.as_ref()?.check();
            let (required, default, description) = (field.required, field.default.clone(), field.description.clone());
            Some(InputField { name: field.name.clone(), check, required, default, description })
        };
        self.fields.iter().filter_map(input).collect()
    }

    pub(super) fn planned(&self) -> Vec<StateField> {
        self.fields.iter().filter_map(|field| Some(StateField { name: field.name.clone(), check: field.kind.as_ref()?.check() })).collect()
    }

    /// The state at the end: what a run gives.
    pub(super) fn outputs(&self) -> Vec<OutputField> {
        let output = |field: &Field| {
            let value = Template::parse(&format!("{{{{ state.{} }}}}", field.name)).ok()?;
            // A field that nobody has to give is null until a node writes it.
            let check = field.kind.as_ref().filter(|_| field.required || field.default.is_some()).map(Type::check);
            Some(OutputField {
                name: field.name.clone(),
                check,
                description: field.description.clone(),
                value: Some(TemplateValue::Template(value)),
            })
        };
        self.fields.iter().filter_map(output).collect()
    }
}

/// Reads `state: {fields: {…}}`.
pub(super) fn read(report: &mut Report, entry: Option<&Entry>, file: Place) -> State {
    let mut state = State::default();
    let Some(entry) = entry else {
        required(report, file, "state", "a graph", "add `state: {fields: {…}}`: what the nodes read and write".to_owned());
        return state;
    };
    let Some(mut keys) = Fields::of(report, "state", &entry.node) else { return state };
    let help = "name the fields of the state: `fields: {message: {type: str, required: true}}`";
    let fields = keys.take_required(report, "fields", ("`state`", entry.key_place), help);
    keys.finish(report, "`state`");
    let Some(mut fields) = fields.and_then(|fields| Fields::of(report, "fields", &fields.node)) else { return state };
    let entries = fields.rest();
    if let Some(entry) = entries.get(MAX_FIELDS) {
        report.error(entry.key_place, "too_many_declarations", format!("a state has at most {MAX_FIELDS} fields"));
    }
    for entry in entries.into_iter().take(MAX_FIELDS) {
        let field = field(report, entry);
        state.fields.push(field);
    }
    state
}

fn field(report: &mut Report, entry: &Entry) -> Field {
    let mut field = Field { name: entry.key.clone(), kind: None, required: false, default: None, description: None };
    // Names of the state stand behind `state.`, so that words of the language can be names too.
    if !is_identifier(&entry.key) {
        let help = scalar::slug(&entry.key, '_').filter(|slug| is_identifier(slug)).map(|slug| format!("write `{slug}`"));
        let message = format!("`{}` cannot be the name of a field: a name is made of letters, digits and `_`", short(&entry.key));
        report.error_with(entry.key_place, "invalid_name", message, help);
    }
    let whose = format!("the field `{}`", short(&entry.key));
    let Some(mut keys) = Fields::of(report, &entry.key, &entry.node) else { return field };
    let kind = types::of_entry(report, &mut keys, entry, &whose);
    let needed = keys.take(report, "required", &[]);
    let default = keys.take(report, "default", &[]);
    let description = keys.take(report, "description", &[]);
    keys.finish(report, "a field of the state");
    field.description = description.and_then(|entry| scalar::text(report, "description", &entry.node)).map(str::to_owned);
    field.required = needed.and_then(|entry| scalar::boolean(report, "required", &entry.node)).unwrap_or_default();
    if let Some(default) = default.filter(|default| !default.node.scalar().is_some_and(Scalar::is_null)) {
        if let Some(entry) = needed.filter(|_| field.required) {
            let message = format!("{whose} is required and has a default: nobody would ever need to give it");
            report.error_with(entry.key_place, "required_with_default", message, "remove `required` or `default`".to_owned());
        }
        if let Some(kind) = &kind {
            let check = kind.check();
            field.default = declarations::typed(report, "default", &default.node, &check);
            if let Some(Err(problem)) = field.default.as_ref().map(|value| fits(&check, value)) {
                report.error(default.node.place, "invalid_default", format!("the default of `{}` {problem}", field.name));
            }
        }
    }
    field.kind = kind;
    field
}

//! What an operation takes and gives, as its types say: collected while the document is made.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// What the document says of a route, made when it is asked for.
pub(crate) type Describe = Box<dyn Fn(&mut Components) -> Operation + Send + Sync>;

/// The schemas that operations share. What is taken and what is given are written differently: a field that may be left
/// out in a request is always there in an answer.
pub(crate) struct Components {
    asked: SchemaGenerator,
    given: SchemaGenerator,
}

/// One operation.
pub(crate) struct Operation {
    /// The name programs call it by: the thing and the verb.
    pub id: String,
    /// One sentence without its full stop.
    pub summary: &'static str,
    /// The permission that the scopes must have, by its name.
    pub permission: Option<&'static str>,
    /// The names of the variable parts of the path.
    pub path_names: Vec<&'static str>,
    /// Parts of the path, queries and headers.
    pub parameters: Vec<Value>,
    /// The body.
    pub body: Option<Value>,
    /// Answers by their status.
    pub answers: Vec<(u16, Value)>,
    /// The statuses of problems that are usual here.
    pub problems: BTreeSet<u16>,
}

impl Components {
    pub(crate) fn new() -> Self {
        let settings = || {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings
        };
        Self { asked: settings().for_deserialize().into_generator(), given: settings().for_serialize().into_generator() }
    }

    /// The schema of something that is sent to us.
    pub(crate) fn asked<T: JsonSchema>(&mut self) -> Value {
        self.asked.subschema_for::<T>().to_value()
    }

    /// The schema of something that we answer.
    pub(crate) fn given<T: JsonSchema>(&mut self) -> Value {
        self.given.subschema_for::<T>().to_value()
    }

    /// The fields of a struct that comes as a query: name, whether it is needed, schema.
    pub(crate) fn fields<T: JsonSchema>(&mut self) -> Vec<(String, bool, Value)> {
        let schema: Schema = T::json_schema(&mut self.asked);
        let needed: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        properties.into_iter().map(|(name, schema)| (name.clone(), needed.contains(&name.as_str()), of_query(schema))).collect()
    }

    /// Every schema that was named, and the names under which two different ones were given.
    pub(crate) fn into_schemas(mut self) -> (Map<String, Value>, Vec<String>) {
        let mut schemas = self.asked.take_definitions(true);
        let mut clashes = Vec::new();
        for (name, schema) in self.given.take_definitions(true) {
            match schemas.get(&name) {
                Some(known) if *known != schema => clashes.push(name),
                _ => {
                    schemas.insert(name, schema);
                }
            }
        }
        schemas.sort_keys();
        (schemas, clashes)
    }
}

/// The schema of a field that comes in a query: a text that is left out or not empty, where a member of an object may be null.
fn of_query(mut schema: Value) -> Value {
    if let Some(Value::Array(cases)) = schema.get("anyOf").cloned()
        && let [case, null] = cases.as_slice()
        && null.get("type").is_some_and(|kind| kind == "null")
    {
        let mut only = case.clone();
        if let (Some(only), Some(words)) = (only.as_object_mut(), schema.get("description")) {
            only.insert("description".to_owned(), words.clone());
        }
        schema = only;
    }
    let Some(members) = schema.as_object_mut() else { return schema };
    if let Some(Value::Array(kinds)) = members.get("type")
        && let Some(kind) = kinds.iter().find(|kind| *kind != "null").cloned()
    {
        members.insert("type".to_owned(), kind);
    }
    if members.get("type").is_some_and(|kind| kind == "string") && !members.contains_key("pattern") {
        members.insert("minLength".to_owned(), 1.into());
    }
    schema
}

impl Operation {
    pub(crate) fn problems(&mut self, statuses: &[u16]) {
        self.problems.extend(statuses);
    }

    pub(crate) fn parameter(&mut self, place: &str, name: &str, required: bool, schema: Value, description: Option<&str>) {
        // What a field says of itself belongs to the parameter.
        let mut schema = schema;
        let said = schema.as_object_mut().and_then(|schema| schema.shift_remove("description"));
        let mut parameter = json!({"name": name, "in": place, "required": required});
        if let Some(words) = description.map(Value::from).or(said)
            && let Some(parameter) = parameter.as_object_mut()
        {
            parameter.insert("description".to_owned(), words);
        }
        if let Some(parameter) = parameter.as_object_mut() {
            parameter.insert("schema".to_owned(), schema);
        }
        self.parameters.push(parameter);
    }
}

//! The document of the API (OpenAPI 3.1), made from the table of routes and from the types of their handlers.

use actix_web::{HttpResponse, http::header::CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::{
    problem::ProblemJson,
    schema::{Components, Operation},
};
use crate::{
    route::{Answer, Visitor},
    routes::routes,
};

/// `GET /api/v1/openapi.json`: for everybody; it tells no more than the source does.
pub(crate) async fn show(_visitor: Visitor) -> Answer {
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(openapi().to_string()))
}

const ABOUT: &str = "What people do on the pages of Mandate, for programs. A request shows an API key, or an access token that one was \
exchanged for; both belong to one tenant, and everything is done in the name of the key's owner, within what the key is for and \
what its owner may at that moment. A thing of another tenant does not exist.";

fn answers(operation: &Operation, problem: &Value) -> Map<String, Value> {
    let mut answers = Map::new();
    for (status, answer) in &operation.answers {
        answers.insert(status.to_string(), answer.clone());
    }
    for status in &operation.problems {
        answers.entry(status.to_string()).or_insert_with(|| json!({"$ref": "#/components/responses/Problem"}));
    }
    answers.insert("default".to_owned(), problem.clone());
    answers
}

fn written(operation: Operation) -> Value {
    let reference = json!({"$ref": "#/components/responses/Problem"});
    let answers = answers(&operation, &reference);
    let tag = operation.id.split('.').next().unwrap_or_default().to_owned();
    let mut written = json!({"operationId": operation.id, "tags": [tag], "summary": operation.summary});
    if let Some(written) = written.as_object_mut() {
        if let Some(permission) = operation.permission {
            written.insert("description".to_owned(), format!("Needs the scope `{permission}`.").into());
        }
        if !operation.parameters.is_empty() {
            written.insert("parameters".to_owned(), operation.parameters.into());
        }
        if let Some(body) = operation.body {
            written.insert("requestBody".to_owned(), body);
        }
        written.insert("responses".to_owned(), answers.into());
    }
    written
}

/// The document.
pub fn openapi() -> Value {
    let mut components = Components::new();
    let problem = components.given::<ProblemJson>();
    let mut paths: Map<String, Value> = Map::new();
    let mut described: Vec<_> = Vec::new();
    for route in routes() {
        if let Some(describe) = route.describe() {
            described.push((route.info().path, route.info().method.to_ascii_lowercase(), describe(&mut components)));
        }
    }
    described.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    for (path, method, operation) in described {
        let at = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(at) = at.as_object_mut() {
            at.insert(method, written(operation));
        }
    }
    let (schemas, _clashes) = components.into_schemas();
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Mandate", "version": "1", "description": ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or an access token made from one."}},
            "responses": {
                "Problem": {
                    "description": "It was not done, and why.",
                    "content": {"application/problem+json": {"schema": problem}},
                },
            },
            "schemas": schemas,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_types_share_a_name_in_the_document() {
        let mut components = Components::new();
        for route in routes() {
            if let Some(describe) = route.describe() {
                describe(&mut components);
            }
        }
        assert_eq!(components.into_schemas().1, Vec::<String>::new());
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_says_what_it_answers() {
        let document = openapi();
        let mut names = HashSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{name}");
                assert!(name.split('.').count() == 2 && !name.contains(['<', '{', ':']), "{name}");
                let answers = operation["responses"].as_object().unwrap();
                assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
            }
        }
    }
}

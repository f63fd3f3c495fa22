//! The document of the API: committed, and the same as what the code says.

use std::{env, fs, path::Path};

use crate::harness::{Engine, House};

#[test]
fn the_committed_document_is_what_the_code_says() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json"));
    let actual = format!("{}\n", serde_json::to_string_pretty(&web::openapi()).unwrap());
    if env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        fs::write(path, actual).unwrap();
        return;
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let difference = committed.lines().zip(actual.lines()).position(|(committed, actual)| committed != actual);
    assert!(
        committed == actual,
        "docs/openapi.json does not say what is so, from line {}. If this is meant, run the test with UPDATE_EXPECT=1 and commit the file.",
        difference.unwrap_or(committed.lines().count()) + 1
    );
}

#[test]
fn every_route_of_the_api_is_in_the_document_and_nothing_else() {
    let document = web::openapi();
    let mut described = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        described.extend(methods.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())));
    }
    let mut routes: Vec<(String, String)> = web::table()
        .into_iter()
        .filter(|route| route.access == "api")
        .map(|route| (route.path.to_owned(), route.method.to_owned()))
        .collect();
    described.sort();
    routes.sort();
    assert_eq!(described, routes);
}

#[tokio::test]
async fn the_server_gives_its_document_to_everybody() {
    let house = House::new(Engine::Sqlite).await;
    let answer = house.nobody.get("/api/v1/openapi.json").await.expect(200);
    assert_eq!(answer.json(), web::openapi());
    house.end().await;
}

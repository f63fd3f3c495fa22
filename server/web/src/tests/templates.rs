//! What no template may do, because the browser would refuse it in silence or an injection would get through.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn templates() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates"));
    let mut found = Vec::new();
    walk(root, &mut found);
    assert!(found.len() > 10);
    found.iter().map(|path| (path.strip_prefix(root).unwrap().display().to_string(), fs::read_to_string(path).unwrap())).collect()
}

/// The template without its comments.
fn markup(text: &str) -> String {
    text.split("{#")
        .enumerate()
        .map(|(index, part)| if index == 0 { part } else { part.split_once("#}").map_or("", |(_, rest)| rest) })
        .collect()
}

/// The opening tags of the elements with these names, whole.
fn tags<'a>(markup: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    markup.split('<').filter_map(move |part| {
        let rest = part.strip_prefix(name)?;
        rest.starts_with([' ', '>', '\n']).then(|| part.split_once('>').map_or(part, |(tag, _)| tag))
    })
}

#[test]
fn nothing_is_inline_that_the_policy_for_scripts_refuses() {
    for (file, text) in templates() {
        let markup = markup(&text);
        for (wrong, reason) in [
            (" style=", "styles are in static/app.css"),
            (" onclick=", "scripts are in static/app.js"),
            (" onchange=", "scripts are in static/app.js"),
            (" onsubmit=", "scripts are in static/app.js"),
            ("hx-on", "attributes with code need eval"),
            ("hx-live", "attributes with code need eval"),
            ("=\"js:", "attributes with code need eval"),
            ("javascript:", "attributes with code need eval"),
            ("|safe", "everything is escaped"),
            ("hx-ext", "a name of htmx 2"),
            (" sse-connect", "a name of htmx 2"),
            ("hx-vars", "a name of htmx 2"),
            ("hx-disabled-elt", "a name of htmx 2"),
            ("hx-confirm", "a confirmation carries no detail"),
        ] {
            assert!(!markup.contains(wrong), "{file}: `{wrong}`: {reason}");
        }
        for script in tags(&markup, "script") {
            assert!(script.contains("nonce=\"{{ page.nonce }}\"") && script.contains("src="), "{file}: <{script}>");
        }
        for link in tags(&markup, "a").filter(|tag| tag.contains("target=")) {
            assert!(link.contains("rel=\"noopener noreferrer\""), "{file}: <{link}>");
        }
    }
}

#[test]
fn every_form_that_changes_something_carries_the_token_of_the_session() {
    for (file, text) in templates() {
        let markup = markup(&text);
        for form in markup.split("<form").skip(1) {
            let (form, _) = form.split_once("</form>").unwrap_or((form, ""));
            if form.contains("method=\"post\"") {
                assert!(form.contains("action="), "{file}: a form without an address: {form}");
                assert!(form.contains("ui::csrf()") || form.contains("name=\"csrf\""), "{file}: a form without the token: {form}");
            }
        }
    }
}

#[test]
fn every_button_says_what_it_is_and_every_act_of_htmx_has_a_nonce() {
    for (file, text) in templates() {
        let markup = markup(&text);
        for button in tags(&markup, "button") {
            assert!(button.contains("type=\""), "{file}: <{button}>");
        }
        for part in markup.split('<').skip(1) {
            let tag = part.split_once('>').map_or(part, |(tag, _)| tag);
            let acts = ["hx-get", "hx-post", "hx-put", "hx-patch", "hx-delete", "hx-sse:connect"]
                .iter()
                .any(|verb| tag.contains(&format!(" {verb}=")));
            assert!(!acts || tag.contains("hx-nonce=\"{{ page.nonce }}\""), "{file}: <{tag}>");
        }
    }
}

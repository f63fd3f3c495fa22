//! The rules of the house that a compiler does not know: arrows only go down, back doors stay closed, files
//! stay rooms. A rule that is broken names the file, the line and the rule.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Which rooms a room may name in its manifest; ARCHITECTURE.md draws the same picture.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("workflow", &["domain"]),
    ("policy", &["domain"]),
    ("vault", &["domain"]),
    ("database", &["domain"]),
    ("tools", &["domain"]),
    ("agents", &["domain", "tools"]),
    ("engine", &["workflow", "database", "domain"]),
    ("rehearsal", &[]),
    ("platform", &["engine", "agents", "tools", "database", "policy", "vault", "workflow", "domain"]),
    ("web", &["platform", "policy", "domain"]),
    ("cli", &["web", "platform", "engine", "agents", "tools", "database", "policy", "vault", "domain", "rehearsal"]),
];

fn files(below: &str, ending: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                if !["target", "node_modules", ".git", "data"].contains(&entry.file_name().to_str().unwrap()) {
                    walk(&path, ending, found);
                }
            } else if path.to_str().unwrap().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(below), ending, &mut found);
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Lines of code of a file with their numbers: comments and everything from the first test module on left out.
fn code(path: &Path) -> Vec<(usize, String)> {
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line.to_owned()))
        .collect()
}

fn complain(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn tidy_arrows_only_go_down() {
    let rooms: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut broken = Vec::new();
    for manifest in files("server", "Cargo.toml") {
        let table: toml::Table = fs::read_to_string(&manifest).unwrap().parse().unwrap();
        let name = table["package"]["name"].as_str().unwrap().to_owned();
        let Some(allowed) = rooms.get(name.as_str()) else {
            broken.push(format!("{}: the room `{name}` has no arrows in this test", shown(&manifest)));
            continue;
        };
        for (dependency, _) in table["dependencies"].as_table().unwrap() {
            if rooms.contains_key(dependency.as_str()) && !allowed.contains(&dependency.as_str()) {
                broken.push(format!("{}: `{name}` may not depend on `{dependency}`", shown(&manifest)));
            }
        }
    }
    complain(broken);
}

#[test]
fn tidy_only_the_database_names_sqlx() {
    let manifests = files("server", "Cargo.toml").into_iter().chain(files("tests", "Cargo.toml"));
    complain(
        manifests
            .filter(|manifest| !shown(manifest).starts_with("server/database/"))
            .filter(|manifest| fs::read_to_string(manifest).unwrap().contains("sqlx"))
            .map(|manifest| format!("{}: only `database` may name sqlx", shown(&manifest)))
            .collect(),
    );
}

#[test]
fn tidy_workflow_has_no_async_clock_randomness_or_io() {
    let mut broken = Vec::new();
    for file in files("server/workflow/src", ".rs") {
        for (line, text) in code(&file) {
            for word in ["async ", "std::fs", "std::net", "std::env", "std::process", "SystemTime", "Instant", "thread::", "rand"] {
                if text.contains(&format!(" {word}")) && !text.contains("operand") {
                    broken.push(format!("{}:{line}: `workflow` is pure, and this names `{}`", shown(&file), word.trim()));
                }
            }
        }
    }
    complain(broken);
}

/// Constructors that hand out power, and the files that may call them.
const CONSTRUCTORS: &[(&str, &[&str])] = &[
    ("Actor::at_page(", &["server/platform/src/access.rs"]),
    ("Actor::by_mail_link(", &["server/platform/src/access.rs"]),
    ("Actor::by_api_key(", &["server/platform/src/access.rs"]),
    ("Grants::recorded(", &["server/policy/src/", "server/platform/src/access.rs"]),
    ("Guarded::new(", &["server/database/src/"]),
    ("Permit::issue(", &["server/platform/src/execution/"]),
    ("Hold::opened(", &["server/platform/src/execution/"]),
];

#[test]
fn tidy_power_is_made_in_few_places() {
    let mut broken = Vec::new();
    for file in files("server", ".rs") {
        let shown_file = shown(&file);
        if shown_file.starts_with("server/domain/") || shown_file.contains("/tests/") {
            continue;
        }
        for (line, text) in code(&file) {
            for (constructor, callers) in CONSTRUCTORS {
                if text.contains(constructor) && !callers.iter().any(|caller| shown_file.starts_with(caller)) {
                    broken.push(format!("{shown_file}:{line}: only {} may call `{constructor})`", callers.join(", ")));
                }
            }
        }
    }
    complain(broken);
}

#[test]
fn tidy_statements_across_tenants_live_in_files_named_system() {
    let mut broken = Vec::new();
    for file in files("server/database/src", ".rs") {
        if shown(&file).ends_with("system.rs") || shown(&file).contains("/system/") || shown(&file).ends_with("statement.rs") {
            continue;
        }
        for (line, text) in code(&file) {
            if text.contains("Statement::system") {
                broken.push(format!("{}:{line}: a statement across tenants outside of a file named system.rs", shown(&file)));
            }
        }
    }
    complain(broken);
}

/// Files over 900 lines are split; generated and vendored ones do not count.
#[test]
fn tidy_files_stay_rooms() {
    let mut broken = Vec::new();
    for (below, ending) in [("server", ".rs"), ("tests", ".rs"), ("templates", ".html")] {
        for file in files(below, ending) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            if lines > 900 {
                broken.push(format!("{}: {lines} lines; a file over 900 is split", shown(&file)));
            }
        }
    }
    complain(broken);
}

#[test]
fn tidy_the_two_databases_have_twin_migrations() {
    let names = |folder: &str| files(folder, ".sql").iter().map(|file| file.file_name().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names("migrations/sqlite"), names("migrations/postgres"));
    assert!(!names("migrations/sqlite").is_empty());
}

/// What htmx 4 under the strict policy cannot bear, or what is a hole in it.
#[test]
fn tidy_templates_keep_the_house_rules() {
    const FORBIDDEN: &[(&str, &str)] = &[
        ("hx-on", "no inline handlers"),
        ("hx-live", "no hx-live"),
        ("javascript:", "no script addresses"),
        ("\"js:", "no evaluated values"),
        (" style=", "style attributes are blocked by the policy"),
        (" onclick=", "no inline handlers"),
        (" onsubmit=", "no inline handlers"),
        (" onchange=", "no inline handlers"),
        ("|safe", "values are escaped"),
        ("| safe", "values are escaped"),
        ("hx-ext", "a name of htmx 2"),
        ("hx-vars", "a name of htmx 2"),
        ("hx-disabled-elt", "a name of htmx 2"),
        ("hx-params", "a name of htmx 2"),
        ("sse-connect=", "a name of htmx 2; hx-sse:connect"),
    ];
    let mut broken = Vec::new();
    for file in files("templates", ".html") {
        for (index, text) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            for (word, why) in FORBIDDEN {
                if text.contains(word) && !(*word == "sse-connect=" && text.contains("hx-sse")) {
                    broken.push(format!("{}:{}: `{}`: {why}", shown(&file), index + 1, word.trim()));
                }
            }
            if text.contains("<button") && !text.contains("type=") {
                broken.push(format!("{}:{}: a button without a type", shown(&file), index + 1));
            }
            if text.contains("<script") && !text.contains("nonce=") {
                broken.push(format!("{}:{}: a script without a nonce", shown(&file), index + 1));
            }
            if text.contains("hx-trigger") && text.contains('[') {
                broken.push(format!("{}:{}: a filter in hx-trigger is evaluated code", shown(&file), index + 1));
            }
        }
    }
    complain(broken);
}

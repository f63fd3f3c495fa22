//! Files that are made to hurt: they end in errors, and soon.

use workflow::parse::{MAX_BYTES, MAX_DIAGNOSTICS, MAX_STEPS, parse};

use crate::{below, errors, front, step};

mod files;

#[test]
fn every_hostile_file_is_refused_with_a_code_and_a_place() {
    for (name, text) in files::files() {
        let parsed = parse(&text);
        assert!(parsed.plan.is_none(), "{name} gave a plan");
        let error = parsed.errors().next().unwrap_or_else(|| panic!("{name} was refused without a word"));
        assert!(!error.code.is_empty() && !error.message.is_empty() && error.line >= 1 && error.column >= 1, "{name}: {error:?}");
        assert!(parsed.diagnostics.len() <= MAX_DIAGNOSTICS + 1, "{name}: {} diagnostics", parsed.diagnostics.len());
        if (name.contains("alias") || name.contains("laughs")) && !name.ends_with("a graph") {
            let known = ["anchor", "alias", "too_large", "too_deep", "broken_yaml"];
            assert!(parsed.errors().any(|error| known.contains(&error.code)), "{name}: {error:?}");
        }
    }
}

/// That many texts in a row.
fn row(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().concat()
}

#[test]
fn a_file_has_a_largest_size() {
    errors(&"a".repeat(MAX_BYTES + 1), &["1:1+1 too_large a workflow file has at most 1 MiB"]);
    assert!(parse(&below(&"a ".repeat(MAX_BYTES / 2 - 50))).errors().all(|error| error.code == "no_steps"));
}

#[test]
fn a_file_has_a_largest_number_of_steps() {
    let block = "```yaml\naction: workflow.log\ninputs: {message: x}\n```\n";
    let parsed = parse(&below(&format!("## Go\n{}", block.repeat(MAX_STEPS + 5))));
    let codes: Vec<_> = parsed.errors().map(|error| error.code).collect();
    assert_eq!(codes, ["too_many_steps"]);
    assert_eq!(parsed.outline.len(), MAX_STEPS);
    // Their ids are all different, however many stand below one heading.
    let ids: std::collections::BTreeSet<_> = parsed.outline.iter().map(|step| &step.id).collect();
    assert_eq!(ids.len(), MAX_STEPS);
}

#[test]
fn errors_without_end_are_cut_off_and_said_to_be() {
    let keys = row(20_000, |index| format!("ouput_{index}: x\n"));
    let parsed = parse(&step(&format!("id: a\naction: workflow.log\ninputs: {{message: x}}\n{keys}")));
    assert!(parsed.plan.is_none());
    assert_eq!(parsed.diagnostics.len(), MAX_DIAGNOSTICS + 1);
    assert_eq!(parsed.diagnostics.last().unwrap().code, "too_many");
    let names = row(900, |index| format!("{{{{ n{index} }}}}"));
    let parsed = parse(&step(&format!("id: a\naction: workflow.log\ninputs: {{message: \"{names}\"}}")));
    assert_eq!(parsed.diagnostics.last().unwrap().code, "too_many");
}

#[test]
fn openings_without_end_are_refused() {
    for opening in ["[", "{", "{a: ", "- ", "? ", "- - - ", "a:\n "] {
        let text = opening.repeat(200_000 / opening.len());
        assert!(parse(&front(&format!("inputs: {text}"))).plan.is_none(), "{opening}");
        assert!(parse(&step(&text)).plan.is_none(), "{opening}");
    }
    for line in ["```yaml\n", "~~~\n", "<!--\n", "> ```yaml\n", "# a\n", "## Step 1: a\n", "a\n---\n", "- - - a: |\n"] {
        assert!(parse(&below(&line.repeat(900_000 / line.len()))).plan.is_none(), "{line}");
    }
}

#[test]
fn values_and_declarations_without_end_are_refused() {
    let many = row(60_000, |index| format!("{index}, "));
    let codes = |source: &str| parse(source).errors().map(|error| error.code).collect::<Vec<_>>();
    assert_eq!(codes(&front(&format!("tags: [{many}]"))), ["too_large"]);
    let inputs = row(300, |index| format!("  i{index}: {{type: string, pattern: \"a{{1,{index}}}\"}}\n"));
    assert!(codes(&front(&format!("inputs:\n{inputs}"))).contains(&"too_many_declarations"));
}

#[test]
fn what_takes_time_for_each_has_a_largest_number() {
    let codes = |source: &str| parse(source).errors().map(|error| error.code).collect::<Vec<_>>();
    let approvers = row(101, |index| format!("role:r{index}, "));
    assert_eq!(codes(&step(&format!("id: a\napproval: {{approvers: [{approvers}]}}"))), ["too_many_approvers"]);
    let tags = row(51, |index| format!("t{index}, "));
    assert_eq!(codes(&front("").replace("name: Demo", &format!("name: Demo, tags: [{tags}]"))), ["too_many_tags"]);
    let request = |header: &str| {
        step(&format!("id: a\naction: http.request\ninputs: {{method: GET, url: \"https://a.example\", headers: {{A: \"{header}\"}}}}"))
    };
    assert_eq!(codes(&request(&"cred://a ".repeat(9))), ["invalid_header"]);
    assert_eq!(codes(&request(&"a".repeat(20_000))), ["invalid_header"]);
    let patterns = row(501, |index| format!("  - \"vars.x =~ 'a{index}'\"\n"));
    assert!(
        codes(&step(&format!("id: a\ncondition:\n{patterns}action: workflow.log\ninputs: {{message: x}}"))).contains(&"too_many_patterns")
    );
}

#[test]
fn signs_that_are_no_text_are_no_trouble() {
    for text in [
        "\0",
        "\u{feff}\u{feff}---\n---",
        "---\n\u{2028}\n---\n",
        "---\r---\r",
        "\u{202e}",
        "---\nworkflow: \"\\ud800\"\n---\n",
        "```yaml\n\t- a\n```",
    ] {
        assert!(parse(text).plan.is_none(), "{text:?}");
        assert!(parse(&below(text)).plan.is_none(), "{text:?}");
        assert!(parse(&step(text)).plan.is_none(), "{text:?}");
    }
}

//! What a bundle means: its main file, prompts and workflows in files of their own, defaults, variables and tools.

use serde_json::json;
use workflow::{
    bundle::Files,
    expression::Template,
    parse::{ParsedBundle, ToolKind, parse_bundle},
    plan::StepKind,
};

const FRONT: &str =
    "---\nworkflow: {id: triage, name: Triage}\ninputs:\n  text: {type: string, required: true}\n  limit: {type: integer, max: 10}\n---\n";

fn read(files: &[(&str, &str)]) -> ParsedBundle {
    let files = files.iter().map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec()));
    parse_bundle(&Files::collect(files).unwrap())
}

fn step(yaml: &str) -> String {
    format!("{FRONT}## 1. Ask\n```yaml\n{yaml}\n```\n")
}

fn asking(prompt: &str) -> String {
    step(&format!("action: agent.generate\nprompt: {prompt}"))
}

/// Diagnostics as `file:line:column code message`.
fn said(parsed: &ParsedBundle) -> Vec<String> {
    let lines = parsed.parsed.diagnostics.iter();
    lines
        .map(|one| {
            let file = one.file.as_deref().unwrap_or("-");
            format!("{file}:{}:{} {} {}", one.line, one.column, one.code, one.message)
        })
        .collect()
}

fn prompt(parsed: &ParsedBundle) -> &Template {
    match &parsed.parsed.plan.as_ref().unwrap_or_else(|| panic!("{:?}", said(parsed))).steps[0].kind {
        StepKind::Model(model) => &model.prompt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_main_file_is_found_by_its_name_or_because_it_is_the_only_one() {
    let flow = step("action: workflow.log\ninputs: {message: hi}");
    for (files, main) in [
        (&["workflow.md", "main.md", "other.md"][..], "workflow.md"),
        (&["main.md", "other.md"], "main.md"),
        (&["flow.md", "prompts/a.md", "README.txt"], "flow.md"),
    ] {
        let parsed = read(&files.iter().map(|path| (*path, flow.as_str())).collect::<Vec<_>>());
        assert_eq!(parsed.main.as_deref(), Some(main));
        assert!(parsed.parsed.plan.is_some(), "{:?}", said(&parsed));
    }
    for (files, message) in [
        (&["a.md", "b.md"][..], "nothing says which of `a.md`, `b.md` is the main file: call it `workflow.md`"),
        (&["prompts/a.md"], "the bundle has no main file: `workflow.md`, `main.md`, `workflow.yaml` or a single `.md` file at its top"),
        (&["main.md", "workflow.yaml"], "both `main.md` and `workflow.yaml` could be the main file: keep one of the two"),
    ] {
        let parsed = read(&files.iter().map(|path| (*path, flow.as_str())).collect::<Vec<_>>());
        assert_eq!(said(&parsed), [format!("-:1:1 main_missing {message}")]);
        assert!(parsed.main.is_none() && parsed.parsed.plan.is_none());
    }
}

#[test]
fn a_prompt_that_is_a_path_is_the_text_of_that_file() {
    let text = "Sort this:\n\n{{ inputs.text }}\n\n```yaml\naction: workflow.log\n```\n";
    for (path, written) in
        [("prompts/triage.md", "prompts/triage.md"), ("prompts/triage.md", "./prompts/triage.md"), ("größe.txt", "größe.txt")]
    {
        let parsed = read(&[("workflow.md", &asking(written)), (path, text)]);
        assert_eq!(prompt(&parsed).source(), text);
    }
    let windows = read(&[("workflow.md", &asking("a.txt")), ("a.txt", "\u{feff}a\r\nb")]);
    assert_eq!(prompt(&windows).source(), "a\nb");
}

#[test]
fn a_plan_is_another_one_when_its_prompt_is() {
    let hash = |text: &str| read(&[("workflow.md", &asking("a.md")), ("a.md", text)]).parsed.plan.unwrap().hash().unwrap();
    assert_eq!(hash("one"), hash("one"));
    assert_ne!(hash("one"), hash("two"));
}

#[test]
fn what_is_wrong_with_a_prompt_is_said_where_it_is_named() {
    let with = |written: &str, text: &str| said(&read(&[("workflow.md", &asking(written)), ("prompts/triage.md", text)]));
    assert_eq!(
        with("prompts/triage.md", "a\nbc {{ inputs. }}"),
        ["workflow.md:10:9 invalid_expression prompts/triage.md:2:15: the expression ends where the name of a field is expected"]
    );
    assert_eq!(with("prompts/triag.md", "x"), ["workflow.md:10:9 file_missing there is no file `prompts/triag.md` in the bundle"]);
    assert_eq!(with("../secret.md", "x"), ["workflow.md:10:9 file_outside `../secret.md` leads out of the bundle"]);
    assert_eq!(
        with("prompts/triage.md", " \n"),
        ["workflow.md:10:9 value_missing `prompt` is empty: there is nothing in `prompts/triage.md`"]
    );
    let misplaced = "there is `cred://` in `prompts/triage.md`: a credential can only stand in a header of an `http.request`";
    assert_eq!(with("prompts/triage.md", "cred://x"), [format!("workflow.md:10:9 credential_misplaced {misplaced}")]);
    let undefined = with("prompts/triage.md", "{{ inputs.txt }}");
    assert!(undefined.len() == 1 && undefined[0].starts_with("workflow.md:10:9 ") && undefined[0].contains("txt"), "{undefined:?}");

    let files = [("workflow.md".to_owned(), asking("a.md").into_bytes()), ("a.md".to_owned(), b"caf\xe9".to_vec())];
    let parsed = parse_bundle(&Files::collect(files).unwrap());
    assert_eq!(said(&parsed), ["workflow.md:10:9 file_unreadable `a.md` is not text in UTF-8"]);
}

#[test]
fn a_file_alone_says_that_a_path_needs_a_bundle() {
    let parsed = workflow::parse(&asking("prompts/triage.md"));
    assert_eq!(parsed.diagnostics[0].code, "bundle_needed");
    assert_eq!(parsed.diagnostics[0].file, None);
}

#[test]
fn the_configuration_gives_defaults_to_inputs_and_proposes_variables() {
    let flow = step("action: workflow.log\ninputs: {message: \"{{ inputs.text }} {{ vars.queue }}\"}");
    let config =
        "inputs:\n  text: from the bundle\n  limit: 3\nvariables:\n  queue: {value: support, description: Where it goes}\nx-note: free\n";
    let parsed = read(&[("workflow.md", &flow), ("config.yaml", config)]);
    let plan = parsed.parsed.plan.as_ref().unwrap_or_else(|| panic!("{:?}", said(&parsed)));
    let inputs: Vec<_> = plan.inputs.iter().map(|input| (input.name.as_str(), input.required, input.default.clone())).collect();
    assert_eq!(inputs, [("text", false, Some(json!("from the bundle"))), ("limit", false, Some(json!(3)))]);
    assert_eq!(parsed.variables.len(), 1);
    assert_eq!((parsed.variables[0].name.as_str(), &parsed.variables[0].value), ("queue", &json!("support")));
    let without = read(&[("workflow.md", &flow)]);
    assert_ne!(without.parsed.plan.unwrap().hash().unwrap(), plan.hash().unwrap());
}

#[test]
fn a_configuration_with_anything_else_in_it_is_refused_with_its_place() {
    let flow = step("action: workflow.log\ninputs: {message: \"{{ inputs.text }} {{ vars.queue }}\"}");
    for (config, expected) in [
        ("input:\n  text: x\n", &["config.yaml:1:1 unknown_key `input` is no key of `config.yaml`"][..]),
        ("inputs: {txt: x}\n", &["config.yaml:1:10 unknown_input `txt` is no input of the workflow"]),
        ("inputs: {limit: 11}\n", &["config.yaml:1:17 invalid_default the default of `limit` has to be at most 10"]),
        (
            "inputs: {text: \"{{ x }}\"}\n",
            &["config.yaml:1:16 not_evaluated a default is taken as it is written: expressions are not evaluated here"],
        ),
        ("variables: {queue: [a]}\n", &["config.yaml:1:20 wrong_type a variable is a text, a number or a boolean, not a list"]),
        ("variables: {queue: {description: x}}\n", &["config.yaml:1:13 key_missing the variable `queue` needs `value`"]),
        ("variables: {queu: a}\n", &["config.yaml:1:13 unused_variable the workflow does not read `vars.queu`"]),
        ("- a\n", &["config.yaml:1:1 wrong_type `config.yaml` is a mapping of names to values, not a list"]),
    ] {
        assert_eq!(said(&read(&[("workflow.md", &flow), ("config.yaml", config)])), expected, "{config}");
    }
    assert_eq!(
        said(&read(&[("workflow.md", &flow), ("config.yml", "")])),
        ["config.yml:1:1 other_spelling `config.yml` is not read".replacen("config.yml", "config.yaml", 1)]
    );
}

const TOOLS: &str = "tools:
  lint: {type: script, file: tools/lint.py, operations: [check]}
  issues: {type: openapi, url: https://issues.example.com/openapi.json, auth: cred://issues}
  search: {type: mcp, server: search, description: Finds things}
";

#[test]
fn declared_tools_are_known_and_a_step_that_needs_one_is_told_that_it_is_not_available() {
    let log = step("action: workflow.log\ninputs: {message: hi}");
    let parsed = read(&[("workflow.md", &log), ("tools.yaml", TOOLS), ("tools/lint.py", "raise SystemExit\n")]);
    assert!(parsed.parsed.plan.is_some(), "{:?}", said(&parsed));
    let tools: Vec<_> = parsed.tools.iter().map(|tool| (tool.name.as_str(), tool.kind)).collect();
    assert_eq!(tools, [("lint", ToolKind::Script), ("issues", ToolKind::OpenApi), ("search", ToolKind::Mcp)]);
    assert_eq!(parsed.tools[1].credential.as_deref(), Some("issues"));

    let needing = step("action: lint.check");
    let parsed = read(&[("workflow.md", &needing), ("tools.yaml", TOOLS), ("tools/lint.py", "x")]);
    assert_eq!(said(&parsed), ["workflow.md:9:9 tool_not_available the tool `lint` of `tools.yaml` is not available yet"]);
}

#[test]
fn a_tool_that_is_not_well_formed_is_refused() {
    let log = step("action: workflow.log\ninputs: {message: hi}");
    for (tools, code) in [
        ("tools: {lint: {type: script, file: lint.py}}", "file_outside"),
        ("tools: {lint: {type: script, file: tools/none.py}}", "file_missing"),
        ("tools: {lint: {type: script}}", "key_missing"),
        ("tools: {lint: {type: program, file: lint.py}}", "unknown_value"),
        ("tools: {lint: {file: lint.py}}", "key_missing"),
        ("tools: {search: {type: mcp, server: s, command: [sh, -c, evil]}}", "no_meaning"),
        ("tools: {search: {type: mcp, server: s, url: https://a.example}}", "no_meaning"),
        ("tools: {api: {type: http, url: file:///etc/passwd}}", "invalid_url"),
        ("tools: {api: {type: http, url: https://a.example, auth: s3cret}}", "invalid_credential"),
        ("tools: {api: {type: http, url: https://a.example, token: x}}", "unknown_key"),
        ("tools: {http: {type: http, url: https://a.example}}", "invalid_name"),
        ("tools: {Lint: {type: http, url: https://a.example}}", "invalid_name"),
        ("tool: {}", "unknown_key"),
    ] {
        let parsed = read(&[("workflow.md", &log), ("tools.yaml", tools), ("lint.py", "x")]);
        let codes: Vec<&str> = parsed.parsed.diagnostics.iter().map(|one| one.code).collect();
        assert!(codes.contains(&code) && parsed.parsed.plan.is_none(), "{tools}: {:?}", said(&parsed));
    }
}

#[test]
fn workflows_that_are_named_by_their_path_are_read_beside_the_main_one() {
    let calling = |path: &str| step(&format!("workflow: {path}"));
    let log = step("action: workflow.log\ninputs: {mesage: hi}");
    let parsed = read(&[
        ("workflow.md", &calling("./parts/a.md")),
        ("parts/a.md", &calling("../b.md")),
        ("b.md", &log),
        ("README.md", "no workflow"),
    ]);
    assert_eq!(parsed.linked.keys().collect::<Vec<_>>(), ["b.md", "parts/a.md"]);
    let of_b: Vec<String> = said(&parsed).into_iter().filter(|line| line.starts_with("b.md")).collect();
    assert!(of_b.iter().any(|line| line.starts_with("b.md:10:10 unknown_key")), "{of_b:?}");
    assert!(parsed.parsed.plan.is_none(), "a fault of a file that is named is one of the bundle");
    assert!(parsed.linked["b.md"].outline.len() == 1 && parsed.linked["b.md"].plan.is_none());

    let circle = read(&[("workflow.md", &calling("./a.md")), ("a.md", &calling("./b.md")), ("b.md", &calling("./a.md"))]);
    assert!(
        said(&circle).contains(&"b.md:9:11 circular_workflows `a.md` is on the way to this step already: a run would never end".to_owned()),
        "{:?}",
        said(&circle)
    );
    let missing = read(&[("workflow.md", &calling("./a.md"))]);
    assert!(said(&missing).iter().any(|line| line.starts_with("workflow.md:9:11 file_missing")), "{:?}", said(&missing));
}

#[test]
fn the_id_of_a_file_is_read_although_the_rest_is_wrong() {
    use workflow::parse::id_of;
    assert_eq!(id_of(&step("action: nonsense")).as_deref(), Some("triage"));
    assert_eq!(id_of("---\nworkflow:\n  id: other\n---\n").as_deref(), Some("other"));
    for none in ["", "id: x", "---\nid: x\n---\n", "---\nworkflow: [\n---\n", "---\nworkflow: {id: [a]}\n---\n"] {
        assert_eq!(id_of(none), None, "{none}");
    }
}

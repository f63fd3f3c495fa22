//! Files that are made to hurt, by name: read by the tests here, and by `make bench`, which says what each costs.

const HEAD: &str = "---\nworkflow: {id: demo, name: Demo}\n";
/// Just below the largest file there may be.
const NEARLY_1_MIB: usize = (1 << 20) - 200;

fn front(yaml: &str) -> String {
    format!("{HEAD}{yaml}\n---\n```yaml\n{{id: a, action: workflow.log, inputs: {{message: hello}}}}\n```\n")
}

fn below(text: &str) -> String {
    format!("{HEAD}---\n{text}")
}

fn step(yaml: &str) -> String {
    below(&format!("```yaml\n{yaml}\n```\n"))
}

fn graph(yaml: &str) -> String {
    format!("schema_version: \"1.0\"\nflow: {{name: demo}}\n{yaml}\n")
}

/// The text as often as fits into so many bytes.
fn filled(text: &str, bytes: usize) -> String {
    text.repeat(bytes / text.len())
}

fn numbered(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect()
}

/// Each level names the one before ten times: ten to the tenth values if anybody wrote them out.
fn laughs() -> String {
    let levels = numbered(10, |level| format!("l{}: &l{} [{}]\n", level + 1, level + 1, vec![format!("*l{level}"); 10].join(", ")));
    format!("l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n{levels}")
}

/// One large value, named as often as a file can.
fn quadratic() -> String {
    format!("big: &big [{}]\nall: [{}]", filled("x, ", 300_000), filled("*big, ", 600_000))
}

fn merges() -> String {
    numbered(2_000, |level| format!("m{}: &m{} {{<<: [*m{level}, *m{level}], k{level}: 1}}\n", level + 1, level + 1))
}

/// A mapping in a mapping, each a blank further to the right.
fn staircase(bytes: usize) -> String {
    let mut text = String::new();
    let mut depth = 0;
    while text.len() + depth + 3 < bytes {
        text.push_str(&" ".repeat(depth));
        text.push_str("a:\n");
        depth += 1;
    }
    text
}

fn log(message: &str) -> String {
    step(&format!("id: a\naction: workflow.log\ninputs: {{message: \"{message}\"}}"))
}

fn condition(expression: &str) -> String {
    step(&format!("id: a\ncondition: \"{expression}\"\naction: workflow.log\ninputs: {{message: x}}"))
}

/// All of them. Each is refused.
pub fn files() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, text: String| files.push((name.to_owned(), text));
    for (kind, bomb) in [("a billion laughs", laughs()), ("a quadratic alias bomb", quadratic()), ("a merge bomb", merges())] {
        add(&format!("{kind} in front matter"), front(&bomb));
        add(&format!("{kind} in a step"), step(&format!("id: a\naction: workflow.log\n{bomb}")));
        add(&format!("{kind} in a graph"), graph(&bomb));
    }
    add("more than 1 MiB", below(&"a".repeat(1 << 20)));
    for sign in ["[", "{", "- ", "? ", "a: ", "&a ", "*a ", "!a ", "'", "\"", "|\n", "{a: ", "[[], ", "\t", "#", "%", ",", "é"] {
        let shown = sign.escape_debug();
        add(&format!("1 MiB of `{shown}` in front matter"), front(&format!("{}\nunknown: 1", filled(sign, NEARLY_1_MIB))));
        add(&format!("1 MiB of `{shown}` in a step"), step(&filled(sign, NEARLY_1_MIB)));
        add(&format!("1 MiB of `{shown}` in a graph"), graph(&filled(sign, NEARLY_1_MIB)));
        add(&format!("1 MiB of `{shown}` below the front matter"), below(&filled(sign, NEARLY_1_MIB)));
    }
    for line in [
        "```yaml\n",
        "```\n",
        "~~~\n",
        "<!--\n",
        "> ",
        "> ```yaml\n",
        "# a\n",
        "## Step 1: a\n",
        "- - - a: |\n",
        "a\n---\n",
        "`",
        "*",
        "_",
        "[",
    ] {
        add(&format!("1 MiB of `{}` as Markdown", line.escape_debug()), below(&filled(line, NEARLY_1_MIB)));
    }
    add("a staircase in front matter", front(&staircase(NEARLY_1_MIB)));
    add("a staircase in a step", step(&staircase(NEARLY_1_MIB)));
    add("a staircase in a graph", graph(&staircase(NEARLY_1_MIB)));
    add("keys without end in front matter", front(&numbered(60_000, |index| format!("key_{index}: 1\n"))));
    add(
        "keys nearly right without end",
        step(&format!("id: a\naction: workflow.log\n{}", numbered(40_000, |index| format!("inputs_{index}: x\n")))),
    );
    add("the same key without end", front(&filled("tags: []\n", NEARLY_1_MIB)));
    add("one key of 1 MiB", front(&format!("{}: 1", "k".repeat(NEARLY_1_MIB))));
    add("one text of 1 MiB", front(&format!("description: {}\nunknown: 1", "d".repeat(NEARLY_1_MIB))));
    add("one escaped text of 1 MiB", front(&format!("description: \"{}\"\nunknown: 1", filled("\\u00e9", NEARLY_1_MIB - 100))));
    add(
        "inputs without end",
        front(&format!("inputs:\n{}", numbered(20_000, |index| format!("  i{index}: {{type: string, pattern: \"a+\"}}\n")))),
    );
    add("steps without end", below(&filled("```yaml\naction: workflow.log\ninputs: {message: x}\n```\n", NEARLY_1_MIB)));
    add("nodes without end", graph(&format!("nodes:\n{}", numbered(20_000, |index| format!("  - {{id: n{index}, prompt: x}}\n")))));
    for (name, opening, closing) in [
        ("parentheses", "(", ")"),
        ("brackets", "[", "]"),
        ("`not`", "not ", ""),
        ("signs", "-", ""),
        ("`if else`", "1 if t else ", ""),
        ("filters in filters", "a | default(", ")"),
        ("filters", "a | upper ", ""),
    ] {
        add(&format!("100,000 {name} in a condition"), condition(&format!("{}1{}", opening.repeat(100_000), closing.repeat(100_000))));
        add(&format!("3,000 {name} in a condition"), condition(&format!("{}1{}", opening.repeat(3_000), closing.repeat(3_000))));
    }
    add("`for` in `for` without end", log(&filled("{% for x in [1] %}", 900_000)));
    add("`for` in `for`, 2,000 deep", log(&"{% for x in [1] %}".repeat(2_000)));
    add("1 MiB of `{{`", log(&filled("{{", 900_000)));
    add("names without end", log(&numbered(3_000, |index| format!("{{{{ n{index} }}}}"))));
    add(
        "steps of names without end",
        below(&numbered(900, |index| {
            let names = numbered(60, |name| format!("{{{{ unknown_{index}_{name} }}}}"));
            format!("```yaml\nid: s{index}\naction: workflow.log\ninputs: {{message: \"{names}\"}}\n```\n")
        })),
    );
    add("a regular expression that grows", condition("'a' =~ '((((a{100}){100}){100}){100})'"));
    add("a regular expression of 60 KiB", condition(&format!("'a' =~ '{}'", "a?".repeat(30_000))));
    add(
        "regular expressions without end",
        below(&numbered(400, |index| {
            let conditions = numbered(16, |number| format!("  - \"'a' =~ '(x{{1,30}}{index}_{number}){{1,30}}'\"\n"));
            format!("```yaml\nid: s{index}\ncondition:\n{conditions}action: workflow.log\ninputs: {{message: x}}\n```\n")
        })),
    );
    for (kind, pattern) in [("wide", r"\\w{1,9}"), ("folded", r"(?i)\\pL{1,8}"), ("long", &"(a|b?c){1,9}".repeat(40))] {
        add(
            &format!("{kind} regular expressions without end"),
            below(&numbered(400, |index| {
                let conditions = numbered(16, |number| format!("  - \"'a' =~ '{pattern}{index}x{number}'\"\n"));
                format!("```yaml\nid: s{index}\ncondition:\n{conditions}action: workflow.log\ninputs: {{message: x}}\n```\n")
            })),
        );
    }
    files
}

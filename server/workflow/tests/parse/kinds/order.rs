//! `depends_on`: the order that steps ask for.

use workflow::plan::Tree;

use crate::{below, errors, hints, plan};

fn steps(lines: &[&str]) -> String {
    let blocks: Vec<String> =
        lines.iter().map(|line| format!("```yaml\n{{action: workflow.log, inputs: {{message: x}}, {line}}}\n```\n")).collect();
    below(&blocks.concat())
}

#[test]
fn one_step_that_waits_makes_a_graph_of_all() {
    let plan = plan(&steps(&["id: a", "id: b, depends_on: [c]", "id: c", "id: d, depends_on: [a, b]"]));
    let waits: Vec<_> = plan.steps.iter().map(|step| step.depends_on.clone().unwrap()).collect();
    assert_eq!(waits, [vec![], vec!["c".to_owned()], vec![], vec!["a".to_owned(), "b".to_owned()]]);
    let tree = Tree::of(&plan);
    let at = |id| tree.find(id).unwrap();
    assert!(tree.comes_before(at("c"), at("d")) && !tree.comes_before(at("a"), at("c")));
}

#[test]
fn a_list_without_one_keeps_the_order_of_the_file() {
    assert!(plan(&steps(&["id: a", "id: b"])).steps.iter().all(|step| step.depends_on.is_none()));
}

#[test]
fn waiting_is_known_by_other_words() {
    hints(
        &steps(&["id: a", "id: b, needs: a", "id: c, dependsOn: [b]"]),
        &[
            "8:53+5 other_spelling [b] `needs` is read as `depends_on`; write `depends_on`",
            "11:53+9 other_spelling [c] `dependsOn` is read as `depends_on`; write `depends_on`",
        ],
    );
}

#[test]
fn steps_that_wait_for_each_other_are_written_out() {
    errors(
        &steps(&["id: a, depends_on: [c]", "id: b, depends_on: a", "id: c, depends_on: [b]"]),
        &["8:65+1 cycle [b] these steps wait for each other, so none of them could begin: `a` → `c` → `b` → `a`"],
    );
    errors(&steps(&["id: a, depends_on: [a]"]), &["5:66+1 cycle [a] a step cannot wait for itself"]);
}

#[test]
fn steps_that_are_not_there_are_named() {
    errors(
        &steps(&["id: first", "id: b, depends_on: [frist, elsewhere, first, first]"]),
        &[
            "8:66+5 unknown_step [b] there is no step `frist` in this list; did you mean `first`?",
            "8:73+9 unknown_step [b] there is no step `elsewhere` in this list; name a step of the same list: what stands inside another step is not one",
            "8:91+5 duplicate_value [b] this step is named already",
        ],
    );
    let inside = below(
        "```yaml\nid: a\nif: true\nthen: [{id: in, action: workflow.noop}]\n```\n```yaml\n{id: b, action: workflow.noop, depends_on: [in]}\n```\n",
    );
    errors(
        &inside,
        &[
            "10:45+2 unknown_step [b] there is no step `in` in this list; name a step of the same list: what stands inside another step is not one",
        ],
    );
}

#[test]
fn what_is_used_has_to_be_waited_for() {
    let source = below(
        "```yaml\n{id: a, action: workflow.log, inputs: {message: \"{{ got }}\"}, depends_on: [c]}\n```\n\
         ```yaml\n{id: b, action: workflow.log, inputs: {message: \"{{ got }}\"}}\n```\n\
         ```yaml\n{id: c, action: agent.generate, prompt: x, output_variable: got}\n```\n",
    );
    errors(
        &source,
        &[
            "8:53+3 set_later [b] `got` is set by the step `c` on line 10, which may run at the same time as this one; add `c` to `depends_on`",
        ],
    );
}

#[test]
fn whoever_waits_for_a_step_waits_for_what_belongs_to_it() {
    let source = below(
        "```yaml\nid: ask\napproval: {title: Pay?, on_reject: [{action: workflow.noop}]}\n```\n\
         ```yaml\n{id: pay, action: workflow.noop, approval_required: true, depends_on: [ask]}\n```\n",
    );
    let plan = plan(&source);
    let waits: Vec<_> = plan.steps.iter().map(|step| (step.id.as_str(), step.depends_on.clone().unwrap().join(","))).collect();
    assert_eq!(
        waits,
        [
            ("ask", String::new()),
            ("ask_on_reject", "ask".to_owned()),
            ("pay_approval", "ask,ask_on_reject".to_owned()),
            ("pay", "pay_approval".to_owned())
        ]
    );
}

#[test]
fn steps_inside_others_have_an_order_of_their_own() {
    let source = below(
        "```yaml\nid: a\ntry: [{id: x, action: workflow.noop, depends_on: [y]}, {id: y, action: workflow.noop}]\n```\n```yaml\n{id: b, action: workflow.noop}\n```\n",
    );
    let plan = plan(&source);
    assert_eq!(plan.step("x").unwrap().depends_on.as_deref(), Some(&["y".to_owned()][..]));
    assert!(plan.step("b").unwrap().depends_on.is_none());
}

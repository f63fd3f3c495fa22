//! Which blocks are steps.

use workflow::parse::parse;

use crate::{below, errors, hints, plan};

const LOG: &str = "```yaml\naction: workflow.log\ninputs: {message: hello}\n```\n";

fn ids(source: &str) -> Vec<String> {
    plan(source).steps.into_iter().map(|step| step.id).collect()
}

fn others(source: &str) -> Vec<(u32, bool, String)> {
    parse(source).blocks.into_iter().map(|block| (block.line, block.candidate, block.reason)).collect()
}

#[test]
fn ids_come_from_numbers_from_headings_and_from_names() {
    let numbered = below(&format!("## Step 1: A\n{LOG}{LOG}### 3.1. B\n{LOG}"));
    assert_eq!(ids(&numbered), ["step_1", "step_1b", "step_3_1"]);
    let titled = below(&format!("## Tell everybody!\n{LOG}{LOG}## 2 things\n{LOG}"));
    assert_eq!(ids(&titled), ["tell_everybody", "tell_everybody_b", "step_2_things"]);
    let named = below("```yaml\nname: Say hello\naction: workflow.log\ninputs: {message: hello}\n```\n");
    assert_eq!(ids(&named), ["say_hello"]);
    let names: Vec<_> = plan(&numbered).steps.into_iter().map(|step| step.name).collect();
    assert_eq!(names, ["A", "A", "B"]);
}

#[test]
fn a_step_without_any_id_is_an_error() {
    errors(&below(LOG), &["4:1+3 id_missing nothing gives this step an id; add `id:`, or put it below a heading"]);
    errors(&below(&format!("## 支払い\n{LOG}")), &["5:1+3 id_missing nothing gives this step an id; add `id:`, or put it below a heading"]);
}

#[test]
fn ids_are_unique_and_well_formed() {
    errors(
        &below(&format!("## Same\n{LOG}## Same\n{LOG}")),
        &["10:1+3 duplicate_id [same] the id `same` belongs to the step on line 5 already; give this step an `id` of its own"],
    );
    let step = |id: &str| format!("```yaml\nid: {id}\naction: workflow.log\ninputs: {{message: hello}}\n```\n");
    errors(
        &below(&format!("{}{}", step("one"), step("one"))),
        &["10:5+3 duplicate_id [one] the id `one` belongs to the step on line 4 already; give this step another id"],
    );
    errors(
        &below(&format!("## A\n{}", step("1 of 2"))),
        &[
            "6:5+6 invalid_id `1 of 2` cannot be the id of a step: it begins with a letter, and letters, digits, `_` and `-` follow, 64 at most; \
             write `step_1_of_2`",
        ],
    );
}

#[test]
fn with_step_headings_only_what_stands_below_them_is_a_step() {
    let source = below(&format!("# Demo\n{LOG}## Step 1: A\n{LOG}## More\n{LOG}"));
    assert_eq!(ids(&source), ["step_1"]);
    assert_eq!(
        others(&source),
        [
            (5, true, "`Demo` is no step heading, and this file has step headings".to_owned()),
            (15, true, "`More` is no step heading, and this file has step headings".to_owned()),
        ]
    );
    let above = below(&format!("{LOG}## Step 1: A\n{LOG}"));
    assert_eq!(others(&above), [(4, true, "it stands above the first step heading".to_owned())]);
}

#[test]
fn a_heading_between_a_step_heading_and_its_block_is_pointed_out() {
    let source = below(&format!("## Step 1: A\n{LOG}### Details\n{LOG}### Example\n{LOG}"));
    assert_eq!(ids(&source), ["step_1"]);
    hints(
        &source,
        &["10:1+3 not_a_step this block reads like a step but is none, because a heading stands between it and the step heading; \
           give it a step heading of its own, or remove the heading above it"],
    );
}

#[test]
fn without_step_headings_only_documentation_is_left_out() {
    let source = below(&format!("# Release notes\n{LOG}## Usage examples\n{LOG}### Deeper\n{LOG}## Go\n{LOG}"));
    assert_eq!(ids(&source), ["release_notes", "go"]);
    assert_eq!(
        others(&source),
        [
            (10, true, "it stands under `Usage examples`, in a section that explains".to_owned()),
            (15, true, "it stands under `Deeper`, in a section that explains".to_owned()),
        ]
    );
}

#[test]
fn numbered_headings_inside_an_example_do_not_make_a_file_one_with_step_headings() {
    let source = below(&format!("## Go\n{LOG}## Example\n### Step 1: Show\n{LOG}"));
    assert_eq!(ids(&source), ["go"]);
}

#[test]
fn every_block_that_is_no_step_is_listed() {
    let source = below(&format!(
        "## Go\n{LOG}```yaml\nanswer: 42\n```\n```yaml\n# nothing\n```\n```\nplain\n```\n> ```yaml\n> action: workflow.log\n> ```\n\n<!--\n{LOG}-->\n"
    ));
    assert_eq!(
        others(&source),
        [
            (9, false, "it has neither a `type` nor a key that names a kind of step".to_owned()),
            (12, false, "it is empty".to_owned()),
            (15, false, "it names no language; steps are blocks of `yaml`".to_owned()),
            (18, true, "it stands in a quotation".to_owned()),
            (23, true, "it stands in an HTML comment".to_owned()),
        ]
    );
}

#[test]
fn blocks_below_headings_that_name_them_continue_the_front_matter() {
    let source = below(&format!(
        "## Inputs\n```yaml\nwho: {{type: string}}\naction: {{type: string}}\n```\n## Outputs\n```yml\noutputs:\n  text: {{value: who ~ '!'}}\n```\n\
         ## Triggers\n```yaml\n- type: manual\n```\n## Say\n{LOG}"
    ));
    let plan = plan(&source);
    assert_eq!(plan.inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>(), ["who", "action"]);
    assert_eq!(plan.outputs[0].name, "text");
    assert_eq!(plan.steps.len(), 1);
    // The same declaration twice is documentation; two different ones are a contradiction.
    let twice = |second: &str| {
        format!(
            "---\nworkflow: {{id: demo, name: Demo}}\ninputs: {{who: {{type: string}}}}\n---\n## Inputs\n```yaml\nwho: {{type: {second}}}\n```\n## Say\n{LOG}"
        )
    };
    errors(&twice("string"), &[]);
    errors(
        &twice("number"),
        &["7:1+3 duplicate_key `who` is declared on line 3 already, and not like this; \
           keep one of the two; if this is an example, put it below a heading such as Example"],
    );
}

#[test]
fn a_step_below_a_heading_that_names_outputs_is_a_step() {
    let source = "---\nworkflow: {id: demo, name: Demo}\noutputs: {a: {type: string}}\n---\n## Set outputs\n\
                  ```yaml\naction: workflow.set_outputs\ninputs: {a: b}\n```\n";
    assert_eq!(ids(source), ["set_outputs"]);
}

#[test]
fn other_fences_are_refused_by_name() {
    errors(
        &below(&format!("## Go\n{LOG}```loop\nx\n```\n~~~condition\nx\n~~~\n## Example\n```tool\nx\n```\n")),
        &[
            "9:1+3 refused_fence blocks of `loop` are not part of the language; write the step as a block of `yaml`",
            "12:1+3 refused_fence blocks of `condition` are not part of the language; write the step as a block of `yaml`",
        ],
    );
}

#[test]
fn a_fence_that_is_never_closed_is_an_error() {
    errors(
        &below(&format!("## Go\n{LOG}## Next\n```yaml\naction: workflow.log\n")),
        &["10:1+3 unclosed_fence this fence is never closed; end the block with a line of the same signs"],
    );
}

#[test]
fn a_file_without_steps_is_an_error_that_says_where_one_could_have_been() {
    errors(
        &below("# Demo\n"),
        &["1:1+1 no_steps this workflow has no steps; add a block of `yaml` with an `action` below a heading such as `## Step 1: Read`"],
    );
    errors(
        &below(&format!("## Example\n{LOG}")),
        &["5:1+1 no_steps this workflow has no steps; the block on line 5 is none: it stands under `Example`, in a section that explains"],
    );
}

#[test]
fn a_numbered_heading_without_a_block_is_pointed_out() {
    hints(
        &below(&format!("## 1. Overview\ntext\n## 2. Go\n{LOG}")),
        &["4:1+1 heading_without_step `Overview` is numbered like a step, but no step stands below it; \
           put the step's yaml block directly below this heading, or leave the number out"],
    );
}

#[test]
fn a_prompt_may_show_fences_of_its_own() {
    let source = below(
        "## Ask\n```yaml\naction: agent.generate\ninputs:\n  prompt: |\n    Answer like this:\n    ```yaml\n    action: workflow.log\n    ```\n    Nothing else.\n```\n",
    );
    let plan = plan(&source);
    assert_eq!(plan.steps.len(), 1);
    let workflow::plan::StepKind::Model(model) = &plan.steps[0].kind else { panic!("it is a prompt") };
    assert_eq!(model.prompt.source(), "Answer like this:\n```yaml\naction: workflow.log\n```\nNothing else.\n");
}

#[test]
fn front_matter_steps_exclude_the_body() {
    let source = format!(
        "---\nworkflow: {{id: demo, name: Demo}}\nsteps:\n  - {{id: only, action: workflow.log, inputs: {{message: hi}}}}\n---\n## Go\n{LOG}"
    );
    let ids: Vec<String> = plan(&source).steps.into_iter().map(|step| step.id).collect();
    assert_eq!(ids, ["only"]);
    assert_eq!(others(&source), [(7, true, "the steps are in the front matter".to_owned())]);
}

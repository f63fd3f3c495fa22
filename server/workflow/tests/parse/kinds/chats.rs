//! `agent.chat`, values that only a prompt sees, and tools of a prompt.

use workflow::plan::{ChatStep, MessageRole, ModelStep, ModelTask, StepKind};

use crate::{errors, hints, only_kind, step};

fn model(yaml: &str) -> ModelStep {
    match only_kind(&step(&format!("id: a\n{yaml}"))) {
        StepKind::Model(model) => model,
        other => panic!("{other:?}"),
    }
}

fn chat_of(yaml: &str) -> ChatStep {
    match only_kind(&step(&format!("id: a\n{yaml}"))) {
        StepKind::Chat(chat) => chat,
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_that_are_one_prompt_are_that_prompt() {
    let plain = model("action: agent.chat\nsystem: be short\nprompt: hi");
    assert_eq!((plain.task, plain.prompt.source()), (ModelTask::Chat, "hi"));
    for same in [
        "action: agent.chat\nmessages: [{role: system, content: be short}, {role: user, content: hi}]",
        "action: agent.chat.completions\ninputs: {system: be short, messages: [{role: user, content: hi}]}",
        "type: agent\naction: agent.chat\nsystem: be short\ninputs: {prompt: hi}",
    ] {
        assert_eq!(model(same), plain, "{same}");
    }
    assert_eq!(model("prompt: hi").task, ModelTask::Generate);
    assert_eq!(model("type: agent\naction: agent.analyze\nprompt: hi").task, ModelTask::Analyze);
}

#[test]
fn a_conversation_keeps_its_messages_and_a_prompt_its_tools() {
    let chat = chat_of(
        "action: agent.chat\nmessages: [{role: user, content: \"{{ run.id }}\"}, {role: assistant, content: x}, {role: user, content: y}]",
    );
    let roles: Vec<_> = chat.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [MessageRole::User, MessageRole::Assistant, MessageRole::User]);
    let with_tools = chat_of("prompt: hi\ntools: [search, fetch]");
    assert_eq!((with_tools.tools.len(), with_tools.messages.len()), (2, 1));
}

#[test]
fn a_chat_that_means_nothing_is_refused_at_its_place() {
    for (yaml, expected) in [
        ("action: agent.chat\nmessages: hi", "7:11+2 wrong_type [a] `messages` is a list of `{role, content}`, not a single value"),
        ("action: agent.chat\nmessages: []", "7:11+1 out_of_range [a] a chat has 1 to 100 messages"),
        (
            "action: agent.chat\nmessages: [{role: robot, content: x}]",
            "7:19+5 unknown_value [a] `robot` is no value of `role`; it is one of `system`, `user`, `assistant`",
        ),
        (
            "action: agent.chat\nmessages: [{role: user}]",
            "7:12+1 key_missing [a] a message needs `content`; add `content:` with what is said",
        ),
        ("action: agent.chat\nmessages: [{content: x}]", "7:12+1 key_missing [a] a message needs `role`; add `role: user`"),
        (
            "action: agent.generate\nmessages: [{role: user, content: x}]",
            "7:1+8 no_meaning [a] `messages` has no meaning for `agent.generate`; write `action: agent.chat`",
        ),
        (
            "action: agent.chat\nprompt: hi\nmessages: [{role: user, content: x}]",
            "8:1+8 duplicate_key [a] `prompt` and `messages` say the same: a prompt is one message; keep one of the two",
        ),
        ("type: agent", "6:7+5 key_missing [a] `agent.generate` needs `prompt`; add `prompt:` below `inputs`"),
        ("prompt: hi\ntools: [search, {name: x}]", "7:17+1 wrong_type [a] `tools` is a list of texts, and this is a mapping"),
        (
            "type: agent\naction: http.request\ninputs: {method: GET, url: \"https://a.example\"}",
            "7:1+6 two_kinds [a] a step is one thing, and this one is a step of kind `agent` already: `action` makes it another; make two steps of it",
        ),
    ] {
        errors(&step(&format!("id: a\n{yaml}")), &[expected]);
    }
}

#[test]
fn values_of_a_prompt_are_seen_by_it_alone() {
    let source =
        "prompt: \"Hello {{ who }}, {{ n }}, {{ all }}\"\nprompt_inputs: {who: \"{{ run.started_by }}\", n: 5, all: \"a {{ run.id }} b\"}";
    assert_eq!(
        model(source).prompt.source(),
        "{% set who = run.started_by %}{% set n = 5 %}{% set all = \"a \" ~ (run.id) ~ \" b\" %}Hello {{ who }}, {{ n }}, {{ all }}"
    );
    hints(
        &step("id: a\nprompt: \"{{ x }}\"\npromptInputs: {x: 1}"),
        &["7:1+12 other_spelling [a] `promptInputs` is read as `prompt_inputs`; write `prompt_inputs`"],
    );
    for (yaml, expected) in [
        ("system: \"{{ who }}\"\nprompt: x\nprompt_inputs: {who: 1}", "6:13+3 undefined_name [a] nothing sets `who`"),
        ("prompt: \"{{ who }}\"\nprompt_inputs: {who: \"{{ nope }}\"}", "7:26+4 undefined_name [a] nothing sets `nope`"),
        (
            "prompt: \"{{ who }}\"\nprompt_inputs: {who: {a: \"{{ run.id }}\"}}",
            "7:22+1 wrong_type [a] a value of `prompt_inputs` is a value, one expression, or text with expressions; write it as one expression, such as `\"{{ [a, b] }}\"`",
        ),
        (
            "prompt: x\nprompt_inputs: {x-y: 1}",
            "7:17+3 invalid_name [a] `x-y` cannot be the name of a value: a name is made of letters, digits and `_`, and no word of the language; write `x_y`",
        ),
    ] {
        errors(&step(&format!("id: a\n{yaml}")), &[expected]);
    }
}

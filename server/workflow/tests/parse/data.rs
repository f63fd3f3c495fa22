//! What a data step may say.

use crate::{errors, hints, plan, step};

fn action(name: &str, inputs: &str) -> String {
    step(&format!("id: a\naction: {name}\ninputs:\n  {}", inputs.replace('\n', "\n  ")))
}

#[test]
fn keys_that_are_not_its_own_are_refused() {
    errors(
        &action("core.sort", "input: []\nordr: desc"),
        &["9:3+4 unknown_key [a] `ordr` is no key of the inputs of `core.sort`; did you mean `order`?"],
    );
    errors(
        &action("core.transform", "operation: map\ninput: []\nexpression: item\nkey: id"),
        &["11:3+3 no_meaning [a] `key` has no meaning here: `core.transform` with `operation: map` does not take it"],
    );
    errors(
        &step("id: a\ntype: map\nitems: [1]\nexpression: item\nconcurrency: 3"),
        &["9:1+11 unknown_key [a] `concurrency` is no key of a step of kind `map`"],
    );
    errors(
        &step("id: a\naction: workflow.noop\ninputs: {a: 1}"),
        &["7:10+1 unknown_key [a] `a` is no key of the inputs of `workflow.noop`"],
    );
    errors(&step("id: a\naction: core.sorted"), &["6:9+11 unknown_action [a] there is no action `core.sorted`; did you mean `core.sort`?"]);
    errors(
        &step("id: a\ntype: map\naction: core.set\nitems: [1]\nexpression: item"),
        &[
            "7:1+6 two_kinds [a] a step is one thing, and this one is a step of kind `map` already: `action` makes it another; make two steps of it",
        ],
    );
}

#[test]
fn keys_that_are_missing_are_named() {
    errors(&action("core.sort", "by: id"), &["7:1+6 key_missing [a] `core.sort` needs `input`; add `input:`"]);
    errors(
        &action("core.aggregate", "input: []"),
        &["7:1+6 key_missing [a] `core.aggregate` needs `operation`; it is one of `sum`, `avg`, `min`, `max`, `count`, `median`"],
    );
    errors(
        &action("core.transform", "operation: group_by\ninput: []"),
        &["7:1+6 key_missing [a] `core.transform` with `operation: group_by` needs `key` or `expression`; add `key:`"],
    );
    errors(
        &action("core.transform", "operation: sort\ninput: []\nkey: a\nexpression: item.a"),
        &["11:3+10 duplicate_key [a] `core.transform` with `operation: sort` takes `key` or `expression`, not both; keep one of the two"],
    );
    errors(&action("core.format", "type: json"), &["7:1+6 key_missing [a] `core.format` needs `template` or `value`; add `template:`"]);
    errors(
        &action("core.format", "template: x\ntype: json"),
        &["9:3+4 no_meaning [a] `type` has no meaning here: what a `template` gives is text; leave it out, or give a `value`"],
    );
    errors(
        &step("id: a\naction: core.set\ninputs: {}"),
        &["7:1+6 value_missing [a] `core.set` gives nothing; name a value below `inputs`"],
    );
    errors(&step("id: a\ntype: reduce\nitems: [1]"), &["6:7+6 key_missing [a] `reduce` needs `expression`; add `expression:`"]);
    errors(
        &step("id: a\ntype: merge\nmode: match\nsources: [[1], [2]]"),
        &[
            "6:7+5 key_missing [a] `merge` with `mode: match` needs `match_field`; add `match_field:`",
            "6:7+5 key_missing [a] `merge` with `mode: match` needs `on_conflict`; add `on_conflict:`",
        ],
    );
}

#[test]
fn words_of_a_list_are_checked() {
    errors(
        &action("core.transform", "operation: mapp\ninput: []\nexpression: item"),
        &["8:14+4 unknown_value [a] `mapp` is no value of `operation`; did you mean `map`?"],
    );
    errors(
        &action("core.crypto", "operation: hash\ninput: a\nalgorithm: md5"),
        &["10:14+3 unknown_value [a] `md5` is no value of `algorithm`; it is one of `sha256`, `sha512`"],
    );
    errors(
        &step("id: a\ntype: merge\nmode: zip\nsources: [[1], [2]]"),
        &["7:7+3 unknown_value [a] `zip` is no value of `mode`; it is one of `append`, `match`, `diff`, `combine_by_field`"],
    );
    errors(
        &action("core.datetime", "operation: now\nzone: Europe/Berln"),
        &["9:9+12 unknown_value [a] `zone: Europe/Berln` is no IANA time zone; did you mean `Europe/Berlin`?"],
    );
    hints(
        &action("core.sort", "input: []\norder: descending"),
        &["9:10+10 other_spelling [a] `descending` is read as `desc`; write `desc`"],
    );
}

#[test]
fn types_that_cannot_fit_are_found_before_a_run() {
    errors(&action("core.sort", "input: text"), &["8:10+4 wrong_type [a] `input` is a list; write `\"{{ text }}\"`"]);
    errors(&action("core.sort", "input: \"a {{ run.id }}\""), &["8:10+16 wrong_type [a] `input` is a list"]);
    errors(&action("core.limit", "input: []\ncount: \"5\""), &["9:10+3 wrong_type [a] `count` is a whole number"]);
    errors(&action("core.limit", "input: []\ncount: -1"), &["9:10+2 out_of_range [a] `count` is at least 0"]);
    errors(&action("core.decompress", "input: x\nmax_bytes: 99999999"), &["9:14+8 out_of_range [a] `max_bytes` is from 1 to 1048576"]);
    errors(&action("core.rename_keys", "input: {}\nmapping: {a: 1}"), &["9:12+1 wrong_type [a] `mapping` is a mapping of names to texts"]);
    errors(
        &action("core.parse", "input: [1]\nformat: json"),
        &["8:10+1 wrong_type [a] `input` is a text, not a list; put quotes around a value that begins with `{{` or `[`"],
    );
    errors(&step("id: a\ntype: merge\nsources: [[1]]"), &["7:10+1 out_of_range [a] `sources` are two lists or more"]);
    errors(
        &step("id: a\ntype: merge\nsources: \"{{ run.id }}\""),
        &["7:10+14 wrong_type [a] `sources` is a list of lists; write a list of two or more, such as `[\"{{ ours }}\", \"{{ theirs }}\"]`"],
    );
    errors(
        &action("workflow.fail", "message: x\ncode: out of stock"),
        &["9:9+12 invalid_name [a] `code` is one word of letters, digits and `_`; write `out_of_stock`"],
    );
}

#[test]
fn expressions_are_read_with_the_names_that_the_step_binds() {
    errors(
        &step("id: a\ntype: map\nitems: [1]\nexpression: item +"),
        &["8:18+1 invalid_expression [a] the expression ends where a value is expected"],
    );
    errors(&step("id: a\ntype: map\nitems: [1]\nexpression: itm + index"), &["8:13+3 undefined_name [a] nothing sets `itm`"]);
    errors(&step("id: a\ntype: map\nitems: [1]\nitem_variable: row\nexpression: item"), &["9:13+4 undefined_name [a] nothing sets `item`"]);
    errors(&step("id: a\ntype: map\nitems: item\nexpression: item"), &["7:8+4 undefined_name [a] nothing sets `item`"]);
    errors(&step("id: a\ntype: map\nitems: [1]\nexpression: acc"), &["8:13+3 undefined_name [a] nothing sets `acc`"]);
    errors(
        &step("id: a\ntype: reduce\nitems: [1]\nitem_variable: acc\nexpression: acc"),
        &["8:16+3 invalid_name [a] `acc` would stand for two things; items are numbered by `index`"],
    );
    errors(
        &step("id: a\ntype: map\nitems: [1]\nitem_variable: run\nexpression: run"),
        &["8:16+3 invalid_name [a] `run` is a word of the language; a variable has another name"],
    );
    // The output of the step is not there yet while it is made.
    errors(
        &step("id: a\ntype: map\nitems: [1]\nexpression: b\noutput_variable: b"),
        &["8:13+1 set_later [a] `b` is set by this very step, after this is read"],
    );
}

#[test]
fn a_key_of_an_hmac_is_a_credential_and_waits_for_the_tools() {
    errors(
        &action("core.crypto", "operation: hmac\ninput: a\nkey: cred://signing"),
        &["7:1+6 not_supported [a] `core.crypto` with `operation: hmac` is not supported yet"],
    );
    errors(
        &action("core.crypto", "operation: hmac\ninput: a\nkey: secret"),
        &[
            "7:1+6 not_supported [a] `core.crypto` with `operation: hmac` is not supported yet",
            "10:8+6 credential_missing [a] the key of an `hmac` is a credential: written as a value it would stand in the plan, in the journal and on pages; \
             store it under Credentials, and write `key: cred://` and its name",
        ],
    );
    errors(
        &action("core.crypto", "operation: hash\ninput: a\nkey: cred://signing"),
        &["10:3+3 no_meaning [a] `key` has no meaning here: `core.crypto` with `operation: hash` does not take it"],
    );
}

#[test]
fn camel_case_and_older_spellings_are_read_with_a_hint() {
    hints(
        &step("id: a\ntype: reduce\nitems: [1]\nitemVariable: n\naccumulatorVariable: sum\ninitialValue: 0\nexpression: sum + n"),
        &[
            "8:1+12 other_spelling [a] `itemVariable` is read as `item_variable`; write `item_variable`",
            "9:1+19 other_spelling [a] `accumulatorVariable` is read as `accumulator_variable`; write `accumulator_variable`",
            "10:1+12 other_spelling [a] `initialValue` is read as `initial_value`; write `initial_value`",
        ],
    );
    hints(
        &step("id: a\ntype: filter\nitems: [1]\nexpression: item > 0"),
        &["8:1+10 other_spelling [a] `expression` is read as `condition`; write `condition`"],
    );
}

#[test]
fn both_spellings_of_a_list_are_one_plan() {
    let bare = plan(&step("id: a\ntype: map\nitems: vars.rows\nexpression: item.id"));
    let braces = plan(&step("id: a\ntype: map\nitems: \"{{ vars.rows }}\"\nexpression: \"{{ item.id }}\""));
    assert_eq!(bare.hash().unwrap(), braces.hash().unwrap());
    let needs = workflow::needs::Needs::of(&bare);
    assert!(needs.vars.contains("rows"), "{needs:?}");
}

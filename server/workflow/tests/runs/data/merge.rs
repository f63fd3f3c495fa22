//! `type: merge`.

use serde_json::{Value, json};

use super::give;

fn over() -> Value {
    json!({
        "ours": [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}, {"id": 1, "a": "z"}],
        "theirs": [{"id": 2, "b": 5}, {"id": 3, "a": "w"}, {"id": 2, "b": 6}],
        "third": [{"id": 2.0}],
        "numbers": [1, 2],
        "word": "x",
    })
}

#[test]
fn four_modes_make_one_list_of_several() {
    for (keys, expected) in [
        ("sources: [numbers, \"{{ numbers }}\", [3]]", json!([1, 2, 1, 2, 3])),
        ("mode: append\nsources: [third, numbers]", json!([{"id": 2.0}, 1, 2])),
        ("mode: diff\nsources: [ours, theirs]\nmatch_field: id", json!([{"id": 1, "a": "x"}, {"id": 1, "a": "z"}])),
        ("mode: diff\nsources: [numbers, [2, 5]]", json!([1])),
        ("mode: match\nsources: [ours, theirs]\nmatch_field: id\non_conflict: keep_first", json!([{"id": 2, "a": "y"}])),
        ("mode: match\nsources: [ours, theirs]\nmatchField: id\nonConflict: keep_last", json!([{"id": 2, "b": 6}])),
        ("mode: match\nsources: [ours, theirs, third]\nmatch_field: id\non_conflict: merge_fields", json!([{"id": 2.0, "a": "y", "b": 6}])),
        ("mode: match\nsources: [ours, []]\nmatch_field: id\non_conflict: keep_first", json!([])),
        (
            "mode: combine_by_field\nsources: [ours, theirs]\nmatch_field: id\non_conflict: keep_first",
            json!([{"id": 1, "a": "x"}, {"id": 2, "a": "y"}, {"id": 3, "a": "w"}]),
        ),
        (
            "mode: combine_by_field\nsources: [ours, theirs]\nmatch_field: id\non_conflict: keep_last",
            json!([{"id": 1, "a": "z"}, {"id": 2, "b": 6}, {"id": 3, "a": "w"}]),
        ),
        (
            "mode: combine_by_field\nsources: [ours, theirs]\nmatch_field: id\non_conflict: merge_fields",
            json!([{"id": 1, "a": "z"}, {"id": 2, "a": "y", "b": 6}, {"id": 3, "a": "w"}]),
        ),
    ] {
        assert_eq!(give(&format!("type: merge\n{keys}"), over()), Ok(expected), "{keys}");
    }
}

#[test]
fn a_merge_wants_lists_of_things_that_can_be_told_apart() {
    for (keys, failure) in [
        ("sources: [numbers, word]", "data: merge: `sources[1]` has to be a list and is text"),
        ("mode: diff\nsources: [ours, numbers]\nmatch_field: id", "data: merge: `id` of `id` is not defined: a number has no fields"),
        ("mode: diff\nsources: [ours, [{}]]\nmatch_field: id", "data: merge: the field `id` of `id` is not defined"),
        ("mode: diff\nsources: [ours, [{id: null}]]\nmatch_field: id", "data: merge: `match_field` is null in one of the items"),
    ] {
        assert_eq!(give(&format!("type: merge\n{keys}"), over()), Err(failure.to_owned()), "{keys}");
    }
}

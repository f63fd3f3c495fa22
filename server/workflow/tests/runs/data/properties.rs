//! What holds for any data.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{action, give};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![(-5_i64..5).prop_map(Value::from), (-4_i32..4).prop_map(|half| json!(f64::from(half) / 2.0))]
}

fn record() -> impl Strategy<Value = Value> {
    (0_u8..6, 0_u8..3, "[a-c]{0,2}").prop_map(|(id, group, text)| json!({"id": id, "group": group, "text": text}))
}

fn records() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(record(), 0..12)
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => panic!("{other} is no list"),
    }
}

fn sorted_texts(items: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

fn merged(mode: &str, a: &[Value], b: &[Value]) -> Vec<Value> {
    list(give(&format!("type: merge\nsources: [a, b]\n{mode}"), json!({"a": a, "b": b})).unwrap())
}

fn ids(items: &[Value]) -> BTreeSet<String> {
    items.iter().map(|item| item["id"].to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sorting_moves_items_and_no_more_and_twice_is_once(items in prop::collection::vec(scalar(), 0..20)) {
        let sort = |items: &[Value]| list(give(&action("core.sort", "{input: \"{{ items }}\"}"), json!({"items": items})).unwrap());
        let once = sort(&items);
        prop_assert_eq!(sorted_texts(&once), sorted_texts(&items));
        prop_assert_eq!(sort(&once), once.clone());
        let numbers: Vec<f64> = once.iter().filter_map(Value::as_f64).collect();
        prop_assert!(numbers.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn items_of_one_rank_stay_as_they_stood(items in records()) {
        for order in ["asc", "desc"] {
            let step = action("core.sort", &format!("{{input: \"{{{{ items }}}}\", by: group, order: {order}}}"));
            let sorted = list(give(&step, json!({"items": items})).unwrap());
            for group in 0..3 {
                let of = |items: &[Value]| items.iter().filter(|item| item["group"] == group).cloned().collect::<Vec<_>>();
                prop_assert_eq!(of(&sorted), of(&items));
            }
        }
    }

    #[test]
    fn what_is_unique_is_the_first_of_each(items in records()) {
        let unique = |items: &[Value]| {
            list(give(&action("core.transform", "{operation: unique, input: \"{{ items }}\", key: id}"), json!({"items": items})).unwrap())
        };
        let once = unique(&items);
        prop_assert_eq!(ids(&once), ids(&items));
        prop_assert_eq!(once.len(), ids(&items).len());
        for item in &once {
            prop_assert_eq!(items.iter().find(|first| first["id"] == item["id"]), Some(item));
        }
        prop_assert_eq!(unique(&once), once);
    }

    #[test]
    fn groups_hold_every_item_once(items in records()) {
        let step = action("core.transform", "{operation: group_by, input: \"{{ items }}\", key: group}");
        let Value::Object(groups) = give(&step, json!({"items": items})).unwrap() else { panic!("no object") };
        let all: Vec<Value> = groups.values().flat_map(|group| list(group.clone())).collect();
        prop_assert_eq!(sorted_texts(&all), sorted_texts(&items));
        for (name, group) in groups {
            let name: i64 = name.parse().unwrap();
            prop_assert!(list(group).iter().all(|item| item["group"] == name));
        }
    }

    #[test]
    fn the_modes_of_a_merge_fit_together(a in records(), b in records()) {
        let append = merged("mode: append", &a, &b);
        prop_assert_eq!(&append[..a.len()], a.as_slice());
        prop_assert_eq!(&append[a.len()..], b.as_slice());
        let same = "match_field: id\non_conflict: keep_first";
        let matching = merged(&format!("mode: match\n{same}"), &a, &b);
        let different = merged("mode: diff\nmatch_field: id", &a, &b);
        // Each item of the first source is in exactly one of the two.
        let both: Vec<Value> = matching.iter().chain(&different).cloned().collect();
        prop_assert_eq!(sorted_texts(&both), sorted_texts(&a));
        prop_assert!(ids(&matching).is_subset(&ids(&b)));
        prop_assert!(ids(&different).is_disjoint(&ids(&b)));
        let combined = merged(&format!("mode: combine_by_field\n{same}"), &a, &b);
        prop_assert_eq!(combined.len(), ids(&append).len());
        prop_assert_eq!(ids(&combined), ids(&append));
        prop_assert_eq!(merged(&format!("mode: combine_by_field\n{same}"), &combined, &a), combined.clone());
        let last = merged("mode: combine_by_field\nmatch_field: id\non_conflict: keep_last", &a, &b);
        for item in &last {
            prop_assert_eq!(append.iter().rev().find(|other| other["id"] == item["id"]), Some(item));
        }
    }

    #[test]
    fn what_was_compressed_comes_back(text in "\\PC{0,300}") {
        let packed = give(&action("core.compress", "{input: \"{{ text }}\"}"), json!({"text": text})).unwrap();
        let back = give(&action("core.decompress", "{input: \"{{ packed }}\"}"), json!({"packed": packed}));
        prop_assert_eq!(back, Ok(Value::from(text)));
    }

    #[test]
    fn what_was_written_as_csv_and_json_comes_back(items in records(), text in "[a-z,\"\n ]{0,8}") {
        let rows: Vec<Value> = items.into_iter().map(|item| json!({"id": item["id"].to_string(), "text": text})).collect();
        for format in ["csv", "json"] {
            let written = give(&action("core.format", &format!("{{value: \"{{{{ rows }}}}\", type: {format}}}")), json!({"rows": rows})).unwrap();
            let back = give(&action("core.parse", &format!("{{input: \"{{{{ text }}}}\", format: {format}}}")), json!({"text": written}));
            prop_assert_eq!(back, Ok(Value::from(rows.clone())));
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "[\\PC\n\t<>&\"\\[\\]{},:*!-]{0,60}") {
        for format in ["json", "yaml", "csv", "xml"] {
            let _ = give(&action("core.parse", &format!("{{input: \"{{{{ text }}}}\", format: {format}}}")), json!({"text": text}));
        }
        let _ = give(&action("core.decompress", "{input: \"{{ text }}\"}"), json!({"text": text}));
        for operation in ["parse", "format"] {
            let _ = give(&action("core.datetime", &format!("{{operation: {operation}, input: \"{{{{ text }}}}\", zone: Europe/Paris}}")), json!({"text": text}));
        }
    }
}

//! What is large, deep or endless is refused before it costs anything.

use std::{fmt::Write as _, io::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::{action, give};

/// Why a step fails, without what all of them begin with.
fn refused(step: &str, over: Value) -> String {
    let failed = give(step, over).unwrap_err();
    assert!(failed.len() < 400, "{} bytes", failed.len());
    failed
}

fn gzip(bytes: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

#[test]
fn all_items_share_one_meter() {
    let items: Vec<u32> = (0..20_000).collect();
    let over = json!({"items": items, "hundred": (0..100).collect::<Vec<u32>>()});
    let cheap = give("type: map\nitems: items\nexpression: item + 1", over.clone()).unwrap();
    assert_eq!(cheap.as_array().unwrap().len(), 20_000);
    // Each alone would be allowed.
    let costly = refused("type: map\nitems: items\nexpression: hundred | sum", over.clone());
    assert!(costly.contains("takes more than the 500000 steps"), "{costly}");
    let costly = refused("type: reduce\nitems: items\ninitial_value: []\nexpression: acc + [item]", over);
    assert!(costly.contains("takes more than the 500000 steps"), "{costly}");
}

#[test]
fn all_results_together_are_bounded() {
    let over = json!({"items": [1, 2, 3], "text": "x".repeat(600_000)});
    for step in [
        "type: map\nitems: items\nexpression: text",
        "type: merge\nsources: [\"{{ [text] }}\", \"{{ [text] }}\"]",
        "action: core.set\ninputs: {a: \"{{ text }}\", b: \"{{ text }}\"}",
        "action: core.format\ninputs: {template: \"{{ text }}\\\"{{ text }}\"}",
    ] {
        let failed = refused(step, over.clone());
        assert!(failed.contains("larger than"), "{step}: {failed}");
    }
}

#[test]
fn a_merge_in_which_everything_meets_everything_is_bounded() {
    let ours: Vec<Value> = (0..3_000).map(|_| json!({"id": 1})).collect();
    let theirs: Vec<Value> = (0..300).map(|at| json!({"id": 1, (format!("field{at}")): "xxxxxxxxxx"})).collect();
    let step = "type: merge\nmode: match\nsources: [ours, theirs]\nmatch_field: id\non_conflict: merge_fields";
    assert_eq!(
        refused(step, json!({"ours": ours, "theirs": theirs})),
        "data: merge: the result is larger than the 1048576 bytes a step may give"
    );
}

#[test]
fn a_small_archive_that_says_that_it_is_large_is_refused() {
    let unpack = |packed: String, more: &str| {
        refused(&action("core.decompress", &format!("{{input: \"{{{{ packed }}}}\"{more}}}")), json!({"packed": packed}))
    };
    let bomb = gzip(&vec![b'0'; 200_000_000]);
    assert!(bomb.len() < 300_000);
    assert_eq!(unpack(bomb.clone(), ""), "data: core.decompress: the text is larger than the 1048576 bytes of `max_bytes`");
    assert_eq!(unpack(bomb, ", max_bytes: 10"), "data: core.decompress: the text is larger than the 10 bytes of `max_bytes`");
    let dense = gzip(&vec![b'0'; 900_000]);
    assert_eq!(unpack(dense, ""), "data: core.decompress: the text is more than 100 times as large as what was compressed");
    let mut behind = STANDARD.decode(gzip(b"a")).unwrap();
    behind.push(0);
    assert_eq!(unpack(STANDARD.encode(behind), ""), "data: core.decompress: `input` has something behind its end");
    assert_eq!(unpack(gzip(&[0xff, 0xfe]), ""), "data: core.decompress: the text is not UTF-8");
    let cut = STANDARD.decode(gzip(b"some text")).unwrap();
    assert_eq!(unpack(STANDARD.encode(&cut[..cut.len() - 4]), ""), "data: core.decompress: `input` is not gzip");
}

#[test]
fn deep_and_many_values_are_refused_in_every_format() {
    let parse = |format: &str, text: String| {
        refused(&action("core.parse", &format!("{{input: \"{{{{ text }}}}\", format: {format}}}")), json!({"text": text}))
    };
    for (format, deep, many) in [
        ("json", "[".repeat(100_000), format!("[{}1]", "1,".repeat(120_000))),
        ("json", format!("{}1{}", "[".repeat(65), "]".repeat(65)), format!("{{\"a\":[{}1]}}", "{},".repeat(120_000))),
        ("yaml", "[".repeat(100_000), format!("[{}1]", "1,".repeat(120_000))),
        ("xml", "<a>".repeat(100) + &"</a>".repeat(100), format!("<a>{}</a>", "<b/>".repeat(120_000))),
        ("csv", "\"".repeat(99_999), format!("a\n{}", ",\n".repeat(120_000))),
    ] {
        let failed = parse(format, deep);
        assert!(["deep", "not JSON", "never closed", "closing quote"].iter().any(|why| failed.contains(why)), "{format}: {failed}");
        let failed = parse(format, many);
        assert!(["more than", "columns"].iter().any(|why| failed.contains(why)), "{format}: {failed}");
    }
}

#[test]
fn entities_that_multiply_are_refused_unread() {
    let mut bomb = "<!DOCTYPE lolz [<!ENTITY lol \"lol\">".to_owned();
    for level in 1..10 {
        let _ = write!(bomb, "<!ENTITY lol{level} \"{}\">", format!("&lol{};", level - 1).repeat(10));
    }
    bomb.push_str("]><lolz>&lol9;</lolz>");
    let failed = refused(&action("core.parse", "{input: \"{{ text }}\", format: xml}"), json!({"text": bomb}));
    assert_eq!(failed, "data: core.parse: `input` has a document type (`<!DOCTYPE`), which is refused");
    // Aliases of YAML multiply in the same way.
    let yaml = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n";
    let failed = refused(&action("core.parse", "{input: \"{{ text }}\", format: yaml}"), json!({"text": yaml}));
    assert!(failed.contains("YAML anchors"), "{failed}");
}

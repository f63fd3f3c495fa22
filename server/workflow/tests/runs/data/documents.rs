//! `core.parse`, `core.compress` and `core.decompress`.

use serde_json::{Value, json};

use super::{action, give};

/// What a text is in a format.
fn parsed(format: &str, text: &str) -> Result<Value, String> {
    give(&action("core.parse", &format!("{{input: \"{{{{ text }}}}\", format: {format}}}")), json!({"text": text}))
        .map_err(|why| why.strip_prefix("data: core.parse: `input` ").map_or(why.clone(), str::to_owned))
}

fn fails(format: &str, rows: &[(&str, &str)]) {
    for (text, why) in rows {
        assert_eq!(parsed(format, text), Err((*why).to_owned()), "{text}");
    }
}

#[test]
fn json_is_read_without_a_key_given_twice() {
    for (text, value) in [
        ("{\"a\": [1, 2.5, null, true, \"x\\u00e9\"]}", json!({"a": [1, 2.5, null, true, "xé"]})),
        (" 3 ", json!(3)),
        ("-0.5e1", json!(-5.0)),
    ] {
        assert_eq!(parsed("json", text), Ok(value), "{text}");
    }
    fails(
        "json",
        &[
            ("{\"a\": 1, \"a\": 2}", "has the key `a` twice at line 1 column 12"),
            ("{\"a\": {\"b\": 1, \"\\u0062\": 2}}", "has the key `b` twice at line 1 column 23"),
            ("{\"a\": 1} 2", "is not JSON (line 1, column 10)"),
            ("{a: 1}", "is not JSON (line 1, column 2)"),
            ("", "is not JSON (line 1, column 0)"),
            ("1e999", "is not JSON (line 1, column 5)"),
        ],
    );
}

#[test]
fn yaml_is_read_where_it_means_one_thing() {
    for (text, value) in [
        ("a: 1\nb: [x, \"1\", 2.5, ~]\nc:\n  - {d: true}\n", json!({"a": 1, "b": ["x", "1", 2.5, null], "c": [{"d": true}]})),
        ("# nothing\n", Value::Null),
        ("- a\n- b\n", json!(["a", "b"])),
    ] {
        assert_eq!(parsed("yaml", text), Ok(value), "{text}");
    }
    fails(
        "yaml",
        &[
            ("a: 1\nb: 2\na: 3\n", "is not YAML that means one thing (line 3): `a` was already given on line 1; keep one of the two"),
            (
                "a: &x 1\nb: *x\n",
                "is not YAML that means one thing (line 1): YAML anchors (`&name`) are not part of the language; write the value out where it is used",
            ),
            (
                "a: !!python/object x\n",
                "is not YAML that means one thing (line 1): YAML tags (`!!python/object`) are not part of the language; put quotes around a text that looks like a number",
            ),
            (
                "on: yes\n",
                "is not YAML that means one thing (line 1): `yes` can be read in two ways; write `true` or, if the text is meant, `\"yes\"`",
            ),
        ],
    );
}

#[test]
fn csv_is_read_into_objects_of_texts() {
    for (text, value) in [
        ("a,b\r\n1,x\r\n2,\"y, \"\"z\"\"\"\r\n", json!([{"a": "1", "b": "x"}, {"a": "2", "b": "y, \"z\""}])),
        ("a,b\n1,\"two\nlines\"\n\n3,\n", json!([{"a": "1", "b": "two\nlines"}, {"a": "3", "b": ""}])),
        ("\u{feff}a\nx", json!([{"a": "x"}])),
        ("a,b\n", json!([])),
        ("", json!([])),
    ] {
        assert_eq!(parsed("csv", text), Ok(value), "{text}");
    }
    fails(
        "csv",
        &[
            ("a,b\n1\n", "has 1 columns on line 2, and 2 names"),
            ("a,b\n\"x\ny\",2\n1,2,3\n", "has 3 columns on line 4, and 2 names"),
            ("a,a\n1,2\n", "has two columns with the name `a`"),
            ("a,\n1,2\n", "has no name for column 2"),
            ("a\n\"x\n", "has a quote on line 2 that is never closed"),
            ("a\nx\"y\n", "has a quote inside a value without quotes on line 2"),
            ("a\n\"x\"y\n", "has something behind a closing quote on line 2"),
        ],
    );
}

#[test]
fn xml_is_read_without_document_types_and_entities() {
    for (text, value) in [
        ("<a/>", json!({"a": null})),
        ("<a>x &lt; y &#65;</a>", json!({"a": "x < y A"})),
        (
            "<?xml version=\"1.0\"?>\n<order id=\"7\">\n  <!-- note -->\n  <line>a</line>\n  <line n=\"2\">b</line>\n</order>",
            json!({"order": {"@id": "7", "line": ["a", {"@n": "2", "#text": "b"}]}}),
        ),
        (
            "<x:a xmlns:x=\"urn:x\" x:k=\"v\"><x:b><![CDATA[1 < 2]]></x:b> and </x:a>",
            json!({"x:a": {"@x:k": "v", "x:b": "1 < 2", "#text": "and"}}),
        ),
    ] {
        assert_eq!(parsed("xml", text), Ok(value), "{text}");
    }
    fails(
        "xml",
        &[
            ("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "has a document type (`<!DOCTYPE`), which is refused"),
            ("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "has a document type (`<!DOCTYPE`), which is refused"),
            ("<a>&b;</a>", "is not XML (line 1, column 4)"),
            ("<a><b></a>", "is not XML (line 1, column 7)"),
            ("<a x=\"1\" x=\"2\"/>", "is not XML (line 1, column 10)"),
            ("", "is not XML (line 1, column 1)"),
        ],
    );
}

#[test]
fn a_text_is_compressed_and_comes_back() {
    let pack = |text: &str| give(&action("core.compress", "{input: \"{{ text }}\"}"), json!({"text": text})).unwrap();
    let unpack = |packed: &Value, more: &str| {
        give(&action("core.decompress", &format!("{{input: \"{{{{ packed }}}}\"{more}}}")), json!({"packed": packed}))
    };
    for text in ["", "héllo", &"a line of text\n".repeat(5_000)] {
        let packed = pack(text);
        assert_eq!(packed, pack(text), "the same text gives the same bytes");
        assert_eq!(unpack(&packed, ""), Ok(json!(text)));
    }
    let packed = pack(&"x".repeat(1000));
    assert_eq!(unpack(&packed, ", max_bytes: 1000"), Ok(json!("x".repeat(1000))));
    assert_eq!(
        unpack(&packed, ", max_bytes: 999"),
        Err("data: core.decompress: the text is larger than the 999 bytes of `max_bytes`".to_owned())
    );
    for (packed, why) in [
        ("???", "`input` is not base64"),
        ("aGVsbG8=", "`input` is not gzip"),
        // gzip of a byte that is no text, and gzip with something behind it.
        ("H4sIAAAAAAAC//v/HwCg0zwAAQAAAA==", "`input` is not gzip"),
    ] {
        assert_eq!(unpack(&json!(packed), ""), Err(format!("data: core.decompress: {why}")), "{packed}");
    }
}

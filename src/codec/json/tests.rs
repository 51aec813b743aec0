//! The scanner against texts that are and are not JSON.

use super::*;
use compact_str::CompactString;
use proptest::prelude::*;
use serde_json::Value;

fn code(text: &str) -> &'static str {
    value(text).err().map_or("", |e| e.code)
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    for (text, offset, code) in [
        ("", 0, "json_syntax"),
        ("  ", 2, "json_syntax"),
        ("{\"a\":1,}", 7, "json_syntax"),
        ("[1,]", 3, "json_syntax"),
        ("{\"a\" 1}", 5, "json_syntax"),
        ("[01]", 2, "json_syntax"),
        ("[1.]", 3, "json_syntax"),
        ("[.5]", 1, "json_syntax"),
        ("[+1]", 1, "json_syntax"),
        ("[NaN]", 1, "json_syntax"),
        ("tru", 3, "json_syntax"),
        ("\"a\nb\"", 2, "json_syntax"),
        ("\"\\x\"", 2, "json_syntax"),
        ("\"\\u12g4\"", 5, "json_syntax"),
        ("1 2", 2, "json_trailing"),
        ("{}}", 2, "json_trailing"),
        ("\"\\ud800\"", 1, "json_surrogate"),
        ("\"\\udc00\"", 1, "json_surrogate"),
        ("\"\\ud800\\u0041\"", 1, "json_surrogate"),
        ("{\"a\":1,\"b\":2,\"a\":3}", 13, "json_duplicate_name"),
        ("[{\"x\":{\"a\":1,\"\\u0061\":3}}]", 13, "json_duplicate_name"),
        ("\u{feff}{}", 0, "json_syntax"),
    ] {
        let error = value(text).unwrap_err();
        assert_eq!((error.offset, error.code), (offset, code), "{text}");
        assert!(canonical(text).is_err() && value_hash(text).is_err());
    }
    assert_eq!(utf8(b"ab\xff").unwrap_err().offset, 2);
}

#[test]
fn limits_hold_at_both_edges() {
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(code(&nested(DEPTH_MAX)), "");
    assert_eq!(code(&nested(DEPTH_MAX + 1)), "json_depth");
    assert_eq!(code(&"[".repeat(1_000_000)), "json_depth");
    assert_eq!(code(&quoted(&"x".repeat(STRING_BYTES_MAX))), "");
    assert_eq!(code(&quoted(&"x".repeat(STRING_BYTES_MAX + 1))), "json_too_long");
    let object = |n| format!("{{{}}}", (0..n).map(|i| format!("\"m{i}\":0")).collect::<Vec<_>>().join(","));
    assert_eq!(code(&object(MEMBERS_MAX)), "");
    assert_eq!(code(&object(MEMBERS_MAX + 1)), "json_too_long");
}

#[test]
fn a_name_twice_is_found_among_many_members() {
    let mut members: Vec<String> = (0..100).map(|i| format!("\"m{i}\":0")).collect();
    members.push("\"m7\":1".into());
    assert_eq!(code(&format!("{{{}}}", members.join(","))), "json_duplicate_name");
}

#[test]
fn numbers_of_equal_value_have_one_canonical_form() {
    for (text, form) in [
        ("1", "1"),
        ("1.0", "1"),
        ("10e-1", "1"),
        ("0.1E+1", "1"),
        ("-0", "0"),
        ("0e999999999999999999999", "0"),
        ("-12.50", "-12.5"),
        ("0.00120", "0.0012"),
        ("1e3", "1000"),
        ("1000000000000000000000000000000000000001", "1000000000000000000000000000000000000001"),
        ("1e401", "1e401"),
        ("10e400", "1e401"),
        ("0.5e-400", "5e-401"),
        ("1e999999999", "1e999999999"),
        ("1E99999999999999999999", "1e99999999999999999999"),
    ] {
        assert_eq!(canonical(text).unwrap(), form, "{text}");
    }
    assert_eq!(canonical("1e400").unwrap().len(), 401);
}

#[test]
fn equal_content_has_equal_form_and_hash() {
    let a = r#" {"b":[1.0, {"y":"\u0041\/","x":null}], "a":true, "é":"\n" } "#;
    let b = "{\"a\":true,\"b\":[1,{\"x\":null,\"y\":\"A/\"}],\"é\":\"\\u000a\"}";
    assert_eq!(canonical(a).unwrap(), "{\"a\":true,\"b\":[1,{\"x\":null,\"y\":\"A/\"}],\"é\":\"\\n\"}");
    assert_eq!(value_hash(a), value_hash(b));
    assert_eq!(value_hash("\"A\""), value_hash(r#""\u0041""#));
    assert_ne!(value_hash("\"1\""), value_hash("1"));
    assert_eq!(canonical("[[],{},[{}]]").unwrap(), "[[],{},[{}]]");
    // by code point: U+FF5E before U+1D306, though UTF-16 orders them the other way
    assert_eq!(canonical("{\"𝌆\":1,\"～\":2}").unwrap(), "{\"～\":2,\"𝌆\":1}");
}

#[test]
fn pointers_lead_to_source_text() {
    let text = r#"{"a/b":{"m~n":[10, {"x":1.50}]},"":7}"#;
    let at = |parts: &[&str]| {
        let parts: Vec<CompactString> = parts.iter().map(|&p| p.into()).collect();
        lookup(text, &parts).unwrap()
    };
    assert_eq!(at(&["a/b", "m~n", "1", "x"]), Some("1.50"));
    assert_eq!(at(&["a/b", "m~n", "01"]), None);
    assert_eq!(at(&["a/b", "m~n", "2"]), None);
    assert_eq!(at(&["a/b", "nothing", "here"]), None);
    assert_eq!(at(&[""]), Some("7"));
    assert_eq!(at(&["", "deeper"]), None);
    assert_eq!(at(&[]), Some(text));
}

#[test]
fn an_id_is_read_from_a_record_that_repeats_another_name() {
    let pointer = ["id".into()];
    assert_eq!(lookup_in_spoilt(r#"{"id":"a","x":1,"x":2}"#, &pointer), Some("\"a\""));
    assert_eq!(lookup_in_spoilt(r#"{"id":"a","id":"b"}"#, &pointer), None);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 64.0)),
        any::<String>().prop_map(Value::from),
        "[\"\\\\/a-c\u{0}-\u{20}é𝌆]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-e\"\\\\é]{0,3}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Text that is nearly JSON: pieces of it, in any order.
fn near_json() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "\"",
        "\\",
        "1",
        "-",
        "0",
        ".5",
        "e",
        "E+3",
        "true",
        "false",
        "null",
        " ",
        "\n",
        "\t",
        "\u{1}",
        "\\ud83d",
        "\\ude00",
        "é",
        "tru",
        "\"\\n\"",
        "1e400",
    ]);
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// serde_json's verdict, but for numbers that it cannot hold: the grammar knows no range.
fn accepted_by_serde(text: &str) -> bool {
    match serde_json::from_str::<Value>(text) {
        Ok(_) => true,
        Err(e) if e.to_string().starts_with("number out of range") => {
            serde_json::from_str::<Box<serde_json::value::RawValue>>(text).is_ok()
        }
        Err(_) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn near_json_is_accepted_exactly_where_serde_accepts_it(text in near_json()) {
        match value(&text) {
            Ok(_) => prop_assert!(accepted_by_serde(&text), "{}", text),
            Err(e) if e.code == "json_duplicate_name" => {}
            Err(e) => {
                prop_assert!(!accepted_by_serde(&text), "{} {}", text, e);
                prop_assert!(e.offset <= text.len());
            }
        }
    }

    #[test]
    fn the_canonical_form_keeps_the_value_and_is_its_own(json in any_json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) }.unwrap();
        let form = canonical(&text).unwrap();
        prop_assert_eq!(&canonical(&form).unwrap(), &form);
        prop_assert_eq!(value_hash(&text).unwrap(), value_hash(&form).unwrap());
        let back: Value = serde_json::from_str(&form).unwrap();
        prop_assert!(same(&back, &json), "{}", form);
    }

    #[test]
    fn a_cut_value_is_an_early_end(json in any_json(), cut in any::<prop::sample::Index>()) {
        let text = serde_json::to_string(&json).unwrap();
        if text.starts_with(['{', '[', '"']) {
            let cut = cut.index(text.len());
            let fault = Scanner::new(&text.as_bytes()[..cut], &Rules::SYNTAX).value(0).unwrap_err();
            prop_assert!(fault.is_early_end(cut), "{:?}", fault);
        }
    }

    #[test]
    fn quoting_and_reading_give_the_text_back(text: String) {
        let quoted = quoted(&text);
        prop_assert_eq!(string(&quoted).unwrap(), text);
    }

    #[test]
    fn members_and_elements_are_those_of_serde(json in any_json()) {
        let text = serde_json::to_string(&json).unwrap();
        match &json {
            Value::Object(map) => {
                let found = members(&text).unwrap();
                prop_assert_eq!(found.len(), map.len());
                for (name, raw) in found {
                    prop_assert!(same(&serde_json::from_str(raw).unwrap(), &map[name.as_ref()]));
                }
            }
            Value::Array(list) => prop_assert_eq!(elements(&text).unwrap().len(), list.len()),
            _ => prop_assert!(members(&text).is_err() && elements(&text).is_err()),
        }
    }
}

/// Equality by value: 1.0 and 1 are the same.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

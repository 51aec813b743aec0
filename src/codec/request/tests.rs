//! Bodies of pushes, and that both paths decode them alike.

use super::*;
use crate::domain::{Market, Micros, Outcome, PriceWrite};
use proptest::prelude::*;

const LIMITS: BodyLimits = BodyLimits { items_max: 1_000 };

fn read_prices(body: &str) -> Result<Decoded, BodyError> {
    prices(body.as_bytes(), false, &Policy::default(), &LIMITS)
}

/// The code, pointer and hint of the one item that a body holds.
fn refusal(decoded: &Decoded) -> (&str, &str, &str) {
    let outcome = decoded.writes[0].as_ref().expect_err("the item is refused");
    assert_eq!((outcome.outcome, decoded.writes.len()), (Outcome::Rejected, 1));
    let note = outcome.note.as_ref().unwrap();
    (&note.code, &note.pointer, &note.hint)
}

fn price(decoded: Decoded) -> PriceWrite {
    match decoded.writes.into_iter().next() {
        Some(Ok(Write::Price(write))) => write,
        other => panic!("not a price: {other:?}"),
    }
}

fn asset(body: &str, verb: Verb) -> Decoded {
    let id = AssetId::new("a/1").unwrap();
    assets(body.as_bytes(), false, verb, Some(&id), &Policy::default(), &LIMITS).unwrap()
}

#[test]
fn a_price_is_read_with_all_that_it_may_hold() {
    let body = r#"{"id":7,"amount":101.250,"currency":"EUR","as_of":"2026-11-24T03:10:00Z","quote":"nav",
        "kind":"nav","per":"share","sequence":42,"stream":"s1","market":"closed"}"#;
    let decoded = read_prices(body).unwrap();
    assert_eq!((decoded.shape, decoded.ids[0].as_str()), (Shape::Single, "7"));
    let write = price(decoded);
    assert_eq!(write.amount.unwrap().to_string(), "101.25");
    assert_eq!(write.at, Some(Micros(1_795_489_800_000_000)));
    assert_eq!((write.quote.as_str(), write.sequence, write.market), ("nav", 42, Market::Closed));
    assert_eq!(write.stream.as_deref(), Some("s1"));
    let extra = write.extra.unwrap();
    assert_eq!((extra.kind.as_deref(), extra.per.as_deref()), (Some("nav"), Some("share")));
}

#[test]
fn b23_a_bad_price_is_refused_with_pointer_and_what_to_change() {
    for (member, code, pointer, word) in [
        (r#""amount":"0""#, "amount_zero", "/amount", "allow_zero"),
        (r#""amount":-1"#, "amount_negative", "/amount", "allow_negative"),
        (r#""amount":null"#, "amount_null", "/amount", "DELETE"),
        (r#""amount":"1,5""#, "invalid_number", "/amount", "digits"),
        (r#""amount":1e400"#, "invalid_number", "/amount", "38"),
        (r#""amount":1e-61"#, "invalid_number", "/amount", "60"),
        (r#""amount":123456789012345678901234567890123456789"#, "invalid_number", "/amount", "38"),
        (r#""amount":true"#, "invalid_number", "/amount", "string"),
        (r#""x":1"#, "unknown_member", "/x", "as_of"),
        (r#""price":1"#, "unknown_member", "/price", "`amount`"),
        (r#""a/b~c":1"#, "unknown_member", "/a~1b~0c", "as_of"),
        (r#""amount":1,"currency":"HRK""#, "currency_unknown", "/currency", "currencies_extra"),
        (r#""amount":1,"currency":"eur""#, "currency_unknown", "/currency", "currencies_extra"),
        (r#""amount":1,"currency":7"#, "member_type", "/currency", "string"),
        (r#""amount":1,"as_of":"2026-11-24T03:10:00""#, "time_format", "/as_of", "offset"),
        (r#""amount":1,"as_of":1795489800"#, "time_format", "/as_of", "RFC 3339"),
        (r#""amount":1,"as_of":"2016-12-31T23:59:60Z""#, "leap_second", "/as_of", "59"),
        (r#""amount":1,"quote":"Bid""#, "quote_name", "/quote", "a-z"),
        (r#""amount":1,"market":"shut""#, "market_unknown", "/market", "closed"),
        (r#""amount":1,"sequence":4611686018427387904"#, "sequence_range", "/sequence", "2^62"),
        (r#""amount":1,"sequence":0"#, "sequence_range", "/sequence", "from 1"),
        (r#""amount":1,"sequence":"0""#, "sequence_range", "/sequence", "from 1"),
        (r#""amount":1,"sequence":-0"#, "sequence_range", "/sequence", "from 1"),
        (r#""amount":1,"sequence":1.5"#, "sequence_range", "/sequence", "whole"),
        (r#""amount":1,"stream":"""#, "word_length", "/stream", "64"),
        (r#""currency":"EUR""#, "amount_missing", "/amount", "amount"),
    ] {
        let decoded = read_prices(&format!("{{\"id\":\"a\",{member}}}")).unwrap();
        let found = refusal(&decoded);
        assert_eq!((found.0, found.1), (code, pointer), "{member}");
        assert!(found.2.contains(word), "{member}: {}", found.2);
        assert_eq!(decoded.ids[0], "a");
    }
    for (item, code) in [
        (r#"{"amount":1}"#, "id_missing"),
        (r#"{"id":1.5,"amount":1}"#, "id_type"),
        (r#"{"id":"","amount":1}"#, "id_length"),
        (r#"{"id":"a\u0000","amount":1}"#, "id_control"),
    ] {
        let decoded = read_prices(item).unwrap();
        assert_eq!((refusal(&decoded).0, decoded.ids[0].as_str()), (code, ""), "{item}");
    }
}

#[test]
fn what_the_policy_allows_is_taken() {
    let policy = Policy { allow_zero: true, allow_negative: true, ..Policy::default() };
    let body = br#"[{"id":"a","amount":0},{"id":"b","amount":"-1.5","currency":"USDC"}]"#;
    let decoded = prices(body, false, &policy, &LIMITS).unwrap();
    assert!(decoded.writes.iter().all(Result::is_ok));
}

#[test]
fn one_bad_item_stands_in_its_place_and_the_rest_is_read() {
    let decoded = read_prices(r#"[{"id":"a","amount":"1"},{"id":"b"},7,{"id":"c","amount":"2"}]"#).unwrap();
    let sound: Vec<bool> = decoded.writes.iter().map(Result::is_ok).collect();
    assert_eq!(sound, [true, false, false, true]);
    assert_eq!(decoded.ids, ["a", "b", "", "c"]);
    assert_eq!(decoded.shape, Shape::Batch);
}

#[test]
fn an_envelope_gives_its_time_to_what_bears_none() {
    let body = r#"{"prices":[{"id":"a","amount":1},{"id":"b","amount":1,"as_of":"2026-11-24"}],
        "timestamp":"1970-01-01T00:00:01Z"}"#;
    let decoded = read_prices(body).unwrap();
    let times: Vec<Option<i64>> = decoded
        .writes
        .iter()
        .map(|write| match write {
            Ok(Write::Price(write)) => write.at.map(|at| at.0),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(times, [Some(1_000_000), Some(1_795_478_400_000_000)]);
    let error = read_prices(r#"{"prices":[],"timestamp":"yesterday"}"#).unwrap_err();
    assert_eq!((error.code, error.status_hint), ("time_format", 400));
    assert_eq!(read_prices(r#"{"prices":[],"extra":1}"#).unwrap_err().code, "unknown_member");
    let assets =
        assets(br#"{"assets":[{"id":"a","x":1}]}"#, false, Verb::Post, None, &Policy::default(), &LIMITS);
    assert_eq!(assets.unwrap().ids, ["a"]);
}

#[test]
fn b19_a_body_that_is_not_json_is_refused_whole_with_its_offset() {
    for (body, code, offset) in [
        (&b"{\"id\":\"a\",}"[..], "json_syntax", Some(10)),
        (b"[{\"id\":\"a\",\"amount\":1,\"id\":\"b\"}]", "json_duplicate_name", Some(22)),
        (b"[] []", "json_trailing", Some(3)),
        (b"\"\xff\"", "json_utf8", Some(1)),
        (b"[\"\\ud800\"]", "json_surrogate", Some(2)),
        (b"", "empty_body", None),
        (b" \n", "empty_body", None),
        (b"\xef\xbb\xbf{}", "byte_order_mark", None),
        (b"7", "body_type", None),
    ] {
        let error = prices(body, false, &Policy::default(), &LIMITS).unwrap_err();
        assert_eq!((error.code, error.offset, error.status_hint), (code, offset, 400));
    }
    let error = prices(b"{\"id\":1,\"amount\":2}\n{]\n", true, &Policy::default(), &LIMITS).unwrap_err();
    assert_eq!((error.code, error.offset), ("json_syntax", Some(21)));
    assert_eq!(error.problem().status, 400);
}

#[test]
fn b21_too_many_items_are_413_and_none_is_no_error() {
    let limits = BodyLimits { items_max: 1 };
    let error = prices(b"[1,2]", false, &Policy::default(), &limits).unwrap_err();
    assert_eq!((error.code, error.status_hint), ("too_many_items", 413));
    let many = "{\"id\":\"a\",\"amount\":1}\n".repeat(100);
    assert_eq!(prices(many.as_bytes(), true, &Policy::default(), &limits).unwrap_err().status_hint, 413);
    assert_eq!(read_prices("[]").unwrap().writes, []);
}

#[test]
fn a_price_by_path_needs_no_id_but_must_not_name_another() {
    let id = AssetId::new("a/1").unwrap();
    let read = |body: &str| asset_price(body.as_bytes(), &id, None, &Policy::default());
    assert_eq!(price(read(r#"{"amount":1}"#).unwrap()).id, id);
    assert_eq!(price(read(r#"{"id":"a/1","amount":1}"#).unwrap()).id, id);
    assert_eq!(refusal(&read(r#"{"id":"b","amount":1}"#).unwrap()).0, "id_mismatch");
    assert_eq!(read("[]").unwrap_err().code, "put_needs_one");
}

#[test]
fn a_partial_asset_splits_off_what_has_a_place_of_its_own() {
    let body = r#"{"id":"a/1","updated_at":"1970-01-01T00:00:01Z","title":"T","supply":1000000000000000000000000,
        "status":"inactive","images":null,"price":{"amount":"5","currency":"EUR"}}"#;
    let decoded = asset(body, Verb::Patch);
    let Some(Ok(Write::Asset(write))) = decoded.writes.first() else { panic!("{decoded:?}") };
    assert_eq!((write.verb, write.at, write.sequence), (Verb::Patch, Some(Micros(1_000_000)), 0));
    let names: Vec<&str> = write.members.members().iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["status", "supply", "title"]);
    assert_eq!(&*write.members.get("supply").unwrap().text, "1000000000000000000000000");
    assert_eq!(write.removed, ["images"]);
    let price = &write.prices[0];
    assert_eq!((write.prices.len(), price.at, &price.id), (1, write.at, &write.id), "T2: as the item");
    let put = asset(&body.replace("\"price\"", "\"p\""), Verb::Put);
    let Some(Ok(Write::Asset(write))) = put.writes.first() else { panic!("{put:?}") };
    assert_eq!(&*write.members.get("images").unwrap().text, "null");
    assert!(write.removed.is_empty());
}

#[test]
fn a_bad_asset_is_refused_with_pointer_and_what_to_change() {
    for (member, code, pointer) in [
        (r#""id":"b""#, "id_mismatch", "/id"),
        (r#""status":"frozen""#, "status_unknown", "/status"),
        (r#""status":1"#, "member_type", "/status"),
        (r#""name":{}"#, "member_type", "/name"),
        (r#""currency":"XXX""#, "currency_unknown", "/currency"),
        (r#""updated_at":"soon""#, "time_format", "/updated_at"),
        (r#""price":null"#, "price_null", "/price"),
        (r#""price":5"#, "price_type", "/price"),
        (r#""price":{"amount":0}"#, "amount_zero", "/price/amount"),
        (r#""price":{"amount":1,"id":"a/1"}"#, "unknown_member", "/price/id"),
        (r#""price":[{"amount":1},{"amount":2}]"#, "quote_twice", "/price/1"),
        (r#""price":[{"amount":1},null]"#, "item_type", "/price/1"),
        (r#""price":[1,2,3,4,5]"#, "too_many_quotes", "/price"),
    ] {
        let decoded = asset(&format!("{{{member}}}"), Verb::Put);
        let found = refusal(&decoded);
        assert_eq!((found.0, found.1), (code, pointer), "{member}");
        assert!(!found.2.is_empty());
        assert_eq!(decoded.ids[0], "a/1");
    }
}

#[test]
fn a_put_never_takes_a_list() {
    let read = |verb, path: Option<&AssetId>, ndjson| {
        assets(b"[{\"id\":\"a\"}]", ndjson, verb, path, &Policy::default(), &LIMITS).unwrap_err().code
    };
    let id = AssetId::new("a").unwrap();
    assert_eq!(read(Verb::Put, None, false), "put_needs_one");
    assert_eq!(read(Verb::Put, Some(&id), true), "put_needs_one");
    assert_eq!(read(Verb::Patch, Some(&id), false), "patch_needs_one");
}

const IDS: &str = r#""a" "b/2" 7 -0 -3 18446744073709551615 18446744073709551616 1.0 "é" null"#;
const AMOUNTS: &str = r#""101.25" "1e3" 5 -5 0 -0 1000000000000 18446744073709551615 -9223372036854775808 101.25 1e2
    "01" "" null true 01 1. 99999999999999999999"#;
const REPEATED: &str = r#""amount":"1" "amount":12 "currency":"EUR" "currency":null"#;
const OTHERS: &str = r#""currency":"EUR" "currency":"USDC" "currency":null "currency":"eur" "currency":1
    "as_of":"2026-11-24T03:10:00Z" "as_of":"2026-11-24" "as_of":1 "as_of":null "as_of":"x"
    "quote":"nav" "quote":"NAV" "kind":"k" "per":"unit" "per":"" "kind":"\u0041" "kind":{} "kind":[]
    "sequence":7 "sequence":0 "sequence":-0 "sequence":-1 "sequence":1.0 "sequence":"9"
    "sequence":4611686018427387903 "sequence":4611686018427387904
    "stream":"s" "stream":null "market":"open" "market":"" "x":1"#;

/// Items that are mostly sound, of members that are mostly sound.
fn near_price() -> impl Strategy<Value = String> {
    let one_of = |words: &'static str| prop::sample::select(words.split_whitespace().collect::<Vec<_>>());
    let other = prop_oneof![20 => one_of(OTHERS), 1 => Just("\"kind\":\"a\u{1}b\"")];
    let others = prop::collection::vec(other, 0..3);
    let repeated = prop::option::weighted(0.2, one_of(REPEATED));
    (one_of(IDS), one_of(AMOUNTS), repeated, others, "[ \n\t\r]{0,2}").prop_map(
        |(id, amount, repeated, others, space)| {
            let mut members = vec![format!("\"id\":{id}"), format!("\"amount\":{space}{amount}")];
            members.extend(repeated.into_iter().chain(others).map(str::to_owned));
            format!("{{{}{space}}}", members.join(","))
        },
    )
}

fn near_body() -> impl Strategy<Value = (String, bool)> {
    let items = prop::collection::vec(near_price(), 0..4);
    let damage = prop::option::weighted(
        0.2,
        (any::<prop::sample::Index>(), prop::sample::select(vec!["", "}", ",", "\n", "\"", "{", " ", "é"])),
    );
    (items, 0..5, damage).prop_map(|(items, shape, damage)| {
        let mut body = match shape {
            4 => items.first().cloned().unwrap_or_default(),
            0 => format!("[{}]", items.join(",")),
            1 => format!("{{\"timestamp\":\"2026-11-24\",\"prices\":[{}]}}", items.join(" , ")),
            2 => items.join("\n"),
            _ => items.join("\r\n") + "\n\n",
        };
        if let Some((place, piece)) = damage {
            let at = (0..=body.len()).filter(|&at| body.is_char_boundary(at)).collect::<Vec<_>>();
            let at = at[place.index(at.len())];
            let end = if piece.is_empty() {
                (at + 1..).find(|&end| body.is_char_boundary(end) || end > body.len())
            } else {
                None
            };
            body.replace_range(at..end.unwrap_or(at).min(body.len()).max(at), piece);
        }
        (body, (2..4).contains(&shape))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_fast_path_accepts_only_what_the_exact_path_reads_alike((body, ndjson) in near_body()) {
        let policy = Policy::default();
        if let Some((shape, fast)) = fast::prices(&body, ndjson, &policy) {
            let exact = prices_exactly(&body, ndjson, &policy, &LIMITS);
            let exact = exact.map_err(|e| TestCaseError::fail(format!("{body}: {e}")))?;
            prop_assert_eq!(&exact.writes, &fast, "{}", body);
            prop_assert_eq!((exact.shape, exact.ids.len()), (shape, fast.len()));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_panic(bytes: Vec<u8>, (body, ndjson) in near_body(), cut in any::<prop::sample::Index>()) {
        let policy = Policy::default();
        let _ = prices(&bytes, ndjson, &policy, &LIMITS);
        let body = body.as_bytes();
        let _ = prices(&body[..cut.index(body.len() + 1)], ndjson, &policy, &LIMITS);
        let _ = assets(body, ndjson, Verb::Post, None, &policy, &LIMITS);
        let id = AssetId::new("a").unwrap();
        let _ = asset_price(body, &id, None, &policy);
    }
}

#[test]
fn what_is_ordinary_takes_the_fast_path() {
    let item =
        r#"{"id":"a/1","amount":"101.25","currency":"EUR","as_of":"2026-11-24T03:10:00Z","sequence":5}"#;
    let policy = Policy::default();
    let list = format!("[{}]", vec![item; 20].join(","));
    let taken =
        |body: &str, ndjson| fast::prices(body, ndjson, &policy).map(|(shape, writes)| (shape, writes.len()));
    assert_eq!(taken(&list, false), Some((Shape::Batch, 20)));
    let lines = vec![item; 20].join("\n") + "\n";
    assert_eq!(taken(&lines, true), Some((Shape::Batch, 20)));
    let envelope = format!("{{\"timestamp\":null,\"prices\":{list}}}");
    assert_eq!(taken(&envelope, false), Some((Shape::Batch, 20)));
    assert_eq!(taken(&list.replacen("\"101.25\"", "101.25", 1), false), None);
    assert_eq!(taken(item, false), Some((Shape::Single, 1)));
}

#[test]
fn the_quote_of_the_query_is_the_price_s_unless_the_body_names_another() {
    let (id, nav) = (AssetId::new("a").unwrap(), QuoteName::new("nav").unwrap());
    let read = |body: &str| {
        let decoded = asset_price(body.as_bytes(), &id, Some(nav), &Policy::default()).unwrap();
        match decoded.writes.into_iter().next().unwrap() {
            Ok(Write::Price(price)) => price.quote.as_str().to_owned(),
            Ok(other) => panic!("not a price: {other:?}"),
            Err(refused) => refused.note.unwrap().code.into_owned(),
        }
    };
    assert_eq!(read(r#"{"amount":"1"}"#), "nav");
    assert_eq!(read(r#"{"amount":"1","quote":"nav"}"#), "nav");
    assert_eq!(read(r#"{"amount":"1","quote":"bid"}"#), "quote_mismatch");
}

//! Feed documents whole, cut, and broken.

use super::*;
use crate::codec::json;
use crate::codec::mapping::{self, Around};
use crate::domain::Micros;
use crate::domain::mapping::{
    Field, IdMapping, PathStep, Place, Pointer, RecordsPath, TimeField, TimeFormat, TimeReading, TimeSpelling,
};
use crate::rules::policy::Policy;
use proptest::prelude::*;

pub(super) const LIMITS: SnapshotLimits =
    SnapshotLimits { record_bytes_max: 1_000, records_max: 1_000, served_as_lines: false, is_paged: false };

/// A source that gives a few bytes at a time.
pub(super) struct Drip<'a> {
    pub rest: &'a [u8],
    pub bytes: usize,
}

impl Read for Drip<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let length = self.bytes.min(self.rest.len()).min(out.len());
        out[..length].copy_from_slice(&self.rest[..length]);
        self.rest = &self.rest[length..];
        Ok(length)
    }
}

/// Records at a place that the configuration names; `*` steps into every element.
pub(super) fn at(parts: &[&str]) -> RecordsPath {
    let step = |part: &&str| if *part == "*" { PathStep::Each } else { PathStep::Into((*part).into()) };
    RecordsPath { steps: parts.iter().map(step).collect(), by_key: false, is_written: true, lines: false }
}

fn mapping_at(parts: &[&str]) -> Mapping {
    Mapping { records: at(parts), ..Mapping::default() }
}

fn run(body: &[u8], mapping: &Mapping) -> Result<(Envelope, Vec<String>), SnapshotError> {
    run_as(body, mapping, false)
}

fn run_as(
    body: &[u8],
    mapping: &Mapping,
    served_as_lines: bool,
) -> Result<(Envelope, Vec<String>), SnapshotError> {
    let mut records = Vec::new();
    let limits = SnapshotLimits { served_as_lines, ..LIMITS };
    let parents = parents(Drip { rest: body, bytes: 5 }, mapping, &limits)?;
    let envelope = scan(Drip { rest: body, bytes: 7 }, mapping, &limits, &parents, |raw| {
        assert_eq!(raw.record, records.len() as u64);
        assert!(body[raw.offset as usize..].starts_with(raw.text.as_bytes()));
        records.push(raw.text.to_owned());
    })?;
    assert_eq!(envelope.records, records.len() as u64);
    Ok((envelope, records))
}

fn records(body: &str) -> Vec<String> {
    run(body.as_bytes(), &Mapping::default()).unwrap().1
}

pub(super) fn code(body: &[u8]) -> &'static str {
    run(body, &Mapping::default()).unwrap_err().code
}

const OURS: &str = r#" {"count": 2, "other": {"deep": [1, {"x": "}"}]}, "complete": true,
    "assets": [ {"id": "a", "t": "]\"é"} ,{"id":"b","l":[[1],{}]} ], "allow_empty": false,
    "generated_at": "1970-01-01T00:00:01Z"} "#;

#[test]
fn an_object_an_array_and_lines_hold_the_same_records() {
    let expected = [r#"{"id": "a", "t": "]\"é"}"#, r#"{"id":"b","l":[[1],{}]}"#];
    let (envelope, found) = run(OURS.as_bytes(), &Mapping::default()).unwrap();
    assert_eq!(found, expected);
    assert_eq!((envelope.generated_at.unwrap().at, envelope.count), (Ok(Micros(1_000_000)), Some(2)));
    assert!(!envelope.may_be_cut);
    assert!(envelope.complete && !envelope.allow_empty);
    assert_eq!(records(&format!("\u{feff}[{}]", expected.join(","))), expected);
    assert_eq!(records(&expected.join("\n")), expected);
    assert_eq!(records(&(expected.join("\r\n\r\n") + "\n")), expected);
}

#[test]
fn f1_a_body_cut_at_any_byte_is_never_accepted() {
    let array = r#"[{"id":"a","n":-1.5e3},{"id":"b","s":"\u00e9\ud83d\ude00é"},true]"#;
    for body in [OURS.trim(), array] {
        assert!(run(body.as_bytes(), &Mapping::default()).is_ok());
        for cut in 0..body.len() {
            let error = run(&body.as_bytes()[..cut], &Mapping::default()).expect_err(&body[..cut.min(3)]);
            let expected = if cut == 0 { "empty_body" } else { "truncated" };
            assert_eq!(error.code, expected, "cut at {cut}: {error}");
        }
    }
}

#[test]
fn a07_a06_what_is_no_document_fails_by_its_own_code() {
    for (body, expected) in [
        (&b""[..], "empty_body"),
        (b" \n\t", "empty_body"),
        (b"\xef\xbb\xbf", "empty_body"),
        (b"\n<!DOCTYPE html><html>", "html"),
        (b"Service unavailable", "malformed"),
        (b"\"fine\"", "no_records"),
        (b"null", "no_records"),
        (b"{\"id\":\"a\"}", "no_records"),
        (b"{\"assets\":{}}", "no_records"),
        (b"{\"assets\":null}", "no_records"),
        (b"[1,]", "malformed"),
        (b"[1 2]", "malformed"),
        (b"[{\"a\" 1}]", "malformed"),
        (b"{\"assets\":[],}", "malformed"),
        (b"{\"assets\":[]}]", "malformed"),
        (b"{\"assets\":[]}{\"assets\":[]}", "malformed"),
        (b"{\"assets\":[],\"assets\":[{}]}", "malformed"),
        (b"[]x", "malformed"),
        (b"{\"id\":1}\n[2]", "malformed"),
        (b"{\"id\":1}\n{\"id\":}", "malformed"),
        (b"[\"a\x01\"]", "malformed"),
        (b"[\"\\ud800\"]", "malformed"),
        (b"[{\"a\":\"\xff\"}]", "bad_utf8"),
        (b"\xff\xfe[\0", "bad_utf8"),
        (b"{\"x\":\"\xe9\",\"assets\":[]}", "bad_utf8"),
        (b"{\"assets\":[],\"count\":1}", "count_mismatch"),
        (b"{\"assets\":[],\"count\":\"many\"}", "count_mismatch"),
    ] {
        assert_eq!(code(body), expected, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a26_bad_text_is_named_by_its_byte() {
    let error = run(b"[{\"a\":1},{\"b\":\"x\xff\"}]", &Mapping::default()).unwrap_err();
    assert_eq!((error.code, error.offset), ("bad_utf8", 16));
}

#[test]
fn limits_hold_at_both_edges() {
    let record = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    assert_eq!(records(&format!("[{}]", record(1_000))).len(), 1);
    assert_eq!(code(format!("[{}]", record(1_001)).as_bytes()), "record_too_large");
    assert_eq!(code(format!("{}\n{}", record(1_000), record(1_001)).as_bytes()), "record_too_large");
    assert_eq!(records(&format!("[{}]", vec!["1"; 1_000].join(","))).len(), 1_000);
    assert_eq!(code(format!("[{}]", vec!["1"; 1_001].join(",")).as_bytes()), "too_many_records");
}

#[test]
fn a27_deep_or_endless_values_fail_within_bounds() {
    let deep = "[".repeat(1_000_000);
    assert_eq!(code(deep.as_bytes()), "malformed");
    assert_eq!(code(format!("{{\"x\":{deep}").as_bytes()), "malformed");
    let endless = format!("{{\"x\":\"{}\"}}", "y".repeat(1_000_000));
    assert_eq!(code(endless.as_bytes()), "malformed");
}

#[test]
fn a30_a_record_that_repeats_a_name_does_not_fail_the_document() {
    let found = records(r#"[{"id":"a","x":1,"x":2},{"id":"b"}]"#);
    let error =
        mapping::decode(&found[0], Around::default(), &Mapping::default(), &Policy::default()).unwrap_err();
    assert_eq!((error.code, error.id.unwrap().as_str()), ("json_duplicate_name", "a"));
}

#[test]
fn records_and_envelope_are_found_at_any_depth() {
    let mapping = Mapping {
        records: at(&["data", "0", "items"]),
        generated_at: Some(TimeField {
            field: Field::path(&["meta", "at"]),
            reading: TimeReading { spelling: TimeSpelling::Named(TimeFormat::UnixSeconds), zone: None },
        }),
        count: Some(Pointer::of(&["data", "0", "n"])),
        ..Mapping::default()
    };
    let body = r#"{"data":[{"items":[{"id":1}],"n":"1"},{"items":[{"id":2}]}],"meta":{"at":3,"x":[{}]}}"#;
    let (envelope, found) = run(body.as_bytes(), &mapping).unwrap();
    assert_eq!(found, ["{\"id\":1}"]);
    assert_eq!((envelope.generated_at.unwrap().at, envelope.count), (Ok(Micros(3_000_000)), Some(1)));
    assert_eq!(run(b"{\"data\":[]}", &mapping).unwrap_err().code, "no_records");
}

#[test]
fn an_object_alone_is_a_record_only_where_its_server_calls_it_a_line() {
    let mapping = mapping_at(&[]);
    let error = b"{\"id\":\"too_many_requests\",\"message\":\"API rate limit exceeded\"}\n";
    assert_eq!(run(error, &mapping).unwrap_err().code, "no_records");
    for mapping in [&mapping, &Mapping::default()] {
        assert_eq!(run_as(b"{\"id\":1}\n", mapping, true).unwrap().1, ["{\"id\":1}"]);
    }
    assert_eq!(
        run_as(OURS.as_bytes(), &Mapping::default(), true).unwrap().1.len(),
        2,
        "it holds its records"
    );
    assert_eq!(run(b"{\"id\":1}{\"id\":2}", &mapping).unwrap().1.len(), 2);
    assert_eq!(run(b"[{\"id\":1}]", &mapping).unwrap().1.len(), 1);
}

/// What each record's id is, or the code of why it has none.
fn ids(body: &str, mapping: &Mapping) -> Result<Vec<String>, &'static str> {
    let above = parents(body.as_bytes(), mapping, &LIMITS).map_err(|error| error.code)?;
    let mut ids = Vec::new();
    let read = scan(body.as_bytes(), mapping, &LIMITS, &above, |raw| {
        let read = mapping::decode(raw.text, raw.around, mapping, &Policy::default());
        ids.push(read.map_or_else(|error| error.code.to_owned(), |read| read.write.id.as_str().to_owned()));
        let lead = &body[raw.offset as usize - raw.lead as usize..raw.offset as usize];
        assert_eq!(raw.lead > 0, lead.starts_with('"'), "the key stands there: {lead}");
    });
    read.map(|_| ids).map_err(|error| error.code)
}

/// An id made of a value above the record and one of the record.
fn nested(records: RecordsPath, above: Place) -> Mapping {
    let id = IdMapping { parts: vec![Field::from(above), Field::member("id")], join: "/".into() };
    Mapping { records, id, ..Mapping::default() }
}

#[test]
fn a_star_steps_into_every_element_and_records_know_what_stands_above_them_wherever_it_stands() {
    let above = |up| Place::Above { up, at: Pointer::of(&["id"]) };
    let body =
        r#"[{"id":"x","models":[{"id":1},{"id":2}]},{"models":[{"id":3}],"id":"y"},{"id":"z","models":[]}]"#;
    assert_eq!(ids(body, &nested(at(&["*", "models"]), above(1))).unwrap(), ["x/1", "x/2", "y/3"]);
    let body = r#"{"areas":{"n":{"sections":[{"id":1}]},"s":{"sections":[{"id":2}]}},"id":"root"}"#;
    assert_eq!(ids(body, &nested(at(&["areas", "*", "sections"]), above(2))).unwrap(), ["root/1", "root/2"]);
    let key = Place::KeyAbove { up: 1 };
    assert_eq!(ids(body, &nested(at(&["areas", "*", "sections"]), key)).unwrap(), ["n/1", "s/2"]);
    let body = r#"[[[{"id":1}],[{"id":2}]],[[{"id":3}]]]"#;
    let key = Place::KeyAbove { up: 2 };
    assert_eq!(ids(body, &nested(at(&["*", "*"]), key)).unwrap(), ["0/1", "0/2", "1/3"]);
}

#[test]
fn what_stands_above_may_lie_within_another_such_value_or_be_what_the_document_says_of_itself() {
    let at = |names: &[&str]| Place::Above { up: 1, at: Pointer::of(names) };
    let both = Field { places: vec![at(&["m"]), at(&["m", "of"])], ..Field::default() };
    let id = |field: Field| IdMapping { parts: vec![field, Field::member("id")], join: "/".into() };
    let mapping = Mapping { id: id(both), ..Mapping::default() };
    assert_eq!(ids(r#"{"assets":[{"id":1}],"m":{"of":"x"}}"#, &mapping).unwrap(), ["x/1"]);
    assert_eq!(ids(r#"{"m":"x","assets":[{"id":1}]}"#, &mapping).unwrap(), ["x/1"]);
    let mapping = Mapping { id: id(Field::from(at(&["generated_at"]))), ..Mapping::default() };
    assert_eq!(ids(r#"{"generated_at":"today","assets":[{"id":1}]}"#, &mapping).unwrap(), ["today/1"]);
}

#[test]
fn elements_that_all_lead_nowhere_fail_the_document_whichever_star_they_are_of() {
    let mapping = Mapping { records: at(&["*", "groups", "*", "items"]), ..Mapping::default() };
    let records =
        |body: &str| run(body.as_bytes(), &mapping).map(|(_, records)| records.len()).map_err(|e| e.code);
    assert_eq!(records(r#"[{"groups":[{"items":[{}]}]},{"groups":null},{}]"#), Ok(1), "null is as nothing");
    assert_eq!(records(r#"[{"groups":[]},{}]"#), Ok(0));
    for body in [r#"[{},{}]"#, r#"[{"group":[{"items":[{}]}]}]"#, r#"[{"groups":null}]"#, "null"] {
        assert_eq!(records(body), Err("no_records"), "{body}");
    }
}

#[test]
fn t2_an_envelope_time_is_the_first_place_that_holds_one_in_the_mappings_words() {
    let field = Field { none: vec![String::new()], ..Field::default() };
    let places = ["a", "b"].map(|name| Place::At(Pointer::of(&[name]))).into_iter();
    let places = places.chain([Place::At(Pointer::of(&["b", "at"]))]).collect();
    let mapping =
        Mapping { generated_at: Some(TimeField::own(Field { places, ..field })), ..Mapping::default() };
    let said = |rest: &str| {
        let (envelope, _) = run(format!(r#"{{"assets":[]{rest}}}"#).as_bytes(), &mapping).unwrap();
        envelope.generated_at.map(|time| time.at.map(|at| at.0))
    };
    let second = Some(Ok(1_000_000));
    assert_eq!(said(r#","a":"1970-01-01T00:00:01Z""#), second);
    assert_eq!(said(r#","a":"","b":"1970-01-01T00:00:01Z""#), second);
    assert_eq!(said(r#","b":{"at":"1970-01-01T00:00:01Z"},"a":null"#), second);
    assert_eq!(said(r#","a":"","b":"""#), None);
    assert!(said(r#","b":"soon""#).is_some_and(|read| read.is_err()));
}

#[test]
fn a_count_is_a_number_however_its_text_is_spelt() {
    assert!(run(br#"{"count":"\u0031","assets":[{}]}"#, &Mapping::default()).is_ok());
    assert_eq!(code(br#"{"count":"\u0032","assets":[{}]}"#), "count_mismatch");
}

#[test]
fn records_may_be_the_members_of_an_object_each_with_its_key() {
    let by_key = |parts: &[&str]| {
        let id = IdMapping { parts: vec![Field::from(Place::Key)], join: String::new() };
        Mapping { records: RecordsPath { by_key: true, ..at(parts) }, id, ..Mapping::default() }
    };
    let body = r#"{"data":{"2799" : {"name":"Truck"},"v\u0061n":{}, "n":{}}}"#;
    assert_eq!(ids(body, &by_key(&["data"])).unwrap(), ["2799", "van", "n"]);
    assert_eq!(ids(r#"{"a":{},"b":{}}"#, &by_key(&[])).unwrap(), ["a", "b"]);
    assert_eq!(ids("{}", &by_key(&[])).unwrap(), Vec::<String>::new());
    for (body, mapping) in [("[]", by_key(&[])), (r#"{"data":[]}"#, by_key(&["data"])), ("5", by_key(&[]))] {
        assert_eq!(ids(body, &mapping), Err("no_records"), "{body}");
    }
}

#[test]
fn records_that_are_written_and_not_there_fail_the_document() {
    for (body, parts) in [
        (r#"[{"id":"provider","models":[]}]"#, &["models"][..]),
        (r#"[{"id":"provider"}]"#, &["*", "models"]),
        (r#"{"areas":{"a":5}}"#, &["areas", "*", "sections", "x"]),
        (r#"{"areas":5}"#, &["areas", "*", "sections"]),
        (r#"{"areas":[{"sections":{}}]}"#, &["areas", "*", "sections"]),
        (r#"{"error":"no such key"}"#, &["areas", "*", "sections"]),
        ("{\"id\":1}\n{\"id\":2}\n", &["assets"]),
    ] {
        assert_eq!(ids(body, &mapping_at(parts)), Err("no_records"), "{body}");
    }
    assert_eq!(ids(r#"{"areas":[]}"#, &mapping_at(&["areas", "*", "sections"])), Ok(vec![]));
    let some = r#"{"areas":[{"sections":[{"id":1}]},{"sections":null},{}]}"#;
    let (envelope, found) = run(some.as_bytes(), &mapping_at(&["areas", "*", "sections"])).unwrap();
    assert_eq!((found.len(), envelope.elements_without), (1, 2), "said, not swallowed");
}

#[test]
fn one_line_is_a_record_where_the_mapping_says_that_there_are_lines() {
    let lines = Mapping { records: RecordsPath { lines: true, ..at(&[]) }, ..Mapping::default() };
    assert_eq!(ids("{\"id\":1}\n", &lines), Ok(vec!["1".into()]));
    assert_eq!(ids("{\"id\":1}", &mapping_at(&[])), Err("no_records"));
}

#[test]
fn what_stands_above_the_records_is_held_within_bounds() {
    let element = format!(r#"{{"id":"{}","models":[]}}"#, "x".repeat(900));
    let body = format!("[{}]", vec![element; 20_000].join(","));
    let mapping = nested(at(&["*", "models"]), Place::Above { up: 1, at: Pointer::of(&["id"]) });
    assert_eq!(ids(&body, &mapping), Err("parents_too_large"));
}

#[test]
fn f8_only_true_is_complete_and_only_true_allows_empty() {
    let read =
        |member: &str| run(format!("{{\"assets\":[],{member}}}").as_bytes(), &Mapping::default()).unwrap().0;
    for (member, complete, allow_empty) in [
        ("\"complete\":false", false, false),
        ("\"complete\":\"yes\"", false, false),
        ("\"complete\":null", true, false),
        ("\"allow_empty\":true", true, false),
        ("\"complete\":true,\"allow_empty\":true", true, true),
        ("\"allow_empty\":1", true, false),
    ] {
        let envelope = read(member);
        assert_eq!((envelope.complete, envelope.allow_empty), (complete, allow_empty), "{member}");
    }
}

#[test]
fn t2_an_envelope_time_that_cannot_be_read_is_kept_with_its_text_and_its_place() {
    let body = r#"{"generated_at": "2026-11-28 18:22", "assets":[]}"#;
    let time = run(body.as_bytes(), &Mapping::default()).unwrap().0.generated_at.unwrap();
    assert_eq!((time.text.as_str(), time.offset), ("\"2026-11-28 18:22\"", 17));
    assert!(!time.at.unwrap_err().is_empty());
    let none = run(br#"{"generated_at":null,"assets":[]}"#, &Mapping::default()).unwrap().0;
    assert_eq!(none.generated_at, None);
}

#[test]
fn f1_only_lines_without_a_count_may_be_cut() {
    for (body, may_be_cut) in [("[{},{}]", false), ("{\"assets\":[]}", false), ("{}\n{}\n", true)] {
        assert_eq!(run(body.as_bytes(), &Mapping::default()).unwrap().0.may_be_cut, may_be_cut, "{body}");
    }
}

#[test]
fn a_source_that_fails_fails_the_run() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("reset"))
        }
    }
    let source = std::io::Cursor::new(b"[{},").chain(Broken);
    let error = scan(source, &Mapping::default(), &LIMITS, &Parents::default(), |_| {}).unwrap_err();
    assert_eq!(error.code, "read_failed");
}

#[test]
fn records_across_the_windows_edge_are_whole() {
    let record = |n: usize| format!("{{\"id\":\"{n}\",\"x\":\"{}é\"}}", "y".repeat(n * 7 % 900));
    let body = format!("[{}]", (0..900).map(record).collect::<Vec<_>>().join(", "));
    assert!(body.len() > 300_000);
    let (_, found) = run(body.as_bytes(), &Mapping::default()).unwrap();
    assert!(found.iter().enumerate().all(|(n, text)| *text == record(n)));
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_document_or_an_error(
        bytes: Vec<u8>,
        text in "[\\[\\]{}\":,a1 \n\\\\]{0,40}",
        cut in any::<prop::sample::Index>(),
        piece in "[\\[\\]{}\":,a1 \n\\\\]{0,3}",
    ) {
        let _ = run(&bytes, &Mapping::default());
        let _ = run(text.as_bytes(), &Mapping::default());
        let mut damaged = OURS.as_bytes().to_vec();
        let at = cut.index(damaged.len());
        damaged.splice(at..at, piece.bytes());
        // what is taken is JSON, but for names that come twice; `{}` before it makes lines of it
        if let Ok((envelope, _)) = run(&damaged, &Mapping::default())
            && !envelope.is_lines
        {
            let sound = std::str::from_utf8(&damaged).is_ok_and(|text| serde_json::from_str::<serde_json::Value>(text).is_ok());
            prop_assert!(sound);
            prop_assert!(envelope.count.is_none_or(|count| count == envelope.records));
        }
    }

    #[test]
    fn the_records_are_the_elements(items in prop::collection::vec("[a-z]{0,5}", 0..8), bytes in 1usize..9) {
        let list: Vec<String> = items.iter().map(|item| format!("{{\"id\":{}}}", json::quoted(item))).collect();
        let body = format!("{{\"assets\":[{}],\"count\":{}}}", list.join(" ,\n"), list.len());
        let mut found = Vec::new();
        scan(Drip { rest: body.as_bytes(), bytes }, &Mapping::default(), &LIMITS, &Parents::default(), |raw| found.push(raw.text.to_owned()))
            .unwrap();
        prop_assert_eq!(found, list);
    }
}

//! Bodies as senders write them, and the writes that they come to.

use super::*;
use crate::codec::time;
use crate::domain::hook::{EventPattern, EventTable};
use crate::domain::mapping::{IdMapping, PathStep, TimeReading};
use crate::domain::{Pointer, TimeFormat};

fn at(names: &[&str]) -> Field {
    Field::path(names)
}

fn hook() -> Hook {
    let meanings = [
        ("made", EventMeaning::Upserted),
        ("put", EventMeaning::Replaced),
        ("gone", EventMeaning::Deleted),
        ("priced", EventMeaning::PriceUpdated),
    ];
    let rows = meanings.map(|(word, meaning)| (EventPattern::new(word).unwrap(), meaning));
    let mut mapping = Mapping { generated_at: None, count: None, ..Mapping::default() };
    mapping.records.steps = vec![PathStep::Into("data".into())];
    Hook {
        delivery: Some(at(&["delivery"])),
        time: Some(TimeField::own(at(&["at"]))),
        times: EventTable::new(Vec::new()),
        event: Some(at(&["event"])),
        events: EventTable::new(rows.into()),
        when: Vec::new(),
        mapping,
    }
}

fn call(hook: &Hook, body: &str) -> Result<HookRead, BodyError> {
    let headers = HookHeaders::default();
    let (policy, limits) = (&Policy::default(), BodyLimits { items_max: 10 });
    read(&HookCall { hook, headers: &headers, body: body.as_bytes(), policy, limits })
}

fn ok(hook: &Hook, body: &str) -> HookRead {
    call(hook, body).unwrap_or_else(|error| panic!("{body}: {error}"))
}

/// Each write in short; of what is refused the code and where.
fn shown(read: &HookRead) -> Vec<String> {
    let at = |at: Option<Micros>| at.map_or("-".to_owned(), time::format);
    let show = |write: &Result<Write, Box<ItemOutcome>>| match write {
        Ok(Write::Asset(write)) => {
            let names: Vec<&str> = write.members.members().iter().map(|m| m.name.as_str()).collect();
            format!(
                "{:?} {} {} +{names:?} -{:?} {}",
                write.verb,
                write.id,
                at(write.at),
                write.removed,
                write.prices.len()
            )
        }
        Ok(Write::Price(price)) => format!("price {} {} {}", price.id, at(price.at), price.amount.unwrap()),
        Err(item) => {
            let note = item.note.as_ref().unwrap();
            format!("{} {} {}", item.outcome.as_str(), note.code, note.pointer)
        }
    };
    read.decoded.writes.iter().map(show).collect()
}

fn of(hook: &Hook, body: &str) -> Vec<String> {
    shown(&ok(hook, body))
}

const AT: &str = r#""at":"2026-11-24T03:10:00Z""#;

#[test]
fn an_event_becomes_the_write_that_its_kind_means() {
    let hook = hook();
    let data = r#""data":{"id":7,"name":"A","note":null,"price":{"amount":"5","currency":"EUR"}}"#;
    for (event, wanted) in [
        ("made", r#"Post 7 2026-11-24T03:10:00Z +["name"] -["note"] 1"#),
        ("put", r#"Put 7 2026-11-24T03:10:00Z +["name", "note"] -[] 1"#),
        ("gone", "Delete 7 2026-11-24T03:10:00Z +[] -[] 0"),
        ("priced", "price 7 2026-11-24T03:10:00Z 5"),
        ("other", "ignored event_ignored "),
    ] {
        let body = format!(r#"{{"event":"{event}",{AT},{data},"delivery":41,"unknown":[1]}}"#);
        let read = ok(&hook, &body);
        assert_eq!(shown(&read), [wanted], "{event}");
        assert_eq!((read.delivery.as_deref(), read.event.as_deref()), (Some("41"), Some(event)));
        assert_eq!(read.decoded.ids, [if event == "other" { "" } else { "7" }]);
    }
}

#[test]
fn t1_the_records_own_time_goes_first_unless_the_kind_of_event_has_one() {
    let mut hook = hook();
    let body = |event: &str| {
        format!(r#"{{"event":"{event}",{AT},"data":{{"id":"a","updated_at":"2026-11-20T00:00:00Z"}}}}"#)
    };
    assert!(of(&hook, &body("made"))[0].contains("2026-11-20"));
    assert!(of(&hook, &body("gone"))[0].contains("2026-11-20"));
    let reading = TimeReading::default();
    let said = Some(TimeField { field: at(&["at"]), reading });
    let row = |word: &str, time| (EventPattern::new(word).unwrap(), time);
    hook.times = EventTable::new(vec![row("gone", said), row("put", None)]);
    assert!(of(&hook, &body("gone"))[0].contains("2026-11-24"));
    assert!(of(&hook, &body("made"))[0].contains("2026-11-20"));
    assert!(of(&hook, &body("put"))[0].starts_with("Put a - "), "it has none");
    let bad = of(&hook, &body("gone").replace("2026-11-24T03:10:00Z", "yesterday"));
    assert_eq!(bad, ["rejected time_format /at"]);
}

#[test]
fn a_list_gives_a_write_for_each_record_and_a_bad_one_stands_in_its_place() {
    let read = ok(&hook(), r#"{"event":"made","data":[{"id":"a"},{"name":"b"},{"id":"undefined"},7]}"#);
    let refused = [
        "rejected id_missing /data/1/id",
        "rejected id_placeholder /data/2/id",
        "rejected id_missing /data/3/id",
    ];
    assert_eq!(shown(&read)[1..], refused);
    assert_eq!((read.decoded.shape, read.decoded.ids.len()), (Shape::Batch, 4));
    assert_eq!(of(&hook(), r#"{"event":"made","data":[]}"#), [""; 0]);
    assert_eq!(of(&hook(), r#"{"event":"made","data":null}"#), ["rejected no_records /data"]);
    assert_eq!(of(&hook(), r#"{"event":"made"}"#), ["rejected no_records /data"]);
    let many = format!(r#"{{"event":"made","data":[{}]}}"#, [r#"{"id":"a"}"#; 11].join(","));
    assert_eq!(call(&hook(), &many).unwrap_err().code, "too_many_items");
}

#[test]
fn an_id_with_a_star_gives_a_write_for_each_element() {
    let mut hook = hook();
    let above = |names: &[&str]| Place::Above { up: 1, at: Pointer::of(names) };
    let places = vec![above(&["key"]), above(&["keys", "*"])];
    hook.mapping.id = IdMapping { parts: vec![Field { places, ..Field::default() }], join: String::new() };
    let one = of(&hook, r#"{"event":"made","key":"a","data":{"n":1}}"#);
    assert_eq!(one, [r#"Post a - +["n"] -[] 0"#]);
    let two = of(&hook, r#"{"event":"made","keys":["a","b"],"data":{"n":1}}"#);
    assert_eq!(two, [r#"Post a - +["n"] -[] 0"#, r#"Post b - +["n"] -[] 0"#]);
    let gone = of(&hook, r#"{"event":"gone","keys":["a","b"],"data":["a","b"]}"#);
    assert_eq!(gone, ["Delete a - +[] -[] 0", "Delete b - +[] -[] 0"], "the ids are named twice");
    assert_eq!(of(&hook, r#"{"event":"made","keys":[],"data":{}}"#), ["rejected id_missing /data"]);
    let one_bad = of(&hook, r#"{"event":"gone","keys":["null","b"],"data":{}}"#);
    assert_eq!(one_bad, ["rejected id_placeholder /data", "Delete b - +[] -[] 0"]);
    let shared = of(&hook, r#"{"event":"made","key":"a","data":[{},{}]}"#);
    assert_eq!(shared, ["rejected id_shared /data/0", "rejected id_shared /data/1"]);
}

#[test]
fn a_record_reads_above_itself_through_each_star_of_its_path() {
    let mut hook = hook();
    let step = |name: &str| PathStep::Into(name.into());
    hook.mapping.records.steps = vec![step("areas"), PathStep::Each, step("lots")];
    let above = |up, name: &str| Field::from(Place::Above { up, at: Pointer::of(&[name]) });
    hook.mapping.id = IdMapping {
        parts: vec![above(2, "tenant"), Field::from(Place::KeyAbove { up: 1 }), above(1, "id"), at(&["id"])],
        join: "/".into(),
    };
    let body = r#"{"event":"gone","tenant":"t","areas":{"north":{"id":1,"lots":[{"id":5}]},"south":{"id":2,"lots":[{"id":6},{"id":7}]}}}"#;
    let ids: Vec<_> = ok(&hook, body).decoded.ids;
    assert_eq!(ids, ["t/north/1/5", "t/south/2/6", "t/south/2/7"]);
    hook.mapping.records.by_key = true;
    hook.mapping.id.parts = vec![Field::from(Place::Key)];
    let body = r#"{"event":"gone","areas":[{"lots":{"x":{},"y":{}}},{}]}"#;
    assert_eq!(ok(&hook, body).decoded.ids, ["x", "y"]);
}

#[test]
fn a_condition_goes_before_the_kind_of_event_where_it_is_about_it() {
    let mut hook = hook();
    let rule = |events: &[&str], is, then| WhenRule {
        events: events.iter().map(|word| EventPattern::new(word).unwrap()).collect(),
        at: at(&["data", "published"]),
        is,
        then,
    };
    hook.when = vec![
        rule(&["made"], WhenMatch::Null, EventMeaning::Ignored),
        rule(&[], WhenMatch::Words(vec!["no".into(), "0".into()]), EventMeaning::Deleted),
        rule(&["put"], WhenMatch::Missing, EventMeaning::Ignored),
    ];
    for (event, data, wanted) in [
        ("made", r#"{"id":"a","published":null}"#, "ignored"),
        ("made", r#"{"id":"a","published":"yes"}"#, "Post"),
        ("made", r#"{"id":"a"}"#, "Post"),
        ("made", r#"{"id":"a","published":"no"}"#, "Delete"),
        ("made", r#"{"id":"a","published":0}"#, "Delete"),
        ("put", r#"{"id":"a"}"#, "ignored"),
        ("put", r#"{"id":"a","published":null}"#, "Put"),
    ] {
        let found = of(&hook, &format!(r#"{{"event":"{event}","data":{data}}}"#));
        assert!(found[0].starts_with(wanted), "{event} {data}: {found:?}");
    }
}

#[test]
fn f2_a_price_that_cannot_be_read_is_kept_aside_alone() {
    let found = of(&hook(), r#"{"event":"made","data":{"id":"a","name":"A","price":{"amount":"0"}}}"#);
    assert_eq!(found[0], r#"Post a - +["name"] -[] 0"#);
    assert!(found[1].ends_with("amount_zero /data/price/amount"), "{found:?}");
    assert_eq!(of(&hook(), r#"{"event":"priced","data":{"id":"a"}}"#), ["rejected price_missing /data"]);
    let own = of(&hook(), r#"{"event":"priced","data":{"id":"a","amount":"5","currency":"EUR"}}"#);
    assert_eq!(own, ["price a - 5"], "our own shape of a price alone");
}

#[test]
fn a_body_that_says_nothing_is_ignored_and_one_that_is_no_json_refused_whole() {
    assert_eq!(of(&hook(), ""), ["ignored empty_body "]);
    assert_eq!(of(&hook(), " \r\n"), ["ignored empty_body "]);
    assert_eq!(of(&hook(), "{}"), ["rejected event_missing "]);
    assert_eq!(of(&hook(), "[]"), ["rejected event_missing "]);
    for (body, code) in
        [("{", "json_syntax"), ("{\"a\":1,\"a\":2}", "json_duplicate_name"), ("webhook_id=3", "json_syntax")]
    {
        assert_eq!(call(&hook(), body).unwrap_err().code, code, "{body}");
    }
    for delivery in ["\"undefined\"", "\"\"", "{}", "true"] {
        let body = format!(r#"{{"event":"gone","delivery":{delivery},"data":{{"id":1}}}}"#);
        assert_eq!(call(&hook(), &body).unwrap_err().code, "delivery_id", "{delivery}");
    }
}

#[test]
fn a_header_is_a_place_like_any_other() {
    let mut hook = hook();
    let header = |name: &str| Field::from(Place::Header(name.into()));
    hook.event = Some(header("x-topic"));
    hook.delivery = Some(header("x-delivery"));
    hook.mapping.members.insert("class", header("x-class"));
    let seconds = TimeReading {
        spelling: crate::domain::mapping::TimeSpelling::Named(TimeFormat::UnixSeconds),
        zone: None,
    };
    hook.time = Some(TimeField { field: header("x-at"), reading: seconds });
    let mut headers = HookHeaders::default();
    for (name, value) in
        [("X-Topic", "made"), ("X-Delivery", "d1"), ("X-Class", "nav"), ("X-At", "1795489800")]
    {
        headers.push(name, value);
    }
    let body = br#"{"data":{"id":"a"}}"#;
    let (policy, limits) = (&Policy::default(), BodyLimits { items_max: 1 });
    let read = read(&HookCall { hook: &hook, headers: &headers, body, policy, limits }).unwrap();
    assert_eq!(shown(&read), [r#"Post a 2026-11-24T03:10:00Z +["class"] -[] 0"#]);
    assert_eq!(read.delivery.as_deref(), Some("d1"));
    let names = ["x-topic", "x-delivery", "x-class", "x-at"];
    assert_eq!(hook.headers(), names.into());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_panic(
        bytes: Vec<u8>,
        event in "made|put|gone|priced|x",
        data in r#"(\{|\[|"id"|:|1|"a"|,|\]|\}|null){0,12}"#,
    ) {
        let (hook, headers) = (hook(), HookHeaders::default());
        let (policy, limits) = (&Policy::default(), BodyLimits { items_max: 10 });
        let body = format!(r#"{{"event":"{event}","data":{data}}}"#);
        for body in [&bytes[..], body.as_bytes()] {
            let _ = read(&HookCall { hook: &hook, headers: &headers, body, policy, limits });
        }
    }
}

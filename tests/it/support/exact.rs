//! JSON read without loss: numbers stay the text that they are. What a feed's file says and what the
//! catalogue says are both read so, by serde_json and not by the daemon's own reader, and compared.

use crate::support::house::House;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{RequestBuilder, StatusCode};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};

/// Of what differs, so much is shown.
const DIFFERENCES_SHOWN: usize = 10;
/// What the catalogue says beside an asset's own members.
const ADDED: [&str; 4] = ["id", "partner", "updated_at", "cursor"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exact {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Exact>),
    Object(Members),
}

pub type Members = BTreeMap<String, Exact>;
/// Assets by id.
pub type Assets = BTreeMap<String, Members>;

impl Exact {
    pub fn read(text: &str) -> Exact {
        match text.trim_start().as_bytes().first() {
            Some(b'{') => {
                let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap();
                Exact::Object(members.into_iter().map(|(name, raw)| (name, Exact::read(raw.get()))).collect())
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).unwrap();
                Exact::List(items.into_iter().map(|raw| Exact::read(raw.get())).collect())
            }
            Some(b'"') => Exact::Text(serde_json::from_str(text).unwrap()),
            Some(b't' | b'f') => Exact::Bool(serde_json::from_str(text).unwrap()),
            Some(b'n') => Exact::Null,
            _ => Exact::Number(text.trim().to_owned()),
        }
    }

    pub fn object(self) -> Members {
        let Exact::Object(members) = self else { panic!("not an object: {self:?}") };
        members
    }

    pub fn list(self) -> Vec<Exact> {
        let Exact::List(items) = self else { panic!("not a list: {self:?}") };
        items
    }

    pub fn text(self) -> String {
        let Exact::Text(text) = self else { panic!("not a text: {self:?}") };
        text
    }
}

/// The records of a file under `/assets`, as they stand there.
pub fn raw_records(file: &str) -> Vec<&str> {
    let file: BTreeMap<String, &RawValue> = serde_json::from_str(file).unwrap();
    let records: Vec<&RawValue> = serde_json::from_str(file["assets"].get()).unwrap();
    records.into_iter().map(RawValue::get).collect()
}

/// The assets that a file makes of nothing, by `/base`. Left out is what may not be applied: an id
/// that stands more than once with different content (F6), and a record in which an object names a
/// member twice (F2), since no two readers agree on what it says.
pub fn records(file: &str) -> Assets {
    let mut same_id: BTreeMap<String, Vec<Option<Members>>> = BTreeMap::new();
    for raw in raw_records(file) {
        let members = Exact::read(raw).object();
        let id = members["base"].clone().text();
        same_id.entry(id).or_default().push((!repeats_a_name(raw)).then_some(members));
    }
    let applied = same_id.into_iter().filter_map(|(id, records)| {
        let first = records[0].clone()?;
        records.iter().all(|record| record.as_ref() == Some(&first)).then_some((id, first))
    });
    applied.collect()
}

/// Whether an object anywhere in the text names a member twice.
pub fn repeats_a_name(text: &str) -> bool {
    match text.trim_start().as_bytes().first() {
        Some(b'{') => {
            let Pairs(pairs) = serde_json::from_str(text).unwrap();
            let names: BTreeSet<&String> = pairs.iter().map(|(name, _)| name).collect();
            names.len() < pairs.len() || pairs.iter().any(|(_, raw)| repeats_a_name(raw.get()))
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap();
            items.into_iter().any(|raw| repeats_a_name(raw.get()))
        }
        _ => false,
    }
}

/// The members of an object in their order, repeated ones included.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'de>, D::Error> {
        struct OfObject;
        impl<'de> Visitor<'de> for OfObject {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(OfObject)
    }
}

/// All assets that the reader's token sees, over all pages, by partner.
pub async fn catalogue(house: &House) -> BTreeMap<String, Assets> {
    let mut catalogue: BTreeMap<String, Assets> = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = body(house.read(&format!("/api/assets?limit=1000&status=any{cursor}"))).await;
        let mut page = Exact::read(&page).object();
        for item in page.remove("items").expect("a page has items").list() {
            let item = item.object();
            let (partner, id) = (item["partner"].clone().text(), item["id"].clone().text());
            let before = catalogue.entry(partner).or_default().insert(id, own_members(item));
            assert_eq!(before, None, "an asset stands on two pages");
        }
        match page.remove("next_cursor") {
            Some(Exact::Text(next)) => cursor = format!("&cursor={next}"),
            _ => return catalogue,
        }
    }
}

/// What of an asset as it is shown comes from the partner.
pub fn own_members(mut shown: Members) -> Members {
    for name in ADDED {
        shown.remove(name);
    }
    if let Some(own) = shown.remove("own") {
        shown.extend(own.object());
    }
    shown
}

/// The text of an answer that must be 200.
pub async fn body(request: RequestBuilder) -> String {
    let response = request.send().await.expect("an answer");
    let (status, url) = (response.status(), response.url().clone());
    let text = response.text().await.expect("a body of text");
    assert_eq!(status, StatusCode::OK, "{url}: {text}");
    text
}

/// An id as one segment of a path.
pub fn segment(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}

/// Fails with the first differences instead of both maps.
pub fn assert_same<V: PartialEq + Debug>(
    what: &str,
    found: &BTreeMap<String, V>,
    expected: &BTreeMap<String, V>,
) {
    let missing = expected.keys().filter(|id| !found.contains_key(*id)).map(|id| format!("lacks {id:?}"));
    let differing = found.iter().filter_map(|(id, found)| match expected.get(id) {
        None => Some(format!("has {id:?} too many: {found:?}")),
        Some(expected) if expected != found => Some(format!("{id:?}: {found:?}\n  is not {expected:?}")),
        Some(_) => None,
    });
    let differences: Vec<String> = missing.chain(differing).collect();
    let shown = differences.iter().take(DIFFERENCES_SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{what}: {} differences\n{shown}", differences.len());
}

#[test]
fn json_is_read_without_loss() {
    let text = r#"{"n": 12345678901234567890123.10, "l": [1e400, true, null], "t": "a\u002fb"}"#;
    let members = Exact::read(text).object();
    assert_eq!(members["n"], Exact::Number("12345678901234567890123.10".into()));
    assert_eq!(members["l"].clone().list()[0], Exact::Number("1e400".into()));
    assert_eq!(members["t"], Exact::Text("a/b".into()));
}

#[test]
fn f6_a_file_is_read_as_the_rules_say() {
    let file = r#"{"assets": [{"base":"a","x":1}, {"base":"b"}, {"base":"b"}, {"base":"a","x":2},
        {"base":"c","x":[{"y":1,"y":1}]}]}"#;
    assert_eq!(records(file).into_keys().collect::<Vec<_>>(), ["b"]);
}

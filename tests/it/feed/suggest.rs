//! What `feed suggest` proposes for documents in the shapes that public feeds have, against the mapping
//! that a person wrote for them; and what it says by its exit code.

use crate::support::program::BINARY;
use crate::support::shapes::{self, Shape};
use crate::support::written::{with_mapping, written};
use std::collections::BTreeMap;
use std::process::{Command, Output};
use tidegate::codec::suggest::{Hints, suggest};
use tidegate::config::FeedSettings;
use tidegate::domain::mapping::PathStep;

/// Settings by the keys that write them, as they were parsed.
type Keys = BTreeMap<String, String>;

fn proposed(shape: &Shape, hints: &Hints) -> (String, FeedSettings) {
    let text = suggest(shape.document, hints).unwrap_or_else(|error| panic!("{}: {error}", shape.name));
    let settings = written(&format!("[feed]\nurl = \"https://feeds.example/f.json\"\n{text}"));
    let settings = settings.unwrap_or_else(|faults| panic!("{}: {faults:?}\n{text}", shape.name));
    (text, settings.feed.expect("a feed"))
}

/// All settings that a mapping has.
fn keys(feed: &FeedSettings, document: &str) -> Keys {
    let mapping = &feed.mapping;
    let mut keys = Keys::new();
    let mut put = |key: &str, value: String| drop(keys.insert(key.to_owned(), value));
    // a document that is the array, or lines, is read so also where nothing is written
    let is_plain = !document.starts_with('{') || document.contains("}\n{");
    let ours = [PathStep::Into("assets".into())];
    let steps = if is_plain && mapping.records.steps == ours { &[][..] } else { &mapping.records.steps };
    put("records", format!("{steps:?} {} {}", mapping.records.by_key, mapping.records.lines));
    put("id", format!("{:?}", mapping.id));
    put("repeated", format!("{:?}", mapping.repeated));
    put("updated_at", format!("{:?}", mapping.updated_at));
    put("generated_at", format!("{:?}", mapping.generated_at));
    put("count", format!("{:?}", mapping.count));
    put("keep", format!("{:?}", mapping.rules.keep));
    put("drop", format!("{:?}", mapping.rules.drop));
    for (name, field) in &mapping.members {
        put(name, format!("{field:?}"));
    }
    for (place, quote) in mapping.quotes.iter().enumerate() {
        put(&format!("{place}.each"), format!("{:?}", quote.each));
        put(&format!("{place}.name"), format!("{:?}", quote.name));
        put(&format!("{place}.amount"), format!("{:?}", quote.amount));
        put(&format!("{place}.currency"), format!("{:?}", quote.currency));
        put(&format!("{place}.as_of"), format!("{:?}", quote.as_of));
        put(&format!("{place}.per"), format!("{:?}", quote.per));
    }
    if let Some(pages) = &feed.pages {
        put("next", format!("{:?}", pages.next));
        put("pages.count", format!("{:?}", pages.count));
    }
    keys
}

/// The keys that a person has written; those that say how times are written show in the times.
fn written_keys(mapping: &str) -> Vec<String> {
    let table: toml::Table = format!("[feed.mapping]\n{mapping}").parse().expect("TOML");
    let feed = table["feed"].as_table().expect("a table");
    let of = |table: &toml::Value| -> Vec<String> {
        table.as_table().into_iter().flatten().map(|(key, _)| key.clone()).collect()
    };
    let mut keys = of(&feed["mapping"]);
    keys.retain(|key| !matches!(key.as_str(), "time_format" | "time_zone" | "price" | "quotes"));
    let mapping = feed["mapping"].as_table().expect("a table");
    keys.extend(mapping.get("price").map(of).unwrap_or_default().iter().map(|key| format!("0.{key}")));
    for (place, quote) in
        mapping.get("quotes").and_then(toml::Value::as_array).into_iter().flatten().enumerate()
    {
        keys.extend(of(quote).iter().map(|key| format!("{place}.{key}")));
    }
    let pages = feed.get("pages").map(of).unwrap_or_default();
    keys.extend(pages.into_iter().map(|key| if key == "count" { "pages.count".to_owned() } else { key }));
    if keys.is_empty() {
        // as our own shape has them
        keys.extend(["records", "id", "updated_at", "0.amount"].map(str::to_owned));
    }
    keys
}

/// How many of the wanted keys are proposed as they should be, of how many, and which are not.
fn right(shape: &Shape, hints: &Hints) -> (usize, usize, String) {
    let (text, feed) = proposed(shape, hints);
    let wanted = with_mapping(shape.mapping).expect("sound").feed.expect("a feed");
    let (wanted, found) = (keys(&wanted, shape.document), keys(&feed, shape.document));
    let asked = written_keys(shape.mapping);
    let wrong: Vec<&String> = asked.iter().filter(|key| wanted.get(*key) != found.get(*key)).collect();
    let said = format!("{}: wrong are {wrong:?} in\n{text}", shape.name);
    (asked.len() - wrong.len(), asked.len(), said)
}

#[test]
fn of_each_shape_two_thirds_of_the_keys_are_proposed_as_a_person_wrote_them() {
    for shape in shapes::ALL {
        let (right, wanted, said) = right(shape, &Hints::default());
        assert!(3 * right >= 2 * wanted, "{right} of {wanted}; {said}");
    }
}

#[test]
fn with_the_currency_that_only_a_person_knows_nearly_all_of_them_are() {
    let (mut sum, mut all) = (0, 0);
    for shape in shapes::ALL {
        let currency = shape.mapping.split("{ const = \"").find_map(|rest| {
            let code = rest.split('"').next().unwrap_or_default();
            (code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())).then(|| code.to_owned())
        });
        let (right, wanted, said) = right(shape, &Hints { currency, time_zone: None });
        assert!(10 * right >= 8 * wanted, "{right} of {wanted}; {said}");
        (sum, all) = (sum + right, all + wanted);
    }
    assert!(100 * sum >= 95 * all, "{sum} of {all}");
}

#[test]
fn a_proposal_has_at_most_fifteen_keys_and_is_the_same_each_time() {
    let wide: Vec<String> = (0..12).map(|n| format!("\"p{n}_cost_per_kg\":{n}.5")).collect();
    let wide = format!("{{\"a1\":{{{}}}}}", wide.join(","));
    for document in shapes::ALL.iter().map(|shape| shape.document).chain([wide.as_str()]) {
        let text = suggest(document, &Hints::default()).expect("a proposal");
        let keys = text.lines().filter(|line| line.contains(" = ") && !line.starts_with('#'));
        assert!(keys.count() <= 15, "{text}");
        assert_eq!(suggest(document, &Hints::default()).expect("again"), text);
    }
}

#[test]
fn what_no_document_says_is_asked_for_and_not_guessed() {
    let document = r#"{"items":[{"id":1,"price":"9.50","modified":"2026-05-01 10:00:00"}]}"#;
    let text = suggest(document, &Hints::default()).expect("a proposal");
    assert!(
        text.contains("# - the zone of times") && text.contains("# - the currency of the prices"),
        "{text}"
    );
    assert!(
        !text.lines().any(|line| line.starts_with("currency") || line.starts_with("updated_at")),
        "{text}"
    );
    let hints = Hints { currency: Some("CHF".into()), time_zone: Some("Europe/Zurich".into()) };
    let text = suggest(document, &hints).expect("a proposal");
    assert!(text.contains("\"CHF\"") && text.contains("\"Europe/Zurich\""), "{text}");
    assert!(!text.contains("Could not be decided"), "{text}");
}

#[test]
fn words_of_a_document_end_no_comment_and_no_text() {
    let document = r#"[{"id":"a","state":"x\n[feed]\nurl = 1","a\"b\nc_price":"1 EUR","q\u007f":1},{"id":"b","state":"on"}]"#;
    let shape = Shape { name: "hostile", mapping: "", document };
    let (text, _) = proposed(&shape, &Hints::default());
    assert!(!text.contains("\n[feed]"), "{text}");
}

fn program(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().expect("the program")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

#[test]
fn suggest_and_preview_say_by_their_code_what_they_found() {
    let place = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("a plain path").to_owned()
    };
    let sound = write("sound.json", r#"{"assets":[{"id":"a","price":{"amount":"1.5","currency":"EUR"}}]}"#);
    let output = program(&["feed", "suggest", &sound]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0, "{text}");
    assert!(text.contains("1 records, 0 fail; 1 prices, 0 fail"), "{text}");

    let bare = write("bare.json", r#"[{"id":"a","price":7}]"#);
    assert_eq!(code(&program(&["feed", "suggest", &bare])), 1, "its prices have no currency");
    assert_eq!(code(&program(&["feed", "suggest", &bare, "--currency", "EUR"])), 0);

    let faulty = write(
        "faulty.json",
        r#"{"assets":[{"id":"a"},{"id":"b"},{"id":"c","status":7},{"id":"d","price":{"amount":"x"}}]}"#,
    );
    let output = program(&["feed", "preview", &faulty]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 1, "{text}");
    assert!(text.contains("4 records, 1 fail; 0 prices, 1 fail"), "{text}");
    assert!(text.contains("record 2 (c) /status member_type"), "{text}");
    let output = program(&["feed", "preview", &faulty, "--json", "--limit", "1"]);
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((shown["quarantined"].as_u64(), shown["first"].as_array().map(Vec::len)), (Some(1), Some(1)));

    let html = write("page.html", "<html>");
    for verb in ["suggest", "preview"] {
        let output = program(&["feed", verb, &html]);
        assert_eq!(code(&output), 2, "{verb}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let gone = place.path().join("none.json");
    assert_eq!(code(&program(&["feed", "preview", gone.to_str().expect("plain")])), 2);
}

//! Records of our own shape and of foreign ones, through their mappings.

use super::*;
use crate::domain::mapping::{
    AmountField, IdMapping, MemberRules, Pointer, QuoteMapping, TimeFormat, TimeReading, TimeSpelling,
    Unlisted,
};
use proptest::prelude::*;

fn read(text: &str, mapping: &Mapping) -> Result<MappedRecord, MappingError> {
    decode(text, Around::default(), mapping, &Policy::default())
}

fn own_shape(text: &str) -> Result<AssetWrite, MappingError> {
    read(text, &Mapping::default()).map(|decoded| decoded.write)
}

/// Code and pointer of the price that is kept aside.
fn aside(text: &str, mapping: &Mapping) -> Option<(String, String)> {
    let decoded = read(text, mapping).unwrap();
    assert!(decoded.prices_aside.is_empty() || decoded.write.prices.is_empty());
    let note = decoded.prices_aside.into_iter().next()?.note.unwrap();
    assert!(!note.hint.is_empty());
    Some((note.code.into_owned(), note.pointer))
}

fn names(write: &AssetWrite) -> Vec<&str> {
    write.members.members().iter().map(|member| member.name.as_str()).collect()
}

/// As the chain registry writes its assets: id at `/base`, a class made of `type_asset`.
fn foreign() -> Mapping {
    let class =
        Field { words: [("cw20".to_owned(), "market".to_owned())].into(), ..Field::member("type_asset") };
    Mapping {
        id: IdMapping { parts: vec![Field::member("base")], join: String::new() },
        updated_at: Some(TimeField {
            field: Field::path(&["meta", "changed"]),
            reading: unix(TimeFormat::UnixMillis),
        }),
        members: [
            ("name", Field::member("display")),
            ("class", class),
            ("legal_status", Field::constant("token")),
        ]
        .into(),
        quotes: vec![QuoteMapping {
            each: None,
            amount: AmountField::plain(Field::path(&["quotes", "0", "p"])),
            currency: Some(Field::constant("USD")),
            as_of: None,
            name: None,
            market: None,
            per: None,
            kind: None,
            is_own: false,
        }],
        ..Mapping::default()
    }
}

fn unix(format: TimeFormat) -> TimeReading {
    TimeReading { spelling: TimeSpelling::Named(format), zone: None }
}

#[test]
fn our_own_shape_needs_no_mapping() {
    let text = r#"{"id":7,"updated_at":"1970-01-01T00:00:01Z","name":"N","x":[1.0],"gone":null,
        "price":{"amount":"5.50","currency":"EUR","as_of":"1970-01-01T00:00:02Z"}}"#;
    let write = own_shape(text).unwrap();
    assert_eq!((write.verb, write.id.as_str(), write.at), (Verb::Put, "7", Some(Micros(1_000_000))));
    assert_eq!(names(&write), ["gone", "name", "x"]);
    let price = &write.prices[0];
    assert_eq!((price.amount.unwrap().to_string().as_str(), price.at), ("5.5", Some(Micros(2_000_000))));
    assert_eq!(own_shape(r#"{"id":"a","price":null}"#).unwrap().prices, []);
    assert_eq!(own_shape(r#"{"id":"a","price":{"amount":1}}"#).unwrap().prices[0].at, None);
}

#[test]
fn p1_a_price_is_of_the_quote_that_its_record_names() {
    let of = |text| own_shape(text).unwrap().prices[0].quote.as_str().to_owned();
    assert_eq!(of(r#"{"id":"a","price":{"amount":1,"quote":"nav"}}"#), "nav");
    assert_eq!(of(r#"{"id":"a","price":{"amount":1,"quote":null}}"#), "price");
    assert_eq!(of(r#"{"id":"a","price":{"amount":1}}"#), "price");
    let bad = r#"{"id":"a","price":{"amount":1,"quote":"Net Asset Value"}}"#;
    let told = ("quote_name".to_owned(), "/price/quote".to_owned());
    assert_eq!(aside(bad, &Mapping::default()), Some(told), "never taken for the market price");
}

#[test]
fn a_mapping_reads_members_from_where_they_are_and_keeps_them_there() {
    let text = r#"{"base":"ibc/1","display":"atom","type_asset":"cw20","class":"theirs","id":"dropped","price":9,
        "meta":{"changed":1500},"quotes":[{"p":0.25}]}"#;
    let write = read(text, &foreign()).unwrap().write;
    assert_eq!((write.id.as_str(), write.at), ("ibc/1", Some(Micros(1_500_000))));
    assert_eq!(
        names(&write),
        ["base", "class", "display", "legal_status", "meta", "name", "quotes", "type_asset"]
    );
    assert_eq!(&*write.members.get("class").unwrap().text, "\"market\"");
    assert_eq!(&*write.members.get("legal_status").unwrap().text, "\"token\"");
    let price = &write.prices[0];
    assert_eq!(price.amount.unwrap().to_string(), "0.25");
    assert_eq!((price.currency.unwrap().as_str(), price.at), ("USD", None));
}

#[test]
fn a_mapped_member_that_is_absent_is_not_taken_from_the_records_own() {
    let write = read(r#"{"base":"a","class":"theirs"}"#, &foreign()).unwrap().write;
    assert_eq!(write.members.get("class"), None);
}

#[test]
fn a_bad_record_names_its_id_and_the_place() {
    for (text, id, code, pointer) in [
        ("7", None, "record_type", ""),
        ("{}", None, "id_missing", "/base"),
        (r#"{"base":[]}"#, None, "id_type", "/base"),
        (r#"{"base":"a","display":1}"#, Some("a"), "member_type", "/display"),
        (r#"{"base":"a","status":"odd"}"#, Some("a"), "status_unknown", "/status"),
        (r#"{"base":"a","currency":"ZZZ"}"#, Some("a"), "currency_unknown", "/currency"),
        (r#"{"base":"a","meta":{"changed":"soon"}}"#, Some("a"), "time_format", "/meta/changed"),
        (r#"{"base":"a","x":1,"x":2}"#, Some("a"), "json_duplicate_name", ""),
        (r#"{"base":"a","base":"a"}"#, None, "json_duplicate_name", ""),
    ] {
        let error = read(text, &foreign()).expect_err(text);
        assert_eq!((error.id.as_ref().map(AssetId::as_str), error.code), (id, code), "{text}");
        assert_eq!(error.pointer, pointer, "{text}");
        assert!(!error.detail.is_empty());
    }
    let long = format!(r#"{{"id":"a","x":"{}"}}"#, "y".repeat(json::STRING_BYTES_MAX + 1));
    let error = own_shape(&long).unwrap_err();
    assert_eq!((error.id.unwrap().as_str(), error.code), ("a", "json_too_long"));
}

#[test]
fn f2_a_bad_price_leaves_the_document_and_says_where_it_is() {
    for (text, code, pointer) in [
        (r#"{"id":"a","price":{"amount":"x"}}"#, "invalid_number", "/price/amount"),
        (r#"{"id":"a","price":{"amount":"0.00"}}"#, "amount_zero", "/price/amount"),
        (r#"{"id":"a","price":{"amount":1,"currency":"ZZZ"}}"#, "currency_unknown", "/price/currency"),
        (r#"{"id":"a","price":{"amount":1,"as_of":"noon"}}"#, "time_format", "/price/as_of"),
    ] {
        assert_eq!(aside(text, &Mapping::default()), Some((code.into(), pointer.into())), "{text}");
    }
    let text = r#"{"base":"a","display":"N","quotes":[{"p":0}]}"#;
    assert_eq!(aside(text, &foreign()), Some(("amount_zero".into(), "/quotes/0/p".into())));
}

#[test]
fn f2_a_price_of_another_shape_than_the_mappings_is_told_and_none_at_all_is_not() {
    for (price, pointer) in [
        ("\"15.50\"", "/price"),
        ("15.5", "/price"),
        ("false", "/price"),
        ("{\"value\":\"15.50\"}", "/price"),
        ("[{\"value\":1}]", "/price/0"),
        ("{\"currency\":\"EUR\"}", "/price"),
    ] {
        let text = format!("{{\"id\":\"a\",\"price\":{price}}}");
        let expected = Some(("price_shape".into(), pointer.into()));
        assert_eq!(aside(&text, &Mapping::default()), expected, "{price}");
    }
    for none in ["null", "{}", "[ ]", "{ \"amount\": null, \"currency\": \"EUR\" }"] {
        let text = format!("{{\"id\":\"a\",\"price\":{none}}}");
        assert_eq!(aside(&text, &Mapping::default()), None, "{none}");
    }
    assert_eq!(aside(r#"{"id":"a"}"#, &Mapping::default()), None);
    for (quotes, pointer) in
        [("[]", None), ("[{}]", None), ("[{\"q\":1}]", Some("/quotes/0")), ("{\"p\":1}", Some("/quotes"))]
    {
        let text = format!("{{\"base\":\"a\",\"quotes\":{quotes}}}");
        let expected = pointer.map(|pointer| ("price_shape".to_owned(), pointer.to_owned()));
        assert_eq!(aside(&text, &foreign()), expected, "{quotes}");
    }
}

#[test]
fn times_as_numbers_are_read_only_where_the_mapping_names_the_unit() {
    let text = r#"{"id":"a","updated_at":1500}"#;
    assert_eq!(own_shape(text).unwrap_err().code, "time_format");
    let time = TimeField { field: Field::member("updated_at"), reading: unix(TimeFormat::UnixSeconds) };
    let write = read(text, &Mapping { updated_at: Some(time), ..Mapping::default() }).unwrap().write;
    assert_eq!(write.at, Some(Micros(1_500_000_000)));
}

/// A mapping whose id is made of these parts.
fn of_id(parts: Vec<Field>, join: &str) -> Mapping {
    Mapping { id: IdMapping { parts, join: join.into() }, ..Mapping::default() }
}

fn id_of(text: &str, around: Around<'_>, mapping: &Mapping) -> Result<String, &'static str> {
    let read = decode(text, around, mapping, &Policy::default());
    read.map(|read| read.write.id.as_str().to_owned()).map_err(|error| error.code)
}

#[test]
fn an_id_is_made_of_its_parts_and_none_may_be_missing() {
    let lower = Field { case: Some(crate::domain::mapping::Case::Lower), ..Field::member("address") };
    let mapping = of_id(vec![Field::member("chainId"), lower], ":");
    let id = |text| id_of(text, Around::default(), &mapping);
    assert_eq!(id(r#"{"chainId":10,"address":"0x6E89"}"#), Ok("10:0x6e89".into()));
    assert_eq!(id(r#"{"chainId":10}"#), Err("id_missing"));
    assert_eq!(id(r#"{"chainId":1.5,"address":"a"}"#), Err("id_type"));
    assert_eq!(id(r#"{"chainId":"undefined","address":"a"}"#), Err("id_placeholder"));
}

#[test]
fn an_id_may_be_the_records_key_or_lie_above_it() {
    let mapping = of_id(
        vec![Field::from(Place::Above { up: 1, at: Pointer::of(&["id"]) }), Field::from(Place::Key)],
        "/",
    );
    let values = [((1, Pointer::of(&["id"])), "\"maker\"".into())].into();
    let above = super::super::Above { values, keys: vec![] };
    let around = Around { key: Some("m\"1"), above: Some(&above), headers: None };
    assert_eq!(id_of("{}", around, &mapping), Ok("maker/m\"1".into()));
    assert_eq!(id_of("{}", Around { above: None, ..around }, &mapping), Err("id_missing"));
    assert_eq!(
        id_of("5", around, &mapping),
        Err("record_type"),
        "a bare value that nobody reads says nothing"
    );
    assert_eq!(id_of("5", Around::default(), &Mapping::default()), Err("record_type"));
}

#[test]
fn a_bare_number_is_the_amount_of_its_keys_price() {
    let mut mapping = foreign();
    mapping.id = IdMapping { parts: vec![Field::from(Place::Key)], join: String::new() };
    mapping.quotes[0].amount = AmountField::plain(Field::path(&[]));
    let around = Around { key: Some("k"), ..Around::default() };
    let read = decode("41235", around, &mapping, &Policy::default()).unwrap();
    assert_eq!(read.write.prices[0].amount.unwrap().to_string(), "41235");
    assert_eq!(names(&read.write), ["legal_status"]);
}

#[test]
fn members_are_kept_dropped_and_added_as_the_mapping_says() {
    let with = |rules| {
        let mapping = Mapping { rules, ..Mapping::default() };
        let write =
            read(r#"{"id":"a","x":1,"y":2,"name":"N","price":{"amount":1}}"#, &mapping).unwrap().write;
        assert_eq!(write.prices.len(), 1, "prices are no members");
        names(&write).join(" ")
    };
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(with(MemberRules { keep: Some(set(&["x"])), ..MemberRules::default() }), "x");
    assert_eq!(with(MemberRules { drop: set(&["x"]), ..MemberRules::default() }), "name y");
    let constants = [("y".to_owned(), "[7]".to_owned()), ("class".to_owned(), "\"nav\"".to_owned())].into();
    assert_eq!(with(MemberRules { constants, ..MemberRules::default() }), "class name x y");
}

#[test]
fn f2_a_word_without_meaning_leaves_the_member_as_it_is_stored_and_is_a_lint() {
    let mut field =
        Field { words: [("in stock".to_owned(), "active".to_owned())].into(), ..Field::member("a") };
    let text = r#"{"id":"x","a":"preorder"}"#;
    let with = |field: &Field| {
        let mapping = Mapping { members: [("status", field.clone())].into(), ..Mapping::default() };
        read(text, &mapping).unwrap()
    };
    let lenient = with(&field);
    assert_eq!((lenient.lints[0].code, lenient.lints[0].pointer.as_str()), ("word_unknown", "/a"));
    assert_eq!(lenient.write.kept, ["status"]);
    field.unlisted = Unlisted::Keeps;
    let kept = with(&field);
    assert_eq!((kept.lints.len(), kept.write.kept.len()), (0, 1));
    field.unlisted = Unlisted::Means("inactive".into());
    let meant = with(&field);
    assert_eq!(&*meant.write.members.get("status").unwrap().text, "\"inactive\"");
    assert!(meant.write.kept.is_empty());
    // without any meanings at all it is a fault, as in a push
    let mapping = Mapping { members: [("status", Field::member("a"))].into(), ..Mapping::default() };
    assert_eq!(read(text, &mapping).unwrap_err().code, "status_unknown");
}

/// Names and amounts of the prices that a record gives.
fn prices_of(read: &MappedRecord) -> Vec<(&str, String)> {
    let prices = read.write.prices.iter();
    prices.map(|price| (price.quote.as_str(), price.amount.unwrap().to_string())).collect()
}

/// Codes and pointers of those that are kept aside.
fn asides_of(read: &MappedRecord) -> Vec<(&str, &str)> {
    let notes = read.prices_aside.iter().map(|aside| aside.note.as_ref().unwrap());
    notes.map(|note| (&*note.code, note.pointer.as_str())).collect()
}

#[test]
fn p1_several_prices_of_one_record_stand_beside_each_other_and_a_bad_one_alone_is_aside() {
    let quote = |name: &str, amount: AmountField| QuoteMapping {
        name: Some(Field::constant(name)),
        amount,
        currency: Some(Field::constant("USD")),
        ..foreign().quotes.remove(0)
    };
    let mapping = Mapping {
        quotes: vec![
            quote("price", AmountField::plain(Field::member("usd"))),
            quote("low", AmountField { scale: -2, ..AmountField::plain(Field::member("low_cents")) }),
            quote("high", AmountField::plain(Field::member("high"))),
        ],
        ..Mapping::default()
    };
    let read = read(r#"{"id":"a","usd":1.5,"low_cents":125,"high":"x"}"#, &mapping).unwrap();
    assert_eq!(prices_of(&read), [("price", "1.5".to_owned()), ("low", "1.25".to_owned())]);
    assert_eq!(asides_of(&read), [("invalid_number", "/high")]);
}

#[test]
fn p1_of_a_list_of_prices_the_newest_of_each_name_counts() {
    let mapping = Mapping {
        quotes: vec![QuoteMapping {
            each: Some(Pointer::of(&["prices"])),
            name: Some(Field::member("kind")),
            amount: AmountField::plain(Field::member("v")),
            as_of: Some(TimeField { field: Field::member("t"), reading: unix(TimeFormat::UnixSeconds) }),
            ..foreign().quotes.remove(0)
        }],
        ..Mapping::default()
    };
    let read = read(
        r#"{"id":"a","prices":[{"kind":"nav","v":1,"t":10},{"kind":"nav","v":3,"t":30},{"kind":"nav","v":2,"t":20},
            {"kind":"ask","v":9},{"kind":"bid","v":0}, 7]}"#,
        &mapping,
    )
    .unwrap();
    assert_eq!(prices_of(&read), [("nav", "3".to_owned()), ("ask", "9".to_owned())]);
    assert_eq!(asides_of(&read), [("amount_zero", "/prices/4/v"), ("price_shape", "/prices/5")]);
}

#[test]
fn p1_an_element_of_a_list_of_prices_knows_what_stands_around_its_record() {
    let mapping = Mapping {
        id: IdMapping { parts: vec![Field::from(Place::Key)], join: String::new() },
        quotes: vec![QuoteMapping {
            each: Some(Pointer::of(&["prices"])),
            name: Some(Field::from(Place::Key)),
            amount: AmountField::plain(Field::path(&[])),
            ..foreign().quotes.remove(0)
        }],
        ..Mapping::default()
    };
    let around = Around { key: Some("nav"), ..Around::default() };
    let read = decode(r#"{"prices":[5]}"#, around, &mapping, &Policy::default()).unwrap();
    assert_eq!(prices_of(&read), [("nav", "5".to_owned())]);
}

#[test]
fn p1_our_own_price_says_all_that_it_says_in_a_push_and_names_what_it_does_not_know() {
    let text = r#"{"id":"a","price":[{"amount":1,"currency":"EUR","market":"closed","per":"kg","kind":"spot"},
        {"amount":2,"quote":"nav","curency":"EUR"}]}"#;
    let read = read(text, &Mapping::default()).unwrap();
    let price = &read.write.prices[0];
    assert_eq!(price.market, crate::domain::Market::Closed);
    let extra = price.extra.as_ref().unwrap();
    assert_eq!((extra.per.as_deref(), extra.kind.as_deref()), (Some("kg"), Some("spot")));
    assert_eq!(read.write.prices[1].quote.as_str(), "nav");
    assert_eq!((read.lints[0].code, read.lints[0].pointer.as_str()), ("unknown_member", "/price/1/curency"));
}

#[test]
fn f2_what_stands_where_a_list_of_prices_should_be_is_told() {
    let each = QuoteMapping {
        each: Some(Pointer::of(&["market", "prices"])),
        amount: AmountField::plain(Field::member("v")),
        ..foreign().quotes.remove(0)
    };
    let mapping = Mapping { quotes: vec![each], ..Mapping::default() };
    let told = Some(("price_shape".to_owned(), "/market".to_owned()));
    assert_eq!(aside(r#"{"id":"a","market":{"price":5}}"#, &mapping), told);
    assert_eq!(aside(r#"{"id":"a","market":5}"#, &mapping), told);
    for none in [r#"{"id":"a"}"#, r#"{"id":"a","market":{}}"#, r#"{"id":"a","market":{"prices":null}}"#] {
        assert_eq!(aside(none, &mapping), None, "{none}");
    }
}

#[test]
fn p4_a_currency_that_stands_in_the_amounts_text_is_refused_where_it_stands() {
    let amount = AmountField { is_money: true, ..AmountField::plain(Field::member("p")) };
    let mapping =
        Mapping { quotes: vec![QuoteMapping { amount, ..foreign().quotes.remove(0) }], ..Mapping::default() };
    let told = Some(("currency_unknown".to_owned(), "/p".to_owned()));
    assert_eq!(aside(r#"{"id":"a","p":"15 ZZZ"}"#, &mapping), told);
}

#[test]
fn t2_a_lint_of_a_price_points_to_its_place_and_a_price_that_is_not_taken_names_unknown_members_too() {
    let mut mapping = Mapping::default();
    let Some(time) = &mut mapping.quotes[0].as_of else { panic!("our own shape has a time") };
    time.reading.zone = Some("Europe/Berlin".into());
    let text = r#"{"id":"a","price":[{"amuont":1},{"amount":2,"as_of":"2026-03-29T02:30:00"},
        {"amount":0,"quote":"nav","as_of":"2026-03-29T02:30:00"}]}"#;
    let read = read(text, &mapping).unwrap();
    let told: Vec<_> = read.lints.iter().map(|lint| (lint.code, lint.pointer.as_str())).collect();
    assert_eq!(told, [("unknown_member", "/price/0/amuont"), ("time_skipped", "/price/1/as_of")]);
    assert_eq!(asides_of(&read), [("price_shape", "/price/0"), ("amount_zero", "/price/2/amount")]);
}

#[test]
fn t2_a_records_time_has_words_as_every_field_has() {
    let mut time = TimeField::own(Field::member("t"));
    time.field.words = [("never".to_owned(), "1970-01-01".to_owned())].into();
    let mapping = Mapping { updated_at: Some(time), ..Mapping::default() };
    assert_eq!(read(r#"{"id":"a","t":"never"}"#, &mapping).unwrap().write.at, Some(Micros(0)));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(text: String, inner in "[\\[\\]{}\":,a-c0-9\\\\ ]{0,40}") {
        let _ = read(&text, &foreign());
        let _ = own_shape(&format!("{{\"id\":\"a\",{inner}}}"));
    }
}

//! One record of a feed, through the partner's mapping, as a full write.
//!
//! The mapping says where id, time, price and the reserved members are. All else at the record's
//! top passes as the partner's own, under its own name, what the mapping has read included. Never
//! passed: the record's own `id`, `updated_at` and `price`, which have places of their own, and a
//! reserved member that the mapping takes from elsewhere. Reserved members that are not mapped are
//! held to the same checks as in pushes.

use super::json::{self, JsonError, Kind};
use super::reserved::{self, Refusal};
use super::time;
use crate::domain::{
    AssetId, AssetWrite, Document, Field, ItemOutcome, Mapping, Market, Micros, PriceWrite, QuoteName, Rule,
    Source, TimeFormat, Verb,
};
use crate::rules::policy::Policy;
use compact_str::CompactString;
use std::borrow::Cow;

/// A record whose document is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub write: AssetWrite,
    /// F2: why its price is not taken, which the write then lacks; pointed into the record.
    pub price_aside: Option<Box<ItemOutcome>>,
}

/// Why a record is invalid (F2). With an id it counts as present.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct RecordError {
    pub id: Option<AssetId>,
    /// The codes of pushes, of `JsonError`, and `record_type`.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub detail: String,
    /// JSON pointer into the record.
    pub pointer: String,
}

/// Reads one record, whose prices have no time unless the mapping finds one.
pub fn decode(text: &str, mapping: &Mapping, policy: &Policy) -> Result<Decoded, RecordError> {
    if json::kind(text) != Kind::Object {
        let refusal = Refusal::new(
            Rule::F2,
            "record_type",
            "a record must be a JSON object: check the path to the records",
        );
        return Err(refused(None, refusal));
    }
    let record = match json::members(text) {
        Ok(members) => Record { members },
        Err(error) => return Err(spoilt(text, mapping, error)),
    };
    let id = record.id(&mapping.id).map_err(|refusal| refused(None, refusal))?;
    let mut write = record.write(&id, mapping, policy).map_err(|refusal| refused(Some(id), refusal))?;
    let price_aside = match record.price(&write.id, mapping, policy) {
        Ok(price) => {
            write.prices.extend(price);
            None
        }
        Err(refusal) => Some(refusal.into_outcome()),
    };
    Ok(Decoded { write, price_aside })
}

fn refused(id: Option<AssetId>, refusal: Refusal) -> RecordError {
    RecordError { id, code: refusal.code, detail: refusal.hint, pointer: refusal.pointer }
}

/// A record that breaks the limits or repeats a name: its id is read where it stands once.
fn spoilt(text: &str, mapping: &Mapping, error: JsonError) -> RecordError {
    let id = match &mapping.id.source {
        Source::Pointer(pointer) => json::lookup_in_spoilt(text, &pointer.0),
        Source::Constant(_) => None,
    };
    let id = id.and_then(|raw| reserved::id(&mapped(&mapping.id, raw), Rule::F2).ok());
    let detail = format!("{} (byte {} of the record)", error.detail, error.offset);
    RecordError { id, code: error.code, detail, pointer: String::new() }
}

struct Record<'a> {
    members: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Record<'a> {
    fn id(&self, field: &Field) -> Result<AssetId, Refusal> {
        let missing = || Refusal::new(Rule::F2, "id_missing", "no id is where the mapping's `id` points");
        let raw = self.value(field)?.ok_or_else(missing).and_then(|raw| reserved::id(&raw, Rule::F2));
        raw.map_err(|refusal| pointed(refusal, field))
    }

    fn write(&self, id: &AssetId, mapping: &Mapping, policy: &Policy) -> Result<AssetWrite, Refusal> {
        let mapped = [
            ("name", &mapping.name),
            ("class", &mapping.class),
            ("status", &mapping.status),
            ("legal_status", &mapping.legal_status),
        ];
        let mut members = Vec::with_capacity(self.members.len());
        for (name, raw) in &self.members {
            let elsewhere = mapped.iter().any(|(member, field)| member == name && field.is_some());
            if elsewhere || matches!(name.as_ref(), "id" | "updated_at" | "price") {
                continue;
            }
            reserved::check_member(name, raw, policy)?;
            members.push(reserved::member(name, raw)?);
        }
        for (name, field) in mapped {
            if let Some(field) = field
                && let Some(raw) = self.value(field)?
            {
                reserved::check_member(name, &raw, policy).map_err(|refusal| pointed(refusal, field))?;
                members.push(reserved::member(name, &raw)?);
            }
        }
        Ok(AssetWrite {
            verb: Verb::Put,
            id: id.clone(),
            at: self.time(mapping.updated_at.as_ref(), mapping.time_format)?,
            sequence: 0,
            members: Document::from_members(members),
            removed: Vec::new(),
            prices: Vec::new(),
        })
    }

    fn price(&self, id: &AssetId, mapping: &Mapping, policy: &Policy) -> Result<Option<PriceWrite>, Refusal> {
        let Some(field) = &mapping.price_amount else { return Ok(None) };
        let Some(raw) = self.amount(field)? else { return Ok(None) };
        let amount = reserved::amount(&raw, policy).map_err(|refusal| pointed(refusal, field))?;
        let mut currency = None;
        if let Some(field) = &mapping.price_currency
            && let Some(raw) = self.value(field)?
        {
            currency = Some(reserved::currency(&raw, policy).map_err(|refusal| pointed(refusal, field))?);
        }
        let mut quote = QuoteName::PRICE;
        if let Some(field) = &mapping.price_quote
            && let Some(raw) = self.value(field)?
        {
            quote = reserved::quote_name(&raw).map_err(|refusal| pointed(refusal, field))?;
        }
        Ok(Some(PriceWrite {
            id: id.clone(),
            quote,
            amount: Some(amount),
            currency,
            at: self.time(mapping.price_as_of.as_ref(), mapping.time_format)?,
            sequence: 0,
            market: Market::Unsaid,
            stream: None,
            extra: None,
        }))
    }

    /// The price's amount. Where something else stands on the way to it, that is told (F2).
    fn amount(&self, field: &Field) -> Result<Option<Cow<'_, str>>, Refusal> {
        if let Some(raw) = self.value(field)? {
            return Ok(Some(raw));
        }
        match &field.source {
            Source::Pointer(pointer) => self.check_way(&pointer.0).map(|()| None),
            Source::Constant(_) => Ok(None),
        }
    }

    /// Refuses what stands on a pointer's way and does not lead on; nothing, null and what is empty
    /// hold no value, and are no fault.
    fn check_way(&self, pointer: &[CompactString]) -> Result<(), Refusal> {
        let Some((first, rest)) = pointer.split_first() else { return Ok(()) };
        let Some((_, held)) = self.members.iter().find(|(name, _)| name == first.as_str()) else {
            return Ok(());
        };
        let mut raw = *held;
        for (passed, part) in rest.iter().enumerate() {
            if json::kind(raw) == Kind::Null || is_empty(raw) {
                return Ok(());
            }
            let next = json::lookup(raw, std::slice::from_ref(part));
            match next.map_err(|e| Refusal::new(Rule::F2, e.code, e.detail))? {
                Some(next) => raw = next,
                None => return Err(price_shape(pointer, passed)),
            }
        }
        Ok(())
    }

    fn time(&self, field: Option<&Field>, format: TimeFormat) -> Result<Option<Micros>, Refusal> {
        let Some(field) = field else { return Ok(None) };
        let Some(raw) = self.value(field)? else { return Ok(None) };
        read_time(&raw, format).map(Some).map_err(|refusal| pointed(refusal, field))
    }

    /// The source text of a mapped value; `None` where there is none, or null.
    fn value(&self, field: &Field) -> Result<Option<Cow<'_, str>>, Refusal> {
        let pointer = match &field.source {
            Source::Constant(text) => return Ok(Some(Cow::Owned(json::quoted(text)))),
            Source::Pointer(pointer) => &pointer.0,
        };
        let Some((first, rest)) = pointer.split_first() else { return Ok(None) };
        let Some((_, raw)) = self.members.iter().find(|(name, _)| name == first.as_str()) else {
            return Ok(None);
        };
        let found = match rest {
            [] => Some(*raw),
            _ => json::lookup(raw, rest).map_err(|e| Refusal::new(Rule::F2, e.code, e.detail))?,
        };
        Ok(found.filter(|raw| json::kind(raw) != Kind::Null).map(|raw| mapped(field, raw)))
    }
}

fn is_empty(container: &str) -> bool {
    let inner = container.trim_ascii_start().strip_prefix(['{', '[']).map(str::trim_ascii_start);
    inner.is_some_and(|inner| inner.starts_with(['}', ']']))
}

/// The value behind `passed` more parts of the pointer does not hold the next one.
fn price_shape(pointer: &[CompactString], passed: usize) -> Refusal {
    let hint = "no amount can be read from what stands here: check the mapping's `price.amount`, \
                or send the price as {\"amount\": \"101.25\", \"currency\": \"EUR\"}";
    let here = pointer[..=passed].iter().rev();
    here.fold(Refusal::new(Rule::F2, "price_shape", hint), |refusal, part| refusal.within(part))
}

/// What the partner's word means in ours; what is not listed passes.
fn mapped<'a>(field: &Field, raw: &'a str) -> Cow<'a, str> {
    if field.values.is_empty() {
        return Cow::Borrowed(raw);
    }
    let word = match json::kind(raw) {
        Kind::String => json::string(raw).unwrap_or(Cow::Borrowed(raw)),
        _ => Cow::Borrowed(raw),
    };
    match field.values.get(word.as_ref()) {
        Some(ours) => Cow::Owned(json::quoted(ours)),
        None => Cow::Borrowed(raw),
    }
}

/// A time in the format that the mapping names, written as a string or a number.
pub(super) fn read_time(raw: &str, format: TimeFormat) -> Result<Micros, Refusal> {
    let text = match json::kind(raw) {
        Kind::String => reserved::text(raw, Rule::T2)?,
        _ => Cow::Borrowed(raw),
    };
    time::parse(&text, format).map_err(|e| Refusal::new(Rule::T2, e.code, e.hint))
}

/// Points a refusal to where the mapping found the value.
fn pointed(refusal: Refusal, field: &Field) -> Refusal {
    let Source::Pointer(pointer) = &field.source else {
        return Refusal { pointer: String::new(), ..refusal };
    };
    let nowhere = Refusal { pointer: String::new(), ..refusal };
    pointer.0.iter().rev().fold(nowhere, |refusal, part| refusal.within(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Pointer;
    use proptest::prelude::*;

    fn own_shape(text: &str) -> Result<AssetWrite, RecordError> {
        decode(text, &Mapping::default(), &Policy::default()).map(|decoded| decoded.write)
    }

    /// Code and pointer of the price that is kept aside.
    fn aside(text: &str, mapping: &Mapping) -> Option<(String, String)> {
        let decoded = decode(text, mapping, &Policy::default()).unwrap();
        assert!(decoded.price_aside.is_none() || decoded.write.prices.is_empty());
        let note = decoded.price_aside?.note.unwrap();
        assert!(!note.hint.is_empty());
        Some((note.code.into_owned(), note.pointer))
    }

    fn names(write: &AssetWrite) -> Vec<&str> {
        write.members.members().iter().map(|member| member.name.as_str()).collect()
    }

    /// As the chain registry writes its assets: id at `/base`, a class made of `type_asset`.
    fn foreign() -> Mapping {
        let values = [("cw20".to_owned(), "market".to_owned())].into();
        Mapping {
            id: Field::member("base"),
            updated_at: Some(Field::path(&["meta", "changed"])),
            name: Some(Field::member("display")),
            class: Some(Field { values, ..Field::member("type_asset") }),
            legal_status: Some(Field {
                source: Source::Constant("token".into()),
                values: Default::default(),
            }),
            price_amount: Some(Field::path(&["quotes", "0", "p"])),
            price_currency: Some(Field {
                source: Source::Constant("USD".into()),
                values: Default::default(),
            }),
            price_as_of: None,
            time_format: TimeFormat::UnixMillis,
            ..Mapping::default()
        }
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
        let write = decode(text, &foreign(), &Policy::default()).unwrap().write;
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
        let write = decode(r#"{"base":"a","class":"theirs"}"#, &foreign(), &Policy::default()).unwrap().write;
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
            let error = decode(text, &foreign(), &Policy::default()).expect_err(text);
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
            ("[{\"amount\":1}]", "/price"),
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
        let mapping = Mapping { time_format: TimeFormat::UnixSeconds, ..Mapping::default() };
        let write = decode(text, &mapping, &Policy::default()).unwrap().write;
        assert_eq!(write.at, Some(Micros(1_500_000_000)));
    }

    #[test]
    fn a_pointer_to_the_record_itself_finds_nothing() {
        let field = Field { source: Source::Pointer(Pointer(Vec::new())), values: Default::default() };
        let mapping = Mapping { id: field, ..Mapping::default() };
        assert_eq!(decode("{}", &mapping, &Policy::default()).unwrap_err().code, "id_missing");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text: String, inner in "[\\[\\]{}\":,a-c0-9\\\\ ]{0,40}") {
            let _ = decode(&text, &foreign(), &Policy::default());
            let _ = own_shape(&format!("{{\"id\":\"a\",{inner}}}"));
        }
    }
}

//! The bodies of hooks: a sender's own shape, as the writes that it means.
//!
//! The event's kind says what becomes of the records, the mapping where they are and how each is read:
//! it is the one of feeds. A kind that means nothing to us is `ignored`, and so is a body without
//! anything in it. Members of the envelope that nobody reads are left alone.

mod records;

use crate::codec::json::{self, Kind};
use crate::codec::mapping::{self, Around, Extent, Item, Lint, MappedRecord, MappingError};
use crate::codec::request::{BodyError, BodyLimits, Decoded, Shape, body};
use crate::codec::reserved::Refusal;
use crate::domain::hook::{EventMeaning, Hook, HookHeaders, WhenMatch, WhenRule};
use crate::domain::mapping::{Field, Mapping, Place, TimeField};
use crate::domain::{
    AssetId, AssetIdError, AssetWrite, Document, ItemOutcome, Micros, Outcome, PriceWrite, Rule, Verb, Write,
};
use crate::rules::policy::Policy;
use compact_str::CompactString;
use records::FoundRecord;

/// One call of a hook, whole.
#[derive(Clone, Copy)]
pub struct HookCall<'a> {
    /// How it is read.
    pub hook: &'a Hook,
    /// At least those that the hook reads.
    pub headers: &'a HookHeaders,
    /// The bytes as they came.
    pub body: &'a [u8],
    /// What the partner has agreed on.
    pub policy: &'a Policy,
    /// What a body may hold.
    pub limits: BodyLimits,
}

/// What a call says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookRead {
    /// The delivery's id, the same for each attempt.
    pub delivery: Option<CompactString>,
    /// The sender's word for what has happened.
    pub event: Option<String>,
    /// What that means.
    pub meaning: EventMeaning,
    /// Its writes.
    pub decoded: Decoded,
    /// What is odd about its records, and no fault.
    pub lints: Vec<Lint>,
}

/// Whether a form only asks whether somebody is there: what WooCommerce sends, unsigned, when a hook is
/// saved.
pub fn is_ping(form: &[u8]) -> bool {
    let number = form.strip_prefix(b"webhook_id=");
    number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// Reads one call. Errs where its body is refused as a whole.
pub fn read(call: &HookCall<'_>) -> Result<HookRead, BodyError> {
    if call.body.iter().all(u8::is_ascii_whitespace) {
        let hint = "the body is empty, and says nothing";
        return Ok(nothing(None, None, ignored("empty_body", hint.to_owned())));
    }
    let text = body::text(call.body)?;
    json::value(text)?;
    let around = Around { headers: Some(call.headers), ..Around::default() };
    let envelope = Item::new(text, around)?;
    let delivery = match &call.hook.delivery {
        Some(field) => delivery_id(&envelope, field)?,
        None => None,
    };
    let event = match event(&envelope, call.hook) {
        Ok(event) => event,
        Err(refusal) => return Ok(nothing(delivery, None, refusal.into_outcome())),
    };
    let meaning = match meaning(&envelope, call.hook, event.as_deref()) {
        Ok(meaning) => meaning,
        Err(refusal) => return Ok(nothing(delivery, event, refusal.into_outcome())),
    };
    if meaning == EventMeaning::Ignored {
        let hint = "this hook's `events` and `when` say that such a call means nothing here".to_owned();
        return Ok(nothing(delivery, event, ignored("event_ignored", hint)));
    }
    let time = EventTime::of(&envelope, call.hook, event.as_deref());
    let found = time.and_then(|time| Ok((time, records::records(text, &call.hook.mapping)?)));
    let (time, found) = match found {
        Ok(found) => found,
        Err(refusal) => return Ok(nothing(delivery, event, refusal.into_outcome())),
    };
    let mut reading = Reading { call, meaning, time, writes: Vec::new(), ids: Vec::new(), lints: Vec::new() };
    reading.all(&found)?;
    let Reading { writes, ids, lints, .. } = reading;
    let shape = if writes.len() == 1 { Shape::Single } else { Shape::Batch };
    Ok(HookRead { delivery, event, meaning, decoded: Decoded { shape, writes, ids }, lints })
}

/// A call that asks for no write.
fn nothing(delivery: Option<CompactString>, event: Option<String>, item: Box<ItemOutcome>) -> HookRead {
    let decoded =
        Decoded { shape: Shape::Single, writes: vec![Err(item)], ids: vec![CompactString::default()] };
    HookRead { delivery, event, meaning: EventMeaning::Ignored, decoded, lints: Vec::new() }
}

fn ignored(code: &'static str, hint: String) -> Box<ItemOutcome> {
    Box::new(ItemOutcome::noted(Outcome::Ignored, Rule::D1, code, hint))
}

/// The delivery's id; an id that can be none is the sender's fault, and would make one delivery of all.
fn delivery_id(envelope: &Item<'_>, field: &Field) -> Result<Option<CompactString>, BodyError> {
    let wrong = |detail: &str| BodyError::new("delivery_id", detail);
    let found = envelope.value(field).map_err(|refusal| wrong(&refusal.hint))?;
    let Some(found) = found else { return Ok(None) };
    if !matches!(json::kind(&found.raw), Kind::String | Kind::Number) {
        return Err(wrong("the delivery's id is a text or a number"));
    }
    match AssetId::named(&mapping::word(&found.raw)) {
        Ok(id) => Ok(Some(id.as_str().into())),
        Err(AssetIdError::Placeholder) => Err(wrong("this stands where a delivery's id is missing")),
        Err(_) => Err(wrong("a delivery's id has 1 to 256 bytes, and no control characters")),
    }
}

fn event(envelope: &Item<'_>, hook: &Hook) -> Result<Option<String>, Refusal> {
    let Some(field) = &hook.event else { return Ok(None) };
    let missing = || {
        let hint = "no kind of event is where the hook's `event` points";
        Refusal::new(Rule::D1, "event_missing", hint)
    };
    let found = envelope.value(field)?.ok_or_else(missing)?;
    Ok(Some(mapping::word(&found.raw).into_owned()))
}

fn meaning(envelope: &Item<'_>, hook: &Hook, event: Option<&str>) -> Result<EventMeaning, Refusal> {
    for rule in &hook.when {
        if is_about(rule, event) && holds(envelope, rule)? {
            return Ok(rule.then);
        }
    }
    Ok(match event {
        // what nobody has given a meaning is none of ours: its sender would take a refusal for our fault
        Some(word) => hook.events.find(word).copied().unwrap_or(EventMeaning::Ignored),
        None => Hook::PLAIN,
    })
}

fn is_about(rule: &WhenRule, event: Option<&str>) -> bool {
    rule.events.is_empty() || event.is_some_and(|word| rule.events.iter().any(|pattern| pattern.fits(word)))
}

fn holds(envelope: &Item<'_>, rule: &WhenRule) -> Result<bool, Refusal> {
    let found = envelope.value(&rule.at)?;
    Ok(match &rule.is {
        WhenMatch::Words(words) => {
            found.is_some_and(|found| words.iter().any(|word| *word == mapping::word(&found.raw)))
        }
        WhenMatch::Null => found.is_none() && rule.at.places.iter().any(|place| envelope.is_null(place)),
        WhenMatch::Missing => found.is_none() && !rule.at.places.iter().any(|place| envelope.is_null(place)),
    })
}

/// When what the body says was true, as far as its envelope tells.
#[derive(Clone, Copy)]
enum EventTime {
    /// It goes before the record's own.
    Said(Option<Micros>),
    /// It is for records that have none.
    Fallback(Option<Micros>),
}

impl EventTime {
    fn of(envelope: &Item<'_>, hook: &Hook, event: Option<&str>) -> Result<EventTime, Refusal> {
        let read = |time: &TimeField| -> Result<Option<Micros>, Refusal> {
            let Some(found) = envelope.value(&time.field)? else { return Ok(None) };
            let read = mapping::read_time(&found.raw, &time.reading);
            read.map(Some).map_err(|refusal| found.point(refusal))
        };
        if let Some(time) = event.and_then(|word| hook.times.find(word)) {
            return time.as_ref().map_or(Ok(None), read).map(EventTime::Said);
        }
        hook.time.as_ref().map_or(Ok(None), read).map(EventTime::Fallback)
    }

    fn given(self, own: Option<Micros>) -> Option<Micros> {
        match self {
            EventTime::Said(at) => at,
            EventTime::Fallback(at) => own.or(at),
        }
    }
}

/// The records of a call on their way to become writes.
struct Reading<'c> {
    call: &'c HookCall<'c>,
    meaning: EventMeaning,
    time: EventTime,
    writes: Vec<Result<Write, Box<ItemOutcome>>>,
    ids: Vec<CompactString>,
    lints: Vec<Lint>,
}

impl Reading<'_> {
    fn all(&mut self, found: &[FoundRecord<'_>]) -> Result<(), BodyError> {
        let of_all = ids_stand_above(&self.call.hook.mapping) && found.len() > 1;
        // a delete's records may be no more than its ids, which stand in the envelope too
        let found = if of_all && self.meaning == EventMeaning::Deleted { &found[..1] } else { found };
        for record in found {
            if of_all && found.len() > 1 {
                let hint = "several records would have one id: point the mapping's `id` into the record";
                self.refuse("", Refusal::new(Rule::D1, "id_shared", hint), &record.path);
            } else {
                self.record(record);
            }
            if self.writes.len() > self.call.limits.items_max {
                let detail = format!("send at most {} items in one body", self.call.limits.items_max);
                return Err(BodyError { status_hint: 413, ..BodyError::new("too_many_items", detail) });
            }
        }
        Ok(())
    }

    fn record(&mut self, record: &FoundRecord<'_>) {
        let mapping = &self.call.hook.mapping;
        let around = Around {
            key: record.key.as_deref(),
            above: Some(&record.above),
            headers: Some(self.call.headers),
        };
        let mut ids = Vec::new();
        for id in mapping::ids_of(record.text, around, mapping) {
            match id {
                Ok(id) => ids.push(id),
                Err(error) => self.refuse_record(error, record),
            }
        }
        let extent = match self.meaning {
            EventMeaning::Deleted => Extent::Time,
            EventMeaning::PriceUpdated => Extent::Prices,
            _ => Extent::Whole,
        };
        let Some(first) = ids.first() else { return };
        let bare =
            (extent == Extent::Prices && is_price_alone(record.text, mapping)).then(|| price_alone(mapping));
        let mapping = bare.as_ref().unwrap_or(mapping);
        match mapping::decode_as((first.clone(), extent), record.text, around, mapping, self.call.policy) {
            Ok(read) => self.take(&ids, read, record),
            Err(error) => self.refuse_record(error, record),
        }
    }

    /// One write for each id, and the prices that are kept aside.
    fn take(&mut self, ids: &[AssetId], read: MappedRecord, record: &FoundRecord<'_>) {
        let MappedRecord { mut write, prices_aside, lints, .. } = read;
        self.lints.extend(lints);
        write.at = self.time.given(write.at);
        let whole = match self.meaning {
            EventMeaning::Deleted => Some(AssetWrite::delete(write.id.clone(), write.at)),
            EventMeaning::Upserted => Some(partial(write.clone())),
            EventMeaning::Replaced => Some(write.clone()),
            EventMeaning::PriceUpdated | EventMeaning::Ignored => None,
        };
        let says_nothing = whole.is_none() && write.prices.is_empty() && prices_aside.is_empty();
        for id in ids {
            match &whole {
                Some(whole) => self.push(Write::Asset(Box::new(renamed(whole.clone(), id)))),
                None => {
                    for price in renamed(write.clone(), id).prices {
                        let at = price.at.or(write.at);
                        self.push(Write::Price(PriceWrite { at, ..price }));
                    }
                }
            }
            for aside in &prices_aside {
                let mut aside = aside.clone();
                let pointer = pointer_of(&record.path);
                aside.note_mut().pointer.insert_str(0, &pointer);
                self.writes.push(Err(Box::new(aside)));
                self.ids.push(id.as_str().into());
            }
            if says_nothing {
                let hint =
                    "no price is where the mapping points: it has no `price` or `quotes` that fit this body";
                self.refuse(id.as_str(), Refusal::new(Rule::P1, "price_missing", hint), &record.path);
            }
        }
    }

    fn push(&mut self, write: Write) {
        self.ids.push(write.id().as_str().into());
        self.writes.push(Ok(write));
    }

    fn refuse_record(&mut self, error: MappingError, record: &FoundRecord<'_>) {
        let id = error.id.as_ref().map_or("", AssetId::as_str).to_owned();
        let mut refusal = Refusal::new(Rule::D1, error.code, error.detail);
        refusal.pointer = error.pointer;
        self.refuse(&id, refusal, &record.path);
    }

    fn refuse(&mut self, id: &str, refusal: Refusal, path: &[CompactString]) {
        let pointer = pointer_of(path) + &refusal.pointer;
        self.writes.push(Err(Refusal { pointer, ..refusal }.into_outcome()));
        self.ids.push(id.into());
    }
}

fn pointer_of(path: &[CompactString]) -> String {
    crate::domain::Pointer(path.to_vec()).to_string()
}

/// Whether no part of an id stands in the record: all records of one body then have the same.
fn ids_stand_above(mapping: &Mapping) -> bool {
    let depth = mapping.records.depth();
    let places = mapping.id.parts.iter().flat_map(|field| &field.places);
    places.into_iter().all(|place| match place {
        Place::At(_) | Place::Key => false,
        // the document itself lies above the outermost element
        Place::Above { up, .. } | Place::KeyAbove { up } => usize::from(*up) > depth,
        Place::Constant(_) | Place::Header(_) => true,
    })
}

/// Whether the record is a price of our own shape, and not an asset that holds one.
fn is_price_alone(record: &str, mapping: &Mapping) -> bool {
    let is_own = matches!(mapping.quotes.as_slice(), [quote] if quote.is_own);
    is_own && json::lookup(record, &["price".into()]).is_ok_and(|price| price.is_none())
}

/// The mapping of such a record.
fn price_alone(mapping: &Mapping) -> Mapping {
    let mut mapping = mapping.clone();
    for quote in &mut mapping.quotes {
        // the id is the record's own
        (quote.each, quote.is_own) = (None, false);
    }
    mapping
}

/// A full write as a partial one: it speaks for what it names, and its nulls remove.
fn partial(mut write: AssetWrite) -> AssetWrite {
    let is_null = |text: &str| json::kind(text) == Kind::Null;
    let members = write.members.members();
    write.removed = members.iter().filter(|m| is_null(&m.text)).map(|m| m.name.clone()).collect();
    let named = members.iter().filter(|member| !is_null(&member.text)).cloned().collect();
    AssetWrite { verb: Verb::Post, members: Document::from_members(named), kept: Vec::new(), ..write }
}

/// The same about this asset; a price without a time of its own has that of the record (T2).
fn renamed(mut write: AssetWrite, id: &AssetId) -> AssetWrite {
    for price in &mut write.prices {
        price.id = id.clone();
        price.at = price.at.or(write.at);
    }
    AssetWrite { id: id.clone(), ..write }
}

#[cfg(test)]
mod tests;

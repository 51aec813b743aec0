//! A mapping's reading is that of its words: for random mappings and random documents, what the scanner and
//! the mapping give is what a plain reading of the same document gives, which shares no code with them.

mod choose;
mod document;
mod plain;
mod prices;
mod spec;
mod texts;
mod written;

use super::CASES;
use crate::support::random::Random;
use document::{Document, Maker};
use plain::{Price, Reading, Taken};
use spec::Spec;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use tidegate::codec::mapping::{self, MappedRecord, MappingError};
use tidegate::codec::snapshot::{self, Envelope, Parents, SnapshotLimits};
use tidegate::config::read_partner;
use tidegate::domain::{ItemOutcome, Mapping, Market, PartnerName};
use tidegate::rules::policy::Policy;

const LIMITS: SnapshotLimits =
    SnapshotLimits { record_bytes_max: 1 << 20, records_max: 1_000, served_as_lines: false, is_paged: false };

/// A seed that failed is run alone by `TIDEGATE_SEED`.
#[test]
fn a_mapping_reads_of_any_document_what_a_plain_reading_does() {
    let asked = std::env::var("TIDEGATE_SEED").ok().map(|seed| seed.parse::<u64>().expect("a number"));
    let seeds = asked.map_or(1..=u64::from(CASES), |seed| seed..=seed);
    let mut seen = Seen::default();
    for seed in seeds {
        // the sequences of neighbours would be one, a step apart
        let mut random = Random(Random(seed).next());
        let spec = choose::Chooser::new(&mut random).spec();
        let document = Maker { random: &mut random, spec: &spec }.document();
        let chunk = 1 + random.below(40);
        let told = |what: &str| format!("seed {seed}: {what}\n{}\n{}", spec.toml, document.text);
        let mapping = mapping_of(&spec).unwrap_or_else(|faults| panic!("{}", told(&faults)));
        if let Err(difference) = compare(&spec, &mapping, &document, chunk, &mut seen) {
            panic!("{}", told(&difference));
        }
    }
    assert!(asked.is_some() || seen.is_all(), "{seen:?}");
}

/// How often a way of ending was met: each must be, again and again.
#[derive(Debug, Default)]
struct Seen {
    failed: u64,
    refused: u64,
    taken: u64,
    prices: u64,
    asides: u64,
    kept: u64,
    lints: u64,
    timed: u64,
    generated: u64,
    counted: u64,
    elements_without: u64,
}

impl Seen {
    fn is_all(&self) -> bool {
        let Seen {
            failed,
            refused,
            taken,
            prices,
            asides,
            kept,
            lints,
            timed,
            generated,
            counted,
            elements_without,
        } = *self;
        [failed, refused, taken, prices, asides, kept, lints, timed, generated, counted, elements_without]
            .iter()
            .all(|seen| *seen > 50)
    }
}

fn mapping_of(spec: &Spec) -> Result<Mapping, String> {
    let text = format!(
        "keys = [\"sha256:{}\"]\n[feed]\nurl = \"https://feeds.example/a.json\"\n[feed.mapping]\n{}",
        "0".repeat(64),
        spec.toml
    );
    let name = PartnerName::new("acme").expect("a plain name");
    let partner = read_partner(Path::new("/"), &name, &text).map_err(|faults| faults.to_string())?;
    Ok(partner.feed.expect("it has a feed").mapping)
}

/// A reader that gives few bytes at a time.
struct Chunks<'a>(&'a [u8], usize);

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.0.len().min(self.1).min(buffer.len());
        let (now, rest) = self.0.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.0 = rest;
        Ok(length)
    }
}

type Read1 = Result<MappedRecord, MappingError>;

/// What ours makes of a document.
fn ours(mapping: &Mapping, text: &str, chunk: usize) -> Result<(Envelope, Vec<Read1>), String> {
    let source = || Chunks(text.as_bytes(), chunk);
    let parents = match mapping.looks_above() {
        true => snapshot::parents(source(), mapping, &LIMITS).map_err(|error| error.code.to_owned())?,
        false => Parents::default(),
    };
    let mut reads = Vec::new();
    let envelope = snapshot::scan(source(), mapping, &LIMITS, &parents, |raw| {
        let begin = raw.offset as usize;
        assert_eq!(&text[begin..begin + raw.text.len()], raw.text, "it is where it says");
        assert_eq!(raw.around.key.is_some(), raw.lead > 0);
        reads.push(mapping::decode(raw.text, raw.around, mapping, &Policy::default()));
    });
    envelope.map(|envelope| (envelope, reads)).map_err(|error| error.code.to_owned())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, plain: T) -> Result<(), String> {
    if ours == plain { Ok(()) } else { Err(format!("{what}: ours {ours:?}, plainly {plain:?}")) }
}

fn compare(
    spec: &Spec,
    mapping: &Mapping,
    document: &Document,
    chunk: usize,
    seen: &mut Seen,
) -> Result<(), String> {
    let read = ours(mapping, &document.text, chunk);
    let is_lines = document.values.len() > 1 || spec.lines;
    let found = match is_lines {
        true => Some(plain::lines(&document.values)),
        false => plain::records(&document.values[0], spec),
    };
    let Some(found) = found else {
        seen.failed += 1;
        return same("the document", read.map(|_| ()), Err("no_records".to_owned()));
    };
    let said = match is_lines {
        true => Ok(plain::Envelope { complete: true, ..plain::Envelope::default() }),
        false => plain::envelope(&document.values[0], spec, found.records.len()),
    };
    let Ok(said) = said else {
        seen.failed += 1;
        return same("its count", read.map(|_| ()), Err("count_mismatch".to_owned()));
    };
    let (envelope, reads) = read.map_err(|code| format!("ours fails with {code}, and need not"))?;
    seen.generated += u64::from(matches!(said.generated_at, Some(Some(_))));
    seen.counted += u64::from(said.count.is_some());
    seen.elements_without += u64::from(found.elements_without > 0);
    let generated_at = envelope.generated_at.as_ref().map(|time| time.at.as_ref().ok().map(|at| at.0));
    same("generated_at", generated_at, said.generated_at)?;
    same("count", envelope.count, said.count)?;
    same("complete", (envelope.complete, envelope.allow_empty), (said.complete, said.allow_empty))?;
    same("is_lines", (envelope.is_lines, envelope.may_be_cut), (is_lines, is_lines))?;
    same("elements without records", envelope.elements_without, found.elements_without)?;
    same("records", (reads.len(), envelope.records), (found.records.len(), found.records.len() as u64))?;
    for (place, (ours, record)) in reads.into_iter().zip(&found.records).enumerate() {
        one(ours, plain::read(record, spec), seen)
            .map_err(|difference| format!("record {place}: {difference}"))?;
    }
    Ok(())
}

fn one(ours: Read1, plain: Reading, seen: &mut Seen) -> Result<(), String> {
    match (ours, plain) {
        (Err(error), Reading::Refused { id, faults }) => {
            seen.refused += 1;
            same("its id", error.id.map(|id| id.as_str().to_owned()), id)?;
            let named = (error.code.to_owned(), error.pointer);
            if faults.contains(&named) {
                Ok(())
            } else {
                Err(format!("ours names {named:?}, plainly {faults:?}"))
            }
        }
        (Ok(read), Reading::Taken(taken)) => {
            seen.taken += 1;
            seen.prices += taken.prices.len() as u64;
            seen.asides += taken.asides.len() as u64;
            seen.kept += taken.kept.len() as u64;
            seen.lints += taken.lints.len() as u64;
            seen.timed += u64::from(taken.at.is_some());
            asides(&read.prices_aside, &taken)?;
            same("the record", taken_of(read), Taken { asides: Vec::new(), ..*taken })
        }
        (ours, plain) => Err(format!("ours {ours:?}, plainly {plain:?}")),
    }
}

fn asides(ours: &[ItemOutcome], taken: &Taken) -> Result<(), String> {
    let named = |outcome: &ItemOutcome| {
        outcome.note.as_ref().map(|note| (note.code.to_string(), note.pointer.clone()))
    };
    let ours: Vec<_> = ours.iter().filter_map(named).collect();
    let agrees = ours.len() == taken.asides.len()
        && ours.iter().zip(&taken.asides).all(|(named, faults)| faults.contains(named));
    if agrees { Ok(()) } else { Err(format!("ours keeps aside {ours:?}, plainly {:?}", taken.asides)) }
}

fn taken_of(read: MappedRecord) -> Taken {
    let members = read.write.members.members().iter();
    let prices: BTreeMap<String, Price> = read
        .write
        .prices
        .iter()
        .map(|price| {
            let extra = price.extra.clone().unwrap_or_default();
            let plain = Price {
                amount: price.amount.expect("a feed withdraws nothing").to_string(),
                currency: price.currency.map(|currency| currency.as_str().to_owned()),
                at: price.at.map(|at| at.0),
                market: match price.market {
                    Market::Unsaid => None,
                    Market::Open => Some("open".to_owned()),
                    Market::Closed => Some("closed".to_owned()),
                },
                per: extra.per.map(String::from),
                kind: extra.kind.map(String::from),
            };
            (price.quote.as_str().to_owned(), plain)
        })
        .collect();
    Taken {
        id: read.write.id.as_str().to_owned(),
        at: read.write.at.map(|at| at.0),
        members: members
            .map(|member| {
                (member.name.to_string(), serde_json::from_str(&member.text).expect("a member is JSON"))
            })
            .collect(),
        kept: read.write.kept.iter().map(ToString::to_string).collect(),
        prices,
        asides: Vec::new(),
        lints: read.lints.iter().map(|lint| (lint.code.to_owned(), lint.pointer.clone())).collect(),
    }
}

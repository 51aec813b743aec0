//! A spooled file, read twice: surveyed as a whole, then record by record for the actor.
//!
//! Between the two nothing may have touched the file: a record that is not what the survey found at
//! its place fails the run, since something else would be applied under its id.

use super::lints::Lints;
use crate::actors::partner::ledger::Prefetched;
use crate::actors::partner::message::run::{FeedRecord, FetchedFile, Reread, RunFailure, SnapshotFacts};
use crate::codec::json;
use crate::codec::mapping::{self, Around, MappedRecord, MappingError};
use crate::codec::snapshot::{self, Parents};
use crate::config::PartnerSettings;
use crate::domain::{AssetId, Market, Micros, PartnerNo, RecordFault, Rule, RunId};
use crate::rules::feed::snapshot::SnapshotTimes;
use crate::rules::feed::survey::{InvalidRecord, Presence, Refused, Survey, Surveyed, SurveyedRecord};
use crate::rules::policy::FeedKind;
use crate::store::{ReadError, Reader};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A batch of records that goes to the actor in one message is bounded by both; the bytes are those
/// of the records and of the stored documents that they are compared with.
const BATCH_RECORDS: usize = 500;
const BATCH_BYTES: usize = 1 << 20;

/// Why a file is not applied.
pub enum FileFault {
    Scan(snapshot::SnapshotError),
    /// With what stands above its records.
    Refused(Box<Refused>, Parents),
    Unreadable(io::Error),
}

impl FileFault {
    /// The records to be kept of a file that is refused, and what stands above them.
    pub fn take_kept(&mut self) -> (Vec<InvalidRecord>, Parents) {
        match self {
            FileFault::Refused(refused, parents) => {
                (std::mem::take(&mut refused.kept), std::mem::take(parents))
            }
            FileFault::Scan(_) | FileFault::Unreadable(_) => Default::default(),
        }
    }

    pub fn into_failure(self, file: &FetchedFile) -> RunFailure {
        let started_at = file.started_at;
        match self {
            FileFault::Scan(error) => {
                let detail = format!("{} (at byte {})", error.detail, error.offset);
                RunFailure::plain(error.code, detail, started_at)
            }
            FileFault::Unreadable(error) => RunFailure::plain("spool_failed", error.to_string(), started_at),
            FileFault::Refused(refused, _) => RunFailure {
                refused: true,
                whole_body: Some(file.body_hash.clone()),
                records: refused.records,
                invalid: refused.invalid,
                faults: refused.faults,
                ..RunFailure::plain(
                    "too_many_invalid",
                    format!(
                        "{} of {} records are invalid (F3); mend them and publish again",
                        refused.invalid, refused.records
                    ),
                    started_at,
                )
            },
        }
    }
}

/// A file that has been read once.
pub struct ReadFile {
    /// Its records by their ids.
    pub surveyed: Surveyed,
    /// What it says of itself.
    pub envelope: snapshot::Envelope,
    /// What stands above its records: needed to read them again.
    pub parents: Arc<Parents>,
    /// What is odd about its records and no fault of one.
    pub lints: Vec<RecordFault>,
    /// F8: its records are prices alone.
    pub prices_only: bool,
}

impl ReadFile {
    /// What S is found by (T3).
    pub fn times(
        &self,
        last_modified: Option<Micros>,
        fetch_started_at: Micros,
        same_body: bool,
    ) -> SnapshotTimes {
        let written = self.envelope.generated_at.as_ref();
        SnapshotTimes {
            generated_at: written.and_then(|time| time.at.as_ref().ok().copied()),
            envelope_unread: written.is_some_and(|time| time.at.is_err()),
            newest_record: self.surveyed.newest,
            last_modified,
            fetch_started_at,
            same_body,
        }
    }
}

/// What the actor decides on a file by. `faults` are those that its report names.
pub fn facts_of(
    read: &ReadFile,
    run: RunId,
    file: FetchedFile,
    times: SnapshotTimes,
    faults: Vec<RecordFault>,
    reread: Option<Reread>,
) -> SnapshotFacts {
    let ReadFile { surveyed, envelope, .. } = read;
    SnapshotFacts {
        run,
        may_be_mixed: surveyed.may_be_mixed || file.proof.doubt.is_some(),
        file,
        times,
        complete: envelope.complete,
        prices_only: read.prices_only,
        allow_empty: envelope.complete && envelope.allow_empty && envelope.count == Some(0),
        records: surveyed.records,
        quarantined: surveyed.quarantined,
        repeated: surveyed.repeated,
        present: surveyed.present.len() as u64,
        deletes_barred: surveyed.deletes_barred,
        may_be_cut: envelope.may_be_cut,
        is_lines: envelope.is_lines,
        faults,
        reread,
    }
}

/// Reads the whole file once: its JSON, its records, its ids. `as_lines`: a lone object is one line. Shows
/// each sound record with what it is read as.
pub fn survey_showing(
    settings: &PartnerSettings,
    path: &Path,
    as_lines: bool,
    mut show: impl FnMut(&snapshot::RawRecord<'_>, &MappedRecord),
) -> Result<ReadFile, FileFault> {
    let feed = settings.feed.as_ref().expect("a run has a feed");
    let (mapping, policy) = (&feed.mapping, &settings.policy);
    let limits = snapshot::SnapshotLimits {
        record_bytes_max: feed.record_bytes_max,
        records_max: feed.records_max,
        served_as_lines: as_lines,
        is_paged: feed.pages.is_some(),
    };
    let open = || File::open(path).map_err(FileFault::Unreadable);
    let parents = match mapping.looks_above() {
        true => snapshot::parents(open()?, mapping, &limits).map_err(FileFault::Scan)?,
        false => Parents::default(),
    };
    let mut survey = Survey::keeping(policy.quarantine_max, mapping.repeated);
    let mut lints = Lints::of(mapping);
    let envelope = snapshot::scan(open()?, mapping, &limits, &parents, |raw| {
        match mapping::decode(raw.text, raw.around, mapping, policy) {
            Ok(read) => {
                show(&raw, &read);
                lints.note(&raw, &read);
                let surveyed = SurveyedRecord {
                    record: raw.record as u32,
                    offset: raw.offset,
                    bytes: raw.text.len() as u32,
                    lead: raw.lead,
                    element: raw.element,
                    page: raw.page,
                    updated_at: read.write.at,
                    content: content_hash(&read),
                };
                survey.valid(read.write.id, surveyed);
            }
            Err(error) => survey.invalid(invalid(&raw, &error), error.id),
        }
    })
    .map_err(FileFault::Scan)?;
    let surveyed = match survey.finish() {
        Ok(surveyed) => surveyed,
        Err(refused) => return Err(FileFault::Refused(Box::new(refused), parents)),
    };
    let prices_only = policy.feed_kind == FeedKind::Prices;
    let lints = lints.finish(&envelope, prices_only);
    Ok(ReadFile { surveyed, envelope, parents: Arc::new(parents), lints, prices_only })
}

fn invalid(raw: &snapshot::RawRecord<'_>, error: &MappingError) -> InvalidRecord {
    let fault = RecordFault {
        record: Some(raw.record),
        offset: raw.offset,
        id: error.id.as_ref().map(|id| id.as_str().to_owned()),
        code: error.code.into(),
        detail: error.detail.clone(),
        pointer: error.pointer.clone(),
        count: None,
    };
    let (bytes, lead, element) = (raw.text.len() as u32, raw.lead, raw.element);
    InvalidRecord { fault, bytes, lead, element, rule: Rule::F2 }
}

/// Equal for records that say the same (F6).
fn content_hash(MappedRecord { write, prices_aside, .. }: &MappedRecord) -> u128 {
    use xxhash_rust::xxh3::xxh3_128;
    let notes = prices_aside.iter().filter_map(|aside| aside.note.as_deref());
    let aside = notes.fold(0u128, |sum, note| {
        sum.wrapping_add(xxh3_128(format!("{}{}", note.code, note.pointer).as_bytes()))
    });
    let prices: u128 = write.prices.iter().fold(0, |sum, price| {
        let text = format!("{:?}{:?}{:?}{:?}", price.quote, price.amount, price.currency, price.at);
        let more = match (&price.market, &price.extra) {
            (Market::Unsaid, None) => String::new(),
            (market, extra) => format!("{market:?}{extra:?}"),
        };
        sum.wrapping_add(xxh3_128((text + &more).as_bytes()))
    });
    let kept = if write.kept.is_empty() { 0 } else { xxh3_128(format!("{:?}", write.kept).as_bytes()) };
    write.members.hash() ^ prices.rotate_left(1) ^ aside.rotate_left(2) ^ kept.rotate_left(3)
}

/// Why there is no next batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error("the spooled file could not be read again: {0}")]
    File(#[from] io::Error),
    #[error("a stored document could not be read: {0}")]
    Store(#[from] ReadError),
}

impl BatchError {
    /// Of the run that ends with it.
    pub fn code(&self) -> &'static str {
        match self {
            BatchError::File(_) => "spool_failed",
            BatchError::Store(_) => "store_failed",
        }
    }
}

/// Makes batches of the surveyed records: reads each again at its place, and its stored document.
pub struct Batches {
    pub present: std::vec::IntoIter<(AssetId, Presence)>,
    pub settings: Arc<PartnerSettings>,
    pub path: PathBuf,
    /// What stands above the records.
    pub parents: Arc<Parents>,
}

impl Batches {
    /// `None` behind the last.
    pub fn next(
        &mut self,
        reader: &Reader,
        partner: PartnerNo,
    ) -> Result<Option<(Vec<FeedRecord>, Prefetched)>, BatchError> {
        let file = File::open(&self.path)?;
        let mut records = Vec::with_capacity(BATCH_RECORDS.min(self.present.len()));
        let mut prefetched = Prefetched::new();
        let mut bytes = 0;
        while records.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
            let Some((id, presence)) = self.present.next() else { break };
            let Presence::Valid(place) = presence else {
                records.push(FeedRecord::present(id));
                continue;
            };
            bytes += place.bytes as usize;
            let (text, key, read) = self.read_record(&file, &id, &place)?;
            match reader.asset(partner, &id) {
                Ok(Some(row)) => {
                    bytes += row.document.bytes();
                    prefetched.insert(id.clone(), (row.head.version, row.document));
                }
                Ok(None) => {}
                // the actor decides what the head alone decides
                Err(error) if error.is_damage() => {}
                Err(error) => return Err(error.into()),
            }
            let SurveyedRecord { record, offset, element, .. } = place;
            let MappedRecord { write, prices_aside, .. } = read;
            let (write, above) = (Some(Box::new(write)), self.parents.of(element).cloned());
            records.push(FeedRecord { id, record, offset, text, key, above, write, prices_aside });
        }
        Ok((!records.is_empty()).then_some((records, prefetched)))
    }

    fn read_record(
        &self,
        file: &File,
        id: &AssetId,
        place: &SurveyedRecord,
    ) -> io::Result<(String, Option<String>, MappedRecord)> {
        let found = read_record(&self.settings, (file, &self.parents), place)?;
        match found.2.write.id == *id {
            true => Ok(found),
            false => Err(changed()),
        }
    }
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the spooled file has changed")
}

/// Reads a surveyed record again at its place: its text, the name that it stands under, and what it says.
pub fn read_record(
    settings: &PartnerSettings,
    (file, parents): (&File, &Parents),
    place: &SurveyedRecord,
) -> io::Result<(String, Option<String>, MappedRecord)> {
    let feed = settings.feed.as_ref().expect("a run has a feed");
    let mut text = vec![0; (place.lead + place.bytes) as usize];
    file.read_exact_at(&mut text, place.offset - u64::from(place.lead))?;
    let record = text.split_off(place.lead as usize);
    let record = String::from_utf8(record).map_err(|_| changed())?;
    let key = key_of(&text).ok_or_else(changed)?;
    let above = parents.of(place.element).map(AsRef::as_ref);
    let around = Around { key: key.as_deref(), above, headers: None };
    let read = mapping::decode(&record, around, &feed.mapping, &settings.policy).map_err(|_| changed())?;
    if content_hash(&read) != place.content {
        return Err(changed());
    }
    Ok((record, key, read))
}

/// The name at the beginning of what leads to a record; none of a record that has no name.
pub fn key_of(lead: &[u8]) -> Option<Option<String>> {
    if lead.is_empty() {
        return Some(None);
    }
    let text = std::str::from_utf8(lead).ok()?.trim_end().strip_suffix(':')?.trim_end();
    json::string(text).ok().map(|key| Some(key.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"assets":[{"id":"a","name":"n1"},{"id":"b","name":"n2"}]}"#;

    /// What is read again of a file that is replaced by `text` after its survey.
    fn read_again(text: &str) -> io::Result<Vec<String>> {
        let mut settings = PartnerSettings::named("acme", "key");
        settings.feed = Some(crate::config::FeedSettings::at("https://feeds.example/a.json"));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool");
        std::fs::write(&path, FILE).unwrap();
        let Ok(ReadFile { surveyed, parents, .. }) = survey_showing(&settings, &path, false, |_, _| {})
        else {
            panic!("the file is sound")
        };
        std::fs::write(&path, text).unwrap();
        let present = surveyed.present.into_iter();
        let batches = Batches { present, settings: settings.into(), path, parents };
        let file = File::open(&batches.path)?;
        let places = batches.present.as_slice().iter().map(|(id, presence)| match presence {
            Presence::Valid(place) => batches.read_record(&file, id, place).map(|(text, ..)| text),
            _ => panic!("both are valid"),
        });
        places.collect()
    }

    #[test]
    fn a_record_that_is_read_again_must_be_the_one_that_was_surveyed() {
        let mut read = read_again(FILE).unwrap();
        read.sort();
        assert_eq!(read, [r#"{"id":"a","name":"n1"}"#, r#"{"id":"b","name":"n2"}"#]);
        for changed in [FILE.replace("\"a\"", "\"c\""), FILE.replace("n2", "n3"), FILE.replace("n1", "}{")] {
            let error = read_again(&changed).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{changed}");
        }
        assert!(read_again("").is_err());
    }
}

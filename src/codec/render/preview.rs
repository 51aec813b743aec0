//! What a document would be read as, shown before anything of it is applied: as JSON, and back from it
//! for a terminal.

use crate::codec::json::FromObject;
use crate::codec::time;
use crate::domain::{AssetWrite, Micros, RecordFault};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A price as it was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviewedPrice {
    /// Which of the asset's quotes it is.
    pub quote: String,
    /// In major units.
    pub amount: Option<String>,
    /// `None`: the document's, or the partner's.
    pub currency: Option<String>,
    /// Its own time.
    pub as_of: Option<String>,
}

/// A record as it was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreviewedRecord {
    /// Its place, from 0.
    pub record: u64,
    /// The asset's id.
    pub id: String,
    /// Its own time.
    pub updated_at: Option<String>,
    /// Its sound prices.
    pub prices: Vec<PreviewedPrice>,
    /// Its members; a number keeps its digits.
    pub members: BTreeMap<String, Box<RawValue>>,
}

/// A document as it was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DocumentPreview {
    /// How many records it holds.
    pub records: u64,
    /// Of them, those of which nothing would be applied.
    pub quarantined: u64,
    /// F3: so many that nothing of the document would be.
    pub refused: bool,
    /// Sound prices.
    pub prices: u64,
    /// Prices that would be kept aside.
    pub prices_quarantined: u64,
    /// When it was made, by itself.
    pub generated_at: Option<String>,
    /// Its first sound records.
    pub first: Vec<PreviewedRecord>,
    /// What is wrong with records and prices: the first of them.
    pub faults: Vec<RecordFault>,
    /// What is odd, and no fault of one record.
    pub lints: Vec<RecordFault>,
    /// What would become of it, where a catalogue is at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<PreviewedEffect>,
}

/// What would become of a document in the catalogue as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewedEffect {
    /// Nothing of it would be applied: `snapshot_older` (F5) or `older_than_history` (X4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// As of when it would count (T3).
    pub snapshot_at: Option<String>,
    /// Whether it says so itself.
    pub dated: bool,
    /// Assets that would be new.
    pub created: u64,
    /// Assets that would change.
    pub updated: u64,
    /// Assets that would stay.
    pub unchanged: u64,
    /// Assets that it lacks, and that would be deleted or held.
    pub deleted: u64,
    /// Assets that it lacks for the first time, which would be noted (X3).
    pub absent_once: u64,
    /// The guard would hold the deletes (F4).
    pub held: bool,
    /// So many deletes would pass; only where they are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<u64>,
    /// What the document is measured by; only where deletes are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<u64>,
}

impl DocumentPreview {
    /// As a daemon has written it.
    pub fn read(text: &[u8]) -> Result<DocumentPreview, serde_json::Error> {
        serde_json::from_slice::<FromObject<DocumentPreview>>(text).map(|FromObject(shown)| shown)
    }

    /// Whether every record and price was read, and nothing would be held back.
    pub fn is_sound(&self) -> bool {
        let is_held = self.effect.as_ref().is_some_and(|effect| effect.held || effect.skipped.is_some());
        self.quarantined == 0 && self.prices_quarantined == 0 && !is_held
    }
}

impl PreviewedRecord {
    /// Of what a record asks for.
    pub fn of(record: u64, write: &AssetWrite) -> PreviewedRecord {
        let shown = |at: Option<Micros>| at.map(time::format);
        let prices = write.prices.iter().map(|price| PreviewedPrice {
            quote: price.quote.as_str().to_owned(),
            amount: price.amount.map(|amount| amount.to_string()),
            currency: price.currency.map(|currency| currency.as_str().to_owned()),
            as_of: shown(price.at),
        });
        let member = |member: &crate::domain::Member| {
            let text = RawValue::from_string(member.text.to_string()).ok()?;
            Some((member.name.to_string(), text))
        };
        PreviewedRecord {
            record,
            id: write.id.as_str().to_owned(),
            updated_at: shown(write.at),
            prices: prices.collect(),
            members: write.members.members().iter().filter_map(member).collect(),
        }
    }
}

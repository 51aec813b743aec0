//! What a partner's configuration lets the rules know.

use crate::domain::{Currency, Micros};
use std::collections::{BTreeMap, BTreeSet};

/// What absence from a complete snapshot does (X5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absent {
    /// The asset is deleted.
    #[default]
    Delete,
    /// The asset's `status` becomes `inactive`.
    Inactive,
}

/// What a feed's records are (F8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedKind {
    /// Assets, with their prices.
    #[default]
    Assets,
    /// Prices alone, of assets that others create and delete.
    Prices,
}

/// What a feed's records are stamped by (T3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordTime {
    /// The file's S.
    #[default]
    Snapshot,
    /// The record's own `updated_at`: for exports that lag behind their own envelope.
    Record,
}

/// One partner's policy, validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Used where a price names no currency and neither its quote nor its document does (P4).
    pub default_currency: Option<Currency>,
    /// Codes beside ISO 4217 (P4).
    pub currencies_extra: BTreeSet<Currency>,
    /// An amount of zero is taken (P4).
    pub allow_zero: bool,
    /// A negative amount is taken (P4).
    pub allow_negative: bool,
    /// Class → heartbeat in microseconds (P5).
    pub heartbeats: BTreeMap<String, i64>,
    /// Values of `status` that are known beside `active` and `inactive` (X5).
    pub statuses_extra: BTreeSet<String>,
    /// What the feed's records are (F8).
    pub feed_kind: FeedKind,
    /// What absence from a complete file does (X5).
    pub absent: Absent,
    /// The feed's `Last-Modified` is the time of its data (T3).
    pub last_modified_is_data_time: bool,
    /// What the feed's records are stamped by (T3).
    pub record_time: RecordTime,
    /// Parked prices per partner (P3).
    pub parked_max: usize,
    /// Rows of the quarantine and their bytes, per partner; the oldest are dropped beyond.
    pub quarantine_max: usize,
    /// Their texts together, in bytes.
    pub quarantine_bytes_max: usize,
    /// The feed's interval, for the life of tombstones (X4); 0 without a feed.
    pub feed_interval: i64,
    /// Deliveries remembered by their id, each counting once for every KiB of its record (G2).
    pub deliveries_max: usize,
    /// Names and texts of all members of one asset.
    pub document_bytes_max: usize,
    /// Assets of one partner, dead ones included: what is beyond is refused.
    pub assets_max: u32,
}

impl Default for Policy {
    fn default() -> Policy {
        let extra = ["USDC", "USDT", "EURC", "DAI", "BTC", "ETH"];
        Policy {
            default_currency: None,
            currencies_extra: extra.iter().map(|c| Currency::new(c).expect("codes of our own")).collect(),
            allow_zero: false,
            allow_negative: false,
            heartbeats: BTreeMap::from([
                ("market".into(), 60 * Micros::SECOND),
                ("nav".into(), 26 * Micros::HOUR),
                ("valuation".into(), 400 * Micros::DAY),
            ]),
            statuses_extra: BTreeSet::new(),
            feed_kind: FeedKind::Assets,
            absent: Absent::Delete,
            last_modified_is_data_time: false,
            record_time: RecordTime::Snapshot,
            parked_max: 10_000,
            quarantine_max: 10_000,
            quarantine_bytes_max: 16 << 20,
            feed_interval: 0,
            deliveries_max: 50_000,
            document_bytes_max: 256 << 10,
            assets_max: 4_000_000,
        }
    }
}

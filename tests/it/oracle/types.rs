//! What goes into the model and what comes out. Times are microseconds since 1970, UTC.

use std::collections::BTreeMap;

use serde_json::Value;

/// The members of a document, without `id`, `updated_at` and `price`. In a partial write a `Null`
/// removes the member; in a full write it is a value like any other, as
/// leaving a member out removes it there.
pub type Members = BTreeMap<String, Value>;

/// X5: what absence from a complete snapshot does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    Delete,
    Inactive,
}

/// T3: what the records of a dated file are stamped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordTime {
    Snapshot,
    /// By their own `updated_at` where they have one, never above S.
    Record,
}

/// What a partner's configuration says.
#[derive(Clone, Debug)]
pub struct Policy {
    pub default_currency: Option<String>,
    pub currencies_extra: Vec<String>,
    pub absent: Absent,
    pub statuses_extra: Vec<String>,
    pub allow_zero: bool,
    pub allow_negative: bool,
    /// P5: class to heartbeat.
    pub heartbeats: BTreeMap<String, i64>,
    /// T3: `Last-Modified` is the data's time.
    pub last_modified_is_data_time: bool,
    pub record_time: RecordTime,
    /// P3: how many prices may be parked.
    pub parked_max: usize,
    /// X4, P2.
    pub feed_interval_us: i64,
    /// F4: further files that confirm a small plan; 0: none does.
    pub confirm: usize,
    /// F4: no plan is ever opened, for properties that speak of what the guard would hold.
    pub unguarded: bool,
}

impl Default for Policy {
    fn default() -> Self {
        let extra = ["USDC", "USDT", "EURC", "DAI", "BTC", "ETH"];
        let presets = [("market", 60), ("nav", 26 * 3_600), ("valuation", 400 * 86_400)];
        Policy {
            default_currency: None,
            currencies_extra: extra.map(String::from).to_vec(),
            absent: Absent::Delete,
            statuses_extra: Vec::new(),
            allow_zero: false,
            allow_negative: false,
            heartbeats: presets.iter().map(|(class, s)| (class.to_string(), s * 1_000_000)).collect(),
            last_modified_is_data_time: false,
            record_time: RecordTime::Snapshot,
            parked_max: 10_000,
            feed_interval_us: 3_600_000_000,
            confirm: 2,
            unguarded: false,
        }
    }
}

/// The way a write came; its rank decides ties, the last being the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    Feed,
    Push,
    Price,
    Admin,
}

/// What writes are compared by, left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    pub at: i64,
    pub lane: Lane,
    pub sequence: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushKind {
    Put,
    Post,
    Patch,
}

/// One push item; `put`, `post` and `patch` of the model are shorthands for it.
#[derive(Clone, Debug)]
pub struct PushIn {
    pub kind: PushKind,
    pub id: String,
    /// `None`: undated, T1.
    pub at: Option<i64>,
    pub lane: Lane,
    pub sequence: u64,
    pub members: Members,
    pub price: Option<PriceIn>,
}

/// One price, by itself, in a push item or in a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceIn {
    /// Read by `Model::price` only; inside an item or a record the id is theirs.
    pub id: String,
    pub quote: String,
    /// `None` withdraws (P3).
    pub amount: Option<String>,
    pub currency: Option<String>,
    pub as_of: Option<i64>,
    pub sequence: u64,
    /// G1: the stream and this message's number in it.
    pub stream: Option<(String, u64)>,
    /// P5: the partner said `market: closed`.
    pub closed: bool,
}

impl PriceIn {
    /// A price of the quote `price`.
    pub fn new(id: &str, amount: &str, currency: &str, as_of: Option<i64>) -> Self {
        PriceIn {
            id: id.into(),
            quote: "price".into(),
            amount: Some(amount.into()),
            currency: Some(currency.into()),
            as_of,
            ..PriceIn::default()
        }
    }
}

/// One fetch of the feed and what was in it.
#[derive(Clone, Debug)]
pub struct SnapshotIn {
    pub fetch_start: i64,
    pub body_hash: u64,
    pub generated_at: Option<i64>,
    /// T2: the envelope states a time that cannot be read.
    pub time_unreadable: bool,
    pub last_modified: Option<i64>,
    pub complete: bool,
    /// F1: lines, which without a count cannot prove that they are all there.
    pub ndjson: bool,
    pub count: Option<usize>,
    pub allow_empty: bool,
    pub records: Vec<RecordIn>,
    /// 304.
    pub not_modified: bool,
    /// F1: false for a body that is cut, empty, HTML or never closes.
    pub closed: bool,
}

impl Default for SnapshotIn {
    fn default() -> Self {
        SnapshotIn {
            fetch_start: 0,
            body_hash: 0,
            generated_at: None,
            time_unreadable: false,
            last_modified: None,
            complete: true,
            ndjson: false,
            count: None,
            allow_empty: false,
            records: Vec::new(),
            not_modified: false,
            closed: true,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct RecordIn {
    /// `None`: not readable.
    pub id: Option<String>,
    pub updated_at: Option<i64>,
    pub members: Members,
    pub price: Option<PriceIn>,
    /// False: invalid for a reason that the model does not look for itself (F2).
    pub valid: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Created,
    Updated,
    Unchanged,
    Duplicate,
    Superseded,
    Deleted,
    Parked,
    Quarantined,
    Rejected,
    /// PATCH of an unknown asset, 404.
    NotFound,
    /// PATCH of a dead asset, 410.
    Gone,
}

/// What became of one write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub outcome: Outcome,
    pub rule: &'static str,
    /// The code of a refusal or quarantine, such as `future_time`; empty otherwise.
    pub reason: &'static str,
    pub superseded_members: Vec<String>,
    /// P1: a price that won only because it was committed later.
    pub tied: bool,
}

impl Verdict {
    pub fn new(outcome: Outcome, rule: &'static str) -> Self {
        Verdict { outcome, rule, reason: "", superseded_members: Vec::new(), tied: false }
    }

    pub fn because(outcome: Outcome, rule: &'static str, reason: &'static str) -> Self {
        Verdict { outcome, rule, reason, superseded_members: Vec::new(), tied: false }
    }

    /// Neither refused nor kept aside: something of the item may enter the catalogue.
    pub fn stands(&self) -> bool {
        !matches!(self.outcome, Outcome::Rejected | Outcome::Quarantined)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunStatus {
    Applied,
    /// F7.
    Unchanged,
    /// F5.
    SkippedOlder,
    /// F3, or X4 (see `rule`).
    Refused,
    /// F1.
    #[default]
    Failed,
}

/// What one run did. `created + updated + unchanged + quarantined` are its records; those
/// suppressed by X2 stand under `unchanged` too, and those whose price alone was kept aside where
/// their document belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunReport {
    pub status: RunStatus,
    pub rule: &'static str,
    pub s: Option<i64>,
    /// S came from the floor (T3), so deletes need a second absence (X3).
    pub undated: bool,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    /// Deletes applied, those turned into `inactive` included.
    pub deleted: usize,
    /// Deletes that went to a plan opened by this run.
    pub held: usize,
    pub quarantined: usize,
    /// F2: prices kept aside while their record applied.
    pub prices_aside: usize,
    /// X2.
    pub suppressed: usize,
    /// X3, F1, F6: first absence under a file that does not prove it, neither deleted nor held.
    pub absent_once: usize,
    /// F6: repeated records left aside (same content, or the lower `updated_at`).
    pub repeated: usize,
    /// P2: undated prices that differ from the dated one.
    pub drift: usize,
    /// The plan that this run opened.
    pub plan: Option<u64>,
    /// Plans that this run cancelled.
    pub cancelled: Vec<u64>,
    /// Plans that this run confirmed; what they delete is not counted in `deleted`.
    pub confirmed: Vec<u64>,
    /// T2, T4: what was strange about the file's time.
    pub lints: Vec<&'static str>,
    /// F1, F3, and the third run in a row that was refused for its time (T3).
    pub failure: bool,
    /// F9.
    pub verdicts: BTreeMap<&'static str, usize>,
    /// F9: pushes applied since the last run.
    pub pushes_before: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteState {
    Live,
    Delayed,
    Stale,
    Closed,
    Withdrawn,
    Gap,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibleQuote {
    /// Normalised decimal text; `None` when withdrawn.
    pub amount: Option<String>,
    pub currency: Option<String>,
    /// `None` for the undated register.
    pub as_of: Option<i64>,
    pub age_us: i64,
    pub state: QuoteState,
}

#[derive(Clone, Debug, PartialEq)]
pub struct VisibleAsset {
    pub members: Members,
    pub status: String,
    pub quotes: BTreeMap<String, VisibleQuote>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Visible {
    Unknown,
    Dead,
    Alive(VisibleAsset),
}

/// Input kept aside.
#[derive(Clone, Debug, PartialEq)]
pub struct QuarantineRow {
    pub id: Option<String>,
    pub reason: &'static str,
    /// The price, where the row is a price alone.
    pub price: Option<PriceIn>,
}

//! What closes a row of the quarantine: a later write, or a later run of the feed, that speaks for all
//! that the row holds and is not refused.

use crate::actors::partner::ledger::taken::{Taken, TakenPart, name_hash, name_hashes};
use crate::codec::request::again::{self, SpokenFor};
use crate::domain::{Lane, Micros, QuarantineRow, QuoteName, RefusedKind, Stamp};

/// What a later write must speak for to close a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RowPart {
    /// All of a feed's record.
    Record,
    /// A whole file.
    File,
    Full,
    /// The members with these hashes; `None`: any of them.
    Members(Option<Box<[u64]>>),
    Delete,
    Price(QuoteName),
    Unclear,
}

/// What closes one row.
#[derive(Clone, Debug)]
pub struct Closing {
    /// The asset, as `name_hash` has it; 0 where the row names none.
    pub subject: u64,
    /// What is no newer is too old to close it.
    stamp: Stamp,
    part: RowPart,
}

impl Default for Closing {
    /// Nothing does: it is damaged.
    fn default() -> Closing {
        Closing { subject: 0, stamp: Stamp::NEVER, part: RowPart::Unclear }
    }
}

impl Closing {
    pub fn of(row: &QuarantineRow) -> Closing {
        let quote = row.quote.as_deref().and_then(|name| QuoteName::new(name).ok());
        let part = match row.kind {
            RefusedKind::FeedRecord => RowPart::Record,
            RefusedKind::Snapshot => RowPart::File,
            kind => match again::spoken_for(&row.raw, kind, quote) {
                SpokenFor::Full => RowPart::Full,
                SpokenFor::Members(names) => RowPart::Members(
                    names.map(|names| name_hashes(names.iter().map(String::as_str)).into_boxed_slice()),
                ),
                SpokenFor::Delete => RowPart::Delete,
                SpokenFor::Price(quote) => RowPart::Price(quote),
                SpokenFor::Unclear => RowPart::Unclear,
            },
        };
        let lane = match part {
            RowPart::Record | RowPart::File => Lane::Feed,
            RowPart::Price(_) => Lane::Price,
            _ => Lane::Push,
        };
        // the record of a file that never got a time is older than every file that was accepted later
        let unknown = if lane == Lane::Feed { Micros::BEGINNING } else { Micros(row.received_at) };
        let stamp = Stamp::new(row.at.map_or(unknown, Micros), lane, 0);
        Closing { subject: row.id.as_deref().map_or(0, name_hash), stamp, part }
    }

    /// Whether what was taken of the row's asset speaks for all that the row holds, and is no older.
    pub fn is_met_by(&self, taken: &Taken) -> bool {
        let speaks = match (&self.part, &taken.part) {
            (RowPart::File, _) => false,
            (_, TakenPart::Delete) => true,
            (RowPart::Record, part) => *part == TakenPart::Record,
            (RowPart::Full | RowPart::Delete | RowPart::Members(_), TakenPart::Full) => true,
            (RowPart::Members(None), TakenPart::Members(_)) => true,
            (RowPart::Members(Some(wanted)), TakenPart::Members(named)) => {
                wanted.iter().all(|name| named.binary_search(name).is_ok())
            }
            (RowPart::Price(wanted), TakenPart::Price(quote)) => wanted == quote,
            _ => false,
        };
        let is_no_older = match (&self.part, &taken.part) {
            // X1: of prices the time alone counts
            (RowPart::Price(_), TakenPart::Delete) => taken.stamp.at >= self.stamp.at,
            _ => taken.stamp >= self.stamp,
        };
        speaks && is_no_older
    }

    /// Whether it is a record of a feed.
    pub fn is_of_record(&self) -> bool {
        self.part == RowPart::Record
    }

    /// Whether a file of this time that was accepted closes it, where the row is not of it: as one of a
    /// whole file, or of a record that is no longer in a file that says so.
    pub fn is_left_by(&self, file: &AcceptedFile) -> bool {
        let is_gone = match self.part {
            RowPart::File => true,
            RowPart::Record if self.subject == 0 => file.names_each_invalid,
            RowPart::Record => file.names_each_id,
            _ => false,
        };
        is_gone && self.stamp.at <= file.snapshot
    }
}

/// What an accepted file says of records that it does not hold.
#[derive(Clone, Copy, Debug)]
pub struct AcceptedFile {
    pub snapshot: Micros,
    /// It is complete, and the id of each of its records could be read.
    pub names_each_id: bool,
    /// It is complete, and each of its invalid records is kept.
    pub names_each_invalid: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RefusedOrigin;

    const AT: Micros = Micros(1_000);

    fn row(kind: RefusedKind, raw: &str) -> QuarantineRow {
        let row = QuarantineRow {
            rejected: true,
            id: Some("a".into()),
            code: "status_unknown".into(),
            rule: "D1".into(),
            received_at: AT.0,
            at: Some(AT.0),
            ..QuarantineRow::of(kind, RefusedOrigin::Push { delivery: 0 })
        };
        row.with_raw(raw)
    }

    fn taken(at: Micros, lane: Lane, part: TakenPart) -> Taken {
        Taken { subject: name_hash("a"), stamp: Stamp::new(at, lane, 0), part }
    }

    fn members(names: &[&str]) -> TakenPart {
        TakenPart::Members(name_hashes(names.iter().copied()))
    }

    #[test]
    fn a_write_closes_what_it_speaks_for_and_is_not_older_than() {
        let closes = |kind, raw: &str, part: TakenPart| {
            let closing = Closing::of(&row(kind, raw));
            let lane = if matches!(part, TakenPart::Price(_)) { Lane::Price } else { Lane::Push };
            let meets = |at: i64| closing.is_met_by(&taken(Micros(at), lane, part.clone()));
            assert!(!meets(AT.0 - 1), "an older write closes nothing");
            assert_eq!(meets(AT.0), meets(AT.0 + 1), "at the very time and after it");
            meets(AT.0)
        };
        let named = r#"{"id":"a","name":"x","status":"odd"}"#;
        assert!(closes(RefusedKind::Put, named, TakenPart::Full));
        assert!(!closes(RefusedKind::Put, named, members(&["name", "status"])));
        assert!(closes(RefusedKind::Post, named, TakenPart::Full));
        assert!(closes(RefusedKind::Post, named, members(&["status", "name", "more"])));
        assert!(!closes(RefusedKind::Patch, named, members(&["name"])), "`status` is still to come");
        assert!(closes(RefusedKind::Patch, "{\"id\":", members(&["name"])), "nothing more can be read");
        assert!(closes(RefusedKind::Delete, "", TakenPart::Full));
        assert!(!closes(RefusedKind::Delete, "", members(&["name"])));
        let nav = QuoteName::new("nav").unwrap();
        assert!(closes(RefusedKind::Price, r#"{"quote":"nav"}"#, TakenPart::Price(nav)));
        assert!(!closes(RefusedKind::Price, "{}", TakenPart::Price(nav)));
        assert!(closes(RefusedKind::Withdrawal, "", TakenPart::Price(QuoteName::PRICE)));
        assert!(!closes(RefusedKind::Event, r#"{"type":"asset.moved"}"#, TakenPart::Full));
        for kind in [RefusedKind::Put, RefusedKind::Event, RefusedKind::Price, RefusedKind::FeedRecord] {
            assert!(closes(kind, "{}", TakenPart::Delete), "{kind:?}");
        }
        assert!(!closes(RefusedKind::Snapshot, "", TakenPart::Delete));
    }

    #[test]
    fn a_record_is_closed_by_a_record_alone_and_a_push_of_its_time_stands_above_a_feed() {
        let record = Closing::of(&row(RefusedKind::FeedRecord, "{}"));
        assert!(record.is_met_by(&taken(AT, Lane::Feed, TakenPart::Record)));
        assert!(!record.is_met_by(&taken(AT, Lane::Push, TakenPart::Full)), "the feed still says it");
        let put = Closing::of(&row(RefusedKind::Put, "{}"));
        assert!(!put.is_met_by(&taken(AT, Lane::Feed, TakenPart::Full)));
        assert!(put.is_met_by(&taken(AT.plus(1), Lane::Feed, TakenPart::Full)));
    }

    #[test]
    fn a_file_closes_rows_of_records_that_it_no_longer_holds() {
        let file = |names_each_id, names_each_invalid| AcceptedFile {
            snapshot: AT,
            names_each_id,
            names_each_invalid,
        };
        let of = |id: Option<&str>, at: Option<i64>, kind| {
            Closing::of(&QuarantineRow { id: id.map(str::to_owned), at, ..row(kind, "{}") })
        };
        let named = of(Some("a"), Some(AT.0), RefusedKind::FeedRecord);
        assert!(named.is_left_by(&file(true, false)) && !named.is_left_by(&file(false, true)));
        let nameless = of(None, None, RefusedKind::FeedRecord);
        assert!(nameless.is_left_by(&file(false, true)) && !nameless.is_left_by(&file(true, false)));
        let newer = of(Some("a"), Some(AT.0 + 1), RefusedKind::FeedRecord);
        assert!(!newer.is_left_by(&file(true, true)));
        assert!(of(None, Some(AT.0), RefusedKind::Snapshot).is_left_by(&file(false, false)));
        assert!(!of(Some("a"), Some(AT.0), RefusedKind::Put).is_left_by(&file(true, true)));
    }
}

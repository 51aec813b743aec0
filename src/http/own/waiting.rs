//! What a row of the quarantine waits for, and what closes it without anybody looking at it.

use crate::domain::{QuarantineRow, RefusedKind};

/// A word that programs can sort by, and what is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextStep {
    /// `setting`, `mapping`, `release`, `newer_time`, `mended_text` or `repair`.
    pub word: &'static str,
    /// One sentence.
    pub sentence: &'static str,
}

/// What would bring the row's contents into the catalogue.
pub fn waits_for(row: &QuarantineRow) -> NextStep {
    let is_record = row.kind == RefusedKind::FeedRecord;
    let (word, sentence) = match row.code.as_str() {
        _ if row.kind == RefusedKind::Snapshot => {
            ("newer_time", "the whole file was too old: it has to be published again with a newer time")
        }
        "damaged" => {
            ("repair", "what is stored of its asset is damaged: release it once a backup is restored")
        }
        "future_time" => {
            ("release", "its time was ahead of our clock: an operator can release it once that time has come")
        }
        "currency_changed" => (
            "release",
            "an operator has to release it to let the currency change, or the document has to name it",
        ),
        "parked_expired" | "parked_overflow" => {
            ("release", "its asset was not known: push the asset, then an operator can release the price")
        }
        "poisoned" => {
            ("release", "deciding it failed: an operator can release it with a newer version of the daemon")
        }
        "older_than_history" | "value_conflict" => {
            ("newer_time", "it has to be sent again with a newer time")
        }
        "currency_unknown" | "status_unknown" | "amount_zero" | "amount_negative" | "too_many_assets"
        | "document_too_large" | "too_many_quotes" => (
            "setting",
            "an operator's setting decides whether this is let in: change it and release the row, or have the text mended",
        ),
        _ if row.is_cut() => {
            ("mended_text", "only the beginning of its text is kept: release it with the whole text, mended")
        }
        "id_repeated" => {
            ("mended_text", "the file says two things of one asset: release the row that is right")
        }
        _ if is_record || row.kind == RefusedKind::Hook => (
            "mapping",
            "the mapping does not read it: change the mapping and release the row, or have the record mended",
        ),
        _ => (
            "mended_text",
            "its text has a fault: send it again without, or release the row with a mended text",
        ),
    };
    NextStep { word, sentence }
}

/// What takes the row out by itself.
pub fn closes_when(row: &QuarantineRow) -> &'static str {
    match row.kind {
        RefusedKind::Snapshot => "a later file is accepted",
        RefusedKind::FeedRecord if row.id.is_some() => {
            "a later file has the record without a fault, or, complete, no longer has it"
        }
        RefusedKind::FeedRecord => "a complete later file has no record with this text and this fault",
        _ if row.id.is_none() => "never by itself: it names no asset",
        RefusedKind::Put => {
            "a PUT or a record of the asset with this time or a newer one is taken, or its delete"
        }
        RefusedKind::Post | RefusedKind::Patch => {
            "a write of the same members, of this time or newer, is taken, or the asset's delete"
        }
        RefusedKind::Delete => "a delete, a PUT or a record of the asset of this time or newer is taken",
        RefusedKind::Price | RefusedKind::AssetPrice | RefusedKind::Withdrawal => {
            "a price of this quote with this time or a newer one is taken, or the asset's delete"
        }
        RefusedKind::Hook => "a delete of the asset, of this time or newer, is taken",
        RefusedKind::Event => "a write of the same, of this time or newer, is taken, or the asset's delete",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RefusedOrigin;

    fn row(kind: RefusedKind, code: &str) -> QuarantineRow {
        QuarantineRow {
            id: Some("a".into()),
            code: code.into(),
            rule: "F2".into(),
            ..QuarantineRow::of(kind, RefusedOrigin::Parked)
        }
    }

    #[test]
    fn a_row_waits_for_whom_it_depends_on() {
        let word = |kind, code| waits_for(&row(kind, code)).word;
        assert_eq!(word(RefusedKind::FeedRecord, "status_unknown"), "setting");
        assert_eq!(word(RefusedKind::FeedRecord, "time_format"), "mapping");
        assert_eq!(word(RefusedKind::Post, "time_format"), "mended_text");
        assert_eq!(word(RefusedKind::Price, "value_conflict"), "newer_time");
        assert_eq!(word(RefusedKind::Price, "future_time"), "release");
        assert_eq!(word(RefusedKind::Snapshot, "snapshot_older"), "newer_time");
        let cut = QuarantineRow { raw_bytes: 9, ..row(RefusedKind::FeedRecord, "time_format") };
        assert_eq!(waits_for(&cut).word, "mended_text");
        let nameless = QuarantineRow { id: None, ..row(RefusedKind::Post, "id_missing") };
        assert!(closes_when(&nameless).starts_with("never"));
    }
}

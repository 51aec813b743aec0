//! What absence from a complete snapshot means for one asset (X3, X5).

use crate::domain::{AssetHead, Lane, Micros, Stamp};

/// X3: with an undated file, an asset goes only at this many absences in a row.
const UNDATED_ABSENCES: u8 = 2;

/// What becomes of a living asset that the snapshot does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Deleted at `(S, feed)`, if the guard (F4) lets it.
    Delete,
    /// Noted; the next absence in a row deletes.
    First,
    /// Something was pushed after S: kept.
    Phantom,
    /// Not active, so its absence is as expected (X5): kept.
    Agree,
}

/// X3 for a living asset: only what nobody spoke for after `(S, feed)` goes. Prices keep nothing.
pub fn decide(head: &AssetHead, snapshot: Micros, dated: bool) -> Absence {
    if head.inactive {
        return Absence::Agree;
    }
    let stamp = Stamp::new(snapshot, Lane::Feed, 0);
    if head.newest() > stamp {
        return Absence::Phantom;
    }
    let absences = head.absences.saturating_add(1);
    if dated || absences >= UNDATED_ABSENCES { Absence::Delete } else { Absence::First }
}

/// The head of an asset that a snapshot lacks: absence hides what the asset holds, and ends nothing.
pub fn hide(head: &AssetHead, stamp: Stamp) -> AssetHead {
    AssetHead { death: head.death.max(stamp), absences: 0, ..head.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Exception;

    fn head(life: Stamp) -> AssetHead {
        AssetHead { life, base: life, ..AssetHead::unborn() }
    }

    fn feed(at: i64) -> Stamp {
        Stamp::new(Micros(at), Lane::Feed, 0)
    }

    fn push(at: i64) -> Stamp {
        Stamp::new(Micros(at), Lane::Push, 0)
    }

    #[test]
    fn x3_the_boundary_is_the_stamp_of_the_feed_at_s() {
        assert_eq!(decide(&head(feed(10)), Micros(10), true), Absence::Delete);
        assert_eq!(
            decide(&head(push(10)), Micros(10), true),
            Absence::Phantom,
            "a push at exactly S keeps it"
        );
        assert_eq!(decide(&head(push(9)), Micros(10), true), Absence::Delete);
        assert_eq!(decide(&head(feed(11)), Micros(10), true), Absence::Phantom);
    }

    #[test]
    fn x3_a_member_pushed_after_s_keeps_the_asset() {
        let exception = Exception { name: "a".into(), stamp: push(11), removed: false };
        let head = AssetHead { exceptions: vec![exception], ..head(feed(5)) };
        assert_eq!(decide(&head, Micros(10), true), Absence::Phantom);
        assert_eq!(decide(&head, Micros(11), true), Absence::Phantom);
        assert_eq!(decide(&head, Micros(12), true), Absence::Delete);
    }

    #[test]
    fn x3_an_undated_file_deletes_at_the_second_absence() {
        let first = head(feed(5));
        assert_eq!(decide(&first, Micros(10), false), Absence::First);
        let second = AssetHead { absences: 1, ..first };
        assert_eq!(decide(&second, Micros(10), false), Absence::Delete);
    }

    #[test]
    fn b1_absences_are_counted_to_the_end_of_the_byte_and_not_beyond() {
        let noted = AssetHead { absences: u8::MAX, ..head(feed(5)) };
        assert_eq!(decide(&noted, Micros(10), false), Absence::Delete);
    }

    #[test]
    fn x3_absence_raises_the_death_alone() {
        let exception = Exception { name: "a".into(), stamp: push(7), removed: false };
        let alive = AssetHead { exceptions: vec![exception], absences: 1, hash: 9, ..head(feed(5)) };
        let hidden = hide(&alive, feed(10));
        assert!(!hidden.is_alive() && hidden.is_absent() && hidden.holds_members());
        assert_eq!(hidden, AssetHead { death: feed(10), absences: 0, ..alive });
    }

    #[test]
    fn x5_an_inactive_asset_is_kept() {
        let head = AssetHead { inactive: true, ..head(feed(5)) };
        assert_eq!(decide(&head, Micros(10), true), Absence::Agree);
    }
}

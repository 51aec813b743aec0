//! What one asset may hold. The rules of stamps take a write of any size, and many
//! partial writes can grow an asset far beyond what one body may say; what it holds is copied,
//! merged and written again with each of them, by threads in front of which others wait.
//!
//! `status` is not counted: it is ours to set where a snapshot lacks the asset (X5), and an asset
//! that is full must still become inactive.

use crate::domain::{AssetHead, Document};

/// As many as one JSON object may have.
pub const MEMBERS_MAX: usize = 256;
/// Members written or removed by themselves: a removed one is remembered as long as one that is
/// there.
pub const EXCEPTIONS_MAX: usize = 256;

/// Of what a write would make an asset hold too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// It would have too many members.
    Members,
    /// Too many of its members would have a stamp of their own.
    Exceptions,
    /// Its names and texts would be too long together.
    Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    members: usize,
    exceptions: usize,
    bytes: usize,
}

/// What of the asset would be too much after a write, by head and document before and after, where
/// names and texts of all members may take `bytes_max`. A write that makes it no larger passes: what
/// is too large already must be able to shrink.
pub fn excess(
    before: (&AssetHead, &Document),
    after: (&AssetHead, &Document),
    bytes_max: usize,
) -> Option<Excess> {
    let then = Extent::of(after);
    let most = Extent { members: MEMBERS_MAX, exceptions: EXCEPTIONS_MAX, bytes: bytes_max };
    then.beyond(most)?;
    let held = Extent::of(before);
    then.beyond(Extent {
        members: most.members.max(held.members),
        exceptions: most.exceptions.max(held.exceptions),
        bytes: most.bytes.max(held.bytes),
    })
}

impl Extent {
    fn of((head, document): (&AssetHead, &Document)) -> Extent {
        let counted = |name: &str| name != "status";
        let members = || document.members().iter().filter(|member| counted(&member.name));
        Extent {
            members: members().count(),
            exceptions: head.exceptions.iter().filter(|exception| counted(&exception.name)).count(),
            bytes: members().map(|member| member.name.len() + member.text.len()).sum(),
        }
    }

    fn beyond(self, most: Extent) -> Option<Excess> {
        if self.members > most.members {
            return Some(Excess::Members);
        }
        if self.exceptions > most.exceptions {
            return Some(Excess::Exceptions);
        }
        (self.bytes > most.bytes).then_some(Excess::Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Exception, Member, Stamp};

    const BYTES_MAX: usize = 4 << 20;

    fn document(members: usize, bytes_each: usize) -> Document {
        let member = |n: usize| Member {
            name: format!("{n:04}").into(),
            text: "x".repeat(bytes_each - 4).into(),
            hash: n as u128,
        };
        Document::from_members((0..members).map(member).collect())
    }

    fn head(exceptions: usize) -> AssetHead {
        let removed =
            |n: usize| Exception { name: format!("{n:04}").into(), stamp: Stamp::NEVER, removed: true };
        AssetHead { exceptions: (0..exceptions).map(removed).collect(), ..AssetHead::unborn() }
    }

    fn grown(exceptions: usize, document: &Document) -> Option<Excess> {
        excess((&AssetHead::unborn(), &Document::default()), (&head(exceptions), document), BYTES_MAX)
    }

    #[test]
    fn an_asset_holds_what_is_allowed_and_one_more_is_too_much() {
        assert_eq!(grown(256, &document(256, 16 << 10)), None);
        assert_eq!(grown(0, &document(257, 8)), Some(Excess::Members));
        assert_eq!(grown(257, &document(0, 8)), Some(Excess::Exceptions));
        assert_eq!(grown(0, &document(256, (16 << 10) + 1)), Some(Excess::Bytes));
    }

    #[test]
    fn a_full_asset_can_still_become_inactive() {
        let mut document = document(256, 16 << 10);
        document.set(Member { name: "status".into(), text: "\"inactive\"".into(), hash: 1 });
        let mut head = head(256);
        head.exceptions.push(Exception { name: "status".into(), stamp: Stamp::NEVER, removed: false });
        assert_eq!(excess((&head, &document), (&head, &document), BYTES_MAX), None);
        assert_eq!(grown(0, &document), None);
    }

    #[test]
    fn what_is_too_large_already_may_change_and_shrink_but_not_grow() {
        let (large, larger) = (document(300, 8), document(301, 8));
        let to = |document: &Document| excess((&head(400), &large), (&head(400), document), BYTES_MAX);
        assert_eq!(to(&document(299, 8)), None);
        assert_eq!(to(&document(300, 9)), None);
        assert_eq!(to(&larger), Some(Excess::Members));
        let more = excess((&head(400), &large), (&head(401), &large), BYTES_MAX);
        assert_eq!(more, Some(Excess::Exceptions));
        let smaller = excess((&head(0), &large), (&head(0), &document(256, 7)), 1_000);
        assert_eq!(smaller, None, "larger than a bound that was lowered, and shrinking");
    }
}

//! Content that has lost a tie (D3): at an equal stamp the later commit wins, so what it won against
//! is remembered, and a late repeat of it changes nothing. Only ties cost anything here.

use crate::domain::{AssetHead, Beaten, Document, Exception, Member, Stamp};

/// The stamp that a member's present state carries: its exception's, else the base's.
pub fn member_stamp(head: &AssetHead, name: &str) -> Stamp {
    match head.exceptions.binary_search_by(|e| e.name.as_str().cmp(name)) {
        Ok(place) => head.exceptions[place].stamp,
        Err(_) => head.base,
    }
}

/// The hash of a member's value, or of its having been removed.
pub fn hash_of(member: Option<&Member>) -> u128 {
    member.map_or(0, |member| member.hash)
}

/// Whether a member's value has lost at the very stamp that the member carries now.
pub fn member_has_lost(head: &AssetHead, name: &str, value: u128) -> bool {
    let is_it = |beaten: &Beaten| beaten.member.as_deref() == Some(name) && beaten.hash == value;
    head.beaten.iter().any(is_it)
}

/// Whether a full write's content has lost at the very stamp of the base.
pub fn base_has_lost(head: &AssetHead, members: &Document) -> bool {
    let is_it =
        |beaten: &Beaten| beaten.member.is_none() && beaten.hash == members.hash_without(&beaten.under);
    head.beaten.iter().any(is_it)
}

/// A member's value that has just lost.
pub fn of_member(name: &str, value: u128) -> Beaten {
    Beaten { member: Some(name.into()), hash: value, under: Vec::new() }
}

/// The base that has just lost: what of it is not covered by exceptions, which stay as long as any
/// base of its stamp does.
pub fn of_base(exceptions: &[Exception], held: &Document) -> Beaten {
    let under: Vec<_> = exceptions.iter().map(|exception| exception.name.clone()).collect();
    Beaten { member: None, hash: held.hash_without(&under), under }
}

/// What is remembered once `next` stands: of before what still stands at its stamp, then `lost`.
pub fn after(head: &AssetHead, next: &AssetHead, lost: Vec<Beaten>) -> Vec<Beaten> {
    if head.beaten.is_empty() && lost.is_empty() {
        return Vec::new();
    }
    let stamp_in = |head: &AssetHead, beaten: &Beaten| match &beaten.member {
        Some(name) => member_stamp(head, name),
        None => head.base,
    };
    let stands = |beaten: &&Beaten| {
        let stamp: Stamp = stamp_in(next, beaten);
        stamp > next.end && stamp == stamp_in(head, beaten)
    };
    let mut all: Vec<Beaten> = head.beaten.iter().filter(stands).cloned().collect();
    for beaten in lost {
        let of_it = |other: &Beaten| other.member == beaten.member;
        if all.iter().filter(|other| of_it(other)).count() >= Beaten::PER_STAMP_MAX
            && let Some(oldest) = all.iter().position(of_it)
        {
            all.remove(oldest);
        }
        all.push(beaten);
    }
    let surplus = all.len().saturating_sub(Beaten::PER_ASSET_MAX);
    all.drain(..surplus);
    all
}

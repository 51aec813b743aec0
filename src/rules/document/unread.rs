//! Writes of an asset whose held document cannot be read: it is stored, and damaged.
//!
//! The head is known, and often it says enough: a write that has lost has lost whatever is held, a
//! delete of everything asks for nothing of it, and a full write that is newer than all of it needs
//! none of it either. The last brings the document back: readers get it again, whole. Where the
//! contents would matter nothing is decided.

use super::ties::member_stamp;
use super::{DocumentDecision, Effect, StampedWrite, decide_after, ends_all};
use crate::domain::{AssetEvent, AssetHead, Document, Outcome, Rule, Stamp, Verb};

/// `document::decide_after` from the head alone; `None` where the contents would matter.
pub fn decide(head: &AssetHead, write: StampedWrite<'_>, lacked: Stamp) -> Option<DocumentDecision> {
    let blind = || decide_after(head, &Document::default(), write, lacked);
    match write.verb {
        Verb::Delete => ends_all(head, write.stamp).then(blind),
        Verb::Put if write.stamp <= head.end || write.stamp < head.base => Some(blind()),
        Verb::Put if says_it_again(head, write) => {
            Some(brought_back(head, head.clone(), write.members.clone()))
        }
        Verb::Put if replaces_all(head, write.stamp) => {
            let decision = blind();
            let effect = decision.effect.filter(|effect| effect.head.is_alive())?;
            match head.is_alive() {
                true => Some(brought_back(head, effect.head, effect.document)),
                false => Some(DocumentDecision { effect: Some(effect), ..decision }),
            }
        }
        Verb::Put => None,
        Verb::Post | Verb::Patch => has_lost(head, write).then(blind),
    }
}

/// The living asset's document again, at its own stamp: what is held can be nothing else.
fn says_it_again(head: &AssetHead, write: StampedWrite<'_>) -> bool {
    let is_whole = head.exceptions.is_empty() && head.beaten.is_empty();
    head.is_alive() && head.base == write.stamp && is_whole && write.members.hash() == head.hash
}

/// A full write leaves nothing of what is held.
fn replaces_all(head: &AssetHead, stamp: Stamp) -> bool {
    head.base < stamp && head.exceptions.iter().all(|exception| exception.stamp < stamp)
}

/// A partial write that is older than all that it names.
fn has_lost(head: &AssetHead, write: StampedWrite<'_>) -> bool {
    let named = write.members.members().iter().map(|member| &member.name);
    let mut names = named.chain(write.removed);
    let lives_already = write.verb == Verb::Patch || write.stamp <= head.life;
    lives_already && names.all(|name| write.stamp < member_stamp(head, name))
}

/// Of a living asset that stays alive: readers do not know what its document was last.
fn brought_back(before: &AssetHead, head: AssetHead, document: Document) -> DocumentDecision {
    let hash = document.hash();
    let is_same = hash == before.hash;
    let (outcome, rule) = match (is_same, head.base == before.base) {
        (true, true) => (Outcome::Duplicate, Rule::D2),
        (true, false) => (Outcome::Unchanged, Rule::D2),
        (false, _) => (Outcome::Updated, Rule::D1),
    };
    let head = AssetHead { version: before.version.wrapping_add(1), hash, ..head };
    let set = document.members().to_vec();
    let effect = Effect { head, event: AssetEvent::Created, document, set, removed: Vec::new() };
    let superseded = Vec::new();
    DocumentDecision { outcome, rule, superseded, ambiguous: false, hidden: false, effect: Some(effect) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Lane, Member, Micros};
    use compact_str::CompactString;
    use proptest::prelude::*;

    fn at(time: i64) -> Stamp {
        Stamp::new(Micros(time), Lane::Push, 0)
    }

    fn doc(names: &[u8], hash: u128) -> Document {
        let member =
            |name: &u8| Member { name: name.to_string().into(), text: hash.to_string().into(), hash };
        Document::from_members(names.iter().map(member).collect())
    }

    #[derive(Clone, Debug)]
    struct Step {
        verb: Verb,
        time: i64,
        names: Vec<u8>,
        hash: u128,
        removed: Vec<u8>,
    }

    fn step() -> impl Strategy<Value = Step> {
        let verbs = prop_oneof![Just(Verb::Put), Just(Verb::Post), Just(Verb::Patch), Just(Verb::Delete)];
        let names = || proptest::collection::btree_set(0u8..3, 0..3).prop_map(Vec::from_iter);
        let step = |(verb, time, names, hash, removed): (Verb, i64, Vec<u8>, u128, Vec<u8>)| {
            let removed = removed.into_iter().filter(|name| !names.contains(name) && verb != Verb::Put);
            let removed = removed.collect();
            Step { verb, time, names, hash, removed }
        };
        (verbs, 1..8i64, names(), 1..3u128, names()).prop_map(step)
    }

    fn decided(
        (head, held): (&AssetHead, Option<&Document>),
        step: &Step,
        lacked: Stamp,
    ) -> Option<DocumentDecision> {
        let members = doc(&step.names, step.hash);
        let removed: Vec<CompactString> = step.removed.iter().map(|name| name.to_string().into()).collect();
        let stamp = at(step.time);
        let write = StampedWrite { verb: step.verb, stamp, members: &members, removed: &removed };
        match held {
            Some(held) => Some(decide_after(head, held, write, lacked)),
            None => decide(head, write, lacked),
        }
    }

    proptest! {
        #[test]
        fn d1_what_the_head_alone_decides_is_what_the_contents_would_have_decided(
            steps in proptest::collection::vec(step(), 0..8), last in step(), lacked in 0..9i64,
        ) {
            let (mut head, mut held) = (AssetHead::unborn(), Document::default());
            for step in &steps {
                let decision = decided((&head, Some(&held)), step, Stamp::NEVER);
                if let Some(effect) = decision.and_then(|decision| decision.effect) {
                    (head, held) = (effect.head, effect.document);
                }
            }
            let lacked = if lacked == 0 { Stamp::NEVER } else { Stamp::new(Micros(lacked), Lane::Feed, 0) };
            let Some(unread) = decided((&head, None), &last, lacked) else { return Ok(()) };
            let read = decided((&head, Some(&held)), &last, lacked).unwrap();
            prop_assert_eq!((unread.outcome, unread.rule, &unread.superseded, unread.hidden),
                (read.outcome, read.rule, &read.superseded, read.hidden));
            match (unread.effect, read.effect) {
                (Some(unread), read) => {
                    let read = read.unwrap_or(Effect {
                        head: head.clone(), event: AssetEvent::Stamped, document: held.clone(),
                        set: Vec::new(), removed: Vec::new(),
                    });
                    prop_assert_eq!(&unread.document, &read.document);
                    if unread.event == AssetEvent::Created {
                        prop_assert_eq!(unread.set.as_slice(), unread.document.members());
                    }
                    let version = read.head.version;
                    prop_assert_eq!(AssetHead { version, ..unread.head }, read.head);
                }
                (None, read) => prop_assert_eq!(read, None),
            }
        }
    }

    #[test]
    fn d1_a_full_write_that_is_newer_than_all_brings_the_document_back_and_a_partial_one_cannot() {
        let life = at(5);
        let excepted =
            |time, removed| crate::domain::Exception { name: "0".into(), stamp: at(time), removed };
        let hash = doc(&[1], 1).hash();
        let head = AssetHead { version: 7, life, base: life, hash, ..AssetHead::unborn() };
        let of = |verb, time, hash| Step { verb, time, names: vec![1], hash, removed: Vec::new() };
        let cases = [
            (Verb::Put, 6, 2, None, Some((Outcome::Updated, true))),
            (Verb::Put, 6, 1, None, Some((Outcome::Unchanged, true))),
            (Verb::Put, 5, 1, None, Some((Outcome::Duplicate, true))),
            (Verb::Put, 5, 2, None, None),
            (Verb::Put, 4, 2, None, Some((Outcome::Superseded, false))),
            (Verb::Put, 9, 2, Some(excepted(8, false)), Some((Outcome::Updated, true))),
            (Verb::Put, 9, 2, Some(excepted(9, false)), None),
            (Verb::Put, 9, 2, Some(excepted(10, true)), None),
            (Verb::Patch, 4, 2, None, Some((Outcome::Superseded, false))),
            (Verb::Patch, 6, 2, None, None),
            (Verb::Post, 6, 2, None, None),
            (Verb::Delete, 5, 2, None, Some((Outcome::Deleted, false))),
            (Verb::Delete, 4, 2, None, None),
        ];
        for (verb, time, hash, exception, expected) in cases {
            let head = AssetHead { exceptions: exception.into_iter().collect(), ..head.clone() };
            let decision = decided((&head, None), &of(verb, time, hash), Stamp::NEVER);
            let brings_back =
                |d: &DocumentDecision| d.effect.as_ref().is_some_and(|e| e.event == AssetEvent::Created);
            let told = decision.map(|decision| (decision.outcome, brings_back(&decision)));
            assert_eq!(told, expected, "{verb:?} at {time}, {:?}", head.exceptions);
        }
    }

    #[test]
    fn d2_a_full_write_without_members_over_a_post_without_members_is_unchanged() {
        let head = AssetHead { life: at(5), hash: Document::default().hash(), ..AssetHead::unborn() };
        let empty = Step { verb: Verb::Put, time: 6, names: Vec::new(), hash: 0, removed: Vec::new() };
        let decision = decided((&head, None), &empty, Stamp::NEVER).unwrap();
        assert_eq!((decision.outcome, decision.rule), (Outcome::Unchanged, Rule::D2));
    }
}

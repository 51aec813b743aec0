//! What the tests of this room share: an asset to which writes are applied one after another.

use super::{DocumentDecision, StampedWrite, decide};
use crate::domain::{AssetHead, Document, Lane, Member, Micros, Outcome, Stamp, Verb};
use compact_str::CompactString;

/// The stamp of a push at this time.
pub fn push(time: i64) -> Stamp {
    Stamp::new(Micros(time), Lane::Push, 0)
}

/// The stamp of a feed at this time.
pub fn feed(time: i64) -> Stamp {
    Stamp::new(Micros(time), Lane::Feed, 0)
}

/// Members by name and hash.
pub fn doc(members: &[(&str, u128)]) -> Document {
    let member =
        |&(name, hash): &(&str, u128)| Member { name: name.into(), text: hash.to_string().into(), hash };
    Document::from_members(members.iter().map(member).collect())
}

/// An asset as the writes so far have left it.
pub struct FixtureAsset {
    pub head: AssetHead,
    pub document: Document,
}

impl FixtureAsset {
    pub fn new() -> FixtureAsset {
        FixtureAsset { head: AssetHead::unborn(), document: Document::default() }
    }

    pub fn write(
        &mut self,
        verb: Verb,
        stamp: Stamp,
        members: &[(&str, u128)],
        removed: &[&str],
    ) -> DocumentDecision {
        self.write_document(verb, stamp, &doc(members), removed)
    }

    pub fn write_document(
        &mut self,
        verb: Verb,
        stamp: Stamp,
        members: &Document,
        removed: &[&str],
    ) -> DocumentDecision {
        let removed: Vec<CompactString> = removed.iter().map(|&name| name.into()).collect();
        let write = StampedWrite { verb, stamp, members, removed: &removed };
        let decision = decide(&self.head, &self.document, write);
        if let Some(effect) = &decision.effect {
            (self.head, self.document) = (effect.head.clone(), effect.document.clone());
        }
        decision
    }

    pub fn put(&mut self, time: i64, members: &[(&str, u128)]) -> Outcome {
        self.write(Verb::Put, push(time), members, &[]).outcome
    }

    pub fn post(&mut self, time: i64, members: &[(&str, u128)]) -> Outcome {
        self.write(Verb::Post, push(time), members, &[]).outcome
    }

    pub fn patch(&mut self, time: i64, members: &[(&str, u128)]) -> Outcome {
        self.write(Verb::Patch, push(time), members, &[]).outcome
    }

    pub fn delete(&mut self, time: i64) -> Outcome {
        self.write(Verb::Delete, push(time), &[], &[]).outcome
    }
}

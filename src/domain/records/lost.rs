//! The writes that lost, kept of each asset so that its state can be explained.

use crate::domain::{Micros, Origin, Stamp};
use serde::{Deserialize, Serialize};

/// A write, or the part of one, that lost against what was newer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostWrite {
    /// The words of its stamp: source time, and lane with sequence.
    stamp: (i64, u64),
    /// What of it lost.
    pub part: LostPart,
    /// Name of the rule by which it lost.
    pub rule: String,
    /// Stable code of the reason, empty where the rule says it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// Where the write came from.
    pub origin: Origin,
    learned_at: i64,
}

/// What of a write lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LostPart {
    /// Members of a document.
    Members {
        /// The write's verb: `put`, `post`, `patch` or `delete`.
        verb: String,
        /// The first of them, by name.
        names: Vec<String>,
        /// How many more there were.
        more: u32,
    },
    /// A price.
    Price {
        /// The quote's name.
        quote: String,
        /// As decimal digits; `None`: a withdrawal.
        amount: Option<String>,
        /// The currency's code; `None` where the write named none.
        currency: Option<String>,
    },
}

impl LostWrite {
    /// Lost writes that are kept of one asset, newest last.
    pub const KEPT: usize = 8;
    /// Members of one lost write that are named.
    pub const NAMES_MAX: usize = 16;

    /// A loss by that rule; a code can be set where the rule does not say it all.
    pub fn new(stamp: Stamp, part: LostPart, rule: &str, origin: Origin, learned_at: Micros) -> LostWrite {
        let (rule, code) = (rule.to_owned(), String::new());
        LostWrite { stamp: stamp.to_words(), part, rule, code, origin, learned_at: learned_at.0 }
    }

    /// The stamp that the write carried.
    pub fn stamp(&self) -> Stamp {
        Stamp::from_words(self.stamp.0, self.stamp.1)
    }

    /// When it was decided, by our clock.
    pub fn learned_at(&self) -> Micros {
        Micros(self.learned_at)
    }

    /// Whether it is the same loss again, by a retry or by the next run of a feed that has not moved.
    pub fn repeats(&self, other: &LostWrite) -> bool {
        self.stamp == other.stamp && self.part == other.part && self.rule == other.rule
    }

    /// Whether the member, or the quote of that name, is or may be among what lost.
    pub fn concerns(&self, member: &str) -> bool {
        match &self.part {
            LostPart::Members { names, more, .. } => *more > 0 || names.iter().any(|name| name == member),
            LostPart::Price { quote, .. } => quote == member,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Lane;

    #[test]
    fn a_lost_write_comes_back_from_its_record() {
        let part = LostPart::Price { quote: "price".into(), amount: Some("1.5".into()), currency: None };
        let stamp = Stamp::new(Micros(7), Lane::Price, 3);
        let origin = Origin::Push { delivery: u64::MAX };
        let lost = LostWrite::new(stamp, part, "P1", origin, Micros(9));
        let text = serde_json::to_string(&lost).unwrap();
        let again: LostWrite = serde_json::from_str(&text).unwrap();
        assert_eq!((&again, again.stamp(), again.learned_at()), (&lost, stamp, Micros(9)));
        assert!(lost.concerns("price") && !lost.concerns("nav"));
    }
}

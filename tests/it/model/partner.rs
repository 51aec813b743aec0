//! One partner of a scenario: its reference model, its feed, and what it has said.

use crate::oracle::{Absent, Model, Policy, SnapshotIn};
use crate::support::random::Random;
use serde_json::Value;

/// A day, as the feeds of tests are fetched.
pub const FEED_INTERVAL_US: i64 = 86_400_000_000;

/// How a partner's files are dated (T3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dating {
    /// By the envelope; some come again from an old cache.
    Envelope,
    /// By the newest of its records.
    Records,
    Not,
}

pub struct Feed {
    pub dating: Dating,
    /// The file as it lies there, for the model.
    pub published: Option<SnapshotIn>,
    /// The time that an envelope stated last (T3).
    pub stated: Option<i64>,
    /// Runs so far, and how often the file was asked for.
    pub runs: u64,
}

pub struct Partner {
    pub name: String,
    pub model: Model,
    pub feed: Option<Feed>,
    /// Pushes that may come again: method, path and body, and the same for the model.
    pub said: Vec<super::push::Push>,
    /// What follows its changes.
    pub follower: super::follow::Follower,
    /// Source times that two writes have: no third one gets it.
    pub tied: std::collections::BTreeSet<i64>,
    /// Recent deliveries that have an id.
    pub delivered: Vec<super::deliveries::Delivered>,
    /// Plans that the model has opened.
    pub plans: u64,
    /// Absence makes inactive (X5).
    pub marks_inactive: bool,
    /// The highest number of its stream (G1).
    pub numbered: u64,
    /// What the model had counted when the daemon's counters began anew.
    pub ambiguous_before: usize,
    /// By asset: when it was last patched; no older delete follows.
    pub patched: std::collections::BTreeMap<String, i64>,
}

impl Partner {
    pub fn new(number: usize, random: &mut Random) -> Partner {
        let dating = [Dating::Envelope, Dating::Records, Dating::Not][random.below(3)];
        let feed = random.chance(80).then_some(Feed { dating, published: None, stated: None, runs: 0 });
        let marks_inactive = random.chance(25);
        let absent = if marks_inactive { Absent::Inactive } else { Absent::Delete };
        let policy = Policy {
            default_currency: Some("EUR".into()),
            absent,
            feed_interval_us: FEED_INTERVAL_US,
            ..Policy::default()
        };
        Partner {
            name: super::name_of(number),
            model: Model::new(policy),
            feed,
            said: Vec::new(),
            follower: Default::default(),
            tied: Default::default(),
            delivered: Vec::new(),
            plans: 0,
            marks_inactive,
            numbered: 0,
            ambiguous_before: 0,
            patched: Default::default(),
        }
    }

    pub fn path(&self) -> String {
        format!("/{}.json", self.name)
    }
}

/// One of the assets' ids.
pub fn some_id(random: &mut Random) -> String {
    format!("asset-{}", random.below(8))
}

/// Members with few different values, so that equal ones meet.
pub fn some_members(random: &mut Random) -> serde_json::Map<String, Value> {
    let mut members = serde_json::Map::new();
    for name in ["t", "u", "v"] {
        if random.chance(45) {
            members.insert(name.into(), (random.below(3)).into());
        }
    }
    if random.chance(30) {
        let class = ["market", "nav", "own"][random.below(3)];
        members.insert("class".into(), class.into());
    }
    if random.chance(8) {
        let status = ["active", "inactive"][random.below(2)];
        members.insert("status".into(), status.into());
    }
    members
}

pub fn some_amount(random: &mut Random) -> String {
    (1 + random.below(5)).to_string()
}

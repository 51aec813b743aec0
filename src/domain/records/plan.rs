//! Plans: deletes that wait for a decision. A plan is a head, which lists show, and pages of ids in
//! records of their own. What is decided on it stands in `rules::feed::plan`.

use crate::domain::Micros;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// The most ids that a head names.
pub const SAMPLE_IDS: usize = 10;

/// What has become of a plan (F4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// It waits for a decision.
    Held,
    /// An operator, or the feed's further runs, let it delete.
    Approved,
    /// An operator decided that nothing is deleted.
    Rejected,
    /// A later snapshot has nearly all of its ids again.
    Cancelled,
    /// Nobody decided in time: nothing is deleted.
    Expired,
}

/// Deletes that wait: all about them but their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its number, rising per partner from 1.
    pub id: u64,
    /// What has become of it.
    pub state: PlanState,
    /// The run that would have deleted them.
    pub run: u64,
    /// `S` of that run's file, in microseconds as all times here.
    pub snapshot_at: i64,
    /// When it was opened, by our clock.
    pub opened_at: i64,
    /// When it expires unless it is decided before.
    pub expires_at: i64,
    /// When it left `held`; `None` while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<i64>,
    /// The number of assets that F4 compared the deletes with.
    pub baseline: u64,
    /// How many deletes F4 allowed.
    pub allowed: u64,
    /// How many different ids would be deleted. `count()` knows older heads as well.
    #[serde(default)]
    pub count: u64,
    /// How many assets were alive; 0 in a head that was stored before this was kept.
    #[serde(default)]
    pub living: u64,
    /// The first of its ids, at most `SAMPLE_IDS`.
    #[serde(default)]
    pub sample: Vec<String>,
    /// How many pages its ids take.
    #[serde(default)]
    pub pages: u32,
    /// Further runs of the feed may approve it: its file was dated, and held something.
    #[serde(default)]
    pub confirmable: bool,
    /// SHA-256 of the bodies that lacked its ids, hex: that of its own file, then those that confirmed
    /// it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bodies: Vec<String>,
    /// `S` of the last accepted snapshot when it was rejected or expired: that snapshot opens no
    /// other plan for these ids, however often it is seen again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned_down_under: Option<i64>,
    /// Why it was decided as it was: an operator's words, or `confirmed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who decided it, by the name of a token; `None` where no operator did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The ids of a head that was stored before ids had pages; `None` in any other.
    #[serde(default, rename = "ids", skip_serializing)]
    pub inline: Option<InlineIds>,
}

/// Some of a plan's ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPage {
    /// `S` of the file that lacked them, by which they are decided again.
    pub snapshot_at: i64,
    /// In the order in which they were found absent.
    pub ids: Vec<String>,
}

/// Names a page of a plan's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanPageKey {
    /// The plan's number.
    pub plan: u64,
    /// The page's, from 0.
    pub page: u32,
}

/// All ids of a plan that was stored before ids had pages; none of any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdsInHead(pub Vec<String>);

/// Ids that stand in the head itself, counted without being kept: there may be a million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InlineIds {
    /// How many there are.
    pub count: u64,
    /// The first of them, at most `SAMPLE_IDS`.
    pub sample: Vec<String>,
}

impl<'de> Deserialize<'de> for InlineIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<InlineIds, D::Error> {
        struct Ids;
        impl<'de> Visitor<'de> for Ids {
            type Value = InlineIds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of ids")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<InlineIds, A::Error> {
                let mut ids = InlineIds::default();
                while ids.sample.len() < SAMPLE_IDS {
                    let Some(id) = list.next_element()? else { break };
                    ids.sample.push(id);
                }
                ids.count = ids.sample.len() as u64;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    ids.count += 1;
                }
                Ok(ids)
            }
        }
        deserializer.deserialize_seq(Ids)
    }
}

impl PlanState {
    /// Its word in replies, metrics and records.
    pub fn as_str(self) -> &'static str {
        match self {
            PlanState::Held => "held",
            PlanState::Approved => "approved",
            PlanState::Rejected => "rejected",
            PlanState::Cancelled => "cancelled",
            PlanState::Expired => "expired",
        }
    }
}

impl Plan {
    /// How many ids it has, wherever they stand.
    pub fn count(&self) -> u64 {
        self.inline.as_ref().map_or(self.count, |ids| ids.count)
    }

    /// The first of its ids, at most `SAMPLE_IDS`.
    pub fn sample(&self) -> &[String] {
        self.inline.as_ref().map_or(&self.sample, |ids| &ids.sample)
    }

    /// The number of living assets that its ids are a share of; never below the number of its ids. An
    /// older head says only what F4 compared with.
    pub fn living(&self) -> u64 {
        let known = if self.living > 0 { self.living } else { self.baseline };
        known.max(self.count())
    }

    /// The share of the living assets that would be deleted, in percent.
    pub fn share_percent(&self) -> f64 {
        match self.living() {
            0 => 0.0,
            living => self.count() as f64 * 100.0 / living as f64,
        }
    }

    /// Whether it waits for a decision.
    pub fn is_held(&self) -> bool {
        self.state == PlanState::Held
    }

    /// Notes that it was decided.
    pub fn close(&mut self, state: PlanState, now: Micros, reason: Option<String>) {
        self.state = state;
        self.closed_at = Some(now.0);
        self.reason = reason;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a9_a_plan_that_holds_its_ids_itself_is_counted_and_sampled() {
        let ids: Vec<String> = (0..25).map(|n| format!("\"a{n}\"")).collect();
        let text = format!(
            r#"{{"id":7,"state":"held","run":2,"snapshot_at":5,"opened_at":6,"expires_at":9,
                "baseline":40,"allowed":20,"ids":[{}]}}"#,
            ids.join(",")
        );
        let plan: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!((plan.count(), plan.sample().len(), plan.pages), (25, SAMPLE_IDS, 0));
        assert_eq!(plan.sample()[9], "a9");
        let written = serde_json::to_string(&plan).unwrap();
        assert!(!written.contains("\"ids\""), "a head is written without ids: {written}");
    }
}

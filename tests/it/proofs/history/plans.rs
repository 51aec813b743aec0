//! What follows a history: a version made here lacks a third of the records, and their deletes are
//! held as a plan (F4). The first plan is approved and applied; the second is cancelled by a version
//! that has the records back. The oracle decides beside the daemon.

use super::{Dated, NAME, Replay};
use crate::oracle::{PlanState, RunReport};
use crate::support::exact::raw_records;
use crate::support::house::{PATIENCE, answer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidegate::domain::Micros;

/// A day after the version before: the guard looks at each run, at 24 hours and at 7 days.
const APART: i64 = Micros::DAY;

impl Replay {
    /// Goes on from `last`, the version that was played last.
    pub(super) async fn lose_a_third_twice(&mut self, last: &str) {
        let records = raw_records(last);
        let lacking = |third: usize| {
            file(records.iter().enumerate().filter(|(n, _)| n % 3 != third).map(|(_, text)| *text))
        };
        let plan = self.held(&lacking(0), records.len()).await;
        self.approve(plan).await;
        let back = self.next_version(last).await;
        assert!(back[0].created * 4 > records.len(), "what was deleted lives again: {back:?}");

        let plan = self.held(&lacking(1), records.len()).await;
        let back = self.next_version(last).await;
        assert_eq!((&back[0].cancelled, back[0].created, back[0].deleted), (&vec![plan], 0, 0));
        self.assert_plan(plan, "cancelled", PlanState::Cancelled).await;
    }

    async fn next_version(&mut self, file: &str) -> [RunReport; 2] {
        let reports = self.play(self.clock.now().plus(APART), file.as_bytes()).await;
        self.compare().await;
        reports
    }

    /// A version whose deletes are held: at its first fetch, or at the second absence where it is
    /// undated (X3).
    async fn held(&mut self, file: &str, before: usize) -> u64 {
        let reports = self.next_version(file).await;
        let opening = usize::from(self.dated == Dated::Never);
        let (held, other) = (&reports[opening], &reports[1 - opening]);
        assert!(held.held * 4 > before && (other.held, other.plan) == (0, None), "{reports:?}");
        let plan = held.plan.expect("a plan was opened");
        self.assert_plan(plan, "held", PlanState::Held).await;
        plan
    }

    async fn approve(&mut self, plan: u64) {
        let before = self.house.catalogue(NAME).await.len();
        let path = format!("/admin/partners/{NAME}/plans/{plan}/approve");
        let (status, end) = answer(self.house.admin(Method::POST, &path).timeout(PATIENCE)).await;
        assert_eq!(status, StatusCode::OK, "{end}");
        let deleted = self.oracle.approve(self.clock.now().0, plan).expect("the plan is held");
        assert_eq!(end["deleted"], json!(deleted), "{end}");
        assert_eq!(self.house.catalogue(NAME).await.len(), before - deleted);
        self.compare().await;
        self.assert_plan(plan, "approved", PlanState::Approved).await;
    }

    /// The plan is in this state, and of the ids that the oracle holds, which it shows while they wait.
    async fn assert_plan(&self, plan: u64, word: &str, state: PlanState) {
        let path = format!("/admin/partners/{NAME}/plans/{plan}");
        let (status, shown) = answer(self.house.admin(Method::GET, &path)).await;
        assert_eq!(status, StatusCode::OK, "{shown}");
        let expected = self.oracle.plan(plan).expect("the oracle opened it too");
        assert_eq!((shown["state"].as_str(), expected.state), (Some(word), state));
        assert_eq!(shown["count"], expected.ids.len(), "{shown}");
        if state == PlanState::Held {
            let ids = shown["ids"].as_array().unwrap().iter().filter_map(Value::as_str);
            assert_eq!(ids.collect::<BTreeSet<_>>(), expected.ids.iter().map(String::as_str).collect());
        }
    }
}

/// In the shape of the archives.
pub(super) fn file<'a>(records: impl Iterator<Item = &'a str>) -> String {
    format!("{{\"assets\":[{}]}}", records.collect::<Vec<_>>().join(","))
}

//! What comes over a scenario from outside: stops, kills, panics of one actor, and leaps of the
//! clock. A partner's actor that starts forgets the tombstones that may go (X4), and fetches its feed.

use super::Scenario;
use crate::support::house::{answer, json, wait_for};
use reqwest::{Method, StatusCode};
use serde_json::json;

const HOUR_MS: i64 = 3_600_000;
/// Around the spans that the rules name: 24 h, 72 h, 7 days, 30 days.
const LEAP_HOURS: [i64; 9] = [2, 23, 25, 71, 73, 167, 169, 31 * 24, 40 * 24];

impl Scenario {
    /// Mostly on, by up to five minutes; now and then back; now and then by days.
    pub(super) fn move_clock(&mut self) {
        let milliseconds = match self.random.below(100) {
            0..=4 => -(self.random.below(600_000) as i64),
            5..=8 => self.leap(),
            _ => 1 + self.random.below(300_000) as i64,
        };
        self.now = self.now.plus(milliseconds * 1_000);
        self.house.clock.set(self.now);
    }

    fn leap(&mut self) -> i64 {
        let hours = LEAP_HOURS[self.random.below(LEAP_HOURS.len())];
        self.log(format!("{hours} hours pass"));
        hours * HOUR_MS + self.random.below(HOUR_MS as usize) as i64
    }

    /// A stop in stages, or as by `kill -9`.
    pub(super) async fn restart(&mut self) {
        let killed = self.random.chance(50);
        self.log(format!("restart, killed: {killed}"));
        self.compare_ambiguous().await;
        match killed {
            true => self.house.restart_as_killed().await,
            false => self.house.restart().await,
        }
        for number in 0..self.partners.len() {
            self.partners[number].ambiguous_before = self.partners[number].model.ambiguous_order();
            self.partners[number].model.collect_tombstones(self.now.0);
            self.await_run(number).await;
        }
    }

    /// One partner's actor dies and is started again.
    pub(super) async fn panic(&mut self) {
        let number = self.some_partner();
        let name = super::name_of(number);
        self.log(format!("{name} panics"));
        self.house.daemon().registry().by_name(&name).expect("it is configured").panic_for_test();
        self.partners[number].model.collect_tombstones(self.now.0);
        if self.partners[number].feed.is_some() {
            return self.await_run(number).await;
        }
        wait_for(format!("{name} to answer again"), async || {
            let tried = self.house.call(&name, Method::POST, "/api/assets?dry_run=true");
            let (status, _) = answer(json(tried, &json!({ "id": "tried" }))).await;
            (status != StatusCode::SERVICE_UNAVAILABLE).then_some(())
        })
        .await;
    }
}

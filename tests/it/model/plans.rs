//! Plans of held deletes in a scenario (F4): approved and rejected, also when they no longer wait.

use super::Scenario;
use crate::oracle::PlanState;
use crate::support::house::{PATIENCE, answer};
use reqwest::{Method, StatusCode};

/// Closed plans that the daemon keeps, at least.
const KEPT: u64 = 50;

impl Scenario {
    pub(super) async fn decide_plan(&mut self) {
        let number = self.some_partner();
        let opened = self.partners[number].plans;
        if opened == 0 {
            return;
        }
        // the newest more often than the others
        let plan =
            if self.random.chance(60) { opened } else { 1 + self.random.below(opened as usize) as u64 };
        let verb = if self.random.chance(60) { "approve" } else { "reject" };
        let name = super::name_of(number);
        let path = format!("/admin/partners/{name}/plans/{plan}/{verb}");
        let (status, end) = answer(self.house.admin(Method::POST, &path).timeout(PATIENCE)).await;
        self.log(format!("{path}: {status} {end}"));
        let (model, now) = (&mut self.partners[number].model, self.now.0);
        let expected = match verb {
            "approve" => model.approve(now, plan),
            _ => model.reject(now, plan).map(|_| 0),
        };
        match expected {
            Some(deleted) => {
                assert_eq!((status, &end["deleted"]), (StatusCode::OK, &deleted.into()), "{end}")
            }
            None => assert_eq!(status, StatusCode::CONFLICT, "the model holds no plan {plan}: {end}"),
        }
    }

    pub(super) async fn compare_plans(&mut self) {
        for partner in &mut self.partners {
            partner.model.expire(self.now.0);
            let path = format!("/admin/partners/{}/plans", partner.name);
            let (status, list) = answer(self.house.admin(Method::GET, &path)).await;
            assert_eq!(status, StatusCode::OK, "{list}");
            let shown = list["items"].as_array().expect("items");
            assert!(shown.len() as u64 >= partner.plans.min(KEPT), "{list}");
            for plan in shown {
                let expected = partner.model.plan(plan["id"].as_u64().expect("a number"));
                let expected = expected.unwrap_or_else(|| panic!("the model has no such plan: {plan}"));
                assert_eq!(plan["state"], word(expected.state), "of {}: {plan}", partner.name);
                assert_eq!(plan["count"], expected.ids.len(), "of {}: {plan}", partner.name);
            }
        }
    }
}

fn word(state: PlanState) -> &'static str {
    match state {
        PlanState::Held => "held",
        PlanState::Approved => "approved",
        PlanState::Rejected => "rejected",
        PlanState::Cancelled => "cancelled",
        PlanState::Expired => "expired",
    }
}

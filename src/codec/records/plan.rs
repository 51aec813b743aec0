//! The heads of plans: deletes that wait for a decision (F4), without their ids.
//!
//! - Key: the plan's number, eight bytes, big-endian.
//! - Value: JSON of `Plan`. A head that was stored before ids had pages holds them in a member `ids`.
//! - Lifetime: as long as the plan waits; then until a fixed number of later plans have been closed.

use super::form::{Encode, Record, RecordCause, from_json, json, number_key, read_number};
use crate::codec::json::FromObject;
use crate::domain::{IdsInHead, Plan, RecordKind};
use serde::Deserialize;

impl Record for Plan {
    const KIND: RecordKind = RecordKind::Plan;
    type Key = u64;

    fn key(plan: &u64) -> Box<[u8]> {
        number_key(*plan)
    }

    fn read_key(bytes: &[u8]) -> Option<u64> {
        read_number(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Plan, RecordCause> {
        from_json(bytes)
    }
}

impl Encode for Plan {
    fn encode(&self) -> Box<[u8]> {
        json(self)
    }
}

impl Record for IdsInHead {
    const KIND: RecordKind = RecordKind::Plan;
    type Key = u64;

    fn key(plan: &u64) -> Box<[u8]> {
        number_key(*plan)
    }

    fn read_key(bytes: &[u8]) -> Option<u64> {
        read_number(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<IdsInHead, RecordCause> {
        #[derive(Deserialize)]
        struct Head {
            #[serde(default)]
            ids: Vec<String>,
        }
        from_json(bytes).map(|FromObject(Head { ids })| IdsInHead(ids))
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::tests::pinned;
    use super::*;
    use crate::domain::PlanState;

    const REJECTED: &str = concat!(
        r#"{"id":1,"state":"rejected","run":2,"snapshot_at":1780003600000000,"opened_at":1780003600000000,"#,
        r#""expires_at":1780262800000000,"closed_at":1780003600000000,"baseline":40,"allowed":4,"count":2,"#,
        r#""living":40,"sample":["a10","a11"],"pages":1,"confirmable":true,"bodies":["9a51"],"#,
        r#""turned_down_under":1780003600000000,"reason":"seen"}"#,
    );
    const HELD: &str = concat!(
        r#"{"id":2,"state":"held","run":3,"snapshot_at":1780007200000000,"opened_at":1780007200000000,"#,
        r#""expires_at":1780266400000000,"baseline":25,"allowed":2,"count":1,"living":40,"sample":["a10"],"#,
        r#""pages":1,"confirmable":false}"#,
    );
    const OF_BEFORE: &str = concat!(
        r#"{"id":7,"state":"held","run":2,"snapshot_at":5,"opened_at":6,"expires_at":9,"baseline":40,"#,
        r#""allowed":20,"ids":["a","b"]}"#,
    );

    #[test]
    fn the_bytes_of_a_plan_s_head_are_these() {
        let plan = pinned::<Plan>(&1, b"\0\0\0\0\0\0\0\x01", REJECTED.as_bytes());
        assert_eq!((plan.state, plan.turned_down_under), (PlanState::Rejected, Some(1_780_003_600_000_000)));
        let plan = pinned::<Plan>(&2, b"\0\0\0\0\0\0\0\x02", HELD.as_bytes());
        assert_eq!(
            (plan.state, plan.closed_at, plan.sample()),
            (PlanState::Held, None, &["a10".to_owned()][..])
        );
    }

    #[test]
    fn each_state_has_its_word() {
        use PlanState::{Approved, Cancelled, Expired, Held, Rejected};
        for state in [Held, Approved, Rejected, Cancelled, Expired] {
            let text = HELD.replace("\"held\"", &format!("\"{}\"", state.as_str()));
            assert_eq!(Plan::decode(text.as_bytes()).unwrap().state, state);
        }
    }

    #[test]
    fn a9_a_head_of_before_is_read_with_the_count_of_its_ids_and_the_ids_by_themselves() {
        let plan = Plan::decode(OF_BEFORE.as_bytes()).unwrap();
        assert_eq!((plan.count(), plan.pages), (2, 0));
        assert_eq!(IdsInHead::decode(OF_BEFORE.as_bytes()).unwrap().0, ["a", "b"]);
        assert_eq!(IdsInHead::decode(HELD.as_bytes()).unwrap().0, [""; 0]);
        assert!(!String::from_utf8(plan.encode().into()).unwrap().contains("\"ids\""));
        assert_eq!((IdsInHead::key(&7), IdsInHead::KIND), (Plan::key(&7), Plan::KIND));
    }
}

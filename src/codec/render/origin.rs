//! Where a write came from, as `explain` tells it: what was pushed, a record of the feed, a plan or an order of
//! an operator, with his name and reason as far as they are on record.

use super::write::{at, name, number, text};
use crate::domain::{Micros, OperatorAction, Origin, Plan};
use std::collections::BTreeMap;

/// What operators decided about an asset.
#[derive(Clone, Copy)]
pub struct Origins<'a> {
    /// What they did to it, by the number of the action.
    pub actions: &'a BTreeMap<u64, OperatorAction>,
    /// The plan that its last change came of, where it is still kept.
    pub plan: Option<&'a Plan>,
}

/// How a delivery is named by the hash of its id, everywhere.
pub fn short_hash(delivery: u64) -> String {
    format!("{delivery:016x}")
}

/// Appends where a write came from, with what is known of who decided so.
pub fn write_origin(out: &mut Vec<u8>, known: &Origins<'_>, origin: Origin) {
    out.push(b'{');
    match origin {
        Origin::Push { delivery: 0 } => text(out, "kind", "push"),
        Origin::Push { delivery } => {
            text(out, "kind", "push");
            text(out, "delivery_hash", &short_hash(delivery));
        }
        Origin::Feed { run, record } => {
            text(out, "kind", "feed");
            name(out, "run");
            number(out, run);
            // what the file lacked has no place in it
            if record != u32::MAX {
                name(out, "record");
                number(out, u64::from(record));
            }
        }
        Origin::Admin { action } => {
            text(out, "kind", "operator");
            name(out, "action");
            number(out, action);
            if let Some(record) = known.actions.get(&action) {
                text(out, "reason", &record.reason);
                if let Some(by) = &record.by {
                    text(out, "who", by);
                }
            }
        }
        Origin::Plan { run, plan } => by_plan(out, known, (run, plan)),
    }
    out.push(b'}');
}

/// A plan that is no longer kept is known by its number alone.
fn by_plan(out: &mut Vec<u8>, known: &Origins<'_>, (run, plan): (u64, u64)) {
    text(out, "kind", "plan");
    name(out, "plan");
    number(out, plan);
    name(out, "run");
    number(out, run);
    let Some(record) = known.plan.filter(|record| record.id == plan) else { return };
    // without one the feed itself has confirmed it, and the reason says so
    if let Some(by) = &record.by {
        text(out, "who", by);
    }
    if let Some(reason) = &record.reason {
        text(out, "reason", reason);
    }
    at(out, "decided_at", record.closed_at.map(Micros));
}

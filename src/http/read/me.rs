//! Who the caller is, what it may do, and where we stand.

use crate::actors::PartnerEntry;
use crate::codec::{cursor, json, time};
use crate::domain::Micros;
use crate::http::gate::auth::Caller;
use crate::http::gate::limit::{Meter, Rate};
use crate::http::reply::{self, Body, Fault};
use crate::http::request::call::Call;
use hyper::{Response, StatusCode};
use serde_json::{Map, Value, json as value};

/// Who the caller is, what it may do, and where we stand: what an integrator asks first.
pub fn answer(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let app = call.app();
    let mut out = Vec::with_capacity(512);
    match &call.caller {
        Caller::Reader { name, .. } => {
            out.extend_from_slice(b"{\"reader\":");
            json::quote(&mut out, name);
            let lane = lane_of(call.meter, Rate::Reads, usize::MAX);
            out.extend_from_slice(format!(",\"lanes\":{}", value!({ "reads": lane })).as_bytes());
        }
        Caller::Partner { name, .. } => {
            out.extend_from_slice(b"{\"partner\":");
            json::quote(&mut out, name.as_str());
            limits(&mut out, call.partner()?, call, app.settings.load().server.items_max);
        }
    }
    let server = &app.settings.load().server;
    let now = time::format(app.clock.now());
    let at = cursor::encode(app.reader.journal(), app.reader.durable());
    let rest = format!(
        ",\"body_bytes_max\":{},\"items_max\":{},\"server_time\":\"{now}\",\"cursor\":{}}}",
        server.body_bytes_max,
        server.items_max,
        json::quoted(&at),
    );
    out.extend_from_slice(rest.as_bytes());
    Ok(reply::json(StatusCode::OK, out))
}

/// What holds for a partner: its rates by lane, with how many items one call may have (U13), and the
/// words that mean something, and what its calls may be signed with.
fn limits(out: &mut Vec<u8>, partner: &PartnerEntry, call: &Call<'_>, items_max: usize) {
    let (meter, now) = (call.meter, call.app().clock.now());
    let settings = partner.settings.load();
    let limits = &settings.limits;
    let text = format!(
        ",\"limits\":{{\"prices_per_second\":{},\"asset_writes_per_second\":{},\"reads_per_second\":{},\
         \"burst_seconds\":{},\"bytes_in_flight_max\":{}}},\"feed\":{}",
        limits.prices_per_second,
        limits.asset_writes_per_second,
        limits.reads_per_second,
        limits.burst.as_secs_f64(),
        limits.bytes_in_flight_max,
        settings.feed.is_some(),
    );
    out.extend_from_slice(text.as_bytes());
    let lanes = Rate::ALL.map(|rate| (meter.lane(rate).name, lane_of(meter, rate, items_max)));
    let live = settings.signing.iter().filter(|signing| signing.validity.holds(now));
    let signing = live.map(|signing| {
        let until = signing.validity.until.map(time::format);
        value!({ "id": signing.key.id(), "version": signing.key.version(), "until": until })
    });
    let policy = &settings.policy;
    let heartbeats =
        policy.heartbeats.iter().map(|(class, every)| (class.clone(), value!(every / Micros::SECOND)));
    let statuses = ["active", "inactive"].into_iter().chain(policy.statuses_extra.iter().map(AsRef::as_ref));
    let known = value!({
        "lanes": lanes.into_iter().map(|(name, lane)| (name.to_owned(), lane)).collect::<Map<_, _>>(),
        "classes": heartbeats.collect::<Map<_, _>>(),
        "sandbox": partner.is_sandbox(),
        "signing": signing.collect::<Vec<_>>(),
        "statuses": statuses.collect::<Vec<&str>>(),
    });
    for (name, value) in known.as_object().into_iter().flatten() {
        out.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
    }
}

/// A lane's two buckets, and what is left in them: this call costs one of each.
fn lane_of(meter: &Meter, rate: Rate, items_max: usize) -> Value {
    let lane = meter.lane(rate);
    let (remaining, bytes_remaining) = meter.remaining(rate);
    let burst = lane.items.burst();
    value!({
        "per_second": lane.items.per_second(),
        "burst": burst,
        "items_max": burst.min(items_max as u64),
        "remaining": remaining,
        "bytes_per_second": lane.bytes.per_second(),
        "bytes_burst": lane.bytes.burst(),
        "bytes_remaining": bytes_remaining,
    })
}

//! Who the caller is, what it may do, and where we stand.

use crate::actors::PartnerEntry;
use crate::codec::{cursor, json, time};
use crate::domain::Micros;
use crate::http::gate::auth::Caller;
use crate::http::gate::limit::Rate;
use crate::http::reply::{self, Body, Fault};
use crate::http::request::call::Call;
use hyper::{Response, StatusCode};
use serde_json::{Map, json as value};

/// Who the caller is, what it may do, and where we stand: what an integrator asks first.
pub fn answer(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let app = call.app();
    let mut out = Vec::with_capacity(512);
    match &call.caller {
        Caller::Reader { name } => {
            out.extend_from_slice(b"{\"reader\":");
            json::quote(&mut out, name);
        }
        Caller::Partner { name, .. } => {
            out.extend_from_slice(b"{\"partner\":");
            json::quote(&mut out, name.as_str());
            limits(&mut out, call.partner()?, app.settings.load().server.items_max);
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
/// words that mean something.
fn limits(out: &mut Vec<u8>, partner: &PartnerEntry, items_max: usize) {
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
    let rates = partner.limits.load();
    let lanes = [Rate::Prices, Rate::AssetWrites, Rate::Reads].map(|rate| {
        let (per_second, burst) = rate.quota(&rates);
        (
            rate.as_str(),
            value!({ "per_second": per_second, "burst": burst, "items_max": items_max.min(burst as usize) }),
        )
    });
    let policy = &settings.policy;
    let heartbeats =
        policy.heartbeats.iter().map(|(class, every)| (class.clone(), value!(every / Micros::SECOND)));
    let statuses = ["active", "inactive"].into_iter().chain(policy.statuses_extra.iter().map(AsRef::as_ref));
    let known = value!({
        "lanes": lanes.into_iter().map(|(name, lane)| (name.to_owned(), lane)).collect::<Map<_, _>>(),
        "classes": heartbeats.collect::<Map<_, _>>(),
        "statuses": statuses.collect::<Vec<&str>>(),
    });
    for (name, value) in known.as_object().into_iter().flatten() {
        out.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
    }
}

//! Who the caller is, what it may do, and where we stand.

use crate::actors::PartnerEntry;
use crate::codec::{cursor, json, time};
use crate::http::gate::auth::Caller;
use crate::http::reply::{self, Body, Fault};
use crate::http::request::call::Call;
use hyper::{Response, StatusCode};

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
            limits(&mut out, call.partner()?);
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

fn limits(out: &mut Vec<u8>, partner: &PartnerEntry) {
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
}

//! Single reads: one asset, one price, and who the caller is.

use super::gate::auth::Caller;
use super::reply::{self, Body, Fault};
use super::request::call::Call;
use super::request::condition::{self, Answer, Tag};
use super::request::position;
use crate::actors::PartnerEntry;
use crate::codec::{cursor, json, time};
use crate::domain::{Micros, Stamp};
use crate::store::AssetRow;
use hyper::{Response, StatusCode};

pub fn asset(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    position::known(call, &["id", "fields"])?;
    let partner = call.partner()?;
    let row = living(call, partner)?;
    let scene = call.scene(partner);
    let tag = Tag::of(&row, &scene);
    match condition::for_read(&call.head.headers, &tag)? {
        Answer::Failed => Err(Fault::PreconditionFailed),
        Answer::NotModified => Ok(reply::not_modified(tag.header())),
        Answer::Full => {
            let fields = call.query.one("fields")?;
            let fields: Option<Vec<&str>> = fields.as_deref().map(|text| text.split(',').collect());
            let mut out = Vec::with_capacity(1024);
            scene.asset(&mut out, &row, fields.as_deref());
            Ok(reply::tagged(call.keep(out)?, tag.header()))
        }
    }
}

pub fn asset_price(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    position::known(call, &["id", "quote", "max_age"])?;
    let name = call.quote_name()?;
    let max_age = call.query.number("max_age", u64::from(u32::MAX))?;
    let partner = call.partner()?;
    let row = living(call, partner)?;
    let scene = call.scene(partner);
    let quote = scene.quote(&row, name).ok_or(Fault::NoPrice)?;
    let reading = scene.reading(&row, quote).ok_or(Fault::NoPrice)?;
    let age_seconds = reading.age.unsigned_abs() / Micros::SECOND.unsigned_abs();
    if let Some(price_max_age) = max_age.filter(|max_age| age_seconds > *max_age) {
        return Err(Fault::PriceTooOld { age_seconds, price_max_age });
    }
    let mut out = Vec::with_capacity(256);
    scene.price(&mut out, &row, quote);
    Ok(reply::json(StatusCode::OK, out))
}

fn living(call: &Call<'_>, partner: &PartnerEntry) -> Result<AssetRow, Fault> {
    let row = call.app().reader.asset(partner.no, &call.asset_id()?)?.ok_or(Fault::NoSuchAsset)?;
    if row.head.hidden && !call.is_partner() {
        return Err(Fault::NoSuchAsset);
    }
    if row.head.is_alive() {
        Ok(row)
    } else if row.head.death > Stamp::NEVER {
        Err(Fault::AssetDeleted)
    } else {
        Err(Fault::NoSuchAsset) // only a price that waits for it
    }
}

/// Who the caller is, what it may do, and where we stand: what an integrator asks first.
pub fn me(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    position::known(call, &[])?;
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

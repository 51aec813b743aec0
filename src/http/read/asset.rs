//! Single reads: one asset, one price.

use crate::actors::PartnerEntry;
use crate::domain::{Micros, Stamp};
use crate::http::reply::{self, Body, Fault};
use crate::http::request::call::Call;
use crate::http::request::condition::{self, Demanded, Tag};
use crate::store::AssetRow;
use hyper::{Response, StatusCode};

/// One asset with its prices, or 304 where the client has it already.
pub fn asset(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let partner = call.partner()?;
    let row = find_living(call, partner)?;
    let scene = call.scene(partner);
    let tag = Tag::of(&row, &scene);
    match condition::for_read(&call.head.headers, &tag)? {
        Demanded::Failed => Err(Fault::PreconditionFailed),
        Demanded::NotModified { suffix } => Ok(reply::not_modified(tag.header_of(suffix))),
        Demanded::Full => {
            let fields = call.query.one("fields")?;
            let fields: Option<Vec<&str>> = fields.as_deref().map(|text| text.split(',').collect());
            let mut out = Vec::with_capacity(1024);
            scene.asset(&mut out, &row, fields.as_deref());
            Ok(reply::tagged(call.keep(out)?, tag.header()))
        }
    }
}

/// One price; 409 where it is older than `?max_age=` seconds.
pub fn asset_price(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let name = call.quote_name()?;
    let max_age = call.query.seconds("max_age", u64::from(u32::MAX))?;
    let partner = call.partner()?;
    let row = find_living(call, partner)?;
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

fn find_living(call: &Call<'_>, partner: &PartnerEntry) -> Result<AssetRow, Fault> {
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

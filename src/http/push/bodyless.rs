//! Pushes without a body: their path and query say all.

use crate::codec::time;
use crate::domain::{AssetId, AssetWrite, Micros, PriceWrite, TimeFormat, Write};
use crate::http::reply::Fault;
use crate::http::request::call::Call;

/// A delete of the asset, as of `?at=`.
pub fn delete(call: &Call<'_>, id: &AssetId) -> Result<Write, Fault> {
    Ok(Write::Asset(Box::new(AssetWrite::delete(id.clone(), time_of(call, "at")?))))
}

/// A withdrawal of the quote that `?quote=` names, as of `?at=`.
pub fn withdrawal(call: &Call<'_>, id: &AssetId) -> Result<Write, Fault> {
    Ok(Write::Price(PriceWrite::withdrawal(id.clone(), call.quote_name()?, time_of(call, "at")?)))
}

fn time_of(call: &Call<'_>, name: &'static str) -> Result<Option<Micros>, Fault> {
    let Some(text) = call.query.one(name)? else { return Ok(None) };
    let at = time::parse(&text, TimeFormat::Rfc3339);
    at.map(Some).map_err(|error| Fault::BadTime { name, hint: error.hint })
}

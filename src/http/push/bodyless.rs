//! Pushes without a body: their path and query say all.

use crate::codec::time;
use crate::domain::{AssetId, AssetWrite, Document, Market, Micros, PriceWrite, TimeFormat, Verb, Write};
use crate::http::reply::Fault;
use crate::http::request::call::Call;

/// A delete of the asset, as of `?at=`.
pub fn delete(call: &Call<'_>, id: &AssetId) -> Result<Write, Fault> {
    Ok(Write::Asset(Box::new(AssetWrite {
        verb: Verb::Delete,
        id: id.clone(),
        at: time_of(call, "at")?,
        sequence: 0,
        members: Document::default(),
        removed: Vec::new(),
        kept: Vec::new(),
        prices: Vec::new(),
    })))
}

/// A withdrawal of the quote that `?quote=` names, as of `?at=`.
pub fn withdrawal(call: &Call<'_>, id: &AssetId) -> Result<Write, Fault> {
    Ok(Write::Price(PriceWrite {
        id: id.clone(),
        quote: call.quote_name()?,
        amount: None,
        currency: None,
        at: time_of(call, "at")?,
        sequence: 0,
        market: Market::Unsaid,
        stream: None,
        extra: None,
    }))
}

fn time_of(call: &Call<'_>, name: &'static str) -> Result<Option<Micros>, Fault> {
    let Some(text) = call.query.one(name)? else { return Ok(None) };
    let at = time::parse(&text, TimeFormat::Rfc3339);
    at.map(Some).map_err(|error| Fault::BadTime { name, hint: error.hint })
}

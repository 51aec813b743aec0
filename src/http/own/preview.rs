//! `POST /api/feed/preview`: a document that is shown to us before it is published.

use crate::actors::{Admission, PreviewError, PreviewTerms};
use crate::http::gate::limit::Rate;
use crate::http::reply::stored::json;
use crate::http::reply::{Body, Fault, PreviewFault};
use crate::http::request::call::Call;
use crate::http::request::intake::{self, Accept, Charge};
use crate::http::request::unpack;
use hyper::Response;
use hyper::body::Incoming;
use std::sync::Arc;

/// Records that are shown where nobody says how many, and at most.
const SHOWN_DEFAULT: u64 = 3;
const SHOWN_MAX: u64 = 100;

/// What the document is read as, and what would become of it. Charged as a read, its bytes too; changes nothing, and is
/// no run.
pub async fn answer(call: &Call<'_>, mut body: Incoming) -> Result<Response<Body>, Fault> {
    let partner = Arc::clone(call.writer()?);
    let app = call.app();
    if app.health.is_draining() {
        return Err(Fault::Draining);
    }
    call.meter.take_first(Rate::Reads)?;
    let settings = partner.settings.load_full();
    let feed = settings.feed.as_ref().ok_or(Fault::NoFeed)?;
    let records_shown = call.query.number("limit", SHOWN_MAX)?.unwrap_or(SHOWN_DEFAULT) as usize;
    let bytes_max = app.settings.load().server.body_bytes_max;
    let feed_bytes_max = usize::try_from(feed.body_bytes_max).unwrap_or(usize::MAX);
    let too_large = |fault: Fault| match fault {
        Fault::BodyTooLarge { bytes_max } if bytes_max < feed_bytes_max => {
            Fault::Preview(PreviewFault::TooLarge { bytes_max })
        }
        fault => fault,
    };
    let bytes_max = bytes_max.min(feed_bytes_max);
    let announced = intake::announced(&call.head.headers, Accept::Items, bytes_max).map_err(too_large)?;
    let _turn = partner.begin_preview().ok_or(Fault::Preview(PreviewFault::Running))?;
    let permit = Admission::admit(&app.admission, &partner.admission.load(), announced.bytes)?;
    let charge = Charge { meter: call.meter, rate: Rate::Reads, announced };
    let bytes = intake::collect_charged(&mut body, bytes_max, charge, &call.client.pulse).await;
    let bytes = bytes.map_err(too_large)?;
    call.covers(&bytes)?;
    let plain = unpack::plain(call, (announced.coding, Rate::Reads), bytes, permit).await;
    let (bytes, _permit) = plain.map_err(too_large)?;
    let terms =
        PreviewTerms { as_lines: announced.ndjson, records_shown, now: app.clock.now(), is_alone: false };
    match partner.preview(bytes, terms).await {
        Ok(shown) => Ok(json(&shown)),
        Err(PreviewError::Unread(why)) => Err(Fault::Preview(PreviewFault::Unread(why))),
        Err(PreviewError::Unavailable) => Err(Fault::Preview(PreviewFault::Ended)),
    }
}

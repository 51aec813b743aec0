//! A body that its sender has compressed: decoded whole once all of it has come, so that what was signed
//! and what is remembered of it are the bytes as they were sent.

use super::call::Call;
use crate::actors::{Admission, Permit};
use crate::codec::compression::{self, Coding, DecodeError};
use crate::codec::request::BodyError;
use crate::http::gate::limit::Rate;
use crate::http::reply::Fault;
use bytes::Bytes;
use std::sync::Arc;

/// A smaller body is decoded on the connection's task: what it can become takes a millisecond at most.
const IN_PLACE_MAX: usize = 2 << 10;

/// The body as it was before it was compressed, and a permit that covers it too. What it has become is
/// charged to the lane beside the bytes that were sent.
pub async fn plain(
    call: &Call<'_>,
    (coding, rate): (Option<Coding>, Rate),
    body: Bytes,
    mut permit: Permit,
) -> Result<(Bytes, Permit), Fault> {
    let Some(coding) = coding else { return Ok((body, permit)) };
    let (app, partner) = (Arc::clone(call.app()), Arc::clone(call.writer()?));
    let bytes_max = app.settings.load().server.body_bytes_max;
    let in_place = body.len() <= IN_PLACE_MAX;
    let sent = body.len();
    let whose = Arc::clone(&partner);
    let decode = move || {
        let own = whose.admission.load();
        let room = |bytes| Admission::admit(&app.admission, &own, bytes).map(|more| permit.merge(more));
        let decoded = compression::decode(coding, &body, bytes_max, room);
        (decoded, permit)
    };
    let (decoded, permit) = if in_place { decode() } else { Box::pin(partner.beside(decode)).await? };
    let decoded = decoded.map_err(|why| refused(why, bytes_max))?;
    call.meter.owe_bytes(rate, decoded.len().saturating_sub(sent));
    Ok((decoded.into(), permit))
}

fn refused(why: DecodeError<crate::actors::Shed>, bytes_max: usize) -> Fault {
    let body = |code, detail: &str, status_hint| {
        Fault::Body(BodyError { code, detail: detail.to_owned(), offset: None, status_hint })
    };
    match why {
        DecodeError::Broken => body(
            "bad_encoding",
            "the body is not what Content-Encoding says, or it is cut off or damaged",
            400,
        ),
        DecodeError::Ratio => body("decompress_limit", "the body becomes more than 200 times its size", 413),
        DecodeError::TooLarge => Fault::BodyTooLarge { bytes_max },
        DecodeError::NoRoom(shed) => Fault::Shed(shed),
    }
}

//! What an operator does about a partner's quarantine: looks at it, releases a row, drops one.

use super::call::OperatorCall;
use crate::actors::PushEffect;
use crate::codec::render::ReplyStyle;
use crate::codec::request::Shape;
use crate::http::gate::route::Answer;
use crate::http::own::quarantine::{drop_row, key_of, page, show_row};
use crate::http::reply::{self, view};
use hyper::StatusCode;

/// A page of refused rows, or of parked prices.
pub async fn list(call: &OperatorCall<'_>) -> Answer {
    page(call.app(), &call.share(), &call.partner, &call.query).await
}

/// One row with its text.
pub fn show(call: &OperatorCall<'_>) -> Answer {
    show_row(&call.partner, call.id)
}

/// Throws a row away.
pub async fn drop(call: &OperatorCall<'_>) -> Answer {
    drop_row(&call.partner, call.id).await
}

/// Decides a row again. Answers with the item as the push would have been; 409 where the rules still
/// refuse it.
pub async fn release(call: &OperatorCall<'_>) -> Answer {
    let release = call.partner.release(key_of(call.id)?).await?;
    let refused = release.item.outcome.is_refused();
    let status = match refused {
        _ if release.item.is_damaged() => StatusCode::INTERNAL_SERVER_ERROR,
        true => StatusCode::CONFLICT,
        false => StatusCode::OK,
    };
    let (items, durable) = (vec![release.item], release.durable);
    let effect = PushEffect { items, first: durable, durable, missing: Vec::new() };
    let ids = [release.id.as_str().into()];
    let item = view::push_reply(
        call.app().reader.journal(),
        Shape::Single,
        &ids,
        (&effect, false),
        ReplyStyle::default(),
    );
    let mut out = format!("{{\"released\":{},\"item\":", !refused).into_bytes();
    out.extend_from_slice(&item);
    out.push(b'}');
    Ok(reply::json(status, out))
}

//! From a request of either version of HTTP to its answer.

use super::request_id;
use crate::http::admin::{self, AdminRoutes};
use crate::http::client::Client;
use crate::http::partner::{self, PartnerRoutes};
use crate::http::pulse::{Phase, Pulse};
use crate::http::reply::{Body, Fault, HeadFault, body};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderName, HeaderValue};
use hyper::{Request, Response};
use std::sync::Arc;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Where a listener's requests are answered.
#[derive(Clone)]
pub enum Desk {
    /// For partners and readers.
    Partner(Arc<PartnerRoutes>),
    /// For operators.
    Admin(Arc<AdminRoutes>),
}

/// Answers a request that came by HTTP/2, where no header speaks of the connection.
pub async fn answer_of_stream(
    client: &Client,
    desk: &Desk,
    request: Result<Request<Incoming>, HeadFault>,
) -> Response<Body> {
    let mut response = answer(client, desk, request, None).await;
    response.headers_mut().remove(CONNECTION);
    response
}

/// `request` is one, or why the head in whose place it stands is not read. `keep_alive`: what a client
/// that heeds it is told of the time that we wait for its next request.
pub async fn answer(
    client: &Client,
    desk: &Desk,
    request: Result<Request<Incoming>, HeadFault>,
    keep_alive: Option<&HeaderValue>,
) -> Response<Body> {
    let request = match request {
        Ok(request) => request,
        Err(why) => {
            client.app.metrics.shed("request_head");
            return refuse(&client.pulse, why).await;
        }
    };
    client.pulse.enter(Phase::Work);
    client.pulse.body_awaits(!request.body().is_end_stream());
    let is_last = request.headers().get(CONNECTION).is_some_and(|value| value == "close");
    let id = request_id::of(request.headers());
    let response = match desk {
        Desk::Partner(routes) => partner::answer(client, routes, request).await,
        // boxed: else each push is moved with the room that an operator's call would take
        Desk::Admin(routes) => Box::pin(admin::answer(client, routes, request)).await,
    };
    let is_stream = body::is_stream(response.body());
    let mut response = request_id::put(response, id).await;
    if let Some(keep_alive) = keep_alive
        && !(is_stream || is_last || response.headers().contains_key(CONNECTION))
    {
        response.headers_mut().insert(KEEP_ALIVE, keep_alive.clone());
    }
    client.pulse.enter(if is_stream { Phase::Stream } else { Phase::Head });
    response
}

/// Answers the request that stands in the place of a head that is not read.
pub async fn refuse(pulse: &Pulse, why: HeadFault) -> Response<Body> {
    pulse.enter(Phase::Work);
    let response = request_id::put(Fault::Head(why).into_response(), request_id::fresh()).await;
    pulse.enter(Phase::Head);
    response
}

//! The partner listener: from a request to the handler of its route.

mod hook;
mod rows;

use crate::actors::{Failure, PartnerEntry};
use crate::clock::Mark;
use crate::codec::signature::WebhookClaim;
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::gate::auth::Caller;
use crate::http::gate::cors;
use crate::http::gate::limit::{Meter, Rate};
use crate::http::gate::pack;
use crate::http::gate::path::{self, Query};
use crate::http::gate::route::{Answer, Found, Route, Routes, Row};
use crate::http::gate::tickets::Ticket;
use crate::http::push;
use crate::http::read::changes;
use crate::http::reply::{Body, Fault};
use crate::http::request::call::{Call, Signature};
use crate::http::request::position;
use crate::http::request::signed::{self, CallBody};
use crate::telemetry::Metrics;
use hyper::body::{Body as _, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use rows::{PartnerHandler, ROWS};
use std::sync::Arc;

/// The routes of this listener. Each path of the API is reached by its shorthand `/api/…`, and by
/// `/api/partners/{partner}/…`.
pub type PartnerRoutes = Routes<PartnerHandler>;

/// Takes the metrics of each route: once, at start.
pub fn routes(metrics: &Metrics) -> PartnerRoutes {
    Routes::new(metrics, &ROWS, |path| {
        let canonical = path.strip_prefix("/api").map(|tail| format!("/api/partners/{{partner}}{tail}"));
        [Some(path.to_owned()), canonical].into_iter().flatten().collect()
    })
}

/// Answers a request of the partner listener, and counts it by its route.
pub async fn answer(client: &Client, routes: &PartnerRoutes, request: Request<Incoming>) -> Response<Body> {
    let came = Mark::now();
    let (head, body) = request.into_parts();
    if head.method == Method::OPTIONS
        && let Some(reply) = preflight(client, routes, &head)
    {
        return reply;
    }
    let found = match routes.find(&head.method, head.uri.path()) {
        Ok(found) => found,
        Err(fault) => return fault.into_response(),
    };
    if let PartnerHandler::Document(document) = found.row.handler {
        let reply = document(found.route.id).unwrap_or_else(Fault::into_response);
        let reply = pack::packed_once(reply, &head.headers).await;
        found.metrics.answered(reply.status().as_u16());
        return reply;
    }
    let reply = match &found.row.handler {
        PartnerHandler::Hook(ask) => {
            hook::answer(client, &head, &found.route, (ask, found.row.parameters), body).await
        }
        _ => admitted(client, &head, &found, body).await,
    };
    let mut reply = reply.unwrap_or_else(|fault| client.refused(client.judged(fault, Failure::Key)));
    if found.row.handler.is_read() {
        cors::open(&client.app.settings.load(), &head.headers, &mut reply);
        // what waits for changes takes as long as it is asked to
        if found.row.path != changes::PATH {
            client.app.metrics.read_answered(came.elapsed());
        }
    }
    found.metrics.answered(reply.status().as_u16());
    reply
}

/// Answers a browser that asks whether a page may read here.
fn preflight(client: &Client, routes: &PartnerRoutes, head: &Parts) -> Option<Response<Body>> {
    let is_read = routes.find(&Method::GET, head.uri.path()).is_ok_and(|found| found.row.handler.is_read());
    cors::preflight(&client.app.settings.load(), head, is_read)
}

/// A call whose key proves it, or a ticket, or its signature where it has no key.
async fn admitted(
    client: &Client,
    head: &Parts,
    found: &Found<'_, '_, PartnerHandler>,
    body: Incoming,
) -> Answer {
    if found.row.path == changes::PATH
        && let Some(ticket) = ticket_of(&client.app, head)?
    {
        let caller = (ticket.caller.clone(), Signature::Ticket(Box::new(ticket)));
        return known(client, head, found, caller, CallBody::Coming(body)).await;
    }
    match signed::claim(&head.headers, &client.app.clock)? {
        Some(claim) if !head.headers.contains_key(AUTHORIZATION) => {
            Box::pin(by_signature(client, head, found, claim, body)).await
        }
        claim => {
            let caller = client.app.keys.caller(&head.headers, &client.app.clock)?;
            let signature = claim.map_or(Signature::None, Signature::Beside);
            known(client, head, found, (caller, signature), CallBody::Coming(body)).await
        }
    }
}

/// A call without a key: its body is read first, because nothing else says whom it is from.
async fn by_signature(
    client: &Client,
    head: &Parts,
    found: &Found<'_, '_, PartnerHandler>,
    claim: Box<WebhookClaim>,
    body: Incoming,
) -> Answer {
    let PartnerHandler::Push(ask) = &found.row.handler else { return Err(Fault::Unauthorized) };
    let (Some(named), Some(accept)) = (found.route.partner, ask.accept()) else {
        return Err(Fault::Unauthorized);
    };
    let named = path::decode(named);
    let proven = signed::prove(client, head, named.as_deref(), accept, claim, body).await?;
    let caller = (proven.caller.clone(), Signature::Proven);
    known(client, head, found, caller, CallBody::Came(Box::new(proven))).await
}

/// A call of a known caller, from the first moment of which it is metered.
async fn known(
    client: &Client,
    head: &Parts,
    found: &Found<'_, '_, PartnerHandler>,
    (caller, signature): (Caller, Signature),
    body: CallBody,
) -> Answer {
    let partner = partner_of(&client.app, &caller, &found.route)?;
    let (row, route) = (found.row, &found.route);
    let meter = Meter::of(&caller, partner.as_deref());
    // a signature beside a key may still turn out to be none
    let refused = |fault| client.refused(client.judged(fault, Failure::Key));
    let query = match Query::parse(head.uri.query()) {
        Ok(query) => query,
        Err(fault) => {
            caller.was_answered(fault.status());
            return Ok(meter.settle(row.handler.rate(), refused(fault)));
        }
    };
    let call = Call { client, head, route, query, caller, meter: &meter, partner, signature };
    let reply = dispatch(&call, row, body).await.unwrap_or_else(refused);
    call.caller.was_answered(reply.status());
    let reply = meter.settle(row.handler.rate(), reply);
    match row.handler.packed_from() {
        // what most pushes come to: nothing more is looked at
        Some(bytes_min) if reply.body().size_hint().exact().is_some_and(|bytes| bytes < bytes_min) => {
            Ok(reply)
        }
        bytes_min => {
            let bytes_min = bytes_min.unwrap_or(pack::READ_BYTES_MIN);
            Ok(Box::pin(pack::packed(reply, &head.headers, bytes_min, || call.share())).await)
        }
    }
}

/// What `?ticket=` opens, if there is one: it opens nothing after.
fn ticket_of(app: &App, head: &Parts) -> Result<Option<Ticket>, Fault> {
    if !head.uri.query().is_some_and(|query| query.contains("ticket=")) {
        return Ok(None);
    }
    let query = Query::parse(head.uri.query())?;
    let Some(text) = query.one("ticket")? else { return Ok(None) };
    if head.headers.contains_key(AUTHORIZATION) {
        return Err(Fault::query("ticket", "stands for a key: send one of the two"));
    }
    let mut ticket = app.tickets.spend(&text).ok_or(Fault::TicketRefused)?;
    match app.keys.still_admits(&mut ticket.pass, &app.clock) {
        true => Ok(Some(ticket)),
        false => Err(Fault::TicketRefused),
    }
}

/// A partner sees its own only; of another it is not even told whether it exists.
fn partner_of(app: &App, caller: &Caller, route: &Route<'_>) -> Result<Option<Arc<PartnerEntry>>, Fault> {
    let named = route.partner.map(|text| path::decode(text).ok_or(Fault::NoSuchPartner)).transpose()?;
    match (caller, named) {
        (Caller::Partner { name, .. }, Some(named)) if named != name.as_str() => Err(Fault::NoSuchPartner),
        (Caller::Partner { name, .. }, _) => {
            app.registry.by_name(name.as_str()).map(Some).ok_or(Fault::PartnerStarting)
        }
        (Caller::Reader { .. }, Some(named)) => {
            let shown = app.registry.by_name(&named).filter(|partner| !partner.is_sandbox());
            shown.map(Some).ok_or(Fault::NoSuchPartner)
        }
        (Caller::Reader { .. }, None) => Ok(None),
    }
}

async fn dispatch(call: &Call<'_>, row: &Row<PartnerHandler>, body: CallBody) -> Answer {
    let parameters = row.parameters;
    if !row.handler.takes_a_body() {
        call.covers(b"")?;
    }
    match &row.handler {
        PartnerHandler::Document(document) => document(call.route.id),
        PartnerHandler::Push(ask) | PartnerHandler::Hook(ask) => {
            push::answer(call, ask, parameters, body).await
        }
        PartnerHandler::Order(order) => {
            call.query.only(parameters)?;
            order(call).await
        }
        PartnerHandler::WithBody(order) => {
            call.query.only(parameters)?;
            // nobody has signed what is asked here
            let CallBody::Coming(body) = body else { return Err(Fault::Unauthorized) };
            order(call, body).await
        }
        PartnerHandler::Read { is_private, read } => {
            admit_read(call, *is_private, parameters).await?;
            read(call)
        }
        PartnerHandler::Page { is_private, page } => {
            admit_read(call, *is_private, parameters).await?;
            page(call).await
        }
    }
}

async fn admit_read(call: &Call<'_>, is_private: bool, parameters: &[&str]) -> Result<(), Fault> {
    call.meter.take_first(Rate::Reads)?;
    call.meter.take_bytes(Rate::Reads, 1)?;
    if is_private && !call.is_partner() {
        return Err(Fault::PartnerOnly);
    }
    position::reach(call).await?;
    position::refuse_unknown(call, parameters)
}

//! The admin listener: from a request to the handler of its route.

mod acting;
mod assets;
mod audit;
mod backup;
mod call;
mod changing;
mod feed;
mod figures;
mod guard;
mod page;
mod plans;
mod quarantine;
mod reason;
mod rows;
mod texts;

use crate::actors::Failure;
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::gate::path::{self, Query};
use crate::http::gate::route::{Answer, Found, Routes, Row};
use crate::http::reply::{Body, Fault};
use crate::telemetry::Metrics;
use acting::Acting;
use call::{DaemonCall, OperatorCall};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Request, Response};
use rows::{OperatorHandler, ROWS};

/// The routes of this listener.
pub type AdminRoutes = Routes<OperatorHandler>;

/// Takes the metrics of each route: once, at start.
pub fn routes(metrics: &Metrics) -> AdminRoutes {
    Routes::new(metrics, &ROWS, |path| vec![path.to_owned()])
}

/// Answers a request of the admin listener, and counts it by its route.
pub async fn answer(client: &Client, routes: &AdminRoutes, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let found = match routes.find(&head.method, head.uri.path()) {
        Ok(found) => found,
        Err(fault) => return fault.into_response(),
    };
    let reply = dispatch(client, &head, &found, body).await;
    let reply = reply.unwrap_or_else(|fault| client.refused(client.judged(fault, Failure::Operator)));
    found.metrics.answered(reply.status().as_u16());
    reply
}

async fn dispatch(
    client: &Client,
    head: &Parts,
    found: &Found<'_, '_, OperatorHandler>,
    body: Incoming,
) -> Answer {
    let app = &client.app;
    match &found.row.handler {
        OperatorHandler::Open(text) => Ok(text(app)),
        OperatorHandler::File(file) => file(&head.headers, found.route.id.unwrap_or_default()),
        OperatorHandler::Daemon(view) => {
            let (who, query) = admit(app, head, found.row)?;
            view(&DaemonCall { client, head, query, who }).await
        }
        OperatorHandler::DaemonOrder(order) => {
            let (who, query) = admit(app, head, found.row)?;
            order(&DaemonCall { client, head, query, who }, body).await
        }
        OperatorHandler::Removal(order) => {
            let call = call(client, head, found)?;
            let answer = order(&call, body).await;
            call.acting.settle(&answer).await;
            answer
        }
        OperatorHandler::Read(read) => read(&call(client, head, found)?).await,
        OperatorHandler::Order(order) => {
            let call = call(client, head, found)?;
            app.may_order(&call.partner)?;
            let answer = order(&call, body).await;
            call.acting.settle(&answer).await;
            answer
        }
    }
}

/// Lets an operator in whose query says nothing that the row does not know, and gives his name.
fn admit<'a>(app: &App, head: &'a Parts, row: &Row<OperatorHandler>) -> Result<(String, Query<'a>), Fault> {
    let who = guard::check_operator(&app.settings.load(), head, app.clock.now())?.to_owned();
    let query = Query::parse(head.uri.query())?;
    query.only(row.parameters)?;
    Ok((who, query))
}

fn call<'a>(
    client: &'a Client,
    head: &'a Parts,
    found: &Found<'_, 'a, OperatorHandler>,
) -> Result<OperatorCall<'a>, Fault> {
    let (who, query) = admit(&client.app, head, found.row)?;
    let name = path::decode(found.route.partner.unwrap_or_default()).ok_or(Fault::NoSuchPartner)?;
    let partner = client.app.registry.by_name(&name).ok_or(Fault::NoSuchPartner)?;
    let acting = Acting::new(who, Some(partner.name.to_string()));
    Ok(OperatorCall { client, head, id: found.route.id.unwrap_or_default(), query, partner, acting })
}

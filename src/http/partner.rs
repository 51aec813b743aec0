//! The partner listener: from a request to the handler of its route.

use super::app::App;
use super::client::Client;
use super::gate::auth::Caller;
use super::gate::limit::Rate;
use super::gate::path::{self, Query};
use super::gate::route::{Resource, Route};
use super::own::{feed, plans, quarantine, receipt};
use super::push;
use super::read::{asset, changes, explain, list, me};
use super::reply::{Body, Fault};
use super::request::call::Call;
use super::request::position;
use crate::actors::PartnerEntry;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use std::sync::Arc;

pub async fn answer(client: &Client, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let route = match client.app.routes.find(&head.method, head.uri.path()) {
        Ok(route) => route,
        Err(fault) => return fault.into_response(),
    };
    let reply = match admitted(client, &head, &route) {
        Ok(call) => dispatch(&call, body).await,
        Err(fault) => Err(fault),
    };
    if let Some(reason) = reply.as_ref().err().and_then(Fault::shed_reason) {
        client.app.metrics.shed(reason);
    }
    let reply = reply.unwrap_or_else(Fault::into_response);
    client.app.routes.answered(&route, reply.status().as_u16());
    reply
}

fn admitted<'a>(client: &'a Client, head: &'a Parts, route: &'a Route<'a>) -> Result<Call<'a>, Fault> {
    let app = &client.app;
    let caller = app.keys.caller(&head.headers)?;
    let partner = partner_of(app, &caller, route)?;
    let query = Query::parse(head.uri.query())?;
    Ok(Call { client, head, route, query, caller, partner })
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
            app.registry.by_name(&named).map(Some).ok_or(Fault::NoSuchPartner)
        }
        (Caller::Reader { .. }, None) => Ok(None),
    }
}

async fn dispatch(call: &Call<'_>, body: Incoming) -> Result<Response<Body>, Fault> {
    if call.route.method != Method::GET {
        return match call.route.resource {
            Resource::FeedRunNow => feed::run_now(call),
            Resource::QuarantineRow => quarantine::drop_own(call).await,
            _ => push::answer(call, body).await,
        };
    }
    charge_read(call)?;
    check_reader(call)?;
    position::reach(call).await?;
    match call.route.resource {
        Resource::Asset => asset::asset(call),
        Resource::AssetPrice => asset::asset_price(call),
        Resource::Explain => explain::answer(call).await,
        Resource::Assets => list::assets(call).await,
        Resource::Prices => list::prices(call).await,
        Resource::Changes => changes::answer(call).await,
        Resource::Me => me::answer(call),
        Resource::Feed => feed::state(call),
        Resource::FeedRuns => feed::runs(call).await,
        Resource::FeedRun => feed::run(call),
        Resource::Quarantine => quarantine::list(call).await,
        Resource::QuarantineRow => quarantine::show(call),
        Resource::FeedPlans => plans::own(call).await,
        Resource::Receipt => receipt::answer(call),
        Resource::Events | Resource::FeedRunNow => Err(Fault::NoSuchPath), // the route table has no GET for it
    }
}

/// A reader's token opens the catalogue, not what is between a partner and us.
fn check_reader(call: &Call<'_>) -> Result<(), Fault> {
    let is_private = matches!(
        call.route.resource,
        Resource::Feed
            | Resource::FeedRuns
            | Resource::FeedRun
            | Resource::FeedPlans
            | Resource::Quarantine
            | Resource::QuarantineRow
            | Resource::Receipt
    );
    if is_private && !call.is_partner() { Err(Fault::PartnerOnly) } else { Ok(()) }
}

fn charge_read(call: &Call<'_>) -> Result<(), Fault> {
    match call.caller {
        Caller::Partner { .. } => Rate::Reads.charge_first(&call.partner()?.limits.load()),
        Caller::Reader { .. } => Ok(()),
    }
}

//! The partner listener: from a request to the handler of its route.

use super::app::App;
use super::connection::Client;
use super::gate::auth::Caller;
use super::gate::limit::Rate;
use super::gate::path::{self, Query};
use super::gate::route::{Resource, Route};
use super::gate::shares::{self, Reading, Share};
use super::reply::view::Scene;
use super::reply::{Body, Fault};
use super::{admin_plans, changes, explain, feed, list, position, push, quarantine, read, receipt};
use crate::actors::PartnerEntry;
use crate::domain::{AssetId, AssetIdError};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use std::sync::Arc;

/// One request whose caller is known and may use the route.
pub struct Call<'a> {
    pub client: &'a Client,
    pub head: &'a Parts,
    pub route: &'a Route<'a>,
    pub query: Query<'a>,
    pub caller: Caller,
    /// The partner that the call is about; `None` for all of them, which only readers may ask.
    pub partner: Option<Arc<PartnerEntry>>,
}

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
    call.charge_read()?;
    call.check_reader()?;
    position::reach(call).await?;
    match call.route.resource {
        Resource::Asset => read::asset(call),
        Resource::AssetPrice => read::asset_price(call),
        Resource::Explain => explain::answer(call).await,
        Resource::Assets => list::assets(call).await,
        Resource::Prices => list::prices(call).await,
        Resource::Changes => changes::answer(call).await,
        Resource::Me => read::me(call),
        Resource::Feed => feed::state(call),
        Resource::FeedRuns => feed::runs(call).await,
        Resource::FeedRun => feed::run(call),
        Resource::Quarantine => quarantine::list(call).await,
        Resource::QuarantineRow => quarantine::show(call),
        Resource::FeedPlans => admin_plans::own(call).await,
        Resource::Receipt => receipt::answer(call),
        Resource::Events | Resource::FeedRunNow => Err(Fault::NoSuchPath), // the route table has no GET for it
    }
}

impl Call<'_> {
    pub fn app(&self) -> &Arc<App> {
        &self.client.app
    }

    /// The partner, where the call cannot be about all.
    pub fn partner(&self) -> Result<&Arc<PartnerEntry>, Fault> {
        self.partner.as_ref().ok_or(Fault::PartnerNeeded)
    }

    pub fn scene<'p>(&self, partner: &'p PartnerEntry) -> Scene<'p> {
        let app = self.app();
        Scene { partner, journal: app.reader.journal(), now: app.clock.now() }
    }

    /// The partner whose own key this is.
    pub fn writer(&self) -> Result<&Arc<PartnerEntry>, Fault> {
        match self.caller {
            Caller::Partner { .. } => self.partner(),
            Caller::Reader { .. } => Err(Fault::ReadOnly),
        }
    }

    /// Whether the caller is the partner itself: it sees its assets also where they are hidden.
    pub fn is_partner(&self) -> bool {
        matches!(self.caller, Caller::Partner { .. })
    }

    /// What the caller's reads may take.
    pub fn share(&self) -> Arc<Share> {
        let reading = match &self.caller {
            Caller::Partner { name, .. } => Reading::Partner(name.clone()),
            Caller::Reader { name } => Reading::Reader(Arc::clone(name)),
        };
        self.app().gate.share(&reading)
    }

    /// The body of a reply that was made in one go.
    pub fn keep(&self, out: Vec<u8>) -> Result<Bytes, Fault> {
        if shares::is_small(&out) { Ok(out.into()) } else { self.share().keep(out) }
    }

    /// The asset that the path names. A placeholder for an id names none, unless one was stored under
    /// it before placeholders were refused: that may be read, and deleted.
    pub fn asset_id(&self) -> Result<AssetId, Fault> {
        let segment = self.route.id.unwrap_or_default();
        match path::asset_id(segment, &self.query) {
            Err(Fault::BadId(AssetIdError::Placeholder))
                if matches!(self.route.method, Method::GET | Method::DELETE) =>
            {
                let id = path::stored_id(segment, &self.query)?;
                let stored = self.app().reader.asset(self.partner()?.no, &id)?;
                stored.map(|_| id).ok_or(Fault::BadId(AssetIdError::Placeholder))
            }
            id => id,
        }
    }

    /// A reader's token opens the catalogue, not what is between a partner and us.
    fn check_reader(&self) -> Result<(), Fault> {
        let is_private = matches!(
            self.route.resource,
            Resource::Feed
                | Resource::FeedRuns
                | Resource::FeedRun
                | Resource::FeedPlans
                | Resource::Quarantine
                | Resource::QuarantineRow
                | Resource::Receipt
        );
        if is_private && !self.is_partner() { Err(Fault::PartnerOnly) } else { Ok(()) }
    }

    fn charge_read(&self) -> Result<(), Fault> {
        match self.caller {
            Caller::Partner { .. } => Rate::Reads.charge_first(&self.partner()?.limits.load()),
            Caller::Reader { .. } => Ok(()),
        }
    }
}

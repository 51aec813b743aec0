//! A request whose caller is known: what its handler may ask of it.

use crate::actors::PartnerEntry;
use crate::codec::signature::WebhookClaim;
use crate::domain::{AssetId, AssetIdError, QuoteName};
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::gate::auth::{Caller, Signer};
use crate::http::gate::limit::Meter;
use crate::http::gate::path::{self, Query};
use crate::http::gate::route::Route;
use crate::http::gate::shares::{self, ReadingParty, Share};
use crate::http::gate::tickets::Ticket;
use crate::http::reply::Fault;
use crate::http::reply::view::Scene;
use bytes::Bytes;
use hyper::Method;
use hyper::http::request::Parts;
use std::borrow::Cow;
use std::sync::Arc;

/// One request whose caller is known and may use the route.
pub struct Call<'a> {
    /// Where it came from.
    pub client: &'a Client,
    /// Its headers.
    pub head: &'a Parts,
    /// What its path says.
    pub route: &'a Route<'a>,
    /// Its parameters.
    pub query: Query<'a>,
    /// Whom its key belongs to.
    pub caller: Caller,
    /// What it has been charged so far.
    pub meter: &'a Meter,
    /// The partner that the call is about; `None` for all of them, which only readers may ask.
    pub partner: Option<Arc<PartnerEntry>>,
    /// Whether it is signed.
    pub signature: Signature,
}

/// What a call's signature has come to.
pub enum Signature {
    /// It has none, but a key.
    None,
    /// It stands beside the key: the body has yet to fit it.
    Beside(Box<WebhookClaim>),
    /// It has proven the call, which has no key.
    Proven,
    /// It needs none: a ticket stands for its key.
    Ticket(Box<Ticket>),
}

impl Call<'_> {
    /// What all requests share.
    pub fn app(&self) -> &Arc<App> {
        &self.client.app
    }

    /// The partner, where the call cannot be about all.
    pub fn partner(&self) -> Result<&Arc<PartnerEntry>, Fault> {
        self.partner.as_ref().ok_or(Fault::PartnerNeeded)
    }

    /// A partner's rows as they are shown at this moment.
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

    /// Whether the body is the one that was signed, where a signature came beside the key: what is
    /// bogus is refused, never passed over. Nobody signs for a reader.
    pub fn covers(&self, body: &[u8]) -> Result<(), Fault> {
        let Signature::Beside(claim) = &self.signature else { return Ok(()) };
        let app = self.app();
        let signer = match &self.caller {
            Caller::Partner { name, .. } => app.keys.signer(name.as_str()),
            Caller::Reader { .. } => None,
        };
        let fits = Signer::verify(signer.as_ref(), claim, body, app.clock.now());
        fits.map_err(|why| {
            tracing::debug!(%why, "signature beside a key refused");
            Fault::Unauthorized
        })
    }

    /// Whether the caller is the partner itself: it sees its assets also where they are hidden.
    pub fn is_partner(&self) -> bool {
        matches!(self.caller, Caller::Partner { .. })
    }

    /// What the caller's reads may take.
    pub fn share(&self) -> Arc<Share> {
        self.app().shares.of(&self.party())
    }

    /// The ticket that stands for its key.
    pub fn ticket(&self) -> Option<&Ticket> {
        match &self.signature {
            Signature::Ticket(ticket) => Some(ticket),
            _ => None,
        }
    }

    /// For whom something is read.
    pub fn party(&self) -> ReadingParty {
        match &self.caller {
            Caller::Partner { name, .. } => ReadingParty::Partner(name.clone()),
            Caller::Reader { name, .. } => ReadingParty::Reader(Arc::clone(name)),
        }
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

    /// `?quote=`, else the quote that is meant where none is named.
    pub fn quote_name(&self) -> Result<QuoteName, Fault> {
        Ok(self.named_quote()?.unwrap_or(QuoteName::PRICE))
    }

    /// `?quote=`, where it is given.
    pub fn named_quote(&self) -> Result<Option<QuoteName>, Fault> {
        let name = |name: Cow<'_, str>| {
            QuoteName::new(&name).map_err(|_| Fault::query("quote", "cannot be the name of a quote"))
        };
        self.query.one("quote")?.map(name).transpose()
    }
}

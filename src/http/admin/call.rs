//! An operator's request, about one partner or the daemon as a whole: what its handler may ask of it.

use super::acting::Acting;
use crate::actors::PartnerEntry;
use crate::domain::{AuditAct, AuditTarget};
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::gate::path::Query;
use crate::http::gate::shares::{ReadingParty, Share};
use crate::http::reply::Fault;
use hyper::http::request::Parts;
use std::sync::Arc;

/// One request of an operator who has been let in.
pub struct OperatorCall<'a> {
    /// Where it came from.
    pub client: &'a Client,
    /// Its headers.
    pub head: &'a Parts,
    /// The segment where the pattern says `{id}`, as it stood on the wire; empty where it does not.
    pub id: &'a str,
    /// Its parameters: each is known to the row.
    pub query: Query<'a>,
    /// The partner that the path names, which may be a removed one.
    pub partner: Arc<PartnerEntry>,
    /// Who asks, and what he does.
    pub acting: Acting,
}

/// The same of one about the daemon as a whole.
pub struct DaemonCall<'a> {
    /// Where it came from.
    pub client: &'a Client,
    /// Its headers.
    pub head: &'a Parts,
    /// Its parameters: each is known to the row.
    pub query: Query<'a>,
    /// The name of the token.
    pub who: String,
}

impl DaemonCall<'_> {
    /// What all requests share.
    pub fn app(&self) -> &Arc<App> {
        &self.client.app
    }

    /// What the reads of operators may take.
    pub fn share(&self) -> Arc<Share> {
        self.app().shares.of(&ReadingParty::Operator)
    }
}

impl OperatorCall<'_> {
    /// Puts what is about to be done on the trail of operators' acts. Errs where that cannot be: then it must
    /// not be done.
    pub async fn begin(
        &self,
        act: AuditAct,
        (kind, id): (&str, &str),
        reason: Option<String>,
    ) -> Result<(), Fault> {
        let target = Some(AuditTarget::new(kind, id)).filter(|_| !id.is_empty());
        self.acting.begin(self.client, act, target, reason).await
    }

    /// What all requests share.
    pub fn app(&self) -> &Arc<App> {
        &self.client.app
    }

    /// What the reads of operators may take.
    pub fn share(&self) -> Arc<Share> {
        self.app().shares.of(&ReadingParty::Operator)
    }
}

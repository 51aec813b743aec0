//! An operator's request about one partner: what its handler may ask of it.

use crate::actors::PartnerEntry;
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::gate::path::Query;
use crate::http::gate::shares::{ReadingParty, Share};
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
}

impl OperatorCall<'_> {
    /// What all requests share.
    pub fn app(&self) -> &Arc<App> {
        &self.client.app
    }

    /// What the reads of operators may take.
    pub fn share(&self) -> Arc<Share> {
        self.app().shares.of(&ReadingParty::Operator)
    }
}

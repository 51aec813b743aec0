//! The rows of a list that are damaged: named beside the others, which are shown.

use crate::actors::PartnerEntry;
use crate::codec::json;
use crate::domain::{AssetId, ItemOutcome};
use crate::http::request::page::separate;

/// `,"damaged":[{"partner","id","code"}]`; nothing where there are none.
#[derive(Default)]
pub struct DamagedRows(Vec<u8>);

impl DamagedRows {
    /// `true`: it takes a place of the page.
    pub fn name(&mut self, partner: &PartnerEntry, id: &AssetId) -> bool {
        if self.0.is_empty() {
            self.0.extend_from_slice(b",\"damaged\":[");
        }
        separate(&mut self.0);
        self.0.extend_from_slice(b"{\"partner\":");
        json::quote(&mut self.0, partner.name.as_str());
        self.0.extend_from_slice(b",\"id\":");
        json::quote(&mut self.0, id.as_str());
        self.0.extend_from_slice(format!(",\"code\":\"{}\"}}", ItemOutcome::DAMAGED).as_bytes());
        true
    }

    /// Writes what a reader sees in the place of what is damaged.
    pub fn render(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
        if !self.0.is_empty() {
            out.push(b']');
        }
    }
}

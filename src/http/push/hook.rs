//! A call of a partner's hook on its way to become a push: proven, and read by the hook's mapping.

use crate::actors::{PartnerEntry, PushedHook};
use crate::codec::hook::{self, HookCall, HookRead};
use crate::codec::request::{BodyError, BodyLimits};
use crate::config::HookSettings;
use crate::domain::hook::HookHeaders;
use crate::http::gate::proof::Proven;
use crate::http::reply::Fault;
use crate::http::request::intake::Announced;
use bytes::Bytes;
use compact_str::CompactString;
use std::sync::Arc;

/// A call of a hook whose headers have been judged.
pub struct HookTask {
    /// The hook.
    pub settings: HookSettings,
    /// The headers that its mapping reads.
    pub headers: HookHeaders,
    /// What its headers say of the body.
    pub announced: Announced,
    /// What it has proven so far.
    pub proven: Proven,
}

impl HookTask {
    /// Whether it is not known before the body has come who sends it.
    pub fn is_unproven(&self) -> bool {
        self.proven.needs_body()
    }

    /// Whether the body is the one that was signed.
    pub fn covers(&self, body: &[u8]) -> Result<(), Fault> {
        self.proven.covers(&self.settings, body)
    }

    /// What is kept beside the body, where an item of it is refused.
    pub fn pushed(&self, ids: &Arc<Vec<CompactString>>) -> PushedHook {
        let (name, headers) = (self.settings.name.clone(), self.headers.clone());
        PushedHook { name, headers, ids: Arc::clone(ids) }
    }

    /// Work that reads the body.
    pub fn reading(
        &self,
        partner: &Arc<PartnerEntry>,
        items_max: usize,
        body: Bytes,
    ) -> impl FnOnce() -> Result<HookRead, BodyError> + Send + 'static {
        let (hook, headers, whose) =
            (Arc::clone(&self.settings.hook), self.headers.clone(), Arc::clone(partner));
        move || {
            let limits = BodyLimits { items_max };
            let policy = &whose.settings.load().policy;
            hook::read(&HookCall { hook: &hook, headers: &headers, body: &body, policy, limits })
        }
    }
}

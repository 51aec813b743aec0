//! What an operator does with one request, as the trail of acts has it: it is put there before it is done,
//! and once more with its end, which the answer says.

use crate::actors::BegunAct;
use crate::domain::{AuditAct, AuditEntry, AuditOutcome, AuditTarget};
use crate::http::client::Client;
use crate::http::gate::route::Answer;
use crate::http::reply::Fault;
use std::sync::Mutex;

/// One request of an operator, and the act that it comes to.
pub struct Acting {
    /// The name of the token.
    pub who: String,
    /// The partner that the path names.
    partner: Option<String>,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    begun: Option<BegunAct>,
    note: Option<String>,
}

impl Acting {
    /// A request that has done nothing yet.
    pub fn new(who: String, partner: Option<String>) -> Acting {
        Acting { who, partner, slot: Mutex::default() }
    }

    /// Puts the act on the trail; to be called when nothing but the doing is left. Errs where it cannot be
    /// put there: then it must not be done.
    pub async fn begin(
        &self,
        client: &Client,
        act: AuditAct,
        target: Option<AuditTarget>,
        reason: Option<String>,
    ) -> Result<(), Fault> {
        let trail = client.app.audit.as_ref().ok_or(Fault::StoreFailed)?;
        let address = Some(client.address.to_string());
        let (partner, who) = (self.partner.clone(), self.who.as_str());
        let entry = AuditEntry { address, partner, target, reason, ..AuditEntry::of(who, act) };
        let begun = trail.begin(entry).await.map_err(|_| Fault::StoreFailed)?;
        self.slot().begun = Some(begun);
        Ok(())
    }

    /// Says what it came to.
    pub fn note(&self, note: String) {
        self.slot().note = Some(note);
    }

    /// Writes how the act ended, where one was begun.
    pub fn settle(&self, answer: &Answer) -> impl Future<Output = ()> + Send + use<> {
        let Slot { begun, note } = std::mem::take(&mut *self.slot());
        let (outcome, code) = match answer {
            Ok(response) if response.status().is_success() => (AuditOutcome::Done, None),
            Ok(response) if response.status().is_server_error() => (AuditOutcome::Unknown, None),
            Err(fault @ Fault::OutcomeUnknown) => (AuditOutcome::Unknown, Some(fault.code())),
            Ok(_) => (AuditOutcome::Refused, None),
            Err(fault) => (AuditOutcome::Refused, Some(fault.code())),
        };
        async move {
            if let Some(begun) = begun {
                begun.end(outcome, code, note).await;
            }
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

//! What the edge holds of the actors: a registry by partner, and typed calls.

use super::admission::{Admission, Limits, Permit};
use super::partner::{
    PartnerMessage, PlanEnd, PlanOrder, PlanRefused, Prefetched, RebuildFrom, RebuildRefused,
};
use crate::config::PartnerSettings;
use crate::domain::{ItemOutcome, Micros, PartnerName, PartnerNo, RunId, Seq, Write};
use crate::store::Reader;
use arc_swap::{ArcSwap, ArcSwapOption};
use ractor::ActorRef;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// One batch of writes from one partner, decoded.
#[derive(Debug)]
pub struct Push {
    /// In the order of the items; what could not be decoded stands as its refusal.
    pub writes: Vec<Result<Write, Box<ItemOutcome>>>,
    pub received_at: Micros,
    /// All or nothing.
    pub atomic: bool,
    /// Decide, but change nothing.
    pub dry_run: bool,
    pub permit: Permit,
}

/// What became of a batch; sent when all that it rests on is durable.
#[derive(Debug)]
pub struct PushReply {
    pub items: Vec<ItemOutcome>,
    /// The sequence of the first of the batch's changes: an item's cursor is this plus its index.
    pub first: Seq,
    /// Everything up to here is durable, the batch included.
    pub durable: Seq,
}

/// The outcome is unknown: retry with the same delivery id (503).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the outcome is not known, retry with the same delivery id")]
pub struct Unavailable;

/// One partner, as the edge sees it. The actor behind it may change; the entry stays.
pub struct PartnerEntry {
    pub name: PartnerName,
    pub no: PartnerNo,
    pub settings: ArcSwap<PartnerSettings>,
    pub limits: ArcSwap<Limits>,
    pub admission: Admission,
    reader: Reader,
    mailbox: ArcSwapOption<ActorRef<PartnerMessage>>,
}

impl PartnerEntry {
    pub(super) fn new(no: PartnerNo, settings: PartnerSettings, reader: Reader) -> PartnerEntry {
        PartnerEntry {
            name: settings.name.clone(),
            no,
            limits: ArcSwap::from_pointee(Limits::new(&settings.limits)),
            admission: Admission::new(settings.limits.bytes_in_flight_max),
            settings: ArcSwap::from_pointee(settings),
            reader,
            mailbox: ArcSwapOption::empty(),
        }
    }

    /// Has the partner's actor decide a batch, and waits until the decision is durable.
    pub async fn push(&self, push: Push) -> Result<PushReply, Unavailable> {
        let prefetched = self.prefetch(&push);
        let (reply, answer) = oneshot::channel();
        self.tell(PartnerMessage::Push { push, prefetched, reply })?;
        answer.await.map_err(|_| Unavailable)
    }

    /// Fetches the feed now instead of at its time; `false` where the partner has none.
    pub fn fetch_now(&self) -> bool {
        self.settings.load().feed.is_some() && self.tell(PartnerMessage::FetchNow).is_ok()
    }

    /// Has a whole snapshot read again; gives the run that does it.
    pub async fn rebuild(&self, from: RebuildFrom) -> Result<Result<RunId, RebuildRefused>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.tell(PartnerMessage::Rebuild { from, reply })?;
        answer.await.map_err(|_| Unavailable)
    }

    /// An operator's decision on a plan; answered when all of it is durable.
    pub async fn decide_plan(&self, order: PlanOrder) -> Result<Result<PlanEnd, PlanRefused>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.tell(PartnerMessage::DecidePlan { order, reply })?;
        answer.await.map_err(|_| Unavailable)
    }

    /// Plans that are overdue expire when somebody looks.
    pub fn look_at_plans(&self) {
        // without an actor they expire at its next start's first run
        let _ = self.tell(PartnerMessage::LookAtPlans);
    }

    /// For tests of supervision: makes the partner's actor panic.
    #[doc(hidden)]
    pub fn panic_for_test(&self) {
        let _ = self.tell(PartnerMessage::Panic);
    }

    /// Reads the documents that the decisions will rest on, on the caller's task.
    fn prefetch(&self, push: &Push) -> Prefetched {
        let mut prefetched = Prefetched::new();
        for write in push.writes.iter().flatten() {
            let Write::Asset(write) = write else { continue };
            if let Ok(Some(row)) = self.reader.asset(self.no, &write.id) {
                prefetched.insert(write.id.clone(), (row.head.version, row.document));
            }
        }
        prefetched
    }

    fn tell(&self, message: PartnerMessage) -> Result<(), Unavailable> {
        let mailbox = self.mailbox.load();
        let mailbox = mailbox.as_ref().ok_or(Unavailable)?;
        mailbox.cast(message).map_err(|_| Unavailable)
    }

    pub(super) fn connect(&self, actor: ActorRef<PartnerMessage>) {
        self.mailbox.store(Some(Arc::new(actor)));
    }

    /// The actor is down and stays down: callers see "unknown".
    pub(super) fn disconnect(&self) {
        self.mailbox.store(None);
    }

    pub(super) fn reconfigure(&self, settings: PartnerSettings) {
        let limits_moved = self.settings.load().limits != settings.limits;
        let settings = Arc::new(settings);
        self.settings.store(settings.clone());
        if limits_moved {
            self.limits.store(Arc::new(Limits::new(&settings.limits)));
        }
        // an actor that is down reads its settings when it starts
        let _ = self.tell(PartnerMessage::Reconfigure(settings));
    }

    pub(super) fn stop(&self) {
        if let Some(actor) = self.mailbox.swap(None) {
            actor.stop(Some("no longer configured".into()));
        }
    }

    /// Ends when the actor has handled what was in its mailbox.
    pub(super) async fn drain(&self) {
        let Some(actor) = self.mailbox.swap(None) else { return };
        // an actor that has gone has nothing left to handle
        let _ = actor.drain_and_wait(None).await;
    }
}

/// Partners by name and number. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry(Arc<ArcSwap<Partners>>);

#[derive(Clone, Default)]
struct Partners {
    by_name: BTreeMap<PartnerName, Arc<PartnerEntry>>,
    by_no: BTreeMap<PartnerNo, Arc<PartnerEntry>>,
}

impl Registry {
    pub fn by_name(&self, name: &str) -> Option<Arc<PartnerEntry>> {
        let name = PartnerName::new(name).ok()?;
        self.0.load().by_name.get(&name).cloned()
    }

    pub fn by_no(&self, no: PartnerNo) -> Option<Arc<PartnerEntry>> {
        self.0.load().by_no.get(&no).cloned()
    }

    pub(super) fn insert(&self, entry: Arc<PartnerEntry>) {
        self.0.rcu(|partners| {
            let mut partners = Partners::clone(partners);
            partners.by_name.insert(entry.name.clone(), entry.clone());
            partners.by_no.insert(entry.no, entry.clone());
            partners
        });
    }

    pub(super) fn remove(&self, name: &PartnerName) {
        self.0.rcu(|partners| {
            let mut partners = Partners::clone(partners);
            if let Some(entry) = partners.by_name.remove(name) {
                partners.by_no.remove(&entry.no);
            }
            partners
        });
    }

    pub fn all(&self) -> Vec<Arc<PartnerEntry>> {
        self.0.load().by_name.values().cloned().collect()
    }
}

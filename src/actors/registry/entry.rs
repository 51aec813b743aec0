//! What the edge holds of the actors: a registry by partner, and typed calls.

use crate::actors::admission::Admission;
use crate::actors::limits::Limits;
use crate::actors::partner::{
    Blamed, FeedBoard, Glance, OpenGap, Operated, Order, PartnerMessage, PlanEnd, PlanOrder, PlanRefused,
    Prefetched, RebuildFrom, RebuildRefused,
};
use crate::actors::poison::{self, Poison, Suspicion};
use crate::actors::push::{NotDecided, Push, PushAnswer, PushBody, PushEffect, Unavailable};
use crate::config::PartnerSettings;
use crate::domain::{
    AssetId, DeliveryAge, DeliveryKey, DeliveryRecord, Micros, PartnerName, PartnerNo, PartnerNumber, Paused,
    RunId, Seq, Write,
};
use crate::store::{AssetRow, ReadError, Reader};
use arc_swap::{ArcSwap, ArcSwapOption};
use ractor::{ActorId, ActorRef};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// Documents of a push that are read on its connection's task; more of them go beside it.
const READ_IN_PLACE_MAX: usize = 16;
/// Large pushes read at once: of each partner, and of all. Each holds a thread while it reads.
const LARGE_EACH: usize = 1;
static LARGE: Semaphore = Semaphore::const_new(4);

/// A partner may ask for so much of its feed's server, and of the queue before it.
const RUN_ASKED_EVERY: i64 = 60 * Micros::SECOND;

/// One partner, as the edge sees it. The actor behind it may change; the entry stays.
pub struct PartnerEntry {
    /// As the configuration names it.
    pub name: PartnerName,
    /// Its number, which it keeps for ever.
    pub no: PartnerNo,
    /// Shown to nobody but itself. It was so from its first start on, and stays so.
    is_sandbox: bool,
    /// As of the last reload.
    pub settings: ArcSwap<PartnerSettings>,
    /// Its rates, refilled as time passes.
    pub limits: ArcSwap<Limits>,
    /// The bytes of its requests in flight.
    pub admission: ArcSwap<Admission>,
    /// Large pushes of the partner that are read beside the connections' tasks.
    large: Arc<Semaphore>,
    /// Documents that are looked at before they are published.
    pub(in crate::actors) previews: Arc<Semaphore>,
    /// Set by the actor: prices received before read as `gap`.
    pub gap: OpenGap,
    /// Set by the actor and its run: what is shown of the feed.
    pub board: FeedBoard,
    /// Set by the actor and the edge: what is shown of the partner.
    pub glance: Glance,
    /// Pushes under which the actor has died.
    pub(in crate::actors) poison: Poison,
    /// When a run was last asked for.
    run_asked_at: AtomicI64,
    generations: AtomicU64,
    /// Starts that a test wants to fail, and where it wants them to wait.
    failing_starts: AtomicU32,
    starts_held: ArcSwapOption<Semaphore>,
    pub(in crate::actors) reader: Reader,
    mailbox: ArcSwapOption<ActorRef<PartnerMessage>>,
    /// Why the actor failed, or could not be started, while it is down.
    down: ArcSwapOption<String>,
    /// No longer configured: readers may read on, nobody decides.
    removed: AtomicBool,
    /// Nothing was left of it when the daemon started but its name in the change stream, and it has
    /// not been configured since.
    purged: AtomicBool,
    /// What it has left is being taken away: it must not be configured meanwhile.
    being_purged: AtomicBool,
}

impl PartnerEntry {
    pub(in crate::actors) fn new(no: PartnerNo, settings: PartnerSettings, reader: Reader) -> PartnerEntry {
        PartnerEntry {
            name: settings.name.clone(),
            no,
            is_sandbox: settings.sandbox,
            limits: ArcSwap::from_pointee(Limits::new(&settings.limits)),
            admission: ArcSwap::from_pointee(Admission::new(settings.limits.bytes_in_flight_max)),
            large: Arc::new(Semaphore::new(LARGE_EACH)),
            previews: Arc::new(Semaphore::new(1)),
            settings: ArcSwap::from_pointee(settings),
            gap: OpenGap::default(),
            board: FeedBoard::default(),
            glance: Glance::default(),
            poison: Poison::default(),
            run_asked_at: AtomicI64::new(i64::MIN),
            generations: AtomicU64::new(0),
            failing_starts: AtomicU32::new(0),
            starts_held: ArcSwapOption::empty(),
            reader,
            mailbox: ArcSwapOption::empty(),
            down: ArcSwapOption::empty(),
            removed: AtomicBool::new(false),
            purged: AtomicBool::new(false),
            being_purged: AtomicBool::new(false),
        }
    }

    /// A partner that is no longer configured, but whose assets are still here.
    pub(in crate::actors) fn removed(
        number: PartnerNumber,
        name: PartnerName,
        reader: Reader,
    ) -> PartnerEntry {
        let settings = PartnerSettings { sandbox: number.is_sandbox, ..PartnerSettings::unknown(name) };
        let entry = PartnerEntry::new(number.no, settings, reader);
        entry.removed.store(true, Ordering::Release);
        entry.purged.store(number.is_purged(), Ordering::Release);
        entry
    }

    /// Whether all that it had is deleted.
    pub fn is_purged(&self) -> bool {
        self.purged.load(Ordering::Acquire) && self.is_removed()
    }

    /// Whether what it has left is being taken away.
    pub fn is_being_purged(&self) -> bool {
        self.being_purged.load(Ordering::Acquire)
    }

    pub(in crate::actors) fn begin_purge(&self) {
        self.being_purged.store(true, Ordering::Release);
    }

    /// Over, and nothing is left where it `is_done`.
    pub(in crate::actors) fn end_purge(&self, is_done: bool) {
        self.purged.fetch_or(is_done, Ordering::AcqRel);
        self.being_purged.store(false, Ordering::Release);
    }

    /// Whether it is shown to nobody but itself.
    pub fn is_sandbox(&self) -> bool {
        self.is_sandbox
    }

    /// Whether the configuration does not name it any more.
    pub fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }

    /// Has the partner's actor decide a batch, and waits until the decision is durable. One that has
    /// killed the actor before is refused (C18).
    pub async fn push(&self, push: Box<Push>) -> Result<PushAnswer, NotDecided> {
        match self.poison.suspicion(&push.body) {
            Suspicion::Clean => self.decide(push).await,
            Suspicion::KeepAside => {
                tracing::error!(partner = %self.name, "push killed its actor too often, kept in the quarantine");
                let body = push.body.clone();
                let answer = self.decide(poison::refused(push)).await?;
                self.poison.note_kept(&body);
                Ok(answer)
            }
            Suspicion::Refuse => {
                let items = push.writes.iter().map(|_| poison::refusal()).collect();
                let durable = self.reader.durable();
                Ok(PushAnswer::Decided(PushEffect { items, first: durable, durable, missing: Vec::new() }))
            }
        }
    }

    async fn decide(&self, push: Box<Push>) -> Result<PushAnswer, NotDecided> {
        let assets = push.writes.iter().flatten().filter(|write| matches!(write, Write::Asset(_)));
        let (push, prefetched) = if assets.take(READ_IN_PLACE_MAX + 1).count() > READ_IN_PLACE_MAX {
            let (reader, no) = (self.reader.clone(), self.no);
            // boxed: each push, however small, is moved with the room that this would take
            Box::pin(self.beside(move || prefetch(&reader, no, push))).await??
        } else {
            prefetch(&self.reader, self.no, push)?
        };
        let (reply, answer) = oneshot::channel();
        self.tell(PartnerMessage::Push { push, prefetched, reply })?;
        answer.await.map_err(|_| NotDecided::Unavailable)
    }

    /// Does what takes long of a large push off the tasks of connections, which have others to serve:
    /// few at once of each partner, and few in all.
    pub async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        let own = Arc::clone(&self.large).acquire_owned().await.map_err(|_| Unavailable)?;
        let all = LARGE.acquire().await.map_err(|_| Unavailable)?;
        let work = move || {
            let done = work();
            drop((own, all));
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            tracing::error!(%error, "a push ended without an answer");
            Unavailable
        })
    }

    /// Has the partner's actor decide an operator's order.
    pub async fn operate(&self, order: Order) -> Result<Operated, Unavailable> {
        let mut prefetched = Prefetched::new();
        self.prefetch_one(&order.id, &mut prefetched)?;
        let (reply, answer) = oneshot::channel();
        self.tell(PartnerMessage::Operate { order, prefetched, reply })?;
        answer.await.map_err(|_| Unavailable)
    }

    /// What is stored of a delivery, with the sequence of its record.
    pub fn delivery(&self, key: DeliveryKey) -> Result<Option<(Seq, DeliveryRecord)>, ReadError> {
        self.reader.record_with_seq(self.no, &key)
    }

    /// The same by the hash that `explain` and the quarantine name a delivery by.
    pub fn delivery_by_hash(&self, short: u64) -> Result<Option<(Seq, DeliveryRecord)>, ReadError> {
        let next = self.reader.records::<DeliveryAge>(self.no, short_before(short).as_ref(), false, 1)?;
        match next.first().filter(|next| next.key.short() == short) {
            Some(found) => self.delivery(found.key),
            None => Ok(None),
        }
    }

    /// Fetches the feed now instead of at its time; `false` where the partner has none.
    pub fn fetch_now(&self) -> bool {
        let (reply, _) = oneshot::channel();
        self.settings.load().feed.is_some() && self.tell(PartnerMessage::FetchNow { reply }).is_ok()
    }

    /// The same for an operator, also while the feed is paused; gives the run that does it.
    pub async fn run_now(&self) -> Result<RunId, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.tell(PartnerMessage::FetchNow { reply })?;
        answer.await.map_err(|_| Unavailable)
    }

    /// Stops the feed's schedule, or lets it go on; answered when that is durable.
    pub async fn pause(&self, paused: Option<Paused>) -> Result<(), Unavailable> {
        let (durable, answer) = oneshot::channel();
        self.tell(PartnerMessage::Pause { paused, durable })?;
        answer.await.map(|_| ()).map_err(|_| Unavailable)
    }

    /// Whether a run may be asked for at `now`, which then counts as asked; else how long to wait.
    pub fn ask_for_run(&self, now: Micros) -> Result<(), Duration> {
        let due = |asked: i64| asked.saturating_add(RUN_ASKED_EVERY);
        let ask = |asked: i64| (due(asked) <= now.0 || now.0 < asked).then_some(now.0);
        match self.run_asked_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, ask) {
            Ok(_) => Ok(()),
            Err(asked) => Err(Duration::from_micros(due(asked).abs_diff(now.0))),
        }
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
        let _ = self.tell(PartnerMessage::Panic { deciding: Blamed::Nothing });
    }

    /// The same, as if it had been this push.
    #[doc(hidden)]
    pub fn panic_at_push_for_test(&self, deciding: PushBody) {
        let _ = self.tell(PartnerMessage::Panic { deciding: Blamed::Push(deciding) });
    }

    /// The same, as if it had been a step of a feed's run.
    #[doc(hidden)]
    pub fn panic_in_run_for_test(&self) {
        let _ = self.tell(PartnerMessage::Panic { deciding: Blamed::Run });
    }

    /// Ends the task of the run that is under way.
    #[doc(hidden)]
    pub fn abort_run_for_test(&self) {
        let _ = self.tell(PartnerMessage::AbortRun);
    }

    /// Makes the next starts of the partner's actor fail.
    #[doc(hidden)]
    pub fn fail_starts_for_test(&self, starts: u32) {
        self.failing_starts.store(starts, Ordering::Relaxed);
    }

    /// Makes the next starts of the partner's actor wait for permits of the gate.
    #[doc(hidden)]
    pub fn hold_starts_for_test(&self, gate: Arc<Semaphore>) {
        self.starts_held.store(Some(gate));
    }

    /// Forgets its actor as a stop does that takes too long; gives what makes that actor panic.
    #[doc(hidden)]
    pub fn abandon_for_test(&self) -> impl FnOnce() + use<> {
        let actor = self.mailbox.swap(None);
        move || {
            if let Some(actor) = actor {
                // one that has gone cannot fail any more
                let _ = actor.cast(PartnerMessage::Panic { deciding: Blamed::Nothing });
            }
        }
    }

    pub(in crate::actors) async fn hold_start_for_test(&self) {
        if let Some(gate) = self.starts_held.load_full() {
            // a gate that was closed holds nobody
            let _ = gate.acquire().await;
        }
    }

    /// Of the life that is about to begin.
    pub(in crate::actors) fn next_generation(&self) -> u64 {
        self.generations.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(in crate::actors) fn must_fail_to_start(&self) -> bool {
        let fewer = |left: u32| left.checked_sub(1);
        self.failing_starts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
    }

    pub(in crate::actors) fn prefetch_one(
        &self,
        id: &AssetId,
        prefetched: &mut Prefetched,
    ) -> Result<(), Unavailable> {
        if let Some(row) = row_unless_damaged(&self.reader, self.no, id)? {
            prefetched.insert(id.clone(), (row.head.version, row.document));
        }
        Ok(())
    }

    pub(in crate::actors) fn actor(&self) -> Option<ActorRef<PartnerMessage>> {
        self.mailbox.load().as_ref().map(|actor| ActorRef::clone(actor))
    }

    pub(in crate::actors) fn tell(&self, message: PartnerMessage) -> Result<(), Unavailable> {
        let mailbox = self.mailbox.load();
        let mailbox = mailbox.as_ref().ok_or(Unavailable)?;
        mailbox.cast(message).map_err(|_| Unavailable)
    }

    /// Why the partner's actor is down, as the log says it; `None` while it is up or starts for the
    /// first time.
    pub fn why_down(&self) -> Option<Arc<String>> {
        self.down.load_full().filter(|_| !self.is_removed())
    }

    pub(in crate::actors) fn connect(&self, actor: ActorRef<PartnerMessage>) {
        self.mailbox.store(Some(Arc::new(actor)));
        self.down.store(None);
    }

    /// An actor takes what it is told.
    pub(in crate::actors) fn is_connected(&self) -> bool {
        self.mailbox.load().is_some()
    }

    /// It is this actor that takes what it is told.
    pub(in crate::actors) fn is_served_by(&self, actor: ActorId) -> bool {
        self.mailbox.load().as_ref().is_some_and(|mailbox| mailbox.get_id() == actor)
    }

    /// The actor is down: callers see "unknown".
    pub(in crate::actors) fn disconnect(&self, why: String) {
        self.mailbox.store(None);
        self.down.store(Some(Arc::new(why)));
    }

    pub(in crate::actors) fn reconfigure(&self, settings: PartnerSettings) {
        let before = self.settings.load().limits.clone();
        let settings = Arc::new(settings);
        self.settings.store(settings.clone());
        if before != settings.limits {
            let limits = self.limits.load().resized(&settings.limits);
            self.limits.store(Arc::new(limits));
        }
        if before.bytes_in_flight_max != settings.limits.bytes_in_flight_max {
            // what has been taken in holds its right of the budget before, and ends with it
            self.admission.store(Arc::new(Admission::new(settings.limits.bytes_in_flight_max)));
        }
        // an actor that is down reads its settings when it starts
        let _ = self.tell(PartnerMessage::Reconfigure(settings));
    }

    /// It is no longer configured; gives its actor, which has to stop.
    pub(in crate::actors) fn retire(&self) -> Option<ActorRef<PartnerMessage>> {
        self.removed.store(true, Ordering::Release);
        self.mailbox.swap(None).map(|actor| ActorRef::clone(&actor))
    }

    /// Its actor is to stop, and another will follow: until then callers see "unknown".
    pub(in crate::actors) fn take_actor(&self, why: &str) -> Option<ActorRef<PartnerMessage>> {
        self.down.store(Some(Arc::new(why.to_owned())));
        self.mailbox.swap(None).map(|actor| ActorRef::clone(&actor))
    }

    /// It is configured again; its actor is about to start.
    pub(in crate::actors) fn restore(&self, settings: PartnerSettings) {
        self.reconfigure(settings);
        self.purged.store(false, Ordering::Release);
        self.removed.store(false, Ordering::Release);
    }

    /// Ends when the actor has handled what was in its mailbox.
    pub(in crate::actors) async fn drain(&self) {
        let Some(actor) = self.mailbox.swap(None) else { return };
        // an actor that has gone has nothing left to handle
        let _ = actor.drain_and_wait(None).await;
    }
}

/// Reads the documents that the decisions will rest on, each paid for before the next is read.
fn prefetch(
    reader: &Reader,
    no: PartnerNo,
    mut push: Box<Push>,
) -> Result<(Box<Push>, Prefetched), NotDecided> {
    let mut prefetched = Prefetched::new();
    for write in push.writes.iter().flatten() {
        let Write::Asset(write) = write else { continue };
        if prefetched.contains_key(&write.id) {
            continue;
        }
        if let Some(row) = row_unless_damaged(reader, no, &write.id)? {
            push.permit.weigh(row.document.bytes())?;
            prefetched.insert(write.id.clone(), (row.head.version, row.document));
        }
    }
    Ok((push, prefetched))
}

/// What is stored of an asset. One that is damaged is left to the actor, which decides what its head
/// alone decides; any other failure leaves the outcome unknown.
fn row_unless_damaged(reader: &Reader, no: PartnerNo, id: &AssetId) -> Result<Option<AssetRow>, Unavailable> {
    match reader.asset(no, id) {
        Err(error) if error.is_damage() => Ok(None),
        read => read.map_err(|error| {
            tracing::error!(partner = no.0, %error, "cannot read what a decision rests on");
            Unavailable
        }),
    }
}

/// The last key before those of deliveries that are named by this hash; `None` where there is none
/// before them.
fn short_before(short: u64) -> Option<DeliveryKey> {
    let before = u128::from(short.checked_sub(1)?) << 64 | u128::from(u64::MAX);
    Some(DeliveryKey(before.to_be_bytes()))
}

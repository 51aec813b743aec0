//! The supervisor: one actor per configured partner, started again when it dies or could not be
//! started, after waits that double and within a budget. One that has used it up rests, and comes
//! back by itself, or at once with the next configuration.
//!
//! Partners start and stop in tasks of their own, which come back by message: neither a failure nor
//! a large index of one holds up another.

mod clear;
mod handle;
mod message;
mod standing;
mod starts;

pub use handle::SupervisorHandle;
pub use message::ConfigureError;

use crate::actors::numbers::partner_numbers;
use crate::actors::partner::{PartnerMessage, SharedServices};
use crate::actors::registry::Registry;
use crate::actors::registry::entry::PartnerEntry;
use crate::actors::tasks::{TaskKind, spawn};
use crate::clock::sleep;
use crate::config::PartnerSettings;
use crate::domain::{PartnerName, PartnerNumber};
use crate::rules::restart::{Restart, RestartBudget};
use crate::telemetry::Metrics;
use message::SupervisorMessage;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use starts::{Asked, ConfigureStep, Starting, WaitingList};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub struct Supervisor;

/// What the supervisor starts with.
pub struct SupervisorArguments {
    /// What every partner's actor is given.
    pub shared: SharedServices,
    /// Where partners are found by name and number.
    pub registry: Registry,
    /// Where restarts are counted.
    pub metrics: Metrics,
}

pub struct SupervisorState {
    shared: SharedServices,
    registry: Registry,
    metrics: Metrics,
    /// Which partner an actor is for.
    children: HashMap<ActorId, PartnerName>,
    budgets: BTreeMap<PartnerName, RestartBudget>,
    /// Of those that are down.
    timers: BTreeMap<PartnerName, JoinHandle<()>>,
    /// Starts under way, at most one of each partner.
    starting: BTreeMap<PartnerName, Starting>,
    /// Actors that failed before it was known whose they are.
    fell_early: HashSet<ActorId>,
    /// Actors that were told to stop and may not have yet: no successor must meet them.
    leaving: BTreeMap<PartnerName, ActorRef<PartnerMessage>>,
    waiting: WaitingList,
    /// Sandboxes that are being cleared, and who has asked for it.
    clearing: BTreeMap<PartnerName, (JoinHandle<()>, Asked)>,
    draining: bool,
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = SupervisorArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<SupervisorMessage>,
        arguments: SupervisorArguments,
    ) -> Result<SupervisorState, ActorProcessingErr> {
        Ok(SupervisorState {
            shared: arguments.shared,
            registry: arguments.registry,
            metrics: arguments.metrics,
            children: HashMap::new(),
            budgets: BTreeMap::new(),
            timers: BTreeMap::new(),
            starting: BTreeMap::new(),
            fell_early: HashSet::new(),
            leaving: BTreeMap::new(),
            waiting: WaitingList::default(),
            clearing: BTreeMap::new(),
            draining: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Configure { partners, reply } => {
                state.configure(partners, reply, &myself).await;
            }
            SupervisorMessage::StartAgain { partner } => state.start_again(&partner, &myself),
            SupervisorMessage::StartEnded { partner } => state.start_ended(&partner, &myself),
            SupervisorMessage::Retired { partner } => state.retired(partner).await,
            SupervisorMessage::ClearSandbox { partner, reply } => {
                state.clear_sandbox(&partner, reply, &myself);
            }
            SupervisorMessage::Purge { partner, reply } => state.purge(&partner, reply, &myself),
            SupervisorMessage::Cleared { partner, outcome } => state.cleared(&partner, outcome, &myself),
            SupervisorMessage::Drain { reply } => {
                state.drain().await;
                let _ = reply.send(());
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(who, error) => {
                state.child_failed(who.get_id(), &error.to_string(), &myself);
            }
            SupervisionEvent::ActorTerminated(who, ..) => drop(state.child_gone(who.get_id())),
            _ => {}
        }
        Ok(())
    }
}

impl SupervisorState {
    /// Makes the running partners those of the configuration; the reply follows when all that this
    /// starts and stops has come to its end.
    async fn configure(
        &mut self,
        partners: Vec<PartnerSettings>,
        reply: oneshot::Sender<Result<(), ConfigureError>>,
        myself: &ActorRef<SupervisorMessage>,
    ) {
        let purged = |partner: &&PartnerSettings| {
            self.registry.by_name(partner.name.as_str()).is_some_and(|entry| entry.is_being_purged())
        };
        if let Some(partner) = partners.iter().find(purged) {
            return drop(reply.send(Err(ConfigureError::BeingPurged(partner.name.clone()))));
        }
        self.shared.feeds = partners.iter().filter(|partner| partner.feed.is_some()).count();
        let numbers = match self.number(&partners).await {
            Ok(numbers) => numbers,
            // whoever asked may have gone, here and below; the partners run all the same
            Err(error) => return drop(reply.send(Err(error))),
        };
        let mut steps = self.retire_others(&partners, &numbers, myself);
        let entries: Vec<_> =
            partners.into_iter().map(|settings| self.entry_of(settings, &numbers)).collect();
        self.registry.insert(&entries);
        for entry in entries {
            if !entry.is_connected() {
                // whoever configures wants it up, however often it has failed
                self.budgets.remove(&entry.name);
                self.start(&entry, false, myself);
                steps.insert((ConfigureStep::Start, entry.name.clone()));
            }
        }
        if let Err(error) = self.tell_removed(&numbers).await {
            return drop(reply.send(Err(error)));
        }
        self.waiting.add(steps, reply);
    }

    /// The partner's entry, with these settings; one that is new has to be put into the registry.
    fn entry_of(
        &self,
        settings: PartnerSettings,
        numbers: &HashMap<PartnerName, PartnerNumber>,
    ) -> Arc<PartnerEntry> {
        match self.registry.by_name(settings.name.as_str()) {
            Some(entry) if entry.is_removed() => {
                entry.restore(settings);
                entry
            }
            Some(entry) => {
                // what has not changed is not touched
                if **entry.settings.load() != settings {
                    entry.reconfigure(settings);
                }
                entry
            }
            None => {
                let no = numbers[&settings.name].no;
                Arc::new(PartnerEntry::new(no, settings, self.shared.reader.clone()))
            }
        }
    }

    /// Partners that are no longer configured: their feed stops, their key is refused, their assets
    /// stay readable, marked as removed. Gives the stops that this has begun.
    fn retire_others(
        &mut self,
        partners: &[PartnerSettings],
        numbers: &HashMap<PartnerName, PartnerNumber>,
        myself: &ActorRef<SupervisorMessage>,
    ) -> HashSet<(ConfigureStep, PartnerName)> {
        let mut steps = HashSet::new();
        let wanted: HashSet<&PartnerName> = partners.iter().map(|partner| &partner.name).collect();
        for entry in self.registry.all() {
            if !wanted.contains(&entry.name) && !entry.is_removed() {
                tracing::info!(partner = %entry.name, "partner removed, its assets stay readable");
                self.stop_timer(&entry.name);
                if let Some(actor) = entry.retire() {
                    self.let_go(&entry.name, actor, myself);
                    steps.insert((ConfigureStep::Stop, entry.name.clone()));
                }
                self.metrics.partner_has_gone(&entry.name);
            }
        }
        // of a purged one too: who follows the changes must learn of its deletes under its name
        let is_unknown = |(name, number): &(&PartnerName, &PartnerNumber)| {
            !wanted.contains(*name) && self.registry.by_no(number.no).is_none()
        };
        let gone = numbers.iter().filter(is_unknown).map(|(name, number)| {
            Arc::new(PartnerEntry::removed(*number, name.clone(), self.shared.reader.clone()))
        });
        self.registry.insert(&gone.collect::<Vec<_>>());
        steps
    }

    /// Every partner's number, and what is known of it; a clearing that was cut off is gone through first.
    async fn number(
        &self,
        partners: &[PartnerSettings],
    ) -> Result<HashMap<PartnerName, PartnerNumber>, ConfigureError> {
        let mut numbers = standing::number(&self.shared, partners).await?;
        for (name, number) in numbers.iter_mut().filter(|(_, number)| number.is_clearing) {
            // the one that is under way ends by itself
            if !self.clearing.contains_key(name) {
                clear::clear(self.shared.clone(), name.clone(), *number).await?;
                number.is_clearing = false;
            }
        }
        Ok(numbers)
    }

    /// Has followers learn of partners that are no longer configured, once nothing more of them can be
    /// committed: those whose actors still run are told of when these have stopped.
    async fn tell_removed(
        &self,
        numbers: &HashMap<PartnerName, PartnerNumber>,
    ) -> Result<(), ConfigureError> {
        let gone = numbers.iter().filter(|(name, number)| {
            let is_removed = self.registry.by_no(number.no).is_some_and(|entry| entry.is_removed());
            let is_busy = self.leaving.contains_key(*name)
                || self.starting.contains_key(*name)
                || self.clearing.contains_key(*name);
            is_removed && !is_busy
        });
        standing::tell_removed(&self.shared, gone).await
    }

    /// Its actor has stopped: nothing more of it can be committed, unless it has been restored meanwhile.
    async fn retired(&mut self, name: PartnerName) {
        // a sandbox that is being cleared leaves by that
        if !self.clearing.contains_key(&name) {
            self.leaving.remove(&name);
        }
        let told = match partner_numbers(&self.shared.reader) {
            Ok(numbers) => self.tell_removed(&numbers).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = told {
            // the next configuration or start tells it
            tracing::error!(partner = %name, %error, "a removed partner is not told of");
        }
        self.waiting.settle((ConfigureStep::Stop, name));
    }

    /// Begins a start, unless one is under way; `is_restart`: after a death or a start that failed.
    fn start(&mut self, entry: &Arc<PartnerEntry>, is_restart: bool, myself: &ActorRef<SupervisorMessage>) {
        self.stop_timer(&entry.name);
        // one that is being cleared starts when that is over
        if !self.starting.contains_key(&entry.name) && !self.clearing.contains_key(&entry.name) {
            let metrics = self.metrics.partner(&entry.name);
            let predecessor = self.leaving.get(&entry.name).cloned();
            let starting =
                Starting::begin(entry, self.shared.clone(), metrics, (is_restart, predecessor), myself);
            self.starting.insert(entry.name.clone(), starting);
        }
    }

    /// One that does not run now is tried again later.
    fn start_ended(&mut self, name: &PartnerName, myself: &ActorRef<SupervisorMessage>) {
        let Some(mut starting) = self.starting.remove(name) else { return };
        let started = starting.outcome();
        let fell = started.as_ref().is_ok_and(|actor| self.fell_early.remove(&actor.get_id()));
        if self.starting.is_empty() {
            self.fell_early.clear();
        }
        if let Some(entry) = self.registry.by_name(name.as_str()) {
            match started {
                Ok(actor) if entry.is_removed() => self.let_go(name, actor, myself),
                Ok(_) if fell => self.start_later(&entry, "it failed as soon as it ran".into(), myself),
                Ok(actor) => self.connect(&entry, actor, &starting),
                Err(_) if entry.is_removed() => {}
                Err(error) => {
                    tracing::error!(partner = %name, error, "partner cannot be started");
                    self.start_later(&entry, error, myself);
                }
            }
        }
        self.waiting.settle((ConfigureStep::Start, name.clone()));
    }

    fn connect(&mut self, entry: &PartnerEntry, actor: ActorRef<PartnerMessage>, starting: &Starting) {
        self.children.insert(actor.get_id(), entry.name.clone());
        entry.connect(actor);
        let settings = entry.settings.load_full();
        if !Arc::ptr_eq(&settings, &starting.settings) {
            // configured again while it started; one that has died since reads them at its next start
            let _ = entry.tell(PartnerMessage::Reconfigure(settings));
        }
        if starting.is_restart {
            tracing::info!(partner = %entry.name, "partner started again");
            self.metrics.actor_restarted("partner");
        }
    }

    /// Begins to clear a sandbox, unless it is being started or cleared.
    fn clear_sandbox(&mut self, name: &PartnerName, reply: Asked, myself: &ActorRef<SupervisorMessage>) {
        let entry = self.registry.by_name(name.as_str());
        let entry = entry.filter(|entry| entry.is_sandbox() && !entry.is_removed() && !self.draining);
        let is_busy = self.starting.contains_key(name) || self.clearing.contains_key(name);
        let Some(entry) = entry.filter(|_| !is_busy) else {
            return drop(reply.send(Err(ConfigureError::StillRunning)));
        };
        self.stop_timer(name);
        let actor =
            entry.take_actor("its sandbox is being cleared").or_else(|| self.leaving.get(name).cloned());
        if let Some(actor) = &actor {
            self.leaving.insert(name.clone(), actor.clone());
        }
        let number = PartnerNumber::new(entry.no, true);
        let task = clear::begin(self.shared.clone(), (name.clone(), number), actor, myself.clone());
        self.clearing.insert(name.clone(), (task, reply));
    }

    /// Begins to take away what a removed partner has left, unless its actor is still being stopped.
    fn purge(&mut self, name: &PartnerName, reply: Asked, myself: &ActorRef<SupervisorMessage>) {
        let entry = self.registry.by_name(name.as_str());
        let entry = entry.filter(|entry| entry.is_removed() && !entry.is_purged());
        let Some(entry) = entry else { return drop(reply.send(Err(ConfigureError::NothingToPurge))) };
        let is_busy = self.starting.contains_key(name)
            || self.clearing.contains_key(name)
            || self.leaving.contains_key(name);
        if is_busy || self.draining {
            return drop(reply.send(Err(ConfigureError::StillRunning)));
        }
        entry.begin_purge();
        let task = clear::begin_purge(self.shared.clone(), entry, myself.clone());
        self.clearing.insert(name.clone(), (task, reply));
    }

    /// Starts the partner again; whoever asked is answered when it runs.
    fn cleared(
        &mut self,
        name: &PartnerName,
        outcome: Result<(), ConfigureError>,
        myself: &ActorRef<SupervisorMessage>,
    ) {
        let Some((_, reply)) = self.clearing.remove(name) else { return };
        if let Err(error) = &outcome {
            tracing::error!(partner = %name, %error, "what a partner has cannot be taken away");
        }
        let entry = self.registry.by_name(name.as_str());
        if let Some(purged) = entry.as_ref().filter(|entry| entry.is_being_purged()) {
            purged.end_purge(outcome.is_ok());
            return drop(reply.send(outcome));
        }
        let entry = entry.filter(|entry| !entry.is_removed() && !self.draining);
        // what is half taken away is not decided upon: it stays down until it is cleared
        let is_sound = matches!(outcome, Ok(()) | Err(ConfigureError::StillRunning));
        let Some(entry) = entry.filter(|_| is_sound) else {
            self.waiting.settle((ConfigureStep::Start, name.clone()));
            return drop(reply.send(outcome.and(Err(ConfigureError::StillRunning))));
        };
        self.start(&entry, false, myself);
        match outcome {
            Ok(()) => self.waiting.add([(ConfigureStep::Start, name.clone())].into(), reply),
            failed => drop(reply.send(failed)),
        }
    }

    /// Has an actor stop that is no longer wanted.
    fn let_go(
        &mut self,
        name: &PartnerName,
        actor: ActorRef<PartnerMessage>,
        myself: &ActorRef<SupervisorMessage>,
    ) {
        starts::stop(name, actor.clone(), myself);
        self.leaving.insert(name.clone(), actor);
    }

    fn child_gone(&mut self, who: ActorId) -> Option<PartnerName> {
        self.leaving.retain(|_, actor| actor.get_id() != who);
        self.children.remove(&who)
    }

    /// One partner's death is its own: it alone is started again.
    fn child_failed(&mut self, who: ActorId, error: &str, myself: &ActorRef<SupervisorMessage>) {
        let Some(name) = self.child_gone(who) else {
            // it may be one whose start has not been heard of yet
            self.fell_early.extend((!self.starting.is_empty()).then_some(who));
            return;
        };
        let Some(entry) = self.registry.by_name(name.as_str()) else { return };
        if self.draining || entry.is_removed() {
            return;
        }
        tracing::error!(partner = %name, error, "partner failed");
        // one that was told to stop may fail late: its successor is none the worse for it
        if entry.is_served_by(who) {
            self.start_later(&entry, error.to_owned(), myself);
        }
    }

    fn start_later(&mut self, entry: &PartnerEntry, why: String, myself: &ActorRef<SupervisorMessage>) {
        entry.disconnect(why);
        let now = self.shared.clock.now();
        let wait = match self.budgets.entry(entry.name.clone()).or_default().take(now) {
            Restart::After(wait) => wait,
            Restart::LeftDown(wait) => {
                tracing::error!(partner = %entry.name, ?wait, "partner failed too often, left down");
                wait
            }
        };
        let (partner, actor) = (entry.name.clone(), myself.clone());
        self.stop_timer(&entry.name);
        let timer = spawn(TaskKind::RestartTimer, async move {
            sleep(wait).await;
            // a supervisor that has gone starts nothing
            let _ = actor.cast(SupervisorMessage::StartAgain { partner });
        });
        self.timers.insert(entry.name.clone(), timer);
    }

    fn start_again(&mut self, name: &PartnerName, myself: &ActorRef<SupervisorMessage>) {
        let Some(entry) = self.registry.by_name(name.as_str()) else { return };
        // the timer's call may have been under way when it was stopped
        if !self.draining && !entry.is_removed() && !entry.is_connected() {
            self.start(&entry, true, myself);
        }
    }

    fn stop_timer(&mut self, name: &PartnerName) {
        if let Some(timer) = self.timers.remove(name) {
            timer.abort();
        }
    }

    async fn drain(&mut self) {
        self.draining = true;
        std::mem::take(&mut self.timers).into_values().for_each(|timer| timer.abort());
        for entry in self.registry.all() {
            entry.drain().await;
        }
        for (clearing, _) in std::mem::take(&mut self.clearing).into_values() {
            // it holds the store; how it ended is read at the next start
            let _ = clearing.await;
        }
        // what has just started, or is about to stop, holds the store too
        for starting in std::mem::take(&mut self.starting).into_values() {
            starting.undo().await;
        }
        for actor in std::mem::take(&mut self.leaving).into_values() {
            starts::wait_for_end(&actor).await;
        }
    }
}

impl SupervisorHandle {
    /// Starts the supervisor. Errors where one runs already.
    pub async fn start(arguments: SupervisorArguments) -> Result<SupervisorHandle, ractor::SpawnErr> {
        let (actor, _) = Actor::spawn(None, Supervisor, arguments).await?;
        Ok(SupervisorHandle::new(actor))
    }
}

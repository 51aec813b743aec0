//! The supervisor: one actor per configured partner, started again when it dies or could not be
//! started, after waits that double and within a budget. One that has used it up rests, and comes
//! back by itself, or at once with the next configuration. No partner's failure stops another's start.

use super::handle::{PartnerEntry, Registry};
use super::partner::{PartnerActor, PartnerArguments, Surroundings};
use super::tasks::{TaskKind, spawn};
use crate::clock::sleep;
use crate::config::PartnerSettings;
use crate::domain::{ChangeKind, PartnerName, PartnerNo, RecordChange, RecordKind, WriteSet};
use crate::rules::restart::{Restart, RestartBudget};
use crate::store::{ReadError, Reader};
use crate::telemetry::Metrics;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Where the numbers of partners are kept: a partner's number is never given to another.
pub(super) const NUMBERS: PartnerNo = PartnerNo(0);

pub struct Supervisor;

#[derive(Debug)]
pub enum SupervisorMessage {
    /// Makes the running partners those of the configuration.
    Configure { partners: Vec<PartnerSettings>, reply: oneshot::Sender<Result<(), ConfigureError>> },
    /// The wait of one that is down is over.
    StartAgain { partner: PartnerName },
    /// Stops every partner once it has handled what is in its mailbox.
    Drain { reply: oneshot::Sender<()> },
}

/// The configuration could not be taken up.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    #[error("the partners' numbers cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the store takes no writes")]
    Storage,
}

pub struct SupervisorArguments {
    pub around: Surroundings,
    pub registry: Registry,
    pub metrics: Metrics,
}

pub struct SupervisorState {
    around: Surroundings,
    registry: Registry,
    metrics: Metrics,
    /// Which partner an actor is for.
    children: HashMap<ActorId, PartnerName>,
    budgets: BTreeMap<PartnerName, RestartBudget>,
    /// Of those that are down.
    timers: BTreeMap<PartnerName, JoinHandle<()>>,
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
            around: arguments.around,
            registry: arguments.registry,
            metrics: arguments.metrics,
            children: HashMap::new(),
            budgets: BTreeMap::new(),
            timers: BTreeMap::new(),
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
                // whoever asked may have gone; the partners run all the same
                let _ = reply.send(state.configure(partners, &myself).await);
            }
            SupervisorMessage::StartAgain { partner } => state.start_again(&partner, &myself).await,
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
            SupervisionEvent::ActorTerminated(who, ..) => drop(state.children.remove(&who.get_id())),
            _ => {}
        }
        Ok(())
    }
}

impl SupervisorState {
    async fn configure(
        &mut self,
        partners: Vec<PartnerSettings>,
        myself: &ActorRef<SupervisorMessage>,
    ) -> Result<(), ConfigureError> {
        self.around.feeds = partners.iter().filter(|partner| partner.feed.is_some()).count();
        let numbers = self.number(&partners).await?;
        self.retire_others(&partners, &numbers).await;
        for settings in partners {
            let entry = match self.registry.by_name(settings.name.as_str()) {
                Some(entry) if entry.is_removed() => {
                    entry.restore(settings);
                    entry
                }
                Some(entry) => {
                    entry.reconfigure(settings);
                    entry
                }
                None => {
                    let (no, _) = numbers[&settings.name];
                    let entry = Arc::new(PartnerEntry::new(no, settings, self.around.reader.clone()));
                    self.registry.insert(entry.clone());
                    entry
                }
            };
            if !entry.is_connected() {
                // whoever configures wants it up, however often it has failed
                self.budgets.remove(&entry.name);
                self.start_or_retry(&entry, myself).await;
            }
        }
        Ok(())
    }

    /// Partners that are no longer configured: their feed stops, their key is refused, their assets
    /// stay readable, marked as removed.
    async fn retire_others(
        &mut self,
        partners: &[PartnerSettings],
        numbers: &HashMap<PartnerName, (PartnerNo, bool)>,
    ) {
        let wanted: HashSet<&PartnerName> = partners.iter().map(|partner| &partner.name).collect();
        for entry in self.registry.all() {
            if !wanted.contains(&entry.name) && !entry.is_removed() {
                tracing::info!(partner = %entry.name, "partner removed, its assets stay readable");
                self.stop_timer(&entry.name);
                entry.retire().await;
                self.metrics.partner(&entry.name).is_up(None);
            }
        }
        // of a purged one too: who follows the changes must learn of its deletes under its name
        for (name, (no, is_purged)) in numbers {
            if !wanted.contains(name) && self.registry.by_no(*no).is_none() {
                let entry = PartnerEntry::removed(*no, name.clone(), self.around.reader.clone(), *is_purged);
                self.registry.insert(Arc::new(entry));
            }
        }
    }

    /// Every partner's number, and whether it has been purged; those of the configured ones are
    /// made durable before they are used.
    async fn number(
        &self,
        partners: &[PartnerSettings],
    ) -> Result<HashMap<PartnerName, (PartnerNo, bool)>, ConfigureError> {
        let mut numbers = partner_numbers(&self.around.reader)?;
        let mut next = numbers.values().map(|(no, _)| no.0).max().unwrap_or(0) + 1;
        let mut set = WriteSet::new(NUMBERS);
        for partner in partners {
            let no = match numbers.get(&partner.name) {
                Some((_, false)) => continue,
                // it comes back after a purge, under its old number
                Some((no, true)) => *no,
                None => {
                    next += 1;
                    PartnerNo(next - 1)
                }
            };
            numbers.insert(partner.name.clone(), (no, false));
            set.changes.push(number_record(&partner.name, no, false));
        }
        if !set.changes.is_empty() {
            self.around.storage.commit_and_wait(set).await.map_err(|_| ConfigureError::Storage)?;
        }
        Ok(numbers)
    }

    /// Whether it runs now; one that does not is tried again later.
    async fn start_or_retry(
        &mut self,
        entry: &Arc<PartnerEntry>,
        myself: &ActorRef<SupervisorMessage>,
    ) -> bool {
        self.stop_timer(&entry.name);
        match self.start(entry, myself).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(partner = %entry.name, error, "partner cannot be started");
                self.start_later(entry, myself);
                false
            }
        }
    }

    async fn start(
        &mut self,
        entry: &Arc<PartnerEntry>,
        myself: &ActorRef<SupervisorMessage>,
    ) -> Result<(), String> {
        if entry.must_fail_to_start() {
            return Err("asked to fail by a test".into());
        }
        let metrics = self.metrics.partner(&entry.name);
        let arguments = PartnerArguments {
            no: entry.no,
            settings: entry.settings.load_full(),
            around: self.around.clone(),
            metrics: metrics.clone(),
            gap: entry.gap.clone(),
            poison: entry.poison.clone(),
            generation: entry.next_generation(),
        };
        let (actor, _) = Actor::spawn_linked(None, PartnerActor, arguments, myself.get_cell())
            .await
            .map_err(|error| error.to_string())?;
        self.children.insert(actor.get_id(), entry.name.clone());
        entry.connect(actor);
        metrics.is_up(Some(true));
        Ok(())
    }

    /// One partner's death is its own: it alone is started again.
    fn child_failed(&mut self, who: ActorId, error: &str, myself: &ActorRef<SupervisorMessage>) {
        let Some(name) = self.children.remove(&who) else { return };
        let Some(entry) = self.registry.by_name(name.as_str()) else { return };
        if self.draining || entry.is_removed() {
            return;
        }
        tracing::error!(partner = %name, error, "partner failed");
        self.start_later(&entry, myself);
    }

    fn start_later(&mut self, entry: &PartnerEntry, myself: &ActorRef<SupervisorMessage>) {
        entry.disconnect();
        self.metrics.partner(&entry.name).is_up(Some(false));
        let now = self.around.clock.now();
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

    async fn start_again(&mut self, name: &PartnerName, myself: &ActorRef<SupervisorMessage>) {
        let Some(entry) = self.registry.by_name(name.as_str()) else { return };
        // the timer's call may have been under way when it was stopped
        if self.draining || entry.is_removed() || entry.is_connected() {
            return;
        }
        if self.start_or_retry(&entry, myself).await {
            tracing::info!(partner = %name, "partner started again");
            self.metrics.actor_restarted("partner");
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
    }
}

/// The record of a partner's number: four bytes, and a fifth once the partner has been purged.
pub(super) fn number_record(name: &PartnerName, no: PartnerNo, is_purged: bool) -> ChangeKind {
    let mut value = no.0.to_le_bytes().to_vec();
    value.extend(is_purged.then_some(1));
    ChangeKind::Record(Box::new(RecordChange {
        kind: RecordKind::Partner,
        key: name.as_str().as_bytes().into(),
        value: Some(value.into()),
    }))
}

/// The numbers given so far, and whether their partner has been purged.
pub fn partner_numbers(reader: &Reader) -> Result<HashMap<PartnerName, (PartnerNo, bool)>, ReadError> {
    const PAGE: usize = 1_000;
    let mut numbers = HashMap::new();
    let mut after: Option<Box<[u8]>> = None;
    loop {
        let page = reader.records(RecordKind::Partner, NUMBERS, after.as_deref(), false, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(numbers) };
        after = Some(last.clone());
        for (key, value) in &page {
            let name = std::str::from_utf8(key).ok().and_then(|name| PartnerName::new(name).ok());
            let no = value.first_chunk().map(|bytes| PartnerNo(u32::from_le_bytes(*bytes)));
            numbers.extend(name.zip(no.map(|no| (no, value.len() > 4))));
        }
    }
}

/// The supervisor as the daemon holds it.
#[derive(Clone)]
pub struct SupervisorHandle(ActorRef<SupervisorMessage>);

impl SupervisorHandle {
    pub async fn start(arguments: SupervisorArguments) -> Result<SupervisorHandle, ractor::SpawnErr> {
        let (actor, _) = Actor::spawn(None, Supervisor, arguments).await?;
        Ok(SupervisorHandle(actor))
    }

    pub async fn configure(&self, partners: Vec<PartnerSettings>) -> Result<(), ConfigureError> {
        let (reply, answer) = oneshot::channel();
        self.0.cast(SupervisorMessage::Configure { partners, reply }).map_err(|_| ConfigureError::Storage)?;
        answer.await.unwrap_or(Err(ConfigureError::Storage))
    }

    /// Ends when every partner has handled what it had taken in, and the supervisor is gone.
    pub async fn drain(&self) {
        let (reply, drained) = oneshot::channel();
        if self.0.cast(SupervisorMessage::Drain { reply }).is_ok() {
            // a supervisor that has gone has no partners left
            let _ = drained.await;
        }
        // what it holds of the store must be gone before the file can be opened again
        let _ = self.0.stop_and_wait(None, None).await;
    }
}

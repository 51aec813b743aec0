//! A partner's start and stop, each in a task of its own that tells the supervisor how it ended.

use super::message::{ConfigureError, SupervisorMessage};
use crate::actors::partner::{PartnerActor, PartnerArguments, PartnerMessage, SharedServices};
use crate::actors::registry::entry::PartnerEntry;
use crate::actors::tasks::{TaskKind, spawn};
use crate::config::PartnerSettings;
use crate::domain::PartnerName;
use crate::telemetry::PartnerMetrics;
use ractor::{Actor, ActorCell, ActorRef};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// No handler waits for the outside, so an actor that is told to stop does so in far less.
const STOP_WAIT: Duration = Duration::from_secs(10);

/// What a configuration waits for, with the partner that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigureStep {
    Start,
    Stop,
}

/// Who is told how what he asked for has ended.
pub type Asked = oneshot::Sender<Result<(), ConfigureError>>;

/// Those who have asked for something, each until all of its steps have come to their end.
#[derive(Default)]
pub struct WaitingList(Vec<(HashSet<(ConfigureStep, PartnerName)>, Asked)>);

impl WaitingList {
    /// Someone waits for these steps; without any, the answer is there at once.
    pub fn add(&mut self, steps: HashSet<(ConfigureStep, PartnerName)>, reply: Asked) {
        self.0.push((steps, reply));
        self.answer();
    }

    /// A step has come to its end.
    pub fn settle(&mut self, step: (ConfigureStep, PartnerName)) {
        for (steps, _) in &mut self.0 {
            steps.remove(&step);
        }
        self.answer();
    }

    fn answer(&mut self) {
        for (_, reply) in self.0.extract_if(.., |(steps, _)| steps.is_empty()) {
            // whoever asked may have gone
            let _ = reply.send(Ok(()));
        }
    }
}

type Started = Result<ActorRef<PartnerMessage>, String>;

/// A start under way.
pub struct Starting {
    /// What it starts with: the entry may have others by its end.
    pub settings: Arc<PartnerSettings>,
    pub is_restart: bool,
    ended: oneshot::Receiver<Started>,
}

impl Starting {
    /// Behind the end of `predecessor`, where there is one: two actors must not decide for one partner.
    pub fn begin(
        entry: &Arc<PartnerEntry>,
        shared: SharedServices,
        metrics: Arc<PartnerMetrics>,
        (is_restart, predecessor): (bool, Option<ActorRef<PartnerMessage>>),
        supervisor: &ActorRef<SupervisorMessage>,
    ) -> Starting {
        let settings = entry.settings.load_full();
        let arguments = PartnerArguments {
            no: entry.no,
            settings: settings.clone(),
            shared,
            metrics,
            gap: entry.gap.clone(),
            board: entry.board.clone(),
            glance: entry.glance.clone(),
            poison: entry.poison.clone(),
            generation: entry.next_generation(),
        };
        let (end, ended) = oneshot::channel();
        let (entry, supervisor) = (entry.clone(), supervisor.clone());
        spawn(TaskKind::PartnerStart, async move {
            let started = start(&entry, arguments, predecessor, supervisor.get_cell()).await;
            // a supervisor that has gone has taken its actors along
            let _ = end.send(started);
            let _ = supervisor.cast(SupervisorMessage::StartEnded { partner: entry.name.clone() });
        });
        Starting { settings, is_restart, ended }
    }

    /// How it ended; to be asked once it has.
    pub fn outcome(&mut self) -> Started {
        self.ended.try_recv().unwrap_or_else(|_| Err("its start broke off".into()))
    }

    /// Waits for its end, and for that of the actor that it has started.
    pub async fn undo(self) {
        if let Ok(Ok(actor)) = self.ended.await {
            // one that has gone already has nothing to finish
            let _ = actor.drain_and_wait(None).await;
        }
    }
}

async fn start(
    entry: &PartnerEntry,
    arguments: PartnerArguments,
    predecessor: Option<ActorRef<PartnerMessage>>,
    supervisor: ActorCell,
) -> Started {
    if let Some(actor) = predecessor
        && !wait_for_end(&actor).await
    {
        return Err("the one before has not stopped yet".into());
    }
    entry.hold_start_for_test().await;
    if entry.must_fail_to_start() {
        return Err("asked to fail by a test".into());
    }
    let spawned = Actor::spawn_linked(None, PartnerActor, arguments, supervisor).await;
    spawned.map(|(actor, _)| actor).map_err(|error| error.to_string())
}

/// Has an actor finish what it is at, and stop.
pub fn stop(name: &PartnerName, actor: ActorRef<PartnerMessage>, supervisor: &ActorRef<SupervisorMessage>) {
    let (partner, supervisor) = (name.clone(), supervisor.clone());
    spawn(TaskKind::PartnerStop, async move {
        actor.stop(Some("no longer configured".into()));
        wait_for_end(&actor).await;
        // a supervisor that has gone waits for nothing
        let _ = supervisor.cast(SupervisorMessage::Retired { partner });
    });
}

/// Whether the actor has stopped within the time that stopping takes.
pub async fn wait_for_end(actor: &ActorRef<PartnerMessage>) -> bool {
    actor.wait(Some(STOP_WAIT)).await.is_ok()
}

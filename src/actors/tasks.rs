//! Tasks beside the actors. Each has a kind that says what its end means; none is spawned bare.

use std::future::Future;
use tokio::task::JoinHandle;

/// What a task is for, and so what is lost when it ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// Wakes a partner's actor for its next fetch. Cancelled when the schedule moves.
    FetchTimer,
    /// Wakes a partner's actor for a gap that has stayed open. Cancelled when the actor stops.
    GapTimer,
    /// One run of a feed. Its actor hears of its end, also by a panic, and goes on with the schedule.
    FeedRun,
    /// Wakes a partner's actor for its next sweep. Cancelled when the actor ends.
    SweepTimer,
    /// Wakes a partner's actor to let go of documents that it holds. Ends early with the runtime alone.
    LetGoTimer,
    /// Starts a partner's actor. The supervisor waits for its end, also when it drains.
    PartnerStart,
    /// Waits for an actor that was told to stop. Ending early leaves a configuration unanswered.
    PartnerStop,
    /// Takes away all that a sandbox has. Cut off, it is gone through again at the next start.
    SandboxClearing,
    /// Takes away what a removed partner has left. Cut off, it can be asked for again.
    PartnerPurge,
    /// Wakes the supervisor to start a partner's actor again. Cancelled when that starts before.
    RestartTimer,
    /// An operator's order on a plan. Ending early leaves the plan held; it can be ordered again.
    PlanOrder,
    /// Writes that an act of an operator ended without an answer. Cut off, the act stays as begun.
    AuditEnd,
}

impl TaskKind {
    fn as_str(self) -> &'static str {
        match self {
            TaskKind::FetchTimer => "fetch_timer",
            TaskKind::GapTimer => "gap_timer",
            TaskKind::FeedRun => "feed_run",
            TaskKind::SweepTimer => "sweep_timer",
            TaskKind::LetGoTimer => "let_go_timer",
            TaskKind::PartnerPurge => "partner_purge",
            TaskKind::RestartTimer => "restart_timer",
            TaskKind::PartnerStart => "partner_start",
            TaskKind::PartnerStop => "partner_stop",
            TaskKind::SandboxClearing => "sandbox_clearing",
            TaskKind::PlanOrder => "plan_order",
            TaskKind::AuditEnd => "audit_end",
        }
    }
}

/// Spawns a task that ends with the runtime, or when its handle is aborted.
pub fn spawn(kind: TaskKind, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        tracing::trace!(kind = kind.as_str(), "task started");
        work.await;
    })
}

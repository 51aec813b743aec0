//! A push and its answer, as they cross from the edge to a partner's actor and back.

use super::admission::{Permit, Shed};
use super::delivery::{Delivery, Standing};
use crate::codec::request::again::Form;
use crate::domain::hook::HookHeaders;
use crate::domain::{AssetId, ItemOutcome, Micros, Missing, Origin, QuoteName, Seq, Write};
use crate::rules::push::condition::Condition;
use bytes::Bytes;
use compact_str::CompactString;
use std::sync::Arc;
use tokio::sync::oneshot;

/// One batch of writes from one partner, decoded.
#[derive(Debug)]
pub struct Push {
    /// In the order of the items; what could not be decoded stands as its refusal.
    pub writes: Vec<Result<Write, Box<ItemOutcome>>>,
    /// When its body had come in.
    pub received_at: Micros,
    /// All or nothing.
    pub atomic: bool,
    /// Decide, but change nothing.
    pub dry_run: bool,
    /// What it asks for.
    pub body: PushBody,
    /// The room that it takes until it is answered.
    pub permit: Permit,
    /// Of a push that carries a delivery id (G2).
    pub delivery: Option<Delivery>,
    /// Of a conditional push: the asset that it is about, and what that must be.
    pub condition: Option<Box<(AssetId, Condition)>>,
}

impl Push {
    /// What its changes name as their origin.
    pub fn origin(&self) -> Origin {
        Origin::Push { delivery: self.delivery.as_ref().map_or(0, |delivery| delivery.key.short()) }
    }
}

/// The body as received: refused items are quarantined with their text.
#[derive(Clone, Debug)]
pub struct PushBody {
    /// Empty where the request had none.
    pub bytes: Bytes,
    /// Which shape its answer has.
    pub form: Form,
    /// The asset that the path named.
    pub id: Option<AssetId>,
    /// The quote that the query named.
    pub quote: Option<QuoteName>,
    /// Of a call of a hook: what it was read with.
    pub hook: Option<Arc<PushedHook>>,
}

/// What a hook's body was read with, beside the body.
#[derive(Debug)]
pub struct PushedHook {
    /// The hook's name.
    pub name: String,
    /// The headers that its mapping reads.
    pub headers: HookHeaders,
    /// The ids of its items, as far as they could be read.
    pub ids: Arc<Vec<CompactString>>,
}

/// What became of a push; sent when all that it rests on is durable. `E` is what it came to.
#[derive(Debug)]
pub enum PushAnswer<E = PushEffect> {
    /// It was decided.
    Decided(E),
    /// Its delivery id is known with another body, which was decided all the same: some headers only
    /// say that a body may have been built again (G2).
    Rebuilt(E),
    /// All this was answered before, under the same delivery id (G2).
    Replayed(E),
    /// The delivery id stands for another body: nothing was decided.
    KeyReused,
    /// The asset is not as the push's conditions want it: nothing was decided.
    Moved,
}

/// What a push came to, durable.
#[derive(Debug)]
pub struct PushEffect {
    /// In the order of the push's items.
    pub items: Vec<ItemOutcome>,
    /// The sequence of the first of the batch's changes: an item's cursor is this plus its index.
    pub first: Seq,
    /// Everything up to here is durable, the batch included.
    pub durable: Seq,
    /// Ranges still missing in the partner's numbered streams (G1).
    pub missing: Vec<Missing>,
}

/// What a push came to, on its way to the log.
#[derive(Debug)]
pub struct Pending {
    pub items: Vec<ItemOutcome>,
    pub missing: Vec<Missing>,
    /// Of a delivery that is remembered (G2).
    pub standing: Option<Standing>,
}

/// Who waits for the answer to a push. The push's right to be worked on falls once it has left.
#[derive(Debug)]
#[must_use = "a push is answered once"]
pub struct PushReply {
    caller: oneshot::Sender<PushAnswer>,
    _permit: Permit,
}

impl<E> PushAnswer<E> {
    /// The same answer with another effect.
    pub fn map<F>(self, settle: impl FnOnce(E) -> F) -> PushAnswer<F> {
        match self {
            PushAnswer::Decided(effect) => PushAnswer::Decided(settle(effect)),
            PushAnswer::Rebuilt(effect) => PushAnswer::Rebuilt(settle(effect)),
            PushAnswer::Replayed(effect) => PushAnswer::Replayed(settle(effect)),
            PushAnswer::KeyReused => PushAnswer::KeyReused,
            PushAnswer::Moved => PushAnswer::Moved,
        }
    }
}

impl Pending {
    /// The set that began at `committed` is durable, and all up to `durable`. A delivery names the
    /// cursors that it named first.
    pub fn settle(self, committed: Seq, durable: Seq) -> PushEffect {
        let Pending { items, missing, standing } = self;
        let settled = standing.map(|standing| standing.settle(committed));
        let (first, durable) = settled.unwrap_or((committed, durable));
        PushEffect { items, first, durable, missing }
    }
}

impl PushReply {
    pub fn new(caller: oneshot::Sender<PushAnswer>, permit: Permit) -> PushReply {
        PushReply { caller, _permit: permit }
    }

    pub fn send(self, answer: PushAnswer) {
        // a caller who has gone is no error: its write stands
        let _ = self.caller.send(answer);
    }
}

/// Why a push has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDecided {
    /// The outcome is not known.
    Unavailable,
    /// Nothing was decided, nothing changed.
    Shed(Shed),
}

impl From<Unavailable> for NotDecided {
    fn from(_: Unavailable) -> NotDecided {
        NotDecided::Unavailable
    }
}

impl From<Shed> for NotDecided {
    fn from(shed: Shed) -> NotDecided {
        NotDecided::Shed(shed)
    }
}

/// The outcome is unknown: retry with the same delivery id (503).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the outcome is not known, retry with the same delivery id")]
pub struct Unavailable;

//! A push and its answer, as they cross from the edge to a partner's actor and back.

use super::admission::{Permit, Shed};
use super::delivery::Delivery;
use crate::codec::request::again::Form;
use crate::domain::{AssetId, ItemOutcome, Micros, Origin, Seq, Write};
use crate::rules::condition::Condition;
use crate::rules::deliveries::{DeliveryDecision, Missing};
use bytes::Bytes;

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
    pub body: PushBody,
    pub permit: Permit,
    /// Of a push that bears a delivery id (G2).
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

/// The text that a push came as, for what of it is refused and kept.
#[derive(Clone, Debug)]
pub struct PushBody {
    /// Empty where the request had none.
    pub bytes: Bytes,
    pub form: Form,
    /// The asset that the path named.
    pub id: Option<AssetId>,
}

/// What became of a batch; sent when all that it rests on is durable.
#[derive(Debug)]
pub struct PushReply {
    pub items: Vec<ItemOutcome>,
    /// The sequence of the first of the batch's changes: an item's cursor is this plus its index.
    pub first: Seq,
    /// Everything up to here is durable, the batch included.
    pub durable: Seq,
    /// Of the streams that the batch spoke of.
    pub missing: Vec<Missing>,
    /// `Replay`: all this was answered before. `Reused`: the delivery id stands for another body,
    /// and nothing was decided. `Rebuilt`: likewise, and it was decided all the same.
    pub decision: DeliveryDecision,
    /// The push's conditions did not hold: nothing was decided.
    pub unmet: bool,
}

/// Why a push has no reply.
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

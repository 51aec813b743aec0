//! What the routes of pushes ask for: of each route one [`Ask`], which says all that is particular to
//! it; and a request's [`Task`], which adds what its path names.

use crate::actors::PartnerEntry;
use crate::codec::request::{BodyError, BodyLimits, Decoded};
use crate::domain::{AssetId, QuoteName, RefusedKind, Write};
use crate::http::push::hook::HookTask;
use crate::http::push::kinds::Items;
use crate::http::reply::Fault;
use crate::http::request::call::Call;
use crate::http::request::intake::Accept;
use crate::rules::policy::Policy;

/// What a route of pushes takes in, and how it is read.
pub struct Ask {
    /// What its items are charged and counted as.
    pub items: Items,
    /// As what a refused item of it is kept.
    pub refused: RefusedKind,
    /// Where its writes stand, and how they are read.
    pub source: Source,
}

impl Ask {
    /// What its body may be; `None` where it takes none, or one of its sender's own shape.
    pub fn accept(&self) -> Option<Accept> {
        match self.source {
            Source::Items { accept, .. } | Source::Asset { accept, .. } => Some(accept),
            Source::Query(_) | Source::Hook => None,
        }
    }
}

/// Where the writes stand.
pub enum Source {
    /// In a body whose items name their assets.
    Items {
        accept: Accept,
        decode: DecodeItems,
        /// It takes one item only, so that a condition can speak of its asset.
        names_one: bool,
    },
    /// In a body about the asset that the path names.
    Asset { accept: Accept, decode: DecodeAsset },
    /// In the path and the query: there is no body.
    Query(WriteOf),
    /// In a body of the sender's own shape: its hook says how it is read.
    Hook,
}

/// Reads a body whose items name their assets.
pub type DecodeItems = fn(&Received<'_>) -> Result<Decoded, BodyError>;
/// Reads a body about one asset.
pub type DecodeAsset = fn(&Received<'_>, &Subject) -> Result<Decoded, BodyError>;
/// Makes the write of a request without a body. Errs at a query that cannot be read.
pub type WriteOf = fn(&Call<'_>, &AssetId) -> Result<Write, Fault>;

/// A body that has come whole, and what it is read by.
pub struct Received<'b> {
    /// The body, whole.
    pub bytes: &'b [u8],
    /// One item a line.
    pub ndjson: bool,
    /// What the partner has agreed on.
    pub policy: &'b Policy,
    /// What a body may hold.
    pub limits: BodyLimits,
}

/// What a body is about: the asset of the path, and the quote that the query names.
#[derive(Clone)]
pub struct Subject {
    /// The asset.
    pub id: AssetId,
    /// The quote that the query names.
    pub quote: Option<QuoteName>,
}

/// What one request is to have done.
pub enum Task {
    /// To read its body.
    Body(Accept, Decoder),
    /// To do what path and query say of the asset.
    Query(WriteOf, AssetId),
    /// To read its body as a hook does.
    Hook(Box<HookTask>),
}

/// How the body is read.
#[derive(Clone)]
pub enum Decoder {
    /// Items that name their assets.
    Items { decode: DecodeItems, names_one: bool },
    /// An item about this asset.
    Asset { decode: DecodeAsset, subject: Subject },
}

impl Task {
    /// Errs where the path names no asset that there can be, or the query no quote.
    pub fn of(ask: &Ask, call: &Call<'_>, parameters: &[&str]) -> Result<Task, Fault> {
        match ask.source {
            Source::Items { accept, decode, names_one } => {
                Ok(Task::Body(accept, Decoder::Items { decode, names_one }))
            }
            Source::Asset { accept, decode } => {
                let id = call.asset_id()?;
                // where the route knows of no quotes, a query that names one is refused as a whole
                let quote = if parameters.contains(&"quote") { call.named_quote()? } else { None };
                Ok(Task::Body(accept, Decoder::Asset { decode, subject: Subject { id, quote } }))
            }
            Source::Query(write) => Ok(Task::Query(write, call.asset_id()?)),
            // who calls is to be proven first, and that makes the task
            Source::Hook => Err(Fault::NotTheHooksSender),
        }
    }

    /// The asset that the path names.
    pub fn asset(&self) -> Option<&AssetId> {
        match self {
            Task::Body(_, Decoder::Items { .. }) | Task::Hook(_) => None,
            Task::Body(_, Decoder::Asset { subject, .. }) => Some(&subject.id),
            Task::Query(_, id) => Some(id),
        }
    }

    /// The asset that the path names, and the quote that the query of a body names.
    pub fn into_subject(self) -> (Option<AssetId>, Option<QuoteName>) {
        match self {
            Task::Body(_, Decoder::Items { .. }) | Task::Hook(_) => (None, None),
            Task::Body(_, Decoder::Asset { subject, .. }) => (Some(subject.id), subject.quote),
            Task::Query(_, id) => (Some(id), None),
        }
    }

    /// Whether its one item names the asset that it is about.
    pub fn names_one(&self) -> bool {
        matches!(self, Task::Body(_, Decoder::Items { names_one: true, .. }))
    }
}

impl Decoder {
    /// What is wrong with one item stands in its place; a fault is about the body as a whole.
    pub fn decode(
        &self,
        bytes: &[u8],
        ndjson: bool,
        partner: &PartnerEntry,
        items_max: usize,
    ) -> Result<Decoded, Fault> {
        let settings = partner.settings.load();
        let received = Received { bytes, ndjson, policy: &settings.policy, limits: BodyLimits { items_max } };
        let decoded = match self {
            Decoder::Items { decode, .. } => decode(&received),
            Decoder::Asset { decode, subject } => decode(&received, subject),
        };
        decoded.map_err(Fault::Body)
    }
}

//! All that this floor refuses. What is said of each stands in `words`.

use crate::actors::{
    NotDecided, PlanRefused, RebuildRefused, ReleaseRefused, Shed, Unavailable, UnreadDocument,
};
use crate::codec::request::BodyError;
use crate::domain::AssetIdError;
use crate::http::reload::ReloadReport;
use crate::store::ReadError;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Why the head of a request is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadFault {
    /// A line that is none of HTTP.
    Line,
    /// Another version of HTTP.
    Version,
    /// No `Host`, several, or one that is none.
    Host,
    /// A length that can be read in two ways, or in none.
    BodyLength,
    /// More bytes or headers than a head may have.
    TooLarge { bytes_max: usize, headers_max: usize },
    /// It was begun, and did not end in time.
    TooSlow,
}

/// Why a request is refused.
#[derive(Debug)]
pub enum Fault {
    /// A head that is not read; nothing after it is either.
    Head(HeadFault),
    /// A connection more than may be open.
    TooManyConnections,
    /// Plain HTTP where TLS is spoken.
    TlsNeeded,
    /// No route.
    NoSuchPath,
    /// A route, with other methods.
    MethodNotAllowed { allow: Cow<'static, str> },
    /// No key, or one that is not known.
    Unauthorized,
    /// A call of a hook that is not proven to be its sender's, or of a hook that there is not.
    NotTheHooksSender,
    /// A ticket that opens nothing, or nothing any more.
    TicketRefused,
    /// A reader's token on a write.
    ReadOnly,
    /// What only the partner itself may see.
    PartnerOnly,
    /// Only a sandbox can be cleared.
    NotASandbox,
    /// An order to a partner that is no longer configured.
    PartnerRemoved,
    /// Unknown, or another's: one answer for both.
    NoSuchPartner,
    /// A partner that is configured, but whose actor has not started yet.
    PartnerStarting,
    /// A reader's token where one partner must be named.
    PartnerNeeded,
    /// An admin call from a web page of another origin.
    ForeignOrigin,
    /// A segment with a broken escape.
    BadPath,
    /// A segment that can be no id.
    BadId(AssetIdError),
    /// A parameter whose value cannot be.
    BadQuery { name: &'static str, fault: &'static str },
    /// A parameter that is no time.
    BadTime { name: &'static str, hint: String },
    /// A parameter that the route does not know.
    QueryUnknown { known: String },
    /// A word that the parameter does not know: it would filter everything away.
    QueryWord { name: &'static str, known: String },
    /// A header whose value cannot be.
    BadHeader { name: &'static str, fault: &'static str },
    /// A content type that the route does not take.
    MediaType { accept: &'static str },
    /// A body with a content encoding that is not decoded there, or with more than one.
    ContentEncoding { accept: &'static str },
    /// More bytes than a body may have.
    BodyTooLarge { bytes_max: usize },
    /// A document that cannot be looked at.
    Preview(PreviewFault),
    /// A body that did not come in time.
    BodyTooSlow,
    /// A connection that ended within a body.
    BodyCutOff,
    /// Chunks of which one cannot be told from the next.
    BodyChunks,
    /// A body that cannot be read as what the route takes.
    Body(BodyError),
    /// No room for the work at this moment, or ever.
    Shed(Shed),
    /// A rate that is used up.
    RateLimited(Used),
    /// The daemon is shutting down.
    Draining,
    /// A run of the feed was asked for a moment ago.
    RunAskedLately { retry_after: Duration },
    /// Why two kept files cannot be compared.
    CannotCompare(String),
    /// An operator has stopped the feed's schedule.
    FeedPaused,
    /// The actor or the store ended before it answered.
    OutcomeUnknown,
    /// Not known, or hidden from the caller.
    NoSuchAsset,
    /// Known, and deleted.
    AssetDeleted,
    /// The asset has no price of that name.
    NoPrice,
    /// Older than the caller would take it.
    PriceTooOld { age_seconds: u64, price_max_age: u64 },
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed,
    /// The delivery id stands for another body.
    KeyReused,
    /// The first delivery under the id has no reply yet.
    DeliveryRunning,
    /// Not known, or no longer kept.
    NoSuchDelivery,
    /// The partner has none.
    NoFeed,
    /// Not known, or no longer kept.
    NoSuchRun,
    /// Not known, or no longer kept.
    NoSuchRow,
    /// A row that cannot be decided again.
    CannotRelease(ReleaseRefused),
    /// Not known, or no longer kept.
    NoSuchPlan,
    /// A plan that cannot be decided.
    PlanRefused(PlanRefused),
    /// A rebuild that cannot begin.
    RebuildRefused(RebuildRefused),
    /// A text that is no cursor.
    BadCursor,
    /// Trimmed, ahead of us, or of another journal: changes in between may be missing.
    CursorGone { oldest: String },
    /// `?min_cursor=` names what is not readable yet.
    CursorNotReached,
    /// What an operator wanted of the daemon as a whole.
    Operating(OperatingFault),
    /// The cause has been logged where it was met.
    StoreFailed,
    /// What is asked for is stored, and is not what was written.
    Damaged,
}

/// Why the configuration is not taken over, or a partner not purged.
#[derive(Debug)]
pub enum OperatingFault {
    /// Nobody reads files for this daemon.
    NoFiles,
    /// What is wrong with it; nothing of it is in force.
    Faulty(Arc<ReloadReport>),
    /// Something failed behind it.
    InPart(Arc<ReloadReport>),
    /// Only a removed partner can be purged.
    StillConfigured,
    /// Nothing is left of it.
    NothingLeft,
    /// It is being purged, stopped or started.
    Busy,
}

/// Why a document is not looked at.
#[derive(Debug)]
pub enum PreviewFault {
    /// It is larger than a request may be, and no larger than a feed may be.
    TooLarge { bytes_max: usize },
    /// It cannot be read.
    Unread(UnreadDocument),
    /// Another one of the partner is being looked at.
    Running,
    /// The actor ended before it answered.
    Ended,
}

/// A bucket that is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// The lane's name, as the caller knows it.
    pub lane: &'static str,
    /// What its bucket of bytes has behind that.
    pub suffix: &'static str,
    /// After how long there is room for what was asked.
    pub retry_after: Duration,
}

impl Fault {
    /// A parameter whose value cannot be; without a name, the query as a whole.
    pub fn query(name: &'static str, fault: &'static str) -> Fault {
        Fault::BadQuery { name, fault }
    }
}

impl From<PlanRefused> for Fault {
    fn from(why: PlanRefused) -> Fault {
        Fault::PlanRefused(why)
    }
}

impl From<RebuildRefused> for Fault {
    fn from(why: RebuildRefused) -> Fault {
        Fault::RebuildRefused(why)
    }
}

impl From<Shed> for Fault {
    fn from(shed: Shed) -> Fault {
        Fault::Shed(shed)
    }
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Fault {
        Fault::Body(error)
    }
}

impl From<Unavailable> for Fault {
    fn from(_: Unavailable) -> Fault {
        Fault::OutcomeUnknown
    }
}

impl From<NotDecided> for Fault {
    fn from(why: NotDecided) -> Fault {
        match why {
            NotDecided::Unavailable => Fault::OutcomeUnknown,
            NotDecided::Shed(shed) => Fault::Shed(shed),
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Fault {
        tracing::error!(%error, "cannot read the store");
        if error.is_damage() { Fault::Damaged } else { Fault::StoreFailed }
    }
}

//! What we send as JSON: replies to pushes, assets, prices, changes, SSE frames.
//!
//! Appended to a buffer by hand: a reply to a batch holds a thousand items. Everything is on one
//! line, so that the same bytes serve as NDJSON and as SSE data; members keep their source text
//! but for line breaks between their tokens.

mod asset;
mod change;
mod explain;
mod origin;
mod preview;
mod reply;
mod sse;
mod write;

pub use asset::{AssetView, PriceView, asset, heartbeat, price};
pub use change::{Audience, CHANGE_TYPES, change, change_reference, subject};
pub use explain::{DamagedPart, ExplainView, explain};
pub use origin::{Origins, short_hash};
pub use preview::{DocumentPreview, PreviewedEffect, PreviewedPrice, PreviewedRecord};
pub use reply::{Reply, ReplyStyle, push_reply};
pub use sse::sse_frame;

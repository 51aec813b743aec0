//! A record of any shape, read by the partner's mapping.
//!
//! One language for feeds and hooks (`domain::mapping`): a feed's records become full writes, a
//! hook's bodies writes of the verb that its event names.

mod amount;
mod item;
mod quote;
mod record;
mod time;

pub use item::{Above, Around, Lint};
pub use record::{MappedRecord, MappingError, decode, decode_as, decode_id, optional_fields};
pub(super) use time::read_raw as read_time;

//! A record of any shape, read by the partner's mapping.
//!
//! The language is `domain::mapping`'s, and `src/MAPPING.md` shows it by example.

mod amount;
mod ids;
mod item;
mod quote;
mod record;
mod time;

pub(super) use item::value_of;
pub use item::{Above, Around, Lint};
pub(super) use item::{Item, word};
pub use record::{Extent, MappedRecord, MappingError, decode, decode_as, ids_of, optional_fields};
pub(super) use time::read_raw as read_time;

//! A strict reader of JSON text that never turns a number into a float.
//!
//! RFC 8259 with the narrowing of I-JSON (RFC 7493): names are unique at every level, surrogates
//! come in pairs. Values are handed on as their source text; what they mean, the caller decides.
//! Depth, lengths and counts are bounded, so that no input costs more than its length.
//! There is no tree of values here on purpose: a document keeps each member's source
//! text, so that no number in it passes through a float.

mod canonical;
mod fault;
mod limits;
mod object;
mod read;
mod scan;
mod text;

pub use canonical::{canonical, value_hash};
pub(crate) use fault::Fault;
pub use fault::JsonError;
pub use limits::{DEPTH_MAX, MEMBERS_MAX, STRING_BYTES_MAX};
pub use object::FromObject;
pub use read::{Kind, elements, kind, lookup, members, string, utf8, value};
pub(crate) use read::{Parts, lookup_in_spoilt, parts, sequence};
pub(crate) use scan::{Rules, Scanner};
pub use text::{quote, quoted};

#[cfg(test)]
mod tests;

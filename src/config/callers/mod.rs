//! Whom a key or a token lets in, and when.

mod key;
mod operators;
mod validity;

pub use key::KeyHash;
pub use operators::{NOBODY_NAMED, OperatorSettings, SHARED_TOKEN, is_reserved};
pub use validity::{BearerKey, SigningKey, Validity};

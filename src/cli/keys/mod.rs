//! `tidegate key` and `tidegate secret`: what partners and readers prove themselves by, made, shown and
//! taken away in the files of the configuration.
//!
//! The file is edited in place, its comments kept, and only as far as it is sound before and after. What
//! is secret is shown once where it is made, and stands in no file but one of its own.

mod bearer;
mod document;
mod signing;
mod timing;

pub use bearer::KeyCommand;
pub use signing::SecretCommand;

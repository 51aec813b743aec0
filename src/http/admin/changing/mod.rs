//! What an operator changes in who is served: the configuration read again, a removed partner purged.

pub mod purge;
pub mod reload;

//! What a handler reads of a request: caller and partner, conditions, cursors, delivery id, body.

pub mod call;
pub mod condition;
pub mod delivery_id;
pub mod intake;
pub mod page;
pub mod position;
pub mod signed;
pub mod unpack;

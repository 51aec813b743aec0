//! Times: which of them a partner may state, what is done about those that our own clock gave while
//! it ran ahead, and how long what waits is kept.

pub mod ahead;
pub mod keeping;
pub mod source;

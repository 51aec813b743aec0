//! A file beside those of earlier runs: what it gives away of its exporter, and what has changed between two.

pub mod compare;
pub mod marks;
pub mod oddities;

//! What is known of a run of the feed while it is under way, up to the report that ends it.

pub mod absences;
pub mod active;
pub mod board;
pub mod ending;
pub mod report;
pub mod running;

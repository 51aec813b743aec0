//! What is known of a run of the feed while it is under way, up to the report that ends it; and what is seen
//! of it, and of its partner, by those who look.

pub mod absences;
pub mod active;
pub mod board;
pub mod ending;
pub mod glance;
pub mod report;
pub mod running;

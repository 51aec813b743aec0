//! What operators and Prometheus see of the daemon and its partners, in figures.

mod health;
pub mod overview;
pub mod scrape;
pub mod status;

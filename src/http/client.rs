//! Where a request came from: the connection, the listener that took it, and what all share.

use super::app::App;
use super::pulse::Pulse;
use std::sync::Arc;

/// Which of the two listeners a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// Partners and readers.
    Partner,
    /// Operators; on loopback by default.
    Admin,
}

/// What a request's handler knows of where it came from. One per connection, so that a request
/// touches no counter that connections share.
pub struct Client {
    pub app: Arc<App>,
    pub face: Face,
    pub pulse: Arc<Pulse>,
}

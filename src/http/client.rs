//! Where a request came from: its connection, and what all connections share.

use super::app::App;
use super::pulse::Pulse;
use std::sync::Arc;

/// What a request's handler knows of where it came from. One per connection, so that a request
/// touches no counter that connections share.
pub struct Client {
    /// What all requests share.
    pub app: Arc<App>,
    /// What this connection is doing.
    pub pulse: Arc<Pulse>,
}

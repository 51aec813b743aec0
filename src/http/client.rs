//! Where a request came from: its connection, and what all connections share.

use super::app::App;
use super::pulse::Pulse;
use std::sync::Arc;

/// What a request's handler knows of where it came from. One per connection, so that a request
/// touches no counter that connections share.
pub struct Client {
    pub app: Arc<App>,
    pub pulse: Arc<Pulse>,
}

//! Where a request came from: its connection, and what all connections share.

use super::app::App;
use super::pulse::Pulse;
use super::reply::{Body, Fault};
use crate::actors::Failure;
use hyper::Response;
use std::net::IpAddr;
use std::sync::Arc;

/// What a request's handler knows of where it came from. One per connection, so that a request
/// touches no counter that connections share.
pub struct Client {
    /// What all requests share.
    pub app: Arc<App>,
    /// What this connection is doing.
    pub pulse: Arc<Pulse>,
    /// Whose connection it is, as far as the network knows.
    pub address: IpAddr,
}

impl Client {
    /// What is answered where a call failed so: who cannot be known is told to wait once too many calls
    /// from the address have failed. `key`: what its bearer key would have been.
    pub fn judged(&self, fault: Fault, key: Failure) -> Fault {
        let failure = match fault {
            Fault::Unauthorized => key,
            Fault::NotTheHooksSender => Failure::Hook,
            other => return other,
        };
        self.app.metrics.caller_not_known(failure.as_str());
        match self.app.strangers.note(self.address, failure) {
            Ok(()) => fault,
            Err(shed) => Fault::Shed(shed),
        }
    }

    /// The answer to a call that is refused; that it was not taken in is counted.
    pub fn refused(&self, fault: Fault) -> Response<Body> {
        if let Some(reason) = fault.shed_reason() {
            self.app.metrics.shed(reason);
        }
        fault.into_response()
    }
}

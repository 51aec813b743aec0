//! HTTP: connections, routes, keys, replies, the change stream, the status page.
//!
//! hyper 1.x: HTTP/1.1, and over TLS HTTP/2 as well. All that costs CPU per byte happens here, on the
//! task of the connection (over HTTP/2 of the request); what must happen one at a time happens in the
//! partner's actor. Decided here is only whether a request is taken in: before its body is read it has
//! a key, a permit for its bytes and a place in its partner's rate. A request's way: `listen` →
//! `partner` (or `admin`) → `gate` → `push`, `read` or `own` → `reply`. Rooms know those that come
//! after them on that way, and `request`, which is what a handler reads of a request.
//!
//! Deliberately absent: cookies, and whatever a page of another origin could write.

mod admin;
mod app;
mod client;
mod docs;
mod gate;
mod listen;
mod own;
mod partner;
mod pulse;
mod push;
mod read;
mod reload;
mod reply;
mod request;
mod tail;
#[cfg(test)]
mod testing;

pub use app::{App, AppParts, Health};
pub use listen::{Certificates, Face, Listener, ServerHandle};
pub use reload::{FaultView, ReloadAsk, ReloadDesk, ReloadEnd, ReloadReport};

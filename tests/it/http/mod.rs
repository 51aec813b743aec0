//! What partners and readers say and read over HTTP.

mod browser;
mod changes;
mod compressed;
mod conditions;
mod decoders;
mod deliveries;
mod docs;
mod events;
pub mod explain;
pub mod export;
mod gaps;
mod limits;
mod on_top;
mod parked;
mod push;
mod quotes;
mod read;
mod replicas;
mod routes;
mod sandbox;
mod slow;
mod source_time;
mod ties;
mod tls;

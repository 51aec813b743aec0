//! What the tests of more than one file stand on.

pub mod archive;
pub mod bench;
pub mod exact;
pub mod explain;
pub mod fault_server;
pub mod feed_server;
pub mod house;
pub mod packages;
pub mod postgres;
pub mod program;
pub mod quarantine;
pub mod random;
pub mod shapes;
pub mod simdisk;
pub mod skipped;
pub mod small_store;
pub mod stage;
pub mod tls_server;
pub mod written;

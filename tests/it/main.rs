//! The house as a whole, split by behaviour.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]
#![allow(clippy::print_stdout, reason = "a test says its seed, and how long a replay took")]

mod absences;
mod archive;
mod cli;
mod config;
mod daemon;
mod deliveries;
mod events;
mod examples;
mod explain;
mod extent;
mod failing_disk;
mod fault_server;
mod feed_fetch;
mod feed_reach;
mod feed_schedule;
mod feed_server;
mod gaps;
mod hostile;
mod http_changes;
mod http_conditions;
mod http_push;
mod http_read;
mod load;
mod model;
mod on_top;
mod operator;
mod oracle;
mod parked;
mod plans;
mod proof_bad_input;
mod proof_demo;
mod proof_fleet;
mod proof_history;
mod proof_keyed;
mod proof_kill;
mod proof_ledger;
mod proof_program;
mod proof_reading;
mod proof_supervision;
mod properties;
mod quarantine;
mod quickstart;
mod quotes;
mod rebuild;
mod removal;
mod simdisk;
mod skipped;
mod store_crash;
mod store_golden;
mod store_model;
mod store_open;
mod store_world;
mod tombstones;

//! What an operator does and meets: settings, plans, the quarantine, a damaged or a full disk.

mod audit;
mod backup;
mod canaries;
mod cli;
mod config;
pub mod damage;
mod damaged_records;
mod doctor;
mod failing_disk;
mod json;
mod load;
mod mending;
mod metrics;
mod operating;
mod operator;
mod overview;
mod plan_pages;
mod plan_rules;
mod plans;
mod quarantine;
mod quickstart;
mod reload;
mod removal;
mod routes;
mod service;
mod terminal;
mod verbs;

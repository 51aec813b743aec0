//! Verbs that read what a running daemon serves to partners and readers: `explain`, `export`, `changes`.

mod api;
pub mod changes;
pub mod explain;
pub mod export;

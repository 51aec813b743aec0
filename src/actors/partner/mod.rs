//! partner
mod index;
mod ledger;
mod recent;

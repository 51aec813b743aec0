//! The store on its own: crashes, damage, formats, opening and restoring.

mod backup;
mod crash;
pub mod damage;
mod golden;
mod opening;
mod records;
mod reference;
mod restore;
pub mod world;

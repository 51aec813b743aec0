//! Verbs for the store as a whole: `backup`, `restore`, `verify`, `doctor`, `ready`.

pub mod backup;
pub mod doctor;
mod progress;
pub mod ready;
pub mod restore;
mod said;
pub mod verify;

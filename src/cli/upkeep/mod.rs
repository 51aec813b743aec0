//! Verbs for the store as a whole: `backup`, `restore`, `verify`.

pub mod backup;
mod progress;
pub mod restore;
mod said;
pub mod verify;

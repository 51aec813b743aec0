//! A look at a document before it is published: what it is read as, and what a run would make of it.

pub mod document;
pub mod trial;

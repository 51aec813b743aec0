//! (problem)

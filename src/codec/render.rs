//! (render)

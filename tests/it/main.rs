//! (tests)

mod load;

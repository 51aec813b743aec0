//! (cli)

pub mod load;

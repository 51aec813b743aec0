//! What the house promises and where its bounds are, shown on the program as it is run and on whole histories.

mod bad_input;
mod bodies;
mod budgets;
mod connections;
mod demo;
mod fleet;
mod fuzz;
mod held_bytes;
mod history;
mod hostile;
mod keyed;
mod kill;
mod killed_runs;
mod ledger;
mod memory;
mod stuck;
mod supervision;
mod surroundings;

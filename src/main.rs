//! The program: hands its arguments to the verb that they name.

use std::process::ExitCode;
use tidegate::cli::Cli;

/// Partners send many small allocations from many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::from_arguments().run()
}

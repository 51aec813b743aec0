//! The properties of RULES.md over the pure functions of `rules` and `codec::log`. Over a store, 6
//! and 9 are in `store_model` and `store_crash`; over the daemon, 6 and 8 are in `model`.
//!
//! Each runs `CASES` cases (more by PROPTEST_CASES); a case that fails is printed with its seed and
//! written to `proptest-regressions`, which is committed.

mod feeds;
mod guards;
mod logs;
mod mapping;
mod orders;
mod spelling;
mod steps;
mod world;

use proptest::prelude::ProptestConfig;

const CASES: u32 = 10_000;

/// At least as many cases as are asked for everywhere.
fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: asked.cases.max(CASES), max_shrink_iters: 200_000, ..asked }
}

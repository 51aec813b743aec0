//! A question before something is done that cannot be taken back.

use super::aside;
use anyhow::bail;
use std::io::{BufRead, IsTerminal};

/// Asks on the terminal, unless the answer has been given; where nobody can be asked that is an error. The
/// question goes beside the results, which may be read by a program.
pub fn confirmed(yes: bool, question: &str) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    let input = std::io::stdin();
    if !input.is_terminal() {
        bail!("{question} Say --yes: nobody can be asked here");
    }
    aside(&format!("{question} [y/N] "));
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

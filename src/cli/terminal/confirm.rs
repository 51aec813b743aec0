//! A question before something is done that cannot be taken back.

use anyhow::bail;
use std::io::{BufRead, IsTerminal, Write};

/// Asks on the terminal, unless the answer has been given; where nobody can be asked that is an error.
pub fn confirmed(yes: bool, question: &str, out: &mut dyn Write) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    let input = std::io::stdin();
    if !input.is_terminal() {
        bail!("{question} Say --yes: nobody can be asked here");
    }
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

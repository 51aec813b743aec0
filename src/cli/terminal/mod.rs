//! How results reach a terminal or a program: tables for people, JSON on demand, colours only where somebody
//! sees them.

mod confirm;
mod live;
mod progress;
mod table;

pub use confirm::confirmed;
pub use live::LiveScreen;
pub use progress::WorkBar;
pub use table::PeopleTable;

use crate::telemetry::logs;
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// How long somebody is waited for who does not read what is said aside.
const ASIDE_MAX: Duration = Duration::from_secs(1);

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct OutputArgs {
    /// Print JSON, for programs.
    #[arg(long)]
    pub json: bool,
}

impl OutputArgs {
    /// The answer as JSON where that is asked for, else as `people` writes it.
    pub fn write(
        self,
        out: &mut dyn Write,
        answer: &impl Serialize,
        people: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string_pretty(answer)?),
            false => people(out),
        }
    }

    /// Says that nothing was done, because nobody has said yes.
    pub fn declined(self, out: &mut dyn Write, words: &str) -> io::Result<ExitCode> {
        self.write(out, &json!({ "done": false }), |out| writeln!(out, "{words}"))?;
        Ok(ExitCode::FAILURE)
    }
}

/// Says something beside the results, on standard error.
pub fn aside(text: &str) {
    logs::say(text);
    logs::flush(ASIDE_MAX);
}

/// What a word on a terminal stands out by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    /// The head of a table.
    Head,
    Good,
    /// Somebody should look.
    Warning,
    Bad,
}

impl Tone {
    fn code(self) -> Option<&'static str> {
        match self {
            Tone::Plain => None,
            Tone::Head => Some("1"),
            Tone::Good => Some("32"),
            Tone::Warning => Some("33"),
            Tone::Bad => Some("31"),
        }
    }
}

/// The text in its tone, where standard output is a terminal that shows colours.
pub fn toned(text: &str, tone: Tone) -> String {
    match tone.code().filter(|_| is_coloured()) {
        Some(code) => format!("\x1b[{code}m{text}\x1b[0m"),
        None => text.to_owned(),
    }
}

/// Nobody wants them who has said so by <https://no-color.org>.
fn is_coloured() -> bool {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    !is_set("NO_COLOR") && !is_dumb && io::stdout().is_terminal()
}

/// A member's text; empty where it is none.
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

/// What a partner or an operator has written, on one line and without what a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A time to the second: what is behind the point is for programs.
pub fn to_the_second(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}

/// So many of something, in words.
pub fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

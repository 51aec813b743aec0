//! A bar of progress on standard error, where that is a terminal; nothing anywhere else.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};

/// How far long work is.
pub struct WorkBar(ProgressBar);

impl WorkBar {
    /// Of work that comes in so many pieces, counted by this noun.
    pub fn of(pieces: u64, noun: &'static str) -> WorkBar {
        if !io::stderr().is_terminal() {
            return WorkBar(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{bar:40} {pos} of {len} {msg}, {eta} left");
        // a template that cannot be read leaves the bar as it comes
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        WorkBar(ProgressBar::new(pieces).with_style(style).with_message(noun))
    }

    /// So many are done.
    pub fn stands_at(&self, done: u64) {
        self.0.set_position(done);
    }

    /// The bar goes; what it came to is said elsewhere.
    pub fn end(self) {
        self.0.finish_and_clear();
    }
}

//! A bar on a terminal for work that takes long; nothing where standard error is none.

use crate::store::{BackupStart, RowCounts};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// Shows how far it is, until it is dropped.
pub struct LongWork(ProgressBar);

impl LongWork {
    /// A bar that says what is done.
    pub fn of(doing: &'static str) -> LongWork {
        let is_shown = std::io::stderr().is_terminal();
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} rows, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(doing);
        LongWork(bar)
    }

    /// Goes on to what has been seen of a backup.
    pub fn stands_at(&self, start: &BackupStart, seen: RowCounts) {
        self.0.set_length(start.expected.of_tables().max(seen.of_tables()));
        self.0.set_position(seen.of_tables());
    }
}

impl Drop for LongWork {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

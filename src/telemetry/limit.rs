//! A limit on lines of the log that repeat: what goes wrong a thousand times a second must not fill a disk, nor
//! hide what goes wrong once.
//!
//! Counted is by the place in the code that writes the line. Beyond so many in a window the rest is left out, and
//! the first line of the next window is preceded by one that says how many were. Lines for debugging have no limit:
//! who asks for them wants all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Lines of one place in a window; an incident shows itself in fewer.
const LINES_MAX: u32 = 50;
const WINDOW: Duration = Duration::from_secs(10);

/// Lets only so many lines of each place through.
#[derive(Debug, Default)]
pub struct LogLimit(Mutex<HashMap<Identifier, Window>>);

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u32,
    left_out: u64,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Write,
    /// Written, after one that says how many were left out.
    WriteAfter(u64),
    LeaveOut,
}

impl Window {
    fn judge(&mut self, now: Instant) -> Verdict {
        let mut before = 0;
        if now.saturating_duration_since(self.since) >= WINDOW {
            before = self.left_out;
            *self = Window { since: now, lines: 0, left_out: 0 };
        }
        if self.lines == LINES_MAX {
            self.left_out += 1;
            return Verdict::LeaveOut;
        }
        self.lines += 1;
        if before > 0 { Verdict::WriteAfter(before) } else { Verdict::Write }
    }
}

impl LogLimit {
    fn judge(&self, place: Identifier, now: Instant) -> Verdict {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.entry(place).or_insert(Window { since: now, lines: 0, left_out: 0 }).judge(now)
    }
}

impl<S: Subscriber> Layer<S> for LogLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO || metadata.target() == LEFT_OUT {
            return true;
        }
        #[expect(clippy::disallowed_methods, reason = "the log stands below the clock")]
        let now = Instant::now();
        match self.judge(metadata.callsite(), now) {
            Verdict::Write => true,
            Verdict::LeaveOut => false,
            Verdict::WriteAfter(left_out) => {
                let (file, line) = (metadata.file().unwrap_or_default(), metadata.line().unwrap_or_default());
                tracing::warn!(target: LEFT_OUT, left_out, of = format!("{file}:{line}"), "lines of the log were left out");
                true
            }
        }
    }
}

/// Where the lines come from that say how many were left out.
const LEFT_OUT: &str = "tidegate::telemetry::left_out";

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::Arc;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;

    #[test]
    fn beyond_so_many_lines_the_rest_of_a_window_is_left_out_and_counted() {
        #[expect(clippy::disallowed_methods, reason = "a point to count from")]
        let start = Instant::now();
        let mut window = Window { since: start, lines: 0, left_out: 0 };
        for _ in 0..LINES_MAX {
            assert_eq!(window.judge(start), Verdict::Write);
        }
        for _ in 0..7 {
            assert_eq!(window.judge(start), Verdict::LeaveOut);
        }
        assert_eq!(window.judge(start + WINDOW), Verdict::WriteAfter(7));
        assert_eq!(window.judge(start + WINDOW), Verdict::Write);
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Sink {
        type Writer = Sink;

        fn make_writer(&'a self) -> Sink {
            self.clone()
        }
    }

    #[test]
    fn a_noisy_place_hides_no_other_and_debugging_has_no_limit() {
        let sink = Sink::default();
        let lines = tracing_subscriber::fmt().with_max_level(Level::DEBUG).with_writer(sink.clone()).finish();
        tracing::subscriber::with_default(lines.with(LogLimit::default()), || {
            for n in 0..200 {
                tracing::error!(n, "noise");
                tracing::debug!(n, "detail");
            }
            tracing::info!("once");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
        assert_eq!((count("noise"), count("detail"), count("once")), (LINES_MAX as usize, 200, 1));
    }
}

//! The way of a line of the log to standard error: through a bounded queue, by a thread of its own.
//!
//! Whoever logs never waits. A sink that takes nothing, such as a full pipe or a terminal that was
//! stopped, blocks that thread alone; lines beyond the bound are dropped and counted. Where the
//! sink fails, lines are lost: nowhere is left to say so.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait, and their bytes: some seconds of a noisy day.
const LINES_MAX: usize = 8_192;
const BYTES_MAX: usize = 4 << 20;

#[derive(Debug)]
enum Item {
    Line(Vec<u8>),
    /// Answered when everything before it has been written.
    Mark(SyncSender<()>),
}

#[derive(Debug, Default)]
struct Counts {
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
}

/// The queue's near end. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lines {
    queue: SyncSender<Item>,
    counts: Arc<Counts>,
}

impl Lines {
    /// Starts the thread that writes to `sink`. It ends with the process, or with the last clone.
    pub fn to(sink: impl Write + Send + 'static) -> io::Result<Lines> {
        let (queue, items) = sync_channel(LINES_MAX);
        let counts = Arc::new(Counts::default());
        let lines = Lines { queue, counts: counts.clone() };
        std::thread::Builder::new()
            .name("tidegate-log".into())
            .spawn(move || drain(&items, sink, &counts))?;
        Ok(lines)
    }

    /// Lines dropped so far.
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what was logged before has been written, at most so long; whether it has.
    pub fn flush(&self, most: Duration) -> bool {
        let (written, mark) = sync_channel(1);
        let queued = self.queue.try_send(Item::Mark(written)).is_ok();
        queued && mark.recv_timeout(most) != Err(RecvTimeoutError::Timeout)
    }

    fn push(&self, line: &[u8]) {
        let bytes = line.len();
        let waiting = self.counts.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if waiting + bytes > BYTES_MAX || self.queue.try_send(Item::Line(line.to_vec())).is_err() {
            self.counts.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn drain(items: &Receiver<Item>, mut sink: impl Write, counts: &Counts) {
    for item in items {
        match item {
            Item::Line(line) => {
                let _ = sink.write_all(&line);
                counts.waiting_bytes.fetch_sub(line.len(), Ordering::Relaxed);
            }
            Item::Mark(written) => {
                let _ = sink.flush();
                let _ = written.try_send(());
            }
        }
    }
}

/// Each event is written by one call.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Lines;

    fn make_writer(&self) -> Lines {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// A sink that takes a line only when it is let, and shows what it took.
    struct Gate {
        open: std::sync::mpsc::Receiver<()>,
        taken: std::sync::mpsc::Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.open.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.taken.send(line.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a2_a_sink_that_takes_nothing_stops_nobody_and_what_is_dropped_is_counted() {
        let ((open, opened), (taken, seen)) = (channel(), channel());
        let mut lines = Lines::to(Gate { open: opened, taken }).unwrap();
        let more = 100;
        for n in 0..LINES_MAX + more {
            lines.write_all(n.to_string().as_bytes()).unwrap();
        }
        let dropped = lines.dropped() as usize;
        assert!((more - 1..=more).contains(&dropped), "the thread may have one line in its hand: {dropped}");
        assert!(!lines.flush(Duration::from_millis(10)), "nothing is written yet");
        for n in 0..LINES_MAX + more - dropped {
            open.send(()).unwrap();
            assert_eq!(seen.recv().unwrap(), n.to_string().as_bytes(), "the first ones, in their order");
        }
        assert!(lines.flush(Duration::from_secs(10)));
        open.send(()).unwrap();
        lines.write_all(b"later").unwrap();
        assert_eq!(seen.recv().unwrap(), b"later");
    }

    #[test]
    fn a2_lines_are_bounded_by_their_bytes_too() {
        let ((_open, opened), (taken, _seen)) = (channel(), channel());
        let mut lines = Lines::to(Gate { open: opened, taken }).unwrap();
        for _ in 0..10 {
            lines.write_all(&vec![b'x'; 1 << 20]).unwrap();
        }
        assert_eq!(lines.dropped(), 6);
    }

    #[test]
    fn a2_a_sink_that_fails_ends_neither_the_thread_nor_who_logs() {
        let ((open, opened), (taken, seen)) = (channel(), channel());
        let mut lines = Lines::to(Gate { open: opened, taken }).unwrap();
        drop((open, seen));
        lines.write_all(b"lost").unwrap();
        assert!(lines.flush(Duration::from_secs(10)));
        assert_eq!(lines.dropped(), 0);
    }
}

//! A picture on a terminal that is drawn again and again, until somebody presses q or Ctrl-C.
//!
//! Keys are read without an echo and without waiting for the end of a line. The terminal is as it was before once
//! this is dropped; the last picture stays.

use crate::daemon::Signals;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, IsTerminal, Read, Write};
use tokio::sync::mpsc;

/// Draws from the top; each line then clears what stood to its right, and the last one all below.
const TOP: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K";
const REST_OF_SCREEN: &str = "\x1b[J";
/// A line that is too long is cut, so that lines can be counted.
const CUT_LINES: &str = "\x1b[?7l";
const WRAP_LINES: &str = "\x1b[?7h";
/// Where the terminal does not say how many rows it has.
const ROWS: usize = 24;

/// The terminal, as long as it is drawn on.
pub struct LiveScreen {
    /// `None` where nobody can press a key.
    before: Option<Termios>,
    keys: mpsc::Receiver<u8>,
    signals: Signals,
}

impl LiveScreen {
    /// Takes the terminal.
    pub fn open() -> io::Result<LiveScreen> {
        let signals = Signals::listen()?;
        let (pressed, keys) = mpsc::channel(1);
        let before = match io::stdin().is_terminal() {
            true => Some(read_keys()?),
            false => None,
        };
        if before.is_some() {
            // it waits for a key when the process ends
            std::thread::spawn(move || tell_keys(&pressed));
        }
        let screen = LiveScreen { before, keys, signals };
        put(CUT_LINES, &mut io::stdout())?;
        Ok(screen)
    }

    /// Draws a picture in place of the one before, as much as there is room for.
    pub fn draw(&self, picture: &str, out: &mut dyn Write) -> io::Result<()> {
        let rows = tcgetwinsize(io::stdout()).map_or(ROWS, |size| usize::from(size.ws_row));
        put(&format!("{TOP}{}{REST_OF_SCREEN}", fitted(picture, rows)), out)
    }

    /// Waits until somebody wants it to end.
    pub async fn ended(&mut self) {
        loop {
            tokio::select! {
                _ = self.signals.next() => return,
                Some(key) = self.keys.recv() => if matches!(key, b'q' | b'Q') { return },
            }
        }
    }
}

impl Drop for LiveScreen {
    fn drop(&mut self) {
        // a terminal that has gone needs nothing
        let _ = put(WRAP_LINES, &mut io::stdout());
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

fn put(text: &str, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// From here on each key is read at once; gives how it was before. Ctrl-C stays a signal.
fn read_keys() -> io::Result<Termios> {
    let before = tcgetattr(io::stdin())?;
    let mut keys = before.clone();
    keys.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    tcsetattr(io::stdin(), OptionalActions::Now, &keys)?;
    Ok(before)
}

fn tell_keys(pressed: &mpsc::Sender<u8>) {
    let mut key = [0];
    while let Ok(1) = io::stdin().read(&mut key) {
        if pressed.blocking_send(key[0]).is_err() {
            return;
        }
    }
}

/// The first lines; the last one says how many are left out.
fn fitted(picture: &str, rows: usize) -> String {
    let lines: Vec<&str> = picture.lines().collect();
    // the cursor stands below the last line
    let room = rows.saturating_sub(1).max(2);
    let shown = if lines.len() > room { room - 1 } else { lines.len() };
    let mut fitted: String = lines[..shown].iter().map(|line| format!("{line}{REST_OF_LINE}\n")).collect();
    if shown < lines.len() {
        fitted += &format!("… {} more lines{REST_OF_LINE}\n", lines.len() - shown);
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_is_too_high_is_cut_and_says_so() {
        let end = format!("{REST_OF_LINE}\n");
        assert_eq!(fitted("a\nb\n", 24), format!("a{end}b{end}"));
        assert_eq!(fitted("a\nb\nc\n", 4), format!("a{end}b{end}c{end}"));
        assert_eq!(fitted("a\nb\nc\nd\n", 4), format!("a{end}b{end}… 2 more lines{end}"));
        assert_eq!(fitted("a\nb\nc\n", 0), format!("a{end}… 2 more lines{end}"));
    }
}

//! Panics: told in the log like any other error, and caught where damaged bytes may cause them.
//!
//! The log never waits for its reader; the standard hook, which writes to standard error itself,
//! would.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has panics told in the log from here on.
pub fn tell_in_the_log() {
    set_hook(Box::new(|panic| {
        let text = text_of(panic);
        if EXPECTED.get() {
            LAST.set(Some(text));
        } else {
            tracing::error!(panic = text, "a thread panicked");
        }
    }));
}

fn text_of(panic: &PanicHookInfo<'_>) -> String {
    let what = reason_of(panic.payload()).unwrap_or("no reason given");
    match panic.location() {
        Some(place) => format!("{what}, at {place}"),
        None => what.to_owned(),
    }
}

fn reason_of(payload: &dyn Any) -> Option<&str> {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
}

/// Does work that may panic because of what it reads; gives back why where it did. What the work
/// was changing then must not be used any more.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let before = EXPECTED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    EXPECTED.set(before);
    result.map_err(|payload| {
        let told = LAST.take();
        told.or_else(|| reason_of(&*payload).map(str::to_owned)).unwrap_or_else(|| "no reason given".into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_given_back_with_its_reason_and_the_next_work_is_done() {
        assert_eq!(caught(|| 5), Ok(5));
        let why = caught(|| -> u8 { panic!("the page is none") }).unwrap_err();
        assert!(why.starts_with("the page is none"), "{why}");
        assert_eq!(caught(|| caught(|| 5)), Ok(Ok(5)));
    }
}

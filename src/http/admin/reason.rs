//! Why an operator does something: a text that is kept with what was done.

use crate::codec::request::BodyError;
use crate::http::reply::Fault;

/// Longer than any sentence, and short enough to be shown whole.
const REASON_BYTES_MAX: usize = 1024;

/// The reason without the space around it; `None` where nothing else is left. Errs where it is too
/// long.
pub fn trimmed(text: &str) -> Result<Option<String>, Fault> {
    match text.trim() {
        "" => Ok(None),
        reason if reason.len() <= REASON_BYTES_MAX => Ok(Some(reason.to_owned())),
        _ => Err(bad("reason_too_long", format!("at most {REASON_BYTES_MAX} bytes"))),
    }
}

/// What is said of a body that is no order.
pub fn bad(code: &'static str, detail: impl Into<String>) -> Fault {
    Fault::Body(BodyError { code, detail: detail.into(), offset: None, status_hint: 400 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_trimmed_and_bounded() {
        assert_eq!(trimmed(" by court order ").unwrap().as_deref(), Some("by court order"));
        assert_eq!(trimmed(" \n").unwrap(), None);
        let longest = "x".repeat(1024);
        assert_eq!(trimmed(&longest).unwrap(), Some(longest.clone()));
        assert!(trimmed(&format!("{longest}x")).is_err());
    }
}

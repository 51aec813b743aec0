//! A document's validators, its `ETag` and `Last-Modified`: how they are kept, sent back and compared.
//!
//! Real servers bend RFC 9110 here: one that compresses adds to its tag and does not know it again, or
//! leaves the addition out where it sends no body; a tag may be weak in one answer and strong in the next.

use super::Spooled;
use reqwest::header::{ETAG, HeaderMap, HeaderName, LAST_MODIFIED};
use std::borrow::Cow;

/// A longer validator is not worth keeping: the next fetch is unconditional.
const VALIDATOR_BYTES_MAX: usize = 1_024;
/// What servers add to the tag of a file that they compress.
const ADDITIONS: [&str; 8] = ["--gzip", "-gzip", ";gzip", "-br", ";br", "-zstd", ";zstd", "-deflate"];

/// Whether a body that was received is still the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandsStill {
    /// Its validators are those of the file as it is now.
    Yes,
    /// They are not.
    No,
    /// There are none, they are too young to tell, or the server cannot be asked.
    Untold,
}

pub(super) fn validator(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    text(headers, name).filter(|value| (1..=VALIDATOR_BYTES_MAX).contains(&value.len())).map(str::to_owned)
}

/// What `If-None-Match` says: the tag, and the one that it was made of: Apache with deflate knows
/// only the latter, and answers 304 to no other.
pub(super) fn to_send(etag: &str) -> Cow<'_, str> {
    let (weak, quoted) = match etag.strip_prefix("W/") {
        Some(quoted) => ("W/", quoted),
        None => ("", etag),
    };
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner.and_then(|inner| ADDITIONS.iter().find_map(|&added| inner.strip_suffix(added))) {
        Some(own) if !own.is_empty() => Cow::Owned(format!("{etag}, {weak}\"{own}\"")),
        _ => Cow::Borrowed(etag),
    }
}

/// Whether two tags name one version of a file: compared as weak ones, and without additions.
pub fn is_same_tag(one: &str, other: &str) -> bool {
    fn core(tag: &str) -> &str {
        let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        ADDITIONS.iter().find_map(|added| tag.strip_suffix(added)).unwrap_or(tag)
    }
    core(one) == core(other)
}

/// Whether an answer's head names the version that was received: `None` where it names none. A date
/// counts where one of the two has no tag.
pub(super) fn names_version(headers: &HeaderMap, received: &Spooled) -> Option<bool> {
    match (text(headers, &ETAG), &received.etag) {
        (Some(now), Some(then)) => Some(is_same_tag(now, then)),
        _ => {
            let (now, then) = (text(headers, &LAST_MODIFIED)?, received.last_modified.as_deref()?);
            Some(now == then)
        }
    }
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a09_a_tag_with_an_addition_is_sent_in_both_forms() {
        let table = [
            (r#""36385-6b0b-gzip""#, r#""36385-6b0b-gzip", "36385-6b0b""#),
            (r#"W/"1-gzip""#, r#"W/"1-gzip", W/"1""#),
            (r#""2113-br""#, r#""2113-br", "2113""#),
            (r#""abc--gzip""#, r#""abc--gzip", "abc""#),
            (r#""plain""#, r#""plain""#),
            (r#""-gzip""#, r#""-gzip""#),
            ("unquoted-gzip", "unquoted-gzip"),
            (r#"""#, r#"""#),
        ];
        for (tag, sent) in table {
            assert_eq!(to_send(tag), sent);
        }
    }

    #[test]
    fn a09_tags_are_one_whatever_they_are_dressed_in() {
        for (one, other) in
            [(r#"W/"a""#, r#""a""#), (r#""a-gzip""#, r#""a""#), (r#""a-br""#, r#"W/"a-zstd""#)]
        {
            assert!(is_same_tag(one, other), "{one} {other}");
        }
        assert!(!is_same_tag(r#""a""#, r#""b""#));
    }
}

//! Text as one segment of a path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// RFC 3986 leaves `~` too, but a segment that is `~` alone says that the id stands in the query.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Percent-encodes all that could end the segment, or be read as something else.
pub fn segment(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_whatever_it_holds() {
        assert_eq!(segment("ibc/27394 ü").to_string(), "ibc%2F27394%20%C3%BC");
        assert_eq!(segment("RE/CH/00001 #ü").to_string(), "RE%2FCH%2F00001%20%23%C3%BC");
        assert_eq!(segment("~").to_string(), "%7E", "which alone would stand for `?id=`");
    }
}

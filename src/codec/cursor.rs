//! Cursors: where a reader stands in the change stream, as opaque text.
//!
//! `JOURNAL-SEQ`: the identity of a life of the store's file in 8 hexadecimal digits, then the
//! sequence. A cursor that another history gave (a restored file, another daemon) is thereby noticed.

use crate::domain::Seq;

/// The cursor of a change: of the life of the file in which it was committed, and its sequence.
pub fn encode(journal: u32, seq: Seq) -> String {
    format!("{}-{}", self::journal(journal), seq.0)
}

/// The part that all cursors of a journal begin with, before the dash.
pub(super) fn journal(journal: u32) -> String {
    format!("{journal:08x}")
}

/// Life and sequence of a cursor; `None` for any text that `encode` does not write, so that each
/// cursor has one text.
pub fn decode(text: &str) -> Option<(u32, Seq)> {
    let (journal, seq) = text.split_once('-')?;
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if journal.len() != 8 || !journal.bytes().all(hex) {
        return None;
    }
    if !seq.bytes().all(|b| b.is_ascii_digit()) || (seq.len() > 1 && seq.starts_with('0')) {
        return None;
    }
    Some((u32::from_str_radix(journal, 16).ok()?, Seq(seq.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_not_written_by_us_is_no_cursor() {
        assert_eq!(encode(0xA1, Seq(42)), "000000a1-42");
        for text in [
            "",
            "-",
            "42",
            "000000a1",
            "000000a1-",
            "000000A1-42",
            "0a1-42",
            "000000a1-042",
            "000000a1--4",
            "000000a1-+4",
            "000000a1-18446744073709551616",
            " 000000a1-4",
            "000000a1-4 ",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn cursors_come_back(journal: u32, seq: u64) {
            prop_assert_eq!(decode(&encode(journal, Seq(seq))), Some((journal, Seq(seq))));
        }

        #[test]
        fn no_text_is_read_two_ways(text: String) {
            if let Some((journal, seq)) = decode(&text) {
                prop_assert_eq!(encode(journal, seq), text);
            }
        }
    }
}

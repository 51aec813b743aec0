//! Names of partners and assets, and the small numbers that stand for them inside.

use compact_str::CompactString;
use std::fmt;

/// The number of a partner: given once, kept in the store, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartnerNo(pub u32);

/// The place of an asset within its partner: dense, kept for the asset's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// The name of a partner, as it stands in paths and files: 1–64 of `a-z 0-9 - _`, not led by `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartnerName(CompactString);

/// A text that is no partner's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a partner's name is 1-64 characters of a-z, 0-9, - and _, and does not begin with -")]
pub struct PartnerNameError;

impl PartnerName {
    /// Errs where the text is too long, empty, or has other characters.
    pub fn new(text: &str) -> Result<Self, PartnerNameError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let sound = (1..=64).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-');
        sound.then(|| Self(CompactString::new(text))).ok_or(PartnerNameError)
    }

    /// The name as it stands in paths and files.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartnerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The partner's own id of an asset: 1–256 bytes of UTF-8 without control characters, compared
/// byte for byte. Up to 24 bytes are held inline.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetId(CompactString);

/// Why a text is no asset's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssetIdError {
    /// It is empty, or longer than `AssetId::BYTES_MAX`.
    #[error("an id is 1-256 bytes long")]
    Length,
    /// It has a control character.
    #[error("an id holds no control characters")]
    Control,
    /// It stands for an id that its sender's program did not have.
    #[error("`undefined`, `null`, `NaN` and `[object Object]` are what a program writes where it has no id")]
    Placeholder,
}

impl AssetId {
    /// Bytes of the longest id.
    pub const BYTES_MAX: usize = 256;

    /// An id that a caller or a feed names. Errs also for a placeholder such as `undefined`; one that
    /// was stored before those were refused is read by [`AssetId::new`].
    pub fn named(text: &str) -> Result<Self, AssetIdError> {
        // what JavaScript makes of an id that is not there
        if matches!(text, "undefined" | "null" | "NaN" | "[object Object]") {
            return Err(AssetIdError::Placeholder);
        }
        Self::new(text)
    }

    /// An id that is stored. Errs where its length or a character does not fit.
    pub fn new(text: &str) -> Result<Self, AssetIdError> {
        if !(1..=Self::BYTES_MAX).contains(&text.len()) {
            return Err(AssetIdError::Length);
        }
        if text.chars().any(char::is_control) {
            return Err(AssetIdError::Control);
        }
        Ok(Self(CompactString::new(text)))
    }

    /// The id as the partner wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its UTF-8 bytes, by which ids are compared and ordered.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for AssetId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_held_to_its_length_and_characters() {
        assert!(AssetId::new(&"x".repeat(256)).is_ok());
        assert_eq!(AssetId::new(&"x".repeat(257)), Err(AssetIdError::Length));
        assert_eq!(AssetId::new(""), Err(AssetIdError::Length));
        assert_eq!(AssetId::new("a\u{7f}"), Err(AssetIdError::Control));
        assert_eq!(AssetId::new("ibc/27394FB092").unwrap().as_str(), "ibc/27394FB092");
    }

    #[test]
    fn an_id_that_stands_for_none_is_refused_where_it_is_named_and_read_where_it_is_stored() {
        for text in ["undefined", "null", "NaN", "[object Object]"] {
            assert_eq!(AssetId::named(text), Err(AssetIdError::Placeholder), "{text}");
            assert!(AssetId::new(text).is_ok(), "{text}");
        }
        for text in ["Undefined", "nullable", "nan", "undefined-1", "[object]"] {
            assert!(AssetId::named(text).is_ok(), "{text}");
        }
        assert_eq!(AssetId::named(""), Err(AssetIdError::Length));
    }

    #[test]
    fn a_partner_name_fits_a_path_and_a_file() {
        assert!(PartnerName::new("acme-1_x").is_ok());
        for bad in ["", "-a", "A", "a/b", "a.b", &"x".repeat(65)] {
            assert!(PartnerName::new(bad).is_err(), "{bad}");
        }
    }
}

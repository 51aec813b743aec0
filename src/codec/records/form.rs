//! What a kind of record states: its number, its key, and its value as bytes.

use crate::codec::log::LogError;
use crate::domain::RecordKind;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that is read from records of one kind, by its key.
pub trait Record: Sized {
    /// The kind that its records are of.
    const KIND: RecordKind;
    /// Keys of that kind under which another value is kept: a page of these values passes over them.
    const OTHERS: &'static [&'static [u8]] = &[];
    /// What a record is found by, beside its kind and its partner.
    type Key: Clone;

    /// The bytes of a key; in the order of the keys where records are read page by page.
    fn key(key: &Self::Key) -> Box<[u8]>;

    /// The key that the bytes stand for; `None` where they are no key of this kind.
    fn read_key(bytes: &[u8]) -> Option<Self::Key>;

    /// The value that the bytes stand for. Errs where they are not what was written.
    fn decode(bytes: &[u8]) -> Result<Self, RecordCause>;
}

/// A record that can be written, and not only be read in part.
pub trait Encode: Record {
    /// The bytes of the value.
    fn encode(&self) -> Box<[u8]>;
}

/// A record that is not what was written: damage, or a file of a release that wrote it otherwise.
#[derive(Debug, thiserror::Error)]
#[error("the {} record {} cannot be read ({cause}): restore a backup", .kind.as_str(), shown(.key))]
pub struct RecordError {
    /// The kind that it is kept as.
    pub kind: RecordKind,
    /// Its key, as it is stored.
    pub key: Box<[u8]>,
    /// What is wrong with it.
    pub cause: RecordCause,
}

/// Why the bytes of a record are not what was written.
#[derive(Debug, thiserror::Error)]
pub enum RecordCause {
    /// The frame around the value.
    #[error(transparent)]
    Frame(#[from] LogError),
    /// The key is none of its kind.
    #[error("no record of this kind has such a key")]
    Key,
    /// A value of fixed length has another.
    #[error("its value is {0} bytes long")]
    Length(usize),
    /// The value is not the JSON that its kind has.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A key as the log shows it: as text where it is one, else in hexadecimal.
fn shown(key: &[u8]) -> String {
    let text = std::str::from_utf8(key).ok().filter(|text| !text.contains(char::is_control));
    text.map_or_else(|| format!("0x{}", hex::encode(key)), |text| format!("`{text}`"))
}

/// The bytes of a plain struct.
pub(super) fn json(value: &impl Serialize) -> Box<[u8]> {
    serde_json::to_vec(value).expect("structs of texts, numbers and lists have no key that is no text").into()
}

/// The value that the JSON stands for. Errs where it stands for none.
pub(super) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RecordCause> {
    Ok(serde_json::from_slice(bytes)?)
}

/// A number as a key: big-endian, so that keys are in the order of their numbers.
pub(super) fn number_key(number: u64) -> Box<[u8]> {
    number.to_be_bytes().into()
}

/// The number of a key; `None` where the bytes are not eight.
pub(super) fn read_number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fmt::Debug;

    /// Asserts that key and value are written as these bytes and read back from them, and that no
    /// beginning of the bytes is taken for a value; gives the value.
    pub fn pinned<R: Encode + PartialEq + Debug>(key: &R::Key, key_bytes: &[u8], value: &[u8]) -> R
    where
        R::Key: PartialEq + Debug,
    {
        assert_eq!(R::key(key).escape_ascii().to_string(), key_bytes.escape_ascii().to_string());
        assert_eq!(R::read_key(key_bytes).as_ref(), Some(key));
        let read = R::decode(value).unwrap();
        assert_eq!(read.encode().escape_ascii().to_string(), value.escape_ascii().to_string());
        for end in 0..value.len() {
            assert!(R::decode(&value[..end]).is_err(), "{end} of {} bytes are not the value", value.len());
        }
        read
    }

    #[test]
    fn an_error_names_the_kind_the_key_and_the_cause() {
        let error = |kind, key: &[u8], cause| RecordError { kind, key: key.into(), cause }.to_string();
        let length = error(RecordKind::Partner, "zürich".as_bytes(), RecordCause::Length(3));
        assert_eq!(
            length,
            "the partner record `zürich` cannot be read (its value is 3 bytes long): restore a backup"
        );
        let key = error(RecordKind::Run, &[0, 0, 7], RecordCause::Key);
        assert_eq!(
            key,
            "the run record 0x000007 cannot be read (no record of this kind has such a key): restore a backup"
        );
        let frame = error(RecordKind::Lost, b"a", LogError::Checksum.into());
        assert!(
            frame.starts_with("the lost writes record `a` cannot be read (the checksum is not"),
            "{frame}"
        );
    }
}

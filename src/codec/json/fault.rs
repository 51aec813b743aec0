//! What a scan can find wrong: small while it is handed up, put into words at the end.

use super::limits::{DEPTH_MAX, MEMBERS_MAX, STRING_BYTES_MAX};

/// Where and why a text is not what we take for JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} (byte {offset})")]
pub struct JsonError {
    /// Bytes from the start of the text that was read.
    pub offset: usize,
    /// `json_syntax`, `json_depth`, `json_duplicate_name`, `json_utf8`, `json_surrogate`,
    /// `json_too_long`, `json_trailing`.
    pub code: &'static str,
    /// What is wrong and what to send instead; never a piece of the text.
    pub detail: String,
}

impl JsonError {
    /// The same error, counted from the start of a text that begins `offset` bytes earlier.
    pub fn moved(self, offset: usize) -> JsonError {
        JsonError { offset: self.offset + offset, ..self }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// What is wrong with a text, and where.
pub(crate) struct Fault {
    /// Bytes from the start of the text.
    pub at: usize,
    /// What is wrong there.
    pub what: What,
}

/// The first of these name what was expected instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Value,
    Object,
    Array,
    String,
    StringEnd,
    Name,
    Colon,
    CommaOrBracket,
    Escape,
    Hex,
    OtherHalf,
    Digit,
    Control,
    Trailing,
    LoneSurrogate,
    Twice,
    TooDeep,
    TooLong,
    TooMany,
}

impl Fault {
    /// Whether more bytes could still make whole a text that ends after `length`.
    pub(crate) fn is_early_end(self, length: usize) -> bool {
        self.at == length
    }

    /// In words, for a text of this length.
    #[cold]
    pub(crate) fn error(self, length: usize) -> JsonError {
        let (code, detail) = self.what.words();
        let detail = match (code, self.what) {
            ("json_syntax", What::Control) => detail,
            ("json_syntax", _) if self.at == length => {
                format!("the text ends where {detail} is expected: send it whole")
            }
            ("json_syntax", _) => format!("not JSON: {detail} is expected here"),
            _ => detail,
        };
        JsonError { offset: self.at, code, detail }
    }
}

impl What {
    fn words(self) -> (&'static str, String) {
        let expected = |what: &str| ("json_syntax", what.to_owned());
        match self {
            What::Value => expected("a value"),
            What::Object => expected("an object"),
            What::Array => expected("an array"),
            What::String => expected("a string"),
            What::StringEnd => expected("the end of a string"),
            What::Name => expected("a member's name in quotes"),
            What::Colon => expected("a colon"),
            What::CommaOrBracket => expected("a comma or the closing bracket"),
            What::Escape => expected("an escape that JSON knows"),
            What::Hex => expected("a hexadecimal digit"),
            What::OtherHalf => expected("the other half of a surrogate pair"),
            What::Digit => expected("a digit"),
            What::Control => ("json_syntax", "a control character stands in a string: escape it".into()),
            What::Trailing => ("json_trailing", "something follows the value: send one JSON value".into()),
            What::LoneSurrogate => (
                "json_surrogate",
                "half a surrogate pair in a string: send both halves, or the character itself".into(),
            ),
            What::Twice => {
                ("json_duplicate_name", "an object names a member twice: send each name once".into())
            }
            What::TooDeep => ("json_depth", format!("nested deeper than {DEPTH_MAX}: flatten it")),
            What::TooLong => {
                ("json_too_long", format!("a string is longer than {STRING_BYTES_MAX} bytes: shorten it"))
            }
            What::TooMany => (
                "json_too_long",
                format!("an object has more than {MEMBERS_MAX} members: send fewer, or nest them"),
            ),
        }
    }
}

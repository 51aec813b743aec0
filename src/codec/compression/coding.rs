//! The codings of contents that we know.

/// A coding of contents (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Of RFC 1952.
    Gzip,
    /// Of RFC 8878, in windows of at most 8 MiB (RFC 9659).
    Zstd,
    /// Of RFC 7932.
    Brotli,
}

impl Coding {
    /// All of them, those first that we would rather send: zstd makes a page smallest for the time that
    /// it takes.
    pub const ALL: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

    /// As `Content-Encoding` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Zstd => "zstd",
            Coding::Brotli => "br",
        }
    }
}

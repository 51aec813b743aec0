//! How a sender proves that a body is its own and whole.

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HmacHash {
    /// SHA-1, which is broken for other uses, and not for this one.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureText {
    /// Two digits for each byte.
    Hex,
    /// The standard alphabet.
    Base64,
}

/// What is signed, and where its signature stands. Names of headers are in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureScheme {
    /// Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`. Its secrets are
    /// `whsec_` and base64.
    StandardWebhooks,
    /// An HMAC of the body alone. It says nothing of when it was made: a call can be made again by
    /// one who has seen it, which D1 and P1 make harmless where the body says its time.
    Hmac {
        /// Its hash.
        hash: HmacHash,
        /// The header that holds it.
        header: String,
        /// How it is written there.
        text: SignatureText,
        /// What stands before it, such as `sha256=`.
        prefix: String,
    },
    /// `t=…,v1=…`: an HMAC-SHA256 in hexadecimal digits of the time, a dot, and the body.
    Timestamped {
        /// The header that holds both.
        header: String,
    },
}

//! `auth` of a hook: what its calls prove themselves by, and with which secrets.

use super::super::fault::Wrong;
use super::super::raw::Section;
use super::super::secret::{named, secret};
use super::super::{HookProof, SecretSource, mapping};
use crate::domain::hook::{HmacHash, SignatureScheme, SignatureText};

/// One that is taken away, and one that takes its place.
const SECRETS_MAX: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    StandardWebhooks,
    Hmac(HmacHash),
    Timestamped,
    Basic,
    Bearer,
    Header,
}

/// Reads the section; `None` after faults.
pub fn proof(mut section: Section<'_>) -> Option<(HookProof, Vec<SecretSource>)> {
    let s = &mut section;
    let kinds = [
        ("standard_webhooks", Kind::StandardWebhooks),
        ("hmac_sha256", Kind::Hmac(HmacHash::Sha256)),
        ("hmac_sha1", Kind::Hmac(HmacHash::Sha1)),
        ("timestamped", Kind::Timestamped),
        ("basic", Kind::Basic),
        ("bearer", Kind::Bearer),
        ("header", Kind::Header),
    ];
    let kind = s.choice("kind", None, &kinds.map(|(word, kind)| (word, Some(kind))));
    if !s.has("kind") {
        let words = kinds.map(|(word, _)| word).join(", ");
        s.refuse("kind", Wrong::rule("is needed here").hint(format!("one of {words}")));
    }
    let secrets = secrets(s);
    let proof = kind.and_then(|kind| proof_of(s, kind));
    section.finish();
    Some((proof?, secrets))
}

fn proof_of(s: &mut Section<'_>, kind: Kind) -> Option<HookProof> {
    match kind {
        Kind::StandardWebhooks => Some(HookProof::Signature(SignatureScheme::StandardWebhooks)),
        Kind::Hmac(hash) => {
            let texts = [("hex", SignatureText::Hex), ("base64", SignatureText::Base64)];
            let text = s.choice("encoding", SignatureText::Hex, &texts);
            let prefix = s.text("prefix").unwrap_or_default();
            let header = header(s)?;
            Some(HookProof::Signature(SignatureScheme::Hmac { hash, header, text, prefix }))
        }
        Kind::Timestamped => Some(HookProof::Signature(SignatureScheme::Timestamped { header: header(s)? })),
        Kind::Basic => {
            let user = s.text("user");
            if !s.has("user") {
                s.refuse("user", Wrong::rule("is needed here"));
            }
            Some(HookProof::Basic { user: user? })
        }
        Kind::Bearer => Some(HookProof::Bearer),
        Kind::Header => Some(HookProof::Header { name: header(s)? }),
    }
}

fn header(s: &mut Section<'_>) -> Option<String> {
    let header = s.read("header", mapping::header);
    if !s.has("header") {
        s.refuse("header", Wrong::rule("is needed here: the header that the sender puts it into"));
    }
    header
}

/// `secret = { file = "…" }`, or `secrets` with two of them.
fn secrets(s: &mut Section<'_>) -> Vec<SecretSource> {
    if !s.has("secrets") {
        return secret(s, "secret").into_iter().collect();
    }
    if s.has("secret") {
        s.refuse("secret", Wrong::rule("must not stand beside `secrets`"));
        let _ = s.optional_section("secret");
    }
    let sections = s.sections("secrets");
    if !(1..=SECRETS_MAX).contains(&sections.len()) {
        let rule = Wrong::rule(format!("must name 1 to {SECRETS_MAX} secrets"));
        s.refuse(
            "secrets",
            rule.hint("two while one is rotated: secrets = [{ file = \"new\" }, { file = \"old\" }]"),
        );
    }
    sections.into_iter().filter_map(named).collect()
}

//! The list `keys` of partners and readers, and a partner's `[[signing]]`.
//!
//! What signs is read here, once for each reload, unlike the secrets of hooks and feeds: a secret that
//! cannot be used is a fault of the configuration and not of a call, and a reload takes all of it or
//! nothing.

use super::KeyHash;
use super::callers::{BearerKey, SigningKey, Validity};
use super::fault::Wrong;
use super::raw::{Section, text_of};
use super::secret::named;
use crate::codec::signature::{LIVE_KEYS_MAX, WebhookKey};
use crate::codec::time;
use crate::domain::{Micros, TimeFormat};
use secrecy::ExposeSecret;
use std::sync::Arc;
use toml::de::DeValue;

/// Keys in one list: two that are live are a rotation, more than a few a mistake.
const KEYS_MAX: usize = 16;

/// The list `keys`: hashes, or sections of a `hash` and the time in which it holds.
pub(super) fn keys(section: &mut Section<'_>) -> Vec<BearerKey> {
    let source = section.source;
    section.items_or_sections(
        "keys",
        KEYS_MAX,
        |value| source.key(value).map(BearerKey::from),
        |mut section| {
            let (hash, validity) = (section.key("hash"), validity(&mut section));
            if !section.has("hash") {
                section.refuse("hash", Wrong::rule("is needed here"));
            }
            section.finish();
            Some(BearerKey { hash: hash?, validity })
        },
    )
}

/// `from` and `until` of a section.
pub(super) fn validity(section: &mut Section<'_>) -> Validity {
    let validity = Validity { from: section.read("from", moment), until: section.read("until", moment) };
    if let Validity { from: Some(from), until: Some(until) } = validity
        && from >= until
    {
        section.refuse("until", Wrong::rule("must be later than `from`"));
    }
    validity
}

fn moment(value: &DeValue<'_>) -> Result<Micros, Wrong> {
    let text = match value {
        DeValue::Datetime(time) => time.to_string(),
        other => text_of(other)?.to_owned(),
    };
    time::parse(&text, TimeFormat::Rfc3339).map_err(|error| Wrong::rule("must be a time").hint(error.hint))
}

/// All of a partner's `[[signing]]`.
pub(super) fn signing(whole: &mut Section<'_>) -> Vec<SigningKey> {
    let sections = whole.sections("signing");
    if sections.len() > KEYS_MAX {
        let rule = Wrong::rule(format!("must be at most {KEYS_MAX} keys"));
        whole.refuse("signing", rule.hint("take away those whose `until` has passed"));
        return Vec::new();
    }
    let keys: Vec<_> = sections.into_iter().filter_map(signing_key).collect();
    if live_at_once(&keys) > LIVE_KEYS_MAX {
        let rule =
            Wrong::rule(format!("must not have more than {LIVE_KEYS_MAX} keys that hold at the same moment"));
        whole.refuse("signing", rule.hint("give the older ones an `until`: two are enough to rotate one"));
    }
    keys
}

fn signing_key(mut section: Section<'_>) -> Option<SigningKey> {
    let s = &mut section;
    let validity = validity(s);
    let public = s.read("public_key", |value| {
        let hint = "whpk_ and base64 of the 32 bytes of an ed25519 key, as its owner's library prints it";
        WebhookKey::public(text_of(value)?)
            .ok_or_else(|| Wrong::rule("must be the public key of a sender of Standard Webhooks").hint(hint))
    });
    let source = s.optional_section("secret").and_then(named);
    if s.has("public_key") == s.has("secret") {
        let rule = Wrong::rule("a key that signs is either a secret or a public_key");
        s.refuse("secret", rule.hint("secret = { file = \"…\" } or public_key = \"whpk_…\""));
    }
    let shared = source.and_then(|source| match source.read() {
        Ok(text) => {
            let key = WebhookKey::shared(text.expose_secret());
            if key.is_none() {
                let rule = Wrong::rule("must name a secret of Standard Webhooks");
                s.refuse(
                    "secret",
                    rule.hint(
                        "whsec_ and base64 of 24 to 64 random bytes: tidegate secret add PARTNER makes one",
                    ),
                );
            }
            key
        }
        Err(error) => {
            s.refuse("secret", Wrong::rule(error.to_string()));
            None
        }
    });
    let key = public.or(shared);
    if let Some(key) = &key {
        // a signature does not cover whose path it is sent to
        if let Err(wrong) = s.source.hold(KeyHash(key.hash())) {
            s.refuse(if s.has("secret") { "secret" } else { "public_key" }, wrong);
        }
    }
    section.finish();
    Some(SigningKey { key: Arc::new(key?), validity })
}

/// The most that hold at one moment: that is so when one of them begins.
fn live_at_once(keys: &[SigningKey]) -> usize {
    let begins = keys.iter().map(|key| key.validity.from.unwrap_or(Micros(i64::MIN)));
    begins.map(|at| keys.iter().filter(|key| key.validity.holds(at)).count()).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::read_partner;
    use super::*;
    use crate::domain::PartnerName;
    use std::path::Path;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const PUBLIC: &str = "public_key = \"whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"";

    fn read(directory: &Path, text: &str) -> Result<Vec<SigningKey>, String> {
        let name = PartnerName::new("acme").unwrap();
        let read = read_partner(directory, &name, text).map(|partner| partner.signing);
        read.map_err(|faults| faults.to_string())
    }

    #[test]
    fn two_keys_may_hold_at_one_moment_and_a_third_only_before_or_after() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("one"), SECRET).unwrap();
        std::fs::write(place.path().join("two"), SECRET.replace("C2FV", "D2FV") + "\n").unwrap();
        let three = |until: &str| {
            format!(
                "[[signing]]\nsecret = {{ file = \"one\" }}\nuntil = {until}\n[[signing]]\n{PUBLIC}\n\
                 [[signing]]\nsecret = {{ file = \"two\" }}\nfrom = 2026-12-01T00:00:00Z\n"
            )
        };
        let keys = read(place.path(), &three("\"2026-12-01T01:00:00+01:00\"")).unwrap();
        assert_eq!(keys.len(), 3);
        let held = |at: i64| keys.iter().map(|key| key.validity.holds(Micros(at))).collect::<Vec<_>>();
        let end = 1_796_083_200 * Micros::SECOND;
        assert_eq!((held(end - 1), held(end)), (vec![true, true, false], vec![false, true, true]));
        let said = read(place.path(), &three("2026-12-01T00:00:00.000001Z")).unwrap_err();
        assert!(said.contains("more than 2 keys"), "{said}");
    }

    #[test]
    fn what_cannot_sign_is_named_and_never_shown() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("short"), "whsec_c2hvcnQ=").unwrap();
        std::fs::write(place.path().join("one"), SECRET).unwrap();
        for (text, rule) in [
            ("secret = { file = \"short\" }", "must name a secret of Standard Webhooks"),
            ("secret = { file = \"none\" }", "there is no such file"),
            ("public_key = \"whpk_short\"", "must be the public key"),
            ("", "either a secret or a public_key"),
            (&format!("{PUBLIC}\nsecret = {{ file = \"one\" }}"), "either a secret or a public_key"),
            (&format!("{PUBLIC}\nfrom = 2026-12-01T00:00:00"), "must be a time"),
            (&format!("{PUBLIC}\nfrom = 2026-12-02\nuntil = 2026-12-01"), "later than `from`"),
            (&format!("{PUBLIC}\n[[signing]]\n{PUBLIC}"), "already held by partner acme"),
        ] {
            let said = read(place.path(), &format!("[[signing]]\n{text}")).unwrap_err();
            assert!(said.contains(rule) && !said.contains("c2hvcnQ"), "{text}: {said}");
        }
    }

    #[test]
    fn a_bearer_key_may_have_a_time_of_its_own() {
        let hash = KeyHash::of("a");
        let text = format!("keys = [\"{}\", {{ hash = \"{hash}\", until = 2026-12-01 }}]", KeyHash::of("b"));
        let name = PartnerName::new("acme").unwrap();
        let keys = read_partner(Path::new("."), &name, &text).unwrap().keys;
        assert!(keys[0].validity.is_always() && keys[1].hash == hash);
        assert_eq!(keys[1].validity.until, Some(Micros(1_796_083_200 * Micros::SECOND)));
        let odd = text.replace("until", "til");
        let said = read_partner(Path::new("."), &name, &odd).unwrap_err().to_string();
        assert!(said.contains("keys[1].til") && said.contains("not a known key"), "{said}");
    }
}

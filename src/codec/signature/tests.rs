//! Signatures as their senders make them, and as others might.

use super::*;
use crate::domain::hook::HmacHash;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const NOW: Micros = Micros(1_649_367_553 * Micros::SECOND);
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
const GOOD: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

fn headers(pairs: &[(&str, &str)]) -> HookHeaders {
    let mut headers = HookHeaders::default();
    pairs.iter().for_each(|(name, value)| headers.push(name, value));
    headers
}

fn webhook(at: &str, signature: &str, now: Micros) -> Result<(), NotSigned> {
    let headers = headers(&[
        ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
        ("webhook-timestamp", at),
        ("webhook-signature", signature),
    ]);
    claimed(&SignatureScheme::StandardWebhooks, &headers, now)?.verify([SECRET], BODY)
}

#[test]
fn the_vector_that_four_libraries_agree_on_is_accepted() {
    assert_eq!(webhook("1649367553", GOOD, NOW), Ok(()));
    for list in [
        &format!("v1a,AAAA {GOOD}"),
        &format!("{GOOD} garbage"),
        &format!("garbage {GOOD}"),
        &format!("v1,AAAA  {GOOD}"),
        &format!("v1,?? {GOOD}"),
        &format!("{}{GOOD}", "v2,AAAA ".repeat(15)),
    ] {
        assert_eq!(webhook("1649367553", list, NOW), Ok(()), "{list}");
    }
}

#[test]
fn a_signature_is_of_this_hour() {
    let at = |seconds: i64| webhook("1649367553", GOOD, NOW.plus(seconds * Micros::SECOND));
    for good in [-60, 0, 300] {
        assert_eq!(at(good), Ok(()), "{good}");
    }
    for bad in [-61, 301, 86_400] {
        assert_eq!(at(bad), Err(NotSigned::Stale), "{bad}");
    }
    for odd in [
        "",
        "+1649367553",
        "01649367553",
        "1649367553.0",
        "-9223372036854775808",
        "9223372036854775807",
        "99999999999",
        "18446744073709551616",
        "é",
    ] {
        assert_eq!(webhook(odd, GOOD, NOW), Err(NotSigned::Malformed), "{odd}");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    let wrong = GOOD.replace("tZ1I", "tZ1J");
    assert_eq!(webhook("1649367553", &wrong, NOW), Err(NotSigned::Wrong));
    assert_eq!(webhook("1649367554", GOOD, NOW), Err(NotSigned::Wrong));
    assert_eq!(webhook("1649367553", "v1a,AAAA", NOW), Err(NotSigned::Malformed));
    assert_eq!(webhook("1649367553", "", NOW), Err(NotSigned::Malformed));
    let seventeen = format!("{}{GOOD}", "v2,AAAA ".repeat(16));
    assert_eq!(webhook("1649367553", &seventeen, NOW), Err(NotSigned::Malformed), "more than are looked at");
    let scheme = SignatureScheme::StandardWebhooks;
    assert_eq!(claimed(&scheme, &headers(&[]), NOW), Err(NotSigned::Missing));
    for id in ["a.b", "", "a b", &"x".repeat(256)] {
        let all =
            headers(&[("webhook-id", id), ("webhook-timestamp", "1649367553"), ("webhook-signature", GOOD)]);
        assert_eq!(claimed(&scheme, &all, NOW), Err(NotSigned::Malformed), "{id}");
    }
}

#[test]
fn a_secret_is_base64_of_its_length_with_the_prefix_or_without() {
    for good in [SECRET, &SECRET[6..], &format!("{}=", "A".repeat(43))] {
        assert!(is_usable(&SignatureScheme::StandardWebhooks, good), "{good}");
    }
    for bad in ["", "whsec_", "whsec_AAAA", "whsec_C2FVsBQIhrscChlQIMV-b5sSYspob7oD", "not base64"] {
        assert!(!is_usable(&SignatureScheme::StandardWebhooks, bad), "{bad}");
    }
    let all = headers(&[
        ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
        ("webhook-timestamp", "1649367553"),
        ("webhook-signature", GOOD),
    ]);
    let claimed = claimed(&SignatureScheme::StandardWebhooks, &all, NOW).unwrap();
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(claimed.verify([other, SECRET], BODY), Ok(()), "one of two, while one is rotated");
    assert_eq!(claimed.verify([other], BODY), Err(NotSigned::Wrong));
    assert_eq!(claimed.verify(["whsec_"], BODY), Err(NotSigned::Secret));
}

/// RFC 2202 and RFC 4231, case 2.
#[test]
fn an_hmac_of_the_body_alone_is_read_by_hash_encoding_and_prefix() {
    let body = b"what do ya want for nothing?";
    let sha1 = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    let sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let check = |hash, text, prefix: &str, value: &str| {
        let scheme = SignatureScheme::Hmac { hash, header: "x-sign".into(), text, prefix: prefix.into() };
        claimed(&scheme, &headers(&[("X-Sign", value)]), NOW)?.verify(["Jefe"], body)
    };
    let base64 = BASE64.encode(hex::decode(sha256).unwrap());
    assert_eq!(check(HmacHash::Sha1, SignatureText::Hex, "sha1=", &format!("sha1={sha1}")), Ok(()));
    assert_eq!(check(HmacHash::Sha256, SignatureText::Hex, "", sha256), Ok(()));
    assert_eq!(check(HmacHash::Sha256, SignatureText::Hex, "", &sha256.to_uppercase()), Ok(()));
    assert_eq!(check(HmacHash::Sha256, SignatureText::Base64, "", &base64), Ok(()));
    for (prefix, value, why) in [
        ("sha256=", sha256, NotSigned::Malformed),
        ("", &sha256[..63], NotSigned::Malformed),
        // a shorter one is no signature, whatever it begins with
        ("", &sha256[..62], NotSigned::Wrong),
        ("", "", NotSigned::Malformed),
        ("", sha1, NotSigned::Wrong),
    ] {
        assert_eq!(check(HmacHash::Sha256, SignatureText::Hex, prefix, value), Err(why), "{value}");
    }
}

#[test]
fn a_timestamped_signature_covers_its_time() {
    let scheme = SignatureScheme::Timestamped { header: "stripe-signature".into() };
    let sign = |at: &str| {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(b"whsec_test").unwrap();
        hex::encode(mac.chain_update(at).chain_update(".").chain_update(BODY).finalize().into_bytes())
    };
    let check = |value: &str| {
        claimed(&scheme, &headers(&[("stripe-signature", value)]), NOW)?.verify(["whsec_test"], BODY)
    };
    let good = sign("1649367553");
    assert_eq!(check(&format!("t=1649367553,v1={good},v0=aa")), Ok(()));
    assert_eq!(check(&format!("t=1649367553, v1={}, v1={good}", "0".repeat(64))), Ok(()));
    assert_eq!(check(&format!("t=1649367554,v1={good}")), Err(NotSigned::Wrong));
    let old = sign("1649367200");
    assert_eq!(check(&format!("t=1649367200,v1={old}")), Err(NotSigned::Stale));
    for bad in
        [&format!("v1={good}"), "t=1649367553", &format!("t=1649367553,t=1,v1={good}"), "t", "t=1,v1=zz"]
    {
        assert_eq!(check(bad), Err(NotSigned::Malformed), "{bad}");
    }
}

#[test]
fn what_a_call_carries_itself_is_taken_apart() {
    assert_eq!(basic("Basic dXNlcjpwYTpzcw=="), Some(("user".into(), "pa:ss".into())));
    assert_eq!((basic("Basic dXNlcg=="), basic("Bearer dXNlcjpw"), basic("Basic ?")), (None, None, None));
    assert_eq!((bearer("bearer  abc "), bearer("Bearer "), bearer("abc")), (Some("abc"), None, None));
    assert!(fits("s3cret", "s3cret") && !fits("s3cret", "s3cre") && !fits("", ""));
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

/// RFC 8032, 7.1: public key, message, signature.
const RFC_8032: [(&str, &str, &str); 4] = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
];

#[test]
fn the_vectors_of_rfc_8032_are_verified_and_none_with_a_larger_scalar() {
    // the order of the group: an s that is larger by it names the same scalar
    let order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    for (key, message, signature) in RFC_8032 {
        let public = WebhookKey::public(&format!("whpk_{}", BASE64.encode(unhex(key)))).unwrap();
        let key::KeyKind::Public(key) = public.kind() else { panic!("it is one") };
        let (message, signature) = (unhex(message), unhex(signature));
        assert!(key.verify_sig(&message, &signature).is_ok());
        let mut malleable = signature.clone();
        let mut carry = 0;
        for (place, byte) in order.iter().enumerate() {
            let sum = u16::from(malleable[32 + place]) + u16::from(*byte) + carry;
            (malleable[32 + place], carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        assert!(key.verify_sig(&message, &malleable).is_err(), "the same signature in another spelling");
    }
}

/// A call as it is on the wire, but for the headers' names.
#[derive(Clone)]
struct Sent([Vec<u8>; 4]);

impl Sent {
    fn is_proven(&self, key: &WebhookKey) -> bool {
        let Sent([id, at, list, body]) = self;
        // what a server hands on is text, without the space around it
        let text = |bytes: &Vec<u8>| {
            String::from_utf8(bytes.clone()).map(|text| text.trim_matches([' ', '\t']).to_owned())
        };
        let (Ok(id), Ok(at), Ok(list)) = (text(id), text(at), text(list)) else { return false };
        let claim = WebhookClaim::read(&id, &at, &list, NOW);
        claim.is_ok_and(|claim| claim.verify([key], body).is_ok())
    }

    /// How many calls differ from it in one bit, none of which is proven.
    fn flip_each_bit(&self, key: &WebhookKey) -> usize {
        assert!(self.is_proven(key));
        let mut flipped = 0;
        for part in 0..4 {
            for bit in 0..self.0[part].len() * 8 {
                let mut sent = self.clone();
                sent.0[part][bit / 8] ^= 1 << (bit % 8);
                assert!(!sent.is_proven(key), "part {part}, bit {bit}");
                flipped += 1;
            }
        }
        flipped
    }
}

#[test]
fn b9_with_any_one_bit_of_id_time_signature_or_body_changed_nothing_is_proven() {
    let secret = claim_secret();
    let key = WebhookKey::shared(SECRET).unwrap();
    let mut flipped = 0;
    for number in 0..30 {
        let (id, at) = (format!("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W_{number}"), "1649367553");
        let body = format!(r#"{{"id": "ü-{number}", "name": "{}"}}"#, "Ä€😀 ".repeat(32)).into_bytes();
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&secret).unwrap();
        let mac = mac.chain_update(format!("{id}.{at}.")).chain_update(&body).finalize();
        let list = format!("v1,{}", BASE64.encode(mac.into_bytes()));
        flipped += Sent([id.into_bytes(), at.into(), list.into_bytes(), body]).flip_each_bit(&key);
    }
    assert!(flipped >= 100_000, "{flipped} samples");
}

#[test]
fn b9_the_same_of_ed25519() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = WebhookKey::public(&format!("whpk_{}", BASE64.encode(pair.public_key()))).unwrap();
    let (id, at, body) = ("msg_1", "1649367553", r#"{"id": "ü-1", "amount": "1.00"}"#);
    let signature = pair.sign(format!("{id}.{at}.{body}").as_bytes());
    let list = format!("v1a,{}", BASE64.encode(signature));
    let sent = Sent([id.into(), at.into(), list.into_bytes(), body.into()]);
    assert!(sent.flip_each_bit(&key) > 1_000);
    let other = WebhookKey::shared(SECRET).unwrap();
    assert!(!sent.is_proven(&other), "a secret is no public key");
}

fn claim_secret() -> Vec<u8> {
    key::secret_bytes(SECRET).unwrap()
}

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
    for odd in ["", "+1649367553", "01649367553", "1649367553.0", "-9223372036854775808", "999999999999", "é"]
    {
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

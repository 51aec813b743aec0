//! Hooks as files write them, and what is said of mistakes.

use super::preset::PRESETS;
use crate::config::{ConfigFault, HookProof, HookSettings, read_partner};
use crate::domain::PartnerName;
use crate::domain::hook::{EventMeaning, HmacHash, SignatureScheme, SignatureText};
use crate::domain::mapping::Place;

fn read(text: &str) -> Result<Vec<HookSettings>, Vec<ConfigFault>> {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a.secret", "b.secret"] {
        std::fs::write(directory.path().join(name), "s3cret").unwrap();
    }
    let name = PartnerName::new("acme").unwrap();
    read_partner(directory.path(), &name, text).map(|partner| partner.hooks).map_err(|faults| faults.0)
}

fn keys(text: &str) -> Vec<String> {
    let faults = read(text).expect_err("it is wrong");
    faults.into_iter().map(|fault| fault.key).collect()
}

#[test]
fn each_preset_is_sound_with_a_secret_beside_it() {
    for (name, _) in PRESETS {
        let text = format!(
            "[[hooks]]\nname = \"shop\"\npreset = \"{name}\"\nauth = {{ secret = {{ file = \"a.secret\" }} }}\n"
        );
        let hooks = read(&text).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        assert_eq!(hooks[0].secrets.len(), 1, "{name}");
        assert_eq!(hooks[0].hook.events.find("something.else"), Some(&EventMeaning::Ignored), "{name}");
    }
}

#[test]
fn what_the_file_says_goes_before_the_preset_key_by_key() {
    let hooks = read(
        r#"[[hooks]]
        name = "shop"
        preset = "shopify"
        auth = { header = "X-Other", secrets = [{ file = "a.secret" }, { file = "b.secret" }] }
        delivery = "/delivery"
        events = { "products/delete" = "ignored" }
        mapping = { name = "/handle" }
        [[hooks]]
        name = "own"
        preset = "shopify"
        auth = { kind = "bearer", secret = { file = "a.secret" } }"#,
    );
    let hooks = hooks.unwrap();
    let scheme = SignatureScheme::Hmac {
        hash: HmacHash::Sha256,
        header: "x-other".into(),
        text: SignatureText::Base64,
        prefix: String::new(),
    };
    assert_eq!((&hooks[0].proof, hooks[0].secrets.len()), (&HookProof::Signature(scheme), 2));
    let hook = &hooks[0].hook;
    assert!(matches!(hook.delivery.as_ref().unwrap().places[0], Place::At(_)));
    assert_eq!(hook.events.find("products/delete"), Some(&EventMeaning::Ignored));
    assert_eq!(hook.events.find("products/create"), Some(&EventMeaning::Upserted));
    assert_eq!(hook.mapping.members.len(), 2, "the preset's status stays");
    assert_eq!(hook.headers(), ["x-shopify-topic", "x-shopify-triggered-at"].into());
    assert_eq!(hooks[1].proof, HookProof::Bearer, "another kind has keys of its own");
}

#[test]
fn all_that_is_wrong_is_named_at_once() {
    let found = keys(
        r#"[[hooks]]
        preset = "magento"
        auth = { kind = "hmac_sha256", secret = { file = "nowhere" } }
        event = { up = 1, at = "/x" }
        events = { "a.*.*" = "asset.upserted", "b" = "asset.moved" }
        times = { "a" = "createdAt" }
        when = [{ at = "/a", is = "null" }]
        mapping = { id = "/*/*", count = "/n" }
        colour = "red""#,
    );
    for key in [
        "hooks[0].preset",
        "hooks[0].name",
        "hooks[0].auth.secret.file",
        "hooks[0].auth.header",
        "hooks[0].event",
        "hooks[0].events.a.*.*",
        "hooks[0].events.b",
        "hooks[0].times.a",
        "hooks[0].when[0].then",
        "hooks[0].mapping.id",
        "hooks[0].mapping.count",
        "hooks[0].colour",
    ] {
        assert!(found.iter().any(|found| found == key), "{key} is not among {found:?}");
    }
    let auth = "auth = { kind = \"bearer\", secret = { file = \"a.secret\" } }";
    for (text, key) in [
        (format!("[[hooks]]\nname = \"A\"\n{auth}"), "hooks[0].name"),
        (format!("[[hooks]]\nname = \"a\"\n{auth}\n[[hooks]]\nname = \"a\"\n{auth}"), "hooks[1].name"),
        ("[[hooks]]\nname = \"a\"".into(), "hooks[0].auth"),
        (format!("[[hooks]]\nname = \"a\"\n{auth}\nevent = \"/e\""), "hooks[0].events"),
        (format!("[[hooks]]\nname = \"a\"\n{auth}\ntimes = {{ a = \"/t\" }}"), "hooks[0].times"),
        (
            format!("[[hooks]]\nname = \"a\"\n{auth}\nmapping = {{ id = {{ of = [\"/a/*\", \"/b\"] }} }}"),
            "hooks[0].mapping.id",
        ),
        ("[[hooks]]\nname = \"a\"\npreset = \"strapi\"".into(), "hooks[0].auth.secret"),
    ] {
        assert_eq!(keys(&text), [key], "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_preset_in_its_file_shows_no_other_text_of_the_file() {
    let text = "[[hooks]]\nname = \"a\"\npreset = \"stripe\"\nevent = false\nauth = { secret = { file = \"a.secret\" } }";
    let faults = read(text).unwrap_err();
    assert!(
        faults.iter().all(|fault| fault.value.as_deref().is_none_or(|value| value.contains("stripe"))),
        "{faults:?}"
    );
}

#[test]
fn a_header_is_no_place_of_a_feed() {
    let feed = "[feed]\nurl = \"https://a.example/\"\n[feed.mapping]\nname = { header = \"X-Name\" }";
    assert_eq!(keys(feed), ["feed.mapping.id"]);
}

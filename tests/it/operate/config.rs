//! The configuration: the files we ship say what the code does, and mistakes are all named.

use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tidegate::config::{
    ConfigFault, Credentials, CursorPlace, FeedSettings, KeyHash, LimitSettings, NextPage, PageSettings,
    PartnerSettings, SecretSource, ServerSettings, Settings, StoreSettings, load,
};
use tidegate::domain::mapping::{Field, Mapping, TimeFormat, TimeSpelling};
use tidegate::domain::{Currency, Micros, Pointer};
use tidegate::rules::policy::{Absent, Policy};

const MAIN: &str = include_str!("../../../config/tidegate.toml");
const EXAMPLE: &str = include_str!("../../../config/partners/example.toml");

/// A directory of configuration with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("partners")).unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn loaded(files: &[(&str, &str)]) -> Result<Settings, Vec<ConfigFault>> {
    load(directory(files).path()).map_err(|faults| faults.0)
}

/// The settings of one partner whose file holds this text beside a key.
fn partner(text: &str) -> Result<PartnerSettings, Vec<ConfigFault>> {
    let text = format!("keys = [\"{}\"]\n{text}", KeyHash::of("acme"));
    let settings = loaded(&[("tidegate.toml", ""), ("partners/acme.toml", &text)])?;
    Ok(settings.partners.into_iter().next().unwrap())
}

/// The shipped file with its defaults written out: `#key` becomes `key`, comments stay.
fn written_out(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

fn keys_of(faults: &[ConfigFault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.key.as_str()).collect()
}

#[test]
fn the_shipped_files_are_sound_as_they_are() {
    let settings = load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config"))).unwrap();
    assert_eq!(settings.partners.len(), 1);
    assert_eq!(settings.partners[0].feed, None);
}

#[test]
fn the_defaults_in_the_shipped_files_are_the_defaults_of_the_code() {
    let (main, example) = (written_out(MAIN), written_out(EXAMPLE));
    let directory = directory(&[("tidegate.toml", &main), ("partners/example.toml", &example)]);
    let settings = load(directory.path()).unwrap();
    assert_eq!(settings.server, ServerSettings::default());
    assert_eq!(settings.store, StoreSettings::within(directory.path().join("data")));
    assert_eq!(settings.readers, []);
    let partner = &settings.partners[0];
    assert_eq!(partner.limits, LimitSettings::default());
    let feed_interval = 24 * Micros::HOUR;
    assert_eq!(partner.policy, Policy { feed_interval, ..Policy::default() });
    let feed = FeedSettings::at("https://feeds.example.com/assets.json");
    assert_eq!(partner.feed.as_ref(), Some(&feed));
}

#[test]
fn nothing_said_is_the_default_too() {
    let settings = loaded(&[("tidegate.toml", "")]).unwrap();
    assert_eq!(settings.server, ServerSettings::default());
    assert_eq!(partner("").unwrap().policy, Policy::default());
    let feed = partner("[feed]\nurl = 'https://a.example/f'").unwrap().feed;
    assert_eq!(feed, Some(FeedSettings::at("https://a.example/f")));
}

/// The keys that a section knows, as the fault about an unknown key lists them.
fn known_keys(fault: &ConfigFault) -> Vec<String> {
    let hint = fault.hint.as_deref().unwrap();
    hint.strip_prefix("known here: ").unwrap().split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_of_the_raw_shape_stands_in_the_shipped_files() {
    let secret = "password = { file = 'tidegate.toml', zzz = 1 }, zzz = 1";
    let bearer = "[feed]\nurl = 'https://a.example/'\n[feed.credentials]\nzzz = 1\n\
                  bearer = { token = { env = 'PATH', zzz = 1 }, zzz = 1 }";
    let header = "[feed]\nurl = 'https://a.example/'\n[feed.credentials]\n\
                  header = { name = 'X', value = { env = 'PATH' }, zzz = 1 }";
    let basic = format!(
        "zzz = 1\n[limits]\nzzz = 1\n[feed]\nurl = 'https://a.example/'\nzzz = 1\n\
         [feed.credentials]\nbasic = {{ user = 'u', {secret} }}\n\
         [feed.guard]\nzzz = 1\n[feed.mapping]\nzzz = 1\n[feed.mapping.price]\nzzz = 1"
    );
    let pages = "[feed]\nurl = 'https://a.example/'\n[feed.pages]\nlink = true\nzzz = 1";
    let number = "[feed]\nurl = 'https://a.example/'\n[feed.pages.page]\nparameter = 'p'\nzzz = 1";
    let offset = "[feed]\nurl = 'https://a.example/'\n[feed.pages.offset]\nparameter = 'o'\nzzz = 1";
    let cursor =
        "[feed]\nurl = 'https://a.example/'\n[feed.pages.cursor]\nparameter = 'c'\nat = '/c'\nzzz = 1";
    let (reader, operator) = (KeyHash::of("reader"), KeyHash::of("operator"));
    let main = format!(
        "zzz = 1\n[server]\nzzz = 1\n[store]\nzzz = 1\n[[readers]]\nname = 'r'\nkeys = ['{reader}']\nzzz = 1\n\
         [[operators]]\nname = 'o'\nkeys = ['{operator}']\nzzz = 1"
    );
    let mut faults = loaded(&[("tidegate.toml", &main)]).unwrap_err();
    assert_eq!(faults.len(), 5, "{faults:?}");
    let texts = [(&*basic, 8), (bearer, 3), (header, 1), (pages, 1), (number, 1), (offset, 1), (cursor, 1)];
    for (text, sections) in texts {
        let found = partner(text).unwrap_err();
        assert_eq!(found.len(), sections, "{found:?}");
        faults.extend(found);
    }
    let text = format!("{MAIN}\n{EXAMPLE}");
    let stands = |key: &String| {
        [format!("{key} = "), format!("[{key}]"), format!("[[{key}]]"), format!(".{key}]")]
            .iter()
            .any(|form| text.contains(form.as_str()))
    };
    let known: BTreeSet<_> = faults.iter().flat_map(known_keys).collect();
    assert!(known.len() > 70, "{known:?}");
    let missing: Vec<_> = known.iter().filter(|key| !stands(key)).collect();
    assert!(missing.is_empty(), "not in the shipped files: {missing:?}");
}

#[test]
fn all_faults_are_reported_at_once_with_file_line_key_value_and_rule() {
    let main = "[server]\nlisten = 'localhost'\nbody_bytes_max = '4MB'\ncolour = 'blue'\n\
                [store]\nlog_keep = 7\nfetches_max = 0";
    let acme = "keys = ['tg_plain']\ncurrency = 'eur'\n[classes]\nfund = '1 week'\n\
                [feed]\nurl = 'ftp://a.example/'\nevery = '24'\njitter = 0.9\nretries = ['1m', 'soon']\n\
                absent = 'keep'\n[feed.mapping]\nid = 'id'\nrecords = 5";
    let faults = loaded(&[
        ("tidegate.toml", main),
        ("partners/acme.toml", acme),
        ("partners/Bad.toml", ""),
        ("partners/torn.toml", "keys = [\n[feed]\nurl = "),
        ("partners/idle.toml", "keys = []"),
        ("partners/notes.txt", "none of ours"),
    ])
    .unwrap_err();
    let main_keys =
        ["server.listen", "server.body_bytes_max", "server.colour", "store.log_keep", "store.fetches_max"];
    let acme_keys = [
        "keys[0]",
        "currency",
        "classes.fund",
        "feed.url",
        "feed.every",
        "feed.jitter",
        "feed.retries[1]",
        "feed.mapping.records",
        "feed.mapping.id",
        "feed.absent",
    ];
    let of = |file: &str| faults.iter().filter(|f| f.file.ends_with(file)).cloned().collect::<Vec<_>>();
    assert_eq!(keys_of(&of("tidegate.toml")), main_keys);
    assert_eq!(keys_of(&of("acme.toml")), acme_keys);
    assert_eq!(keys_of(&of("idle.toml")), ["keys"]);
    assert!(of("Bad.toml")[0].rule.contains("1-64 characters"));
    assert!(of("torn.toml").iter().all(|fault| fault.rule.starts_with("is not TOML")), "{faults:?}");
    let every = &of("acme.toml")[4];
    assert_eq!((every.line, every.value.as_deref()), (Some(7), Some("'24'")));
    let said = every.to_string();
    let expected = "acme.toml:7: feed.every = '24': must be a duration from \"1s\" to \"366d\"; \
                    write a whole number and ms, s, m, h or d, such as \"24h\"";
    assert!(said.ends_with(expected), "{said}");
}

#[test]
fn keys_that_must_fit_together_are_checked_together() {
    let main = "[server]\nadmin_listen = '0.0.0.0:8081'\nbytes_in_flight_max = '1MiB'\n\
                body_timeout = '5s'\n[store]\ngroup_bytes_max = '65MiB'";
    let faults = loaded(&[("tidegate.toml", main)]).unwrap_err();
    let keys = [
        "server.admin_listen",
        "server.bytes_in_flight_max",
        "server.body_idle_timeout",
        "store.group_bytes_max",
    ];
    assert_eq!(keys_of(&faults), keys);
    let token = format!("[server]\nadmin_listen = '0.0.0.0:8081'\nadmin_token = '{}'", KeyHash::of("x"));
    assert!(loaded(&[("tidegate.toml", &token)]).is_ok());
    let operator = |name: &str, token: &str| {
        format!("[[operators]]\nname = '{name}'\nkeys = ['{}']\n", KeyHash::of(token))
    };
    let open = |operators: String| {
        loaded(&[("tidegate.toml", &format!("[server]\nadmin_listen = '0.0.0.0:8081'\n{operators}"))])
    };
    assert!(open(operator("anna", "x")).is_ok(), "an operator's token is one");
    let twice = open(operator("anna", "x") + &operator("anna", "y")).unwrap_err();
    assert_eq!(keys_of(&twice), ["operators[1].name"]);
    assert_eq!(keys_of(&open(operator("anna", "x") + &operator("bob", "x")).unwrap_err()).len(), 1);
    for name in ["admin", "local", "SIGHUP", "a b", ""] {
        let refused = open(operator("eve", "x") + &operator(name, "y")).unwrap_err();
        assert_eq!(keys_of(&refused), ["operators[1].name"], "{name}");
    }
    let limits = partner("[limits]\nbytes_in_flight_max = '1MiB'").unwrap_err();
    assert_eq!(keys_of(&limits), ["limits.bytes_in_flight_max"]);
}

#[test]
fn one_key_opens_one_door_only() {
    let key = format!("keys = ['{}']", KeyHash::of("shared"));
    let main = format!("[[readers]]\nname = 'search'\n{key}");
    let faults = loaded(&[("tidegate.toml", &main), ("partners/a.toml", &key), ("partners/b.toml", &key)])
        .unwrap_err();
    let holders: Vec<_> = faults.iter().filter(|fault| fault.rule.contains("already held by")).collect();
    assert_eq!(holders.len(), 2, "{faults:?}");
    assert!(holders[1].rule.ends_with("partner a"), "{:?}", holders[1]);
}

#[test]
fn a_second_feed_has_no_place() {
    let twice = "[feed]\nurl = 'https://a.example/'\n[feed]\nurl = 'https://b.example/'";
    assert!(partner(twice).unwrap_err()[0].rule.starts_with("is not TOML"));
    let list = "[[feed]]\nurl = 'https://a.example/'\n[[feed]]\nurl = 'https://b.example/'";
    assert_eq!(keys_of(&partner(list).unwrap_err()), ["feed"]);
}

#[test]
fn a_feed_is_read_with_schedule_credentials_and_mapping() {
    let partner = partner(
        "currency = 'EUR'\ncurrencies_extra = ['OSMO']\nstatuses_extra = ['frozen']\n\
         [classes]\nfund = '30h'\nmarket = '5s'\n\
         [feed]\nurl = 'http://127.0.0.1:9/f'\nallow_private = true\nevery = '10m'\n\
         absent = 'inactive'\nlast_modified = 'data_time'\n\
         credentials = { header = { name = 'X-Key', value = { env = 'PATH' } } }\n\
         [feed.mapping]\nid = '/base'\nname = '/a~1b'\nclass = { const = 'market' }\n\
         status = { at = '/state', map = { live = 'active' } }\nupdated_at = false\n\
         count = false\ntime_format = 'unix_millis'\nprice.amount = '/p'\n",
    )
    .unwrap();
    let policy = &partner.policy;
    assert_eq!(policy.default_currency, Some(Currency::new("EUR").unwrap()));
    assert_eq!(policy.currencies_extra.len(), 1);
    assert_eq!(
        (policy.heartbeats["fund"], policy.heartbeats["market"]),
        (30 * Micros::HOUR, 5 * Micros::SECOND)
    );
    assert_eq!(policy.heartbeats["nav"], 26 * Micros::HOUR, "presets stay");
    assert_eq!((policy.absent, policy.last_modified_is_data_time), (Absent::Inactive, true));
    assert_eq!(policy.feed_interval, 600 * Micros::SECOND);
    let feed = partner.feed.unwrap();
    assert_eq!((feed.every, feed.whole_timeout), (Duration::from_secs(600), Duration::from_secs(480)));
    let value = SecretSource::Environment("PATH".into());
    assert_eq!(feed.credentials, Some(Credentials::Header { name: "X-Key".into(), value }));
    let mapping = feed.mapping;
    assert_eq!(mapping.records, Mapping::default().records, "what is not mapped keeps its place");
    assert_eq!(
        (&mapping.id.parts[..], &mapping.members["name"]),
        (&[Field::member("base")][..], &Field::member("a/b"))
    );
    assert_eq!(mapping.members["class"], Field::constant("market"));
    assert_eq!(mapping.members["status"].words["live"], "active");
    assert_eq!((mapping.updated_at, mapping.count), (None, None));
    assert_eq!(mapping.quotes[0].amount.field, Field::member("p"));
    let reading = &mapping.quotes[0].as_of.as_ref().unwrap().reading;
    assert_eq!(reading.spelling, TimeSpelling::Named(TimeFormat::UnixMillis));
}

/// What is read of `[feed.pages]` with this text, or the keys that are at fault.
fn pages(text: &str) -> Result<PageSettings, Vec<String>> {
    let read = partner(&format!("[feed]\nurl = 'https://a.example/f'\n[feed.pages]\n{text}"));
    let pages = read.map(|partner| partner.feed.unwrap().pages.unwrap());
    pages.map_err(|faults| keys_of(&faults).into_iter().map(str::to_owned).collect())
}

#[test]
fn pages_are_found_in_one_of_five_ways() {
    let at = |name: &str| Pointer(vec![name.into()]);
    let next = |text: &str| pages(text).unwrap().next;
    assert_eq!(next("next = '/next'"), NextPage::Member(at("next")));
    assert_eq!(next("link = true"), NextPage::Header);
    let number = |first, total| NextPage::Number { parameter: "page".into(), first, total };
    assert_eq!(next("page = { parameter = 'page' }"), number(1, None));
    assert_eq!(next("page = { parameter = 'page', first = 0, total = '/n' }"), number(0, Some(at("n"))));
    let offset = |first, step| NextPage::Offset { parameter: "skip".into(), first, step };
    assert_eq!(next("offset = { parameter = 'skip' }"), offset(0, None));
    assert_eq!(next("offset = { parameter = 'skip', first = 1, step = 50 }"), offset(1, Some(50)));
    let cursor = |place| NextPage::Cursor { parameter: "after".into(), place };
    assert_eq!(next("cursor = { parameter = 'after', at = '/c' }"), cursor(CursorPlace::Page(at("c"))));
    let of_last = "cursor = { parameter = 'after', of_last = '/id' }";
    assert_eq!(next(of_last), cursor(CursorPlace::LastRecord(at("id"))));
    let whole = pages(&format!("count = '/n'\nmore = '/m'\npages_max = 7\npause = '2s'\n{of_last}")).unwrap();
    assert_eq!((whole.count, whole.more), (Some(at("n")), Some(at("m"))));
    assert_eq!((whole.pages_max, whole.pause), (7, Duration::from_secs(2)));
}

#[test]
fn pages_without_a_way_with_two_or_with_half_of_one_are_faults() {
    for (text, key) in [
        ("count = '/n'", "feed.pages.next"),
        ("next = '/next'\nlink = true", "feed.pages.next"),
        ("next = 'next'", "feed.pages.next"),
        ("link = true\nmore = '/more'", "feed.pages.more"),
        ("page = { first = 1 }", "feed.pages.page.parameter"),
        ("page = { parameter = 'a b' }", "feed.pages.page.parameter"),
        ("offset = { parameter = 'o', step = 0 }", "feed.pages.offset.step"),
        ("cursor = { parameter = 'c' }", "feed.pages.cursor.at"),
        ("cursor = { parameter = 'c', at = '/c', of_last = '/id' }", "feed.pages.cursor.at"),
        ("link = true\npages_max = 0", "feed.pages.pages_max"),
        ("link = true\npause = '2m'", "feed.pages.pause"),
    ] {
        assert_eq!(pages(text), Err(vec![key.to_owned()]), "{text}");
    }
}

#[test]
fn of_a_page_the_count_is_believed_only_where_it_is_written() {
    let count = |text: &str| partner(text).unwrap().feed.unwrap().mapping.count;
    let feed = "[feed]\nurl = 'https://a.example/f'\n";
    let paged = format!("{feed}pages.link = true\n");
    let at = Some(Pointer(vec!["count".into()]));
    assert_eq!(count(feed), at);
    assert_eq!(count(&paged), None);
    assert_eq!(count(&format!("{paged}mapping.count = '/count'")), at);
}

#[test]
fn another_way_from_page_to_page_makes_the_same_bytes_another_file() {
    let print = |pages: &str| {
        partner(&format!("[feed]\nurl = 'https://a.example/f'\n{pages}")).unwrap().mapping_print()
    };
    let prints = ["", "pages.link = true", "pages.next = '/next'"].map(print);
    assert_eq!(BTreeSet::from(prints).len(), 3);
}

#[test]
fn every_example_of_the_page_on_mappings_is_one() {
    let page = include_str!("../../../src/MAPPING.md");
    let examples: Vec<_> =
        page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 6);
    for example in examples {
        let read = partner(&format!("[feed]\nurl = 'https://a.example/'\n{example}"));
        let mapping = read.unwrap_or_else(|faults| panic!("{faults:?}\n{example}")).feed.unwrap().mapping;
        assert_ne!(mapping, Mapping::default(), "{example}");
    }
}

#[test]
fn every_hook_on_the_page_on_mappings_is_one() {
    let page = include_str!("../../../src/MAPPING.md");
    let examples: Vec<_> =
        page.split("```toml hook\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 2);
    for example in examples {
        // a secret that is there on every machine
        let text = example.replace("{ file = \"secrets/cms\" }", "{ env = \"PATH\" }");
        let read = partner(&text).unwrap_or_else(|faults| panic!("{faults:?}\n{example}"));
        assert_eq!(read.hooks.len(), 1, "{example}");
    }
}

#[test]
fn a_mapping_that_cannot_find_anything_is_refused() {
    for (mapping, key) in [
        ("id = { const = 'a' }", "feed.mapping.id"),
        ("name = { up = 2, at = '/n' }", "feed.mapping.records"),
        ("records = '/*/a'\nname = { up = 2, key = true }", "feed.mapping.records"),
        ("updated_at = { at = '/t', map = { a = 'b' }, else = 'keep' }", "feed.mapping.id"),
        ("records = '/pages/-1/items'", "feed.mapping.records"),
        ("generated_at = '/runs/-1/at'", "feed.mapping.generated_at"),
        ("count = '/pages/-1/count'", "feed.mapping.count"),
        ("records = '/a/items'\ngenerated_at = '/a'", "feed.mapping.generated_at"),
        ("records = '/a/*/items'\nname = { up = 1, at = '/list/-1' }", "feed.mapping.records"),
        ("records = '/a/*/items'\nname = { up = 2, at = '/a' }", "feed.mapping.records"),
        ("generated_at = { key = true }", "feed.mapping.generated_at"),
        ("keep = ['a']\ndrop = ['b']", "feed.mapping.drop"),
        ("time_zone = 'Mars/Olympus'", "feed.mapping.time_zone"),
        ("records = { at = '/a', lines = true }", "feed.mapping.records"),
        ("constants = { id = 'a' }", "feed.mapping.constants.id"),
        ("quotes = [{ name = '/n' }]", "feed.mapping.quotes[0].amount"),
    ] {
        let faults =
            partner(&format!("[feed]\nurl = 'https://a.example/'\n[feed.mapping]\n{mapping}")).unwrap_err();
        assert_eq!(keys_of(&faults), [key], "{mapping}: {faults:?}");
    }
}

#[test]
fn a_secret_that_is_not_there_is_a_fault() {
    let feed = "[feed]\nurl = 'https://a.example/'\ncredentials = ";
    for (credentials, key) in [
        ("{ bearer = { token = { file = 'nowhere' } } }", "feed.credentials.bearer.token.file"),
        ("{ bearer = { token = { env = 'TIDEGATE_NEVER_SET' } } }", "feed.credentials.bearer.token.env"),
        ("{ bearer = { token = {} } }", "feed.credentials.bearer.token.file"),
        ("{ bearer = {} }", "feed.credentials.bearer.token"),
        ("{ basic = { password = { env = 'PATH' } } }", "feed.credentials.basic.user"),
        ("{ header = { name = 'Host', value = { env = 'PATH' } } }", "feed.credentials.header.name"),
        ("{}", "feed.credentials.basic"),
    ] {
        let faults = partner(&format!("{feed}{credentials}")).unwrap_err();
        assert_eq!(keys_of(&faults), [key], "{credentials}");
    }
}

#[test]
fn no_fault_shows_a_secret() {
    const CANARY: &str = "hunter2";
    for text in [
        "keys = ['hunter2']",
        "keys = 'hunter2'",
        "keys = ['hunter2",
        "keys = hunter2",
        "[feed]\nurl = 'https://user:hunter2@a.example/'",
        "[feed]\nurl = 'ftp://a.example/?token=hunter2'",
        "[feed]\nurl = 'https://a.example/'\ncredentials = 'hunter2'",
        "[feed]\nurl = 'https://a.example/'\ncredentials = { bearer = 'hunter2' }",
        "[feed]\nurl = 'https://a.example/'\ncredentials = { bearer = { token = 'hunter2' } }",
        "[feed]\nurl = 'https://a.example/'\ncredentials = { basic = { user = 5, password = 'hunter2' } }",
        "[feed]\nurl = 'https://a.example/'\ncredentials = { bearer = { secret = 'hunter2' } }",
    ] {
        let faults = loaded(&[("tidegate.toml", ""), ("partners/a.toml", text)]).unwrap_err();
        let said = format!("{faults:?}") + &faults.iter().map(ConfigFault::to_string).collect::<String>();
        assert!(!said.contains(CANARY), "{text}\n{said}");
    }
}

#[test]
fn a_directory_that_is_not_there_is_one_fault() {
    let directory = tempfile::tempdir().unwrap();
    let faults = load(&directory.path().join("nowhere")).unwrap_err().0;
    assert_eq!(faults.len(), 1);
    assert!(faults[0].to_string().contains("tidegate partner add"), "{}", faults[0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn c25_a_mutated_file_is_read_or_refused_but_never_a_panic(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..6),
        whole in any::<bool>(),
    ) {
        let text = written_out(if whole { MAIN } else { EXAMPLE });
        let mut chars: Vec<char> = text.chars().collect();
        for (place, replacement) in places {
            let place = place.index(chars.len());
            chars[place] = replacement;
        }
        let mutated: String = chars.into_iter().collect();
        let files = if whole { [("tidegate.toml", &*mutated), ("partners/a.toml", "")] } else { [("tidegate.toml", ""), ("partners/a.toml", &*mutated)] };
        if let Err(faults) = loaded(&files) {
            prop_assert!(!faults.is_empty());
            prop_assert!(faults.iter().all(|fault| !fault.rule.is_empty()));
        }
    }
}

#[test]
fn a41_a_second_feed_of_a_partner_is_a_fault_of_the_configuration() {
    let main =
        "[server]\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'\n[store]\ndirectory = 'store'\n";
    let feed = "[feed]\nurl = 'https://a.example/f.json'\n";
    let second = "[feed]\nurl = 'https://b.example/f.json'\n";
    for (of_partner, wrong) in [
        (format!("{feed}{second}"), "duplicate key"),
        (feed.replace("[feed]", "[[feed]]").repeat(2), "section"),
    ] {
        let faults = loaded(&[("tidegate.toml", main), ("partners/acme.toml", &of_partner)]).unwrap_err();
        assert!(faults.iter().any(|fault| fault.rule.contains(wrong)), "{of_partner}: {faults:?}");
    }
}

#[test]
fn a_feed_is_fetched_by_an_interval_or_by_a_wall_clock_that_is_named() {
    let main =
        "[server]\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'\n[store]\ndirectory = 'store'\n";
    let of = |keys: &str| {
        let of_partner = format!("[feed]\nurl = 'https://a.example/f.json'\n{keys}");
        loaded(&[("tidegate.toml", main), ("partners/acme.toml", &of_partner)])
    };
    let settings = of("cron = '0 6 * * MON-FRI'\ntime_zone = 'Europe/Berlin'\n").unwrap();
    let feed = settings.partners[0].feed.as_ref().unwrap();
    assert_eq!(feed.every, std::time::Duration::from_secs(3 * 86_400), "over a weekend");
    assert_eq!(feed.cron.as_ref().unwrap().zone_name, "Europe/Berlin");
    for (bad, key) in [
        ("cron = '0 6 * *'", "feed.cron"),
        ("cron = '0 6 30 2 *'", "feed.cron"),
        ("cron = '0 6 * * *'\nevery = '1h'", "feed.cron"),
        ("cron = '0 6 * * *'\ntime_zone = 'Europe/Atlantis'", "feed.time_zone"),
        ("time_zone = 'Europe/Berlin'", "feed.time_zone"),
    ] {
        let faults = of(bad).unwrap_err();
        assert_eq!(faults.len(), 1, "{bad}: {faults:?}");
        assert_eq!(faults[0].key, key, "{bad}");
    }
}

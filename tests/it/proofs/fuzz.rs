//! The bodies of `tests/fuzz` over inputs made from a seed: few enough for each run of the tests. With
//! `TIDEGATE_FUZZ_SECONDS` set they go on for so long, from other seeds.

use crate::support::random::Random;
use std::time::Duration;
use tidegate::clock::Mark;

#[path = "../../fuzz/bodies.rs"]
mod bodies;

use bodies::Reached;

const INPUTS: u64 = 20_000;

/// Mappings and documents of each of the language's shapes.
const MAPPINGS: [(&str, &str); 8] = [
    (
        "",
        r#"{"generated_at":"2026-05-01T00:00:00Z","count":1,"assets":[{"id":"a","name":"N","price":{"amount":"1.5","currency":"EUR"}}]}"#,
    ),
    ("", "{\"id\":\"a\"}\n{\"id\":\"b\",\"price\":[{\"amount\":1,\"quote\":\"nav\"}]}"),
    (
        "records = \"/areas/*/items\"\nid = { of = [{ up = 1, at = \"/id\" }, \"/id\"], join = \"/\" }\nname = { up = 2, at = \"/title\" }",
        r#"{"title":"t","areas":[{"id":"n","items":[{"id":1},{"id":2}]},{"items":[{"id":3}],"id":"s"}]}"#,
    ),
    (
        "records = { at = \"/assets\", by_key = true }\nid = { key = true, lower = true, trim = true }",
        r#"{"assets":{" A ":{"x":1},"b":{}}}"#,
    ),
    (
        "[price]\namount = { at = \"/p\", exponent = \"/e\", scale = -2 }\ncurrency = { const = \"USD\" }\nas_of = { at = \"/t\", time = \"unix_seconds\" }",
        r#"[{"id":"a","p":"275245000000","e":-8,"t":1779999900.5}]"#,
    ),
    (
        "status = { at = \"/s\", map = { on = \"active\", \"*\" = \"inactive\" }, none = [\"\"] }\nkeep = [\"x\"]\n[price]\namount = { money = \"/price\", decimal = \",\" }",
        r#"[{"id":"a","s":"on","x":[1,{"y":null}],"price":"15,50 EUR"}]"#,
    ),
    (
        "updated_at = { at = \"/t\", time = \"%d.%m.%Y %H:%M\", time_zone = \"Europe/Berlin\" }\n[[quotes]]\neach = \"/prices\"\nname = \"/kind\"\namount = [\"/v\", \"/v/base\"]\nas_of = \"/at\"",
        r#"[{"id":"a","t":"29.03.2026 02:30","prices":[{"kind":"nav","v":{"base":2},"at":"2026-05-01"},{"kind":"bid","v":3}]}]"#,
    ),
    (
        "records = { at = \"\", by_key = true }\n[price]\namount = \"\"\ncurrency = { const = \"RUB\" }",
        r#"{"k":41235,"l":12e-3,"m":"x"}"#,
    ),
];

const TEXTS: [&str; 6] = [
    r#"{"a":[1,-0.5e+3,"\u00e9\ud83d\ude00\n"],"b":{"c":null,"d":[true,false,{}]}}"#,
    "[[[[1]]],\"\",0,-0,1E400]",
    "\"a\\\\b\\/c\"",
    "{\"x\":1,\"\\u0078\":2}",
    " [ 1 , 2 ] ",
    "123456789012345678901234567890.000",
];

/// Hooks, their headers and their bodies, as senders write them.
const HOOKS: [(&str, &str, &str); 5] = [
    (
        "preset = \"strapi\"",
        "X-Strapi-Event: entry.publish",
        r#"{"event":"entry.publish","createdAt":"2026-05-01T00:00:01Z","entry":{"documentId":"z","name":"N","price":4.5,"currency":"EUR","updatedAt":"2026-05-01T00:00:00Z","publishedAt":"2026-05-01T00:00:00Z"}}"#,
    ),
    (
        "preset = \"directus\"",
        "",
        r#"{"event":"villas.items.update","payload":{"legal_status":"sold"},"keys":["a","b"],"collection":"villas"}"#,
    ),
    (
        "preset = \"woocommerce\"",
        "X-WC-Webhook-Topic: product.updated\nX-WC-Webhook-Delivery-ID: 7",
        r#"{"id":12,"name":"N","status":"publish","price":"15.00","date_modified_gmt":"2026-05-01T09:00:00"}"#,
    ),
    (
        "preset = \"standard\"",
        "webhook-id: msg_1\nwebhook-timestamp: 1780000000\nwebhook-signature: v1,AAAA v1a,AAAA",
        r#"{"type":"asset.upserted","timestamp":"2026-05-01T00:00:00Z","data":{"id":"a","name":"N"}}"#,
    ),
    (
        "delivery = \"/no\"\nevent = \"/e\"\nevents = { \"a*\" = \"asset.replaced\", x = \"price.updated\", \"*\" = \"ignored\" }\ntimes = { \"a*\" = \"/at\" }\nwhen = [{ at = \"/draft\", is = \"null\", then = \"ignored\" }]\n[hooks.mapping]\nrecords = \"/list\"\nid = { header = \"X-Id\" }",
        "X-Id: q\nStripe-Signature: t=1780000000,v1=00",
        r#"{"no":1,"e":"abc","at":"2026-05-01T00:00:00Z","draft":1,"list":[{"n":1}]}"#,
    ),
];

/// Pieces that mean something to a reader.
const PIECES: [&str; 28] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "\\ud800",
    "\u{e9}",
    "\"*\"",
    "/*/",
    "/-1",
    "\n",
    "\"id\"",
    "\"price\"",
    "{ key = true }",
    "{ up = 1, at = \"/id\" }",
    "lower = true",
    "scale = -60",
    "none = [\"0\"]",
    "const = \"EUR\"",
    "\0",
];

#[test]
fn no_mapping_and_no_document_at_random_breaks_the_reader() {
    let seeds = MAPPINGS.map(|(mapping, document)| {
        let sections = mapping
            .replace("[price]", "[feed.mapping.price]")
            .replace("[[quotes]]", "[[feed.mapping.quotes]]");
        format!("{sections}\0{document}").into_bytes()
    });
    run("mapping", &seeds, bodies::mapping);
}

#[test]
fn no_call_of_a_hook_at_random_breaks_its_reader_or_passes_as_signed() {
    let seeds = HOOKS.map(|(keys, headers, body)| format!("{keys}\0{headers}\0{body}").into_bytes());
    run("hook", &seeds, bodies::hook);
}

#[test]
fn no_text_at_random_is_read_otherwise_than_the_library_reads_it() {
    run("json", &TEXTS.map(|text| text.as_bytes().to_vec()), bodies::json);
}

fn run(name: &str, seeds: &[Vec<u8>], body: fn(&[u8]) -> Reached) {
    for (place, seed) in seeds.iter().enumerate() {
        let reached = body(seed);
        assert!(
            reached != Reached::Refused || name == "json",
            "seed {place} of {name} is sound: {}",
            shown(seed)
        );
    }
    let longer =
        std::env::var("TIDEGATE_FUZZ_SECONDS").ok().map(|text| text.parse::<u64>().expect("a number"));
    let (mark, mut inputs, mut whole) = (Mark::now(), 0u64, 0u64);
    let more = |inputs: u64| match longer {
        Some(seconds) => mark.elapsed() < Duration::from_secs(seconds),
        None => inputs < INPUTS,
    };
    let mut random = Random(Random(longer.map_or(1, |_| u64::from(std::process::id()))).next());
    // what came furthest is gone on from
    let mut corpus = seeds.to_vec();
    while more(inputs) {
        let state = random.clone();
        let input = mutated(&mut random, &corpus);
        let read = std::panic::catch_unwind(|| body(&input));
        let reached = read.unwrap_or_else(|_| panic!("{name}, {state:?}: {}", shown(&input)));
        inputs += 1;
        whole += u64::from(reached == Reached::Whole);
        if reached == Reached::Whole && random.chance(10) {
            let place = random.below(256);
            if corpus.len() < seeds.len() + 256 {
                corpus.push(input)
            } else {
                corpus[seeds.len() + place] = input
            }
        }
    }
    eprintln!("{name}: {inputs} inputs, {whole} of them read whole");
    assert!(whole * 20 > inputs, "one in twenty is sound: {whole} of {inputs}");
}

fn mutated(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..1 + random.below(4) {
        let at = random.below(input.len() + 1);
        let end = (at + random.below(12)).min(input.len());
        match random.below(7) {
            0 => drop(input.drain(at..end)),
            1 => input.insert(at, random.below(256) as u8),
            2 if at < input.len() => input[at] ^= 1 << random.below(8),
            3 => drop(input.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
            4 => {
                let piece = input[at..end].to_vec();
                let to = random.below(input.len() + 1);
                input.splice(to..to, piece);
            }
            5 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len() + 1);
                input.splice(at..end, other[from..(from + 40).min(other.len())].iter().copied());
            }
            _ => drop(input.splice(at..end, PIECES[random.below(PIECES.len())].bytes())),
        }
    }
    input.truncate(4_096);
    input
}

fn shown(input: &[u8]) -> String {
    String::from_utf8_lossy(input).escape_debug().to_string()
}

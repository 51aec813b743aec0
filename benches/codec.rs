//! What the codec costs per item: `cargo bench --bench codec`.
//!
//! `cargo bench --bench codec -- simd` measures only what has that word in its name. Each line is the best of several rounds, in nanoseconds per item: the least disturbed one.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::hint::black_box;
use tidegate::clock::Mark;
use tidegate::codec::mapping::{self, Around};
use tidegate::codec::render::{Reply, ReplyStyle, push_reply};
use tidegate::codec::request::{BodyLimits, Shape, prices};
use tidegate::codec::snapshot::{Parents, SnapshotLimits, parents, scan};
use tidegate::codec::{json, time};
use tidegate::config::read_partner;
use tidegate::domain::{ItemOutcome, Mapping, Outcome, PartnerName, Rule, Seq, TimeFormat};
use tidegate::rules::policy::Policy;

/// As in the daemon.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 15;
const BATCH: usize = 1_000;

fn main() {
    decoding();
    replies();
    feeds();
    mapped();
    measure("one time", BATCH, || {
        for _ in 0..BATCH {
            black_box(time::parse(black_box("2026-11-24T03:10:00.123Z"), TimeFormat::Rfc3339)).ok();
        }
    });
}

/// Whether the words of the command line ask for this.
fn is_asked_for(name: &str) -> bool {
    let wanted = |word: String| word.starts_with('-') || name.contains(&word);
    std::env::args().skip(1).all(wanted)
}

fn measure(name: &str, items: usize, mut work: impl FnMut()) {
    if !is_asked_for(name) {
        return;
    }
    let best = (0..ROUNDS)
        .map(|_| {
            let mark = Mark::now();
            work();
            mark.elapsed().as_nanos()
        })
        .min()
        .unwrap_or(0);
    println!("{name:<52} {:>8.0} ns", best as f64 / items as f64);
}

fn price(n: usize, amount: &str) -> String {
    format!(
        "{{\"id\":\"asset-{n:06}\",\"amount\":{amount},\"currency\":\"EUR\",\"as_of\":\"2026-11-24T03:10:00.{:03}Z\"}}",
        n % 1000
    )
}

fn decoding() {
    let (policy, limits) = (Policy::default(), BodyLimits { items_max: 10_000 });
    let batch = |amount: &str| (0..BATCH).map(|n| price(n, amount)).collect::<Vec<_>>();
    let text = batch("\"101.25\"");
    let bodies = [
        ("prices, amounts as strings (simd-json)", format!("[{}]", text.join(",")), false),
        ("prices, NDJSON (simd-json)", text.join("\n"), true),
        ("prices, amounts as floats (exact path)", format!("[{}]", batch("101.25").join(",")), false),
    ];
    for (name, body, ndjson) in bodies {
        measure(&format!("{name}, {} bytes each", body.len() / BATCH), BATCH, || {
            black_box(prices(black_box(body.as_bytes()), ndjson, &policy, &limits)).ok();
        });
    }
    for few in [1, 2, 4, 5, 8, 16, 64] {
        let body = format!("[{}]", text[..few].join(","));
        measure(&format!("prices, {few} in a body"), BATCH, || {
            for _ in 0..BATCH / few {
                black_box(prices(black_box(body.as_bytes()), false, &policy, &limits)).ok();
            }
        });
    }
    measure("one price, an object", BATCH, || {
        for body in &text {
            black_box(prices(black_box(body.as_bytes()), false, &policy, &limits)).ok();
        }
    });
}

fn replies() {
    let ids: Vec<_> = (0..BATCH).map(|n| format!("asset-{n:06}").into()).collect();
    let item = |n| ItemOutcome { change: Some(n), ..ItemOutcome::plain(Outcome::Updated, Rule::P1) };
    let items: Vec<_> = (0..BATCH as u32).map(item).collect();
    let mut out = Vec::new();
    measure("reply to a batch", BATCH, || {
        out.clear();
        let (first, durable) = (Seq(123_456_789), Seq(123_457_789));
        let reply = Reply {
            shape: Shape::Batch,
            ids: &ids,
            items: &items,
            journal: 7,
            first,
            durable,
            missing: &[],
            warnings: &[],
            rebuilt: false,
            style: ReplyStyle::default(),
        };
        push_reply(&mut out, black_box(&reply));
    });
}

fn feeds() {
    const RECORDS: usize = 20_000;
    let text = |n: usize| {
        format!(
            "{{\"id\":\"asset-{n:07}\",\"updated_at\":\"2026-11-24T03:10:00Z\",\"name\":\"An asset of number {n}\",\
             \"class\":\"nav\",\"supply\":7{n}000000000000000000,\"denominations\":[{{\"unit\":\"a\",\"exponent\":0}},\
             {{\"unit\":\"b\",\"exponent\":18}}],\"description\":\"{}\",\
             \"price\":{{\"amount\":\"{n}.25\",\"currency\":\"EUR\",\"as_of\":\"2026-11-24T03:10:00Z\"}}}}",
            "All that there is to say of it. ".repeat(5)
        )
    };
    let list: Vec<String> = (0..RECORDS).map(text).collect();
    let body = format!("{{\"count\":{RECORDS},\"assets\":[{}]}}", list.join(",\n"));
    let (mapping, policy) = (Mapping::default(), Policy::default());
    let limits = SnapshotLimits {
        record_bytes_max: 1 << 20,
        records_max: 1 << 20,
        served_as_lines: false,
        is_paged: false,
    };
    let bytes = body.len() / RECORDS;
    measure(&format!("feed record, scanned, {bytes} bytes each"), RECORDS, || {
        black_box(scan(body.as_bytes(), &mapping, &limits, &Parents::default(), |raw| {
            black_box(raw);
        }))
        .ok();
    });
    measure("feed record, decoded", RECORDS, || {
        for text in &list {
            black_box(mapping::decode(text, Around::default(), &mapping, &policy)).ok();
        }
    });
    measure("feed record, canonical", RECORDS, || {
        for text in &list {
            black_box(json::canonical(text)).ok();
        }
    });
}

/// Reads a whole document, what stands above its records included.
fn read_all(body: &str, mapping: &Mapping, policy: &Policy) -> usize {
    let limits = SnapshotLimits {
        record_bytes_max: 1 << 20,
        records_max: 1 << 20,
        served_as_lines: false,
        is_paged: false,
    };
    let above = match mapping.looks_above() {
        true => parents(body.as_bytes(), mapping, &limits).expect("the document is sound"),
        false => Parents::default(),
    };
    let mut prices = 0;
    let read = scan(body.as_bytes(), mapping, &limits, &above, |raw| {
        let read = mapping::decode(raw.text, raw.around, mapping, policy).expect("each record is sound");
        prices += black_box(read).write.prices.len();
    });
    read.expect("the document is sound");
    prices
}

/// What a rich mapping costs beside our own shape: the same records, said in a partner's way.
fn mapped() {
    const RECORDS: usize = 10_000;
    const PAIRS: usize = 9;
    let name = "feed record by a rich mapping, to our own shape's";
    if !is_asked_for(name) {
        return;
    }
    let text = "All that there is to say of it. ".repeat(3);
    let own = |n: usize| {
        format!(
            "{{\"id\":\"10:0x{n:040x}\",\"updated_at\":\"2026-11-24T03:10:00Z\",\"name\":\"An asset of number {n}\",\
             \"class\":\"nav\",\"status\":\"active\",\"supply\":7{n}000000000000000000,\"description\":\"{text}\",\
             \"price\":[{{\"amount\":\"{n}.25\",\"currency\":\"EUR\",\"as_of\":\"2026-11-24T03:10:00Z\"}},\
             {{\"quote\":\"nav\",\"amount\":\"{n}.75\",\"currency\":\"USD\",\"as_of\":\"2026-11-24T03:10:00Z\"}}]}}"
        )
    };
    let theirs = |n: usize| {
        format!(
            "{{\"chain\":10,\"address\":\"0x{n:040X}\",\"meta\":{{\"changed\":1795489800000}},\"title\":\"An asset of number {n}\",\
             \"type\":\"cw20\",\"state\":\"on\",\"supply\":7{n}000000000000000000,\"description\":\"{text}\",\
             \"prices\":[{{\"value\":{n}25,\"unit\":\"eur\",\"time\":1795489800}},\
             {{\"kind\":\"nav\",\"value\":{n}75,\"unit\":\"usd\",\"time\":1795489800}}]}}"
        )
    };
    let document =
        |record: &dyn Fn(usize) -> String| (1..=RECORDS).map(record).collect::<Vec<_>>().join(",\n");
    let ours = format!("{{\"count\":{RECORDS},\"assets\":[{}]}}", document(&own));
    let theirs = format!("{{\"areas\":[{{\"id\":\"main\",\"items\":[{}]}}]}}", document(&theirs));
    let (default, policy) = (Mapping::default(), Policy::default());
    let time = |body: &str, mapping: &Mapping| {
        let mark = Mark::now();
        assert_eq!(read_all(black_box(body), mapping, &policy), 2 * RECORDS, "each record has two prices");
        mark.elapsed().as_nanos() as f64 / RECORDS as f64
    };
    // what stands above the records may stand behind them: the document is then read twice
    for (what, looks_above) in [("", false), (", which looks above its records", true)] {
        let rich = rich_mapping(looks_above);
        let mut pairs: Vec<_> = (0..PAIRS).map(|_| (time(&ours, &default), time(&theirs, &rich))).collect();
        pairs.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
        let (own, by_mapping) = pairs[PAIRS / 2];
        println!(
            "{name}{what}: {:.2} (median of {PAIRS} pairs: {by_mapping:.0} ns and {own:.0} ns)",
            by_mapping / own
        );
    }
}

fn rich_mapping(looks_above: bool) -> Mapping {
    let region = if looks_above { "{ up = 1, at = \"/id\" }" } else { "\"/type\"" };
    let text = r#"
        keys = ["sha256:0000000000000000000000000000000000000000000000000000000000000000"]
        [feed]
        url = "https://feeds.example/a.json"
        [feed.mapping]
        records = "/areas/*/items"
        id = { of = ["/chain", "/address"], join = ":", lower = true }
        updated_at = { at = "/meta/changed", time = "unix_millis" }
        name = { first = ["/title", "/name"], trim = true }
        class = { at = "/type", map = { cw20 = "nav", "*" = "market" } }
        status = { at = "/state", map = { on = "active", off = "inactive" } }
        legal_status = REGION
        drop = ["chain", "address", "meta", "title", "type", "state", "prices"]
        [[feed.mapping.quotes]]
        each = "/prices"
        name = { at = "/kind", none = [""] }
        amount = { at = "/value", scale = -2, none = ["0"] }
        currency = { at = "/unit", upper = true }
        as_of = { at = "/time", time = "unix_seconds" }"#;
    let name = PartnerName::new("bench").expect("a plain name");
    let text = text.replace("REGION", region);
    let partner = read_partner(std::path::Path::new("/"), &name, &text).expect("the mapping is sound");
    partner.feed.expect("it has a feed").mapping
}

//! Who may import whom, and which room may know which crate.

use crate::Files;
use crate::code::{is_word, line_of, places_of, without_text, word_at};

/// Every room, from the ground up, and the rooms that it may import.
#[rustfmt::skip]
const ROOMS: [(&str, &[&str]); 18] = [
    ("domain", &[]),
    ("rules", &["domain"]),
    // a decoder has to know what a partner's policy lets through, and a reply how a register reads;
    // of all other decisions it knows nothing
    ("codec", &["domain", "rules::policy", "rules::price::reading"]),
    // what signs is read, and checked, once for each reload
    ("config", &["domain", "rules", "codec::signature", "codec::time"]),
    ("telemetry", &["domain"]),
    ("clock", &["domain"]),
    ("store", &["domain", "rules", "codec", "config", "telemetry", "clock"]),
    ("feed", &["domain", "rules", "codec", "config", "telemetry", "clock"]),
    ("actors", &["domain", "rules", "codec", "config", "telemetry", "clock", "store", "feed"]),
    ("http", &["domain", "rules", "codec", "config", "telemetry", "clock", "store", "actors"]),
    ("load", &["domain", "codec", "clock"]),
    // one histogram serves both
    ("demo", &["domain", "codec", "clock", "load::Histogram"]),
    ("daemon", &["domain", "rules", "codec", "config", "telemetry", "clock", "store", "feed", "actors", "http"]),
    ("cli", &["domain", "rules", "codec", "config", "telemetry", "clock", "store", "feed", "actors", "http",
        "daemon", "demo", "load"]),
    ("main", &["cli"]),
    ("lib", &[]),
    ("bin", &[]),
    // names the build, before anything of it is there
    ("build", &[]),
];

/// A path that only these rooms may begin a path with.
struct Fence {
    path: &'static str,
    rooms: &'static [&'static str],
}

#[rustfmt::skip]
const FENCES: [Fence; 32] = [
    Fence { path: "redb", rooms: &["store"] },
    Fence { path: "ractor", rooms: &["actors", "daemon"] },
    Fence { path: "hyper", rooms: &["http", "demo", "load"] },
    Fence { path: "hyper_util", rooms: &["http", "demo", "load"] },
    Fence { path: "http_body_util", rooms: &["http", "demo", "load"] },
    Fence { path: "matchit", rooms: &["http"] },
    Fence { path: "pulldown_cmark", rooms: &["http"] },
    Fence { path: "pulldown_cmark_escape", rooms: &["http"] },
    Fence { path: "reqwest", rooms: &["feed", "demo", "load", "cli"] },
    Fence { path: "async_compression", rooms: &["feed", "demo"] },
    Fence { path: "flate2", rooms: &["codec"] },
    Fence { path: "zstd", rooms: &["codec"] },
    Fence { path: "brotli", rooms: &["codec"] },
    Fence { path: "simd_json", rooms: &["codec"] },
    // who signs is judged in one room
    Fence { path: "hmac", rooms: &["codec"] },
    Fence { path: "aws_lc_rs", rooms: &["codec"] },
    Fence { path: "toml_edit", rooms: &["cli"] },
    Fence { path: "base64", rooms: &["codec"] },
    // what is kept as JSON is read and written by the codec alone
    Fence { path: "serde_json", rooms: &["domain", "codec", "config", "http", "demo", "load", "cli"] },
    Fence { path: "metrics", rooms: &["telemetry"] },
    Fence { path: "metrics_exporter_prometheus", rooms: &["telemetry"] },
    Fence { path: "metrics_util", rooms: &["telemetry"] },
    Fence { path: "tracing_subscriber", rooms: &["telemetry"] },
    Fence { path: "governor", rooms: &["actors"] },
    Fence { path: "toml", rooms: &["config", "cli"] },
    Fence { path: "clap", rooms: &["cli", "main"] },
    // an error without a type is for the edge of the program only
    Fence { path: "anyhow", rooms: &["cli", "daemon", "demo", "load", "main"] },
    // the ground floors are pure: no async, no I/O, no clock
    Fence { path: "tokio", rooms: &["clock", "store", "feed", "actors", "http", "daemon", "demo", "load", "cli"] },
    // telemetry: what the kernel says of us
    Fence { path: "std::fs", rooms: &["config", "telemetry", "store", "feed", "actors", "daemon", "demo", "load", "cli"] },
    // telemetry: the one thread that writes the log
    Fence { path: "std::thread", rooms: &["telemetry", "store", "actors", "http", "daemon", "demo", "load", "cli"] },
    Fence { path: "std::process", rooms: &["daemon", "demo", "load", "cli", "main", "build"] },
    Fence { path: "std::env", rooms: &["config", "telemetry", "feed", "daemon", "demo", "load", "cli", "build"] },
];

/// Imports that go upward or sideways, and rooms that nobody knows.
pub fn breaches(files: &Files) -> Vec<String> {
    let mut breaches = Vec::new();
    for (path, room, code) in sources(files) {
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            breaches.push(format!("{path}: `{room}` is no room of the house"));
            continue;
        };
        for (place, import) in imports(path, &code) {
            let own = import.split("::").next() == Some(room);
            let known = ROOMS.iter().any(|(name, _)| import.split("::").next() == Some(name));
            let fits = |allowed: &&str| import == *allowed || import.starts_with(&format!("{allowed}::"));
            if known && !own && !allowed.iter().any(fits) {
                let line = line_of(&code, place);
                breaches.push(format!("{path}:{line}: `{room}` must not import `{import}`"));
            }
        }
    }
    breaches
}

/// Paths into crates that belong to other rooms. Unit tests may start threads and read files.
pub fn fence_breaches(files: &Files) -> Vec<String> {
    let mut breaches = Vec::new();
    for (path, room, code) in sources(files) {
        for fence in FENCES.iter().filter(|fence| !fence.rooms.contains(&room)) {
            if fence.path.starts_with("std::") && is_test_code(path) {
                continue;
            }
            let code = if fence.path.starts_with("std::") { before_tests(&code) } else { &code };
            for place in places_of(code, fence.path).filter(|&place| begins_path(code, place, fence.path)) {
                let line = line_of(code, place);
                breaches.push(format!("{path}:{line}: `{room}` must not know `{}`", fence.path));
            }
        }
    }
    breaches
}

fn sources(files: &Files) -> impl Iterator<Item = (&str, &str, String)> {
    files.iter().filter_map(|(path, text)| {
        let below = path.strip_prefix("src/")?.strip_suffix(".rs")?;
        Some((path.as_str(), below.split('/').next()?, without_text(text)))
    })
}

fn is_test_code(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.ends_with("/testing.rs")
}

/// The code above the unit tests that end a file.
fn before_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod ").map_or(code, |place| &code[..place])
}

/// A crate's name begins a path: `name::`, `use name;` or `use name as`; not `other::name::`.
fn begins_path(code: &str, place: usize, path: &str) -> bool {
    let before = code[..place].trim_end();
    let after = code[place + path.len()..].trim_start();
    let inner = before.ends_with("::") && !before.ends_with("use ::") && path.split("::").count() == 1;
    let used = before.ends_with("use") && (after.starts_with(';') || after.starts_with("as "));
    !inner && (after.starts_with("::") || used || path.contains("::"))
}

/// What a file imports of the crate: the path behind `crate::`, each branch of a group by itself,
/// and behind as many `super::` as lead to the crate's root.
fn imports(path: &str, code: &str) -> Vec<(usize, String)> {
    let mut imports = Vec::new();
    let root = if path == "src/main.rs" { "tidegate" } else { "crate" };
    for place in places_of(code, root) {
        if let Some(after) = code[place + root.len()..].strip_prefix("::") {
            let branches = branches(after);
            imports.extend(branches.into_iter().map(|import| (place, import)));
        }
    }
    let depth = path.split('/').count() - 1 - usize::from(path.ends_with("/mod.rs"));
    let supers = "super::".repeat(depth.max(1));
    for (place, _) in code.match_indices(&supers) {
        let before = code.as_bytes()[..place].last().copied().unwrap_or(b' ');
        let after = &code[place + supers.len()..];
        if !is_word(before) && before != b':' && !after.starts_with("super::") {
            imports.extend(branches(after).into_iter().map(|import| (place, import)));
        }
    }
    imports
}

/// `a::b` → `a::b`; `{a, b::{c, d::e}}` → `a`, `b::c`, `b::d::e`.
fn branches(after: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for branch in split_group(after) {
        let name = word_at(branch, 0);
        match branch[name.len()..].strip_prefix("::").filter(|_| !name.is_empty()) {
            None => paths.push(name.to_owned()),
            Some(rest) => paths.extend(branches(rest).iter().map(|below| format!("{name}::{below}"))),
        }
    }
    paths
}

/// The branches of a `{…}` group, or the one path that stands there.
fn split_group(text: &str) -> Vec<&str> {
    let Some(inner) = text.strip_prefix('{') else { return vec![text] };
    let (mut depth, mut start, mut branches) = (0usize, 0, Vec::new());
    for (place, byte) in inner.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => {
                branches.push(inner[start..place].trim());
                break;
            }
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                branches.push(inner[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    branches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    fn count(path: &str, text: &str) -> usize {
        breaches(&files(&[(path, text)])).len()
    }

    #[test]
    fn an_import_from_above_is_found_in_every_way_it_can_be_written() {
        assert_eq!(count("src/store/read.rs", "use crate::domain::Seq;"), 0);
        assert_eq!(count("src/store/read.rs", "use crate::actors::Push;"), 1);
        assert_eq!(count("src/store/read.rs", "use crate::{domain::Seq, http::{Server, routes}};"), 2);
        assert_eq!(count("src/store/read.rs", "fn f() { crate::daemon::run() }"), 1);
        assert_eq!(count("src/store/read.rs", "use super::super::http;"), 1);
        assert_eq!(count("src/store/mod.rs", "use super::http;"), 1);
        assert_eq!(count("src/store/mod.rs", "mod http { use super::read; }"), 0);
        assert_eq!(count("src/store/read.rs", "// use crate::http;\nlet a = \"crate::http::x\";"), 0);
        assert_eq!(count("src/domain/ids.rs", "use crate::clock::Clock;"), 1);
        assert_eq!(count("src/main.rs", "use tidegate::store::open;"), 1);
    }

    #[test]
    fn a_part_of_a_room_may_be_open_while_the_rest_is_closed() {
        assert_eq!(count("src/codec/request.rs", "use crate::rules::policy::Policy;"), 0);
        assert_eq!(count("src/codec/request.rs", "use crate::rules::{policy::Policy, merge};"), 1);
        assert_eq!(count("src/codec/request.rs", "use crate::rules::{policy::{Policy, Absent}};"), 0);
        assert_eq!(count("src/codec/reply.rs", "use crate::rules::price::reading::{self, Shown};"), 0);
        assert_eq!(count("src/codec/reply.rs", "use crate::rules::price::{reading, decide};"), 1);
        assert_eq!(count("src/codec/reply.rs", "use crate::rules::price::{self, reading};"), 1);
        assert_eq!(count("src/codec/reply.rs", "use crate::rules::price::*;"), 1);
    }

    #[test]
    fn a_room_that_nobody_knows_is_found() {
        assert_eq!(count("src/misc/mod.rs", ""), 1);
    }

    #[test]
    fn the_rooms_have_no_circle() {
        for (place, (room, allowed)) in ROOMS.iter().enumerate() {
            for import in *allowed {
                let room_of = import.split("::").next().unwrap();
                let below = ROOMS[..place].iter().any(|(name, _)| *name == room_of);
                assert!(below, "{room} imports {import}, which does not stand below it");
            }
        }
    }

    #[test]
    fn a_crate_behind_a_fence_is_found_in_every_way_it_can_be_written() {
        let count = |path: &str, text: &str| fence_breaches(&files(&[(path, text)])).len();
        assert_eq!(count("src/store/read.rs", "use redb::Database;"), 0);
        assert_eq!(count("src/actors/mod.rs", "use redb::Database;"), 1);
        assert_eq!(count("src/actors/mod.rs", "use ::redb::Database;"), 1);
        assert_eq!(count("src/actors/mod.rs", "use redb;\nuse redb as r;"), 2);
        assert_eq!(count("src/http/mod.rs", "fn f() -> redb::Result<()> {}"), 1);
        assert_eq!(count("src/http/mod.rs", "use crate::telemetry::metrics::Metrics; let metrics = 1;"), 0);
        assert_eq!(count("src/rules/merge.rs", "use tokio::sync::Mutex;"), 1);
        assert_eq!(count("src/codec/log.rs", "use std::fs;"), 1);
        assert_eq!(count("src/codec/log.rs", "#[cfg(test)]\nmod tests { use std::fs; }"), 0);
    }
}

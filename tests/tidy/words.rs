//! Words: names that say nothing, marks of unfinished work, places that only we have, and versions.
//!
//! What is looked for is put together from pieces, since this file is looked at too.

use crate::Files;
use crate::code::{declared, line_of, places_of, without_text};

/// Names of which nobody can say what they hold.
#[rustfmt::skip]
const BANNED: [&str; 11] = [
    "manager", "managers", "helper", "helpers", "util", "utils", "common", "data", "info", "process", "tmp",
];

/// Names that traits of others prescribe.
const FOREIGN: [&str; 2] = ["Data", "sync_data"];

/// From this many words on a name is a sentence: tests are called so, and may use any word.
const SENTENCE_WORDS: usize = 5;

pub fn banned_names(files: &Files) -> Vec<String> {
    let mut breaches = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs")).unwrap_or_default();
        let folder = path.rsplit('/').nth(1).unwrap_or_default();
        for name in [stem, folder].into_iter().filter(|name| says_nothing(name)) {
            breaches.push(format!("{path}: `{name}` says nothing"));
        }
        let code = without_text(text);
        for keyword in ["fn", "struct", "enum", "trait", "type", "mod", "union"] {
            let found = declared(&code, keyword).filter(|(_, name)| says_nothing(name));
            breaches.extend(found.map(|(line, name)| format!("{path}:{line}: `{name}` says nothing")));
        }
    }
    breaches
}

fn says_nothing(name: &str) -> bool {
    let words = words_of(name);
    let banned = words.iter().any(|word| BANNED.contains(&word.as_str()));
    words.len() < SENTENCE_WORDS && !FOREIGN.contains(&name) && (banned || name == "handle_it")
}

/// The words of a name in snake_case or CamelCase, in lower case.
fn words_of(name: &str) -> Vec<String> {
    let mut spaced = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            spaced.push('_');
        }
        spaced.push(letter.to_ascii_lowercase());
    }
    spaced.split('_').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

pub fn unfinished(files: &Files) -> Vec<String> {
    let marks = [["FIX", "ME"], ["TO", "DO"], ["HA", "CK"]].map(|pieces| pieces.concat());
    // also the code of no currency: a mark only where a comment begins with it
    let triple = ["// XX", "X"].concat();
    let macros = [["to", "do"], ["unimple", "mented"]].map(|pieces| pieces.concat());
    let mut breaches = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !is_foreign(path)) {
        for mark in &marks {
            let found = places_of(text, mark).map(|place| line_of(text, place));
            breaches.extend(found.map(|line| format!("{path}:{line}: says {mark}")));
        }
        let triples = text.match_indices(&triple).map(|(place, _)| line_of(text, place));
        breaches.extend(triples.map(|line| format!("{path}:{line}: begins a comment with{}", &triple[2..])));
        let code = if path.ends_with(".rs") { without_text(text) } else { continue };
        for name in &macros {
            let calls = places_of(&code, name).filter(|place| code[place + name.len()..].starts_with('!'));
            breaches.extend(calls.map(|place| format!("{path}:{}: calls {name}!", line_of(&code, place))));
        }
    }
    breaches
}

pub fn private_places(files: &Files) -> Vec<String> {
    let hosts = [
        ["crates", ".io"],
        ["pypi", ".org"],
        ["npmjs", ".org"],
        ["npmjs", ".com"],
        ["proxy.gol", "ang.org"],
        ["docker", ".io"],
        ["ghcr", ".io"],
        ["deb.deb", "ian.org"],
    ];
    let paths = [["/wo", "rk/"], ["/ro", "ot/"], ["/ho", "me/"], ["/tm", "p/d"], ["/Us", "ers/"]];
    let needles: Vec<_> = hosts.iter().chain(&paths).map(|pieces| pieces.concat()).collect();
    let mut breaches = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !is_foreign(path)) {
        for needle in &needles {
            let found = text.match_indices(needle.as_str()).map(|(place, _)| line_of(text, place));
            breaches.extend(found.map(|line| format!("{path}:{line}: names {needle}")));
        }
    }
    breaches
}

/// Not written by us: the lock file names the registry of each crate.
fn is_foreign(path: &str) -> bool {
    path == "Cargo.lock" || path.starts_with("LICENSE-")
}

/// Below these, faults were mended that would be ours.
const LEAST: [(&str, [u32; 3]); 4] = [
    ("redb", [4, 6, 0]),
    ("h2", [0, 4, 20]),
    ("rustls-webpki", [0, 103, 13]),
    ("tracing-subscriber", [0, 3, 20]),
];

pub fn versions_below_the_least(files: &Files) -> Vec<String> {
    let Some(lock) = files.get("Cargo.lock") else {
        return vec!["Cargo.lock: is not there".to_owned()];
    };
    let mut breaches = Vec::new();
    for (name, least) in LEAST {
        let head = format!("name = \"{name}\"\nversion = \"");
        for (place, _) in lock.match_indices(&head) {
            let version = lock[place + head.len()..].split('"').next().unwrap_or_default();
            let numbers: Vec<u32> =
                version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect();
            if numbers.as_slice() < least.as_slice() {
                breaches.push(format!("Cargo.lock: {name} {version} is below {least:?}"));
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn a_name_that_says_nothing_is_found_in_files_types_and_functions() {
        let count = |path: &str, text: &str| banned_names(&files(&[(path, text)])).len();
        assert_eq!(count("src/feed/utils.rs", ""), 1);
        assert_eq!(count("src/helpers/mod.rs", ""), 1);
        assert_eq!(count("src/feed/a.rs", "struct FeedManager; fn process_push() {} enum PushInfo {}"), 3);
        assert_eq!(count("src/feed/a.rs", "fn handle_it() {} mod common {}"), 2);
        assert_eq!(count("src/feed/a.rs", "fn metadata() {} struct Database; // a helper\nlet data = 1;"), 0);
        assert_eq!(count("src/feed/a.rs", "fn what_the_data_says_is_kept() {}"), 0, "a test's sentence");
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_comments() {
        let count = |text: &str| unfinished(&files(&[("src/a.rs", text)])).len();
        let mark = ["FIX", "ME"].concat();
        assert_eq!(count(&format!("// {mark}: later")), 1);
        assert_eq!(count(&format!("// prefix{mark}")), 0);
        let triple = ["XX", "X"].concat();
        assert_eq!(count(&format!("// {triple} this is wrong")), 1);
        assert_eq!(count(&format!("// {triple}\nconst NONE: &str = \"{triple}\"; // not {triple}")), 1);
        let call = ["to", "do"].concat();
        assert_eq!(count(&format!("fn f() {{ {call}!() }}")), 1);
        assert_eq!(count(&format!("// {call}!()")), 0, "the word alone is no mark");
    }

    #[test]
    fn registries_and_paths_of_one_machine_are_found() {
        let host = ["crates", ".io"].concat();
        let path = ["/ho", "me/"].concat();
        let text = format!("see {host}\nand {path}me");
        assert_eq!(private_places(&files(&[("README.md", &text)])).len(), 2);
        assert!(private_places(&files(&[("Cargo.lock", &text)])).is_empty());
    }

    #[test]
    fn a_version_that_was_mended_later_is_found() {
        let lock = |version: &str| format!("[[package]]\nname = \"redb\"\nversion = \"{version}\"\n");
        assert!(versions_below_the_least(&files(&[("Cargo.lock", &lock("4.6.0"))])).is_empty());
        assert!(versions_below_the_least(&files(&[("Cargo.lock", &lock("10.0.0"))])).is_empty());
        assert_eq!(versions_below_the_least(&files(&[("Cargo.lock", &lock("4.5.9"))])).len(), 1);
    }
}

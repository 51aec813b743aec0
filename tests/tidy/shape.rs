//! The size of files, functions and folders, the head of each file, the top level of the repository.

use crate::Files;
use crate::code::{line_of, places_of, without_text, word_at};
use std::collections::BTreeMap;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// More files in one folder are a list to search, not a room to look around in.
const FOLDER_FILES_MAX: usize = 16;

/// What may stand at the top beside hidden names and pages in capitals.
#[rustfmt::skip]
const TOP_LEVEL: [&str; 14] = [
    "Cargo.toml", "Cargo.lock", "src", "config", "benches", "tests", "dashboards", "findings", "LICENSE-MIT", "LICENSE-APACHE",
    "clippy.toml", "rustfmt.toml", "deny.toml", "rust-toolchain.toml",
];

fn code(files: &Files) -> impl Iterator<Item = (&String, &String)> {
    files.iter().filter(|(path, _)| path.ends_with(".rs"))
}

pub fn too_long(files: &Files) -> Vec<String> {
    let mut breaches = Vec::new();
    for (path, text) in code(files) {
        let lines = text.lines().count();
        if lines >= FILE_LINES_MAX {
            breaches.push(format!("{path}: {lines} lines, a file stays under {FILE_LINES_MAX}"));
        }
        for (line, name, lines) in functions(&without_text(text)) {
            if lines >= FUNCTION_LINES_MAX {
                breaches.push(format!(
                    "{path}:{line}: `{name}` has {lines} lines, a function stays under {FUNCTION_LINES_MAX}"
                ));
            }
        }
    }
    breaches
}

/// Folders of `src` with too many files.
pub fn crowded(files: &Files) -> Vec<String> {
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, _) in code(files).filter(|(path, _)| path.starts_with("src/")) {
        *folders.entry(path.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default() += 1;
    }
    folders.retain(|_, count| *count > FOLDER_FILES_MAX);
    let breach =
        |(folder, count)| format!("{folder}: {count} files, a folder holds at most {FOLDER_FILES_MAX}");
    folders.into_iter().map(breach).collect()
}

pub fn without_head(files: &Files) -> Vec<String> {
    let headless = code(files).filter(|(_, text)| {
        let words = text.lines().next().and_then(|line| line.strip_prefix("//! ")).unwrap_or_default();
        words.split_whitespace().count() < 3
    });
    headless.map(|(path, _)| format!("{path}: does not begin with `//!` and a sentence")).collect()
}

pub fn strangers_at_the_top(files: &Files) -> Vec<String> {
    let page = |name: &str| {
        let stem = name.strip_suffix(".md");
        stem.is_some_and(|stem| stem.bytes().all(|b| b.is_ascii_uppercase() || b == b'_' || b == b'-'))
    };
    let mut tops: Vec<_> = files.keys().filter_map(|path| path.split('/').next()).collect();
    tops.dedup();
    let agreed = |name: &str| name.starts_with('.') || TOP_LEVEL.contains(&name) || page(name);
    let strangers = tops.into_iter().filter(|name| !agreed(name));
    strangers.map(|name| format!("{name}: does not belong to the top level")).collect()
}

/// Line, name and number of lines of each function with a body.
fn functions(code: &str) -> Vec<(usize, &str, usize)> {
    let mut functions = Vec::new();
    for place in places_of(code, "fn") {
        let Some(name) = code[place..].strip_prefix("fn ").map(|rest| word_at(rest, 0)) else { continue };
        if name.is_empty() {
            continue;
        }
        if let Some(end) = end_of_body(code, place) {
            let first = line_of(code, place);
            functions.push((first, name, line_of(code, end) - first + 1));
        }
    }
    functions
}

/// The closing brace of the function that begins at `start`; `None` where it has no body.
fn end_of_body(code: &str, start: usize) -> Option<usize> {
    let (mut brackets, mut braces) = (0i32, 0i32);
    for (place, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets -= 1,
            b';' if brackets == 0 && braces == 0 => return None,
            b'{' => braces += 1,
            b'}' => {
                braces -= 1;
                if braces == 0 {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn a_file_of_five_hundred_lines_is_too_long() {
        let text = |lines: usize| "//! A file.\n".to_owned() + &"\n".repeat(lines - 1);
        assert!(too_long(&files(&[("src/a.rs", &text(499))])).is_empty());
        assert_eq!(too_long(&files(&[("src/a.rs", &text(500))])).len(), 1);
        assert!(too_long(&files(&[("config/a.toml", &text(500))])).is_empty(), "only code is measured");
    }

    #[test]
    fn a_folder_of_seventeen_files_is_crowded() {
        let folder = |name: &str, count: usize| -> Files {
            (0..count).map(|n| (format!("src/{name}/file_{n}.rs"), String::new())).collect()
        };
        assert!(crowded(&folder("a", 16)).is_empty());
        assert_eq!(crowded(&folder("a", 17)).len(), 1);
    }

    #[test]
    fn a_function_of_seventy_lines_is_too_long() {
        let function = |lines: usize| format!("fn f(a: [u8; 3]) -> u8 {{{}}}\n", "\n".repeat(lines - 1));
        assert!(too_long(&files(&[("src/a.rs", &function(69))])).is_empty());
        assert_eq!(too_long(&files(&[("src/a.rs", &function(70))])).len(), 1);
        let hidden = format!("fn f() {{ let a = \"}}\"; // }}\n{}}}\nfn g();\n", "\n".repeat(70));
        assert_eq!(too_long(&files(&[("src/a.rs", &hidden)])).len(), 1);
    }

    #[test]
    fn a_file_without_a_sentence_at_its_head_is_found() {
        assert!(without_head(&files(&[("src/a.rs", "//! What this is.\n")])).is_empty());
        for bad in ["", "use x;\n//! Too late to say.", "//!", "//! (seam)"] {
            assert_eq!(without_head(&files(&[("src/a.rs", bad)])).len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_new_folder_or_loose_file_at_the_top_is_found() {
        let sound = files(&[("src/a.rs", ""), (".ci/run", ""), ("README.md", ""), ("Cargo.toml", "")]);
        assert!(strangers_at_the_top(&sound).is_empty());
        let strange =
            files(&[("docs/a.md", ""), ("notes.txt", ""), ("scripts/b.sh", ""), ("scripts/c.sh", "")]);
        assert_eq!(strangers_at_the_top(&strange).len(), 3);
    }
}

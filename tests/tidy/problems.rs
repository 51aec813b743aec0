//! Every code that a partner may be told has a section in the page of problems, and every section
//! there is of a code that is told.

use crate::Files;
use std::collections::BTreeSet;

const PAGE: &str = "src/http/docs/problems.md";

/// What is called with a code: the first text among the arguments, or the one at this place of them.
const CALLS: [&str; 10] = [
    "Refusal::new(",
    "BodyError::new(",
    "FetchError::new(",
    "RunError::new(",
    "Fault::new(",
    "words(",
    "noted(",
    "wrong(",
    "refuse(",
    "lint(",
];
/// A code stands within so many bytes of its call.
const LONGEST_CALL: usize = 160;

pub fn breaches(files: &Files) -> Vec<String> {
    let Some(page) = files.get(PAGE) else { return vec![format!("{PAGE} is missing")] };
    let sections: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let sources = || files.iter().filter(|(path, _)| path.starts_with("src/") && path.ends_with(".rs"));
    let mut breaches = Vec::new();
    for (path, text) in sources().filter(|(path, _)| is_told(path)) {
        for code in codes(without_tests(text)).filter(|code| !sections.contains(code)) {
            breaches.push(format!("{path}: `{code}` has no section in {PAGE}"));
        }
    }
    for section in sections {
        let quoted = format!("\"{section}\"");
        if !sources().any(|(_, text)| text.contains(&quoted)) {
            breaches.push(format!("{PAGE}: `{section}` is told nowhere"));
        }
    }
    breaches
}

/// What these rooms say reaches partners.
fn is_told(path: &str) -> bool {
    ["src/codec/", "src/rules/", "src/http/", "src/feed/", "src/actors/"]
        .iter()
        .any(|room| path.starts_with(room))
        && !path.starts_with("src/codec/log/")
        && !path.ends_with("tests.rs")
}

fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// The first text that looks like a code within each call.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    let calls =
        CALLS.iter().flat_map(move |call| text.match_indices(call).map(move |(at, _)| at + call.len()));
    calls.filter_map(move |at| {
        let end = text[at..]
            .char_indices()
            .map(|(place, _)| place)
            .take_while(|place| *place < LONGEST_CALL)
            .last()?;
        let arguments = text[at..at + end].split(';').next().unwrap_or_default();
        let code = arguments.split('"').nth(1)?;
        let is_code = code.contains('_')
            && code.starts_with(|letter: char| letter.is_ascii_lowercase())
            && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        is_code.then_some(code)
    })
}

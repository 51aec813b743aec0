//! The contract: every rule id in the code stands on the page of rules, and every id on the page has
//! a test that carries it.

use crate::Files;
use crate::code::{declared, is_word, line_of, without_text};
use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = "src/RULES.md";
/// First letters of the families of rules.
const FAMILIES: &str = "TDXFPG";

pub fn breaches(files: &Files) -> Vec<String> {
    let Some(page) = files.get(PAGE) else { return vec![format!("{PAGE}: is not there")] };
    let stated = rows(page);
    let mut breaches = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("src/") && path.ends_with(".rs")) {
        for (place, id) in ids(text).filter(|(_, id)| !stated.contains_key(id)) {
            breaches.push(format!("{path}:{}: {id} does not stand in {PAGE}", line_of(text, place)));
        }
    }
    let carried = carried_by_tests(files);
    for (id, later) in &stated {
        if !later && !carried.contains(&id.to_ascii_lowercase()) {
            breaches.push(format!("{PAGE}: no test carries {id} in its name"));
        }
    }
    breaches
}

/// The ids that begin a row of the page, and whether the rule is marked as not built.
fn rows(page: &str) -> BTreeMap<String, bool> {
    let row = |line: &str| {
        let (id, rule) = line.strip_prefix("| ")?.split_once(" | ")?;
        let is_id = ids(id).next().is_some_and(|(_, found)| found == id);
        is_id.then(|| (id.to_owned(), rule.trim_end_matches([' ', '|']).ends_with("**later**.")))
    };
    page.lines().filter_map(row).collect()
}

/// Words that are one of the families' letters and a digit from 1.
fn ids(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let bytes = text.as_bytes();
    let stands_alone = move |place: usize| {
        let before =
            place.checked_sub(1).is_none_or(|before| !is_word(bytes[before]) && bytes[before] != b'-');
        before && bytes.get(place + 2).is_none_or(|&after| !is_word(after) && after != b'-')
    };
    let found = move |place: usize| {
        let pair = bytes.get(place..place + 2)?;
        let fits =
            FAMILIES.as_bytes().contains(&pair[0]) && (b'1'..=b'9').contains(&pair[1]) && stands_alone(place);
        fits.then(|| (place, String::from_utf8_lossy(pair).into_owned()))
    };
    (0..bytes.len()).filter_map(found)
}

/// Words of the names of functions: only tests carry an id there.
fn carried_by_tests(files: &Files) -> BTreeSet<String> {
    let mut carried = BTreeSet::new();
    for (_, text) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let code = without_text(text);
        carried.extend(declared(&code, "fn").flat_map(|(_, name)| name.split('_')).map(str::to_owned));
    }
    carried
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    const RULES: &str = "| id | rule |\n|---|---|\n| D1 | Member by member. |\n| P6 | Guard: **later**. |\n";

    #[test]
    fn an_id_that_is_not_on_the_page_and_one_without_a_test_are_found() {
        let test = "#[test]\nfn d1_the_higher_stamp_wins() {}";
        let count = |code: &str, test: &str| {
            breaches(&files(&[(PAGE, RULES), ("src/a.rs", code), ("tests/a.rs", test)])).len()
        };
        assert_eq!(count("// D1 decides", test), 0);
        assert_eq!(count("// D9 decides", test), 1);
        assert_eq!(count("let id = \"D9\";", test), 1, "replies name rules too");
        assert_eq!(count("// SHA-D9, D99, UTF-X1 and XD1 are no rules", test), 0);
        assert_eq!(count("", "#[test]\nfn the_higher_stamp_wins() {}"), 1);
        assert_eq!(breaches(&files(&[("src/a.rs", "")])).len(), 1);
    }
}

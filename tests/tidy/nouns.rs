//! One noun, one meaning: no two public types of one name, wherever they stand.

use crate::Files;
use crate::code::without_text;
use std::collections::BTreeMap;

/// Types that are public beyond their own room, and named twice. Those of a room alone, of tests, and
/// associated types may share a name.
pub fn shared(files: &Files) -> Vec<String> {
    let is_code = |path: &str| path.starts_with("src/") && path.ends_with(".rs");
    let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| is_code(path)) {
        let code = without_text(text);
        for name in code.lines().filter_map(|line| public_type(line.trim_start())) {
            places.entry(name.to_owned()).or_default().push(path);
        }
    }
    let shared = places.into_iter().filter(|(_, paths)| paths.len() > 1);
    shared
        .map(|(name, paths)| format!("{name}: names a type of its own in {}", paths.join(" and ")))
        .collect()
}

fn public_type(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ")?;
    let rest = ["struct ", "enum ", "trait ", "type "].iter().find_map(|kind| rest.strip_prefix(kind))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn two_public_types_of_one_name_are_found_and_those_of_a_room_alone_are_not() {
        let found = shared(&files(&[
            ("src/a.rs", "pub struct Plan {\n}\n// pub struct Other;\npub(super) struct Step;\n"),
            ("src/b/c.rs", "    pub enum Plan {\n}\npub type Other = u8;\npub struct Step;\nstruct Plan2;\n"),
            ("tests/d.rs", "pub struct Other;\n"),
        ]));
        assert_eq!(found, ["Plan: names a type of its own in src/a.rs and src/b/c.rs"]);
    }
}

//! Circles of files: a file that needs another which, directly or by way of others, needs it back.
//!
//! Two files in a circle can only be understood together, so a room of circles is one large file in
//! pieces. What counts is code: imports by `use`, and paths that stand in the code. A name that a
//! `mod.rs` hands on (`pub use`) leads to the file that defines it. Unit tests do not count, as they
//! look at the whole from inside.

use crate::Files;
use crate::code::{is_word, places_of, without_text, word_at};
use std::collections::{BTreeMap, BTreeSet};

/// A name may be handed on so many times: beyond that, names hand on each other in a ring.
const HANDED_ON_MAX: usize = 16;

/// Every circle, with its files.
pub fn breaches(files: &Files) -> Vec<String> {
    let breach = |circle: Vec<String>| format!("a circle of {} files: {}", circle.len(), circle.join(" "));
    found(files).into_iter().map(breach).collect()
}

/// Every circle, as the sorted paths of its files.
fn found(files: &Files) -> Vec<Vec<String>> {
    let house = House::of(files);
    let graph = house.graph();
    let mut reach: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for start in graph.keys() {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start.as_str()]);
        while let Some(path) = open.pop() {
            open.extend(graph[path].iter().map(String::as_str).filter(|next| seen.insert(*next)));
        }
        reach.insert(start, seen);
    }
    let mut circles: Vec<Vec<String>> = Vec::new();
    for (path, seen) in &reach {
        let known = circles.iter().any(|circle| circle.iter().any(|file| file == path));
        if !known && seen.contains(path) {
            let back = seen.iter().filter(|other| reach[*other].contains(path));
            circles.push(back.map(|other| (*other).to_owned()).collect());
        }
    }
    circles
}

/// The files of `src` by their module, `a::b`; the crate's root is empty.
struct House<'f> {
    sources: BTreeMap<String, Source<'f>>,
}

struct Source<'f> {
    path: &'f str,
    module: String,
    imports: Vec<Import>,
    /// Without comments, literals, imports and unit tests.
    code: String,
}

/// One name that a `use` brings in; `path` begins at the crate's root.
struct Import {
    path: Vec<String>,
    name: String,
    is_public: bool,
}

impl<'f> House<'f> {
    fn of(files: &'f Files) -> House<'f> {
        let tests = modules_for_tests(files);
        let mut modules = BTreeMap::new();
        for path in files.keys().filter(|path| !tests.contains(*path)) {
            modules.extend(module_of(path).map(|module| (module, path.as_str())));
        }
        let known: BTreeSet<&str> = modules.keys().map(String::as_str).collect();
        let source = |(module, path): (&String, &&'f str)| {
            (module.clone(), Source::read(path, module, &files[*path], &known))
        };
        House { sources: modules.iter().map(source).collect() }
    }

    fn graph(&self) -> BTreeMap<String, BTreeSet<String>> {
        let node = |source: &Source<'_>| {
            let needs = self.needs(source).filter(|path| *path != source.path).map(str::to_owned);
            (source.path.to_owned(), needs.collect())
        };
        self.sources.values().map(node).collect()
    }

    /// The files that this one needs.
    fn needs<'h>(&'h self, source: &'h Source<'_>) -> impl Iterator<Item = &'h str> {
        let imported = source.imports.iter().filter(|import| !source.hands_on(import));
        let imported = imported.filter_map(|import| self.home_of(&import.path, 0));
        imported.chain(self.paths_in_code(source))
    }

    /// What paths in the code lead to: from `crate`, `super` and `self`, from modules below this one,
    /// and from modules that it has imported.
    fn paths_in_code<'h>(&'h self, source: &'h Source<'_>) -> Vec<&'h str> {
        let code = &source.code;
        let mut homes = Vec::new();
        for (place, _) in code.match_indices("::") {
            let start = code[..place].bytes().rposition(|byte| !is_word(byte)).map_or(0, |at| at + 1);
            let before = code[..start].trim_end();
            if start == place || before.ends_with("::") || before.ends_with('.') {
                continue;
            }
            let path = straight_path(&code[start..]);
            let absolute = match source.absolute(&path, &self.below(&source.module)) {
                Some(absolute) => absolute,
                None => match source.imports.iter().find(|import| import.name == path[0]) {
                    Some(import) => [&import.path, &path[1..]].concat(),
                    None => continue,
                },
            };
            homes.extend(self.home_of(&absolute, 0));
        }
        homes
    }

    fn below(&self, module: &str) -> BTreeSet<&str> {
        self.sources.keys().filter_map(|other| child_of(other, module)).collect()
    }

    /// The file that defines what the path names.
    fn home_of(&self, path: &[String], handed_on: usize) -> Option<&str> {
        let mut module = String::new();
        for (place, name) in path.iter().enumerate() {
            let deeper = joined(&module, name);
            if self.is_module(&deeper) {
                module = deeper;
                continue;
            }
            let source = self.sources.get(&module)?;
            let rest = &path[place + 1..];
            let mut fitting = source.imports.iter().filter(|import| import.name == *name);
            if let Some(import) = fitting.next().filter(|_| handed_on < HANDED_ON_MAX) {
                return self.home_of(&[&import.path, rest].concat(), handed_on + 1);
            }
            break;
        }
        self.sources.get(&module).map(|source| source.path)
    }

    /// Whether there is such a file, or files below it.
    fn is_module(&self, module: &str) -> bool {
        let next = self.sources.range(module.to_owned()..).next();
        next.is_some_and(|(found, _)| found == module || found.starts_with(&format!("{module}::")))
    }
}

impl<'f> Source<'f> {
    fn read(path: &'f str, module: &str, text: &str, modules: &BTreeSet<&str>) -> Source<'f> {
        let code = without_text(text);
        let mut code = before_tests(&code).to_owned();
        let below = modules.iter().filter_map(|other| child_of(other, module)).collect();
        let mut source = Source { path, module: module.to_owned(), imports: Vec::new(), code: String::new() };
        let places: Vec<usize> = places_of(&code, "use").collect();
        for place in places.into_iter().rev() {
            let end = code[place..].find(';').map_or(code.len(), |end| place + end);
            let visibility = code[..place].trim_end();
            let is_public = visibility.ends_with("pub") || visibility.ends_with(')');
            for (path, name) in leaves(code[place + "use".len()..end].trim()) {
                let path = source.absolute(&path, &below);
                source.imports.extend(path.map(|path| Import { path, name, is_public }));
            }
            code.replace_range(place..end, "");
        }
        source.code = code;
        source
    }

    /// The path from the crate's root, where it is one into this crate.
    fn absolute(&self, path: &[String], below: &BTreeSet<&str>) -> Option<Vec<String>> {
        let mut own: Vec<String> =
            self.module.split("::").filter(|s| !s.is_empty()).map(str::to_owned).collect();
        let supers = path.iter().take_while(|name| *name == "super").count();
        match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "tidegate" if self.path == "src/main.rs" => return Some(path[1..].to_vec()),
            "self" => own.extend_from_slice(&path[1..]),
            "super" => {
                own.truncate(own.len().checked_sub(supers)?);
                own.extend_from_slice(&path[supers..]);
            }
            first if below.contains(first) => own.extend_from_slice(path),
            _ => return None,
        }
        Some(own)
    }

    /// Whether the import only hands on a name from below: the file itself does not use it.
    fn hands_on(&self, import: &Import) -> bool {
        let path = import.path.join("::");
        let is_below = path.strip_prefix(&self.module).is_some_and(|rest| rest.starts_with("::"));
        import.is_public && is_below && places_of(&self.code, &import.name).next().is_none()
    }
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`.
fn module_of(path: &str) -> Option<String> {
    let below = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let below = below.strip_suffix("/mod").unwrap_or(below);
    Some(if matches!(below, "lib" | "main") { String::new() } else { below.replace('/', "::") })
}

fn joined(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// The name of a module that stands directly below `module`.
fn child_of<'m>(other: &'m str, module: &str) -> Option<&'m str> {
    let rest = if module.is_empty() { other } else { other.strip_prefix(module)?.strip_prefix("::")? };
    (!rest.is_empty() && !rest.contains("::")).then_some(rest)
}

/// The code above the unit tests that end a file.
fn before_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod tests {").map_or(code, |place| &code[..place])
}

/// Files that only unit tests have: `#[cfg(test)] mod name;`, with or without a path.
fn modules_for_tests(files: &Files) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("src/")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for rest in text.split("#[cfg(test)]").skip(1) {
            let mut lines = rest.trim_start().lines();
            let mut line = lines.next().unwrap_or_default();
            let named = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]"));
            if named.is_some() {
                line = lines.next().unwrap_or_default();
            }
            let Some(name) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) else {
                continue;
            };
            found.insert(format!("{folder}/{}", named.map_or(format!("{name}.rs"), str::to_owned)));
            if !path.ends_with("/mod.rs") {
                found.insert(format!("{}/{name}.rs", path.trim_end_matches(".rs")));
            }
        }
    }
    found
}

/// The names of a path without groups: `a::b::<C>::d` ends at the `<`.
fn straight_path(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = code;
    loop {
        let name = word_at(rest, 0);
        if name.is_empty() {
            return names;
        }
        names.push(name.to_owned());
        let Some(after) = rest[name.len()..].strip_prefix("::") else { return names };
        rest = after;
    }
}

/// The paths of a `use`, each with the name that it brings in. A `*` brings in none.
fn leaves(tree: &str) -> Vec<(Vec<String>, String)> {
    let path = straight_path(tree);
    let length: usize = path.iter().map(|name| name.len() + 2).sum();
    let rest = tree.get(length.saturating_sub(2)..).unwrap_or_default().trim_start();
    let Some(group) = rest.trim_start_matches("::").strip_prefix('{') else {
        let name = match rest.strip_prefix("as ") {
            Some(name) => name.trim().to_owned(),
            None if rest.ends_with('*') => String::new(),
            None => path.last().cloned().unwrap_or_default(),
        };
        return if path.is_empty() { Vec::new() } else { vec![(path, name)] };
    };
    let (mut leaves_below, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (place, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' | b',' if depth == 0 => {
                leaves_below.extend(leaves(group[start..place].trim()));
                start = place + 1;
            }
            b'}' => depth -= 1,
            _ => {}
        }
    }
    let whole = |(below, name): (Vec<String>, String)| match below.as_slice() {
        [only] if only == "self" && name == "self" => {
            (path.clone(), path.last().cloned().unwrap_or_default())
        }
        [only] if only == "self" => (path.clone(), name),
        _ => ([path.as_slice(), &below].concat(), name),
    };
    leaves_below.into_iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    fn circles(texts: &[(&str, &str)]) -> Vec<String> {
        found(&files(texts)).into_iter().map(|circle| circle.join(" ")).collect()
    }

    #[test]
    fn a_circle_of_two_files_is_found_in_every_way_it_can_be_written() {
        let back = ("src/a/right.rs", "use super::left::Left;");
        for there in [
            "use super::right::Right;",
            "use crate::a::right;",
            "use crate::{a::{right::Right, other}, b};",
            "use super::right::{self as r, Right};",
            "use super::right::*;",
            "fn f() -> super::right::Right {}",
            "fn f() { crate::a::right::g() }",
        ] {
            let left = ("src/a/left.rs", there);
            assert_eq!(circles(&[left, back]), ["src/a/left.rs src/a/right.rs"], "{there}");
        }
        for apart in [
            "",
            "// use super::right;",
            "use super::Right;",
            "#[cfg(test)]\nmod tests {\n    use crate::a::right;\n}",
        ] {
            assert_eq!(circles(&[("src/a/left.rs", apart), back]), [""; 0], "{apart}");
        }
    }

    #[test]
    fn a_circle_by_way_of_others_is_found_whole_and_once() {
        let round = [
            ("src/a/one.rs", "use crate::b::two::Two;"),
            ("src/b/two.rs", "use crate::a::three;"),
            ("src/a/three.rs", "use super::one::One; use super::leaf;"),
            ("src/a/leaf.rs", ""),
            ("src/main.rs", "use tidegate::a::one;"),
        ];
        assert_eq!(circles(&round), ["src/a/one.rs src/a/three.rs src/b/two.rs"]);
    }

    #[test]
    fn a_name_that_is_handed_on_leads_to_where_it_is_defined() {
        let parent =
            ("src/a/mod.rs", "mod left;\nmod right;\npub use right::Right;\npub(super) use left::Left;");
        let right = ("src/a/right.rs", "pub struct Right;");
        let left = ("src/a/left.rs", "use super::Right;");
        let above = ("src/b.rs", "use crate::a::{Left, Right};");
        assert_eq!(circles(&[parent, left, right, above]), [""; 0]);
        let right_back = ("src/a/right.rs", "use crate::a::Left;");
        assert_eq!(circles(&[parent, left, right_back, above]), ["src/a/left.rs src/a/right.rs"]);
    }

    #[test]
    fn a_parent_that_uses_its_child_and_is_used_by_it_is_a_circle() {
        let child = ("src/a/child.rs", "use super::Shared;");
        for parent in [
            "mod child;\npub struct Shared;\nfn f() { child::g() }",
            "mod child;\nuse child::Child;\npub struct Shared(Child);",
            "mod child;\npub use child::Child;\npub struct Shared(Child);",
            "mod child;\nuse self::child::Child;\npub struct Shared(Child);",
        ] {
            assert_eq!(
                circles(&[("src/a/mod.rs", parent), child]),
                ["src/a/child.rs src/a/mod.rs"],
                "{parent}"
            );
        }
        let only_hands_on = "mod child;\npub use child::Child;\npub struct Shared;";
        assert_eq!(circles(&[("src/a/mod.rs", only_hands_on), child]), [""; 0]);
    }

    #[test]
    fn a_path_through_an_imported_module_leads_on_into_it() {
        let one = ("src/a/one.rs", "use crate::b;\nfn f() { b::two::g() }");
        let two = ("src/b/two.rs", "use crate::a::one;");
        assert_eq!(circles(&[one, two, ("src/b/mod.rs", "pub mod two;")]), ["src/a/one.rs src/b/two.rs"]);
    }

    #[test]
    fn files_that_only_tests_have_close_no_circle() {
        let tested = "#[cfg(test)]\n#[path = \"one_tests.rs\"]\nmod tests;\n#[cfg(test)]\nmod staging;";
        let texts = [
            ("src/a/mod.rs", tested),
            ("src/a/one_tests.rs", "use super::one;"),
            ("src/a/staging.rs", "use super::one;"),
            ("src/a/one.rs", "use crate::a::staging;"),
        ];
        assert_eq!(circles(&texts), [""; 0]);
    }
}

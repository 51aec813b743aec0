//! What the edge decodes by a derive: a struct is read from an object only, or an array would be
//! taken for it by position.

use crate::Files;
use crate::code::{line_of, places_of, without_text};

/// Rooms whose own structs are read from what others send.
const ROOMS: [&str; 3] = ["src/http/", "src/codec/", "src/feed/"];
/// What refuses the array; one of them stands in each file that derives a decoder.
const GUARDS: [&str; 2] = ["FromObject", "request::object"];

pub fn unguarded(files: &Files) -> Vec<String> {
    let is_edge = |path: &str| path.ends_with(".rs") && ROOMS.iter().any(|room| path.starts_with(room));
    let mut breaches = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| is_edge(path)) {
        let code = without_text(text);
        let derives = |place: &usize| {
            let rest = &code[*place..];
            rest.find(']').is_some_and(|end| rest[..end].contains("Deserialize"))
        };
        let derived = places_of(&code, "#[derive").find(derives);
        let guarded = GUARDS.iter().any(|guard| code.contains(guard));
        if let Some(place) = derived.filter(|_| !guarded) {
            let line = line_of(&code, place);
            breaches.push(format!("{path}:{line}: read this struct through `FromObject`"));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn a_derived_decoder_of_the_edge_without_its_guard_is_found() {
        let derive = "\n#[derive(Debug, Deserialize)]\nstruct A;\n";
        let found = unguarded(&files(&[("src/http/a.rs", derive)]));
        assert_eq!(found, ["src/http/a.rs:2: read this struct through `FromObject`"]);
        let guarded = format!("{derive}let a: FromObject<A> = read();");
        let served = format!("{derive}let a: A = request::object(body)?;");
        let commented = format!("{derive}// FromObject");
        assert!(unguarded(&files(&[("src/http/a.rs", &guarded), ("src/feed/a.rs", &served)])).is_empty());
        assert_eq!(unguarded(&files(&[("src/codec/a.rs", &commented)])).len(), 1);
        let ours = [("src/actors/a.rs", derive), ("src/http/b.rs", "#[derive(Serialize)] struct B;")];
        assert!(unguarded(&files(&ours)).is_empty());
    }
}

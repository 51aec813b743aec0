//! Structs that are read from JSON objects only.
//!
//! A derived decoder takes an array for a struct too, its elements by their position: an item of
//! another shape would be applied as something that its sender never said. What comes from outside
//! is read through [`FromObject`], which refuses the array.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A struct whose text was an object.
pub struct FromObject<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for FromObject<T> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FromObject<T>, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = FromObject<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    // an item of a batch is large: it is made where it is to lie
    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<FromObject<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(FromObject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Order<'a> {
        #[serde(borrow)]
        name: &'a str,
        count: Option<u64>,
    }

    type Read<'a> = Result<FromObject<Order<'a>>, String>;

    fn exact(text: &str) -> Read<'_> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    fn fast(text: &mut [u8]) -> Read<'_> {
        simd_json::serde::from_slice(text).map_err(|error| error.to_string())
    }

    #[test]
    fn an_array_in_the_place_of_an_object_is_refused_by_both_decoders() {
        assert!(serde_json::from_str::<Order<'_>>(r#"["a",1]"#).is_ok(), "so it would be read without");
        for array in [r#"["a",1]"#, r#"["a"]"#, "[]", r#"[["name","a"]]"#, r#""a""#, "7", "null"] {
            assert!(exact(array).is_err(), "{array}");
            assert!(fast(&mut array.to_owned().into_bytes()).is_err(), "{array}");
        }
        let refused = exact(r#"["a",1]"#).map(|_| ()).unwrap_err();
        assert!(refused.contains("expected a JSON object"), "{refused}");
    }

    #[test]
    fn an_object_is_read_as_it_was_with_its_text_borrowed() {
        let text = r#"{"name":"a","count":1}"#;
        let wanted = Order { name: "a", count: Some(1) };
        assert_eq!(exact(text).unwrap().0, wanted);
        assert_eq!(fast(&mut text.to_owned().into_bytes()).unwrap().0, wanted);
        for wrong in [r#"{"name":"a","other":1}"#, r#"{"count":1}"#, r#"{"name":"a","name":"b"}"#] {
            assert!(exact(wrong).is_err() && fast(&mut wrong.to_owned().into_bytes()).is_err(), "{wrong}");
        }
    }
}

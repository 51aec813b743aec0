//! The headers of a call, as far as a hook reads them.

use serde::{Deserialize, Serialize};

/// Headers by their names in small letters, each with its text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HookHeaders(Vec<(String, String)>);

impl HookHeaders {
    /// Adds one line; its name is brought to small letters.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_ascii_lowercase(), value.to_owned()));
    }

    /// The text of the header that stands in one line; `None` where it is missing, or stands in
    /// several, of which no two programs take the same one.
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.iter().filter(|(other, _)| other == name);
        match (lines.next(), lines.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// Only those that the names tell.
    #[must_use]
    pub fn only(&self, names: &std::collections::BTreeSet<&str>) -> HookHeaders {
        HookHeaders(self.0.iter().filter(|(name, _)| names.contains(name.as_str())).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_by_its_name_in_small_letters_where_it_stands_once() {
        let mut headers = HookHeaders::default();
        for (name, value) in [("X-Topic", "a"), ("x-twice", "b"), ("X-Twice", "c")] {
            headers.push(name, value);
        }
        assert_eq!(
            (headers.one("x-topic"), headers.one("x-twice"), headers.one("x")),
            (Some("a"), None, None)
        );
        assert_eq!(headers.only(&["x-topic"].into()).0.len(), 1);
    }
}

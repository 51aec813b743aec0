//! Places in a partner's document, and what the words there mean in ours.

use compact_str::CompactString;
use std::collections::BTreeMap;
use std::fmt;

/// A JSON pointer (RFC 6901), split into its unescaped parts; empty: the value itself. In an array
/// the part `-1` names the last element, `-2` the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pointer(pub Vec<CompactString>);

impl Pointer {
    /// The pointer that these names make.
    pub fn of(names: &[&str]) -> Pointer {
        Pointer(names.iter().map(|&name| name.into()).collect())
    }

    /// What stands before and behind its first `*`; `None` where it has none.
    pub fn around_star(&self) -> Option<(&[CompactString], &[CompactString])> {
        let star = self.0.iter().position(|part| part == "*")?;
        Some((&self.0[..star], &self.0[star + 1..]))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| write!(f, "/{}", part.replace('~', "~0").replace('/', "~1")))
    }
}

/// One place that a value can come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Within the record.
    At(Pointer),
    /// The name under which the record stands in an object of records.
    Key,
    /// Within what stands around the record: 1 is the nearest element that a `*` of `records` stepped
    /// into, and one level above the outermost is the document.
    Above {
        /// How many levels up, from 1.
        up: u8,
        /// From there.
        at: Pointer,
    },
    /// The name under which the element so many levels up stands.
    KeyAbove {
        /// How many levels up, from 1.
        up: u8,
    },
    /// The same text for every record.
    Constant(String),
    /// A header of the call that the record came in, by its name in small letters: only hooks have such.
    Header(String),
}

/// What becomes of a word that the partner's `map` does not list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Unlisted {
    /// It passes as it is, and is held to the checks of its member.
    #[default]
    Passes,
    /// It means this.
    Means(String),
    /// The member stays as it is stored.
    Keeps,
}

/// Which letters a text is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// ASCII letters become small.
    Lower,
    /// ASCII letters become capitals.
    Upper,
}

/// One mapped value: where it is, which words there stand for none, and what the others mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// The first of them that holds a value counts.
    pub places: Vec<Place>,
    /// The partner's words for "no value", beside null.
    pub none: Vec<String>,
    /// The partner's text → ours.
    pub words: BTreeMap<String, String>,
    /// What a text that is not in `words` means.
    pub unlisted: Unlisted,
    /// `None`: letters stay as they are.
    pub case: Option<Case>,
    /// White space around a text is taken away.
    pub trim: bool,
}

impl Field {
    /// A value that comes from one place, taken as it stands.
    pub fn from(place: Place) -> Field {
        Field { places: vec![place], ..Field::default() }
    }

    /// A member of the record itself, by its name.
    pub fn member(name: &str) -> Field {
        Field::path(&[name])
    }

    /// A value inside the record, by the path of names that leads to it.
    pub fn path(names: &[&str]) -> Field {
        Field::from(Place::At(Pointer::of(names)))
    }

    /// The same text for every record.
    pub fn constant(text: &str) -> Field {
        Field::from(Place::Constant(text.to_owned()))
    }

    /// Whether nothing but the place has to be looked at.
    pub fn is_plain(&self) -> bool {
        self.none.is_empty()
            && self.words.is_empty()
            && self.unlisted == Unlisted::Passes
            && self.case.is_none()
            && !self.trim
    }
}

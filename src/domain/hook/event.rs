//! What has happened, in the sender's words and in ours.

use crate::domain::mapping::Field;

/// What an event means to us: one of our own types of event, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventMeaning {
    /// `asset.upserted`: each record is a partial write.
    Upserted,
    /// `asset.replaced`: each record is a full write.
    Replaced,
    /// `asset.deleted`: each record names an asset that is gone.
    Deleted,
    /// `price.updated`: of each record only its prices are read.
    PriceUpdated,
    /// `ignored`: it says nothing about assets or prices.
    Ignored,
}

impl EventMeaning {
    /// All of them, each once.
    pub const ALL: [EventMeaning; 5] = [
        EventMeaning::Upserted,
        EventMeaning::Replaced,
        EventMeaning::Deleted,
        EventMeaning::PriceUpdated,
        EventMeaning::Ignored,
    ];

    /// The word in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            EventMeaning::Upserted => "asset.upserted",
            EventMeaning::Replaced => "asset.replaced",
            EventMeaning::Deleted => "asset.deleted",
            EventMeaning::PriceUpdated => "price.updated",
            EventMeaning::Ignored => "ignored",
        }
    }
}

/// A word for a kind of event, in which one `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPattern {
    begin: String,
    /// What follows the `*`; `None`: the pattern is the word itself.
    end: Option<String>,
}

impl EventPattern {
    /// `None` where the text has a second `*`.
    pub fn new(text: &str) -> Option<EventPattern> {
        let Some((begin, end)) = text.split_once('*') else {
            return Some(EventPattern { begin: text.to_owned(), end: None });
        };
        (!end.contains('*')).then(|| EventPattern { begin: begin.to_owned(), end: Some(end.to_owned()) })
    }

    /// Whether it stands for this word.
    pub fn fits(&self, word: &str) -> bool {
        let Some(end) = &self.end else { return self.begin == word };
        let long_enough = self.begin.len() + end.len() <= word.len();
        long_enough && word.starts_with(&self.begin) && word.ends_with(end.as_str())
    }

    /// How closely it describes a word: the word itself goes first, then the longer pattern.
    fn closeness(&self) -> (bool, usize) {
        (self.end.is_none(), self.begin.len() + self.end.as_ref().map_or(0, String::len))
    }
}

/// Something for each kind of event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTable<T>(Vec<(EventPattern, T)>);

impl<T> EventTable<T> {
    /// Of several patterns that fit a word, the closest counts, whatever their order.
    pub fn new(mut rows: Vec<(EventPattern, T)>) -> EventTable<T> {
        rows.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.closeness()));
        EventTable(rows)
    }

    /// What stands for this word; `None` where nothing does.
    pub fn find(&self, word: &str) -> Option<&T> {
        self.0.iter().find(|(pattern, _)| pattern.fits(word)).map(|(_, value)| value)
    }

    /// All that it holds.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }
}

/// What is looked for at a rule's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhenMatch {
    /// A null, written as such.
    Null,
    /// Nothing at all.
    Missing,
    /// One of these words; a number or a boolean is its own text.
    Words(Vec<String>),
}

/// Bodies that mean something else than their kind of event does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhenRule {
    /// It is about these kinds only; empty: about all.
    pub events: Vec<EventPattern>,
    /// Where it looks.
    pub at: Field,
    /// What it looks for.
    pub is: WhenMatch,
    /// What the body then means.
    pub then: EventMeaning,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(words: &[(&str, u8)]) -> EventTable<u8> {
        EventTable::new(words.iter().map(|(word, n)| (EventPattern::new(word).unwrap(), *n)).collect())
    }

    #[test]
    fn the_word_itself_goes_before_a_pattern_and_the_longer_pattern_before_the_shorter() {
        let table = table(&[("*", 0), ("product.*", 1), ("product.updated", 2), ("*.items.create", 3)]);
        for (word, found) in [
            ("product.updated", 2),
            ("product.created", 1),
            ("villas.items.create", 3),
            ("product.items.create", 3),
            ("items.create", 0),
            ("", 0),
        ] {
            assert_eq!(table.find(word), Some(&found), "{word}");
        }
    }

    #[test]
    fn a_pattern_has_one_star_and_its_ends_do_not_overlap() {
        assert_eq!(EventPattern::new("a.*.*"), None);
        let pattern = EventPattern::new("aba*aba").unwrap();
        assert!(
            pattern.fits("abaaba")
                && pattern.fits("aba-aba")
                && !pattern.fits("aba")
                && !pattern.fits("ababa")
        );
        assert_eq!(table(&[("a", 1)]).find("b"), None);
    }
}

//! A hook: where a shop, a CMS or a payment service calls us with bodies of its own shape, and what
//! those mean.

mod event;
mod headers;
mod signing;

pub use event::{EventMeaning, EventPattern, EventTable, WhenMatch, WhenRule};
pub use headers::HookHeaders;
pub use signing::{HmacHash, SignatureScheme, SignatureText};

use super::mapping::{Field, Mapping, Place, TimeField};
use std::collections::BTreeSet;

/// How the calls of one hook are read. Places of `mapping` are within a record, all others within the
/// body; a header is a place like any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The delivery's id, which is the same for each attempt (G2); `None`: deliveries have none.
    pub delivery: Option<Field>,
    /// When what the body says was true; `None`: the records alone say it.
    pub time: Option<TimeField>,
    /// For these kinds of event another time, which then goes before that of the record; `None`:
    /// they have none.
    pub times: EventTable<Option<TimeField>>,
    /// The sender's word for what has happened; `None`: every body means [`Hook::PLAIN`].
    pub event: Option<Field>,
    /// What these words mean.
    pub events: EventTable<EventMeaning>,
    /// Bodies that mean something else; the first rule that holds counts.
    pub when: Vec<WhenRule>,
    /// Where the records are in the body, and how each is read.
    pub mapping: Mapping,
}

impl Hook {
    /// What a body means where the hook knows of no kinds of event.
    pub const PLAIN: EventMeaning = EventMeaning::Upserted;

    /// The headers that are read, in small letters; those of its authentication are not among them.
    pub fn headers(&self) -> BTreeSet<&str> {
        let times = self.times.values().flatten().chain(&self.time).map(|time| &time.field);
        let fields = self.delivery.iter().chain(&self.event).chain(times);
        let fields = fields.chain(self.when.iter().map(|rule| &rule.at)).chain(self.mapping.fields());
        let places = fields.flat_map(|field| &field.places);
        let name = places.filter_map(|place| match place {
            Place::Header(name) => Some(name.as_str()),
            _ => None,
        });
        name.collect()
    }
}

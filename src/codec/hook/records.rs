//! The records of a hook's body: where the mapping's `records` leads, each with what stands above it.

use crate::codec::json::{self, JsonError, Kind};
use crate::codec::mapping::Above;
use crate::codec::reserved::Refusal;
use crate::domain::Rule;
use crate::domain::mapping::{Mapping, PathStep};
use compact_str::{CompactString, ToCompactString};

/// One record of a body, which has been scanned before.
pub(super) struct FoundRecord<'a> {
    /// Its source text.
    pub text: &'a str,
    /// The name under which it stands in an object of records.
    pub key: Option<CompactString>,
    /// What its fields are read from above it.
    pub above: Above,
    /// From the body to it.
    pub path: Vec<CompactString>,
}

/// All records of the body: the body itself, or what stands at the mapping's `records`; of a list each
/// element. Errs where nothing stands there.
pub(super) fn records<'a>(body: &'a str, mapping: &Mapping) -> Result<Vec<FoundRecord<'a>>, Refusal> {
    let mut way = Way { mapping, levels: vec![(body, None)], path: Vec::new(), found: Vec::new() };
    let reached = way.follow(body, &mapping.records.steps).map_err(unreadable)?;
    if reached {
        return Ok(way.found);
    }
    let hint =
        "nothing is where the mapping's `records` points: check the pointer, or ignore such bodies by `when`";
    let refusal = Refusal::new(Rule::D1, "no_records", hint);
    let steps = mapping.records.steps.iter().rev();
    Err(steps.fold(refusal, |refusal, step| match step {
        PathStep::Into(name) => refusal.within(name),
        PathStep::Each => refusal.within("*"),
    }))
}

fn unreadable(error: JsonError) -> Refusal {
    Refusal::new(Rule::D1, error.code, error.detail)
}

/// The way from the body to its records.
struct Way<'a, 'm> {
    mapping: &'m Mapping,
    /// The body, and each element that a `*` has stepped into, with its name.
    levels: Vec<(&'a str, Option<CompactString>)>,
    path: Vec<CompactString>,
    found: Vec<FoundRecord<'a>>,
}

impl<'a> Way<'a, '_> {
    /// Whether anything stands where the steps lead.
    fn follow(&mut self, raw: &'a str, steps: &[PathStep]) -> Result<bool, JsonError> {
        let Some((step, rest)) = steps.split_first() else { return self.arrive(raw) };
        match step {
            PathStep::Into(name) => {
                let Some(inner) = json::lookup(raw, std::slice::from_ref(name))? else { return Ok(false) };
                self.path.push(name.clone());
                let reached = self.follow(inner, rest);
                self.path.pop();
                reached
            }
            PathStep::Each => {
                let elements = children(raw)?;
                // an empty list holds no records, and is where they would be
                let mut reached =
                    elements.is_empty() && matches!(json::kind(raw), Kind::Array | Kind::Object);
                for (name, inner) in elements {
                    self.levels.push((inner, Some(name.clone())));
                    self.path.push(name);
                    reached |= self.follow(inner, rest)?;
                    self.path.pop();
                    self.levels.pop();
                }
                Ok(reached)
            }
        }
    }

    fn arrive(&mut self, raw: &'a str) -> Result<bool, JsonError> {
        match json::kind(raw) {
            Kind::Null => return Ok(false),
            Kind::Object if self.mapping.records.by_key => {
                for (name, inner) in children(raw)? {
                    self.take(inner, Some(name.clone()), Some(name))?;
                }
            }
            Kind::Array if !self.mapping.records.by_key => {
                for (index, inner) in children(raw)? {
                    self.take(inner, None, Some(index))?;
                }
            }
            _ if self.mapping.records.by_key => return Ok(false),
            _ => self.take(raw, None, None)?,
        }
        Ok(true)
    }

    fn take(
        &mut self,
        text: &'a str,
        key: Option<CompactString>,
        below: Option<CompactString>,
    ) -> Result<(), JsonError> {
        let path = self.path.iter().cloned().chain(below).collect();
        self.found.push(FoundRecord { text, key, above: self.above()?, path });
        Ok(())
    }

    fn above(&self) -> Result<Above, JsonError> {
        let mut above = Above::default();
        for (up, at) in self.mapping.places_above() {
            let level = self.levels.len().checked_sub(usize::from(up)).map(|level| self.levels[level].0);
            // of a place with a * the array in which it steps
            let pointer = at.around_star().map_or(at.0.as_slice(), |(array, _)| array);
            let found = level.map(|raw| json::lookup(raw, pointer)).transpose()?.flatten();
            if let Some(raw) = found.filter(|raw| json::kind(raw) != Kind::Null) {
                above.values.insert((up, at), raw.into());
            }
        }
        above.keys =
            self.levels.iter().rev().filter_map(|(_, name)| name.as_deref().map(Box::from)).collect();
        Ok(above)
    }
}

/// What an array or object holds, with its index or name; nothing in anything else.
fn children(raw: &str) -> Result<Vec<(CompactString, &str)>, JsonError> {
    Ok(match json::kind(raw) {
        Kind::Array => {
            let elements = json::elements(raw)?.into_iter().enumerate();
            elements.map(|(index, inner)| (index.to_compact_string(), inner)).collect()
        }
        Kind::Object => {
            json::members(raw)?.into_iter().map(|(name, inner)| (name.as_ref().into(), inner)).collect()
        }
        _ => Vec::new(),
    })
}

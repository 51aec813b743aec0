//! What a place in a document is to a mapping.

use crate::domain::mapping::{Mapping, PathStep, Place, Pointer};
use compact_str::CompactString;

/// What a document can say of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saying {
    /// When it was made: the place of that number among the mapping's.
    GeneratedAt(usize),
    Count,
    Complete,
    AllowEmpty,
    ValidUntil,
}

/// What a value is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The container of records.
    Records,
    Said(Saying),
    /// A value that records below are read with: of [`Roles::slots`].
    Slot(usize),
    /// A value that was asked for: of [`Roles::wanted`].
    Wanted(usize),
    /// Something of ours lies within.
    Above,
    Nothing,
}

/// A value above the records that their fields are read from.
#[derive(Debug)]
pub(super) struct Slot {
    /// How many `*` lie on the way to the element that it is in: 0 is the document.
    pub depth: usize,
    /// As the mapping says it.
    pub up: u8,
    pub at: Pointer,
    path: Vec<PathStep>,
}

/// The places of one mapping.
#[derive(Debug)]
pub(super) struct Roles<'m> {
    records: &'m [PathStep],
    /// In the order of the mapping's places.
    pub generated_at: Vec<&'m Pointer>,
    count: Option<&'m Pointer>,
    pub slots: Vec<Slot>,
    /// Places beside the records that are asked for, whatever they mean.
    pub wanted: &'m [&'m Pointer],
}

impl<'m> Roles<'m> {
    pub fn of(mapping: &'m Mapping) -> Roles<'m> {
        let steps = mapping.records.steps.as_slice();
        let depth = mapping.records.depth();
        let slot = |(up, at): (u8, Pointer)| {
            let depth = (depth + 1).checked_sub(usize::from(up))?;
            let mut path = steps[..end_of(steps, depth)].to_vec();
            path.extend(at.0.iter().cloned().map(PathStep::Into));
            Some(Slot { depth, up, at, path })
        };
        let places = mapping.generated_at.iter().flat_map(|time| &time.field.places);
        let pointer = |place: &'m Place| match place {
            Place::At(pointer) => Some(pointer),
            _ => None,
        };
        Roles {
            records: steps,
            generated_at: places.filter_map(pointer).collect(),
            count: mapping.count.as_ref(),
            slots: mapping.places_above().into_iter().filter_map(slot).collect(),
            wanted: &[],
        }
    }

    /// The role of the value that these names and indices lead to; slots only where they are asked for.
    pub fn of_path(&self, path: &[CompactString], with_slots: bool) -> Role {
        if matches_whole(self.records, path) {
            return Role::Records;
        }
        let slots = if with_slots { self.slots.as_slice() } else { &[] };
        // what the document says of itself may be read with its records, too
        if let Some(slot) = slots.iter().position(|slot| matches_whole(&slot.path, path)) {
            return Role::Slot(slot);
        }
        if let Some(place) = self.generated_at.iter().position(|pointer| pointer.0 == path) {
            return Role::Said(Saying::GeneratedAt(place));
        }
        if self.count.is_some_and(|pointer| pointer.0 == path) {
            return Role::Said(Saying::Count);
        }
        if let Some(wanted) = self.wanted.iter().position(|pointer| pointer.0 == path) {
            return Role::Wanted(wanted);
        }
        match path {
            [name] if name == "complete" => return Role::Said(Saying::Complete),
            [name] if name == "allow_empty" => return Role::Said(Saying::AllowEmpty),
            [name] if name == "valid_until" => return Role::Said(Saying::ValidUntil),
            [] => return Role::Above,
            _ => {}
        }
        let mut pointers = self.generated_at.iter().chain(self.wanted).copied().chain(self.count);
        let leads = matches_begin(self.records, path)
            || pointers.any(|pointer| pointer.0.starts_with(path))
            || slots.iter().any(|slot| matches_begin(&slot.path, path));
        if leads { Role::Above } else { Role::Nothing }
    }

    /// What else of ours lies within the value of this role that these names and indices lead to, and the
    /// way there.
    pub fn within(&self, role: Role, path: &[CompactString]) -> Vec<(Role, Pointer)> {
        let below = |pointer: &Pointer| {
            let rest = pointer.0.strip_prefix(path)?;
            Some(Pointer(rest.to_vec()))
        };
        let of_slot = |slot: &Slot| {
            let rest = matches_begin(&slot.path, path).then(|| &slot.path[path.len()..])?;
            let names = rest.iter().map(|step| match step {
                PathStep::Into(name) => Some(name.clone()),
                PathStep::Each => None,
            });
            names.collect::<Option<Vec<_>>>().map(Pointer)
        };
        let times = self
            .generated_at
            .iter()
            .enumerate()
            .map(|(n, at)| (Role::Said(Saying::GeneratedAt(n)), below(at)));
        let count = self.count.iter().map(|at| (Role::Said(Saying::Count), below(at)));
        let wanted = self.wanted.iter().enumerate().map(|(n, at)| (Role::Wanted(n), below(at)));
        let slots = self.slots.iter().enumerate().map(|(n, slot)| (Role::Slot(n), of_slot(slot)));
        let all = times.chain(count).chain(wanted).chain(slots);
        all.filter(|(other, _)| *other != role).filter_map(|(other, rest)| Some((other, rest?))).collect()
    }

    /// How many `*` lie on the way to this value.
    pub fn stars(&self, path: &[CompactString]) -> usize {
        let steps = &self.records[..path.len().min(self.records.len())];
        steps.iter().filter(|step| **step == PathStep::Each).count()
    }

    /// How many `*` lie on the way to this value, if it is an element that the last of them stepped into.
    pub fn depth_of_element(&self, path: &[CompactString]) -> Option<usize> {
        let is_element =
            path.len().checked_sub(1).is_some_and(|last| self.records.get(last) == Some(&PathStep::Each));
        let on_the_way = is_element && matches_begin(self.records, path);
        on_the_way.then(|| self.stars(path))
    }

    /// Whether a `*` steps from this value into its elements.
    pub fn is_stepped_into(&self, path: &[CompactString]) -> bool {
        self.records.get(path.len()) == Some(&PathStep::Each) && matches_begin(self.records, path)
    }
}

/// Where the way to the element of so many `*` ends.
fn end_of(steps: &[PathStep], depth: usize) -> usize {
    let stars = steps.iter().enumerate().filter(|(_, step)| **step == PathStep::Each);
    match depth {
        0 => 0,
        _ => stars.map(|(place, _)| place + 1).nth(depth - 1).unwrap_or(steps.len()),
    }
}

fn matches_whole(steps: &[PathStep], path: &[CompactString]) -> bool {
    steps.len() == path.len() && matches_begin(steps, path)
}

fn matches_begin(steps: &[PathStep], path: &[CompactString]) -> bool {
    let matches = |(step, part): (&PathStep, &CompactString)| match step {
        PathStep::Each => true,
        PathStep::Into(name) => name == part,
    };
    path.len() <= steps.len() && steps.iter().zip(path).all(matches)
}

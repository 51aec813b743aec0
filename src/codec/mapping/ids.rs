//! The ids that a record has by its mapping.

use super::item::{FoundValue, Item, Meaning, is_none, meaning, point_to, spelled};
use crate::codec::reserved::{self, Refusal};
use crate::domain::mapping::{Field, IdMapping, Place};
use crate::domain::{AssetId, Rule};
use compact_str::CompactString;
use std::borrow::Cow;

/// The id of a record that has one.
pub fn one(item: &Item<'_>, mapping: &IdMapping) -> Result<AssetId, Refusal> {
    let mut parts = Vec::with_capacity(mapping.parts.len());
    for field in &mapping.parts {
        parts.push(item.find(field)?.ok_or_else(|| missing(field))?);
    }
    joined(mapping, parts.into_iter())
}

/// As [`one`]; a `*` in a place of the id gives one for each element of the array there.
pub fn each(item: &Item<'_>, mapping: &IdMapping) -> Vec<Result<AssetId, Refusal>> {
    let field = match mapping.parts.as_slice() {
        [field] if field.places.iter().any(has_star) => field,
        _ => return vec![one(item, mapping)],
    };
    each_of(item, mapping, field).unwrap_or_else(|refusal| vec![Err(refusal)])
}

fn has_star(place: &Place) -> bool {
    matches!(place, Place::At(at) | Place::Above { at, .. } if at.around_star().is_some())
}

fn each_of(
    item: &Item<'_>,
    mapping: &IdMapping,
    field: &Field,
) -> Result<Vec<Result<AssetId, Refusal>>, Refusal> {
    for place in &field.places {
        let Some(values) = item.each(place)? else {
            let alone = Field { places: vec![place.clone()], ..field.clone() };
            match item.find(&alone)? {
                Some(found) if !is_array(&found) => {
                    return Ok(vec![joined(mapping, [found].into_iter())]);
                }
                _ => continue,
            }
        };
        let spelt = values.into_iter().map(|raw| spelled(field, raw)).filter(|raw| !is_none(field, raw));
        return Ok(spelt.map(|raw| joined(mapping, [FoundValue::at_root(&raw)].into_iter())).collect());
    }
    Err(missing(field))
}

fn is_array(found: &FoundValue<'_>) -> bool {
    crate::codec::json::kind(&found.raw) == crate::codec::json::Kind::Array
}

fn missing(field: &Field) -> Refusal {
    let refusal = Refusal::new(Rule::F2, "id_missing", "no id is where the mapping's `id` points");
    point_to(first_pointer(field), refusal)
}

/// The id that the values of its parts make.
pub fn joined<'a>(
    mapping: &IdMapping,
    parts: impl Iterator<Item = FoundValue<'a>>,
) -> Result<AssetId, Refusal> {
    let mut whole = String::new();
    for (place, (found, field)) in parts.zip(&mapping.parts).enumerate() {
        // each part by itself is what could be an id
        let id = match meaning(field, Cow::Borrowed(&*found.raw)) {
            Meaning::Text(raw) => reserved::id(&raw, Rule::F2),
            Meaning::Keep => reserved::id(&found.raw, Rule::F2),
        };
        let id = id.map_err(|refusal| found.point(refusal))?;
        if mapping.parts.len() == 1 {
            return Ok(id);
        }
        whole.push_str(if place == 0 { "" } else { &mapping.join });
        whole.push_str(id.as_str());
    }
    reserved::id_text(&whole, Rule::F2)
}

fn first_pointer(field: &Field) -> &[CompactString] {
    let pointer = field.places.iter().find_map(|place| match place {
        Place::At(pointer) => Some(pointer.0.as_slice()),
        _ => None,
    });
    pointer.unwrap_or_default()
}

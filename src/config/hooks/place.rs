//! Places in a call: of its body, or its headers.

use super::super::fault::Wrong;
use super::super::mapping::{self, time_field};
use crate::domain::mapping::{Field, Place, TimeField, TimeReading};
use toml::de::DeValue;

/// A value of the body or of a header.
pub fn field(value: &DeValue<'_>) -> Result<Field, Wrong> {
    of_body(mapping::field(value)?)
}

/// A time of the body or of a header.
pub fn time(value: &DeValue<'_>) -> Result<TimeField, Wrong> {
    let time = time_field(value, &TimeReading::default())?;
    Ok(TimeField { field: of_body(time.field)?, ..time })
}

fn of_body(field: Field) -> Result<Field, Wrong> {
    let above = |place: &Place| matches!(place, Place::Key | Place::Above { .. } | Place::KeyAbove { .. });
    if field.places.iter().any(above) {
        return Err(Wrong::rule(
            "must be a pointer into the body, or a header: nothing stands above the body",
        ));
    }
    Ok(field)
}

//! The status of a push's reply.

use crate::codec::request::Shape;
use crate::domain::{ItemOutcome, Outcome};
use hyper::StatusCode;

/// A batch that was read is answered with 200, whatever became of its items; a batch that was to
/// apply whole or not at all is refused with its first refusal.
pub fn status_of(shape: Shape, atomic: bool, items: &[ItemOutcome]) -> StatusCode {
    match (shape, items) {
        (Shape::Single, [only]) => status_of_item(only),
        _ if atomic && items.iter().any(ItemOutcome::is_damaged) => StatusCode::INTERNAL_SERVER_ERROR,
        _ if atomic && items.iter().any(|item| status_of_item(item).is_client_error()) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        _ => StatusCode::OK,
    }
}

/// The status of a reply about one item.
pub fn status_of_item(item: &ItemOutcome) -> StatusCode {
    match item.outcome {
        _ if item.is_damaged() => StatusCode::INTERNAL_SERVER_ERROR,
        Outcome::Created => StatusCode::CREATED,
        Outcome::Updated
        | Outcome::Unchanged
        | Outcome::Duplicate
        | Outcome::Superseded
        | Outcome::Deleted
        | Outcome::Ignored => StatusCode::OK,
        Outcome::Parked | Outcome::Held | Outcome::Quarantined => StatusCode::ACCEPTED,
        Outcome::Rejected => StatusCode::UNPROCESSABLE_ENTITY,
        Outcome::NotFound => StatusCode::NOT_FOUND,
        Outcome::Gone => StatusCode::GONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Rule;

    fn items(outcomes: &[Outcome]) -> Vec<ItemOutcome> {
        outcomes.iter().map(|&outcome| ItemOutcome::plain(outcome, Rule::D1)).collect()
    }

    #[test]
    fn a_single_item_is_answered_by_its_outcome() {
        let status = |outcome| status_of(Shape::Single, false, &items(&[outcome])).as_u16();
        assert_eq!(
            Outcome::ALL.map(status),
            [201, 200, 200, 200, 200, 200, 202, 202, 202, 200, 422, 404, 410]
        );
    }

    #[test]
    fn b20_a_batch_is_200_unless_it_was_all_or_nothing() {
        let mixed = items(&[Outcome::Updated, Outcome::Rejected]);
        assert_eq!(status_of(Shape::Batch, false, &mixed), StatusCode::OK);
        assert_eq!(status_of(Shape::Batch, true, &mixed), StatusCode::UNPROCESSABLE_ENTITY);
        let late = items(&[Outcome::Updated, Outcome::Superseded, Outcome::Parked]);
        assert_eq!(status_of(Shape::Batch, true, &late), StatusCode::OK, "losing is no refusal");
        assert_eq!(status_of(Shape::Batch, false, &[]), StatusCode::OK, "an empty batch does nothing");
    }
}

//! What a person adds to what a document shows.

/// What a person knows and no document says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Of prices that name none.
    pub currency: Option<String>,
    /// Of times without an offset.
    pub time_zone: Option<String>,
}

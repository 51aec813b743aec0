//! What the catalogue lists of a partner's assets, as it was read: plain values.

use crate::domain::Micros;
use std::collections::BTreeMap;

/// What the catalogue says of an asset beside its document and price.
pub const ADDED: [&str; 4] = ["partner", "updated_at", "quotes", "cursor"];

/// One asset as the catalogue shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Name to JSON text.
    pub members: BTreeMap<String, String>,
    pub price: Option<ListedPrice>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPrice {
    pub amount: String,
    pub currency: String,
    pub as_of: Option<Micros>,
}

/// One partner's assets as read page by page, those that are not active included.
pub type Catalogue = BTreeMap<String, Listed>;

//! Where a record's prices are, and how their amounts are written.

use super::{Field, Pointer, TimeField};

/// Where an amount is, and what its digits mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AmountField {
    /// Where its digits are.
    pub field: Field,
    /// Powers of ten that they are multiplied by: -2 where they count cents.
    pub scale: i8,
    /// Where a further power of ten stands, as a whole number.
    pub exponent: Option<Field>,
    /// The text also holds the currency: `15.00 USD`.
    pub is_money: bool,
    /// The decimal sign is a comma.
    pub decimal_comma: bool,
}

impl AmountField {
    /// Plain digits at this place.
    pub fn plain(field: Field) -> AmountField {
        AmountField { field, ..AmountField::default() }
    }
}

/// One price of a record, or one of each element of an array within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteMapping {
    /// Where the elements are; what stands there and is no array is one element. The places of the
    /// other fields are then within the element. `None`: there is one price, and they are within the
    /// record.
    pub each: Option<Pointer>,
    /// Which quote it is: `price` where nothing is found.
    pub name: Option<Field>,
    /// Its amount, in major units per unit of the asset.
    pub amount: AmountField,
    /// Its currency; what an amount with a currency says itself goes first.
    pub currency: Option<Field>,
    /// When it was true.
    pub as_of: Option<TimeField>,
    /// `open` or `closed`.
    pub market: Option<Field>,
    /// What the price is for one of, such as `kg`.
    pub per: Option<Field>,
    /// What kind of price it is, such as `nav`.
    pub kind: Option<Field>,
    /// The elements have our own shape, whose members are known: others are named in the run's lints.
    pub is_own: bool,
}

impl QuoteMapping {
    /// As a push writes it: the record's member `price`, an object or an array of them.
    pub fn own() -> QuoteMapping {
        QuoteMapping {
            each: Some(Pointer::of(&["price"])),
            name: Some(Field::member("quote")),
            amount: AmountField::plain(Field::member("amount")),
            currency: Some(Field::member("currency")),
            as_of: Some(TimeField::own(Field::member("as_of"))),
            market: Some(Field::member("market")),
            per: Some(Field::member("per")),
            kind: Some(Field::member("kind")),
            is_own: true,
        }
    }
}

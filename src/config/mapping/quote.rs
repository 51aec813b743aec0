//! A record's prices: `[mapping.price]` for one, `[[mapping.quotes]]` for several.

use super::super::fault::Wrong;
use super::super::raw::Section;
use super::field::{check_keys, field, meaning, optional, places, pointer, table_field};
use super::time::time_field;
use crate::domain::mapping::{AmountField, Field, QuoteMapping, TimeField, TimeReading};
use toml::de::DeValue;

/// Powers of ten that an amount may be scaled by: beyond them nothing is left of it.
const SCALE_MAX: i8 = 60;

/// `[mapping.price]`: what it leaves out is where our own shape has it, inside `/price`.
pub fn price(mut section: Section<'_>, reading: &TimeReading) -> Option<QuoteMapping> {
    let s = &mut section;
    let inside = |name: &str| Some(Field::path(&["price", name]));
    // beside an amount from elsewhere the partner's own `price` may mean anything
    let own = |name: &str, amount_is_ours: bool| inside(name).filter(|_| amount_is_ours);
    let amount_is_ours = !s.has("amount");
    let amount = optional(s, "amount", amount, inside("amount").map(AmountField::plain));
    let is_money = amount.as_ref().is_some_and(|amount| amount.is_money);
    let time = TimeField { field: Field::path(&["price", "as_of"]), reading: reading.clone() };
    let quote = QuoteMapping {
        each: None,
        name: optional(s, "quote", field, own("quote", amount_is_ours)),
        currency: optional(s, "currency", field, inside("currency").filter(|_| !is_money)),
        as_of: optional(s, "as_of", |value| time_field(value, reading), Some(time)),
        market: optional(s, "market", field, own("market", amount_is_ours)),
        per: optional(s, "per", field, own("per", amount_is_ours)),
        kind: optional(s, "kind", field, own("kind", amount_is_ours)),
        amount: amount.clone().unwrap_or_default(),
        is_own: false,
    };
    section.finish();
    amount.map(|_| quote)
}

/// One of `[[mapping.quotes]]`, which names every place itself.
pub fn quote(mut section: Section<'_>, reading: &TimeReading) -> Option<QuoteMapping> {
    let s = &mut section;
    let amount = s.read("amount", amount);
    if !s.has("amount") {
        s.refuse("amount", Wrong::rule("is needed here").hint("amount = \"/usd\""));
    }
    if !s.has("name") {
        s.refuse("name", Wrong::rule("is needed here").hint("name = { const = \"nav\" }, or a pointer"));
    }
    let quote = QuoteMapping {
        each: s.read("each", pointer),
        name: s.read("name", field),
        currency: s.read("currency", field),
        as_of: s.read("as_of", |value| time_field(value, reading)),
        market: s.read("market", field),
        per: s.read("per", field),
        kind: s.read("kind", field),
        amount: amount.clone().unwrap_or_default(),
        is_own: false,
    };
    section.finish();
    amount.map(|_| quote)
}

/// A field, and in a table also `scale`, `exponent` and `decimal`; `{ money = "/price" }`.
fn amount(value: &DeValue<'_>) -> Result<AmountField, Wrong> {
    let DeValue::Table(table) = value else { return field(value).map(AmountField::plain) };
    check_keys(table, &["scale", "exponent", "decimal", "money"])?;
    let scale = table.get("scale").map(|scale| scale_of(scale.get_ref())).transpose()?.unwrap_or(0);
    let exponent = table.get("exponent").map(|exponent| field(exponent.get_ref())).transpose()?;
    let decimal_comma = match table.get("decimal").map(|sign| sign.get_ref().as_str()) {
        None | Some(Some(".")) => false,
        Some(Some(",")) => true,
        Some(_) => return Err(Wrong::rule("`decimal` must be \".\" or \",\"")),
    };
    let Some(money) = table.get("money") else {
        return Ok(AmountField {
            field: table_field(table)?,
            scale,
            exponent,
            is_money: false,
            decimal_comma,
        });
    };
    if ["at", "first", "const", "key", "up", "header"].iter().any(|key| table.contains_key(*key)) {
        return Err(Wrong::rule("`money` names the place itself: { money = \"/price\" }"));
    }
    let field = Field { places: places(money.get_ref())?, ..meaning(table)? };
    Ok(AmountField { field, scale, exponent, is_money: true, decimal_comma })
}

fn scale_of(value: &DeValue<'_>) -> Result<i8, Wrong> {
    let number =
        value.as_integer().and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
    let sound = number.and_then(|number| i8::try_from(number).ok()).filter(|scale| scale.abs() <= SCALE_MAX);
    sound.ok_or_else(|| {
        Wrong::rule(format!("`scale` must be a whole number from -{SCALE_MAX} to {SCALE_MAX}"))
            .hint("-2 where the amount counts cents")
    })
}

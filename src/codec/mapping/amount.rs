//! Amounts as a mapping says that they are written: scaled integers, an exponent beside them, a
//! currency in the same text (P4). Exact throughout: a power of ten moves the point.

use crate::codec::json::{self, Kind};
use crate::codec::reserved::{self, Refusal};
use crate::domain::mapping::AmountField;
use crate::domain::{Decimal, Rule};
use crate::rules::policy::Policy;
use std::borrow::Cow;

/// An exponent beyond this moves the point out of every amount that can be held.
const EXPONENT_MAX: i32 = 128;

/// An amount, and the currency that its text names.
#[derive(Debug, PartialEq, Eq)]
pub struct Money {
    /// In major units.
    pub amount: Decimal,
    /// As it is written, unchecked.
    pub currency: Option<String>,
}

/// Reads what stands at the amount's place, `exponent` being what stands at that of its exponent.
pub fn read(
    raw: &str,
    exponent: Option<&str>,
    field: &AmountField,
    policy: &Policy,
) -> Result<Money, Refusal> {
    let text = match json::kind(raw) {
        Kind::String => reserved::text(raw, Rule::P4)?,
        Kind::Number => Cow::Borrowed(raw),
        // refused by the words of pushes
        _ => return reserved::amount(raw, policy).map(|amount| Money { amount, currency: None }),
    };
    let (digits, currency) = match field.is_money {
        true => apart(&text)?,
        false => (text.as_ref(), None),
    };
    let digits = point(digits, field.decimal_comma)?;
    let power = i32::from(field.scale) + exponent.map_or(Ok(0), read_exponent)?;
    Ok(Money { amount: reserved::amount_text(&digits, power, policy)?, currency })
}

/// `15.00 USD` or `USD 15.00`, with any white space or none between the two.
fn apart(text: &str) -> Result<(&str, Option<String>), Refusal> {
    let is_blank = |c: char| c.is_whitespace() || matches!(c, '\u{a0}' | '\u{202f}');
    let text = text.trim_matches(is_blank);
    let is_code = |c: char| c.is_ascii_alphabetic();
    let (digits, code) = match text.chars().next() {
        Some(first) if is_code(first) => {
            let end = text.find(|c| !is_code(c)).unwrap_or(text.len());
            (&text[end..], &text[..end])
        }
        _ => {
            let start = text
                .rfind(|c| !is_code(c))
                .map_or(0, |last| last + text[last..].chars().next().map_or(1, char::len_utf8));
            (&text[..start], &text[start..])
        }
    };
    if code.is_empty() && !text.is_ascii() {
        let hint = "write the currency by its code of ISO 4217, such as \"15.00 USD\": a sign names several currencies";
        return Err(Refusal::new(Rule::P4, "currency_unknown", hint));
    }
    Ok((digits.trim_matches(is_blank), (!code.is_empty()).then(|| code.to_ascii_uppercase())))
}

/// The digits with a decimal point. A comma is one only where the mapping says so.
fn point(digits: &str, decimal_comma: bool) -> Result<Cow<'_, str>, Refusal> {
    let refused = |hint: &str| Err(Refusal::new(Rule::P4, "invalid_number", hint));
    match (decimal_comma, digits.contains(','), digits.contains('.')) {
        (false, true, _) => refused(
            "a comma may be a decimal sign or separate thousands: send a decimal point and no separators, or set \
             decimal = \",\" in the mapping",
        ),
        (true, _, true) => refused("the mapping's decimal sign is a comma: send no point in the amount"),
        (true, true, false) => Ok(Cow::Owned(digits.replacen(',', ".", 1))),
        _ => Ok(Cow::Borrowed(digits)),
    }
}

fn read_exponent(raw: &str) -> Result<i32, Refusal> {
    let text = match json::kind(raw) {
        Kind::String => reserved::text(raw, Rule::P4)?,
        _ => Cow::Borrowed(raw),
    };
    let exponent = text.parse::<i32>().ok().filter(|exponent| exponent.abs() <= EXPONENT_MAX);
    exponent.ok_or_else(|| {
        Refusal::new(Rule::P4, "exponent", "the exponent must be a whole number, such as -8 for 10^-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mapping::Field;

    fn field() -> AmountField {
        AmountField::plain(Field::member("p"))
    }

    fn money(raw: &str, field: &AmountField) -> Result<(String, Option<String>), &'static str> {
        let read = read(raw, None, field, &Policy::default());
        read.map(|money| (money.amount.to_string(), money.currency)).map_err(|refusal| refusal.code)
    }

    #[test]
    fn p4_cents_and_micros_are_scaled_exactly() {
        let cents = AmountField { scale: -2, ..field() };
        assert_eq!(money("1999", &cents), Ok(("19.99".into(), None)));
        assert_eq!(money("\"1999\"", &cents), Ok(("19.99".into(), None)));
        assert_eq!(money("5", &cents), Ok(("0.05".into(), None)));
        assert_eq!(money("1e3", &cents), Ok(("10".into(), None)));
        assert_eq!(money("1.5", &AmountField { scale: 3, ..field() }), Ok(("1500".into(), None)));
        assert_eq!(
            money("12345678901234567890", &AmountField { scale: -6, ..field() }).unwrap().0,
            "12345678901234.56789"
        );
        assert_eq!(money("\"x\"", &cents), Err("invalid_number"));
    }

    #[test]
    fn p4_an_exponent_beside_the_amount_moves_its_point() {
        let with = |exponent: &str| {
            let read = read("\"275245000000\"", Some(exponent), &field(), &Policy::default());
            read.map(|money| money.amount.to_string()).map_err(|refusal| refusal.code)
        };
        assert_eq!(with("-8"), Ok("2752.45".into()));
        assert_eq!(with("\"-8\""), Ok("2752.45".into()));
        for bad in ["0.5", "\"x\"", "999", "true", "{}"] {
            assert_eq!(with(bad), Err("exponent"), "{bad}");
        }
    }

    #[test]
    fn p4_a_text_may_hold_amount_and_currency_in_either_order() {
        let text = AmountField { is_money: true, ..field() };
        for raw in ["\"15.00 USD\"", "\"USD 15.00\"", "\"15.00USD\"", "\" usd15.00 \"", "\"15.00\u{a0}USD\""]
        {
            assert_eq!(money(raw, &text), Ok(("15".into(), Some("USD".into()))), "{raw}");
        }
        assert_eq!(money("\"15.00\"", &text), Ok(("15".into(), None)));
        assert_eq!(money("15", &text), Ok(("15".into(), None)));
        assert_eq!(money("\"$15.00\"", &text), Err("invalid_number"));
        assert_eq!(money("\"15.00 €\"", &text), Err("currency_unknown"));
        assert_eq!(money("\"USD\"", &text), Err("invalid_number"));
        assert_eq!(money("\"1,234.50 USD\"", &text), Err("invalid_number"));
    }

    #[test]
    fn p4_a_comma_is_a_decimal_sign_only_where_the_mapping_says_so() {
        let comma = AmountField { is_money: true, decimal_comma: true, ..field() };
        assert_eq!(money("\"15,50 EUR\"", &comma), Ok(("15.5".into(), Some("EUR".into()))));
        assert_eq!(money("\"15\"", &comma).unwrap().0, "15");
        for bad in ["\"1.234,50\"", "\"1,234,50\"", "\"15.50\""] {
            assert_eq!(money(bad, &comma), Err("invalid_number"), "{bad}");
        }
        let refusal = read("\"15,50\"", None, &field(), &Policy::default()).unwrap_err();
        assert!(refusal.hint.contains("decimal = \",\""), "{}", refusal.hint);
    }
}

//! The prices of a record, said plainly.

use super::plain::{Price, Scope, Taken, pointer_of};
use super::spec::{Field, Place, Quote, Spec};
use super::texts::{self, Faults};
use serde_json::Value;

const KNOWN: [&str; 10] =
    ["id", "amount", "currency", "as_of", "quote", "kind", "per", "sequence", "stream", "market"];

pub fn read(scope: Scope<'_>, spec: &Spec, taken: &mut Taken, found: &mut bool) {
    for quote in &spec.quotes {
        let Some(each) = &quote.each else {
            one(scope, quote, "", false, taken, found);
            continue;
        };
        let here = pointer_of(each);
        match super::plain::lookup(scope.value, each) {
            Some(Value::Array(elements)) => {
                for (n, value) in elements.iter().enumerate() {
                    one(Scope { value, ..scope }, quote, &format!("{here}/{n}"), true, taken, found);
                }
            }
            Some(Value::Null) => {}
            Some(value) => one(Scope { value, ..scope }, quote, &here, true, taken, found),
            None => {
                if let Some(passed) = in_the_way(scope.value, each, false).filter(|passed| *passed > 0) {
                    taken
                        .asides
                        .push(Faults::from([("price_shape".to_owned(), pointer_of(&each[..passed]))]));
                }
            }
        }
    }
}

fn one(scope: Scope<'_>, quote: &Quote, here: &str, is_element: bool, taken: &mut Taken, found: &mut bool) {
    let mut faults = Faults::new();
    if let (true, Value::Object(members)) = (quote.is_own, scope.value) {
        let unknown = members.keys().filter(|name| !KNOWN.contains(&name.as_str()));
        let pointers = unknown.map(|name| format!("{here}{}", pointer_of(std::slice::from_ref(name))));
        taken.lints.extend(pointers.map(|pointer| ("unknown_member".to_owned(), pointer)));
    }
    let named = price(scope, quote, is_element, &mut faults, taken, found, here);
    if !faults.is_empty() {
        taken
            .asides
            .push(faults.into_iter().map(|(code, pointer)| (code, format!("{here}{pointer}"))).collect());
        return;
    }
    let Some((name, price)) = named else { return };
    match taken.prices.get(&name) {
        Some(other) if other.at > price.at => {}
        None if taken.prices.len() == 4 => {
            taken.asides.push(Faults::from([("too_many_quotes".to_owned(), here.to_owned())]));
        }
        _ => drop(taken.prices.insert(name, price)),
    }
}

fn price(
    scope: Scope<'_>,
    quote: &Quote,
    is_element: bool,
    faults: &mut Faults,
    taken: &mut Taken,
    found: &mut bool,
    here: &str,
) -> Option<(String, Price)> {
    let mut fault = |code: &str, pointer: String| faults.extend([(code.to_owned(), pointer)]);
    let Some(amount) = scope.get(&quote.amount.field) else {
        if let Some(pointer) = shape(scope, quote, is_element) {
            fault("price_shape", pointer);
        }
        return None;
    };
    *found |= !quote.is_own;
    let exponent = quote.amount.exponent.as_ref().map(|field| scope.get(field));
    if matches!(exponent, Some(None)) {
        fault("exponent", amount.pointer.clone());
    }
    let exponent = exponent.flatten();
    let (digits, code) =
        match texts::money(&amount.value, exponent.as_ref().map(|got| &got.value), &quote.amount) {
            Ok(money) => money,
            Err("exponent") => {
                fault("exponent", exponent.map(|got| got.pointer).unwrap_or_default());
                return None;
            }
            Err(code) => {
                fault(code, amount.pointer);
                return None;
            }
        };
    let mut text = |field: &Option<Field>, check: &dyn Fn(&str) -> Result<(), &'static str>| {
        let got = scope.get(field.as_ref()?)?;
        let checked = got.value.as_str().ok_or("member_type").and_then(check);
        if let Err(code) = checked {
            fault(code, got.pointer);
        }
        got.value.as_str().map(str::to_owned)
    };
    let known = |code: &str| texts::is_currency(code).then_some(()).ok_or("currency_unknown");
    let word = |text: &str| (1..=64).contains(&text.len()).then_some(()).ok_or("word_length");
    let market = |text: &str| ["open", "closed"].contains(&text).then_some(()).ok_or("market_unknown");
    let own_code = code.is_some();
    let mut price = Price {
        amount: digits,
        currency: match code {
            Some(code) => Some(code),
            None => text(&quote.currency, &known),
        },
        at: None,
        market: text(&quote.market, &market),
        per: text(&quote.per, &word),
        kind: text(&quote.kind, &word),
    };
    let name = text(&quote.name, &quote_name);
    if own_code && !texts::is_currency(price.currency.as_deref().unwrap_or_default()) {
        fault("currency_unknown", amount.pointer);
    }
    let mut lints = Faults::new();
    price.at = quote.as_of.as_ref().and_then(|time| texts::time_at(scope, time, faults, &mut lints));
    if faults.is_empty() {
        taken.lints.extend(lints.into_iter().map(|(code, pointer)| (code, format!("{here}{pointer}"))));
    }
    Some((name.unwrap_or_else(|| "price".to_owned()), price))
}

/// What stands where an amount should be.
fn shape(scope: Scope<'_>, quote: &Quote, is_element: bool) -> Option<String> {
    let places = quote.amount.field.places.iter();
    places
        .filter_map(|place| match place {
            Place::At(path) => Some(pointer_of(&path[..in_the_way(scope.value, path, is_element)?])),
            _ => None,
        })
        .next()
}

/// How many parts of a path lead to a value that holds something, and not the next part.
fn in_the_way(value: &Value, path: &[String], must_hold: bool) -> Option<usize> {
    let mut value = value;
    for (passed, part) in path.iter().enumerate() {
        let is_empty = value.is_null()
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(serde_json::Map::is_empty);
        if is_empty {
            return None;
        }
        match super::plain::step(value, part) {
            Some(next) => value = next,
            None if passed == 0 && value.is_object() && !must_hold => return None,
            None => return Some(passed),
        }
    }
    None
}

fn quote_name(text: &str) -> Result<(), &'static str> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    ((1..=12).contains(&text.len()) && text.chars().all(is_plain)).then_some(()).ok_or("quote_name")
}

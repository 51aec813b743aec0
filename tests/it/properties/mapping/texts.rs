//! What single values mean, in the plainest words: times by jiff, amounts and currencies by the oracle.

use super::plain::{Got, Scope};
use super::spec::{Amount, Spelling, Time};
use crate::oracle::{Policy, amount, currency};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde_json::Value;
use std::collections::BTreeSet;

/// Codes with the pointers of what they are about.
pub type Faults = BTreeSet<(String, String)>;

pub fn id(value: &Value) -> Result<String, &'static str> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        _ => return Err("id_type"),
    };
    match text.as_str() {
        "" => Err("id_length"),
        "null" => Err("id_placeholder"),
        _ if text.chars().any(char::is_control) => Err("id_control"),
        _ => Ok(text),
    }
}

pub fn member(name: &str, value: &Value) -> Result<(), &'static str> {
    match (name, value) {
        (_, Value::Null) => Ok(()),
        ("name" | "class" | "legal_status" | "currency" | "status", value) if !value.is_string() => {
            Err("member_type")
        }
        ("currency", value) if !is_currency(value.as_str().unwrap_or_default()) => Err("currency_unknown"),
        ("status", value) if value != "active" && value != "inactive" => Err("status_unknown"),
        _ => Ok(()),
    }
}

pub fn is_currency(code: &str) -> bool {
    currency::known(&Policy::default(), code)
}

pub fn time_at(scope: Scope<'_>, time: &Time, faults: &mut Faults, lints: &mut Faults) -> Option<i64> {
    let Got { value, pointer } = scope.get(&time.field)?;
    match self::time(&value, time) {
        Ok((at, lint)) => {
            lints.extend(lint.map(|code| (code.to_owned(), pointer)));
            Some(at)
        }
        Err(code) => {
            faults.insert((code.to_owned(), pointer));
            None
        }
    }
}

type Instant = (i64, Option<&'static str>);

pub fn time(value: &Value, time: &Time) -> Result<Instant, &'static str> {
    let refused = || "time_format";
    let text = match value {
        Value::Object(php) => {
            let part = |name: &str| php.get(name).and_then(Value::as_str).ok_or_else(refused);
            return local(part("date")?, part("timezone")?).ok_or_else(refused);
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let unit = |micros: f64| {
        let number = amount::normal(&text)?.parse::<f64>().ok()?;
        // up to the end of the year 9999
        let at = (number * micros).floor() as i64;
        (at < 253_402_300_800_000_000).then_some((at, None))
    };
    let read = match time.spelling {
        Spelling::Seconds => unit(1e6),
        Spelling::Millis => unit(1e3),
        Spelling::Micros => unit(1.0),
        Spelling::Pattern => time.zone.and_then(|zone| {
            let (day, clock) = text.trim().split_once(' ')?;
            let [day, month, year] = day.split('.').collect::<Vec<_>>().try_into().ok()?;
            local(&format!("{year}-{month}-{day}T{clock}"), zone)
        }),
        Spelling::Rfc3339 if value.is_number() => None,
        Spelling::Rfc3339 => rfc3339(&text, time.zone),
    };
    read.ok_or_else(refused)
}

fn rfc3339(text: &str, zone: Option<&str>) -> Option<Instant> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some((at.as_microsecond(), None));
    }
    if text.len() == "2026-05-01".len() {
        return local(&format!("{text}T00:00:00"), "UTC");
    }
    local(text, zone?)
}

fn local(text: &str, zone: &str) -> Option<Instant> {
    let at = text.parse::<DateTime>().ok()?;
    let at = TimeZone::get(zone).ok()?.into_ambiguous_zoned(at);
    let lint = match at.offset() {
        AmbiguousOffset::Unambiguous { .. } => None,
        AmbiguousOffset::Gap { .. } => Some("time_skipped"),
        AmbiguousOffset::Fold { .. } => Some("time_repeated"),
    };
    Some((at.earlier().ok()?.timestamp().as_microsecond(), lint))
}

/// The amount, and the currency in its text.
pub fn money(
    value: &Value,
    exponent: Option<&Value>,
    amount: &Amount,
) -> Result<(String, Option<String>), &'static str> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err("invalid_number"),
    };
    let (digits, code) = if amount.is_money { apart(&text)? } else { (text, None) };
    let digits = match (amount.decimal_comma, digits.contains(','), digits.contains('.')) {
        (false, true, _) | (true, _, true) => return Err("invalid_number"),
        _ => digits.replacen(',', ".", 1),
    };
    let exponent = match exponent {
        Some(exponent) => {
            let text = exponent.as_str().map_or_else(|| exponent.to_string(), str::to_owned);
            text.parse::<i32>().ok().filter(|power| power.abs() <= 128).ok_or("exponent")?
        }
        None => 0,
    };
    let power = exponent + amount.scale;
    let scaled = match digits.split_once(['e', 'E']) {
        Some((mantissa, own)) => own.parse::<i32>().ok().map(|own| format!("{mantissa}e{}", own + power)),
        None => Some(format!("{digits}e{power}")),
    };
    let normal = scaled.and_then(|text| amount::normal(&text)).ok_or("invalid_number")?;
    match normal.as_str() {
        "0" => Err("amount_zero"),
        text if text.starts_with('-') => Err("amount_negative"),
        _ => Ok((normal, code)),
    }
}

/// Digits with a code before or after them.
fn apart(text: &str) -> Result<(String, Option<String>), &'static str> {
    let text = text.trim();
    let letters = |c: char| c.is_ascii_alphabetic();
    let digits = text.trim_start_matches(letters);
    let (digits, code) = match digits.len() < text.len() {
        true => (digits, &text[..text.len() - digits.len()]),
        false => {
            let digits = text.trim_end_matches(letters);
            (digits, &text[digits.len()..])
        }
    };
    if code.is_empty() && !text.is_ascii() {
        return Err("currency_unknown");
    }
    Ok((digits.trim().to_owned(), (!code.is_empty()).then(|| code.to_ascii_uppercase())))
}

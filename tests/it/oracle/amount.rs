//! P4: amounts are exact decimals read from the text.

/// P4: the limits.
const DIGITS_MAX: usize = 38;
const SCALE_MAX: usize = 60;
/// Far beyond both limits; keeps an absurd exponent from being spelled out.
const EXPONENT_MAX: i32 = 128;

/// The normalised decimal text of an amount: no exponent, no needless zeros, `0` without sign.
///
/// Digits are counted as written, leading zeros aside: 1.50 has three, as whoever wrote it meant.
pub fn normal(text: &str) -> Option<String> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = split_exponent(rest)?;
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (mantissa, ""),
    };
    let digits_only = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits_only(whole) || !digits_only(fraction) {
        return None;
    }
    let (whole, fraction) = shift(whole, fraction, exponent);
    let whole = whole.trim_start_matches('0');
    let significant =
        if whole.is_empty() { fraction.trim_start_matches('0').len() } else { whole.len() + fraction.len() };
    if significant > DIGITS_MAX || fraction.len() > SCALE_MAX {
        return None;
    }
    Some(spell(negative, whole, fraction.trim_end_matches('0')))
}

fn split_exponent(text: &str) -> Option<(&str, i32)> {
    match text.split_once(['e', 'E']) {
        None => Some((text, 0)),
        Some((mantissa, exponent)) => {
            let exponent: i32 = exponent.parse().ok()?;
            (exponent.abs() <= EXPONENT_MAX).then_some((mantissa, exponent))
        }
    }
}

/// Moves the point by `exponent` places.
fn shift(whole: &str, fraction: &str, exponent: i32) -> (String, String) {
    let mut whole = whole.to_string();
    let mut fraction = fraction.to_string();
    for _ in 0..exponent.max(0) {
        let digit = if fraction.is_empty() { '0' } else { fraction.remove(0) };
        whole.push(digit);
    }
    for _ in 0..(-exponent).max(0) {
        let digit = whole.pop().unwrap_or('0');
        fraction.insert(0, digit);
    }
    (whole, fraction)
}

fn spell(negative: bool, whole: &str, fraction: &str) -> String {
    let whole = if whole.is_empty() { "0" } else { whole };
    let text = if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") };
    if negative && text != "0" { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn equal_amounts_have_equal_text() {
        for text in ["101.5", "101.50", "0101.5", "1015e-1", "1.015e2", "1.015E+2"] {
            assert_eq!(normal(text).as_deref(), Some("101.5"), "{text}");
        }
        assert_eq!(normal("-0.00").as_deref(), Some("0"));
        assert_eq!(normal("0.000001").as_deref(), Some("0.000001"));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "-", ".5", "5.", "1,5", "+1", " 1", "0x1", "NaN", "1e", "1e999"] {
            assert_eq!(normal(text), None, "{text}");
        }
    }

    #[test]
    fn the_limits_are_38_digits_and_scale_60() {
        assert!(normal(&"9".repeat(38)).is_some());
        assert!(normal(&"9".repeat(39)).is_none());
        let small = |zeros: usize, digits: usize| format!("0.{}{}", "0".repeat(zeros), "7".repeat(digits));
        assert!(normal(&small(59, 1)).is_some() && normal("7e-60").is_some());
        assert!(normal(&small(60, 1)).is_none() && normal("7e-61").is_none());
        assert!(normal(&small(22, 38)).is_some());
        assert!(normal(&small(21, 39)).is_none() && normal(&small(23, 38)).is_none());
        assert!(normal("12345678901234567890.123456789012345678").is_some());
        assert!(normal("123456789012345678901.123456789012345678").is_none());
        // as real token prices come
        assert!(normal("24.03353223898417117634582253598019").is_some());
        assert!(normal("0.0000000006208932128878219505510341564126764").is_some());
    }
}

//! Exact decimal amounts (P4): read from text, kept as digits and scale, never a float.

use std::fmt;

/// A decimal number of at most 28 digits with a scale of at most 18, in 16 bytes.
///
/// Equality is of value: trailing zeros of the fraction are dropped when it is read, so
/// `"101.50"` and `"101.5"` are the same amount.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    low: u64,
    high: u32,
    scale: u8,
    negative: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("not a decimal number")]
    Syntax,
    #[error("more than 28 digits")]
    Digits,
    #[error("more than 18 digits after the point")]
    Scale,
}

impl Decimal {
    pub const DIGITS_MAX: usize = 28;
    pub const SCALE_MAX: usize = 18;

    /// Reads a JSON number's text, or the same in a string: an optional minus, digits, fraction
    /// and exponent. Leading zeros, plus signs and white space are refused.
    pub fn parse(text: &str) -> Result<Decimal, DecimalError> {
        let bytes = text.as_bytes();
        let (negative, digits) = match bytes.first() {
            Some(b'-') => (true, &bytes[1..]),
            _ => (false, bytes),
        };
        let (mantissa, exponent) = split_exponent(digits)?;
        let (whole, fraction) = split_point(mantissa)?;
        Self::assemble(negative, whole, fraction, exponent)
    }

    /// From the parts that `parts` gives back, as stored; `None` where they break the bounds.
    pub fn from_parts(mantissa: i128, scale: u8) -> Option<Decimal> {
        let magnitude = mantissa.unsigned_abs();
        if magnitude >= 10u128.pow(Self::DIGITS_MAX as u32) || scale as usize > Self::SCALE_MAX {
            return None;
        }
        Some(Self::pack(mantissa < 0, magnitude, scale))
    }

    /// Signed digits and scale: the amount is `mantissa / 10^scale`.
    pub fn parts(self) -> (i128, u8) {
        let magnitude = (u128::from(self.high) << 64 | u128::from(self.low)) as i128;
        (if self.negative { -magnitude } else { magnitude }, self.scale)
    }

    pub fn is_zero(self) -> bool {
        self.low == 0 && self.high == 0
    }

    pub fn is_negative(self) -> bool {
        self.negative
    }

    fn assemble(
        negative: bool,
        whole: &[u8],
        fraction: &[u8],
        exponent: i64,
    ) -> Result<Decimal, DecimalError> {
        let mut magnitude: u128 = 0;
        let mut digits = 0usize;
        let mut trailing_zeros = 0i64;
        for &digit in whole.iter().chain(fraction) {
            let value = u128::from(digit - b'0');
            if digits == 0 && value == 0 {
                continue; // a leading zero is no digit of the amount
            }
            if value == 0 {
                trailing_zeros += 1;
            } else {
                let step = trailing_zeros + 1;
                digits += step as usize;
                if digits > Self::DIGITS_MAX {
                    return Err(DecimalError::Digits);
                }
                magnitude = magnitude * 10u128.pow(step as u32) + value;
                trailing_zeros = 0;
            }
        }
        if magnitude == 0 {
            return Ok(Self::pack(false, 0, 0));
        }
        // value = magnitude · 10^power
        let power = exponent - fraction.len() as i64 + trailing_zeros;
        if power >= 0 {
            if digits as i64 + power > Self::DIGITS_MAX as i64 {
                return Err(DecimalError::Digits);
            }
            return Ok(Self::pack(negative, magnitude * 10u128.pow(power as u32), 0));
        }
        if -power > Self::SCALE_MAX as i64 {
            return Err(DecimalError::Scale);
        }
        Ok(Self::pack(negative, magnitude, (-power) as u8))
    }

    fn pack(negative: bool, magnitude: u128, scale: u8) -> Decimal {
        Decimal {
            low: magnitude as u64,
            high: (magnitude >> 64) as u32,
            scale,
            negative: negative && magnitude != 0,
        }
    }
}

fn split_exponent(text: &[u8]) -> Result<(&[u8], i64), DecimalError> {
    let Some(mark) = text.iter().position(|b| matches!(b, b'e' | b'E')) else {
        return Ok((text, 0));
    };
    let exponent = std::str::from_utf8(&text[mark + 1..]).map_err(|_| DecimalError::Syntax)?;
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Syntax);
    }
    let value: i64 = digits.parse().map_err(|_| DecimalError::Syntax)?;
    Ok((&text[..mark], if exponent.starts_with('-') { -value } else { value }))
}

fn split_point(text: &[u8]) -> Result<(&[u8], &[u8]), DecimalError> {
    let (whole, fraction) = match text.iter().position(|&b| b == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &text[text.len()..]),
    };
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let leading_zero = whole.len() > 1 && whole[0] == b'0';
    let dangling_point = fraction.is_empty() && whole.len() != text.len();
    if whole.is_empty() || leading_zero || dangling_point || !digits(whole) || !digits(fraction) {
        return Err(DecimalError::Syntax);
    }
    Ok((whole, fraction))
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.parts().0.unsigned_abs();
        if self.negative {
            f.write_str("-")?;
        }
        let unit = 10u128.pow(u32::from(self.scale));
        write!(f, "{}", magnitude / unit)?;
        if self.scale > 0 {
            write!(f, ".{:0width$}", magnitude % unit, width = usize::from(self.scale))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_value_exactly() {
        for (text, shown) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.00", "0"),
            ("101.25", "101.25"),
            ("101.50", "101.5"),
            ("1e3", "1000"),
            ("1.5e-3", "0.0015"),
            ("-12.5E1", "-125"),
            ("9999999999.999999999999999999", "9999999999.999999999999999999"),
            ("1000000000000000000000000000", "1000000000000000000000000000"),
            ("0.000000000000000001", "0.000000000000000001"),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), shown, "{text}");
        }
        assert_eq!(size_of::<Decimal>(), 16);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["", "-", "01", "1.", ".5", "+1", " 1", "1 ", "1e", "1e+", "NaN", "0x1", "1,5", "--1", "1.2.3"]
        {
            assert_eq!(Decimal::parse(text), Err(DecimalError::Syntax), "{text}");
        }
        assert_eq!(Decimal::parse(&"9".repeat(29)), Err(DecimalError::Digits));
        assert_eq!(Decimal::parse("1e28"), Err(DecimalError::Digits));
        assert_eq!(Decimal::parse("1e-19"), Err(DecimalError::Scale));
        assert_eq!(Decimal::parse("1e999999"), Err(DecimalError::Digits));
    }

    #[test]
    fn parts_and_back() {
        let amount = Decimal::parse("-123.456").unwrap();
        let (mantissa, scale) = amount.parts();
        assert_eq!((mantissa, scale), (-123_456, 3));
        assert_eq!(Decimal::from_parts(mantissa, scale), Some(amount));
        assert_eq!(Decimal::from_parts(10i128.pow(28), 0), None);
    }
}

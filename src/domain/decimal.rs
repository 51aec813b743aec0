//! Exact decimal amounts (P4): read from text, kept as digits and scale, never a float.

use std::fmt;

/// A decimal number of at most 38 significant digits with a scale of at most 60, in 20 bytes.
///
/// Equality is of value: trailing zeros of the fraction are dropped when it is read, so
/// `"101.50"` and `"101.5"` are the same amount.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The digits as a number, lowest word first: in words of four bytes, so that an index that
    /// holds an amount for each asset pays for no padding.
    words: [u32; 4],
    scale: u8,
    negative: bool,
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// It is not written as a JSON number is.
    #[error("not a decimal number")]
    Syntax,
    /// It has more significant digits than are kept.
    #[error("more than {} digits", Decimal::DIGITS_MAX)]
    Digits,
    /// Its last digit stands too far after the point.
    #[error("more than {} digits after the point", Decimal::SCALE_MAX)]
    Scale,
}

impl Decimal {
    /// The most significant digits; a whole number's zeros at the end count as well.
    pub const DIGITS_MAX: usize = 38;
    /// The most digits after the point.
    pub const SCALE_MAX: usize = 60;

    /// Reads a JSON number's text, or the same in a string: an optional minus, digits, fraction
    /// and exponent. Errs for leading zeros, plus signs and white space, and beyond the bounds.
    pub fn parse(text: &str) -> Result<Decimal, DecimalError> {
        Decimal::parse_scaled(text, 0)
    }

    /// The same times a power of ten, exactly: -2 reads cents.
    pub fn parse_scaled(text: &str, power: i32) -> Result<Decimal, DecimalError> {
        let bytes = text.as_bytes();
        let (negative, digits) = match bytes.first() {
            Some(b'-') => (true, &bytes[1..]),
            _ => (false, bytes),
        };
        let (mantissa, exponent) = split_exponent(digits)?;
        let (whole, fraction) = split_point(mantissa)?;
        Self::assemble(negative, whole, fraction, exponent + i64::from(power))
    }

    /// The amount of the parts that `parts` gives, as they are stored; `None` beyond the bounds.
    pub fn from_parts(mantissa: i128, scale: u8) -> Option<Decimal> {
        let magnitude = mantissa.unsigned_abs();
        if magnitude >= 10u128.pow(Self::DIGITS_MAX as u32) || scale as usize > Self::SCALE_MAX {
            return None;
        }
        Some(Self::pack(mantissa < 0, magnitude, scale))
    }

    /// Signed digits and scale: the amount is `mantissa / 10^scale`.
    pub fn parts(self) -> (i128, u8) {
        let magnitude = self.magnitude() as i128; // below 10^38, which fits
        (if self.negative { -magnitude } else { magnitude }, self.scale)
    }

    /// Whether it is 0, whatever its sign and scale were.
    pub fn is_zero(self) -> bool {
        self.words == [0; 4]
    }

    /// Whether it is below 0.
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
        let words = [0, 32, 64, 96].map(|shift| (magnitude >> shift) as u32);
        Decimal { words, scale, negative: negative && magnitude != 0 }
    }

    fn magnitude(self) -> u128 {
        self.words.iter().rev().fold(0, |number, &word| number << 32 | u128::from(word))
    }
}

fn split_exponent(text: &[u8]) -> Result<(&[u8], i64), DecimalError> {
    let Some(mark) = text.iter().position(|b| matches!(b, b'e' | b'E')) else {
        return Ok((text, 0));
    };
    let exponent = std::str::from_utf8(&text[mark + 1..]).map_err(|_| DecimalError::Syntax)?;
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Syntax);
    }
    let digits = digits.trim_start_matches('0');
    // beyond it an exponent says the same of every amount: too large, or too small
    let value = if digits.len() > 6 { 1_000_000 } else { digits.parse().unwrap_or(0) };
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
        if self.negative {
            f.write_str("-")?;
        }
        // as text: a power of ten beyond the 38th fits no number
        let scale = usize::from(self.scale);
        let digits = format!("{:0width$}", self.magnitude(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        f.write_str(whole)?;
        if scale > 0 {
            write!(f, ".{fraction}")?;
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
        assert_eq!((size_of::<Decimal>(), size_of::<Option<Decimal>>()), (20, 20));
    }

    #[test]
    fn p4_long_prices_of_tokens_keep_every_digit() {
        for text in [
            "24.03353223898417117634582253598019",
            "0.0000000006208932128878219505510341564126764",
            "-12345678901234567890.123456789012345678",
            "99999999999999999999999999999999999999",
        ] {
            let amount = Decimal::parse(text).unwrap();
            assert_eq!(amount.to_string(), text);
            let (mantissa, scale) = amount.parts();
            assert_eq!(Decimal::from_parts(mantissa, scale), Some(amount), "{text}");
        }
        for (text, shown) in [
            ("9.447100360921052e-8", "0.00000009447100360921052"),
            ("1000e-63", "0.000000000000000000000000000000000000000000000000000000000001"),
            ("0.5e-0000000000059", "0.000000000000000000000000000000000000000000000000000000000005"),
            ("1.50000000000000000000000000000000000000000000e1", "15"),
            ("0.00000000000000000000000000000000000000000001e44", "1"),
            ("12e36", "12000000000000000000000000000000000000"),
            ("0e999999", "0"),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn p4_amounts_end_at_38_digits_and_at_scale_60() {
        let small = |zeros: usize, digits: usize| format!("0.{}{}", "0".repeat(zeros), "7".repeat(digits));
        let error = |text: &str| Decimal::parse(text).err();
        for sound in ["7e-60", "7e37", "0.7e38", &small(59, 1), &small(22, 38), &"9".repeat(38)] {
            assert_eq!(error(sound), None, "{sound}");
        }
        for fine in ["7e-61", "70e-62", "7e-999999", &small(60, 1), &small(23, 38)] {
            assert_eq!(error(fine), Some(DecimalError::Scale), "{fine}");
        }
        for long in
            ["7e38", "1e999999", &small(21, 39), &"9".repeat(39), "123456789012345678901.123456789012345678"]
        {
            assert_eq!(error(long), Some(DecimalError::Digits), "{long}");
        }
        assert_eq!(Decimal::from_parts(10i128.pow(38) - 1, 60).unwrap().to_string().len(), 62);
        assert_eq!(Decimal::from_parts(10i128.pow(38), 0), None);
        assert_eq!(Decimal::from_parts(1, 61), None);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["", "-", "01", "1.", ".5", "+1", " 1", "1 ", "1e", "1e+", "NaN", "0x1", "1,5", "--1", "1.2.3"]
        {
            assert_eq!(Decimal::parse(text), Err(DecimalError::Syntax), "{text}");
        }
    }

    #[test]
    fn parts_and_back() {
        let amount = Decimal::parse("-123.456").unwrap();
        let (mantissa, scale) = amount.parts();
        assert_eq!((mantissa, scale), (-123_456, 3));
        assert_eq!(Decimal::from_parts(mantissa, scale), Some(amount));
    }
}

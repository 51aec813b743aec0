//! The canonical form: the same text for equal content.
//!
//! Members sorted by name, no white space, minimal escapes, numbers by their value as decimal
//! text of any length. Numbers whose exponent is far away keep one, so that `1e999999999` costs
//! no gigabyte.

use super::fault::JsonError;
use super::read;
use super::text::{self, StringSpan};
use std::borrow::Cow;
use std::ops::Range;

/// A power of ten beyond this stays an exponent.
const EXPANDED_MAX: i64 = 400;
/// Exponents of more digits than this are kept as they are written.
const EXPONENT_DIGITS_MAX: usize = 17;

/// The canonical form of one value. Errs where the text is not one value.
pub fn canonical(text: &str) -> Result<String, JsonError> {
    let bytes = canonical_bytes(text)?;
    Ok(String::from_utf8(bytes).expect("pieces of UTF-8 cut at ASCII characters are UTF-8"))
}

/// XXH3 of the canonical form: equal for equal content. Errs where the text is not one value.
pub fn value_hash(text: &str) -> Result<u128, JsonError> {
    // A string without escapes is its own canonical form: most members are such.
    if read::plain(text).is_some() {
        return Ok(xxhash_rust::xxh3::xxh3_128(text.as_bytes()));
    }
    Ok(xxhash_rust::xxh3::xxh3_128(&canonical_bytes(text)?))
}

fn canonical_bytes(text: &str) -> Result<Vec<u8>, JsonError> {
    let text = read::value(text)?;
    let mut writer = Writer { text, at: 0, out: Vec::with_capacity(text.len()) };
    writer.value();
    Ok(writer.out)
}

/// Walks a text that has been scanned: nothing is checked again.
struct Writer<'a> {
    text: &'a str,
    at: usize,
    out: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn value(&mut self) {
        match self.peek() {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => {
                let span = self.string();
                self.write_string(span);
            }
            b'-' | b'0'..=b'9' => {
                let number = self.run(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
                write_number(&mut self.out, number);
            }
            _ => {
                let word = self.run(|b| b.is_ascii_lowercase());
                self.out.extend_from_slice(word.as_bytes());
            }
        }
    }

    fn array(&mut self) {
        self.at += 1;
        self.out.push(b'[');
        let mut first = true;
        while self.next_item(b']') {
            if !first {
                self.out.push(b',');
            }
            first = false;
            self.value();
        }
        self.out.push(b']');
    }

    /// Writes the members as they come, then puts them in order where they were not.
    fn object(&mut self) {
        self.at += 1;
        self.out.push(b'{');
        let start = self.out.len();
        let mut members: Vec<(Cow<'a, str>, Range<usize>)> = Vec::new();
        while self.next_item(b'}') {
            let from = self.out.len();
            let name = self.string();
            self.write_string(name);
            self.out.push(b':');
            self.skip_separators();
            self.value();
            self.out.push(b',');
            members.push((text::decoded(self.text, name), from..self.out.len()));
        }
        if !members.is_sorted_by(|a, b| a.0 <= b.0) {
            members.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            let mut sorted = Vec::with_capacity(self.out.len() - start);
            for (_, range) in &members {
                sorted.extend_from_slice(&self.out[range.clone()]);
            }
            self.out.truncate(start);
            self.out.extend_from_slice(&sorted);
        }
        if !members.is_empty() {
            self.out.pop(); // the comma after the last member
        }
        self.out.push(b'}');
    }

    fn write_string(&mut self, span: StringSpan) {
        if span.escaped {
            text::quote(&mut self.out, &text::decoded(self.text, span));
        } else {
            self.out.extend_from_slice(&self.text.as_bytes()[span.start - 1..=span.end]);
        }
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn skip_separators(&mut self) {
        while let b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' = self.peek() {
            self.at += 1;
        }
    }

    /// Whether an item follows, rather than the closing bracket, which is passed.
    fn next_item(&mut self, closing: u8) -> bool {
        self.skip_separators();
        if self.peek() == closing {
            self.at += 1;
            return false;
        }
        true
    }

    fn string(&mut self) -> StringSpan {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let (mut end, mut escaped) = (start, false);
        loop {
            end += text::plain_run(&bytes[end..]);
            if bytes.get(end) != Some(&b'\\') {
                break;
            }
            escaped = true;
            end += 2;
        }
        self.at = end + 1;
        StringSpan { start, end, escaped }
    }

    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(|b| !belongs(b)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }
}

/// Writes a number by its value: digits without zeros at either end, times a power of ten.
fn write_number(out: &mut Vec<u8>, text: &str) {
    if is_canonical_number(text) {
        return out.extend_from_slice(text.as_bytes());
    }
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).skip_while(|&b| b == b'0').collect();
    let trailing = digits.iter().rev().take_while(|&&b| b == b'0').count();
    let significant = &digits[..digits.len() - trailing];
    if significant.is_empty() {
        return out.push(b'0');
    }
    out.extend_from_slice(sign.as_bytes());
    match small_exponent(exponent) {
        Some(exponent) => {
            let power = exponent - fraction.len() as i64 + trailing as i64;
            write_scaled(out, significant, power);
        }
        // Beyond our arithmetic: equal only where it is written alike.
        None => out.extend_from_slice(unsigned.to_ascii_lowercase().as_bytes()),
    }
}

/// Most numbers come as they would be written here.
fn is_canonical_number(text: &str) -> bool {
    let (mut point, mut exponent) = (false, false);
    for byte in text.bytes() {
        point |= byte == b'.';
        exponent |= matches!(byte, b'e' | b'E');
    }
    let ends_well = if point { !text.ends_with('0') } else { text != "-0" };
    ends_well && !exponent && text.len() <= EXPANDED_MAX as usize
}

fn small_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.trim_start_matches('0');
    if digits.len() > EXPONENT_DIGITS_MAX {
        return None;
    }
    let value = digits.bytes().fold(0i64, |value, b| value * 10 + i64::from(b - b'0'));
    Some(if negative { -value } else { value })
}

/// Writes `digits · 10^power`.
fn write_scaled(out: &mut Vec<u8>, digits: &[u8], power: i64) {
    if power.abs() > EXPANDED_MAX {
        out.extend_from_slice(digits);
        out.extend_from_slice(format!("e{power}").as_bytes());
    } else if power >= 0 {
        out.extend_from_slice(digits);
        out.resize(out.len() + power as usize, b'0');
    } else {
        let scale = power.unsigned_abs() as usize;
        if digits.len() > scale {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        } else {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + scale - digits.len(), b'0');
            out.extend_from_slice(digits);
        }
    }
}

//! Quotes as bytes, and rows of them: what the log, the overlay and the table `prices` hold.
//!
//! A quote is written once, into the log record; the overlay and the packed blocks copy those
//! bytes. A row is the quotes of one asset, each led by its length, no name twice.
//!
//! ```text
//! flags: 1 named · 2 amount · 4,8 market · 16 extra · 32 undated · 64,128 lane
//! width: bits 0-2 length of the currency less one · bits 3-7 scale of the amount, 31: see `long`
//! [name] currency at:i64 sequence:varint (received_at - at):zigzag [long] [mantissa:zigzag varint] [extra] [undated]
//! long: bits 0-5 scale of the amount · 64 by arrival
//! undated: snapshot:i64 first_seen:i64 scale:u8 mantissa currency [outlives:varint], led by 64 in scale
//! ```
//!
//! `long`, and what flags announce, is written only where a quote has it: the rows of earlier
//! versions have none of it, and mean the same for ever.

use super::bytes::{Input, LogError, put_prefixed, put_varint, put_varint128, unzigzag, zigzag};
use super::origin::{put_origin, take_origin};
use crate::domain::{Currency, Decimal, Market, Micros, Quote, QuoteExtra, QuoteName, Stamp, Undated};

const NAMED: u8 = 1;
const AMOUNT: u8 = 2;
const MARKET_SHIFT: u8 = 2;
const EXTRA: u8 = 16;
const UNDATED: u8 = 32;
const LANE_SHIFT: u8 = 6;
const SCALE_SHIFT: u8 = 3;
/// In the place of a scale: the byte `long` follows.
const LONG: u8 = 31;
const SCALE_BITS: u8 = 0x3f;
const BY_ARRIVAL: u8 = 64;
const OUTLIVES: u8 = 64;
const RANK_LANE_SHIFT: u32 = 62;

/// Appends a row that holds this one quote.
pub fn put_quote_row(out: &mut Vec<u8>, quote: &Quote) {
    let start = out.len();
    out.push(0);
    put_quote(out, quote);
    let len = out.len() - start - 1;
    if len < 0x80 {
        out[start] = len as u8;
        return;
    }
    let mut prefix = Vec::with_capacity(4);
    put_varint(&mut prefix, len as u64);
    out.splice(start..=start, prefix);
}

#[inline]
fn put_quote(out: &mut Vec<u8>, quote: &Quote) {
    let (at, rank) = quote.stamp.to_words();
    let (mantissa, scale) = quote.amount.map_or((0, 0), Decimal::parts);
    let mut flags = (quote.market as u8) << MARKET_SHIFT | ((rank >> RANK_LANE_SHIFT) as u8) << LANE_SHIFT;
    let named = quote.name != QuoteName::PRICE;
    for (flag, set) in [
        (NAMED, named),
        (AMOUNT, quote.amount.is_some()),
        (EXTRA, quote.extra.is_some()),
        (UNDATED, quote.undated.is_some()),
    ] {
        flags |= if set { flag } else { 0 };
    }
    let currency = quote.currency.as_str().as_bytes();
    out.push(flags);
    let long = quote.by_arrival || scale >= LONG;
    out.push((currency.len() - 1) as u8 | if long { LONG } else { scale } << SCALE_SHIFT);
    if named {
        put_prefixed(out, quote.name.as_str().as_bytes());
    }
    out.extend_from_slice(currency);
    out.extend_from_slice(&at.to_le_bytes());
    put_varint(out, quote.stamp.sequence());
    put_varint(out, zigzag(quote.received_at.0.wrapping_sub(at)));
    if long {
        out.push(scale | if quote.by_arrival { BY_ARRIVAL } else { 0 });
    }
    if quote.amount.is_some() {
        put_mantissa(out, mantissa);
    }
    if let Some(extra) = &quote.extra {
        put_extra(out, extra);
    }
    if let Some(undated) = &quote.undated {
        put_undated(out, undated);
    }
}

fn put_mantissa(out: &mut Vec<u8>, mantissa: i128) {
    put_varint128(out, ((mantissa << 1) ^ (mantissa >> 127)) as u128);
}

fn put_extra(out: &mut Vec<u8>, extra: &QuoteExtra) {
    let QuoteExtra { kind, per, origin, fed_at, beaten } = extra;
    let has = [kind.is_some(), per.is_some(), origin.is_some(), fed_at.is_some(), !beaten.is_empty()];
    out.push(has.into_iter().rev().fold(0, |flags, has| flags << 1 | u8::from(has)));
    for text in [kind, per].into_iter().flatten() {
        put_prefixed(out, text.as_bytes());
    }
    if let Some(origin) = *origin {
        put_origin(out, origin);
    }
    if let Some(fed_at) = fed_at {
        out.extend_from_slice(&fed_at.0.to_le_bytes());
    }
    if !beaten.is_empty() {
        put_varint(out, beaten.len() as u64);
        beaten.iter().for_each(|hash| out.extend_from_slice(&hash.to_le_bytes()));
    }
}

fn put_undated(out: &mut Vec<u8>, undated: &Undated) {
    let (mantissa, scale) = undated.amount.parts();
    let outlives = undated.outlives_after != Undated::OUTLIVES_AFTER;
    out.extend_from_slice(&undated.snapshot.0.to_le_bytes());
    out.extend_from_slice(&undated.first_seen.0.to_le_bytes());
    out.push(scale | if outlives { OUTLIVES } else { 0 });
    put_mantissa(out, mantissa);
    put_prefixed(out, undated.currency.as_str().as_bytes());
    if outlives {
        put_varint(out, zigzag(undated.outlives_after));
    }
}

/// Reads the quotes of a row.
pub fn quotes(row: &[u8]) -> Result<Vec<Quote>, LogError> {
    let mut input = Input::new(row);
    let mut quotes = Vec::with_capacity(usize::from(!row.is_empty()));
    while !input.is_empty() {
        quotes.push(take_quote(input.prefixed()?)?);
    }
    Ok(quotes)
}

/// Reads the row of one quote that a log record holds.
pub fn take_quote_row(input: &mut Input<'_>) -> Result<Quote, LogError> {
    take_quote(input.prefixed()?)
}

fn take_quote(bytes: &[u8]) -> Result<Quote, LogError> {
    let mut input = Input::new(bytes);
    let (flags, width) = (input.u8()?, input.u8()?);
    let name = if flags & NAMED == 0 {
        QuoteName::PRICE
    } else {
        QuoteName::new(input.text()?).map_err(|_| LogError::Bounds("quote name"))?
    };
    let currency = take_currency(input.slice(usize::from(width & 7) + 1)?)?;
    let at = input.i64()?;
    let sequence = input.varint()?;
    if sequence > Stamp::SEQUENCE_MAX {
        return Err(LogError::Bounds("sequence"));
    }
    let received_at = Micros(at.wrapping_add(unzigzag(input.varint()?)));
    let long = match width >> SCALE_SHIFT {
        LONG => input.u8()?,
        scale => scale,
    };
    let amount = match flags & AMOUNT {
        0 => None,
        _ => Some(take_amount(&mut input, long & SCALE_BITS)?),
    };
    let extra = if flags & EXTRA == 0 { None } else { Some(Box::new(take_extra(&mut input)?)) };
    let undated = if flags & UNDATED == 0 { None } else { Some(Box::new(take_undated(&mut input)?)) };
    input.finish()?;
    Ok(Quote {
        name,
        currency,
        market: market(flags >> MARKET_SHIFT & 3)?,
        stamp: Stamp::from_words(at, u64::from(flags >> LANE_SHIFT) << RANK_LANE_SHIFT | sequence),
        amount,
        received_at,
        by_arrival: long & BY_ARRIVAL != 0,
        extra,
        undated,
    })
}

fn market(number: u8) -> Result<Market, LogError> {
    match number {
        0 => Ok(Market::Unsaid),
        1 => Ok(Market::Open),
        2 => Ok(Market::Closed),
        _ => Err(LogError::Bounds("market")),
    }
}

/// Reads a currency's code. Errs where its form is another.
pub(super) fn take_currency(bytes: &[u8]) -> Result<Currency, LogError> {
    let code = std::str::from_utf8(bytes).map_err(|_| LogError::Bounds("currency"))?;
    Currency::new(code).map_err(|_| LogError::Bounds("currency"))
}

fn take_amount(input: &mut Input<'_>, scale: u8) -> Result<Decimal, LogError> {
    let value = input.varint128()?;
    let mantissa = (value >> 1) as i128 ^ -((value & 1) as i128);
    Decimal::from_parts(mantissa, scale).ok_or(LogError::Bounds("amount"))
}

fn take_extra(input: &mut Input<'_>) -> Result<QuoteExtra, LogError> {
    let has = input.u8()?;
    let mut text = |flag: u8| match has & flag {
        0 => Ok(None),
        _ => input.text().map(|text| Some(text.into())),
    };
    let (kind, per) = (text(1)?, text(2)?);
    let origin = if has & 4 == 0 { None } else { Some(take_origin(input)?) };
    let fed_at = if has & 8 == 0 { None } else { Some(Micros(input.i64()?)) };
    let count = if has & 16 == 0 { 0 } else { input.length()? };
    if count > QuoteExtra::BEATEN_MAX {
        return Err(LogError::Bounds("values that have lost"));
    }
    let beaten = (0..count).map(|_| input.u64()).collect::<Result<_, _>>()?;
    Ok(QuoteExtra { kind, per, origin, fed_at, beaten })
}

fn take_undated(input: &mut Input<'_>) -> Result<Undated, LogError> {
    let snapshot = Micros(input.i64()?);
    let first_seen = Micros(input.i64()?);
    let scale = input.u8()?;
    let amount = take_amount(input, scale & SCALE_BITS)?;
    let currency = take_currency(input.prefixed()?)?;
    let outlives_after = match scale & OUTLIVES {
        0 => Undated::OUTLIVES_AFTER,
        _ => unzigzag(input.varint()?),
    };
    Ok(Undated { snapshot, first_seen, amount, currency, outlives_after })
}

/// Puts the quotes of `new` into those of `old`: one of the same name is replaced in its place, others follow.
/// The result replaces what is in `out`.
pub fn merge_quote_rows(old: &[u8], new: &[u8], out: &mut Vec<u8>) -> Result<(), LogError> {
    out.clear();
    if replaces_whole(old, new) {
        out.extend_from_slice(new);
        return Ok(());
    }
    merge(old, new, out, |_| Ok(true))
}

/// The same for the lowest layer: an emptied register has nothing below it to hide, and is left out.
pub fn settle_quote_rows(old: &[u8], new: &[u8], out: &mut Vec<u8>) -> Result<(), LogError> {
    out.clear();
    merge(old, new, out, |quote| is_emptied(quote).map(|emptied| !emptied))
}

fn merge(
    old: &[u8],
    new: &[u8],
    out: &mut Vec<u8>,
    stays: fn(&[u8]) -> Result<bool, LogError>,
) -> Result<(), LogError> {
    let new = split_row(new)?;
    let mut used = vec![false; new.len()];
    for (name, bytes) in split_row(old)? {
        let place = new.iter().position(|(other, _)| *other == name);
        if let Some(place) = place {
            used[place] = true;
        }
        let bytes = place.map_or(bytes, |place| new[place].1);
        if stays(bytes)? {
            put_prefixed(out, bytes);
        }
    }
    for ((_, bytes), used) in new.iter().zip(used) {
        if !used && stays(bytes)? {
            put_prefixed(out, bytes);
        }
    }
    Ok(())
}

/// Whether any register of the row was emptied.
pub fn holds_emptied(row: &[u8]) -> Result<bool, LogError> {
    let mut input = Input::new(row);
    while !input.is_empty() {
        if is_emptied(input.prefixed()?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Nearly all quotes have an amount, and need no further look.
#[inline]
fn is_emptied(quote: &[u8]) -> Result<bool, LogError> {
    let flags = *quote.first().ok_or(LogError::Truncated)?;
    Ok(flags & (AMOUNT | UNDATED) == 0 && take_quote(quote)?.is_emptied())
}

/// Whether `new` takes the place of all that `old` holds: the usual case, one quote of the usual name,
/// known without looking further.
#[inline]
pub fn replaces_whole(old: &[u8], new: &[u8]) -> bool {
    let plain = |row: &[u8]| row.len() > 1 && usize::from(row[0]) + 1 == row.len() && row[1] & NAMED == 0;
    old.is_empty() || plain(old) && plain(new)
}

/// A quote's name, empty for the usual one, and all its bytes.
type NamedBytes<'a> = (&'a [u8], &'a [u8]);

/// The quotes of a row, unread.
fn split_row(row: &[u8]) -> Result<Vec<NamedBytes<'_>>, LogError> {
    let mut input = Input::new(row);
    let mut parts = Vec::with_capacity(Quote::PER_ASSET_MAX);
    while !input.is_empty() {
        let bytes = input.prefixed()?;
        let mut quote = Input::new(bytes);
        let flags = quote.u8()?;
        quote.u8()?;
        let name = if flags & NAMED == 0 { &[][..] } else { quote.prefixed()? };
        parts.push((name, bytes));
    }
    Ok(parts)
}

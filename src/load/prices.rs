//! Price requests, rendered once and patched in place.
//!
//! Every field has a fixed width, so head, separators and `Content-Length` never change: a request
//! costs its digits. The source times of one writer rise strictly, by at least a microsecond from
//! item to item, so each price is newer than all that this writer sent before.

use super::plan::{Mode, Target};
use crate::domain::Micros;
use fastrand::Rng;
use std::ops::Range;

const ID: &str = "asset-00000000000000";
const ID_DIGITS: usize = 14;
const ITEM: &str = concat!(
    r#"{"id":"asset-00000000000000","amount":"00000.00","currency":"EUR","#,
    r#""as_of":"2000-01-01T00:00:00.000000Z"}"#
);
/// Where the digits of the id, the amount and the time begin within an item.
const ID_AT: usize = r#"{"id":"asset-"#.len();
const AMOUNT_AT: usize = r#"{"id":"asset-00000000000000","amount":""#.len();
const TIME_AT: usize = ITEM.len() - r#"2000-01-01T00:00:00.000000Z"}"#.len();
/// Up to the whole second.
const TIME_WHOLE_LEN: usize = "2000-01-01T00:00:00".len();

/// An amount in hundredths: five digits before the point, the first of them not zero.
pub type Cents = u32;
const CENTS: Range<Cents> = 1_000_000..10_000_000;

/// The id of the asset with a number.
pub fn asset_id(number: u64) -> String {
    let mut id = ID.as_bytes().to_vec();
    let digits_at = id.len() - ID_DIGITS;
    write_digits(&mut id[digits_at..], number);
    String::from_utf8(id).expect("the template and digits are ASCII")
}

/// The assets of one connection: every number that leaves `first` when divided by `step`.
#[derive(Clone, Copy, Debug)]
pub struct Partition {
    pub first: u64,
    pub step: u64,
    /// How many assets the partition has.
    pub places: u32,
}

impl Partition {
    /// The `share`-th of `shares` partitions of `assets` assets.
    pub fn new(assets: u64, share: u64, shares: u64) -> Partition {
        let places = assets.saturating_sub(share).div_ceil(shares);
        Partition { first: share, step: shares, places: u32::try_from(places).unwrap_or(u32::MAX) }
    }

    pub fn asset_number(self, place: u32) -> u64 {
        self.first + u64::from(place) * self.step
    }
}

/// One price that was sent: the asset's place in its partition, and the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub place: u32,
    pub amount: Cents,
}

/// Renders the requests of one connection.
#[derive(Debug)]
pub struct PriceWriter {
    request: Vec<u8>,
    body_at: usize,
    /// What the request holds now, in order.
    sent: Vec<Sent>,
    batch: bool,
    partition: Partition,
    /// The same seed gives the same prices.
    random: Rng,
    newest: Micros,
    whole_second: i64,
    whole_second_text: [u8; TIME_WHOLE_LEN],
}

impl PriceWriter {
    /// `partition` must hold at least one asset.
    pub fn new(target: &Target, mode: Mode, partition: Partition, seed: u64) -> PriceWriter {
        let (items, batch) = match mode {
            Mode::Single => (1, false),
            Mode::Batch { items, .. } => (items.max(1), true),
        };
        let list = vec![ITEM; items].join(",");
        let body = if batch { format!("[{list}]") } else { list };
        let request = render_request(target, mode, &body);
        PriceWriter {
            body_at: request.len() - body.len() + usize::from(batch),
            request,
            sent: vec![Sent { place: 0, amount: 0 }; items],
            batch,
            partition,
            random: Rng::with_seed(seed ^ partition.first.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            newest: Micros(0),
            whole_second: i64::MIN,
            whole_second_text: [b'0'; TIME_WHOLE_LEN],
        }
    }

    /// Puts new prices for random assets into the request, dated from `now` on.
    pub fn advance(&mut self, now: Micros) {
        self.newest = self.newest.max(now);
        for item in 0..self.sent.len() {
            self.newest.0 += 1;
            self.patch(item);
        }
    }

    /// Head and body, as they go over the wire.
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// The prices that the request holds.
    pub fn sent(&self) -> &[Sent] {
        &self.sent
    }

    pub fn is_batch(&self) -> bool {
        self.batch
    }

    fn patch(&mut self, item: usize) {
        let (second, fraction) = (self.newest.0.div_euclid(1_000_000), self.newest.0.rem_euclid(1_000_000));
        if second != self.whole_second {
            self.whole_second = second;
            self.whole_second_text = whole_second_text(second);
        }
        let place = self.random.u32(..self.partition.places);
        let amount = self.random.u32(CENTS);
        self.sent[item] = Sent { place, amount };

        let begin = self.body_at + item * (ITEM.len() + 1);
        let text = &mut self.request[begin..begin + ITEM.len()];
        write_digits(&mut text[ID_AT..ID_AT + ID_DIGITS], self.partition.asset_number(place));
        write_digits(&mut text[AMOUNT_AT..AMOUNT_AT + 5], u64::from(amount / 100));
        write_digits(&mut text[AMOUNT_AT + 6..AMOUNT_AT + 8], u64::from(amount % 100));
        text[TIME_AT..TIME_AT + TIME_WHOLE_LEN].copy_from_slice(&self.whole_second_text);
        write_digits(&mut text[TIME_AT + TIME_WHOLE_LEN + 1..TIME_AT + TIME_WHOLE_LEN + 7], fraction as u64);
    }
}

fn render_request(target: &Target, mode: Mode, body: &str) -> Vec<u8> {
    let prefer = match mode {
        Mode::Batch { minimal: true, .. } => "prefer: return=minimal\r\n",
        _ => "",
    };
    format!(
        "POST /api/prices HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\n{prefer}content-length: {}\r\n\r\n{body}",
        target.host,
        target.key,
        body.len()
    )
    .into_bytes()
}

fn whole_second_text(second: i64) -> [u8; TIME_WHOLE_LEN] {
    let shown = jiff::Timestamp::from_second(second).unwrap_or_default().to_string();
    let mut text = *b"1970-01-01T00:00:00";
    if let Some(whole) = shown.as_bytes().get(..TIME_WHOLE_LEN) {
        text.copy_from_slice(whole);
    }
    text
}

/// Right-aligned, filled with zeros; digits that do not fit are cut off.
fn write_digits(field: &mut [u8], mut value: u64) {
    let mut end = field.len();
    while end >= 2 && value > 0 {
        let pair = (value % 100) as u8; // half the divisions of going digit by digit
        (field[end - 2], field[end - 1]) = (b'0' + pair / 10, b'0' + pair % 10);
        value /= 100;
        end -= 2;
    }
    if end == 1 {
        field[0] = b'0' + (value % 10) as u8;
    } else {
        field[..end].fill(b'0');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target { host: "localhost".into(), key: "k".into(), address: ([127, 0, 0, 1], 1).into() }
    }

    fn body(writer: &PriceWriter) -> serde_json::Value {
        let text = std::str::from_utf8(writer.request()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())));
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn a_batch_holds_what_it_says_it_has_sent() {
        let partition = Partition::new(1000, 3, 64);
        let mode = Mode::Batch { items: 50, minimal: false };
        let mut writer = PriceWriter::new(&target(), mode, partition, 7);
        writer.advance(Micros(1_795_489_800_999_990));
        let items = body(&writer);
        let mut newest = String::new();
        for (item, sent) in items.as_array().unwrap().iter().zip(writer.sent()) {
            assert_eq!(item["id"], asset_id(partition.asset_number(sent.place)));
            assert_eq!(item["amount"], format!("{}.{:02}", sent.amount / 100, sent.amount % 100));
            let as_of = item["as_of"].as_str().unwrap().to_owned();
            assert!(as_of > newest, "{as_of} after {newest}");
            newest = as_of;
        }
        assert_eq!(newest, "2026-11-24T03:10:01.000040Z");
    }

    #[test]
    fn a_single_price_is_one_object_newer_than_the_one_before() {
        let mut writer = PriceWriter::new(&target(), Mode::Single, Partition::new(1, 0, 1), 7);
        writer.advance(Micros(5));
        let first = body(&writer);
        writer.advance(Micros(5));
        let second = body(&writer);
        assert_eq!(first["as_of"], "1970-01-01T00:00:00.000006Z");
        assert_eq!(second["as_of"], "1970-01-01T00:00:00.000007Z");
        assert_eq!(first["id"], "asset-00000000000000");
    }

    #[test]
    fn digits_fill_their_field_from_the_right() {
        for (width, value, shown) in [
            (1, 0, "0"),
            (1, 7, "7"),
            (2, 7, "07"),
            (3, 107, "107"),
            (5, 70, "00070"),
            (5, 12_345, "12345"),
            (6, 1_234, "001234"),
            (3, 12_345, "345"),
        ] {
            let mut field = vec![b'x'; width];
            write_digits(&mut field, value);
            assert_eq!(String::from_utf8(field).unwrap(), shown);
        }
    }

    #[test]
    fn partitions_cover_all_assets_and_do_not_meet() {
        let mut numbers: Vec<u64> = (0..7)
            .map(|share| Partition::new(100, share, 7))
            .flat_map(|partition| (0..partition.places).map(move |place| partition.asset_number(place)))
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    }
}

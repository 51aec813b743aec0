//! The deliveries that a partner has made (G2), so that a repeat has no effect and gets the first
//! reply again.
//!
//! - Key: the first half of the SHA-256 of the delivery's id, 16 bytes.
//! - Value: JSON of `DeliveryRecord`: the fingerprint of its request, its place in its write set, and
//!   what became of its items, equal ones in a row counted together.
//! - Lifetime: `rules::push::deliveries::KEPT`, or `PRICES_KEPT` where it held only prices with a time of
//!   their own; less where the records weigh more than the partner's policy lets them.

use super::form::{Encode, Record, RecordCause, from_json, json};
use crate::domain::{DeliveryAge, DeliveryKey, DeliveryRecord, RecordKind};

fn read_key(bytes: &[u8]) -> Option<DeliveryKey> {
    bytes.try_into().ok().map(DeliveryKey)
}

impl Record for DeliveryRecord {
    const KIND: RecordKind = RecordKind::Delivery;
    type Key = DeliveryKey;

    fn key(key: &DeliveryKey) -> Box<[u8]> {
        key.0.into()
    }

    fn read_key(bytes: &[u8]) -> Option<DeliveryKey> {
        read_key(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<DeliveryRecord, RecordCause> {
        from_json(bytes)
    }
}

impl Encode for DeliveryRecord {
    fn encode(&self) -> Box<[u8]> {
        json(self)
    }
}

/// The part of a delivery that says how long it is kept, without its items.
impl Record for DeliveryAge {
    const KIND: RecordKind = RecordKind::Delivery;
    type Key = DeliveryKey;

    fn key(key: &DeliveryKey) -> Box<[u8]> {
        key.0.into()
    }

    fn read_key(bytes: &[u8]) -> Option<DeliveryKey> {
        read_key(bytes)
    }

    fn decode(bytes: &[u8]) -> Result<DeliveryAge, RecordCause> {
        from_json(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::tests::pinned;
    use super::*;
    use crate::domain::Outcome;

    const KEY: DeliveryKey = DeliveryKey(*b"0123456789abcdef");
    const BATCH: &str = concat!(
        r#"{"fingerprint":"4084","received_at":1780014400000000,"undated_at":1780014400000003,"#,
        r#""prices_only":false,"place":6,"items":[{"outcome":"superseded","rule":"P1","count":3},"#,
        r#"{"id":"p1","outcome":"rejected","rule":"P4","code":"amount_zero","hint":0,"pointer":"/amount"},"#,
        r#"{"id":"nobody","outcome":"parked","rule":"P3","change":1,"superseded":["name"],"undated":true}],"#,
        r#""hints":["an amount of zero is not taken"],"missing":[["s",[[1,2],[4,8]]]]}"#,
    );
    const PRICE: &str = concat!(
        r#"{"fingerprint":"abc9","received_at":1780014403000000,"undated_at":null,"prices_only":true,"#,
        r#""place":2,"items":[{"id":"p0","outcome":"updated","rule":"P1","change":0}]}"#,
    );

    #[test]
    fn the_bytes_of_a_delivery_are_these() {
        let record = pinned::<DeliveryRecord>(&KEY, b"0123456789abcdef", BATCH.as_bytes());
        let outcomes: Vec<Outcome> = record.outcomes().unwrap().iter().map(|item| item.outcome).collect();
        let superseded = Outcome::Superseded;
        assert_eq!(outcomes, [superseded, superseded, superseded, Outcome::Rejected, Outcome::Parked]);
        assert_eq!(record.missing, [("s".to_owned(), vec![(1, 2), (4, 8)])]);
        let record = pinned::<DeliveryRecord>(&KEY, b"0123456789abcdef", PRICE.as_bytes());
        assert_eq!((record.prices_only, record.place, record.missing.len()), (true, 2, 0));
    }

    #[test]
    fn its_age_is_read_without_its_items() {
        let age = DeliveryAge::decode(BATCH.as_bytes()).unwrap();
        assert_eq!(age, DeliveryAge { received_at: 1_780_014_400_000_000, prices_only: false });
        assert!(DeliveryAge::decode(PRICE.as_bytes()).unwrap().prices_only);
        assert_eq!(
            (DeliveryAge::key(&KEY), DeliveryAge::KIND),
            (DeliveryRecord::key(&KEY), DeliveryRecord::KIND)
        );
        assert_eq!(DeliveryAge::read_key(b"short"), None);
    }
}

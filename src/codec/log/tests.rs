//! Properties: what was written is read back, and no bytes make reading panic.

use super::*;
use crate::domain::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn stamp() -> impl Strategy<Value = Stamp> {
    let lane = prop_oneof![Just(Lane::Feed), Just(Lane::Push), Just(Lane::Price), Just(Lane::Admin)];
    let real = (any::<i64>(), lane, 0..=Stamp::SEQUENCE_MAX, 0..63u32)
        .prop_map(|(at, lane, sequence, shift)| Stamp::new(Micros(at), lane, sequence >> shift));
    prop_oneof![1 => Just(Stamp::NEVER), 5 => real]
}

fn currency() -> impl Strategy<Value = Currency> {
    "[A-Z0-9]{2,8}".prop_map(|code| Currency::new(&code).unwrap())
}

fn amount() -> impl Strategy<Value = Decimal> {
    let bound = 10i128.pow(38) - 1;
    (-bound..=bound, 0..120u32, 0..=60u8)
        .prop_map(|(mantissa, shift, scale)| Decimal::from_parts(mantissa >> shift, scale).unwrap())
}

fn extra() -> impl Strategy<Value = QuoteExtra> {
    let text = || option::of("\\PC{0,200}".prop_map(String::into_boxed_str));
    let fed_at = option::of(any::<i64>().prop_map(Micros));
    let beaten = vec(any::<u64>(), 0..=QuoteExtra::BEATEN_MAX);
    (text(), text(), option::of(origin()), fed_at, beaten)
        .prop_map(|(kind, per, origin, fed_at, beaten)| QuoteExtra { kind, per, origin, fed_at, beaten })
}

fn undated() -> impl Strategy<Value = Undated> {
    let outlives_after = prop_oneof![Just(Undated::OUTLIVES_AFTER), any::<i64>()];
    (any::<i64>(), any::<i64>(), amount(), currency(), outlives_after).prop_map(
        |(snapshot, first, amount, currency, outlives_after)| {
            let (snapshot, first_seen) = (Micros(snapshot), Micros(first));
            Undated { snapshot, first_seen, amount, currency, outlives_after }
        },
    )
}

fn quote() -> impl Strategy<Value = Quote> {
    let name = prop_oneof![Just("price".to_string()), "[a-z0-9_-]{1,12}"];
    let market = prop_oneof![Just(Market::Unsaid), Just(Market::Open), Just(Market::Closed)];
    (
        name,
        currency(),
        market,
        stamp(),
        option::of(amount()),
        (any::<i64>(), any::<bool>()),
        option::of(extra()),
        option::of(undated()),
    )
        .prop_map(|(name, currency, market, stamp, amount, (received, by_arrival), extra, undated)| {
            Quote {
                name: QuoteName::new(&name).unwrap(),
                currency,
                market,
                stamp,
                amount,
                received_at: Micros(received),
                by_arrival,
                extra: extra.map(Box::new),
                undated: undated.map(Box::new),
            }
        })
}

fn id() -> impl Strategy<Value = AssetId> {
    "[a-zA-Z0-9/äß]{1,60}".prop_map(|text| AssetId::new(&text).unwrap())
}

fn exception() -> impl Strategy<Value = Exception> {
    ("[a-z]{1,30}", stamp(), any::<bool>()).prop_map(|(name, stamp, removed)| Exception {
        name: name.into(),
        stamp,
        removed,
    })
}

fn beaten() -> impl Strategy<Value = Beaten> {
    (option::of("[a-z]{0,30}"), any::<u128>(), vec("[a-z]{1,30}", 0..3)).prop_map(|(member, hash, under)| {
        Beaten { member: member.map(Into::into), hash, under: under.into_iter().map(Into::into).collect() }
    })
}

fn head() -> impl Strategy<Value = AssetHead> {
    let flags = (any::<bool>(), any::<bool>(), any::<u8>());
    let deaths = (stamp(), option::of(stamp()));
    (
        any::<u32>(),
        stamp(),
        deaths,
        stamp(),
        vec(exception(), 0..4),
        vec(beaten(), 0..3),
        any::<u128>(),
        option::of(currency()),
        flags,
    )
        .prop_map(
            |(
                version,
                life,
                (death, end),
                base,
                exceptions,
                beaten,
                hash,
                currency,
                (inactive, hidden, absences),
            )| {
                AssetHead {
                    version,
                    life,
                    death,
                    end: end.unwrap_or(death),
                    died_at: if death.happened() { Micros(i64::from(version)) } else { Micros::BEGINNING },
                    base,
                    exceptions,
                    beaten,
                    hash,
                    currency,
                    inactive,
                    hidden,
                    absences,
                }
            },
        )
}

fn origin() -> impl Strategy<Value = Origin> {
    prop_oneof![
        any::<u64>().prop_map(|delivery| Origin::Push { delivery }),
        (any::<u64>(), any::<u32>()).prop_map(|(run, record)| Origin::Feed { run, record }),
        any::<u64>().prop_map(|action| Origin::Admin { action }),
    ]
}

fn asset() -> impl Strategy<Value = ChangeKind> {
    let event = prop_oneof![
        Just(AssetEvent::Created),
        Just(AssetEvent::Updated),
        Just(AssetEvent::Deleted),
        Just(AssetEvent::Stamped),
        Just(AssetEvent::Forgotten)
    ];
    let member = ("[a-z]{1,30}", "\\PC{0,60}", any::<u128>()).prop_map(|(name, text, hash)| Member {
        name: name.into(),
        text: text.into(),
        hash,
    });
    (0..SLOT_END, id(), event, head(), vec(member, 0..4), vec("[a-z]{1,30}", 0..3), stamp(), origin())
        .prop_map(|(slot, id, event, head, set, removed, stamp, origin)| {
            let removed = removed.into_iter().map(Into::into).collect();
            let slot = Slot(slot);
            ChangeKind::Asset(Box::new(AssetChange { slot, id, event, head, set, removed, stamp, origin }))
        })
}

fn kind() -> impl Strategy<Value = ChangeKind> {
    let price = (0..SLOT_END, id(), any::<bool>(), quote())
        .prop_map(|(slot, id, visible, quote)| PriceChange { slot: Slot(slot), id, visible, quote });
    let record = (0..9usize, vec(any::<u8>(), 0..40), option::of(vec(any::<u8>(), 0..200))).prop_map(
        |(kind, key, value)| RecordChange {
            kind: RecordKind::ALL[kind],
            key: key.into(),
            value: value.map(Vec::into_boxed_slice),
        },
    );
    prop_oneof![
        price.prop_map(ChangeKind::Price),
        asset(),
        record.prop_map(|record| ChangeKind::Record(Box::new(record)))
    ]
}

fn sets() -> impl Strategy<Value = Vec<WriteSet>> {
    let set = (0..3u32, vec(kind(), 0..4))
        .prop_map(|(partner, changes)| WriteSet { partner: PartnerNo(partner), changes });
    vec(set, 0..4)
}

const FIRST: Seq = Seq(41);

fn start(committed_at: i64, bytes_before: u64) -> RecordStart {
    RecordStart { first: FIRST, committed_at: Micros(committed_at), bytes_before }
}

fn read_all(record: &[u8]) -> Result<Vec<(Change, RowPlace)>, LogError> {
    let mut changes = Changes::new(record, FIRST)?;
    let mut all = Vec::new();
    while let Some(change) = changes.read()? {
        all.push(change);
    }
    Ok(all)
}

proptest! {
    #[test]
    fn a_record_gives_back_what_was_put_in(sets in sets(), at in any::<i64>(), before in any::<u64>()) {
        let (mut out, mut places) = (Vec::new(), Vec::new());
        let count = put_record(&mut out, &mut places, start(at, before), &sets).unwrap();
        let head = record_head(&out, FIRST).unwrap();
        prop_assert_eq!(head, RecordHead { committed_at: Micros(at), bytes_before: before, count });
        let sent: Vec<Change> = sets
            .iter()
            .flat_map(|set| set.changes.iter().map(|kind| Change { partner: set.partner, kind: kind.clone() }))
            .collect();
        let read = read_all(&out).unwrap();
        prop_assert_eq!(&read.iter().map(|(change, _)| change.clone()).collect::<Vec<_>>(), &sent);
        for ((change, read_place), place) in read.into_iter().zip(places) {
            match change.kind {
                ChangeKind::Price(price) => {
                    prop_assert_eq!(&read_place, &place);
                    prop_assert_eq!(quotes(&out[place]).unwrap(), vec![price.quote]);
                }
                ChangeKind::Asset(asset) => {
                    prop_assert_eq!(&read_place, &place);
                    prop_assert_eq!(head_row(&out[place]).unwrap(), (asset.id, asset.head));
                }
                ChangeKind::Record(_) => {}
            }
        }
        for skipped in 0..=sent.len() {
            let mut changes = Changes::new(&out, FIRST).unwrap();
            changes.skip(skipped as u64).unwrap();
            let next = changes.read().unwrap().map(|(change, _)| change);
            prop_assert_eq!(next.as_ref(), sent.get(skipped));
        }
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = read_all(&bytes);
        let _ = quotes(&bytes);
        let _ = head_row(&bytes);
        let _ = take_members(&mut Input::new(&bytes));
        let _ = merge_quote_rows(&bytes, &bytes, &mut Vec::new());
    }

    #[test]
    fn no_mutation_of_a_record_makes_reading_panic(
        sets in sets(), flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>()
    ) {
        let (mut out, mut places) = (Vec::new(), Vec::new());
        put_record(&mut out, &mut places, start(0, 0), &sets).unwrap();
        let _ = read_all(&out[..cut.index(out.len())]);
        for (place, value) in flips {
            let place = place.index(out.len());
            out[place] = value;
        }
        let _ = read_all(&out);
        // with a checksum that fits, so that what lies behind it is reached too
        out[0] = 2;
        seal_frame(&mut out, FrameKey::of_record(FIRST.0));
        let _ = read_all(&out);
    }

    #[test]
    fn a_record_of_which_one_bit_is_flipped_is_no_record(
        sets in sets(), bit in any::<prop::sample::Index>()
    ) {
        let (mut out, mut places) = (Vec::new(), Vec::new());
        put_record(&mut out, &mut places, start(0, 0), &sets).unwrap();
        let bit = bit.index(out.len() * 8);
        out[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(read_all(&out).is_err() && record_head(&out, FIRST).is_err());
    }

    #[test]
    fn rows_merge_by_name(olds in vec(quote(), 0..4), new in quote()) {
        let mut expected: Vec<Quote> = Vec::new();
        let (mut row, mut single, mut merged) = (Vec::new(), Vec::new(), Vec::new());
        for quote in olds.into_iter().chain([new]) {
            single.clear();
            put_quote_row(&mut single, &quote);
            merge_quote_rows(&row, &single, &mut merged).unwrap();
            std::mem::swap(&mut row, &mut merged);
            match expected.iter_mut().find(|other| other.name == quote.name) {
                Some(place) => *place = quote,
                None => expected.push(quote),
            }
            prop_assert_eq!(quotes(&row).unwrap(), expected.clone());
        }
    }
}

#[test]
fn a_price_of_a_twenty_byte_id_takes_about_fifty_bytes() {
    let quote = Quote {
        name: QuoteName::PRICE,
        currency: Currency::new("EUR").unwrap(),
        market: Market::Open,
        stamp: Stamp::new(Micros(1_795_000_000_000_000), Lane::Push, 0),
        amount: Some(Decimal::parse("101.25").unwrap()),
        received_at: Micros(1_795_000_001_500_000),
        by_arrival: false,
        extra: None,
        undated: None,
    };
    let id = AssetId::new("ABCDEFGHIJKLMNOPQRST").unwrap();
    let price = PriceChange { slot: Slot(900_000), id, visible: true, quote };
    let sets = [WriteSet { partner: PartnerNo(1), changes: vec![ChangeKind::Price(price); 2] }];
    let (mut out, mut places) = (Vec::new(), Vec::new());
    put_record(&mut out, &mut places, start(0, 0), &sets).unwrap();
    assert!((out.len() - HEAD_LEN - 4) / 2 <= 52, "{} bytes", out.len());
}

#[test]
fn a_slot_beyond_the_bound_is_not_written() {
    let head = AssetHead::unborn();
    let change = AssetChange {
        slot: Slot(SLOT_END),
        id: AssetId::new("a").unwrap(),
        event: AssetEvent::Created,
        head,
        set: Vec::new(),
        removed: Vec::new(),
        stamp: Stamp::NEVER,
        origin: Origin::Admin { action: 1 },
    };
    let sets = [WriteSet { partner: PartnerNo(1), changes: vec![ChangeKind::Asset(Box::new(change))] }];
    let result = put_record(&mut Vec::new(), &mut Vec::new(), start(0, 0), &sets);
    assert_eq!(result, Err(LogError::Bounds("slot")));
}

/// The bytes of a small price are those of the first version; what came later has bytes of its own.
#[test]
fn p4_the_bytes_of_small_and_of_long_amounts_stay_as_they_are() {
    let small = Quote {
        name: QuoteName::PRICE,
        currency: Currency::new("EUR").unwrap(),
        market: Market::Open,
        stamp: Stamp::new(Micros(256), Lane::Price, 7),
        amount: Some(Decimal::parse("101.25").unwrap()),
        received_at: Micros(257),
        by_arrival: false,
        extra: None,
        undated: None,
    };
    let undated = |outlives_after| Undated {
        snapshot: Micros(1),
        first_seen: Micros(2),
        amount: Decimal::parse("0.5").unwrap(),
        currency: Currency::new("EUR").unwrap(),
        outlives_after,
    };
    let with_undated = |limit| Quote { undated: Some(Box::new(undated(limit))), ..small.clone() };
    let tied = QuoteExtra { fed_at: Some(Micros(3)), beaten: vec![0xab], ..QuoteExtra::default() };
    let amount = |text: &str| Some(Decimal::parse(text).unwrap());
    let rest = "45555200010000000000000702"; // EUR, at, sequence, how much later it came
    for (quote, bytes) in [
        (small.clone(), format!("128612{rest}9a9e01")),
        (Quote { amount: amount("1e-30"), ..small.clone() }, format!("1086f2{rest}02")),
        (Quote { amount: amount("1e-31"), ..small.clone() }, format!("1186fa{rest}1f02")),
        (Quote { amount: amount("1e-60"), ..small.clone() }, format!("1186fa{rest}3c02")),
        (Quote { by_arrival: true, ..small.clone() }, format!("1386fa{rest}429a9e01")),
        (
            with_undated(Undated::OUTLIVES_AFTER),
            format!("28a612{rest}9a9e0101000000000000000200000000000000010a03455552"),
        ),
        (with_undated(5), format!("29a612{rest}9a9e0101000000000000000200000000000000410a034555520a")),
        (
            Quote { extra: Some(Box::new(tied)), ..small },
            format!("249612{rest}9a9e0118030000000000000001ab00000000000000"),
        ),
    ] {
        let mut row = Vec::new();
        put_quote_row(&mut row, &quote);
        assert_eq!(hex::encode(&row), bytes);
        assert_eq!(quotes(&row).unwrap(), [quote]);
    }
}

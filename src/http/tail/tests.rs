//! Whatever comes in between, each stream tells what a reading of the log alone would.

use super::block::Renderer;
use super::interest::{Cover, Interest, type_bit};
use super::ring::Look;
use super::seats::{Seat, Tail};
use crate::actors::Registry;
use crate::codec::render::Audience;
use crate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, ChangeKind, Currency, Decimal, Lane, Market, Micros, Origin,
    PartnerNo, PriceChange, Quote, QuoteName, RecordChange, RecordKind, Seq, Slot, Stamp, WriteSet,
};
use crate::store::{Opened, Reader, StoreOptions, Writer, open};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// So few bytes that streams fall out of what is kept all the time.
const RING_BYTES: usize = 6_000;
const PARTNERS: [&str; 3] = ["acme", "bolt", "cray"];

#[derive(Clone, Debug)]
enum Event {
    /// Changes of a partner, by their kinds.
    Commit(u32, Vec<u8>),
    Join(Interest),
    Leave(usize),
    /// The log is read on.
    Advance,
    /// A stream takes what there is for it, at most so many frames; woken, or because its time has come.
    Step(usize, usize, bool),
}

fn interest() -> impl Strategy<Value = Interest> {
    let partners = prop::option::of(prop::collection::btree_set(1..=3u32, 1..3));
    let types = prop_oneof![
        Just(Interest::ALL_TYPES),
        Just(type_bit("price.updated")),
        Just(type_bit("asset.deleted"))
    ];
    let audience = prop_oneof![Just(Audience::Others), Just(Audience::Partner)];
    (partners, types, audience).prop_map(|(partners, types, audience)| {
        let partners = partners.map(|all| all.into_iter().map(PartnerNo).collect());
        Interest { partners, types, audience }
    })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..=3u32, prop::collection::vec(0..6u8, 1..40)).prop_map(|(no, kinds)| Event::Commit(no, kinds)),
        2 => interest().prop_map(Event::Join),
        1 => (0..8usize).prop_map(Event::Leave),
        4 => Just(Event::Advance),
        6 => (0..8usize, 1..4usize, any::<bool>()).prop_map(|(who, frames, due)| Event::Step(who, frames, due)),
    ]
}

fn change(kind: u8, n: u32) -> ChangeKind {
    let (slot, id) = (Slot(n % 7), AssetId::new(&format!("a{}", n % 7)).unwrap());
    let stamp = Stamp::new(Micros(i64::from(n)), Lane::Push, 0);
    if kind < 2 {
        let quote = Quote {
            name: QuoteName::PRICE,
            currency: Currency::new("EUR").unwrap(),
            market: Market::Unsaid,
            stamp,
            amount: Some(Decimal::parse(&n.to_string()).unwrap()),
            received_at: Micros(5),
            by_arrival: false,
            extra: None,
            undated: None,
        };
        return ChangeKind::Price(PriceChange { slot, id, visible: kind == 0, quote });
    }
    if kind == 2 {
        let record = RecordChange { kind: RecordKind::Run, key: Box::new([1]), value: None };
        return ChangeKind::Record(Box::new(record));
    }
    ChangeKind::Asset(Box::new(AssetChange {
        slot,
        id,
        event: if kind == 3 { AssetEvent::Deleted } else { AssetEvent::Updated },
        head: AssetHead { life: stamp, hidden: kind == 5, ..AssetHead::unborn() },
        set: Vec::new(),
        removed: vec!["x".into()],
        stamp,
        origin: Origin::Push { delivery: 0 },
    }))
}

/// A stream: where it began, how far it is, and what it has told.
struct Stream {
    seat: Seat,
    began: Seq,
    at: Seq,
    told: Vec<u8>,
    waits: bool,
}

struct Play {
    writer: Writer,
    reader: Reader,
    registry: Registry,
    tail: Arc<Tail>,
    streams: Vec<Stream>,
    written: u32,
}

impl Play {
    fn new(directory: &TempDir) -> Play {
        let Opened { writer, reader, .. } = open(directory.path(), &StoreOptions::small()).unwrap();
        let registry = Registry::of_names(&PARTNERS, &reader);
        let tail = Tail::with_bytes(reader.clone(), registry.clone(), RING_BYTES);
        Play { writer, reader, registry, tail, streams: Vec::new(), written: 0 }
    }

    fn commit(&mut self, no: u32, kinds: &[u8]) {
        let mut set = WriteSet::new(PartnerNo(no));
        for kind in kinds {
            set.changes.push(change(*kind, self.written));
            self.written += 1;
        }
        self.writer.commit(&mut vec![set], Micros(9)).unwrap();
    }

    fn act(&mut self, event: &Event) {
        match event {
            Event::Commit(no, kinds) => self.commit(*no, kinds),
            Event::Join(interest) => {
                let began = self.reader.durable();
                let seat = self.tail.sit(interest.clone());
                self.streams.push(Stream { seat, began, at: began, told: Vec::new(), waits: false });
            }
            Event::Leave(who) if !self.streams.is_empty() => {
                let left = self.streams.remove(who % self.streams.len());
                self.judge(&left, left.at);
            }
            Event::Step(who, frames, is_due) if !self.streams.is_empty() => {
                let who = who % self.streams.len();
                for _ in 0..*frames {
                    self.step(who, *is_due);
                }
            }
            Event::Leave(_) | Event::Step(..) => {}
            Event::Advance => drop(self.tail.advance()),
        }
    }

    /// A stream that waits looks again only where it has been called, or is due to show that it lives.
    fn step(&mut self, who: usize, is_due: bool) {
        let stream = &mut self.streams[who];
        if stream.waits && !stream.seat.was_called() && !is_due {
            return;
        }
        match stream.seat.look(stream.at) {
            Look::Nothing(passed) => (stream.at, stream.waits) = (passed, true),
            Look::Kept(passed, block) => {
                let (events, _) = block.events(passed, stream.seat.interest(), true).expect("it concerns it");
                stream.told.extend_from_slice(&events);
                (stream.at, stream.waits) = (block.to, false);
            }
            Look::Stored(passed) => {
                assert!(passed < self.reader.durable(), "the store has what the tail has not");
                let (at, told) = self.alone(passed, 10, self.streams[who].seat.interest());
                let stream = &mut self.streams[who];
                stream.told.extend_from_slice(&told);
                (stream.at, stream.waits) = (at, false);
            }
        }
    }

    /// What a reading of the log alone gives.
    fn alone(&self, since: Seq, limit: usize, interest: &Interest) -> (Seq, Vec<u8>) {
        let page = self.reader.changes(since, limit).unwrap();
        let mut cover = Cover::default();
        cover.add(interest);
        let renderer = Renderer { reader: &self.reader, registry: &self.registry, cover: &Arc::new(cover) };
        let blocks = renderer.blocks(since, &page.changes, page.next);
        let events = blocks.iter().filter_map(|block| Some(block.events(since, interest, true)?.0.to_vec()));
        (page.next, events.collect::<Vec<_>>().concat())
    }

    fn judge(&self, stream: &Stream, to: Seq) {
        let (mut at, mut wanted) = (stream.began, Vec::new());
        while at < to {
            let limit = usize::try_from(to.0 - at.0).unwrap();
            let (next, told) = self.alone(at, limit, stream.seat.interest());
            wanted.extend_from_slice(&told);
            at = next;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&stream.told), text(&wanted), "{:?}", stream.seat.interest());
    }

    /// All is read, and all who were called take what there is.
    fn settle(&mut self) {
        while self.tail.read_to() < self.reader.durable() && !self.streams.is_empty() {
            self.tail.advance();
            for who in 0..self.streams.len() {
                self.step(who, false);
            }
        }
        for who in 0..self.streams.len() {
            while !self.streams[who].waits || self.streams[who].seat.is_called() {
                self.step(who, false);
            }
            self.judge(&self.streams[who], self.reader.durable());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn d5_each_stream_tells_what_the_log_alone_tells_whatever_comes_in_between(
        events in prop::collection::vec(event(), 1..80),
    ) {
        let directory = TempDir::new().unwrap();
        let mut play = Play::new(&directory);
        play.commit(1, &[0, 3, 5]);
        events.iter().for_each(|event| play.act(event));
        play.settle();
    }
}

#[test]
fn what_concerns_no_stream_wakes_none_and_is_not_rendered() {
    let directory = TempDir::new().unwrap();
    let mut play = Play::new(&directory);
    let of = |no| Interest {
        partners: Some(vec![PartnerNo(no)]),
        types: Interest::ALL_TYPES,
        audience: Audience::Others,
    };
    for no in [1, 1, 2] {
        play.act(&Event::Join(of(no)));
    }
    for who in 0..3 {
        play.step(who, true);
    }
    play.commit(3, &[0; 30]);
    assert_eq!(play.tail.advance(), 0);
    assert!(play.tail.bytes() < 500, "{} bytes are kept of what nobody shows", play.tail.bytes());
    play.commit(2, &[0, 3]);
    assert_eq!(play.tail.advance(), 1);
    let called: Vec<bool> = play.streams.iter().map(|stream| stream.seat.is_called()).collect();
    assert_eq!(called, [false, false, true]);
    play.settle();
}

#[tokio::test]
async fn the_log_is_read_while_a_stream_is_open_and_not_after() {
    let directory = TempDir::new().unwrap();
    let mut play = Play::new(&directory);
    let all = Interest { partners: None, types: Interest::ALL_TYPES, audience: Audience::Others };
    for _ in 0..2 {
        let began = play.reader.durable();
        let seat = play.tail.join(all.clone());
        assert!(matches!(seat.look(began), Look::Nothing(at) if at == began));
        play.commit(1, &[0]);
        tokio::time::timeout(Duration::from_secs(60), seat.called()).await.expect("it is called");
        assert!(matches!(seat.look(began), Look::Kept(..)));
        drop(seat);
        while play.tail.is_reading() {
            tokio::task::yield_now().await;
        }
    }
}

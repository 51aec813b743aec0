//! Files of a scenario: dated or not, whole or partial, with invalid records, cut off, empty, old,
//! or the same again.

use super::Scenario;
use super::partner::{Dating, Partner, some_amount, some_members};
use crate::oracle::{PriceIn, RecordIn, RunReport, RunStatus, SnapshotIn};
use crate::support::feed_server::Served;
use crate::support::house::wait_for;
use crate::support::random::Random;
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};
use tidegate::codec::time;
use tidegate::domain::Micros;

const MINUTE: i64 = 60 * Micros::SECOND;

/// What a file says beside its records.
struct Manner {
    generated_at: Option<Micros>,
    /// Its time is written so that nobody can read it (T2).
    unreadable: bool,
    complete: bool,
    empty_meant: bool,
}

impl Scenario {
    /// A new file, or none, and a fetch.
    pub(super) async fn publish(&mut self) {
        let number = self.some_partner();
        let Some(feed) = &self.partners[number].feed else { return };
        let dating = feed.dating;
        if feed.published.is_none() || self.random.chance(75) {
            self.new_file(number, dating);
        }
        self.fetch(number).await;
    }

    fn new_file(&mut self, number: usize, dating: Dating) {
        let manner = Manner {
            generated_at: (dating == Dating::Envelope).then(|| self.generated_at(number)),
            unreadable: dating != Dating::Envelope && self.random.chance(10),
            complete: !self.random.chance(15),
            empty_meant: self.random.chance(20),
        };
        let records = match self.random.chance(4) {
            true => Vec::new(),
            false => self.records(number, dating),
        };
        let text = document(&manner, &records);
        let cut = self.random.chance(5).then(|| self.random.below(text.len() - 1));
        let body = text[..cut.unwrap_or(text.len())].to_owned();
        self.log(format!("{} publishes {body}", super::name_of(number)));
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let partner = &mut self.partners[number];
        self.feeds.put(&partner.path(), Served::json(body));
        let allow_empty = manner.empty_meant && records.is_empty();
        let published = SnapshotIn {
            body_hash: hasher.finish(),
            generated_at: manner.generated_at.map(|at| at.0),
            time_unreadable: manner.unreadable,
            complete: manner.complete,
            count: allow_empty.then_some(0),
            allow_empty,
            records: records.into_iter().map(|(record, _)| record).collect(),
            closed: cut.is_none(),
            ..SnapshotIn::default()
        };
        let feed = partner.feed.as_mut().expect("it has one");
        feed.stated = manner.generated_at.map(|at| at.0).or(feed.stated);
        feed.published = Some(published);
    }

    /// Some minutes old; now and then much older, from a cache; now and then it stands still.
    fn generated_at(&mut self, number: usize) -> Micros {
        let stated = self.partners[number].feed.as_ref().and_then(|feed| feed.stated);
        if let Some(stated) = stated.filter(|_| self.random.chance(20)) {
            return Micros(stated);
        }
        let minutes = if self.random.chance(8) { 60 } else { self.random.below(6) as i64 };
        self.times += 1;
        self.now.plus(-minutes * MINUTE - 1_000 + self.times % 1_000)
    }

    fn records(&mut self, number: usize, dating: Dating) -> Vec<(RecordIn, Value)> {
        let lost = if self.random.chance(12) { 60 } else { 7 };
        let ids: Vec<String> = (0..8).map(|n| format!("asset-{n}")).collect();
        let present: Vec<String> = ids.into_iter().filter(|_| !self.random.chance(lost)).collect();
        let mut records: Vec<_> = present.into_iter().map(|id| self.record(number, id, dating)).collect();
        if !records.is_empty() && self.random.chance(10) {
            self.repeat_one(number, &mut records, dating);
        }
        if self.random.chance(4) {
            let unreadable = RecordIn {
                id: None,
                updated_at: None,
                members: Default::default(),
                price: None,
                valid: true,
            };
            records.push((unreadable, json!({ "t": 1 })));
        }
        records
    }

    /// F6: the same again, or another record of the same id; both are valid, as an invalid one beside
    /// a valid one is read in two ways.
    fn repeat_one(&mut self, number: usize, records: &mut Vec<(RecordIn, Value)>, dating: Dating) {
        let first = records[self.random.below(records.len())].clone();
        let id = first.0.id.clone().filter(|_| first.0.valid);
        let Some(id) = id else { return };
        let second = if self.random.chance(50) { first } else { self.record(number, id, dating) };
        if second.0.valid {
            records.push(second);
        }
    }

    fn record(&mut self, number: usize, id: String, dating: Dating) -> (RecordIn, Value) {
        let members = some_members(&mut self.random);
        let mut body = Value::Object(members.clone());
        body["id"] = id.as_str().into();
        let updated_at = (dating == Dating::Records).then(|| self.some_time());
        if let Some(at) = updated_at {
            body["updated_at"] = time::format(at).into();
        }
        let as_of = self.random.chance(40).then(|| self.fed_as_of(number));
        let mut price = self.random.chance(60).then(|| fed_price(&mut self.random, &id, as_of));
        if let Some(price) = price.as_mut().filter(|_| self.random.chance(6)) {
            // F2: nobody sells for nothing
            price.amount = Some("0".into());
        }
        let valid = !self.random.chance(5);
        if let Some(price) = &price {
            body["price"] = json!({ "amount": price.amount, "currency": "EUR" });
            if let Some(as_of) = as_of {
                body["price"]["as_of"] = time::format(as_of).into();
            }
        }
        if !valid {
            body["currency"] = "no code".into();
        }
        let updated_at = updated_at.map(|at| at.0);
        (RecordIn { id: Some(id), updated_at, members: members.into_iter().collect(), price, valid }, body)
    }

    /// As a push's price has it, but never the same twice: whether a record stands whose price conflicts
    /// with another of its lane (P1) is not said.
    fn fed_as_of(&mut self, number: usize) -> Micros {
        let as_of = self.some_as_of(number);
        if self.fed.insert(as_of.0) { as_of } else { self.some_time() }
    }

    async fn fetch(&mut self, number: usize) {
        let name = super::name_of(number);
        let path = self.partners[number].path();
        let asked = || {
            let answered = self.feeds.answered(&path);
            answered.whole + answered.refused
        };
        let before = asked();
        let entry = self.house.daemon().registry().by_name(&name).expect("it is configured");
        wait_for(format!("a fetch of {name}"), async || {
            if asked() == before {
                // dropped while the run before is being closed
                entry.fetch_now();
            }
            (asked() > before).then_some(())
        })
        .await;
        self.await_run(number).await;
    }

    /// Waits for the next run's report, and has the model see the same file.
    pub(super) async fn await_run(&mut self, number: usize) {
        let Partner { name, model, feed, .. } = &mut self.partners[number];
        let Some(feed) = feed else { return };
        feed.runs += 1;
        let report = self.house.run_report(name, feed.runs).await;
        let Some(published) = &feed.published else {
            return assert_eq!(report["status"], "failed", "{report}");
        };
        let now = self.now.0;
        let expected = model.snapshot(now, SnapshotIn { fetch_start: now, ..published.clone() });
        println!("  run of {name}: {}", report["status"]);
        assert_eq!(status(&expected), report["status"], "the model says {expected:?}, the daemon {report}");
        let counts = &report["counts"];
        self.partners[number].plans += u64::from(expected.plan.is_some());
        let ours = ["created", "deleted", "held", "absent_once", "drift"].map(|name| counts[name].as_u64());
        let theirs =
            [expected.created, expected.deleted, expected.held, expected.absent_once, expected.drift];
        let ran = matches!(expected.status, RunStatus::Applied | RunStatus::Unchanged);
        assert!(
            !ran || ours == theirs.map(|count| Some(count as u64)),
            "the model says {expected:?}, the daemon {report}"
        );
        self.assert_followed(number).await;
    }
}

fn fed_price(random: &mut Random, id: &str, as_of: Option<Micros>) -> PriceIn {
    PriceIn {
        id: id.into(),
        quote: "price".into(),
        amount: Some(some_amount(random)),
        currency: Some("EUR".into()),
        as_of: as_of.map(|at| at.0),
        ..PriceIn::default()
    }
}

fn document(manner: &Manner, records: &[(RecordIn, Value)]) -> String {
    let mut document = json!({});
    if let Some(at) = manner.generated_at {
        document["generated_at"] = time::format(at).into();
    }
    if manner.unreadable {
        document["generated_at"] = "yesterday, about noon".into();
    }
    if !manner.complete {
        document["complete"] = false.into();
    }
    if manner.empty_meant && records.is_empty() {
        document["complete"] = manner.complete.into();
        document["count"] = 0.into();
        document["allow_empty"] = true.into();
    }
    document["assets"] = records.iter().map(|(_, body)| body.clone()).collect();
    document.to_string()
}

fn status(report: &RunReport) -> &'static str {
    match report.status {
        RunStatus::Applied => "applied",
        RunStatus::Unchanged => "unchanged",
        RunStatus::SkippedOlder => "skipped_older",
        RunStatus::Refused => "refused",
        RunStatus::Failed => "failed",
    }
}

//! Pushes of a scenario: full and partial writes, deletes, prices, withdrawals, out of their order,
//! some twice, some without a time and some from the future.

use super::partner::{some_amount, some_id, some_members};
use super::{Scenario, compare};
use crate::oracle::{Lane, PriceIn, PushIn, PushKind, Verdict, Visible};
use crate::support::house::{House, json};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tidegate::codec::time;
use tidegate::domain::Micros;

/// One push as it is sent, and as the model hears it.
#[derive(Clone, Debug)]
pub struct Push {
    method: Method,
    path: String,
    body: Option<Value>,
    item: Item,
}

#[derive(Clone, Debug)]
enum Item {
    Asset(PushIn),
    Delete { id: String, at: Option<i64> },
    Price(PriceIn),
}

impl Push {
    pub fn request(&self, house: &House, partner: &str) -> RequestBuilder {
        let request = house.call(partner, self.method.clone(), &self.path);
        match &self.body {
            Some(body) => json(request, body),
            None => request,
        }
    }

    /// To the same place, of the same time; `None` where it has no body.
    pub fn with_another_body(&self) -> Option<Push> {
        let mut other = self.clone();
        let body = other.body.as_mut()?;
        match &mut other.item {
            Item::Asset(push) => {
                body["t"] = 77.into();
                push.members.insert("t".into(), 77.into());
            }
            Item::Price(price) => {
                body[0]["amount"] = "77".into();
                price.amount = Some("77".into());
            }
            Item::Delete { .. } => return None,
        }
        Some(other)
    }

    pub fn at(&self) -> Option<i64> {
        match &self.item {
            Item::Asset(push) => push.at,
            Item::Delete { at, .. } => *at,
            Item::Price(price) => price.as_of,
        }
    }

    fn stream(&self) -> Option<&str> {
        match &self.item {
            Item::Price(price) => price.stream.as_ref().map(|(name, _)| name.as_str()),
            Item::Asset(_) | Item::Delete { .. } => None,
        }
    }
}

impl Scenario {
    pub(super) async fn push(&mut self) {
        let number = self.some_partner();
        let push = match self.partners[number].said.len() {
            said if said > 0 && self.random.chance(15) => {
                let which = self.random.below(said);
                self.partners[number].said[which].clone()
            }
            _ => self.new_push(number),
        };
        if self.buries_the_forgotten(number, &push) {
            return;
        }
        self.log(format!("{} {} {} {:?}", super::name_of(number), push.method, push.path, push.body));
        let reply = self.deliver(number, &push).await;
        self.expect(number, &push, &reply);
        self.assert_followed(number).await;
    }

    /// The model hears the push, and says what the reply says.
    pub(super) fn expect(&mut self, number: usize, push: &Push, reply: &Value) {
        let item = if reply["items"].is_array() { &reply["items"][0] } else { reply };
        let model = &mut self.partners[number].model;
        let expected = hear(model, self.now.0, &push.item);
        assert!(compare::outcomes_agree(&expected, item), "the model says {expected:?}, the daemon {reply}");
        // G1 does not say how old a range is that was opened before our clock went back
        let gaps = model.gaps();
        if let Some(stream) = push.stream().filter(|stream| !gaps.opened_ahead(stream, self.now.0)) {
            let missing = gaps.named(stream, self.now.0);
            let named = if missing.is_empty() { Value::Null } else { json!({ stream: missing }) };
            assert_eq!(reply["missing"], named, "{reply}");
        }
    }

    /// X4 does not say what a delete leaves of an id that is unknown, from before what is remembered.
    fn buries_the_forgotten(&self, number: usize, push: &Push) -> bool {
        let Item::Delete { id, at: Some(at) } = &push.item else { return false };
        let model = &self.partners[number].model;
        model.visible(self.now.0, id) == Visible::Unknown && model.history_floor() >= Some(*at)
    }

    fn new_push(&mut self, number: usize) -> Push {
        let id = some_id(&mut self.random);
        let tied = self.random.chance(8).then(|| self.tied_time(number)).flatten();
        let at = tied.or_else(|| (!self.random.chance(10)).then(|| self.some_time()));
        // T4: beyond five minutes for documents, and so for prices too
        let future = self.random.chance(3).then(|| self.now.plus(301 * Micros::SECOND));
        let at = future.or(at);
        let push = match self.random.below(10) {
            0..=2 => self.write(number, PushKind::Put, id, at),
            3..=5 => self.write(number, PushKind::Post, id, at),
            6 => self.patch(number, id),
            7 => self.delete(number, id, at),
            8 if self.random.chance(20) => self.withdraw(id, at),
            _ if self.partners[number].feed.is_none() && self.random.chance(60) => {
                self.numbered_price(number, id)
            }
            _ => self.price(id, at, tied.is_some()),
        };
        if at.is_some() && future.is_none() {
            self.partners[number].said.push(push.clone());
        }
        push
    }

    /// D3, P1: the time of an earlier push, once: of three different contents at one stamp the rules do
    /// not say which repeats which. Both may come again, and the one that lost has lost.
    fn tied_time(&mut self, number: usize) -> Option<Micros> {
        let said = self.partners[number].said.len();
        if said == 0 {
            return None;
        }
        let other = self.random.below(said);
        let partner = &mut self.partners[number];
        partner.said[other].at().filter(|at| partner.tied.insert(*at)).map(Micros)
    }

    /// Of its own, or that of a price from another lane: stamps differ all the same.
    pub(super) fn some_as_of(&mut self, number: usize) -> Micros {
        let prices = self.partners[number].said.iter().filter(|push| matches!(push.item, Item::Price(_)));
        let given: Vec<i64> = prices.filter_map(Push::at).collect();
        match given.len() {
            known if known > 0 && self.random.chance(15) => Micros(given[self.random.below(known)]),
            _ => self.some_time(),
        }
    }

    fn write(&mut self, number: usize, kind: PushKind, id: String, at: Option<Micros>) -> Push {
        let mut members = some_members(&mut self.random);
        if kind != PushKind::Put && self.random.chance(25) {
            members.insert("u".into(), Value::Null);
        }
        let as_of = self.random.chance(50).then(|| self.some_as_of(number));
        let price = self.random.chance(30).then(|| self.some_price("", as_of));
        let mut body = Value::Object(members.clone());
        body["id"] = id.as_str().into();
        if let Some(at) = at {
            body["updated_at"] = time::format(at).into();
        }
        if let Some(price) = &price {
            body["price"] = price_body(price);
        }
        let (method, path) = match kind {
            PushKind::Put => (Method::PUT, format!("/api/assets/{id}")),
            PushKind::Post => (Method::POST, "/api/assets".to_owned()),
            PushKind::Patch => (Method::PATCH, format!("/api/assets/{id}")),
        };
        let members = members.into_iter().collect();
        let at = at.map(|at| at.0);
        let item = Item::Asset(PushIn { kind, id, at, lane: Lane::Push, sequence: 0, members, price });
        Push { method, path, body: Some(body), item }
    }

    /// Dated, so that what may follow it is known.
    fn patch(&mut self, number: usize, id: String) -> Push {
        let at = self.some_time();
        let newest = self.partners[number].patched.entry(id.clone()).or_default();
        *newest = (*newest).max(at.0);
        self.write(number, PushKind::Patch, id, Some(at))
    }

    fn delete(&mut self, number: usize, id: String, at: Option<Micros>) -> Push {
        let patched = self.partners[number].patched.get(&id).copied();
        let at = at.map(|at| at.0.max(patched.map_or(at.0, |patched| patched + 1)));
        let path = with_time(format!("/api/assets/{id}"), at);
        Push { method: Method::DELETE, path, body: None, item: Item::Delete { id, at } }
    }

    fn withdraw(&mut self, id: String, at: Option<Micros>) -> Push {
        let as_of = at.map(|at| at.0);
        let path = with_time(format!("/api/assets/{id}/price"), as_of);
        let price = PriceIn { id, quote: "price".into(), as_of, ..PriceIn::default() };
        Push { method: Method::DELETE, path, body: None, item: Item::Price(price) }
    }

    fn price(&mut self, id: String, at: Option<Micros>, tied: bool) -> Push {
        let mut price = self.some_price(&id, at);
        if tied && self.random.chance(40) {
            price.sequence = self.random.below(3) as u64;
        }
        priced(price)
    }

    /// G1: mostly the next number, now and then beyond it, or one that was left out.
    fn numbered_price(&mut self, number: usize, id: String) -> Push {
        let at = self.some_time();
        let mut price = self.some_price(&id, Some(at));
        let highest = self.partners[number].numbered;
        let next = match self.random.below(10) {
            0..=1 => highest + 2 + self.random.below(3) as u64,
            2..=4 if highest > 0 => 1 + self.random.below(highest as usize) as u64,
            _ => highest + 1,
        };
        self.partners[number].numbered = highest.max(next);
        price.sequence = next;
        price.stream = Some(("s".into(), next));
        priced(price)
    }

    fn some_price(&mut self, id: &str, as_of: Option<Micros>) -> PriceIn {
        let quote = if self.random.chance(20) { "nav" } else { "price" };
        PriceIn {
            id: id.into(),
            quote: quote.into(),
            amount: Some(some_amount(&mut self.random)),
            currency: self.random.chance(50).then(|| "EUR".into()),
            as_of: as_of.map(|at| at.0),
            closed: self.random.chance(10),
            ..PriceIn::default()
        }
    }
}

fn priced(price: PriceIn) -> Push {
    let mut body = price_body(&price);
    body["id"] = price.id.as_str().into();
    let path = "/api/prices".to_owned();
    Push { method: Method::POST, path, body: Some(json!([body])), item: Item::Price(price) }
}

fn with_time(path: String, at: Option<i64>) -> String {
    match at {
        Some(at) => format!("{path}?at={}", time::format(Micros(at))),
        None => path,
    }
}

fn price_body(price: &PriceIn) -> Value {
    let mut body = json!({ "amount": price.amount, "quote": price.quote });
    if let Some(currency) = &price.currency {
        body["currency"] = currency.as_str().into();
    }
    if let Some(as_of) = price.as_of {
        body["as_of"] = time::format(Micros(as_of)).into();
    }
    if price.sequence > 0 {
        body["sequence"] = price.sequence.into();
    }
    if let Some((stream, _)) = &price.stream {
        body["stream"] = stream.as_str().into();
    }
    if price.closed {
        body["market"] = "closed".into();
    }
    body
}

fn hear(model: &mut crate::oracle::Model, now: i64, item: &Item) -> Verdict {
    match item.clone() {
        Item::Asset(push) => model.push(now, push),
        Item::Delete { id, at } => model.delete(now, &id, at),
        Item::Price(price) => model.price(now, price),
    }
}

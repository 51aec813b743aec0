//! Pushes of a scenario: full and partial writes, deletes, prices, withdrawals, out of their order,
//! some twice, some without a time and some from the future.

use super::partner::{some_amount, some_id, some_members};
use super::{Scenario, compare};
use crate::daemon::{answer, json};
use crate::oracle::{Lane, PriceIn, PushIn, PushKind, Verdict};
use reqwest::Method;
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
        self.log(format!("{} {} {} {:?}", super::name_of(number), push.method, push.path, push.body));
        let request = self.house.call(&super::name_of(number), push.method.clone(), &push.path);
        let request = match &push.body {
            Some(body) => json(request, body),
            None => request,
        };
        let (status, reply) = answer(request).await;
        let reply = if reply["items"].is_array() { &reply["items"][0] } else { &reply };
        let model = &mut self.partners[number].model;
        let expected = hear(model, self.now.0, &push.item);
        let agree = compare::outcomes_agree(&expected, reply);
        assert!(agree, "the model says {expected:?}, the daemon {status} {reply}");
    }

    fn new_push(&mut self, number: usize) -> Push {
        let id = some_id(&mut self.random);
        let at = (!self.random.chance(10)).then(|| self.some_time());
        // T4: beyond five minutes for documents, and so for prices too
        let future = self.random.chance(3).then(|| self.now.plus(301 * Micros::SECOND));
        let at = future.or(at);
        let push = match self.random.below(10) {
            0..=2 => self.write(PushKind::Put, id, at),
            3..=5 => self.write(PushKind::Post, id, at),
            6 => self.patch(number, id),
            7 => self.delete(number, id, at),
            8 if self.random.chance(20) => self.withdraw(id, at),
            _ => self.price(id, at),
        };
        if at.is_some() && future.is_none() {
            self.partners[number].said.push(push.clone());
        }
        push
    }

    fn write(&mut self, kind: PushKind, id: String, at: Option<Micros>) -> Push {
        let mut members = some_members(&mut self.random);
        if kind != PushKind::Put && self.random.chance(25) {
            members.insert("u".into(), Value::Null);
        }
        let as_of = self.random.chance(50).then(|| self.some_time());
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
        self.write(PushKind::Patch, id, Some(at))
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

    fn price(&mut self, id: String, at: Option<Micros>) -> Push {
        let price = self.some_price(&id, at);
        let mut body = price_body(&price);
        body["id"] = id.into();
        let path = "/api/prices".to_owned();
        Push { method: Method::POST, path, body: Some(json!([body])), item: Item::Price(price) }
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

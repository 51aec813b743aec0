//! Documents at random in which a mapping finds something: of few names, with fitting values where the
//! mapping looks, and others now and then.

use super::spec::{Field, NAMES, Path, Place, Spec, Spelling, Time};
use crate::properties::spelling::Spelling as Strings;
use crate::support::random::Random;
use serde_json::{Map, Value, json};

/// A document, as it is written.
pub struct Document {
    pub text: String,
    /// Its values: one, or one of each line.
    pub values: Vec<Value>,
}

/// Makes documents for one mapping.
pub struct Maker<'a> {
    pub random: &'a mut Random,
    pub spec: &'a Spec,
}

/// What a value is wanted for.
#[derive(Clone, Copy)]
enum Use {
    Id,
    Time(Spelling),
    Amount { is_money: bool, comma: bool },
    Exponent,
    Word,
    Currency,
    Name,
    Market,
}

impl Maker<'_> {
    pub fn document(&mut self) -> Document {
        let spec = self.spec;
        let is_lines = spec.lines || (!spec.is_written && self.random.chance(20));
        let values: Vec<Value> = if is_lines {
            let least = if spec.lines { 1 } else { 2 };
            (0..least + self.random.below(3)).map(|_| self.line()).collect()
        } else if !spec.is_written && self.random.chance(20) {
            vec![self.container()]
        } else {
            let mut root = self.build(0);
            self.plant_above(&mut root);
            vec![root]
        };
        let mut strings = Strings::seeded(self.random.next());
        let texts: Vec<_> = values.iter().map(|value| self.written(value, &mut strings)).collect();
        Document { text: texts.join("\n"), values }
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.below(all.len())]
    }

    /// What the steps from this one on lead through.
    fn build(&mut self, from: usize) -> Value {
        if self.random.chance(2) {
            return self.any(0);
        }
        let steps = &self.spec.records;
        match steps.get(from).map(String::as_str) {
            None => self.container(),
            Some("*") => {
                let elements: Vec<_> = (0..self.random.below(4)).map(|_| self.build(from + 1)).collect();
                self.gathered(elements)
            }
            Some(name) => {
                let mut object = self.object(1);
                if self.random.chance(97) {
                    object.insert(name.to_owned(), self.build(from + 1));
                }
                Value::Object(object)
            }
        }
    }

    fn gathered(&mut self, elements: Vec<Value>) -> Value {
        if self.random.chance(60) {
            return Value::Array(elements);
        }
        let named = elements.into_iter().enumerate().map(|(n, element)| (format!("k{n}/{n}"), element));
        Value::Object(named.collect())
    }

    fn container(&mut self) -> Value {
        let records: Vec<_> = (0..self.random.below(4)).map(|_| self.record()).collect();
        match self.spec.by_key {
            false => Value::Array(records),
            true => {
                let keys = records.into_iter().enumerate().map(|(n, record)| (format!("K{n} "), record));
                Value::Object(keys.collect())
            }
        }
    }

    fn record(&mut self) -> Value {
        if self.random.chance(8) {
            return self.any(2);
        }
        let mut record = Value::Object(self.object(2));
        let spec = self.spec;
        let alone = spec.quotes.iter().filter(|quote| quote.each.is_none()).flat_map(uses_of_quote);
        for (field, used) in uses_of_record(spec).into_iter().chain(alone) {
            for place in &field.places {
                if let Place::At(path) = place
                    && self.random.chance(55)
                {
                    let value = self.value(used);
                    self.plant(&mut record, path, value);
                }
            }
        }
        for quote in &self.spec.quotes {
            let Some(each) = &quote.each else { continue };
            let count = self.random.below(4);
            let elements: Vec<_> = (0..count).map(|_| self.element(quote)).collect();
            let list = match elements.len() {
                1 if self.random.chance(50) => elements[0].clone(),
                _ => Value::Array(elements),
            };
            if self.random.chance(80) {
                self.plant(&mut record, each, list);
            }
        }
        record
    }

    /// A record that is an object, as lines are.
    fn line(&mut self) -> Value {
        loop {
            let record = self.record();
            if record.is_object() {
                return record;
            }
        }
    }

    fn element(&mut self, quote: &super::spec::Quote) -> Value {
        if self.random.chance(10) {
            return self.any(1);
        }
        let mut element = Value::Object(if self.random.chance(20) { self.object(1) } else { Map::new() });
        for (field, used) in uses_of_quote(quote) {
            for place in &field.places {
                if let Place::At(path) = place
                    && self.random.chance(70)
                {
                    let value = self.value(used);
                    self.plant(&mut element, path, value);
                }
            }
        }
        element
    }

    fn value(&mut self, used: Use) -> Value {
        if self.random.chance(12) {
            return self.any(1);
        }
        match used {
            Use::Id => self.of_values(&[
                json!("A1"),
                json!("a1"),
                json!(" b2 "),
                json!(7),
                json!("x/y"),
                json!("null"),
            ]),
            Use::Time(spelling) => self.time(spelling),
            Use::Amount { is_money, comma } => self.amount(is_money, comma),
            Use::Exponent => {
                self.of_values(&[json!(-2), json!("-8"), json!(0), json!(3), json!(0.5), json!("x")])
            }
            Use::Word => self.of_values(&[
                json!("on"),
                json!("off"),
                json!("active"),
                json!("inactive"),
                json!(1),
                json!(true),
                json!("A1"),
                json!(" On "),
                json!("-"),
                json!(""),
                json!(0),
                json!(0.0),
            ]),
            Use::Currency => self.of_values(&[
                json!("EUR"),
                json!("USD"),
                json!("usd"),
                json!(" RUB "),
                json!("XQQ"),
                json!("DEM"),
            ]),
            Use::Name => {
                self.of_values(&[json!("nav"), json!("price"), json!("bid"), json!("Net Value"), json!("")])
            }
            Use::Market => self.of_values(&[json!("open"), json!("closed"), json!("OPEN"), json!("shut")]),
        }
    }

    fn of_values(&mut self, values: &[Value]) -> Value {
        values[self.random.below(values.len())].clone()
    }

    fn time(&mut self, spelling: Spelling) -> Value {
        let seconds = 1_700_000_000 + self.random.below(100_000_000) as i64;
        let at = jiff::Timestamp::from_second(seconds).expect("a time of our days");
        let zoned = at.to_zoned(jiff::tz::TimeZone::UTC);
        let text = |pattern: &str| json!(zoned.strftime(pattern).to_string());
        match spelling {
            Spelling::Rfc3339 => match self.random.below(9) {
                0 => text("%Y-%m-%dT%H:%M:%S"),
                1 => text("%Y-%m-%d %H:%M:%S"),
                2 => text("%Y-%m-%d"),
                3 => text("%Y-%m-%dT%H:%M:%S+0200"),
                4 => text("%Y-%m-%d %H:%M:%S.25-03:30"),
                5 => {
                    json!({"date": zoned.strftime("%Y-%m-%d %H:%M:%S.500000").to_string(), "timezone_type": 3, "timezone": "Europe/Berlin"})
                }
                6 => json!("2026-03-29T02:30:00"),
                7 => json!("2026-10-25T02:30:00"),
                _ => text("%Y-%m-%dT%H:%M:%SZ"),
            },
            Spelling::Seconds => {
                self.of_values(&[json!(seconds), json!(seconds.to_string()), json!(seconds as f64 + 0.25)])
            }
            Spelling::Millis => {
                self.of_values(&[json!(seconds * 1_000 + 7), json!((seconds * 1_000).to_string())])
            }
            Spelling::Micros => json!(seconds * 1_000_000 + 7),
            Spelling::Pattern => text("%d.%m.%Y %H:%M"),
        }
    }

    fn amount(&mut self, is_money: bool, comma: bool) -> Value {
        let digits = self.of(&[
            "15.00",
            "19.99",
            "1999",
            "0.000125",
            "12345678901234567890.5",
            "0",
            "-3",
            "1e3",
            "2.5E-4",
        ]);
        let digits =
            if comma && self.random.chance(60) { digits.replace('.', ",") } else { digits.to_owned() };
        if !is_money || self.random.chance(15) {
            return match digits.parse::<f64>() {
                Ok(number) if digits.len() < 12 && self.random.chance(50) => json!(number),
                _ => json!(digits),
            };
        }
        let code = self.of(&["USD", "eur", "XQQ", "\u{20ac}", ""]);
        json!(match self.random.below(4) {
            0 => format!("{code} {digits}"),
            1 => format!("{digits}{code}"),
            2 => format!(" {digits}\u{a0}{code} "),
            _ => format!("{digits} {code}"),
        })
    }

    fn any(&mut self, depth: usize) -> Value {
        match self.random.below(if depth == 0 { 8 } else { 11 }) {
            0 => Value::Null,
            1 => json!(self.random.chance(50)),
            2 => json!(self.random.below(3)),
            3 => json!(self.of(&[0.0, 1.5, -2.25, 1e21])),
            4 => json!([]),
            5 => json!({}),
            6 => json!(self.of(&["on", "", "x", "EUR", "A\u{1f600}\"\\/\n", "2026-05-01T00:00:00Z"])),
            7 => json!("A1"),
            8 => Value::Array((0..self.random.below(3)).map(|_| self.any(depth - 1)).collect()),
            _ => Value::Object(self.object(depth - 1)),
        }
    }

    fn object(&mut self, depth: usize) -> Map<String, Value> {
        let mut object = Map::new();
        for _ in 0..self.random.below(5) {
            object.insert(self.of(&NAMES).to_owned(), self.any(depth));
        }
        object
    }

    /// Puts a value at a path, making what is missing on the way.
    fn plant(&mut self, within: &mut Value, path: &[String], value: Value) {
        let Some((first, rest)) = path.split_first() else {
            if self.random.chance(20) {
                *within = value;
            }
            return;
        };
        if !(within.is_object() || within.is_array()) || self.random.chance(5) {
            let is_index = first.starts_with('-') || first.parse::<usize>().is_ok();
            *within = if is_index && self.random.chance(80) { json!([null, null]) } else { json!({}) };
        }
        let next = match within {
            Value::Object(object) => Some(object.entry(first.clone()).or_insert(Value::Null)),
            Value::Array(list) => super::plain::index(first, list.len()).map(|place| &mut list[place]),
            _ => None,
        };
        match next {
            Some(next) if rest.is_empty() => *next = value,
            Some(next) => self.plant(next, rest, value),
            None => {}
        }
    }

    /// What the document and the elements on the way say.
    fn plant_above(&mut self, root: &mut Value) {
        let spec = self.spec;
        let above = self.wanted_above();
        self.plant_levels(root, 0, 0, &above);
        if spec.records.first().is_none_or(|step| step == "*") || !root.is_object() {
            return;
        }
        if let Some(time) = &spec.generated_at {
            for place in &time.field.places {
                if let Place::At(path) = place
                    && self.random.chance(70)
                {
                    let value = self.value(Use::Time(time.spelling));
                    self.plant(root, path, value);
                }
            }
        }
        if let Some(count) = &spec.count
            && self.random.chance(30)
        {
            let records = super::plain::records(root, spec).map_or(0, |found| found.records.len());
            let value = match self.random.below(10) {
                0 => json!(records + 1),
                1 => json!("many"),
                2..5 => json!(records.to_string()),
                _ => json!(records),
            };
            self.plant(root, count, value);
        }
        for name in ["complete", "allow_empty"] {
            if let Value::Object(object) = root
                && self.random.chance(10)
            {
                object.insert(name.to_owned(), self.any(0));
            }
        }
    }

    fn plant_levels(&mut self, value: &mut Value, from: usize, level: usize, above: &[(usize, Path, Use)]) {
        let stars = self.spec.depth();
        for (up, path, used) in above {
            if *up == stars + 1 - level && value.is_object() && self.random.chance(70) {
                let planted = self.value(*used);
                self.plant(value, path, planted);
            }
        }
        // to the elements of the next star
        let steps = &self.spec.records;
        let Some(star) = (from..steps.len()).find(|&step| steps[step] == "*") else { return };
        let mut container = Some(value);
        for step in &steps[from..star] {
            container = container.and_then(|value| super::plain::step_mut(value, step));
        }
        match container {
            Some(Value::Array(list)) => {
                list.iter_mut().for_each(|element| self.plant_levels(element, star + 1, level + 1, above))
            }
            Some(Value::Object(named)) => {
                named.values_mut().for_each(|element| self.plant_levels(element, star + 1, level + 1, above))
            }
            _ => {}
        }
    }

    fn wanted_above(&self) -> Vec<(usize, Path, Use)> {
        let of_place = |place: &Place, used| match place {
            Place::Above(up, path) => Some((*up, path.clone(), used)),
            _ => None,
        };
        let quotes = self.spec.quotes.iter().flat_map(uses_of_quote);
        let all = uses_of_record(self.spec).into_iter().chain(quotes);
        all.flat_map(|(field, used)| field.places.iter().filter_map(move |place| of_place(place, used)))
            .collect()
    }

    fn written(&mut self, value: &Value, strings: &mut Strings) -> String {
        let mut blank = || if self.random.chance(10) { " \n" } else { "" };
        match value {
            Value::String(text) => strings.text(text),
            Value::Array(list) => {
                let (before, behind) = (blank(), blank());
                let list: Vec<_> = list.iter().map(|value| self.written(value, strings)).collect();
                format!("[{before}{}{behind}]", list.join(","))
            }
            Value::Object(object) => {
                let (before, behind) = (blank(), blank());
                let members: Vec<_> = object
                    .iter()
                    .map(|(name, value)| {
                        format!("{}{before}:{behind}{}", strings.text(name), self.written(value, strings))
                    })
                    .collect();
                format!("{{{behind}{}{before}}}", members.join(","))
            }
            plain => plain.to_string(),
        }
    }
}

fn uses_of_record(spec: &Spec) -> Vec<(&Field, Use)> {
    let ids = spec.id.iter().map(|field| (field, Use::Id));
    let times = spec.updated_at.iter().map(of_time);
    let members = spec
        .members
        .iter()
        .map(|(name, field)| (field, if *name == "currency" { Use::Currency } else { Use::Word }));
    ids.chain(times).chain(members).collect()
}

fn of_time(time: &Time) -> (&Field, Use) {
    (&time.field, Use::Time(time.spelling))
}

fn uses_of_quote(quote: &super::spec::Quote) -> Vec<(&Field, Use)> {
    let amount = &quote.amount;
    let used = Use::Amount { is_money: amount.is_money, comma: amount.decimal_comma };
    let mut uses = vec![(&amount.field, used)];
    uses.extend(amount.exponent.iter().map(|field| (field, Use::Exponent)));
    uses.extend(quote.currency.iter().map(|field| (field, Use::Currency)));
    uses.extend(quote.as_of.iter().map(of_time));
    uses.extend(quote.market.iter().map(|field| (field, Use::Market)));
    uses.extend([&quote.name, &quote.per, &quote.kind].into_iter().flatten().map(|field| (field, Use::Name)));
    uses
}

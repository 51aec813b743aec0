//! Mappings at random, as the language has them, each with the text of TOML that says it.

use super::spec::{Amount, Field, NAMES, Path, Place, Quote, Spec, Spelling, Time};
use super::written;
use crate::support::random::Random;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Chooses a mapping, writing down its text as it goes.
pub struct Chooser<'r> {
    pub random: &'r mut Random,
    reading: (Spelling, Option<&'static str>),
    /// Levels above a record from which something can be read, with the name on the way to the records.
    above: Vec<(usize, String)>,
    stars: usize,
    by_key: bool,
}

impl<'r> Chooser<'r> {
    pub fn new(random: &'r mut Random) -> Chooser<'r> {
        Chooser { random, reading: (Spelling::Rfc3339, None), above: Vec::new(), stars: 0, by_key: false }
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.below(all.len())]
    }

    pub fn spec(mut self) -> Spec {
        let mut toml = String::new();
        self.reading = self.default_reading(&mut toml);
        let (records, is_written, lines) = self.records(&mut toml);
        let (id, join) = self.id(&mut toml);
        let updated_at = self.updated_at(&mut toml);
        let members = self.members(&mut toml);
        let (keep, drop) = self.rules(&mut toml);
        let generated_at = self.generated_at(&records, &mut toml);
        let count = self.count(&records, &mut toml);
        // sections come behind all plain keys
        let constants = self.constants(&mut toml);
        let quotes = self.quotes(&mut toml);
        let by_key = self.by_key;
        Spec {
            records,
            is_written,
            by_key,
            lines,
            id,
            join,
            updated_at,
            members,
            keep,
            drop,
            constants,
            quotes,
            generated_at,
            count,
            toml,
        }
    }

    fn own_time(&self, name: &str) -> Option<Time> {
        Some(Time { field: at(&[name]), spelling: self.reading.0, zone: self.reading.1 })
    }

    fn updated_at(&mut self, toml: &mut String) -> Option<Time> {
        match self.random.below(4) {
            0 => {
                toml.push_str("updated_at = false\n");
                None
            }
            1 | 2 => Some(self.time("updated_at", toml)),
            _ => self.own_time("updated_at"),
        }
    }

    fn members(&mut self, toml: &mut String) -> BTreeMap<&'static str, Field> {
        let mut members = BTreeMap::new();
        for name in ["name", "class", "status", "legal_status", "currency"] {
            if self.random.chance(25) {
                let field = self.member(name);
                toml.push_str(&format!("{name} = {}\n", written::field(&field)));
                members.insert(name, field);
            }
        }
        members
    }

    fn count(&mut self, records: &Path, toml: &mut String) -> Option<Path> {
        match self.random.below(4) {
            0 => {
                toml.push_str("count = false\n");
                None
            }
            1 if self.above_document(records) => {
                let path = self.path_beside(&records[0], 2);
                toml.push_str(&format!("count = {}\n", written::pointer(&path)));
                Some(path)
            }
            _ => Some(vec!["count".to_owned()]),
        }
    }

    fn default_reading(&mut self, toml: &mut String) -> (Spelling, Option<&'static str>) {
        let spelling = if self.random.chance(60) { Spelling::Rfc3339 } else { self.spelling() };
        let zone = self.random.chance(40).then_some("Europe/Berlin");
        if spelling != Spelling::Rfc3339 {
            toml.push_str(&format!("time_format = {}\n", written::spelling(spelling)));
        }
        if let Some(zone) = zone {
            toml.push_str(&format!("time_zone = \"{zone}\"\n"));
        }
        (spelling, zone)
    }

    fn spelling(&mut self) -> Spelling {
        self.of(&[
            Spelling::Rfc3339,
            Spelling::Seconds,
            Spelling::Millis,
            Spelling::Micros,
            Spelling::Pattern,
        ])
    }

    fn records(&mut self, toml: &mut String) -> (Path, bool, bool) {
        let mut steps: Path = Vec::new();
        match self.random.below(10) {
            0 | 1 => return (vec!["assets".to_owned()], false, false),
            2 => {
                toml.push_str("records = { lines = true }\n");
                return (Vec::new(), true, true);
            }
            _ => {}
        }
        for _ in 0..self.random.below(5) {
            let is_star = self.random.chance(40);
            steps.push(if is_star { "*".to_owned() } else { self.of(&NAMES).to_owned() });
        }
        self.by_key = self.random.chance(30);
        self.stars = steps.iter().filter(|step| *step == "*").count();
        // up = 1 is the last star's element, and the level above the first one's the document
        let begins = std::iter::once(0).chain((0..steps.len()).filter(|&n| steps[n] == "*").map(|n| n + 1));
        let next = begins.enumerate().map(|(level, begin)| (level, steps.get(begin)));
        let named = next.filter_map(|(level, step)| Some((level, step.filter(|step| *step != "*")?.clone())));
        self.above = named.map(|(level, step)| (self.stars + 1 - level, step)).collect();
        toml.push_str(&match self.by_key {
            true => format!("records = {{ at = {}, by_key = true }}\n", written::pointer(&steps)),
            false => format!("records = {}\n", written::pointer(&steps)),
        });
        (steps, true, false)
    }

    fn path(&mut self, longest: usize) -> Path {
        let parts = 1 + self.random.below(longest);
        let mut path: Path = (0..parts).map(|_| self.of(&NAMES).to_owned()).collect();
        for part in path.iter_mut().skip(1) {
            if self.random.chance(15) {
                *part = self.of(&["-1", "1", "-2"]).to_owned();
            }
        }
        path
    }

    /// A path whose beginning leads away from the records, and has nothing that only a whole array shows.
    fn path_beside(&mut self, name: &str, longest: usize) -> Path {
        loop {
            let path = self.path(longest);
            if path[0] != name && !path.iter().any(|part| part.starts_with('-')) {
                return path;
            }
        }
    }

    fn above_document(&self, records: &Path) -> bool {
        records.first().is_some_and(|step| step != "*")
    }

    fn place(&mut self) -> Place {
        match self.random.below(12) {
            0 if self.by_key => Place::Key,
            1 | 2 if !self.above.is_empty() => {
                let (up, next) = self.above[self.random.below(self.above.len())].clone();
                Place::Above(up, self.path_beside(&next, 2))
            }
            3 if self.stars > 0 => Place::KeyAbove(1 + self.random.below(self.stars)),
            4 => Place::Constant(self.of(&["active", "EUR", "nav", "x"])),
            5 => Place::At(Vec::new()),
            _ => Place::At(self.path(2)),
        }
    }

    /// Places, letters and blanks; no words.
    fn field(&mut self) -> Field {
        let several = if self.random.chance(25) { 2 + self.random.below(2) } else { 1 };
        let mut field = Field { places: (0..several).map(|_| self.place()).collect(), ..Field::default() };
        if self.random.chance(15) && matches!(&field.places[0], Place::At(path) if !path.is_empty()) {
            // an object and what it holds
            let Place::At(path) = field.places[0].clone() else { return field };
            let inner = path.into_iter().chain([self.of(&NAMES).to_owned()]).collect();
            field.places.insert(1, Place::At(inner));
        }
        if self.random.chance(20) {
            field.none = vec![self.of(&["", "0", "-", "off", "1"])];
        }
        field.trim = self.random.chance(15);
        match self.random.below(8) {
            0 => field.lower = true,
            1 => field.upper = true,
            _ => {}
        }
        field
    }

    fn with_words(&mut self, field: Field, ours: &[&'static str], may_keep: bool) -> Field {
        let mut field = field;
        if self.random.chance(50) {
            return field;
        }
        for theirs in ["on", "off", "1", "true", "A1"] {
            if self.random.chance(50) {
                field.words.insert(theirs, self.of(ours));
            }
        }
        match self.random.below(3) {
            0 => field.star = Some(self.of(ours)),
            1 if may_keep => field.keeps = true,
            _ => {}
        }
        field
    }

    fn member(&mut self, name: &str) -> Field {
        let ours: &[&'static str] = match name {
            "status" => &["active", "inactive", "odd"],
            "currency" => &["EUR", "USD", "XQQ"],
            _ => &["nav", "x"],
        };
        let field = self.field();
        self.with_words(field, ours, true)
    }

    fn id(&mut self, toml: &mut String) -> (Vec<Field>, &'static str) {
        let own = Field {
            places: vec![if self.by_key { Place::Key } else { Place::At(vec!["id".into()]) }],
            ..Field::default()
        };
        let is_sound = |field: &Field| field.places.iter().any(|place| !matches!(place, Place::Constant(_)));
        match self.random.below(5) {
            0 | 1 => (vec![own], ""),
            2 => {
                let parts: Vec<_> =
                    std::iter::once(own).chain((0..1 + self.random.below(2)).map(|_| self.field())).collect();
                let join = self.of(&["", ":", "/"]);
                let texts: Vec<_> = parts.iter().map(written::field).collect();
                toml.push_str(&format!("id = {{ of = [{}], join = \"{join}\" }}\n", texts.join(", ")));
                (parts, join)
            }
            _ => {
                let field = self.field();
                let mut field = self.with_words(field, &["x", "y"], false);
                if !is_sound(&field) || self.random.chance(50) {
                    field.places.insert(0, own.places[0].clone());
                }
                toml.push_str(&format!("id = {}\n", written::field(&field)));
                (vec![field], "")
            }
        }
    }

    fn time(&mut self, key: &str, toml: &mut String) -> Time {
        let field = self.field();
        let time = self.time_of(field);
        toml.push_str(&format!("{key} = {}\n", written::time(&time)));
        time
    }

    fn time_of(&mut self, field: Field) -> Time {
        let (mut spelling, mut zone) = self.reading;
        if self.random.chance(30) {
            (spelling, zone) =
                (self.spelling(), zone.or(self.random.chance(50).then_some("America/New_York")));
        }
        let field = self.with_words(field, &["2026-05-01T00:00:00Z", "1777593600"], false);
        Time { field, spelling, zone }
    }

    fn generated_at(&mut self, records: &Path, toml: &mut String) -> Option<Time> {
        match self.random.below(4) {
            0 => {
                toml.push_str("generated_at = false\n");
                None
            }
            1 | 2 if self.above_document(records) => {
                let place = Place::At(self.path_beside(&records[0], 1));
                let mut field = Field { places: vec![place], ..self.field() };
                if self.random.chance(40) {
                    field.places.push(Place::At(self.path_beside(&records[0], 2)));
                }
                let time = self.time_of(field);
                toml.push_str(&format!("generated_at = {}\n", written::time(&time)));
                Some(time)
            }
            _ => self.own_time("generated_at"),
        }
    }

    fn rules(&mut self, toml: &mut String) -> (Option<BTreeSet<&'static str>>, BTreeSet<&'static str>) {
        let mut names: BTreeSet<&'static str> = BTreeSet::new();
        for _ in 0..self.random.below(6) {
            names.insert(self.of(&NAMES));
        }
        match self.random.below(4) {
            0 => {
                toml.push_str(&format!("keep = {}\n", json!(names)));
                (Some(names), BTreeSet::new())
            }
            1 => {
                toml.push_str(&format!("drop = {}\n", json!(names)));
                (None, names)
            }
            _ => (None, BTreeSet::new()),
        }
    }

    fn constants(&mut self, toml: &mut String) -> BTreeMap<&'static str, Value> {
        let mut constants = BTreeMap::new();
        if self.random.chance(20) {
            toml.push_str("[feed.mapping.constants]\n");
            for (name, value) in
                [("chain", json!("main")), ("a", json!([1, true])), ("class", json!("nav")), ("n", json!(7))]
            {
                if self.random.chance(50) {
                    toml.push_str(&format!("{name} = {value}\n"));
                    constants.insert(name, value);
                }
            }
        }
        constants
    }

    fn quotes(&mut self, toml: &mut String) -> Vec<Quote> {
        let mut quotes = Vec::new();
        let which = self.random.below(4);
        if which == 1 || which == 3 {
            toml.push_str("[feed.mapping.price]\n");
            quotes.push(self.price(toml));
        }
        if which >= 2 {
            for _ in 0..1 + self.random.below(3) {
                toml.push_str("[[feed.mapping.quotes]]\n");
                quotes.push(self.quote(toml));
            }
        }
        if quotes.is_empty() {
            let time = Time { field: at(&["as_of"]), spelling: self.reading.0, zone: self.reading.1 };
            return vec![Quote {
                each: Some(vec!["price".to_owned()]),
                name: Some(at(&["quote"])),
                amount: plain_amount(at(&["amount"])),
                currency: Some(at(&["currency"])),
                as_of: Some(time),
                market: Some(at(&["market"])),
                per: Some(at(&["per"])),
                kind: Some(at(&["kind"])),
                is_own: true,
            }];
        }
        quotes
    }

    fn price(&mut self, toml: &mut String) -> Quote {
        let inside = |name: &str| Some(at(&["price", name]));
        let amount = self.random.chance(70).then(|| self.amount(toml));
        let is_ours = amount.is_none();
        let is_money = amount.as_ref().is_some_and(|amount| amount.is_money);
        let own = |name| inside(name).filter(|_| is_ours);
        let as_of = Time { field: at(&["price", "as_of"]), spelling: self.reading.0, zone: self.reading.1 };
        Quote {
            each: None,
            name: self.optional("quote", toml).or_else(|| own("quote")),
            currency: self.optional("currency", toml).or_else(|| inside("currency").filter(|_| !is_money)),
            as_of: Some(if self.random.chance(50) { self.time("as_of", toml) } else { as_of }),
            market: self.optional("market", toml).or_else(|| own("market")),
            per: self.optional("per", toml).or_else(|| own("per")),
            kind: self.optional("kind", toml).or_else(|| own("kind")),
            amount: amount.unwrap_or_else(|| plain_amount(at(&["price", "amount"]))),
            is_own: false,
        }
    }

    fn quote(&mut self, toml: &mut String) -> Quote {
        let each = self.random.chance(50).then(|| self.path(2));
        if let Some(each) = &each {
            toml.push_str(&format!("each = {}\n", written::pointer(each)));
        }
        let name = match self.random.chance(60) {
            true => Field {
                places: vec![Place::Constant(self.of(&["nav", "bid", "ask", "price", "low", "high"]))],
                ..Field::default()
            },
            false => self.field(),
        };
        toml.push_str(&format!("name = {}\n", written::field(&name)));
        Quote {
            each,
            name: Some(name),
            amount: self.amount(toml),
            currency: self.optional("currency", toml),
            as_of: self.random.chance(50).then(|| self.time("as_of", toml)),
            market: self.optional("market", toml),
            per: self.optional("per", toml),
            kind: self.optional("kind", toml),
            is_own: false,
        }
    }

    fn optional(&mut self, key: &str, toml: &mut String) -> Option<Field> {
        if self.random.chance(65) {
            return None;
        }
        let field = self.field();
        let ours: &[&'static str] = match key {
            "currency" => &["EUR", "USD"],
            "market" => &["open", "closed"],
            _ => &["nav", "kg"],
        };
        let field = self.with_words(field, ours, false);
        toml.push_str(&format!("{key} = {}\n", written::field(&field)));
        Some(field)
    }

    fn amount(&mut self, toml: &mut String) -> Amount {
        let mut amount = plain_amount(self.field());
        let mut more = String::new();
        if self.random.chance(30) {
            amount.scale = self.of(&[-2, -6, 3]);
            more.push_str(&format!("scale = {}, ", amount.scale));
        }
        if self.random.chance(20) {
            let exponent = self.field();
            more.push_str(&format!("exponent = {}, ", written::field(&exponent)));
            amount.exponent = Some(exponent);
        }
        if self.random.chance(20) {
            amount.decimal_comma = true;
            more.push_str("decimal = \",\", ");
        }
        if self.random.chance(25) {
            amount.is_money = true;
            amount.field.places.retain(|place| matches!(place, Place::At(_)));
            if amount.field.places.is_empty() {
                amount.field.places.push(Place::At(vec!["price".to_owned()]));
            }
        }
        toml.push_str(&format!(
            "amount = {}\n",
            written::table(&amount.field, &more, if amount.is_money { "money" } else { "first" })
        ));
        amount
    }
}

fn at(names: &[&str]) -> Field {
    let path = names.iter().map(|&name| name.to_owned()).collect();
    Field { places: vec![Place::At(path)], ..Field::default() }
}

fn plain_amount(field: Field) -> Amount {
    Amount { field, scale: 0, exponent: None, is_money: false, decimal_comma: false }
}

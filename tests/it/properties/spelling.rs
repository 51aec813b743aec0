//! JSON as different programs write it: a string is spelt with escapes at random, in names and values
//! alike, and every spelling is one content.

use crate::support::random::Random;
use tidegate::codec::mapping::{self, Around};
use tidegate::codec::request::{self, BodyLimits, Decoded};
use tidegate::domain::{AssetWrite, Mapping, Verb, Write};
use tidegate::rules::policy::Policy;

/// Chooses a spelling for each occurrence of a string by itself, in whatever order they come.
#[derive(Clone, Debug, Default)]
pub struct Spelling(Random);

impl Spelling {
    pub fn seeded(seed: u64) -> Spelling {
        Spelling(Random(seed))
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.0.below(n) == 0
    }

    /// A JSON string of this text.
    pub fn text(&mut self, text: &str) -> String {
        let mut spelt = String::from("\"");
        for char in text.chars() {
            match char {
                _ if self.one_in(5) => {
                    let mut units = [0; 2];
                    for unit in char.encode_utf16(&mut units) {
                        let digits = format!("{unit:04x}");
                        let digits = if self.one_in(2) { digits.to_uppercase() } else { digits };
                        spelt.push_str("\\u");
                        spelt.push_str(&digits);
                    }
                }
                '/' if self.one_in(2) => spelt.push_str("\\/"),
                '"' | '\\' => spelt.extend(['\\', char]),
                '\n' => spelt.push_str("\\n"),
                _ => spelt.push(char),
            }
        }
        spelt.push('"');
        spelt
    }

    /// `"name":value`, the value as it is given.
    pub fn member(&mut self, name: &str, value: &str) -> String {
        format!("{}:{value}", self.text(name))
    }

    pub fn object(&mut self, members: &[(&str, String)]) -> String {
        let members: Vec<String> = members.iter().map(|(name, value)| self.member(name, value)).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// The one write of a body, as a push's is read.
pub fn read_asset(body: &str, verb: Verb, policy: &Policy) -> Write {
    one(request::assets(body.as_bytes(), false, verb, None, policy, &LIMITS).expect("a body"))
}

pub fn read_price(body: &str, policy: &Policy) -> Write {
    one(request::prices(body.as_bytes(), false, policy, &LIMITS).expect("a body"))
}

const LIMITS: BodyLimits = BodyLimits { items_max: 1 };

fn one(decoded: Decoded) -> Write {
    decoded.writes.into_iter().next().expect("one item").expect("it can be read")
}

/// A record of a feed, as it is read through the default mapping.
pub fn read_record(text: &str, policy: &Policy) -> AssetWrite {
    mapping::decode(text, Around::default(), &Mapping::default(), policy).expect("a record").write
}

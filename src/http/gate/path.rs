//! Paths and queries as they stand on the wire: split first, decoded after, so that an id may hold
//! a `/`, a `&` or a `%`.

use crate::domain::AssetId;
use crate::http::reply::Fault;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Decodes `%XX`; `None` where an escape is broken or the bytes are no UTF-8.
pub fn decode(text: &str) -> Option<Cow<'_, str>> {
    let is_whole =
        |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    // The decoder passes a broken escape through as text: one id could then be spelled in two ways.
    if !text.split('%').skip(1).all(is_whole) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok()
}

/// The id in a path's segment; `~` stands for `?id=`, for those behind a proxy that decodes `%2F`.
pub fn asset_id<'a>(segment: &'a str, query: &Query<'a>) -> Result<AssetId, Fault> {
    AssetId::named(&id_text(segment, query)?).map_err(Fault::BadId)
}

/// The same of an asset that is stored, whatever its id is.
pub fn stored_id<'a>(segment: &'a str, query: &Query<'a>) -> Result<AssetId, Fault> {
    AssetId::new(&id_text(segment, query)?).map_err(Fault::BadId)
}

fn id_text<'a>(segment: &'a str, query: &Query<'a>) -> Result<Cow<'a, str>, Fault> {
    match segment {
        "~" => query.one("id")?.ok_or(Fault::query("id", "is needed where the path says ~")),
        // it would be one of two assets, and a caller who gives both means something by it
        _ if query.all("id").next().is_some() => {
            Err(Fault::query("id", "is for a path that says ~; this one names its asset"))
        }
        _ => decode(segment).ok_or(Fault::BadPath),
    }
}

/// The parameters of a query in their order, decoded.
#[derive(Debug, Default)]
pub struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// A page of 500 ids fits, and little more.
    const PARAMETERS_MAX: usize = 512;

    /// Splits, then decodes. Errs at a broken escape, at bytes that are no UTF-8, and beyond 512
    /// parameters.
    pub fn parse(text: Option<&'a str>) -> Result<Query<'a>, Fault> {
        let mut parameters = Vec::new();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            if parameters.len() == Self::PARAMETERS_MAX {
                return Err(Fault::query("", "has too many parameters"));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = form_decode(name).ok_or(Fault::query("", "is not well-formed"))?;
            let value = form_decode(value).ok_or(Fault::query("", "is not well-formed"))?;
            parameters.push((name, value));
        }
        Ok(Query(parameters))
    }

    /// Refuses a parameter that is not known: a misspelled filter would else filter nothing.
    pub fn only(&self, known: &[&str]) -> Result<(), Fault> {
        match self.0.iter().any(|(name, _)| !known.contains(&name.as_ref())) {
            true => Err(Fault::QueryUnknown { known: known.join(", ") }),
            false => Ok(()),
        }
    }

    /// A parameter that may stand once.
    pub fn one(&self, name: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
        let mut values = self.0.iter().filter(|(n, _)| n == name);
        let value = values.next().map(|(_, value)| value.clone());
        match values.next() {
            Some(_) => Err(Fault::query(name, "is given twice")),
            None => Ok(value),
        }
    }

    /// All values of a parameter that may be repeated.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_ref())
    }

    /// A parameter that is true where it stands alone or says so. Errs at other words.
    pub fn flag(&self, name: &'static str) -> Result<bool, Fault> {
        match self.one(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(_) => Err(Fault::query(name, "is true or false")),
        }
    }

    /// A whole number from `1` to `max`.
    pub fn number(&self, name: &'static str, max: u64) -> Result<Option<u64>, Fault> {
        self.within(name, 1..=max)
    }

    /// Seconds from `0` to `max`.
    pub fn seconds(&self, name: &'static str, max: u64) -> Result<Option<u64>, Fault> {
        self.within(name, 0..=max)
    }

    fn within(&self, name: &'static str, bounds: RangeInclusive<u64>) -> Result<Option<u64>, Fault> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let number: Option<u64> = text.parse().ok().filter(|n| bounds.contains(n));
        number.map(Some).ok_or(Fault::query(name, "is not a whole number within its bounds"))
    }
}

/// As forms and browsers write a query: `+` is a space.
fn form_decode(text: &str) -> Option<Cow<'_, str>> {
    match text.contains('+') {
        false => decode(text),
        true => decode(&text.replace('+', " ")).map(|decoded| Cow::Owned(decoded.into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AssetIdError;

    #[test]
    fn an_escape_is_decoded_once_and_a_broken_one_refused() {
        assert_eq!(decode("ibc%2F27394").as_deref(), Some("ibc/27394"));
        assert_eq!(decode("100%25%2F").as_deref(), Some("100%/"));
        assert_eq!(decode("%252F").as_deref(), Some("%2F"));
        assert_eq!(decode("z%C3%BCrich").as_deref(), Some("zürich"));
        for broken in ["%", "%2", "%2x", "%+1", "%FF", "%ED%A0%80"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }

    #[test]
    fn an_id_comes_from_the_segment_or_from_the_query_after_a_tilde() {
        let query = Query::parse(Some("id=ibc/27394%2B1")).unwrap();
        assert_eq!(asset_id("~", &query).unwrap().as_str(), "ibc/27394+1");
        assert!(matches!(asset_id("a", &query), Err(Fault::BadQuery { name: "id", .. })), "two assets");
        let query = Query::default();
        assert_eq!(asset_id("%7E", &query).unwrap().as_str(), "~", "an id may be a tilde, escaped");
        assert!(asset_id("~", &query).is_err());
        assert!(asset_id("a%00b", &query).is_err());
        for placeholder in ["undefined", "null", "NaN", "%5Bobject%20Object%5D"] {
            let refused = asset_id(placeholder, &query);
            assert!(matches!(refused, Err(Fault::BadId(AssetIdError::Placeholder))), "{placeholder}");
        }
    }

    #[test]
    fn a_query_is_split_before_it_is_decoded() {
        let query = Query::parse(Some("id=a%26b&id=c%3Dd&&flag&x=1+2")).unwrap();
        assert_eq!(query.all("id").collect::<Vec<_>>(), ["a&b", "c=d"]);
        assert_eq!(query.one("x").unwrap().as_deref(), Some("1 2"));
        assert!(query.flag("flag").unwrap() && !query.flag("other").unwrap());
        assert!(query.one("id").is_err());
        assert!(query.only(&["id", "flag"]).is_err());
        assert!(query.only(&["id", "flag", "x"]).is_ok());
    }

    #[test]
    fn a_query_is_bounded() {
        let text = "id=1&".repeat(513);
        assert!(Query::parse(Some(&text)).is_err());
        assert!(Query::parse(Some("a=%zz")).is_err());
        let query = Query::parse(Some("limit=1001&wait=0&ok=7")).unwrap();
        assert!(query.number("limit", 1000).is_err() && query.number("wait", 30).is_err());
        assert_eq!(query.seconds("wait", 30).unwrap(), Some(0));
        assert!(query.seconds("limit", 1000).is_err());
        assert_eq!(query.number("ok", 7).unwrap(), Some(7));
    }
}

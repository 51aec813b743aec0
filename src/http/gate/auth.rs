//! Who calls: bearer keys of partners, tokens of readers. Looked up by their SHA-256, so that the
//! time of a look-up says nothing about a key.

use crate::actors::RateLane;
use crate::clock::Clock;
use crate::codec::signature::{NotSigned, WebhookClaim};
use crate::config::{BearerKey, KeyHash, NOBODY_NAMED, SHARED_TOKEN, Settings, SigningKey, Validity};
use crate::domain::{Micros, PartnerName};
use crate::http::reply::Fault;
use crate::telemetry::{Metrics, PartnerMetrics};
use arc_swap::ArcSwap;
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, StatusCode};
use std::collections::HashMap;
use std::sync::Arc;

/// Whom a key or token belongs to.
#[derive(Clone)]
pub enum Caller {
    /// May read and write its own.
    Partner { name: PartnerName, metrics: Arc<PartnerMetrics> },
    /// May read all partners, and write nothing.
    Reader { name: Arc<str>, reads: Arc<RateLane> },
}

impl Caller {
    /// Counts a call of a partner that was refused by what it was told.
    pub fn was_answered(&self, status: StatusCode) {
        if let Caller::Partner { metrics, .. } = self {
            metrics.answered(status.as_u16());
        }
    }
}

/// Keys by their hash, rebuilt when the settings have been replaced.
pub struct Keys {
    settings: Arc<ArcSwap<Settings>>,
    metrics: Metrics,
    table: ArcSwap<Table>,
}

/// The key that a long reply was begun with.
#[derive(Clone)]
pub struct Pass {
    key: KeyHash,
    validity: Validity,
    checked: Arc<Settings>,
}

struct Table {
    built_from: Arc<Settings>,
    callers: HashMap<[u8; 32], Keyholder>,
    partners: HashMap<PartnerName, Signer>,
    /// What each reader has left: a table that is built again goes on with it.
    readers: HashMap<Arc<str>, Arc<RateLane>>,
}

struct Keyholder {
    caller: Caller,
    validity: Validity,
}

/// A partner as its calls name it that carry no key.
#[derive(Clone)]
pub struct Signer {
    /// Whom a call is from that proves itself.
    pub caller: Caller,
    keys: Arc<[SigningKey]>,
}

impl Signer {
    /// Whether a call of this moment is signed by it. For nobody's call the same work is done.
    pub fn verify(
        signer: Option<&Signer>,
        claim: &WebhookClaim,
        body: &[u8],
        now: Micros,
    ) -> Result<(), NotSigned> {
        let keys = signer.into_iter().flat_map(|signer| signer.keys.iter());
        claim.verify(keys.filter(|key| key.validity.holds(now)).map(|key| &*key.key), body)
    }
}

impl Keys {
    /// Keys of the settings as they are, and as they are replaced later.
    pub fn new(settings: Arc<ArcSwap<Settings>>, metrics: Metrics) -> Keys {
        let table = ArcSwap::from_pointee(Table::build(settings.load_full(), &metrics, &HashMap::new()));
        Keys { settings, metrics, table }
    }

    /// Whom the request's key belongs to; 401 where it has none that is known.
    pub fn caller(&self, headers: &HeaderMap, clock: &Clock) -> Result<Caller, Fault> {
        let key = bearer(headers).ok_or(Fault::Unauthorized)?;
        self.refresh();
        let table = self.table.load();
        let holder = table.callers.get(&KeyHash::of(key).0).ok_or(Fault::Unauthorized)?;
        match holder.validity.is_always() || holder.validity.holds(clock.now()) {
            true => Ok(holder.caller.clone()),
            false => {
                holder.caller.was_answered(StatusCode::UNAUTHORIZED);
                Err(Fault::Unauthorized)
            }
        }
    }

    /// A partner as the caller of a hook, which has proven so by other means than a key.
    pub fn partner(&self, name: &PartnerName) -> Option<Caller> {
        self.signer(name.as_str()).map(|signer| signer.caller)
    }

    /// A partner as the one who has signed a call; `None` where there is no such partner.
    pub fn signer(&self, name: &str) -> Option<Signer> {
        self.refresh();
        self.table.load().partners.get(&PartnerName::new(name).ok()?).cloned()
    }

    /// What to ask again later whether the caller of a long reply is still let in.
    pub fn pass(&self, headers: &HeaderMap) -> Option<Pass> {
        let key = KeyHash::of(bearer(headers)?);
        let table = self.table.load();
        let validity = table.callers.get(&key.0)?.validity;
        Some(Pass { key, validity, checked: Arc::clone(&table.built_from) })
    }

    /// Looks the key up only where the settings have been replaced since the last look.
    pub fn still_admits(&self, pass: &mut Pass, clock: &Clock) -> bool {
        let settings = self.settings.load();
        if !Arc::ptr_eq(&pass.checked, &settings) {
            self.refresh();
            let table = self.table.load();
            let Some(holder) = table.callers.get(&pass.key.0) else { return false };
            (pass.checked, pass.validity) = (Arc::clone(&settings), holder.validity);
        }
        pass.validity.is_always() || pass.validity.holds(clock.now())
    }

    fn refresh(&self) {
        if !Arc::ptr_eq(&self.table.load().built_from, &self.settings.load()) {
            let before = self.table.load();
            let table = Table::build(self.settings.load_full(), &self.metrics, &before.readers);
            self.table.store(Arc::new(table));
        }
    }
}

impl Table {
    fn build(
        settings: Arc<Settings>,
        metrics: &Metrics,
        readers_before: &HashMap<Arc<str>, Arc<RateLane>>,
    ) -> Table {
        let (mut callers, mut partners) = (HashMap::new(), HashMap::new());
        let mut readers = HashMap::new();
        let held = |keys: &[BearerKey], caller: &Caller| {
            let held = keys
                .iter()
                .map(|key| (key.hash.0, Keyholder { caller: caller.clone(), validity: key.validity }));
            held.collect::<Vec<_>>()
        };
        for reader in &settings.readers {
            let name: Arc<str> = Arc::from(reader.name.as_str());
            let reads = match readers_before.get(&name) {
                Some(reads) => reads.resized_for_reader(&reader.limits),
                None => Arc::new(RateLane::of_reader(&reader.limits)),
            };
            let caller = Caller::Reader { name: Arc::clone(&name), reads: Arc::clone(&reads) };
            callers.extend(held(&reader.keys, &caller));
            readers.insert(Arc::clone(&name), reads);
        }
        for partner in &settings.partners {
            let metrics = metrics.partner(&partner.name);
            let caller = Caller::Partner { name: partner.name.clone(), metrics };
            callers.extend(held(&partner.keys, &caller));
            let keys = partner.signing.iter().cloned().collect();
            partners.insert(partner.name.clone(), Signer { caller, keys });
        }
        Table { built_from: settings, callers, partners, readers }
    }
}

/// Whose the admin listener's token is, compared in constant time. Without one configured all may pass, and
/// nobody is named.
pub fn admin<'s>(settings: &'s Settings, headers: &HeaderMap, now: Micros) -> Result<&'s str, Fault> {
    if !settings.asks_operators() {
        return Ok(NOBODY_NAMED);
    }
    let token = KeyHash::of(bearer(headers).ok_or(Fault::Unauthorized)?);
    if settings.server.admin_token.is_some_and(|shared| token.matches(&shared)) {
        return Ok(SHARED_TOKEN);
    }
    let operator = settings.operators.iter().find(|operator| operator.holds(&token, now));
    operator.map(|operator| operator.name.as_str()).ok_or(Fault::Unauthorized)
}

/// The key of the one `Authorization` header, where its scheme is Bearer.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    let key = key.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OperatorSettings;
    use crate::http::testing;
    use hyper::header::HeaderValue;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|v| (AUTHORIZATION, HeaderValue::from_str(v).unwrap())).collect()
    }

    fn name(keys: &Keys, values: &[&str]) -> Option<String> {
        match keys.caller(&headers(values), &Clock::manual(Micros(0))) {
            Ok(Caller::Partner { name, .. }) => Some(name.to_string()),
            Ok(Caller::Reader { name, .. }) => Some(format!("reader {name}")),
            Err(Fault::Unauthorized) => None,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_names_its_partner_and_a_token_its_reader() {
        let keys = Keys::new(testing::settings(), Metrics::install());
        assert_eq!(name(&keys, &["Bearer acme-key"]).as_deref(), Some("acme"));
        assert_eq!(name(&keys, &["bearer  portal-token "]).as_deref(), Some("reader portal"));
    }

    #[test]
    fn whatever_else_comes_is_nobody() {
        let keys = Keys::new(testing::settings(), Metrics::install());
        assert_eq!(name(&keys, &[]), None);
        assert_eq!(name(&keys, &["Bearer acme-key", "Bearer acme-key"]), None, "two headers");
        for bad in
            ["", "Bearer", "Bearer ", "acme-key", "Basic acme-key", "Bearer acme-ke", "Bearer acme-key2"]
        {
            assert_eq!(name(&keys, &[bad]), None, "{bad}");
        }
    }

    #[test]
    fn a_key_taken_out_of_the_settings_is_refused_at_once() {
        let settings = testing::settings();
        let keys = Keys::new(Arc::clone(&settings), Metrics::install());
        let mut without = Settings::clone(&settings.load());
        without.partners.clear();
        settings.store(Arc::new(without));
        assert_eq!(name(&keys, &["Bearer acme-key"]), None);
        assert_eq!(name(&keys, &["Bearer portal-token"]).as_deref(), Some("reader portal"));
    }

    #[test]
    fn a_key_holds_in_its_own_time_alone() {
        let settings = testing::settings();
        let mut timed = Settings::clone(&settings.load());
        timed.partners[0].keys[0].validity = Validity { from: Some(Micros(5)), until: Some(Micros(9)) };
        settings.store(Arc::new(timed));
        let (keys, clock) = (Keys::new(settings, Metrics::install()), Clock::manual(Micros(5)));
        let key = headers(&["Bearer acme-key"]);
        let mut pass = keys.pass(&key).unwrap();
        for (at, holds) in [(4, false), (5, true), (8, true), (9, false)] {
            clock.set(Micros(at));
            assert_eq!(
                (keys.caller(&key, &clock).is_ok(), keys.still_admits(&mut pass, &clock)),
                (holds, holds)
            );
        }
    }

    #[test]
    fn the_admin_token_is_asked_for_where_there_is_one() {
        let settings = testing::settings();
        let mut with_token = Settings::clone(&settings.load());
        let asks = |settings: &Settings, values: &[&str], now| {
            admin(settings, &headers(values), Micros(now)).ok().map(str::to_owned)
        };
        assert_eq!(asks(&with_token, &[], 0).as_deref(), Some("local"));
        with_token.server.admin_token = Some(KeyHash::of("root"));
        assert_eq!(asks(&with_token, &[], 0), None);
        assert_eq!(asks(&with_token, &["Bearer acme-key"], 0), None);
        assert_eq!(asks(&with_token, &["Bearer root"], 0).as_deref(), Some("admin"));
        let mut anna = OperatorSettings::named("anna", "hers");
        anna.keys[0].validity.until = Some(Micros(5));
        with_token.operators = vec![anna, OperatorSettings::named("bob", "his")];
        assert_eq!(asks(&with_token, &["Bearer hers"], 4).as_deref(), Some("anna"));
        assert_eq!(asks(&with_token, &["Bearer hers"], 5), None, "it has ended");
        assert_eq!(asks(&with_token, &["Bearer his"], 5).as_deref(), Some("bob"));
        assert_eq!(asks(&with_token, &["Bearer root"], 5).as_deref(), Some("admin"));
        with_token.server.admin_token = None;
        assert_eq!(asks(&with_token, &[], 0), None, "operators alone are asked for too");
    }
}

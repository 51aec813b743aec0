//! What one configuration has that another has not: what a reload takes over, and what has to wait for a restart.

use super::{
    BearerKey, HookSettings, KeyHash, PartnerSettings, SecretSource, Settings, SigningKey, Validity,
};
use crate::codec::time;
use crate::domain::PartnerName;
use std::collections::BTreeMap;

/// Digits of a hash that a key is named by, here as in `tidegate key list`.
const ID_DIGITS: usize = 12;

/// What a configuration changes of the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsDifference {
    /// Partners that were not there.
    pub added: Vec<PartnerName>,
    /// Partners with other settings.
    pub changed: Vec<PartnerChange>,
    /// Partners that are not there any more.
    pub removed: Vec<PartnerName>,
    /// Keys, tokens and references to secrets that have come, gone or changed.
    pub keys: Vec<KeysChange>,
    /// Parts of the daemon's own settings that are taken over.
    pub settings: Vec<&'static str>,
    /// Keys whose values wait for a restart.
    pub needs_restart: Vec<&'static str>,
}

/// A partner with other settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerChange {
    /// Its name.
    pub name: PartnerName,
    /// The parts of its file that say something else.
    pub parts: Vec<&'static str>,
}

/// Keys of one owner that have changed. Nothing of a key is told but the beginning of its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysChange {
    /// Whose; `None` where it is no partner.
    pub partner: Option<PartnerName>,
    /// Whose, in words.
    pub owner: String,
    /// What has happened to them.
    pub said: String,
}

impl SettingsDifference {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == SettingsDifference::default()
    }
}

impl Settings {
    /// What `next` changes, apart from what is bound at start.
    pub fn difference(&self, next: &Settings) -> SettingsDifference {
        let mut found = SettingsDifference::default();
        let by_name = |settings: &'_ Settings| -> BTreeMap<PartnerName, usize> {
            let places = settings.partners.iter().enumerate();
            places.map(|(place, partner)| (partner.name.clone(), place)).collect()
        };
        let (before, after) = (by_name(self), by_name(next));
        found.removed = before.keys().filter(|name| !after.contains_key(*name)).cloned().collect();
        for (name, place) in after {
            let now = &next.partners[place];
            match before.get(&name).map(|place| &self.partners[*place]) {
                None => {
                    found.keys.extend(of_partner(None, now));
                    found.added.push(name);
                }
                Some(was) if was == now => {}
                Some(was) => {
                    found.keys.extend(of_partner(Some(was), now));
                    found.changed.push(PartnerChange { name, parts: parts(was, now) });
                }
            }
        }
        found.keys.extend(self.readers_and_operators(next));
        found.settings = self.live_that_differ(next);
        found
    }

    fn readers_and_operators(&self, next: &Settings) -> Vec<KeysChange> {
        let mut before: BTreeMap<String, Vec<KeyId>> = BTreeMap::new();
        let mut after = before.clone();
        for (settings, into) in [(self, &mut before), (next, &mut after)] {
            for reader in &settings.readers {
                into.insert(format!("reader {}", reader.name), bearer(&reader.keys));
            }
            for operator in &settings.operators {
                into.insert(format!("operator {}", operator.name), bearer(&operator.keys));
            }
            let shared = settings.server.admin_token.map(BearerKey::from);
            into.insert("all operators".to_owned(), bearer(shared.as_slice()));
        }
        let owners = before.keys().chain(after.keys().filter(|owner| !before.contains_key(*owner)));
        let change = |owner: &String| {
            let keys = |of: &BTreeMap<String, Vec<KeyId>>| of.get(owner).cloned().unwrap_or_default();
            let said = said_of(&keys(&before), &keys(&after));
            (!said.is_empty()).then(|| KeysChange { partner: None, owner: owner.clone(), said })
        };
        owners.filter_map(change).collect()
    }

    /// What of the daemon's own is taken over while it runs.
    fn live_that_differ(&self, next: &Settings) -> Vec<&'static str> {
        let (a, b) = (&self.server, &next.server);
        let differs = [
            ("server.tls", a.tls != b.tls),
            ("server.admin_token", a.admin_token != b.admin_token),
            ("server.body_bytes_max", a.body_bytes_max != b.body_bytes_max),
            ("server.items_max", a.items_max != b.items_max),
            ("server.shutdown_timeout", a.shutdown_timeout != b.shutdown_timeout),
            ("server.cors_origins", a.cors_origins != b.cors_origins),
            ("server.watch", a.watch != b.watch),
            ("readers", self.readers != next.readers),
            ("operators", self.operators != next.operators),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// Keys whose values are bound when the daemon starts, and that `other` has another value for.
    pub fn bound_at_start_that_differ(&self, other: &Settings) -> Vec<&'static str> {
        let (a, b) = (&self.server, &other.server);
        let (c, d) = (&self.store, &other.store);
        let differs = [
            ("server.listen", a.listen != b.listen),
            ("server.tls", a.tls.is_some() != b.tls.is_some()),
            ("server.admin_listen", a.admin_listen != b.admin_listen),
            ("server.header_bytes_max", a.header_bytes_max != b.header_bytes_max),
            ("server.headers_max", a.headers_max != b.headers_max),
            ("server.header_timeout", a.header_timeout != b.header_timeout),
            ("server.body_timeout", a.body_timeout != b.body_timeout),
            ("server.body_idle_timeout", a.body_idle_timeout != b.body_idle_timeout),
            ("server.keep_alive_timeout", a.keep_alive_timeout != b.keep_alive_timeout),
            ("server.connections_max", a.connections_max != b.connections_max),
            (
                "server.connections_per_address_max",
                a.connections_per_address_max != b.connections_per_address_max,
            ),
            ("server.failed_calls_per_minute", a.failed_calls_per_minute != b.failed_calls_per_minute),
            ("server.bytes_in_flight_max", a.bytes_in_flight_max != b.bytes_in_flight_max),
            ("server.streams_max", a.streams_max != b.streams_max),
            ("server.metrics_partners_max", a.metrics_partners_max != b.metrics_partners_max),
            ("server.send_buffer_bytes", a.send_buffer_bytes != b.send_buffer_bytes),
            ("store.directory", c.directory != d.directory),
            ("store.cache_bytes", c.cache_bytes != d.cache_bytes),
            ("store.overlay_bytes_max", c.overlay_bytes_max != d.overlay_bytes_max),
            ("store.log_keep", c.log_keep != d.log_keep),
            ("store.log_bytes_max", c.log_bytes_max != d.log_bytes_max),
            ("store.group_bytes_max", c.group_bytes_max != d.group_bytes_max),
            ("store.disk_free_bytes_min", c.disk_free_bytes_min != d.disk_free_bytes_min),
            ("store.fetches_max", c.fetches_max != d.fetches_max),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// With what is bound at start as `started` had it: that is what holds.
    pub fn held_to(mut self, started: &Settings) -> Settings {
        let (next, was) = (self.server, started.server.clone());
        self.server = super::ServerSettings {
            tls: if was.tls.is_some() == next.tls.is_some() { next.tls } else { was.tls },
            admin_token: next.admin_token,
            body_bytes_max: next.body_bytes_max,
            items_max: next.items_max,
            shutdown_timeout: next.shutdown_timeout,
            cors_origins: next.cors_origins,
            watch: next.watch,
            ..was
        };
        self.store = started.store.clone();
        self
    }
}

/// A key by the beginning of its hash, and when it holds.
type KeyId = (String, Validity);

fn bearer(keys: &[BearerKey]) -> Vec<KeyId> {
    let id = |hash: &KeyHash| hex::encode(hash.0).chars().take(ID_DIGITS).collect::<String>();
    keys.iter().map(|key| (format!("key {}", id(&key.hash)), key.validity)).collect()
}

fn signing(keys: &[SigningKey]) -> Vec<KeyId> {
    keys.iter().map(|key| (format!("signing key {}", key.key.id()), key.validity)).collect()
}

/// Secrets are known by where they lie alone: that one was written over cannot be seen here.
fn referred_to(partner: &PartnerSettings) -> Vec<KeyId> {
    let place = |source: &SecretSource| match source {
        SecretSource::File(file) => format!("file {}", file.display()),
        SecretSource::Environment(name) => format!("variable {name}"),
    };
    let of_hook = |hook: &HookSettings| {
        let said =
            |source| (format!("secret of hook {} in {}", hook.name, place(source)), Validity::default());
        hook.secrets.iter().map(said).collect::<Vec<_>>()
    };
    partner.hooks.iter().flat_map(of_hook).collect()
}

fn of_partner(was: Option<&PartnerSettings>, now: &PartnerSettings) -> Option<KeysChange> {
    let all = |partner: &PartnerSettings| {
        [bearer(&partner.keys), signing(&partner.signing), referred_to(partner)].concat()
    };
    let mut said = said_of(&was.map(all).unwrap_or_default(), &all(now));
    let credentials =
        |partner: &PartnerSettings| partner.feed.as_ref().and_then(|feed| feed.credentials.clone());
    if was.is_some_and(|was| credentials(was) != credentials(now)) {
        said += if said.is_empty() { "" } else { ", " };
        said += "the feed's credentials changed";
    }
    let owner = format!("partner {}", now.name);
    (!said.is_empty()).then(|| KeysChange { partner: Some(now.name.clone()), owner, said })
}

fn said_of(before: &[KeyId], after: &[KeyId]) -> String {
    let mut said = Vec::new();
    for (id, validity) in after {
        match before.iter().find(|(known, _)| known == id) {
            None => said.push(format!("{id} added{}", holds(validity))),
            Some((_, was)) if was != validity => said.push(format!("{id} changed:{}", holds(validity))),
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|(id, _)| !after.iter().any(|(known, _)| known == id));
    said.extend(gone.map(|(id, _)| format!("{id} taken away")));
    said.join(", ")
}

fn holds(validity: &Validity) -> String {
    let from = validity.from.map(|from| format!(" from {}", time::format(from))).unwrap_or_default();
    let until = validity.until.map(|until| format!(" until {}", time::format(until))).unwrap_or_default();
    from + &until
}

fn parts(was: &PartnerSettings, now: &PartnerSettings) -> Vec<&'static str> {
    let differs = [
        ("keys", was.keys != now.keys),
        ("signing", was.signing != now.signing),
        ("sandbox", was.sandbox != now.sandbox),
        ("policy", was.policy != now.policy),
        ("limits", was.limits != now.limits),
        ("feed", was.feed != now.feed),
        ("hooks", was.hooks != now.hooks),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{OperatorSettings, ReaderSettings};
    use crate::domain::Micros;

    fn settings() -> Settings {
        let mut settings = Settings::minimal("store".into());
        settings.partners = ["a", "b", "c"].map(|name| PartnerSettings::named(name, name)).into();
        settings.readers = vec![ReaderSettings::named("portal", "r")];
        settings
    }

    #[test]
    fn u17_what_is_bound_at_start_stays_as_it_was_and_is_named_only_while_it_differs() {
        let started = settings();
        let mut next = settings();
        next.server.listen.set_port(7);
        next.server.connections_max += 1;
        next.server.body_bytes_max += 1;
        next.store.cache_bytes += 1;
        next.store.directory = "elsewhere".into();
        let differs = ["server.listen", "server.connections_max", "store.directory", "store.cache_bytes"];
        assert_eq!(started.bound_at_start_that_differ(&next), differs);
        let held = next.clone().held_to(&started);
        assert_eq!(started.bound_at_start_that_differ(&held), [""; 0]);
        assert_eq!(held.server.body_bytes_max, next.server.body_bytes_max);
        assert_eq!(started.difference(&held).settings, ["server.body_bytes_max"]);
        assert_eq!(started.bound_at_start_that_differ(&settings()), [""; 0], "taken back");
    }

    #[test]
    fn partners_and_keys_that_have_come_gone_or_changed_are_named() {
        let before = settings();
        assert!(before.difference(&settings()).is_empty());
        let mut next = settings();
        next.partners.remove(0);
        next.partners[0].limits.prices_per_second += 1;
        let id = |key: &str| hex::encode(KeyHash::of(key).0)[..ID_DIGITS].to_owned();
        next.partners[1].keys[0].validity.until = Some(Micros(0));
        next.partners[1].keys.push(KeyHash::of("new").into());
        next.partners.push(PartnerSettings::named("d", "d"));
        next.readers[0].keys = vec![KeyHash::of("other").into()];
        next.operators.push(OperatorSettings::named("anna", "hers"));
        let found = before.difference(&next);
        let names = |names: &[PartnerName]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!((names(&found.added), names(&found.removed)), (vec!["d".into()], vec!["a".into()]));
        let changed: Vec<_> =
            found.changed.iter().map(|change| (change.name.as_str(), change.parts.clone())).collect();
        assert_eq!(changed, [("b", vec!["limits"]), ("c", vec!["keys"])]);
        let said: Vec<_> = found.keys.iter().map(|change| (&*change.owner, &*change.said)).collect();
        let of_c = format!("key {} changed: until 1970-01-01T00:00:00Z, key {} added", id("c"), id("new"));
        let of_d = format!("key {} added", id("d"));
        let of_portal = format!("key {} added, key {} taken away", id("other"), id("r"));
        let of_anna = format!("key {} added", id("hers"));
        let expected = [
            ("partner c", &*of_c),
            ("partner d", &*of_d),
            ("reader portal", &*of_portal),
            ("operator anna", &*of_anna),
        ];
        assert_eq!(said, expected);
        assert_eq!(found.settings, ["readers", "operators"]);
    }
}

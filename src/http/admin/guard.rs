//! Who may ask as an operator.

use crate::config::Settings;
use crate::domain::Micros;
use crate::http::gate::auth;
use crate::http::reply::Fault;
use hyper::header::{HOST, ORIGIN};
use hyper::http::request::Parts;
use std::net::IpAddr;

/// Asks for a token, and gives the name that it has; where none is configured, for a `Host` that is an
/// address or `localhost`: a page that rebinds its own name to us (DNS rebinding) cannot send one.
pub fn check_operator<'s>(settings: &'s Settings, head: &Parts, now: Micros) -> Result<&'s str, Fault> {
    let who = auth::admin(settings, &head.headers, now)?;
    if settings.asks_operators() {
        return Ok(who);
    }
    let host = head.headers.get(HOST).and_then(|value| value.to_str().ok());
    match host.or(head.uri.host()) {
        Some(host) if is_literal_or_localhost(host) && is_own_page(head, host) => Ok(who),
        _ => Err(Fault::ForeignOrigin),
    }
}

/// A page of another origin can send us a form without asking first; browsers then say whose it is.
fn is_own_page(head: &Parts, host: &str) -> bool {
    let Some(origin) = head.headers.get(ORIGIN) else { return true };
    origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(_, own)| own == host)
}

fn is_literal_or_localhost(host: &str) -> bool {
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = without_port.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d11_a_page_that_rebinds_its_name_to_us_is_refused() {
        for own in ["localhost", "localhost:8081", "127.0.0.1:8081", "[::1]:8081", "[::1]"] {
            assert!(is_literal_or_localhost(own), "{own}");
        }
        for foreign in ["evil.example", "evil.example:8081", "localhost.evil.example", "", "127.0.0.1.nip.io"]
        {
            assert!(!is_literal_or_localhost(foreign), "{foreign}");
        }
    }
}

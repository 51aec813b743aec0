//! The addresses that a feed's file names, as far as they can be checked without asking anyone.

use super::super::fault::Wrong;

/// Checks what can be checked without asking anyone; the addresses behind the name are checked at
/// each fetch.
pub fn checked_url(url: &str, allows_plain: bool) -> Result<String, Wrong> {
    let schemes: &[&str] = if allows_plain { &["https://", "http://"] } else { &["https://"] };
    let Some(rest) = schemes.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        let rule = Wrong::rule("must begin with https://");
        return Err(
            rule.hint("plain http needs `allow`, or allow_private = true, for servers of your own network")
        );
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let rule = Wrong::rule("must not hold user or password");
        return Err(rule.hint("name them under [feed.credentials]"));
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err(Wrong::rule("must name a host"));
    }
    if url.contains('#') || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        let rule = Wrong::rule("must be ASCII without white space and without a #fragment");
        return Err(rule.hint("percent-encode the path, write the host in punycode"));
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_names_a_host_and_holds_no_secret() {
        for good in ["https://a.example/feed.json", "https://a.example:8443/x?y=z", "https://[2001:db8::1]/"]
        {
            assert_eq!(checked_url(good, false).as_deref(), Ok(good));
        }
        assert!(checked_url("http://127.0.0.1:9000/feed", true).is_ok());
        for bad in [
            "http://a.example/",
            "ftp://a.example/",
            "https://",
            "https:///feed",
            "https://:443/feed",
            "https://u:p@a.example/",
            "https://a.example/a b",
            "https://a.example/#x",
            "https://ä.example/",
        ] {
            assert!(checked_url(bad, false).is_err(), "{bad}");
        }
    }
}

//! The addresses of pages: links as servers write them, and parameters set in a query.
//!
//! Every page is at the origin of the feed's own URL, so that its credentials and the check of its
//! address are the feed's. What the query holds beside the parameter keeps its bytes: it may be signed.

use super::FetchError;
use super::address::{Allowance, check, host, parse};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use reqwest::Url;

/// What means something else in a query. Brackets and `$` stay, as in `page[after]` and `$skip`.
const ESCAPED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'<').add(b'=').add(b'>');

/// Where a link in the page at `page` leads, if that is at the origin of the feed's `first` URL. A
/// link to plain `http` of the same host is followed as `https`: servers behind a proxy write it so.
pub fn follow(first: &Url, page: &Url, link: &str, allow_private: bool) -> Result<Url, FetchError> {
    let refused = |detail: String| FetchError::new("link_refused", detail);
    let mut url = page
        .join(link.trim())
        .map_err(|_| refused("the link to the next page is no address: check the pointer".into()))?;
    url.set_fragment(None);
    let is_plain = url.scheme() == "http" && first.scheme() == "https" && url.port().is_none();
    if is_plain && first.port().is_none() && url.set_scheme("https").is_err() {
        return Err(refused("the link to the next page is no address: check the pointer".into()));
    }
    if url.origin() != first.origin() {
        let detail = format!(
            "the link to the next page leads to another server ({}) than the feed's url; where the feed has \
             moved there, put its final address into the url",
            host(&url)
        );
        return Err(refused(detail));
    }
    check(&url, of_origin(allow_private)).map_err(|error| refused(error.detail))?;
    bounded(url, allow_private)
}

/// `url` with this parameter in its query, in place of one of that name.
pub fn with_parameter(url: &Url, name: &str, value: &str, allow_private: bool) -> Result<Url, FetchError> {
    let is_other = |pair: &&str| {
        let written = pair.split('=').next().unwrap_or_default();
        !pair.is_empty() && percent_decode_str(written).decode_utf8_lossy() != name
    };
    let mut pairs: Vec<&str> = url.query().unwrap_or_default().split('&').filter(is_other).collect();
    let own = format!("{}={}", utf8_percent_encode(name, ESCAPED), utf8_percent_encode(value, ESCAPED));
    pairs.push(&own);
    let mut changed = url.clone();
    changed.set_query(Some(&pairs.join("&")));
    bounded(changed, allow_private)
}

/// Also what a server makes of an address has a bound.
fn bounded(url: Url, allow_private: bool) -> Result<Url, FetchError> {
    parse(url.as_str(), of_origin(allow_private)).map(|(url, _)| url)
}

/// A page is at the feed's own origin, whose places are looked up when it is asked for.
fn of_origin(allow_private: bool) -> Allowance<'static> {
    Allowance { private: allow_private, listed: &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED: &str = "https://a.example/v1/f?key=a%2fb&page=1";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn followed(page: &str, link: &str) -> Result<String, &'static str> {
        let first = url(FEED);
        follow(&first, &url(page), link, false).map(String::from).map_err(|error| error.code)
    }

    #[test]
    fn a_link_is_whole_or_relative_to_its_page() {
        for (link, expected) in [
            ("https://a.example/v1/f?page=2", "https://a.example/v1/f?page=2"),
            ("https://a.example:443/v1/f?page=2#top", "https://a.example/v1/f?page=2"),
            ("HTTPS://A.EXAMPLE/x", "https://a.example/x"),
            ("/v1/f?page=2", "https://a.example/v1/f?page=2"),
            ("?page=2", "https://a.example/v1/f?page=2"),
            ("g", "https://a.example/v1/g"),
            (" //a.example/x ", "https://a.example/x"),
            ("http://a.example/v1/f?page=2", "https://a.example/v1/f?page=2"),
            ("http://a.example:80/x", "https://a.example/x"),
        ] {
            assert_eq!(followed(FEED, link).as_deref(), Ok(expected), "{link}");
        }
    }

    #[test]
    fn a_link_to_another_origin_is_never_followed() {
        for link in [
            "https://b.example/",
            "https://a.example.b.example/",
            "https://a.example:8443/",
            "http://a.example:8080/",
            "//b.example/",
            "https://u:p@a.example/",
            "https://169.254.169.254/latest",
            "ftp://a.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://",
        ] {
            assert_eq!(followed(FEED, link), Err("link_refused"), "{link}");
        }
        assert_eq!(followed("https://cdn.example/f", "?page=2"), Err("link_refused"), "after a redirect");
        assert_eq!(followed(FEED, &format!("?{}", "x".repeat(4_096))), Err("bad_url"));
    }

    #[test]
    fn a_parameter_takes_the_place_of_its_like_and_leaves_the_others_as_they_are() {
        let with = |text: &str, name: &str, value: &str| {
            String::from(with_parameter(&url(text), name, value, false).unwrap())
        };
        assert_eq!(with(FEED, "page", "2"), "https://a.example/v1/f?key=a%2fb&page=2");
        assert_eq!(with(FEED, "offset", "9"), "https://a.example/v1/f?key=a%2fb&page=1&offset=9");
        assert_eq!(with("https://a.example/f", "page", "2"), "https://a.example/f?page=2");
        assert_eq!(with("https://a.example/f?", "$skip", "2"), "https://a.example/f?$skip=2");
        assert_eq!(with("https://a.example/f?p%61ge=1&page&x", "page", "2"), "https://a.example/f?x&page=2");
        assert_eq!(
            with("https://a.example/f", "page[after]", "a+b/c==&page=1 #"),
            "https://a.example/f?page[after]=a%2Bb/c%3D%3D%26page%3D1%20%23"
        );
        let error = with_parameter(&url(FEED), "after", &"x".repeat(4_096), false).unwrap_err();
        assert_eq!(error.code, "bad_url");
    }
}

//! A feed's `[feed.credentials]`: how its server is told who asks.

use super::super::fault::Wrong;
use super::super::raw::{Section, text_of};
use super::super::secret::{is_header_name, secret};
use super::super::{ClientCredentials, ClientProof, Credentials};
use super::url::checked_url;

/// Reads how a feed's server is told who asks: exactly one of the ways.
pub fn credentials(mut section: Section<'_>, allows_plain: bool) -> Option<Credentials> {
    let basic = section.optional_section("basic").map(|mut basic| {
        let user = required_text(&mut basic, "user");
        let password = secret(&mut basic, "password");
        basic.finish();
        Some(Credentials::Basic { user: user?, password: password? })
    });
    let bearer = section.optional_section("bearer").map(|mut bearer| {
        let token = secret(&mut bearer, "token");
        bearer.finish();
        Some(Credentials::Bearer { token: token? })
    });
    let header = section.optional_section("header").map(|mut header| {
        let name = required_text(&mut header, "name").filter(|name| sound_header(&header, name));
        let value = secret(&mut header, "value");
        header.finish();
        Some(Credentials::Header { name: name?, value: value? })
    });
    let oauth = section.optional_section("oauth").map(|oauth| client_credentials(oauth, allows_plain));
    let mut given: Vec<_> = [basic, bearer, header, oauth].into_iter().flatten().collect();
    if given.len() != 1 {
        section
            .refuse("basic", Wrong::rule("credentials are exactly one of basic, bearer, header and oauth"));
    }
    section.finish();
    given.pop().flatten()
}

/// OAuth 2 (RFC 6749 §4.4): a token that is asked for with a secret, and sent for as long as it holds.
fn client_credentials(mut section: Section<'_>, allows_plain: bool) -> Option<Credentials> {
    let token_url = section.read("token_url", |value| checked_url(text_of(value)?, allows_plain));
    if !section.has("token_url") {
        section.refuse("token_url", Wrong::rule("is needed here").hint("where tokens are asked for"));
    }
    let client_id = required_text(&mut section, "client_id");
    let client_secret = secret(&mut section, "client_secret");
    let (scope, audience) = (section.text("scope"), section.text("audience"));
    let words = [("basic", ClientProof::Basic), ("body", ClientProof::Body)];
    let proof = section.choice("client_auth", ClientProof::Basic, &words);
    section.finish();
    Some(Credentials::ClientCredentials(Box::new(ClientCredentials {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        scope,
        audience,
        proof,
    })))
}

fn required_text(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let text = section.text(key);
    if !section.has(key) {
        section.refuse(key, Wrong::rule("is needed here"));
    }
    text
}

fn sound_header(section: &Section<'_>, name: &str) -> bool {
    /// Set by the client itself, or used to smuggle a second request.
    const RESERVED: [&str; 6] =
        ["host", "connection", "content-length", "transfer-encoding", "upgrade", "te"];
    let sound = is_header_name(name) && !RESERVED.contains(&name.to_ascii_lowercase().as_str());
    if !sound {
        let rule = "must be the name of a header that the client does not set itself";
        section.refuse("name", Wrong::rule(rule));
    }
    sound
}

//! What a server that gives tokens answers (RFC 6749 §5).

use crate::codec::json;
use crate::feed::FetchError;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use std::time::Duration;

/// A token that says nothing of its life is asked for again after this.
const LIFE_USUAL: Duration = Duration::from_secs(300);
/// A longer promise is not relied on.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// What §5.2 and RFC 8707 let a server say; its own words are not shown, they may echo the secret.
const REASONS: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
];

/// A token, and for how long it holds.
pub struct Token {
    pub text: SecretString,
    pub life: Duration,
}

impl Token {
    /// Reads an answer with status 200.
    pub fn read(body: &[u8]) -> Result<Token, FetchError> {
        let text = member(body, "access_token").and_then(|raw| Some(json::string(&raw).ok()?.into_owned()));
        let text = text.filter(|text| HeaderValue::from_str(text).is_ok() && !text.is_empty());
        let text = text.ok_or_else(|| bad("its answer holds no access_token"))?;
        if let Some(kind) = member(body, "token_type") {
            let is_bearer = json::string(&kind).is_ok_and(|kind| kind.eq_ignore_ascii_case("bearer"));
            if !is_bearer {
                return Err(bad("its token is not a bearer token"));
            }
        }
        // some write it as a string
        let seconds = member(body, "expires_in").and_then(|raw| raw.trim_matches('"').parse().ok());
        let life = seconds.map_or(LIFE_USUAL, Duration::from_secs).min(LIFE_MAX);
        Ok(Token { text: SecretString::from(text), life })
    }
}

/// Why no token was given; `status` is not 200.
pub fn refusal(status: StatusCode, body: &[u8]) -> FetchError {
    let said = member(body, "error").and_then(|raw| Some(json::string(&raw).ok()?.into_owned()));
    let reason = REASONS.iter().find(|&&known| said.as_deref() == Some(known));
    let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
    let (code, advice) = match status.as_u16() {
        400 | 401 | 403 => ("auth_failed", "check client_id, client_secret and scope"),
        404 | 410 => ("auth_failed", "check token_url"),
        429 | 503 => ("throttled", "it asks for fewer requests"),
        500..=599 => ("server_error", "the fault is there; the fetch is tried again"),
        _ => ("auth_failed", "it gives tokens with status 200"),
    };
    FetchError::new(code, format!("the server of token_url answered {}{reason}: {advice}", status.as_u16()))
}

fn bad(what: &str) -> FetchError {
    FetchError::new("bad_response", format!("the server of token_url gave no token: {what}"))
}

fn member(body: &[u8], name: &str) -> Option<String> {
    let members = json::members(json::utf8(body).ok()?).ok()?;
    members.into_iter().find(|(known, _)| known == name).map(|(_, raw)| raw.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a16_a_token_is_read_with_its_life_and_nothing_else_is_one() {
        let table = [
            (r#"{"access_token":"t","token_type":"Bearer","expires_in":60}"#, Some(60)),
            (r#"{"access_token":"t","token_type":"bearer","expires_in":"90","scope":"a"}"#, Some(90)),
            (r#"{"access_token":"t"}"#, Some(300)),
            (r#"{"access_token":"t","expires_in":-1}"#, Some(300)),
            (r#"{"access_token":"t","expires_in":99999999999}"#, Some(86_400)),
            (r#"{"access_token":"t","token_type":"mac"}"#, None),
            (r#"{"access_token":"a\nb"}"#, None),
            (r#"{"access_token":""}"#, None),
            (r#"{"access_token":7}"#, None),
            ("{}", None),
            ("<html>", None),
        ];
        for (body, life) in table {
            let read = Token::read(body.as_bytes());
            assert_eq!(read.as_ref().ok().map(|token| token.life.as_secs()), life, "{body}");
            if let Ok(token) = read {
                assert_eq!(token.text.expose_secret(), "t");
            }
        }
    }

    #[test]
    fn a16_a_refusal_repeats_only_words_of_the_standard() {
        let error = refusal(StatusCode::BAD_REQUEST, br#"{"error":"invalid_client"}"#);
        assert_eq!((error.code, error.detail.contains("(invalid_client)")), ("auth_failed", true));
        let error = refusal(StatusCode::UNAUTHORIZED, br#"{"error":"canary","error_description":"canary"}"#);
        assert!(!error.to_string().contains("canary"));
        assert_eq!(refusal(StatusCode::BAD_GATEWAY, b"").code, "server_error");
    }
}

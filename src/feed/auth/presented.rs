//! What is added to a request, so that a feed's server knows who asks.

use crate::config::{Credentials, SecretSource};
use crate::feed::FetchError;
use reqwest::RequestBuilder;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

/// What to add to a request, its secret read.
pub enum Presented {
    Nothing,
    Basic { user: String, password: SecretString },
    Bearer(SecretString),
    Header(HeaderName, HeaderValue),
}

impl Presented {
    /// Reads the secret; blocks on its file.
    pub fn read(credentials: Option<&Credentials>) -> Result<Presented, FetchError> {
        match credentials {
            None => Ok(Presented::Nothing),
            Some(Credentials::Basic { user, password }) => {
                Ok(Presented::Basic { user: user.clone(), password: secret(password)? })
            }
            Some(Credentials::Bearer { token }) => {
                Ok(Presented::Bearer(fit_for_header(secret(token)?, token)?))
            }
            Some(Credentials::Header { name, value }) => header(name, value),
            // a token has to be asked for first
            Some(Credentials::ClientCredentials(_)) => Ok(Presented::Nothing),
        }
    }

    /// Adds the credentials; each is marked sensitive, so that no log shows it.
    pub fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Presented::Nothing => request,
            Presented::Basic { user, password } => request.basic_auth(user, Some(password.expose_secret())),
            Presented::Bearer(token) => request.bearer_auth(token.expose_secret()),
            Presented::Header(name, value) => request.header(name, value),
        }
    }
}

fn header(name: &str, source: &SecretSource) -> Result<Presented, FetchError> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| missing(source, "is meant for a header whose name is not one"))?;
    let mut value = HeaderValue::from_str(secret(source)?.expose_secret()).map_err(|_| unfit(source))?;
    value.set_sensitive(true);
    Ok(Presented::Header(name, value))
}

fn fit_for_header(token: SecretString, source: &SecretSource) -> Result<SecretString, FetchError> {
    match HeaderValue::from_str(token.expose_secret()) {
        Ok(_) => Ok(token),
        Err(_) => Err(unfit(source)),
    }
}

/// The secret; blocks on its file.
fn secret(source: &SecretSource) -> Result<SecretString, FetchError> {
    source.read().map_err(|error| FetchError::new("credentials_missing", error.to_string()))
}

fn unfit(source: &SecretSource) -> FetchError {
    missing(source, "holds characters that no header may hold")
}

fn missing(source: &SecretSource, what: &str) -> FetchError {
    FetchError::new("credentials_missing", source.error(what).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_with_a_line_break_inside_fits_no_header_and_is_not_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "canary\r\nX-Other: 1").unwrap();
        let source = SecretSource::File(file.path().to_owned());
        let as_header = Credentials::Header { name: "X-Key".into(), value: source.clone() };
        for credentials in [Credentials::Bearer { token: source }, as_header] {
            let Err(error) = Presented::read(Some(&credentials)) else { panic!("accepted") };
            assert_eq!(error.code, "credentials_missing");
            assert!(!error.to_string().contains("canary"));
        }
    }
}

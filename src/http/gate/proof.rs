//! Who calls a hook: a secret that the call carries, or a signature over its body.
//!
//! All that is not a call of the hook's sender is answered alike, an unknown hook included.

use crate::codec::signature::{self, Claimed};
use crate::config::{HookProof, HookSettings, SecretSource};
use crate::domain::Micros;
use crate::domain::hook::HookHeaders;
use crate::http::reply::Fault;
use hyper::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

/// A call that has proven all that it can without its body.
pub struct Proven(Option<(Claimed, Vec<SecretString>)>);

/// The headers of a call whose values are text.
pub fn headers_of(headers: &HeaderMap) -> HookHeaders {
    let mut texts = HookHeaders::default();
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            texts.push(name.as_str(), value);
        }
    }
    texts
}

/// Judges a call by its headers; `now` is when it came. A signature is read here, and verified once its
/// body has come.
pub async fn prove(hook: &HookSettings, headers: &HookHeaders, now: Micros) -> Result<Proven, Fault> {
    let authorization = || headers.one("authorization").ok_or(Fault::NotTheHooksSender);
    let sent = match &hook.proof {
        HookProof::Signature(scheme) => {
            // before the secrets are read: most of what a stranger sends ends here
            let claimed = signature::claimed(scheme, headers, now);
            let claimed = claimed.map_err(|why| refused(hook, &why))?;
            return Ok(Proven(Some((claimed, secrets(hook).await?))));
        }
        HookProof::Basic { user } => {
            let sent = signature::basic(authorization()?).ok_or(Fault::NotTheHooksSender)?;
            let (sent_user, password) = sent;
            if !signature::fits(user, &sent_user) {
                return Err(Fault::NotTheHooksSender);
            }
            password
        }
        HookProof::Bearer => signature::bearer(authorization()?).ok_or(Fault::NotTheHooksSender)?.to_owned(),
        HookProof::Header { name } => headers.one(name).ok_or(Fault::NotTheHooksSender)?.to_owned(),
    };
    let fits = secrets(hook).await?.iter().any(|secret| signature::fits(secret.expose_secret(), &sent));
    if fits { Ok(Proven(None)) } else { Err(Fault::NotTheHooksSender) }
}

impl Proven {
    /// Whether it is not known before the body has come who sends it.
    pub fn needs_body(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the body is the one that was signed.
    pub fn covers(&self, hook: &HookSettings, body: &[u8]) -> Result<(), Fault> {
        let Some((claimed, secrets)) = &self.0 else { return Ok(()) };
        let secrets = secrets.iter().map(ExposeSecret::expose_secret);
        claimed.verify(secrets, body).map_err(|why| refused(hook, &why))
    }
}

/// The secrets of this moment: read for each call, so that one can be changed without a restart. One
/// that cannot be had leaves the other.
async fn secrets(hook: &HookSettings) -> Result<Vec<SecretString>, Fault> {
    let sources: Vec<SecretSource> = hook.secrets.clone();
    let name = hook.name.clone();
    let read = move || {
        let read = sources.iter().filter_map(|source| match source.read() {
            Ok(secret) => Some(secret),
            Err(error) => {
                tracing::error!(hook = %name, %error, "cannot read the secret of a hook");
                None
            }
        });
        read.collect::<Vec<_>>()
    };
    tokio::task::spawn_blocking(read).await.map_err(|_| Fault::OutcomeUnknown)
}

fn refused(hook: &HookSettings, why: &signature::NotSigned) -> Fault {
    tracing::debug!(hook = %hook.name, %why, "call of a hook refused");
    Fault::NotTheHooksSender
}

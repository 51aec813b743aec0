//! Calls that are signed by Standard Webhooks: instead of a bearer key, or beside one.
//!
//! A signature covers the call's id, its time and its body, and neither its method nor its path. So it
//! opens the pushes that have a body, under the path that names the partner, and nothing else; what
//! comes beside a key is checked whatever is asked. A copy that is sent elsewhere has the id of the
//! first, which stands for another request.
//!
//! All that is not proven is answered alike, and after the same work: also for a partner that there is
//! not, or one that has no secret. A stranger's body takes up nobody's room but that of strangers.

use crate::actors::{Admission, Permit, Shed};
use crate::clock::{Clock, Mark};
use crate::codec::signature::{NotSigned, WebhookClaim, is_webhook_id};
use crate::http::client::Client;
use crate::http::gate::auth::{Caller, Signer};
use crate::http::reply::Fault;
use crate::http::request::delivery_id;
use crate::http::request::intake::{self, Accept};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::HeaderName;
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};

/// A larger body is hashed beside the connections' tasks: it takes milliseconds.
const VERIFIED_IN_PLACE_MAX: usize = 128 << 10;

/// One header in both its spellings: that of the specification, and that of the house that wrote it.
type Spellings = [HeaderName; 2];

const ID: Spellings = [HeaderName::from_static("webhook-id"), HeaderName::from_static("svix-id")];
const TIMESTAMP: Spellings =
    [HeaderName::from_static("webhook-timestamp"), HeaderName::from_static("svix-timestamp")];
const SIGNATURE: Spellings =
    [HeaderName::from_static("webhook-signature"), HeaderName::from_static("svix-signature")];

/// The body of a push.
pub enum CallBody {
    /// It is yet to be read: a key has proven the caller.
    Coming(Incoming),
    /// It had to be read to know who calls.
    Came(Box<ProvenBody>),
}

/// A body that has proven its sender, as it came.
pub struct ProvenBody {
    /// Whom it is from.
    pub caller: Caller,
    /// All of it.
    pub bytes: Bytes,
    /// Of its last byte.
    pub received: Mark,
    /// The room of strangers, until it has room of its own.
    pub room: Permit,
}

/// The signature that a call claims to have; `None` where it claims none. A delivery's id and time are no
/// claim. Errs where no key could prove it.
pub fn claim(headers: &HeaderMap, clock: &Clock) -> Result<Option<Box<WebhookClaim>>, Fault> {
    if !SIGNATURE.iter().any(|name| headers.contains_key(name)) {
        return Ok(None);
    }
    let (id, at, list) = (one(headers, &ID)?, one(headers, &TIMESTAMP)?, one(headers, &SIGNATURE)?);
    if !is_webhook_id(id) {
        return Err(delivery_id::bad_webhook_id());
    }
    let claim = WebhookClaim::read(id, at, list, clock.now()).map_err(|why| refused(&why))?;
    Ok(Some(Box::new(claim)))
}

/// The header's one line; both spellings may stand there where they say the same.
fn one<'h>(headers: &'h HeaderMap, spellings: &Spellings) -> Result<&'h str, Fault> {
    let mut lines = spellings.iter().map(|name| headers.get_all(name).iter());
    let mut found = None;
    for mut of_one in lines.by_ref() {
        let (line, more) = (of_one.next(), of_one.next());
        if more.is_some() || (line.is_some() && found.is_some() && found != line) {
            return Err(refused(&NotSigned::Malformed));
        }
        found = found.or(line);
    }
    found.and_then(|line| line.to_str().ok()).ok_or_else(|| refused(&NotSigned::Missing))
}

/// Takes in the body of a call without a key, and finds by it whether the partner that the path names
/// has sent it.
pub async fn prove(
    client: &Client,
    head: &Parts,
    named: Option<&str>,
    accept: Accept,
    claim: Box<WebhookClaim>,
    mut body: Incoming,
) -> Result<ProvenBody, Fault> {
    let app = &client.app;
    if app.health.is_draining() {
        return Err(Fault::Draining);
    }
    app.may_write()?;
    let bytes_max = app.settings.load().server.body_bytes_max;
    let announced = intake::announced(&head.headers, accept, bytes_max)?;
    let room = Admission::admit(&app.admission, &app.unproven, announced.bytes);
    let room = room.map_err(|shed| match shed {
        Shed::PartnerBytes => Shed::DaemonBytes,
        shed => shed,
    })?;
    let bytes = intake::collect(&mut body, bytes_max, &client.pulse).await?;
    let received = Mark::now();
    let signer = named.and_then(|name| app.keys.signer(name));
    let now = app.clock.now();
    let (signed, of) = (bytes.clone(), signer.clone());
    let verify = move || Signer::verify(of.as_ref(), &claim, &signed, now);
    let verified = match bytes.len() <= VERIFIED_IN_PLACE_MAX {
        true => verify(),
        false => tokio::task::spawn_blocking(verify).await.map_err(|_| Fault::OutcomeUnknown)?,
    };
    if let Err(why) = verified {
        signer.inspect(|signer| signer.caller.was_answered(StatusCode::UNAUTHORIZED));
        return Err(refused(&why));
    }
    let caller = signer.ok_or(Fault::Unauthorized)?.caller;
    Ok(ProvenBody { caller, bytes, received, room })
}

/// Says why to the operator who asks for it, and to nobody else.
pub fn refused(why: &NotSigned) -> Fault {
    tracing::debug!(%why, "signed call refused");
    Fault::Unauthorized
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Micros;
    use hyper::header::HeaderValue;

    const NOW: i64 = 1_649_367_553;

    fn claims(lines: &[(&'static str, &str)]) -> Result<bool, u16> {
        let line = |&(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let headers: HeaderMap = lines.iter().map(line).collect();
        let clock = Clock::manual(Micros(NOW * Micros::SECOND));
        claim(&headers, &clock).map(|claim| claim.is_some()).map_err(|fault| fault.status().as_u16())
    }

    fn three(house: &str) -> [(&'static str, &'static str); 3] {
        let list = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        match house {
            "svix" => [("svix-id", "msg_1"), ("svix-timestamp", "1649367553"), ("svix-signature", list)],
            _ => [("webhook-id", "msg_1"), ("webhook-timestamp", "1649367553"), ("webhook-signature", list)],
        }
    }

    #[test]
    fn an_id_alone_claims_nothing_and_three_headers_of_either_house_do() {
        assert_eq!((claims(&[]), claims(&[("webhook-id", "msg_1")])), (Ok(false), Ok(false)));
        for house in ["svix", "webhook"] {
            assert_eq!(claims(&three(house)), Ok(true), "{house}");
            for (left_out, said) in [(0, Err(401)), (1, Err(401)), (2, Ok(false))] {
                let mut lines = three(house).to_vec();
                let (name, _) = lines.remove(left_out);
                assert_eq!(claims(&lines), said, "{name}");
            }
        }
        let both = [three("svix"), three("webhook")].concat();
        assert_eq!(claims(&both), Ok(true));
    }

    #[test]
    fn b9_a_header_that_stands_twice_or_differs_in_its_two_spellings_is_refused() {
        for place in 0..3 {
            let mut lines = three("webhook").to_vec();
            lines.push(lines[place]);
            assert_eq!(claims(&lines), Err(401), "{}", lines[place].0);
            let mut lines = [three("svix"), three("webhook")].concat();
            lines[place].1 = "1649367554";
            assert_eq!(claims(&lines), Err(401), "{}", lines[place].0);
        }
    }
}

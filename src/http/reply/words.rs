//! What is said of each fault, as problem details (RFC 9457): status, code, words and headers, all in
//! one place. Nothing here echoes what the client sent, nor what the store said.

use super::body::Body;
use super::fault::{Fault, HeadFault, OperatingFault, PreviewFault, Used};
use crate::actors::{PlanRefused, RebuildRefused, ReleaseRefused, Shed};
use crate::codec::json;
use crate::codec::problem::{self, Problem};
use crate::codec::request::BodyError;
use crate::domain::AssetIdError;
use crate::http::reply;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use std::time::Duration;

struct Words {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    hint: Option<&'static str>,
}

const fn words(status: StatusCode, code: &'static str, title: &'static str) -> Words {
    Words { status, code, title, hint: None }
}

/// Of a path that may be nearly right.
const PATH_HINT: &str = "Percent-encode an id as one segment (ibc%2F27394), or use /api/assets/~?id=; no slash at the \
     end, small letters. All calls: /docs/api";

impl Words {
    const fn hint(self, hint: &'static str) -> Words {
        Words { hint: Some(hint), ..self }
    }
}

impl Fault {
    #[rustfmt::skip]
    fn words(&self) -> Words {
        use StatusCode as S;
        match self {
            Fault::Head(why) => head_words(*why),
            Fault::TooManyConnections => words(S::SERVICE_UNAVAILABLE, "too_many_connections", "No more connections are taken at this moment")
                .hint("Keep connections open and use them again, and open fewer at once."),
            Fault::TlsNeeded => words(S::BAD_REQUEST, "tls_needed", "This address is served over TLS only").hint("Call it by https://."),
            Fault::NoSuchPath => words(S::NOT_FOUND, "no_such_path", "There is nothing at this path").hint(PATH_HINT),
            Fault::MethodNotAllowed { .. } => words(S::METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed here"),
            Fault::Unauthorized | Fault::NotTheHooksSender | Fault::TicketRefused => unproven_words(self),
            Fault::PartnerOnly => words(S::FORBIDDEN, "partner_only", "Only the partner's own key, or an operator, may see this"),
            Fault::PartnerRemoved => words(S::CONFLICT, "partner_removed", "The partner is no longer configured: it takes no writes any more"),
            Fault::ReadOnly | Fault::NotASandbox => no_write_words(matches!(self, Fault::NotASandbox)),
            Fault::ForeignOrigin => words(S::FORBIDDEN, "foreign_origin", "Calls from other web pages are refused"),
            Fault::NoSuchPartner => words(S::NOT_FOUND, "no_such_partner", "There is no such partner"),
            Fault::PartnerStarting => words(S::SERVICE_UNAVAILABLE, "starting", "The partner is being started"),
            Fault::PartnerNeeded => words(S::BAD_REQUEST, "partner_needed", "A partner must be named")
                .hint("With a reader's token, use /api/partners/{partner}/…"),
            Fault::BadPath => words(S::BAD_REQUEST, "bad_path", "The path cannot be decoded")
                .hint("Percent-encode the id's UTF-8 bytes as one segment, or use /api/assets/~?id="),
            Fault::BadId(why) => id_words(*why),
            Fault::BadQuery { .. } | Fault::QueryUnknown { .. } | Fault::QueryWord { .. } =>
                words(S::BAD_REQUEST, "bad_query", "The query is not understood"),
            Fault::BadTime { .. } => words(S::BAD_REQUEST, "time_format", "The time is not understood"),
            Fault::BadHeader { .. } => words(S::BAD_REQUEST, "bad_header", "A header is not understood"),
            Fault::MediaType { .. } =>
                words(S::UNSUPPORTED_MEDIA_TYPE, "media_type", "The content type is not accepted here"),
            Fault::ContentEncoding { .. } => words(S::UNSUPPORTED_MEDIA_TYPE, "content_encoding", "The content encoding is not accepted here")
                .hint("Send the body as it is, or compressed once by a coding that `Accept-Encoding` of this answer names."),
            Fault::BodyTooLarge { .. } | Fault::BodyTooSlow | Fault::BodyCutOff | Fault::BodyChunks => body_words(self),
            Fault::Preview(why) => preview_words(why),
            Fault::Body(error) => words(
                if error.status_hint == 413 { S::PAYLOAD_TOO_LARGE } else { S::BAD_REQUEST },
                error.code, "The body cannot be read"),
            Fault::Shed(shed) => shed_words(shed),
            Fault::RateLimited(_) => words(S::TOO_MANY_REQUESTS, "partner_rate", "Your rate limit is used up"),
            Fault::RunAskedLately { .. } | Fault::FeedPaused | Fault::CannotCompare(_) => feed_words(self),
            Fault::Draining => words(S::SERVICE_UNAVAILABLE, "draining", "The daemon is shutting down")
                .hint("Try again in a moment."),
            Fault::OutcomeUnknown => words(S::SERVICE_UNAVAILABLE, "outcome_unknown", "It is not known whether this was applied")
                .hint("Send the same again: repeats are harmless."),
            Fault::NoSuchAsset => words(S::NOT_FOUND, "no_such_asset", "There is no such asset"),
            Fault::AssetDeleted => words(S::GONE, "asset_deleted", "The asset has been deleted"),
            Fault::NoPrice => words(S::NOT_FOUND, "no_price", "The asset has no such price"),
            Fault::PriceTooOld { .. } => words(S::CONFLICT, "price_too_old", "The price is older than asked for"),
            Fault::PreconditionFailed =>
                words(S::PRECONDITION_FAILED, "precondition_failed", "The asset is not in the state that was named"),
            Fault::KeyReused => words(S::UNPROCESSABLE_ENTITY, "key_reused", "This delivery id stands for another request")
                .hint("Send the first request again as it was, or this one under an id of its own."),
            Fault::DeliveryRunning => words(S::CONFLICT, "delivery_running", "The first delivery under this id is still being worked on")
                .hint("Send the same again in a moment: it will be answered as the first."),
            Fault::NoSuchDelivery => words(S::NOT_FOUND, "no_such_delivery", "There is no such delivery, or it is no longer kept"),
            Fault::NoFeed => rebuild_words(&RebuildRefused::NoFeed),
            Fault::NoSuchRun => words(S::NOT_FOUND, "no_such_run", "There is no such run, or it is no longer kept"),
            Fault::NoSuchRow => words(S::NOT_FOUND, "no_such_row", "There is no such row, or it is no longer kept"),
            Fault::CannotRelease(why) => words(S::CONFLICT, cannot(*why), "The row cannot be decided again")
                .hint(instead(*why)),
            Fault::NoSuchPlan => words(S::NOT_FOUND, "no_such_plan", "There is no such plan, or it is no longer kept"),
            Fault::PlanRefused(why) => plan_words(why),
            Fault::RebuildRefused(why) => rebuild_words(why),
            Fault::BadCursor => words(S::BAD_REQUEST, "bad_cursor", "This is not a cursor of this server")
                .hint("Send a cursor exactly as it was given."),
            Fault::CursorGone { .. } => words(S::GONE, "cursor_gone", "The changes after this cursor are not all here")
                .hint("Read the catalogue again by GET /api/export, and follow from the cursor that its first line names."),
            Fault::CursorNotReached => words(S::SERVICE_UNAVAILABLE, "cursor_not_reached", "The cursor was not reached in time"),
            Fault::Operating(why) => operating_words(why),
            Fault::StoreFailed | Fault::Damaged => store_words(matches!(self, Fault::Damaged)),
        }
    }

    fn detail(&self) -> String {
        match self {
            Fault::MethodNotAllowed { allow } => format!("allowed: {allow}"),
            Fault::Head(HeadFault::TooLarge { bytes_max, headers_max }) => {
                format!("at most {bytes_max} bytes and {headers_max} headers")
            }
            Fault::BadId(error) => error.to_string(),
            Fault::BadQuery { name: "", fault } => format!("the query {fault}"),
            Fault::BadQuery { name, fault } => format!("`{name}` {fault}"),
            Fault::QueryUnknown { known } if known.is_empty() => "no parameters are known here".into(),
            Fault::QueryUnknown { known } => format!("known parameters: {known}"),
            Fault::QueryWord { name, known } => format!("`{name}` is one of: {known}"),
            Fault::BadTime { name, .. } => format!("`{name}` is not a time with an offset"),
            Fault::BadHeader { name, fault } => format!("`{name}` {fault}"),
            Fault::MediaType { accept } | Fault::ContentEncoding { accept } => format!("accepted: {accept}"),
            Fault::BodyTooLarge { bytes_max } | Fault::Preview(PreviewFault::TooLarge { bytes_max }) => {
                format!("at most {bytes_max} bytes")
            }
            Fault::Preview(PreviewFault::Unread(why)) => why.detail.clone(),
            Fault::Body(error) => error.detail.clone(),
            Fault::RateLimited(Used { lane, suffix, .. }) => format!("`{lane}{suffix}` is used up"),
            Fault::Shed(Shed::BeyondBurst { burst }) => format!("at most {burst} items"),
            Fault::Shed(Shed::BeyondByteBurst { bytes_max }) => format!("at most {bytes_max} bytes"),
            Fault::Shed(Shed::BeyondDocuments { bytes_max }) => {
                format!("at most {bytes_max} bytes of documents that are stored already")
            }
            Fault::PriceTooOld { age_seconds, price_max_age } => {
                format!("its age is {age_seconds} s, `max_age` is {price_max_age} s")
            }
            Fault::CursorGone { oldest } => format!("the oldest cursor is {oldest}"),
            Fault::CannotCompare(why) => why.clone(),
            Fault::Operating(OperatingFault::Faulty(report) | OperatingFault::InPart(report)) => {
                report.said()
            }
            _ => String::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Fault::RateLimited(used) => Some(used.retry_after),
            Fault::RunAskedLately { retry_after } => Some(*retry_after),
            Fault::Shed(Shed::PartnerRate { retry_after } | Shed::Strangers { retry_after }) => {
                Some(*retry_after)
            }
            Fault::Shed(
                Shed::BeyondBurst { .. } | Shed::BeyondByteBurst { .. } | Shed::BeyondDocuments { .. },
            ) => None,
            Fault::Draining => Some(Duration::from_secs(5)),
            Fault::Shed(_)
            | Fault::TooManyConnections
            | Fault::PartnerStarting
            | Fault::OutcomeUnknown
            | Fault::DeliveryRunning
            | Fault::Preview(PreviewFault::Running | PreviewFault::Ended)
            | Fault::CursorNotReached
            | Fault::StoreFailed => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// The header that a status demands beside the body.
    fn extra_header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Fault::MethodNotAllowed { allow } => {
                Some((header::ALLOW, HeaderValue::try_from(&**allow).expect("names of methods")))
            }
            Fault::Unauthorized | Fault::TicketRefused => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Fault::NotTheHooksSender => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Signature")))
            }
            Fault::MediaType { accept } => Some((header::ACCEPT, HeaderValue::from_static(accept))),
            Fault::ContentEncoding { accept } => {
                Some((header::ACCEPT_ENCODING, HeaderValue::from_static(accept)))
            }
            Fault::BodyTooSlow
            | Fault::BodyCutOff
            | Fault::BodyChunks
            | Fault::Head(_)
            | Fault::TlsNeeded
            | Fault::TooManyConnections => Some((header::CONNECTION, HeaderValue::from_static("close"))),
            _ => None,
        }
    }

    /// What a program may want to read beside the code.
    fn extension(&self) -> Option<(&'static str, String)> {
        match self {
            Fault::Body(BodyError { offset: Some(offset), .. }) => Some(("offset", offset.to_string())),
            Fault::BodyTooLarge { bytes_max } | Fault::Preview(PreviewFault::TooLarge { bytes_max }) => {
                Some(("bytes_max", bytes_max.to_string()))
            }
            Fault::Shed(Shed::BeyondBurst { burst }) => Some(("items_max", burst.to_string())),
            Fault::Shed(Shed::BeyondDocuments { bytes_max }) => Some(("bytes_max", bytes_max.to_string())),
            Fault::Shed(Shed::BeyondByteBurst { bytes_max }) => Some(("bytes_max", bytes_max.to_string())),
            Fault::PriceTooOld { age_seconds, .. } => Some(("age_seconds", age_seconds.to_string())),
            Fault::CursorGone { oldest } => Some(("oldest_cursor", json::quoted(oldest))),
            Fault::Operating(OperatingFault::Faulty(report)) => Some(("faults", report.faults_json())),
            _ => None,
        }
    }

    fn problem(&self) -> Problem {
        let Words { status, code, title, hint } = self.words();
        let detail = Some(self.detail()).filter(|detail| !detail.is_empty());
        let mut problem =
            Problem::new(status.as_u16(), code, title, detail.unwrap_or_else(|| title.to_owned()));
        problem.hint = match self {
            Fault::BadTime { hint, .. } => Some(hint.clone()),
            _ => hint.map(str::to_owned),
        };
        problem.extensions.extend(self.extension());
        problem
    }

    /// The label under which a request that was not taken in is counted.
    pub fn shed_reason(&self) -> Option<&'static str> {
        match self {
            Fault::Shed(shed) => Some(shed.as_str()),
            Fault::RateLimited(_) | Fault::RunAskedLately { .. } | Fault::Draining => Some(self.words().code),
            _ => None,
        }
    }

    /// The code of the problem.
    pub fn code(&self) -> &'static str {
        self.words().code
    }

    /// The status that it is answered with.
    pub fn status(&self) -> StatusCode {
        self.words().status
    }

    /// The reply: a problem, with the headers that its status demands.
    pub fn into_response(self) -> Response<Body> {
        let mut response = reply::problem(self.status(), problem::render(&self.problem()));
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, reply::whole_seconds(wait));
        }
        if let Some((name, value)) = self.extra_header() {
            headers.insert(name, value);
        }
        response
    }
}

#[rustfmt::skip]
fn head_words(why: HeadFault) -> Words {
    use StatusCode as S;
    match why {
        HeadFault::Line => words(S::BAD_REQUEST, "request_head", "The head of the request cannot be read")
            .hint("Lines end with CR LF, a name is followed by its colon at once, and no header goes on in a second line (RFC 9112)."),
        HeadFault::Version => words(S::BAD_REQUEST, "http_version", "This version of HTTP is not spoken here")
            .hint("Use HTTP/1.1; HTTP/2 only over TLS, where both sides agree on it."),
        HeadFault::Host => words(S::BAD_REQUEST, "host_header", "A request has one `Host`, with a name or an address")
            .hint("Send the header `Host` once, with the host and port that you call."),
        HeadFault::BodyLength => words(S::BAD_REQUEST, "body_length", "The length of the body cannot be known for certain")
            .hint("Send one `Content-Length` in digits, or else `Transfer-Encoding: chunked`: never both, nor one of them twice."),
        HeadFault::TooLarge { .. } => words(S::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "The head of the request is too large")
            .hint("Send fewer and shorter headers, and a shorter address."),
        HeadFault::TooSlow => words(S::REQUEST_TIMEOUT, "head_too_slow", "The head of the request did not come in time"),
    }
}

/// Of a body that did not come as it was to be.
#[rustfmt::skip]
fn body_words(fault: &Fault) -> Words {
    use StatusCode as S;
    match fault {
        Fault::BodyTooLarge { .. } => words(S::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large")
            .hint("Send fewer items at once."),
        Fault::BodyTooSlow => words(S::REQUEST_TIMEOUT, "body_too_slow", "The body did not come in time"),
        Fault::BodyChunks => words(S::BAD_REQUEST, "body_chunks", "The body's chunks cannot be told from each other")
            .hint("Each chunk is its size in hexadecimal, CR LF, so many bytes, CR LF; the last has the size 0."),
        _ => words(S::BAD_REQUEST, "body_cut_off", "The body was shorter than announced"),
    }
}

fn unproven_words(fault: &Fault) -> Words {
    if matches!(fault, Fault::NotTheHooksSender) {
        let title = "The call does not prove that it comes from the hook's sender";
        return words(StatusCode::UNAUTHORIZED, "unauthorized", title)
            .hint("Check the hook's name in the path, the secret on both sides, and the sender's clock.");
    }
    if matches!(fault, Fault::TicketRefused) {
        return words(
            StatusCode::UNAUTHORIZED,
            "ticket_refused",
            "The ticket opens nothing, or nothing any more",
        )
        .hint(
            "A ticket opens one stream, within a minute: have another one made by POST /api/changes/ticket.",
        );
    }
    words(StatusCode::UNAUTHORIZED, "unauthorized", "A valid bearer key is needed, or a push that is signed").hint(
        "Send the header `Authorization: Bearer KEY` with the key that you were given. A signature has to fit the \
         secret on both sides, the body as it is sent, and our clock; beside a key too.",
    )
}

fn no_write_words(is_no_sandbox: bool) -> Words {
    if !is_no_sandbox {
        return words(StatusCode::FORBIDDEN, "read_only", "This token may only read");
    }
    words(StatusCode::FORBIDDEN, "not_a_sandbox", "This partner is no sandbox: nothing was cleared")
        .hint("Ask the operator for a partner that is marked as a sandbox, to try things out with.")
}

fn id_words(why: AssetIdError) -> Words {
    match why {
        AssetIdError::Placeholder => {
            words(StatusCode::BAD_REQUEST, "id_placeholder", "This stands where an id is missing")
                .hint("Check the template or the code that fills the id in.")
        }
        AssetIdError::Length | AssetIdError::Control => {
            words(StatusCode::BAD_REQUEST, "bad_id", "This cannot be the id of an asset")
        }
    }
}

fn store_words(is_damage: bool) -> Words {
    if !is_damage {
        return words(StatusCode::SERVICE_UNAVAILABLE, "store_failed", "The store cannot be read");
    }
    // without Retry-After: trying again does not mend it
    words(StatusCode::INTERNAL_SERVER_ERROR, "damaged", "What is stored here is damaged, and is not shown")
        .hint("Tell the operator: the log names the table, and a backup has to be restored.")
}

#[rustfmt::skip]
fn operating_words(why: &OperatingFault) -> Words {
    use StatusCode as S;
    match why {
        OperatingFault::NoFiles => words(S::CONFLICT, "reload_unavailable", "This daemon reads no files of configuration"),
        OperatingFault::Faulty(_) => words(S::UNPROCESSABLE_ENTITY, "configuration_faulty", "The configuration is at fault: nothing of it is taken over"),
        OperatingFault::InPart(_) => words(S::INTERNAL_SERVER_ERROR, "configuration_in_part", "The configuration is taken over in part: the log says what failed"),
        OperatingFault::StillConfigured => words(S::CONFLICT, "partner_configured", "The partner is configured: only a removed one can be purged")
            .hint("Take its file away and reload first: tidegate partner remove NAME --purge does both."),
        OperatingFault::NothingLeft => words(S::CONFLICT, "nothing_left", "Nothing is left of the partner"),
        OperatingFault::Busy => words(S::CONFLICT, "partner_busy", "The partner is being stopped, started or purged").hint("Try again in a moment."),
    }
}

/// What else can be done with a row that cannot be decided again.
fn instead(why: ReleaseRefused) -> &'static str {
    match why {
        ReleaseRefused::Cut => "Only the beginning of its text is kept: send the whole text as the body.",
        ReleaseRefused::WholeFile => {
            "Nothing of the file is kept: have it published again with a newer time, and the row closes itself."
        }
        ReleaseRefused::NoText => {
            "It has no text that could be mended: send an empty body to release it as it is."
        }
        ReleaseRefused::NoFeed => {
            "Configure the partner's feed again, or have the partner push the asset, then drop the row."
        }
    }
}

fn cannot(why: ReleaseRefused) -> &'static str {
    match why {
        ReleaseRefused::Cut => "raw_cut",
        ReleaseRefused::WholeFile => "whole_file",
        ReleaseRefused::NoText => "no_text",
        ReleaseRefused::NoFeed => "no_feed",
    }
}

#[rustfmt::skip]
fn shed_words(shed: &Shed) -> Words {
    use StatusCode as S;
    match shed {
        Shed::PartnerRate { .. } => words(S::TOO_MANY_REQUESTS, shed.as_str(), "Your rate limit is used up"),
        Shed::PartnerBytes =>
            words(S::TOO_MANY_REQUESTS, shed.as_str(), "Too many bytes of yours are still being worked on"),
        Shed::DaemonBytes => words(S::SERVICE_UNAVAILABLE, shed.as_str(), "The daemon is busy"),
        Shed::BeyondBurst { .. } =>
            words(S::PAYLOAD_TOO_LARGE, shed.as_str(), "More items at once than your rate limit can ever hold")
                .hint("Send fewer items at once."),
        Shed::BeyondByteBurst { .. } =>
            words(S::PAYLOAD_TOO_LARGE, shed.as_str(), "More bytes at once than your rate limit can ever hold")
                .hint("Send fewer items at once."),
        Shed::Strangers { .. } =>
            words(S::TOO_MANY_REQUESTS, shed.as_str(), "Too many calls from your address do not prove who sends them")
                .hint("Check the key or the secret; a call with a right one is answered at any time."),
        Shed::BeyondDocuments { .. } =>
            words(S::PAYLOAD_TOO_LARGE, shed.as_str(), "The assets named hold more than can be worked on at once")
                .hint("Send fewer items at once."),
        Shed::Reads => words(S::TOO_MANY_REQUESTS, shed.as_str(), "Too many reads of yours are still being answered")
            .hint("Take the replies that are on their way, then ask again."),
        Shed::Storage => words(S::SERVICE_UNAVAILABLE, shed.as_str(), "The store cannot take writes now"),
    }
}

fn preview_words(why: &PreviewFault) -> Words {
    use StatusCode as S;
    match why {
        PreviewFault::TooLarge { .. } => words(
            S::PAYLOAD_TOO_LARGE,
            "document_too_large",
            "The document is larger than a request may be",
        )
        .hint(
            "A feed may be larger than a request. Send a part of it that is whole JSON, preview it by \
                 `tidegate feed preview`, or ask the operator for a larger `server.body_bytes_max`.",
        ),
        PreviewFault::Unread(why) => words(S::UNPROCESSABLE_ENTITY, why.code, "The document cannot be read"),
        PreviewFault::Running => {
            words(S::CONFLICT, "preview_running", "Another document of yours is being looked at")
                .hint("Try again when that one is answered.")
        }
        PreviewFault::Ended => {
            words(S::SERVICE_UNAVAILABLE, "preview_ended", "The preview ended before it was complete")
                .hint("Nothing was changed: send the same again.")
        }
    }
}

#[rustfmt::skip]
fn plan_words(why: &PlanRefused) -> Words {
    match why {
        PlanRefused::NotHeld => words(StatusCode::CONFLICT, "plan_not_held", "The plan is no longer held"),
        PlanRefused::Busy => words(StatusCode::CONFLICT, "plan_busy", "A plan of this partner is being applied")
            .hint("Try again in a moment."),
    }
}

#[rustfmt::skip]
fn feed_words(fault: &Fault) -> Words {
    match fault {
        Fault::RunAskedLately { .. } => words(StatusCode::TOO_MANY_REQUESTS, "run_asked_lately", "A run of this feed was asked for a moment ago"),
        Fault::CannotCompare(_) => words(StatusCode::CONFLICT, "cannot_compare", "The files cannot be compared"),
        _ => words(StatusCode::CONFLICT, "feed_paused", "The feed is paused")
            .hint("Its operator has stopped its schedule: ask them to let it go on."),
    }
}

#[rustfmt::skip]
fn rebuild_words(why: &RebuildRefused) -> Words {
    match why {
        RebuildRefused::NoFeed => words(StatusCode::NOT_FOUND, "no_feed", "No feed is configured for this partner"),
        RebuildRefused::Running => words(StatusCode::CONFLICT, "run_under_way", "A run of this feed is under way")
            .hint("Try again when it has ended."),
        RebuildRefused::NotStored => words(StatusCode::NOT_FOUND, "not_stored", "The run's file is not kept")
            .hint("Only the files of the last applied runs are; without `run` the feed is fetched."),
        RebuildRefused::Unread(error) => store_words(error.is_damage()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overload_says_when_to_come_back_and_whose_it_is() {
        let rate = Shed::PartnerRate { retry_after: Duration::from_millis(1200) };
        let response = Fault::from(rate).into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (429, &HeaderValue::from(2))
        );
        let response = Fault::from(Shed::DaemonBytes).into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (503, &HeaderValue::from(1))
        );
        let response = Fault::from(Shed::BeyondBurst { burst: 20 }).into_response();
        assert_eq!((response.status().as_u16(), response.headers().get("retry-after")), (413, None));
    }

    #[test]
    fn a_refusal_is_a_problem_that_no_one_keeps() {
        let response = Fault::Unauthorized.into_response();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

//! Whether the servers of feeds answer: asked for the head of the document, without credentials.

use super::finding::{Finding, Findings};
use crate::clock::Clock;
use crate::codec::time;
use crate::config::{FeedSettings, PartnerSettings, Settings};
use crate::domain::Micros;
use futures_util::StreamExt;
use futures_util::stream;
use reqwest::{Client, Response, StatusCode};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
/// Servers asked at once.
const AT_ONCE: usize = 16;
/// A clock of a server that is this far from ours is looked at: writes are judged by stated times.
const CLOCK_APART_MAX: i64 = 60 * Micros::SECOND;

/// Asks each feed's server.
pub async fn look(settings: &Settings, findings: &mut Findings) {
    let client = Client::builder().no_proxy().timeout(PATIENCE).build();
    let Ok(client) = client else { return };
    let fed = settings.partners.iter().filter_map(|partner| Some((partner, partner.feed.as_ref()?)));
    let asked: Vec<Finding> = stream::iter(fed)
        .map(|(partner, feed)| ask(&client, partner, feed))
        .buffered(AT_ONCE)
        .collect()
        .await;
    asked.into_iter().for_each(|finding| findings.add("feed", finding));
}

async fn ask(client: &Client, partner: &PartnerSettings, feed: &FeedSettings) -> Finding {
    let name = &partner.name;
    match client.head(&feed.url).send().await {
        Err(error) => {
            // without the address: it may carry a secret
            let why = std::iter::successors(std::error::Error::source(&error.without_url()), |cause| {
                cause.source()
            })
            .last()
            .map_or("no answer".into(), ToString::to_string);
            Finding::fail(
                format!("{name}: its server is not reached ({why})"),
                "look at name, firewall and certificate",
            )
        }
        Ok(response) => answered(name.as_str(), &response),
    }
}

fn answered(name: &str, response: &Response) -> Finding {
    let status = response.status();
    let date =
        response.headers().get("date").and_then(|date| date.to_str().ok()).and_then(time::parse_http_date);
    if let Some(date) = date {
        let apart = Clock::system().now().since(date);
        if apart.abs() > CLOCK_APART_MAX {
            let says =
                format!("{name}: its server's clock and ours are {} s apart", apart.abs() / Micros::SECOND);
            return Finding::warn(says, "see which of the two is wrong");
        }
    }
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Finding::fail(
            format!("{name}: there is no document ({status})"),
            "ask the partner for its address",
        ),
        status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => Finding::warn(
            format!("{name}: its server answers {status}"),
            "ask again later; then ask the partner",
        ),
        status => Finding::ok(format!("{name}: its server answers ({status} to a call without credentials)")),
    }
}

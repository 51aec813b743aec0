//! All prices are looked at now and then: how many of each partner's are fresh, late or stale is asked of readers'
//! own rule (P5), which no index answers, for it needs each asset's class.
//!
//! It takes a small share of one processor, whatever there is to look at: a round over a million assets takes
//! minutes.

use crate::actors::PartnerEntry;
use crate::clock::{Mark, sleep};
use crate::codec::render::heartbeat;
use crate::domain::AssetId;
use crate::http::App;
use crate::rules::price::reading::{self, PriceState};
use crate::store::{ReadError, Span};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Between the beginnings of two rounds, where one takes no longer.
const ROUND_EVERY: Duration = Duration::from_secs(60);
/// Of so many times that a page has taken, one was worked.
const REST: u32 = 30;
/// What a page may hold.
const PAGE: Span<'static> = Span { rows: 1_000, bytes: 256 << 10, members: Some(&["class"]) };

type Counts = [u64; PriceState::ALL.len()];

/// Counts for as long as the daemon runs.
pub fn count_prices(app: Arc<App>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let began = Mark::now();
            for entry in app.registry.all() {
                count_of(&app, &entry).await;
            }
            sleep(ROUND_EVERY.saturating_sub(began.elapsed()).max(Duration::from_secs(1))).await;
        }
    })
}

/// What cannot be read is counted when it can.
async fn count_of(app: &Arc<App>, entry: &Arc<PartnerEntry>) {
    if entry.is_removed() || (entry.glance.standing().living == 0 && entry.glance.prices().is_none()) {
        return;
    }
    let (mut counts, mut after) = (Counts::default(), None);
    loop {
        let (look_in, of) = (Arc::clone(app), Arc::clone(entry));
        let began = Mark::now();
        let page = tokio::task::spawn_blocking(move || page(&look_in, &of, after.as_ref())).await;
        let Ok(Ok((found, next))) = page else { return };
        counts.iter_mut().zip(found).for_each(|(sum, more)| *sum += more);
        let Some(next) = next else { break };
        after = Some(next);
        sleep(began.elapsed() * REST).await;
    }
    entry.glance.prices_stand_at(counts);
}

fn page(
    app: &App,
    entry: &PartnerEntry,
    after: Option<&AssetId>,
) -> Result<(Counts, Option<AssetId>), ReadError> {
    let mut counts = Counts::default();
    let (now, gap_since) = (app.clock.now(), entry.gap.since());
    let settings = entry.settings.load();
    let page = app.reader.assets_within(entry.no, after, PAGE)?;
    // a damaged row is told of elsewhere
    for row in page.rows.iter().flatten().filter(|row| row.head.is_alive()) {
        let heartbeat = heartbeat(&row.document, &settings.policy);
        let read = |quote| reading::read_at(quote, heartbeat, gap_since, now);
        row.quotes.iter().filter_map(read).for_each(|reading| counts[reading.state as usize] += 1);
    }
    Ok((counts, page.next))
}

//! What the status page is made of: the daemon, all partners in figures, and one page of them, those with
//! trouble first; or one partner by itself.
//!
//! All partners are looked through at a glance; the store is read only for those of the page.

use super::health::PartnerHealth;
use super::status::{DaemonFigures, PartnerView, rendered};
use crate::actors::{PartnerEntry, PushedFigures, StandingFigures};
use crate::codec::time;
use crate::http::admin::call::{DaemonCall, OperatorCall};
use crate::http::app::App;
use crate::http::gate::path::Query;
use crate::http::gate::route::Answer;
use crate::http::gate::shares::ShareLane;
use crate::http::reply::{self, Fault};
use crate::http::request::page::LIMIT_MAX;
use crate::rules::price::reading::PriceState;
use hyper::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a query may say.
pub const OVERVIEW_PARAMETERS: [&str; 4] = ["search", "only", "limit", "cursor"];
const LIMIT_DEFAULT: u64 = 50;
/// The words of `only`.
const ONLY: [&str; 7] = ["trouble", "plans", "quarantine", "running", "paused", "removed", "configured"];
/// An entry with what is seen of it at this moment.
struct Looked {
    entry: Arc<PartnerEntry>,
    seen: StandingFigures,
    pushed: PushedFigures,
    health: PartnerHealth,
}

impl Looked {
    fn at(entry: Arc<PartnerEntry>, app: &App) -> Looked {
        let (seen, pushed) = (entry.glance.standing(), entry.glance.pushed());
        let health = PartnerHealth::of(&entry, &seen, (app.clock.now(), app.started_at));
        Looked { entry, seen, pushed, health }
    }

    fn is_running(&self) -> bool {
        self.entry.board.run().is_some()
    }

    fn fits(&self, only: Option<&str>) -> bool {
        match only {
            Some("trouble") => self.health < PartnerHealth::Fine,
            Some("plans") => self.seen.plans_held > 0,
            Some("quarantine") => self.seen.quarantined > 0,
            Some("running") => self.is_running(),
            Some("paused") => self.health != PartnerHealth::Removed && self.entry.board.is_paused(),
            Some("removed") => self.health == PartnerHealth::Removed,
            Some(_) => self.health != PartnerHealth::Removed,
            None => true,
        }
    }
}

#[derive(Serialize)]
struct OverviewView {
    #[serde(flatten)]
    daemon: DaemonFigures,
    totals: TotalsView,
    partners: PageView,
}

/// Figures of all partners together; those that only grow do so since the daemon started.
#[derive(Default, Serialize)]
struct TotalsView {
    partners: u64,
    removed: u64,
    trouble: u64,
    down: u64,
    failing: u64,
    late: u64,
    paused: u64,
    running: u64,
    plans_held: u64,
    deletes_held: u64,
    partners_with_plans: u64,
    quarantined: u64,
    partners_with_quarantine: u64,
    parked: u64,
    living: u64,
    assets_pushed: u64,
    prices_pushed: u64,
    items_refused: u64,
}

impl TotalsView {
    fn add(&mut self, looked: &Looked) {
        let Looked { seen, pushed, health, .. } = looked;
        let is = |wanted| u64::from(*health == wanted);
        self.partners += u64::from(*health != PartnerHealth::Removed);
        self.removed += is(PartnerHealth::Removed);
        self.trouble += u64::from(*health < PartnerHealth::Fine);
        self.down += is(PartnerHealth::Down);
        self.failing += is(PartnerHealth::Failing);
        self.late += is(PartnerHealth::Late);
        self.paused += u64::from(looked.fits(Some("paused")));
        self.running += u64::from(looked.is_running());
        self.plans_held += seen.plans_held;
        self.deletes_held += seen.deletes_held;
        self.partners_with_plans += u64::from(seen.plans_held > 0);
        self.quarantined += seen.quarantined;
        self.partners_with_quarantine += u64::from(seen.quarantined > 0);
        self.parked += seen.parked;
        self.living += seen.living;
        self.assets_pushed += pushed.assets;
        self.prices_pushed += pushed.prices;
        self.items_refused += pushed.refused;
    }
}

#[derive(Serialize)]
struct PageView {
    items: Vec<RowOfPage>,
    /// Partners that the search and `only` leave.
    matching: usize,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct RowOfPage {
    #[serde(flatten)]
    partner: PartnerView,
    health: &'static str,
    sandbox: bool,
    living: u64,
    quarantined: u64,
    parked: u64,
    plans_held: u64,
    deletes_held: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_plan_at: Option<String>,
    assets_pushed: u64,
    prices_pushed: u64,
    items_refused: u64,
    last_push_at: Option<String>,
    /// Prices by how far they can be relied on; none before they were first looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<BTreeMap<&'static str, u64>>,
}

impl RowOfPage {
    fn of(looked: &Looked, app: &App) -> Result<RowOfPage, Fault> {
        let Looked { entry, seen, pushed, health } = looked;
        if seen.plans_held > 0 {
            // one that is overdue expires by this, and is gone when the page asks again
            entry.look_at_plans();
        }
        Ok(RowOfPage {
            partner: PartnerView::of(&app.reader, entry)?,
            health: health.as_str(),
            sandbox: entry.is_sandbox(),
            living: seen.living,
            quarantined: seen.quarantined,
            parked: seen.parked,
            plans_held: seen.plans_held,
            deletes_held: seen.deletes_held,
            oldest_plan_at: seen.oldest_plan_at.map(time::format),
            assets_pushed: pushed.assets,
            prices_pushed: pushed.prices,
            items_refused: pushed.refused,
            last_push_at: pushed.last_at.map(time::format),
            prices: entry
                .glance
                .prices()
                .map(|counts| PriceState::ALL.iter().map(|state| state.as_str()).zip(counts).collect()),
        })
    }
}

/// What a query asks for.
struct Wanted {
    search: Option<String>,
    only: Option<String>,
    limit: usize,
    /// Partners before the page.
    skip: usize,
}

impl Wanted {
    fn of(query: &Query<'_>) -> Result<Wanted, Fault> {
        let only = query.one("only")?.map(|text| text.into_owned());
        if only.as_deref().is_some_and(|word| !ONLY.contains(&word)) {
            return Err(Fault::QueryWord { name: "only", known: ONLY.join(", ") });
        }
        let skip = query.one("cursor")?.map(|text| text.parse().map_err(|_| Fault::BadCursor)).transpose()?;
        Ok(Wanted {
            search: query.one("search")?.map(|text| text.trim().to_ascii_lowercase()),
            only,
            limit: query.number("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as usize,
            skip: skip.unwrap_or(0),
        })
    }

    fn admits(&self, looked: &Looked) -> bool {
        let named = |search: &String| looked.entry.name.as_str().to_ascii_lowercase().contains(search);
        self.search.as_ref().is_none_or(named) && looked.fits(self.only.as_deref())
    }
}

/// The daemon, the figures of all partners, and the page of them that the query asks for.
pub async fn overview(call: &DaemonCall<'_>) -> Answer {
    let wanted = Wanted::of(&call.query)?;
    let app = Arc::clone(call.app());
    let view = move || {
        let (mut totals, mut found) = (TotalsView::default(), Vec::new());
        for entry in app.registry.all().into_iter().filter(|entry| !entry.is_purged()) {
            let looked = Looked::at(entry, &app);
            totals.add(&looked);
            if wanted.admits(&looked) {
                found.push(looked);
            }
        }
        // by name within each: the registry gives them so
        found.sort_by_key(|looked| looked.health);
        let matching = found.len();
        let page = found.iter().skip(wanted.skip).take(wanted.limit);
        let items = page.map(|looked| RowOfPage::of(looked, &app)).collect::<Result<Vec<_>, Fault>>()?;
        let end = wanted.skip.saturating_add(items.len());
        let next_cursor = (end < matching).then(|| end.to_string());
        let partners = PageView { items, matching, next_cursor };
        rendered(&OverviewView { daemon: DaemonFigures::of(&app), totals, partners })
    };
    Ok(reply::json(StatusCode::OK, call.share().run(ShareLane::Pages, view).await?))
}

#[derive(Serialize)]
struct OnePartnerView {
    now: String,
    #[serde(flatten)]
    row: RowOfPage,
}

/// One partner, as the overview has it.
pub async fn partner(call: &OperatorCall<'_>) -> Answer {
    let (app, entry) = (Arc::clone(call.app()), Arc::clone(&call.partner));
    let view = move || {
        let row = RowOfPage::of(&Looked::at(entry, &app), &app)?;
        rendered(&OnePartnerView { now: time::format(app.clock.now()), row })
    };
    Ok(reply::json(StatusCode::OK, call.share().run(ShareLane::Pages, view).await?))
}

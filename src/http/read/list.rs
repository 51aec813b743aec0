//! Lists by pages: assets with their prices, and prices alone. Ordered by partner and id, so that
//! a page's last row says where the next begins, whatever has changed meanwhile.

use super::damaged::DamagedRows;
use crate::actors::PartnerEntry;
use crate::codec::{cursor, json};
use crate::domain::{AssetId, Micros, QuoteName, Seq};
use crate::http::reply::view::Scene;
use crate::http::reply::{self, Body, Fault};
use crate::http::request::call::Call;
use crate::http::request::page::{LIMIT_MAX, separate};
use crate::http::request::position::{self, Position};
use crate::store::{AssetRow, Reader, Span};
use hyper::{Response, StatusCode};
use std::collections::BTreeSet;
use std::sync::Arc;

const LIMIT_DEFAULT: u64 = 100;
/// Ids in one call for prices.
const IDS_MAX: usize = 500;
/// What says which assets a list shows, and how many; those that are named by their ids are not a list.
const OF_LISTS: [&str; 5] = ["status", "class", "changed_since", "limit", "cursor"];
/// Rows read at once, and their bytes: what one short transaction holds in memory.
const BATCH_ROWS: usize = 100;
const BATCH_BYTES: usize = 1 << 20;
/// A page ends here though it is not full: a filter that matches little must not scan a million
/// rows, nor gigabytes of them, for one reply …
const SCAN_ROWS_MAX: usize = 20_000;
const SCAN_BYTES_MAX: usize = 64 << 20;
/// … and a reply is held until the client has taken it.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// Members that filters and prices are read by.
const READ_BY: [&str; 2] = ["status", "class"];

/// What a page is made of, and from where.
struct Page {
    reader: Reader,
    partners: Vec<Arc<PartnerEntry>>,
    after: Option<Position>,
    limit: usize,
    filter: Filter,
    show: Show,
    now: Micros,
}

/// Which rows are shown.
struct Filter {
    status: Status,
    class: Option<String>,
    changed_since: Option<Seq>,
}

enum Status {
    /// The default (X5).
    Active,
    Any,
    Is(String),
}

/// What of a row is shown.
enum Show {
    Asset { fields: Option<Vec<String>> },
    Price(QuoteName),
}

/// A page of assets with their prices.
pub async fn assets(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let fields = call.query.one("fields")?.map(|text| text.split(',').map(str::to_owned).collect());
    page(call, filter(call)?, Show::Asset { fields }).await
}

/// A page of prices, or the prices of the assets that `?id=` names.
pub async fn prices(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let quote = call.quote_name()?;
    let ids =
        call.query.all("id").map(AssetId::named).collect::<Result<Vec<_>, _>>().map_err(Fault::BadId)?;
    // what is wrong with a parameter is said first
    let filter = filter(call)?;
    place(call)?;
    match ids.len() {
        0 => page(call, filter, Show::Price(quote)).await,
        1..=IDS_MAX => {
            if let Some(name) = OF_LISTS.into_iter().find(|name| call.query.all(name).next().is_some()) {
                return Err(Fault::query(
                    name,
                    "is for lists: with `id`, the assets that are named are read",
                ));
            }
            prices_of(call, ids, quote).await
        }
        _ => Err(Fault::query("id", "is given more than 500 times")),
    }
}

async fn page(call: &Call<'_>, filter: Filter, show: Show) -> Result<Response<Body>, Fault> {
    let app = call.app();
    let (after, limit) = place(call)?;
    let page = Page {
        reader: app.reader.clone(),
        partners: partners(call)?,
        after,
        limit,
        filter,
        show,
        now: app.clock.now(),
    };
    let out = call.share().page(move || page.render()).await?;
    Ok(reply::json(StatusCode::OK, out))
}

/// After what a page begins, and how many items it has at most.
fn place(call: &Call<'_>) -> Result<(Option<Position>, usize), Fault> {
    let after = call.query.one("cursor")?;
    let after = after.map(|text| Position::decode(&text).ok_or(Fault::BadCursor)).transpose()?;
    Ok((after, call.query.number("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as usize))
}

/// The partners that a list runs over, by name.
pub(super) fn partners(call: &Call<'_>) -> Result<Vec<Arc<PartnerEntry>>, Fault> {
    let named = call.query.one("partner")?;
    match (&call.partner, named) {
        (Some(own), Some(named)) if named != own.name.as_str() => Err(Fault::NoSuchPartner),
        (Some(own), _) => Ok(vec![Arc::clone(own)]),
        (None, Some(named)) => {
            let shown = call.app().registry.by_name(&named).filter(|partner| !partner.is_sandbox());
            Ok(vec![shown.ok_or(Fault::NoSuchPartner)?])
        }
        (None, None) => {
            let mut shown = call.app().registry.all();
            shown.retain(|partner| !partner.is_sandbox());
            Ok(shown)
        }
    }
}

fn filter(call: &Call<'_>) -> Result<Filter, Fault> {
    let status = status(call)?;
    let changed_since = call.query.one("changed_since")?;
    let seq_of = |text: &str| {
        let since = cursor::decode(text).ok_or(Fault::BadCursor)?;
        position::resume_after(&call.app().reader, since)
    };
    Ok(Filter {
        status,
        class: call.query.one("class")?.map(String::from),
        changed_since: changed_since.as_deref().map(seq_of).transpose()?,
    })
}

/// X5. A word that no asset may carry is a slip of the pen, and is answered with those that may be.
fn status(call: &Call<'_>) -> Result<Status, Fault> {
    let wanted = match call.query.one("status")?.as_deref() {
        None | Some("active") => return Ok(Status::Active),
        Some("any" | "all") => return Ok(Status::Any),
        Some(other) => other.to_owned(),
    };
    let mut known = BTreeSet::from(["active", "inactive", "any"].map(String::from));
    for partner in partners(call)? {
        let settings = partner.settings.load();
        known.extend(settings.policy.statuses_extra.iter().map(ToString::to_string));
    }
    match known.contains(&wanted) {
        true => Ok(Status::Is(wanted)),
        false => {
            let known = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            Err(Fault::QueryWord { name: "status", known })
        }
    }
}

impl Filter {
    fn admits(&self, row: &AssetRow) -> bool {
        let status = match &self.status {
            Status::Active => !row.head.inactive,
            Status::Any => true,
            Status::Is(wanted) => row.document.text_of("status").as_deref() == Some(wanted),
        };
        let class_is = |class: &str| row.document.text_of("class").as_deref() == Some(class);
        let class = self.class.as_deref().is_none_or(class_is);
        let changed = self.changed_since.is_none_or(|since| row.changed > since);
        row.head.is_alive() && !row.head.hidden && status && class && changed
    }
}

impl Page {
    /// `cursor` is where the change stream stood before the first row was read: following it from
    /// there misses nothing.
    fn render(self) -> Result<Vec<u8>, Fault> {
        let stands_at = cursor::encode(self.reader.journal(), self.reader.durable());
        let mut out = Vec::with_capacity(64 * 1024);
        let mut damaged = DamagedRows::default();
        out.extend_from_slice(b"{\"items\":[");
        let next = self.render_items(&mut out, &mut damaged)?;
        out.push(b']');
        damaged.render(&mut out);
        out.extend_from_slice(b",\"next_cursor\":");
        match next {
            Some(position) => json::quote(&mut out, &position.encode()),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"cursor\":");
        json::quote(&mut out, &stands_at);
        out.push(b'}');
        Ok(out)
    }

    /// The position of the last row looked at, where there may be more behind it. A damaged row counts
    /// as shown: whether a filter would admit it is not known.
    fn render_items(&self, out: &mut Vec<u8>, damaged: &mut DamagedRows) -> Result<Option<Position>, Fault> {
        let members = self.show.members();
        let members = members.as_deref();
        let (mut scanned, mut scanned_bytes, mut shown) = (0, 0, 0);
        let begun = self.after.as_ref().map(|position| &position.partner);
        for partner in self.partners.iter().filter(|partner| begun.is_none_or(|begun| partner.name >= *begun))
        {
            let resumes = self.after.as_ref().filter(|position| position.partner == partner.name);
            let scene = Scene { partner, journal: self.reader.journal(), now: self.now };
            let mut after = resumes.map(|position| position.id.clone());
            loop {
                // one row more than wanted would be read for nothing, where all of them show
                let rows = BATCH_ROWS.min(self.limit - shown);
                let span = Span { rows, bytes: BATCH_BYTES, members };
                let batch = self.reader.assets_within(partner.no, after.as_ref(), span)?;
                scanned_bytes += batch.read_bytes;
                for row in batch.rows {
                    scanned += 1;
                    let (is_shown, id) = match row {
                        Ok(row) => (self.filter.admits(&row) && self.show_row(out, &scene, &row), row.id),
                        Err(row) => (damaged.name(partner, &row.id), row.id),
                    };
                    shown += usize::from(is_shown);
                    if shown == self.limit || scanned == SCAN_ROWS_MAX || out.len() > PAGE_BYTES_MAX {
                        return Ok(Some(Position { partner: partner.name.clone(), id }));
                    }
                }
                match batch.next {
                    Some(id) if scanned_bytes > SCAN_BYTES_MAX => {
                        return Ok(Some(Position { partner: partner.name.clone(), id }));
                    }
                    Some(id) => after = Some(id),
                    None => break,
                }
            }
        }
        Ok(None)
    }

    /// Whether the row had something to show.
    fn show_row(&self, out: &mut Vec<u8>, scene: &Scene<'_>, row: &AssetRow) -> bool {
        match &self.show {
            Show::Asset { fields } => {
                let fields: Option<Vec<&str>> =
                    fields.as_ref().map(|fields| fields.iter().map(String::as_str).collect());
                separate(out);
                scene.asset(out, row, fields.as_deref());
                true
            }
            Show::Price(name) => show_price(out, scene, row, *name),
        }
    }
}

impl Show {
    /// The members that are read of each document; `None`: all.
    fn members(&self) -> Option<Vec<&str>> {
        let fields: &[String] = match self {
            Show::Asset { fields: None } => return None,
            Show::Asset { fields: Some(fields) } => fields,
            Show::Price(_) => &[],
        };
        Some(fields.iter().map(String::as_str).chain(READ_BY).collect())
    }
}

/// Whether the asset has such a price.
fn show_price(out: &mut Vec<u8>, scene: &Scene<'_>, row: &AssetRow, name: QuoteName) -> bool {
    let Some(quote) = scene.quote(row, name) else { return false };
    separate(out);
    scene.price(out, row, quote);
    true
}

/// The latest price of each id, in the order of the ids; those without one are named.
async fn prices_of(call: &Call<'_>, ids: Vec<AssetId>, name: QuoteName) -> Result<Response<Body>, Fault> {
    let partner = Arc::clone(match partners(call)?.as_slice() {
        [only] => only,
        _ => return Err(Fault::PartnerNeeded),
    });
    let (reader, now) = (call.app().reader.clone(), call.app().clock.now());
    let sees_hidden = call.is_partner();
    let share = call.share();
    let out = share.page(move || {
        let mut out = Vec::with_capacity(ids.len() * 192);
        let (mut missing, mut damaged) = (Vec::new(), DamagedRows::default());
        let scene = Scene { partner: &partner, journal: reader.journal(), now };
        out.extend_from_slice(b"{\"items\":[");
        for id in &ids {
            let row = match reader.asset_with(partner.no, id, &READ_BY) {
                Err(error) if error.is_damage() => {
                    damaged.name(&partner, id);
                    continue;
                }
                read => read?.filter(|row| row.head.is_alive()),
            };
            let row = row.filter(|row| sees_hidden || !row.head.hidden);
            if !row.is_some_and(|row| show_price(&mut out, &scene, &row, name)) {
                missing.push(id);
            }
        }
        out.extend_from_slice(b"],\"missing\":[");
        for id in missing {
            separate(&mut out);
            json::quote(&mut out, id.as_str());
        }
        out.push(b']');
        damaged.render(&mut out);
        out.push(b'}');
        Ok(out)
    });
    Ok(reply::json(StatusCode::OK, out.await?))
}

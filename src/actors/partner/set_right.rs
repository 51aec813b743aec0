//! Puts right what our own clock has dated while it ran ahead (T4), before the partner's actor
//! decides anything: in the store, part by part, like any other change.
//!
//! By how much is recorded before the first part and forgotten with the last: what ends in between
//! is gone on with. Deliveries and what is parked keep their times; their ages count from the start.

use super::books::plans::pages::read_page;
use super::books::record;
use super::books::runs::{state, state_record};
use super::books::undated::{undated_of, undated_record};
use super::state::SharedServices;
use crate::actors::push::Unavailable;
use crate::clock::sleep;
use crate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, ChangeKind, FeedState, Micros, Origin, PartnerNo, Plan,
    PlanPageKey, PriceChange, Quote, SetBack, Slot, Stamp, WriteSet,
};
use crate::rules::feed::plan::EXPIRY;
use crate::rules::price::reading::reads_alike;
use crate::rules::time::ahead::Ahead;
use crate::store::{ReadError, Reader, StoredRecord};
use std::time::Duration;
use tokio::task::JoinError;

/// Changes of one commit.
const PART_CHANGES: usize = 1_000;
/// How long a part waits before it looks again whether the overlay has room.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug, thiserror::Error)]
pub enum SetRightError {
    #[error("what lies ahead of our clock cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the store takes no writes")]
    Storage(#[from] Unavailable),
    #[error("reading what lies ahead of our clock failed inside: {0}")]
    Panicked(#[from] JoinError),
}

/// Moves what lies ahead back; looks no further than at the partner's marks where they are right.
pub async fn set_right(shared: &SharedServices, no: PartnerNo) -> Result<(), SetRightError> {
    let (reader, now) = (shared.reader.clone(), shared.clock.now());
    let Some(by) = tokio::task::spawn_blocking(move || survey(&reader, no, now)).await?? else {
        return Ok(());
    };
    tracing::warn!(partner = no.0, ?by, "times of our own lie ahead of our clock, moved back");
    commit(shared, no, vec![feed_of(&shared.reader, no)?.marked(Some(by))]).await?;
    let mut from = Some(0);
    while let Some(slot) = from {
        let reader = shared.reader.clone();
        let read = tokio::task::spawn_blocking(move || stretch(&reader, no, slot, (by, now)));
        let (changes, next) = read.await??;
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            commit(shared, no, changes.by_ref().take(PART_CHANGES).collect()).await?;
        }
        from = next;
    }
    set_plans_right(shared, no, (by, now)).await?;
    commit(shared, no, marks(&shared.reader, no, (by, now))?).await
}

async fn commit(
    shared: &SharedServices,
    no: PartnerNo,
    changes: Vec<ChangeKind>,
) -> Result<(), SetRightError> {
    while shared.reader.overlay_bytes() > shared.overlay_bytes_max {
        sleep(PAUSE).await;
    }
    shared.storage.commit_and_wait(WriteSet { partner: no, changes }).await?;
    Ok(())
}

/// The feed's state as it is stored.
struct StoredFeed(FeedState);

impl StoredFeed {
    fn marked(mut self, by: Option<SetBack>) -> ChangeKind {
        self.0.set_back = by;
        state_record(&self.0)
    }
}

fn feed_of(reader: &Reader, no: PartnerNo) -> Result<StoredFeed, ReadError> {
    Ok(StoredFeed(state(reader, no)?))
}

/// How far what lies ahead is to be moved back, if any does.
fn survey(reader: &Reader, no: PartnerNo, now: Micros) -> Result<Option<SetBack>, ReadError> {
    let StoredFeed(feed) = feed_of(reader, no)?;
    if feed.set_back.is_some() {
        return Ok(feed.set_back);
    }
    let mut ahead = Ahead::of(now);
    ahead.note_feed(&feed);
    if let Some(undated) = undated_of(reader, no)? {
        ahead.note(undated);
    }
    if !ahead.found() {
        return Ok(None);
    }
    // what is damaged is told of where the index is built
    reader.index_beside_damage(no, &mut |_, _, head, quotes| {
        ahead.note_head(&head);
        ahead.note_quotes(&quotes, head.end);
    })?;
    Ok(ahead.set_back())
}

type Stretch = (Vec<ChangeKind>, Option<u32>);

/// The changes of some assets from a slot on, and the slot to go on from.
fn stretch(
    reader: &Reader,
    no: PartnerNo,
    from: u32,
    (by, now): (SetBack, Micros),
) -> Result<Stretch, ReadError> {
    let mut changes = Vec::new();
    let next = reader.index_from_beside_damage(no, from, &mut |slot, id, head, quotes| {
        let shown = head.is_alive() && !head.hidden;
        changes.extend(quotes.iter().filter_map(|quote| price_moved(slot, &id, quote, (by, now, shown))));
        changes.extend(by.head(&head, now).map(|head| head_moved(slot, id, head)));
    })?;
    Ok((changes, next))
}

fn head_moved(slot: Slot, id: AssetId, head: AssetHead) -> ChangeKind {
    let origin = Origin::Push { delivery: 0 };
    ChangeKind::Asset(Box::new(AssetChange {
        slot,
        id,
        event: AssetEvent::Stamped,
        head,
        set: Vec::new(),
        removed: Vec::new(),
        // nobody has written anything
        stamp: Stamp::NEVER,
        origin,
    }))
}

fn price_moved(
    slot: Slot,
    id: &AssetId,
    quote: &Quote,
    (by, now, shown): (SetBack, Micros, bool),
) -> Option<ChangeKind> {
    let moved = by.quote(quote, now)?;
    let visible = shown && !reads_alike(Some(quote), &moved);
    Some(ChangeKind::Price(PriceChange { slot, id: id.clone(), visible, quote: moved }))
}

/// Plans with the `S` of their files, and when they end.
async fn set_plans_right(
    shared: &SharedServices,
    no: PartnerNo,
    (by, now): (SetBack, Micros),
) -> Result<(), SetRightError> {
    let mut after: Option<u64> = None;
    loop {
        let next = shared.reader.records::<Plan>(no, after.as_ref(), false, 1)?.pop();
        let Some(StoredRecord { key, value, .. }) = next else { return Ok(()) };
        after = Some(key);
        let before = value.map_err(ReadError::from)?;
        let plan = plan_moved(&before, (by, now));
        if plan == before {
            continue;
        }
        for number in 0..plan.pages {
            let Some(mut page) = read_page(&shared.reader, no, plan.id, number)? else { continue };
            page.snapshot_at = by.time(Micros(page.snapshot_at)).0;
            commit(shared, no, vec![record::put(&PlanPageKey { plan: plan.id, page: number }, &page)])
                .await?;
        }
        commit(shared, no, vec![record::put(&plan.id, &plan)]).await?;
    }
}

fn plan_moved(plan: &Plan, (by, now): (SetBack, Micros)) -> Plan {
    let time = |at: i64| by.time(Micros(at)).0;
    Plan {
        snapshot_at: time(plan.snapshot_at),
        turned_down_under: plan.turned_down_under.map(time),
        opened_at: plan.opened_at.min(now.0),
        expires_at: plan.expires_at.min(now.plus(EXPIRY).0),
        closed_at: plan.closed_at.map(|at| at.min(now.0)),
        ..plan.clone()
    }
}

/// The last changes: those of what is looked at first.
fn marks(reader: &Reader, no: PartnerNo, (by, now): (SetBack, Micros)) -> Result<Vec<ChangeKind>, ReadError> {
    let mut feed = feed_of(reader, no)?;
    by.feed(&mut feed.0, now);
    let undated = undated_of(reader, no)?.map(|last| undated_record(by.time(last)));
    Ok(undated.into_iter().chain([feed.marked(None)]).collect())
}

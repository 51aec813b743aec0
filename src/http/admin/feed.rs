//! What an operator does about a partner's feed beside its plans: a look at it, a run now, its schedule
//! stopped or going on, and having a snapshot read again.

use super::call::OperatorCall;
use super::reason::reason_of;
use crate::actors::{CompareError, FilesCompared, RebuildFrom, RebuildRefused, compare_files};
use crate::domain::{AssetId, AuditAct, Paused, RunId};
use crate::http::gate::route::Answer;
use crate::http::gate::shares::ShareLane;
use crate::http::own::{errors, feed};
use crate::http::reply::stored::json;
use crate::http::reply::{self, Fault, PreviewFault};
use crate::http::request::page::LIMIT_MAX;
use hyper::StatusCode;
use hyper::body::Incoming;
use serde::Serialize;

/// Ids named of each kind.
const DIFF_LIMIT: u64 = 100;

/// The feed's state, with the run that is under way.
pub fn state(call: &OperatorCall<'_>) -> Answer {
    let view = feed::state_view(&call.app().reader, &call.partner)?.ok_or(Fault::NoFeed)?;
    Ok(json(&view))
}

/// Begins a run now, also while the feed is paused; one that is under way will do.
pub async fn run_now(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    has_feed(call)?;
    let reason = reason_of(call, body).await?;
    call.begin(AuditAct::Run, ("", ""), reason).await?;
    let run = call.partner.run_now().await?;
    call.acting.note(format!("run {}", run.0));
    let said = serde_json::json!({ "requested": true, "run": run.0 });
    Ok(reply::json(StatusCode::ACCEPTED, said.to_string()))
}

/// Stops the schedule; a run that is under way comes to its end.
pub async fn pause(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    has_feed(call)?;
    let reason = reason_of(call, body).await?;
    call.begin(AuditAct::Pause, ("", ""), reason.clone()).await?;
    call.partner.pause(Some(Paused { at: call.app().clock.now().0, reason })).await?;
    state(call)
}

/// Lets the schedule go on: what was missed meanwhile comes to one run.
pub async fn resume(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    has_feed(call)?;
    let reason = reason_of(call, body).await?;
    call.begin(AuditAct::Resume, ("", ""), reason).await?;
    call.partner.pause(None).await?;
    state(call)
}

/// Begins a run that takes up where the index may be wrong: of the body that `?run=` names, else of
/// a document that is fetched now.
pub async fn rebuild(call: &OperatorCall<'_>, body: Incoming) -> Answer {
    let run = call.query.number("run", u64::MAX)?;
    let reason = reason_of(call, body).await?;
    let of = run.map(|run| run.to_string()).unwrap_or_default();
    call.begin(AuditAct::Rebuild, ("run", &of), reason).await?;
    let from = run.map_or(RebuildFrom::Fetch, |run| RebuildFrom::Stored(RunId(run)));
    let started = call.partner.rebuild(from).await??;
    call.acting.note(format!("run {}", started.0));
    let said = serde_json::json!({ "requested": true, "run": started.0 });
    Ok(reply::json(StatusCode::ACCEPTED, said.to_string()))
}

/// What has changed between the kept files of two runs.
pub async fn diff(call: &OperatorCall<'_>) -> Answer {
    let run = |name: &'static str| {
        let run =
            call.query.number(name, u64::MAX)?.ok_or_else(|| Fault::query(name, "is the number of a run"))?;
        Ok::<_, Fault>(RunId(run))
    };
    let runs = (run("from")?, run("to")?);
    let most = call.query.number("limit", LIMIT_MAX)?.unwrap_or(DIFF_LIMIT) as usize;
    let settings = call.partner.settings.load_full();
    has_feed(call)?;
    let bodies = call.app().settings.load().store.directory.join("spool").join(settings.name.as_str());
    // one at a time for each partner, as looks at documents are
    let one = call.partner.begin_preview().ok_or(Fault::Preview(PreviewFault::Running))?;
    let work = move || {
        let _one = one;
        compare_files(&settings, &bodies, runs, most).map(|found| DiffView::of(runs, found)).map_err(|why| {
            match why {
                CompareError::NotKept(_) => Fault::RebuildRefused(RebuildRefused::NotStored),
                why => Fault::CannotCompare(why.to_string()),
            }
        })
    };
    let view = call.share().run(ShareLane::Pages, work).await?;
    Ok(json(&view))
}

#[derive(Serialize)]
struct DiffView {
    from: u64,
    to: u64,
    added: IdsView,
    removed: IdsView,
    changed: ChangedView,
    same: u64,
}

#[derive(Serialize)]
struct IdsView {
    count: u64,
    ids: Vec<String>,
}

#[derive(Serialize)]
struct ChangedView {
    count: u64,
    items: Vec<ChangedItem>,
}

#[derive(Serialize)]
struct ChangedItem {
    id: String,
    members: Vec<String>,
}

impl DiffView {
    fn of((from, to): (RunId, RunId), found: FilesCompared) -> DiffView {
        let ids = |(count, ids): (u64, Vec<AssetId>)| IdsView {
            count,
            ids: ids.iter().map(|id| id.as_str().to_owned()).collect(),
        };
        let (count, items) = found.changed;
        let item =
            |(id, members): (AssetId, Vec<String>)| ChangedItem { id: id.as_str().to_owned(), members };
        let changed = ChangedView { count, items: items.into_iter().map(item).collect() };
        let (added, removed) = (ids(found.added), ids(found.removed));
        DiffView { from: from.0, to: to.0, added, removed, changed, same: found.same }
    }
}

/// A page of the feed's runs, the newest first.
pub async fn runs(call: &OperatorCall<'_>) -> Answer {
    feed::runs_of(call.app().reader.clone(), &call.share(), &call.partner, &call.query).await
}

/// A page of what was kept aside of a run.
pub async fn errors(call: &OperatorCall<'_>) -> Answer {
    errors::errors_of(call.app(), &call.share(), &call.partner, call.id, &call.query).await
}

/// The report of a run: how a rebuild ended.
pub fn run(call: &OperatorCall<'_>) -> Answer {
    feed::run_of(&call.app().reader, &call.partner, call.id)
}

fn has_feed(call: &OperatorCall<'_>) -> Result<(), Fault> {
    call.partner.settings.load().feed.as_ref().map(|_| ()).ok_or(Fault::NoFeed)
}

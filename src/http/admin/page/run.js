// One run of a feed: how far it is, or how it went; and what of its file was kept aside.

import { h } from './dom.js';
import { ask, askFor, at, link } from './api.js';
import { phases, timeOf } from './chart.js';
import { facts, foreign, nothing, progress, section, table, tile, tiles } from './parts.js';
import { bytes, counted, number, percent } from './words.js';
import { outcomeOf, tookOf } from './feed.js';
import { rowsTable } from './quarantine.js';

const ROWS = 50;

export const title = ([partner, , run]) => `Run ${run} of ${partner}`;

export async function load([name, , run]) {
  const partner = await askFor(at(name));
  const isUnderWay = String(partner?.feed?.running?.run) === run;
  const report = partner && !isUnderWay ? await askFor(at(name, 'feed', 'runs', run)) : null;
  const rows = report && report.quarantined ? await ask(at(name, 'feed', 'runs', run, 'errors'), { limit: ROWS }) : { items: [] };
  return { name, run, partner, report, isUnderWay, rows: rows.items };
}

const COUNTS = [
  ['records', 'Records in the file'], ['created', 'New assets'], ['updated', 'Changed'], ['unchanged', 'As they were'],
  ['deleted', 'Gone'], ['held', 'Deletes held in a plan'], ['quarantined', 'Kept aside'], ['prices_quarantined', 'Prices kept aside'],
  ['resurrected', 'Brought back'], ['missed_push', 'Pushes that never arrived'], ['missed_delete', 'Deletes that never arrived'],
  ['feed_stale', 'Older than a push'], ['phantom', 'Pushed after the file was made'], ['value_conflict', 'Other values at the same time'],
  ['drift', 'Prices that differ from dated ones'], ['absent_once', 'Missing for the first time'], ['repeated', 'Said twice'],
  ['prices', 'Prices taken'], ['prices_parked', 'Prices for unknown assets'], ['rows_closed', 'Rows of the quarantine closed'],
];

function counts(report) {
  const said = COUNTS.filter(([name]) => report.counts[name] > 0);
  return section('What it came to', {}, said.length === 0 ? nothing('Nothing.') : tiles(said.map(([name, words]) => tile(words, number(report.counts[name])))));
}

function faults({ faults: found }) {
  if (!found?.length) return null;
  const rows = found.map((fault, place) => ({
    key: place,
    cells: [fault.record === null || fault.record === undefined ? 'the file' : `record ${fault.record}`, foreign(fault.id ?? '–'), foreign(fault.detail), number(fault.offset)],
  }));
  return section('Faults in the file', { note: `the first ${found.length}` },
    table('Faults in the file', [{ name: 'Where' }, { name: 'Asset' }, { name: 'What' }, { name: 'At byte', n: true }], rows));
}

function ended({ report, rows, name, partner }) {
  return [
    section('How it went', {}, facts([
      ['Outcome', outcomeOf(report)],
      ['Began', timeOf(report.started_at)],
      ['Took', tookOf(report)],
      ['File', `${bytes(report.body_bytes)}${report.wire_bytes && report.wire_bytes !== report.body_bytes ? `, ${bytes(report.wire_bytes)} over the wire` : ''}`],
      ['Its time', report.snapshot_at ? [timeOf(report.snapshot_at), report.dated ? '' : ' (by when it was fetched)'] : 'none'],
      report.push_loss && ['Pushes lost', `${percent(report.push_loss.ratio)}: ${number(report.push_loss.missed)} of ${number(report.push_loss.pushes)}`],
      report.code && ['Code', h('code', null, report.code)],
    ]), report.timings && phases(report.timings)),
    counts(report),
    faults(report),
    rows.length > 0 && section('Kept aside', { note: counted(rows.length, 'row') }, rowsTable(name, rows, partner.now)),
  ];
}

export function render(found) {
  const { name, run, partner, report, isUnderWay } = found;
  const running = partner?.feed?.running;
  const state = isUnderWay ? section('Under way', {}, progress(running), facts([['Began', timeOf(running.started_at)]])) : nothing('There is no such run, or its report is no longer kept.');
  return [
    h('p', { class: 'crumbs' }, h('a', { href: link() }, 'Partners'), ' / ', h('a', { href: link('partners', name) }, name), ' / '),
    h('div', { class: 'title' }, h('h1', { tabindex: '-1' }, `Run ${run}`)),
    report && partner ? ended(found) : state,
  ];
}

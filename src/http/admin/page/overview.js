// All partners: what happens, what waits, and a page of them, those with trouble first.

import { h } from './dom.js';
import { link } from './api.js';
import { line } from './chart.js';
import { ago, facts, foreign, healthMark, mark, nothing, progress, section, table, tile, tiles } from './parts.js';
import { RUN, about, bytes, changes, counted, number, percent, perSecond, schedule } from './words.js';
import * as samples from './samples.js';

export const title = () => 'Partners';

const asked = { search: '', only: '', skip: 0, limit: 50 };

/** What the overview is asked for; each look asks again. */
export const query = () => ({ search: asked.search, only: asked.only, limit: asked.limit, cursor: asked.skip || '' });

export async function load(_, overview) {
  samples.keepOnly((name) => !name.startsWith('total:partner:') || overview.partners.items.some((row) => name === `total:partner:${row.name}`));
  for (const row of overview.partners.items) samples.note(`total:partner:${row.name}`, row.assets_pushed + row.prices_pushed);
  return overview;
}

function figures(overview) {
  const { totals } = overview;
  const pushes = samples.rates('total:pushed');
  const changes = samples.rates('total:changes');
  const overlay = samples.levels('overlay');
  return tiles(
    tile('Pushed items', perSecond(pushes.at(-1) ?? null), line(pushes, 'Pushed items', perSecond)),
    tile('Changes', perSecond(changes.at(-1) ?? null), line(changes, 'Changes', perSecond)),
    tile('Living assets', number(totals.living), h('p', { class: 'soft' }, `of ${counted(totals.partners, 'partner')}`)),
    tile('Refused items', number(totals.items_refused), h('p', { class: 'soft' }, 'since the daemon started')),
    tile('Waits for the tables', bytes(overview.overlay_bytes), line(overlay, 'Changes in memory that wait for the tables', bytes)),
  );
}

const CHIPS = [
  ['', 'All', ({ partners, removed }) => partners + removed],
  ['trouble', 'Need a look', ({ trouble }) => trouble],
  ['plans', 'Plans wait', ({ partners_with_plans: count }) => count],
  ['quarantine', 'Quarantine', ({ partners_with_quarantine: count }) => count],
  ['running', 'Runs under way', ({ running }) => running],
  ['paused', 'Paused', ({ paused }) => paused],
  ['removed', 'Removed', ({ removed }) => removed],
];

function choose(changes, again) {
  Object.assign(asked, { skip: 0 }, changes);
  again();
}

function filters(overview, again) {
  const chip = ([only, name, count]) => h('button', {
    type: 'button', class: 'chip', key: name, 'aria-pressed': String(asked.only === only), onclick: () => choose({ only }, again),
  }, name, ' ', h('b', null, number(count(overview.totals))));
  return h('div', { class: 'filters' },
    h('label', { class: 'search' }, h('span', { class: 'unseen' }, 'Search partners'),
      h('input', { type: 'search', placeholder: 'Search partners', oninput: (event) => choose({ search: event.target.value }, again) })),
    h('div', { class: 'chips', role: 'group', 'aria-label': 'Show only' }, CHIPS.map(chip)));
}

/** What waits for somebody, or is wrong, in the fewest words. */
function troubles(row, now) {
  const { down, damaged, plans_held: plans, quarantined, parked } = row;
  return (down || damaged || plans + quarantined + parked > 0) && h('div', { class: 'stack' },
    row.down && h('p', { class: 'bad' }, row.down),
    row.damaged && h('p', { class: 'bad' }, `something of it in the table ${row.damaged} is damaged`),
    row.plans_held > 0 && h('p', null, h('a', { href: `${link('partners', row.name)}` }, counted(row.plans_held, 'plan waits', 'plans wait')),
      ` · ${counted(row.deletes_held, 'delete')}`, row.oldest_plan_at && [', since ', ago(row.oldest_plan_at, now)]),
    row.quarantined > 0 && h('p', null, h('a', { href: link('partners', row.name, 'quarantine') }, `${number(row.quarantined)} kept aside`)),
    row.parked > 0 && h('p', { class: 'soft' }, `${counted(row.parked, 'price')} for unknown assets`));
}

function feed(row, now) {
  const { feed } = row;
  if (!feed) return h('span', { class: 'soft' }, 'pushes only');
  if (feed.running) return progress(feed.running);
  const next = feed.paused ? 'paused' : feed.next_fetch_at ? ['next ', ago(feed.next_fetch_at, now)] : '';
  return h('div', { class: 'stack' },
    h('p', { class: 'line' }, feed.last_success_at ? ['good ', ago(feed.last_success_at, now)] : 'no good run yet'),
    h('p', { class: 'soft line' }, schedule(feed), next && [' · ', next]));
}

function lastRun(row) {
  const run = row.feed?.last_run;
  if (!run) return row.feed && 'none yet';
  return h('div', { class: 'stack' },
    h('a', { href: link('partners', row.name, 'runs', run.run) }, mark(RUN[run.status] ?? [run.status, 'calm'])),
    run.status === 'applied' && h('p', { class: 'soft' }, changes(run)),
    run.code && h('p', { class: 'soft' }, foreign(run.detail ?? run.code)));
}

function lost(row) {
  const loss = row.feed?.push_loss;
  return loss && h('span', { title: `${number(loss.missed)} of ${number(loss.pushes)} pushes never arrived` }, percent(loss.ratio));
}

const COLUMNS = [{ name: 'Partner' }, { name: 'State', mark: true }, { name: 'Waits' }, { name: 'Pushed', n: true }, { name: 'Assets', n: true }, { name: 'Pushes lost', n: true }, { name: 'Feed' }, { name: 'Last run' }];

function rowOf(row, now) {
  return {
    key: row.name,
    cells: [
      h('a', { class: 'name', href: link('partners', row.name) }, row.name),
      healthMark(row), troubles(row, now), perSecond(samples.rate(`total:partner:${row.name}`)), number(row.living), lost(row), feed(row, now), lastRun(row),
    ],
  };
}

function pager({ partners }, again) {
  const [first, last] = [asked.skip + 1, asked.skip + partners.items.length];
  const turn = (skip) => () => { Object.assign(asked, { skip }); again(); };
  return h('nav', { class: 'pager', 'aria-label': 'Pages of partners' },
    h('button', { type: 'button', class: 'quiet', disabled: asked.skip === 0, onclick: turn(Math.max(0, asked.skip - asked.limit)) }, 'Previous'),
    h('span', null, `${number(first)}–${number(last)} of ${number(partners.matching)}`),
    h('button', { type: 'button', class: 'quiet', disabled: !partners.next_cursor, onclick: turn(Number(partners.next_cursor)) }, 'Next'));
}

function storagePart(overview) {
  const { storage } = overview;
  return section('Storage and daemon', {}, facts([
    ['Changes committed', number(overview.durable_sequence)],
    ['Memory for what waits', `${bytes(overview.overlay_bytes)} of ${bytes(overview.overlay_bytes_max)}`],
    ['File', storage.file_bytes === null ? 'in memory' : bytes(storage.file_bytes)],
    storage.disk_free_bytes !== null && ['Free disk', `${bytes(storage.disk_free_bytes)}; writes stop below ${bytes(storage.disk_free_bytes_min)}`],
    ['Log that readers can follow', [`${counted(storage.log_changes, 'change')}, ${bytes(storage.log_bytes)}`, storage.log_oldest_at && [', the oldest ', ago(storage.log_oldest_at, overview.now)]]],
    ['Change streams', counted(overview.streams_open, 'reader follows', 'readers follow')],
    ['Up', about(overview.uptime_seconds)],
    overview.reload && ['Configuration', configuration(overview)],
    overview.clock_behind_seconds > 0 && ['Our clock', `${about(overview.clock_behind_seconds)} behind a time that it gave before`],
    ['Version', overview.version],
  ]));
}

/** What became of the last reload; one that was refused stands above all else. */
function configuration({ reload, now }) {
  const when = [ago(reload.at, now), ', by ', foreign(reload.by)];
  if (reload.outcome === 'unchanged') return ['read again ', when, ': nothing had changed'];
  const { added, changed, removed } = reload.partners;
  const came = { refused: 'refused, nothing was taken over', in_part: 'taken over in part' };
  const counts = `${counted(added.count, 'partner')} added, ${number(changed.count)} changed, ${number(removed.count)} removed`;
  return h('div', { class: 'stack' },
    h('p', null, `${came[reload.outcome] ?? counts}; read `, when),
    reload.error && h('p', { class: 'bad' }, foreign(reload.error)),
    reload.needs_restart.length > 0 && h('p', null, `waits for a restart: ${reload.needs_restart.join(', ')}`));
}

function faults({ reload }) {
  if (reload?.outcome !== 'refused') return false;
  const place = ({ file, line }) => (line ? `${file}, line ${line}` : file);
  return section(reload.faults_count > 0 ? 'The configuration is at fault' : 'The configuration was not taken over', { key: 'faults', note: `${reload.faults_count > 0 ? `${counted(reload.faults_count, 'fault')}; ` : ''}the one before is in force` },
    reload.error && h('p', { class: 'bad' }, foreign(reload.error)),
    h('ul', { class: 'stack' }, reload.faults.map((fault) => h('li', { class: 'bad' },
      foreign(`${place(fault)}: ${fault.key}${fault.value === null ? '' : ` = ${fault.value}`}: ${fault.rule}${fault.hint ? `; ${fault.hint}` : ''}`)))));
}

export function render(overview, { again }) {
  const { items } = overview.partners;
  return [
    h('h1', { class: 'unseen', tabindex: '-1' }, 'Partners'),
    faults(overview),
    figures(overview),
    section('Partners', { key: 'partners' },
      filters(overview, again),
      items.length === 0 ? nothing('No partner is like that.') : table('Partners, those that need a look first', COLUMNS, items.map((row) => rowOf(row, overview.now))),
      (overview.partners.next_cursor || asked.skip > 0) && pager(overview, again)),
    storagePart(overview),
  ];
}


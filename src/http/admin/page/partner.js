// One partner: what it pushes, its feed and the runs of it, what waits, what was kept aside.

import { h } from './dom.js';
import { ask, askFor, at, link } from './api.js';
import { line } from './chart.js';
import { ago, healthMark, nothing, section, tile, tiles } from './parts.js';
import { HEALTH, counted, number, percent, perSecond } from './words.js';
import { feedPart } from './feed.js';
import { planCards } from './plan.js';
import { rowsTable } from './quarantine.js';
import * as samples from './samples.js';

const RUNS = 30;
const ROWS = 10;

export const title = ([partner]) => partner;

export async function load([name]) {
  const partner = await askFor(at(name));
  if (!partner) return null;
  samples.note(`total:partner:${name}`, partner.assets_pushed + partner.prices_pushed);
  const [runs, plans, quarantine] = await Promise.all([
    partner.feed ? ask(at(name, 'feed', 'runs'), { limit: RUNS }) : { items: [] },
    ask(at(name, 'plans')),
    ask(at(name, 'quarantine'), { limit: ROWS }),
  ]);
  return { name, partner, runs: runs.items, plans: plans.items, rows: quarantine.items };
}

const LATE = [['delayed', 'late'], ['stale', 'stale'], ['gap', 'behind a gap'], ['withdrawn', 'withdrawn']];

/** What of the prices cannot be relied on; how fresh one must be its asset's class says. */
function pricesInWords(prices) {
  const said = LATE.filter(([state]) => prices[state] > 0).map(([state, word]) => `${number(prices[state])} ${word}`);
  return said.length > 0 ? said.join(', ') : 'all fresh';
}

/** Prices of the last file that were not those that had been pushed. */
function drift({ feed }) {
  const run = feed?.last_run;
  return run?.status === 'applied' && run.counts.drift > 0
    && tile('Price drift', number(run.counts.drift), h('p', { class: 'soft' }, `of ${counted(run.counts.records, 'record')} of the last file had another price than was pushed`));
}

function figures({ name, partner }) {
  const rates = samples.rates(`total:partner:${name}`);
  const loss = partner.feed?.push_loss;
  return tiles(
    tile('Pushed items', perSecond(rates.at(-1) ?? null), line(rates, 'Pushed items', perSecond)),
    tile('Last push', ago(partner.last_push_at, partner.now, 'none'), h('p', { class: 'soft' }, `${number(partner.assets_pushed)} assets and ${number(partner.prices_pushed)} prices since the daemon started`)),
    tile('Living assets', number(partner.living), partner.parked > 0 && h('p', { class: 'soft' }, `${counted(partner.parked, 'price waits', 'prices wait')} for unknown assets`)),
    partner.prices && tile('Prices', number(partner.prices.live + partner.prices.closed), h('p', { class: partner.prices.stale > 0 ? 'bad' : 'soft' }, pricesInWords(partner.prices))),
    drift(partner),
    tile('Refused items', number(partner.items_refused), h('p', { class: 'soft' }, 'since the daemon started')),
    loss && tile('Pushes lost', percent(loss.ratio), h('p', { class: 'soft' }, `the last file knew ${number(loss.missed)} of ${counted(loss.pushes, 'push', 'pushes')} that never arrived`)),
  );
}

function plansPart({ name, partner, plans }, context) {
  const held = plans.filter((plan) => plan.state === 'held');
  const closed = plans.filter((plan) => plan.state !== 'held').slice(0, 5);
  if (plans.length === 0) return null;
  const note = held.length > 0 ? `${counted(partner.deletes_held, 'delete')} held` : 'none waits';
  return section('Plans', { note }, planCards(name, held, partner.now, context),
    closed.length > 0 && h('details', { key: 'closed' }, h('summary', null, `${counted(closed.length, 'closed plan')}`), planCards(name, closed, partner.now, context)));
}

function quarantinePart({ name, partner, rows }) {
  const more = partner.quarantined > rows.length && h('p', null, h('a', { href: link('partners', name, 'quarantine') }, `All ${number(partner.quarantined)} rows`));
  return section('Quarantine', { note: partner.quarantined > 0 ? counted(partner.quarantined, 'row') : null },
    rows.length === 0 ? nothing('Nothing was kept aside.') : rowsTable(name, rows, partner.now), more);
}

export function render(found, context) {
  if (!found) return [h('h1', { tabindex: '-1' }, 'No such partner'), h('p', null, h('a', { href: link() }, 'All partners'))];
  const { name, partner } = found;
  return [
    h('p', { class: 'crumbs' }, h('a', { href: link() }, 'Partners'), ' / '),
    h('div', { class: 'title' }, h('h1', { tabindex: '-1' }, name), healthMark(partner), h('p', { class: 'soft' }, HEALTH[partner.health]?.[2]), partner.sandbox && h('p', { class: 'soft' }, 'a sandbox'), h('p', null, h('a', { href: link('acts', name) }, 'What operators did'))),
    partner.down && h('p', { class: 'banner bad' }, partner.down),
    figures(found),
    plansPart(found, context),
    partner.feed && feedPart(found, context),
    quarantinePart(found),
  ];
}

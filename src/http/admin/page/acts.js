// What operators did: who, when, what, why, and how it ended.

import { h } from './dom.js';
import { ask, link } from './api.js';
import { timeOf } from './chart.js';
import { foreign, mark, nothing, section, table } from './parts.js';
import { plain } from './words.js';

const PAGE = 50;
let cursors = [];

export const title = ([partner]) => (partner ? `Acts on ${partner}` : 'Acts of operators');

export async function load([partner]) {
  if (cursors.of !== partner) cursors = Object.assign([], { of: partner });
  return ask('/admin/audit', { partner, limit: PAGE, cursor: cursors.at(-1) });
}

const OUTCOME = {
  begun: ['under way', 'calm'],
  done: ['done', 'good'],
  refused: ['refused', 'bad'],
  unknown: ['nobody knows', 'warn'],
};

const ACT = {
  approve: 'approved', reject: 'rejected', patch: 'changed', hide: 'hid', unhide: 'showed again', release: 'released', edit: 'released, mended,',
  drop: 'dropped', pause: 'paused the feed of', resume: 'resumed the feed of', run: 'fetched the feed of', rebuild: 'had read again the feed of', reload: 'reloaded the configuration',
  purge: 'took away all of', restore: 'restored the store from', partner_added: 'added', partner_changed: 'changed the settings of', partner_removed: 'removed', keys_changed: 'changed keys of', settings_changed: 'changed settings',
};

/** "approved plan 3 of acme" */
function what({ act, target, partner }) {
  const of = partner && h('a', { href: link('partners', partner) }, partner);
  const thing = target && [` ${plain(target.kind)} `, foreign(target.id)];
  return h('span', null, ACT[act] ?? plain(act), thing, of && [thing ? ' of ' : ' ', of]);
}

const COLUMNS = [{ name: 'When' }, { name: 'Who' }, { name: 'Outcome', mark: true }, { name: 'What', wide: true }, { name: 'Why', wide: true }];

const rowOf = (act) => ({
  key: act.number,
  cells: [
    timeOf(act.at),
    h('div', { class: 'stack' }, h('p', null, act.who), act.address && h('p', { class: 'soft' }, act.address)),
    mark(OUTCOME[act.outcome] ?? [act.outcome, 'calm']),
    h('div', { class: 'stack' }, what(act), (act.note || act.code) && h('p', { class: 'soft' }, foreign(act.note ?? plain(act.code)))),
    act.reason ? foreign(act.reason) : h('span', { class: 'soft' }, 'no reason given'),
  ],
});

export function render({ items, next_cursor: next }, { again, names: [partner] }) {
  const turn = (work) => () => { work(); again(); };
  return [
    partner && h('p', { class: 'crumbs' }, h('a', { href: link() }, 'Partners'), ' / ', h('a', { href: link('partners', partner) }, partner), ' / '),
    h('div', { class: 'title' }, h('h1', { tabindex: '-1' }, partner ? 'Acts of operators' : 'What operators did'), h('p', { class: 'soft' }, 'the newest first')),
    section('Acts', {}, items.length === 0 ? nothing('Nothing yet.') : table('Acts of operators, the newest first', COLUMNS, items.map(rowOf)),
      (next || cursors.length > 0) && h('nav', { class: 'pager', 'aria-label': 'Pages of acts' },
        h('button', { type: 'button', class: 'quiet', disabled: cursors.length === 0, onclick: turn(() => cursors.pop()) }, 'Previous'),
        h('button', { type: 'button', class: 'quiet', disabled: !next, onclick: turn(() => cursors.push(next)) }, 'Next'))),
  ];
}

// What was kept aside: a list, and one row with its text, to be mended and released, or dropped.

import { h, show } from './dom.js';
import { ask, askFor, at, link, order } from './api.js';
import { confirm, said, tell } from './dialog.js';
import { ago, facts, foreign, nothing, section, since, table } from './parts.js';
import { bytes, number, plain } from './words.js';

const COLUMNS = [{ name: 'Row' }, { name: 'Asset', wide: true }, { name: 'What is wrong', wide: true }, { name: 'What to do', wide: true }, { name: 'Came' }];

const whence = ({ origin }) => (origin.kind === 'feed' ? `run ${origin.run}, record ${origin.record}` : origin.kind === 'push' ? 'a push' : plain(origin.kind));

/** Rows, each with the way to its text. */
export const rowsTable = (name, rows, now) => table('Rows of the quarantine, the newest first', COLUMNS, rows.map((row) => ({
  key: row.row,
  cells: [
    h('a', { href: link('partners', name, 'quarantine', row.row) }, `Row ${row.row}`),
    foreign(row.id ?? 'names none'),
    h('div', { class: 'stack' }, h('p', null, foreign(row.hint || plain(row.code))), h('p', { class: 'soft' }, plain(row.code), row.pointer && [' at ', foreign(row.pointer)])),
    row.to_do, h('div', { class: 'stack' }, ago(row.received_at, now), h('p', { class: 'soft' }, whence(row))),
  ],
})));

const PAGE = 50;
let cursors = [];

export const title = ([partner, , row]) => (row ? `Row ${row} of ${partner}` : `Quarantine of ${partner}`);

export async function load([name, , key]) {
  const partner = await askFor(at(name));
  if (!partner) return { name, partner };
  if (key !== undefined) return { name, key, partner, row: await askFor(at(name, 'quarantine', key)) };
  if (cursors.of !== name) cursors = Object.assign([], { of: name });
  return { name, partner, page: await ask(at(name, 'quarantine'), { limit: PAGE, cursor: cursors.at(-1) }) };
}

const crumbs = (name, ...more) => h('p', { class: 'crumbs' }, h('a', { href: link() }, 'Partners'), ' / ', h('a', { href: link('partners', name) }, name), ' / ', more);

/** What the text of a row is refused for again, said beside it. */
function refusedStill(item) {
  return ['Refused still: ', item.hint || item.detail || plain(item.code ?? item.outcome ?? 'no reason given'), item.pointer ? ` (at ${item.pointer})` : ''].join('');
}

function editor({ name, row, key }, again) {
  const path = (verb) => at(name, 'quarantine', key, verb);
  const field = () => document.getElementById('raw');
  const fault = (words) => show(document.getElementById('raw-fault'), words);
  const release = async () => {
    const text = field().value;
    const reason = document.getElementById('reason').value.trim();
    fault('');
    try {
      const done = await (text === row.raw && !row.cut ? order(path('release'), undefined, { reason }) : order(path('release'), text, { reason }));
      if (!done.released) return fault(refusedStill(done.item.items?.[0] ?? done.item));
      tell(`Row ${key} of ${name} released: ${plain(done.item.outcome ?? 'taken')}.`);
      location.hash = link('partners', name);
    } catch (error) {
      fault(said(error));
    }
    again();
  };
  const drop = () => confirm({
    title: `Drop row ${key} of ${name}?`,
    text: h('p', null, 'Its text is thrown away. This cannot be taken back.'),
    button: 'Drop the row', danger: true,
    act: async (reason) => {
      await order(path('drop'), undefined, { reason });
      location.hash = link('partners', name);
      return `Row ${key} of ${name} dropped.`;
    },
  });
  return section('Its text', { note: row.cut ? `only the beginning of ${bytes(row.raw_bytes)} is kept` : bytes(row.raw_bytes) },
    h('label', { for: 'raw' }, 'Mend it here; it is decided as it stands when you release it.'),
    h('textarea', { id: 'raw', class: 'raw', rows: 12, spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off', 'aria-describedby': 'raw-fault' }, row.raw),
    h('p', { id: 'raw-fault', class: 'fault', role: 'alert' }),
    h('label', null, 'Reason', h('input', { id: 'reason', maxlength: 1000, autocomplete: 'off' })),
    h('div', { class: 'buttons' },
      h('button', { type: 'button', class: 'main', onclick: release }, 'Release'),
      h('button', { type: 'button', class: 'danger', onclick: drop }, 'Drop …')));
}

function one(found, again) {
  const { name, key, partner, row } = found;
  const head = [crumbs(name, h('a', { href: link('partners', name, 'quarantine') }, 'Quarantine'), ' / '), h('div', { class: 'title' }, h('h1', { tabindex: '-1' }, `Row ${key}`))];
  if (!row) return [head, nothing('There is no such row: it was released or dropped, or what it holds was taken since.')];
  return [
    head,
    section('What is wrong', {}, facts([
      ['Fault', foreign(row.hint || plain(row.code)), row.pointer && [' at ', foreign(row.pointer)]],
      ['What to do', row.to_do],
      ['Goes by itself when', row.closes_when],
      ['Asset', foreign(row.id ?? 'it names none')],
      row.quote && ['Quote', foreign(row.quote)],
      ['Came', since(row.received_at, partner.now), ` by ${whence(row)}`],
      row.at && ['Its time', since(row.at, partner.now)],
      ['Code and rule', h('code', null, row.code), ' ', h('code', null, row.rule)],
    ])),
    !partner.removed && editor(found, again),
  ];
}

function turn(work, again) {
  return () => { work(); again(); };
}

export function render(found, { again }) {
  const { name, partner, key, page } = found;
  if (!partner) return [h('h1', { tabindex: '-1' }, 'No such partner')];
  if (key !== undefined) return one(found, again);
  return [
    crumbs(name),
    h('div', { class: 'title' }, h('h1', { tabindex: '-1' }, 'Quarantine'), h('p', { class: 'soft' }, 'what was refused, the newest first')),
    section('Rows', { note: number(partner.quarantined) },
      page.items.length === 0 ? nothing('Nothing was kept aside.') : rowsTable(name, page.items, partner.now)),
    (page.next_cursor || cursors.length > 0) && h('nav', { class: 'pager', 'aria-label': 'Pages of rows' },
      h('button', { type: 'button', class: 'quiet', disabled: cursors.length === 0, onclick: turn(() => cursors.pop(), again) }, 'Previous'),
      h('button', { type: 'button', class: 'quiet', disabled: !page.next_cursor, onclick: turn(() => cursors.push(page.next_cursor), again) }, 'Next')),
  ];
}

// Pieces that the views share.

import { h } from './dom.js';
import { timeOf } from './chart.js';
import { HEALTH, PHASE, about, bytes, counted, distance, number, percent } from './words.js';

const SHAPES = { good: '●', calm: '○', warn: '▲', bad: '■', off: '–' };

/** A state: a shape, a word, and a colour, each of which suffices. */
export function mark([word, kind, meaning]) {
  return h('span', { class: `mark ${kind}`, title: meaning }, h('span', { class: 'shape', 'aria-hidden': 'true' }, SHAPES[kind]), word);
}

export const healthMark = (row) => mark(HEALTH[row.health] ?? [row.health, 'calm']);

/** A part of the page with its heading, and what can be done there. */
export function section(title, { key = title, doing = null, note = null } = {}, ...children) {
  const id = `part-${key.replace(/\W+/g, '-').toLowerCase()}`;
  return h('section', { class: 'part', key, 'aria-labelledby': id },
    h('div', { class: 'head' }, h('h2', { id }, title), note && h('p', { class: 'note' }, note), doing && h('div', { class: 'buttons' }, doing)),
    children);
}

/** A figure with its name, and a chart or a word below. */
export const tile = (name, value, ...below) => h('div', { class: 'tile', key: name }, h('dt', null, name), h('dd', null, h('span', { class: 'value' }, value), below));

export const tiles = (...children) => h('dl', { class: 'tiles' }, children);

/** Names and what they are, one a line. */
export const facts = (pairs) => h('dl', { class: 'facts' },
  pairs.filter(Boolean).map(([name, ...value]) => h('div', { key: name }, h('dt', null, name), h('dd', null, value))));

/**
 * A table that becomes a list of cards where there is no room. Columns: a name, `n` where it holds numbers, `mark`
 * where it holds the row's state, `wide` where it holds sentences; rows: a key, and a cell for each column.
 */
export function table(caption, columns, rows) {
  const head = columns.map(({ name, n }) => h('th', { scope: 'col', role: 'columnheader', class: n ? 'n' : null }, name));
  const line = ({ key, cells }) => h('tr', { role: 'row', key }, cells.map((cell, place) => {
    const { name, n, wide, mark: isMark } = columns[place];
    const first = place === 0;
    const kind = [n && 'n', wide && 'wide', isMark && 'state', (cell === null || cell === undefined || cell === false) && 'void'].filter(Boolean).join(' ');
    return h(first ? 'th' : 'td', { scope: first ? 'row' : null, role: first ? 'rowheader' : 'cell', class: kind || null },
      !first && h('span', { class: 'of', 'aria-hidden': 'true' }, name), h('span', { class: 'cell' }, cell));
  }));
  return h('table', { role: 'table', class: 'list' },
    h('caption', { class: 'unseen' }, caption),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head)),
    h('tbody', { role: 'rowgroup' }, rows.map(line)));
}

/** A time as it was, and how long ago. */
export const since = (time, now, never = 'never') => (time ? h('span', null, `${distance(time, now)} `, h('span', { class: 'soft' }, '· ', timeOf(time))) : never);

/** The same in its shortest form; the time itself is behind it. */
export const ago = (time, now, never = 'never') => (time ? h('time', { datetime: time, title: time }, distance(time, now)) : never);

/** How far a run is that is under way. */
export function progress(run) {
  const share = run.share;
  const records = run.records_total
    ? `${number(run.records)} of ${counted(run.records_total, 'record')}`
    : run.records > 0 ? counted(run.records, 'record') : run.bytes > 0 ? `${bytes(run.bytes)}${run.bytes_total ? ` of about ${bytes(run.bytes_total)}` : ''}` : '';
  const left = run.seconds_left === null ? '' : `about ${about(Math.max(1, run.seconds_left))} left`;
  const words = [`Run ${run.run} ${PHASE[run.phase] ?? run.phase}`, share === null ? '' : percent(share), records, left].filter(Boolean);
  return h('div', { class: 'progress', key: `progress-${run.run}` },
    h('progress', share === null ? { 'aria-label': `Run ${run.run}` } : { max: 1, value: null, 'aria-label': `Run ${run.run}`, 'data-share': share }),
    h('p', null, words.join(' · ')));
}

/** `value` belongs to readers of the page in fields, so that bars are moved by hand. */
export function moveBars(place) {
  for (const bar of place.querySelectorAll('progress')) {
    if (bar.dataset.share !== undefined) bar.value = Number(bar.dataset.share);
    else bar.removeAttribute('value');
  }
}

/** A text that came from a partner: set apart, whole, and nothing but text. */
export const foreign = (text) => h('bdi', { class: 'foreign' }, text);

export const nothing = (words) => h('p', { class: 'nothing' }, words);

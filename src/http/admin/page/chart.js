// Charts drawn here: a line for a rate, bars for runs, a strip for the phases of one. Each says in words what
// it shows, for those who do not see it.

import { h } from './dom.js';
import { RUN, about, clockTime, counted, number } from './words.js';

const WIDTH = 240;
const HEIGHT = 44;

/** A line over the last looks, from 0 up. */
export function line(values, label, format = number) {
  const top = Math.max(1e-9, ...values);
  const words = values.length > 1
    ? `${label}: now ${format(values.at(-1))}, at most ${format(Math.max(...values))} since this page looks`
    : `${label}: not known yet`;
  const step = WIDTH / Math.max(1, values.length - 1);
  const at = (value, place) => `${(place * step).toFixed(1)} ${(HEIGHT - 3 - (value / top) * (HEIGHT - 8)).toFixed(1)}`;
  const points = values.map(at).join(' L ');
  const drawn = values.length > 1 && [
    h('path', { class: 'area', d: `M 0 ${HEIGHT} L ${points} L ${WIDTH} ${HEIGHT} Z` }),
    h('path', { class: 'line', d: `M ${points}` }),
  ];
  return h('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': words },
    h('line', { class: 'base', x1: 0, y1: HEIGHT - 1, x2: WIDTH, y2: HEIGHT - 1 }), drawn);
}

const secondsOf = (run) => Math.max(0, (Date.parse(run.finished_at) - Date.parse(run.started_at)) / 1000);

/** One bar for each run, oldest first, as high as it took long; those that did not end well are hollow. */
export function runBars(runs) {
  const shown = [...runs].reverse();
  const longest = Math.max(0.001, ...shown.map(secondsOf));
  const bad = shown.filter((run) => RUN[run.status]?.[1] === 'bad').length;
  const words = `The last ${counted(shown.length, 'run')}: ${bad === 0 ? 'all ended well' : `${bad} failed or were refused`}; the longest took ${about(longest)}`;
  const wide = WIDTH / Math.max(12, shown.length);
  const bar = (run, place) => {
    const high = 4 + (secondsOf(run) / longest) * (HEIGHT - 8);
    const kind = RUN[run.status]?.[1] ?? 'calm';
    return h('rect', { class: `bar ${kind}`, x: (place * wide + 1).toFixed(1), y: (HEIGHT - 2 - high).toFixed(1), width: (wide - 2).toFixed(1), height: high.toFixed(1), rx: 1 });
  };
  return h('svg', { class: 'chart bars', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': words },
    h('line', { class: 'base', x1: 0, y1: HEIGHT - 1, x2: WIDTH, y2: HEIGHT - 1 }), shown.map(bar));
}

const PHASES = [['waiting_ms', 'waiting'], ['fetching_ms', 'fetching'], ['reading_ms', 'reading'], ['applying_ms', 'applying'], ['finishing_ms', 'finishing']];
const took = (ms) => (ms < 1000 ? `${ms} ms` : ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : about(ms / 1000));

/** How long each phase of a run took: a strip, and the same as a list. */
export function phases(timings) {
  const total = Math.max(1, PHASES.reduce((sum, [name]) => sum + timings[name], 0));
  let from = 0;
  const strip = PHASES.map(([name, word]) => {
    const wide = (timings[name] / total) * WIDTH;
    from += wide;
    return h('rect', { class: `phase ${word}`, x: (from - wide).toFixed(2), y: 0, width: wide.toFixed(2), height: 12 });
  });
  return h('div', { class: 'phases' },
    h('svg', { class: 'chart strip', viewBox: `0 0 ${WIDTH} 12`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, strip),
    h('ul', { class: 'legend' }, PHASES.map(([name, word]) => h('li', { class: word }, `${word} `, h('b', null, took(timings[name]))))));
}

/** A time as it was, told apart by the day. */
export const timeOf = (time) => h('time', { datetime: time, title: time }, clockTime(time));

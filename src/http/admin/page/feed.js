// A partner's feed: when it is fetched, how far its run is, how the last ones went, and what can be done.

import { h } from './dom.js';
import { at, link, order } from './api.js';
import { runBars, timeOf } from './chart.js';
import { confirm, said, tell } from './dialog.js';
import { ago, facts, foreign, mark, progress, section, since, table } from './parts.js';
import { RUN, changes, counted, number, schedule, span } from './words.js';

async function act(work, words, again) {
  try {
    tell(words(await work()));
  } catch (error) {
    tell(said(error), 'bad');
  }
  again();
}

function buttons(name, feed, again) {
  const run = () => act(() => order(at(name, 'feed', 'run')), (done) => `Run ${done.run} of ${name} has begun.`, again);
  const resume = () => act(() => order(at(name, 'feed', 'resume')), () => `The schedule of ${name} goes on.`, again);
  const pause = () => confirm({
    title: `Pause the feed of ${name}?`,
    text: h('p', null, 'Its file is not fetched by itself until somebody resumes it. A run that is under way comes to its end; pushes go on.'),
    button: 'Pause the feed',
    act: async (reason) => {
      await order(at(name, 'feed', 'pause'), { reason });
      again();
      return `The feed of ${name} is paused.`;
    },
  });
  return [
    h('button', { type: 'button', onclick: run, disabled: Boolean(feed.running), key: 'run' }, 'Fetch now'),
    feed.paused ? h('button', { type: 'button', onclick: resume, key: 'resume' }, 'Resume') : h('button', { type: 'button', onclick: pause, key: 'pause' }, 'Pause'),
  ];
}

const COLUMNS = [{ name: 'Run' }, { name: 'Outcome', mark: true }, { name: 'What it changed', wide: true }, { name: 'Records', n: true }, { name: 'Took', n: true }, { name: 'Ended' }];

/** How long a run took, without false precision. */
export function tookOf(run) {
  const ms = Date.parse(run.finished_at) - Date.parse(run.started_at);
  return ms < 1000 ? `${Math.max(0, ms)} ms` : ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : span(ms / 1000);
}

/** A run's outcome, and in its own words why it was not applied. */
export const outcomeOf = (run) => h('div', { class: 'stack' }, mark(RUN[run.status] ?? [run.status, 'calm']), run.detail && h('p', { class: 'soft' }, foreign(run.detail)));

function rowOf(name, run) {
  const what = run.status === 'applied' ? changes(run) : run.detail && h('span', { class: 'soft' }, foreign(run.detail));
  return {
    key: run.run,
    cells: [h('a', { href: link('partners', name, 'runs', run.run) }, `Run ${run.run}`), mark(RUN[run.status] ?? [run.status, 'calm']), what, number(run.counts.records), tookOf(run), timeOf(run.finished_at)],
  };
}

export function feedPart({ name, partner, runs }, { again }) {
  const { feed, now } = partner;
  const next = feed.paused ? null : ['Next fetch', feed.next_fetch_at ? since(feed.next_fetch_at, now) : feed.running ? 'after this run' : 'not known'];
  return section('Feed', { doing: !partner.removed && buttons(name, feed, again) },
    feed.running && h('a', { class: 'under-way', href: link('partners', name, 'runs', feed.running.run), 'aria-label': `Run ${feed.running.run}, under way` }, progress(feed.running)),
    facts([
      ['Fetched', schedule(feed)],
      next,
      feed.paused && ['Paused', ago(feed.paused.since, now), feed.paused.reason && [': ', foreign(feed.paused.reason)]],
      ['Last good run', since(feed.last_success_at, now)],
      ['Its file is of', since(feed.last_snapshot_at, now, 'no time of its own')],
      feed.failures_in_row > 0 && ['Since then', h('span', { class: 'bad' }, counted(feed.failures_in_row, 'run has failed', 'runs have failed'))],
      ['Address', foreign(feed.url)],
    ]),
    runs.length > 0 && [
      h('h3', null, `The last ${counted(runs.length, 'run')}`),
      h('div', { class: 'figure' }, runBars(runs)),
      table(`The last runs of ${name}, the newest first`, COLUMNS, runs.slice(0, 12).map((run) => rowOf(name, run))),
    ]);
}

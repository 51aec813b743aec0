// The page itself: which view the address names, looks again and again, and says when the daemon is gone.

import { Gone, Refused, ask, useToken } from './api.js';
import { h, show } from './dom.js';
import { mark, moveBars } from './parts.js';
import { about, clockTime, number } from './words.js';
import * as acts from './acts.js';
import * as overview from './overview.js';
import * as partner from './partner.js';
import * as plan from './plan.js';
import * as quarantine from './quarantine.js';
import * as run from './run.js';
import * as samples from './samples.js';

const LOOK_EVERY_MS = 2000;
/** The second look comes sooner: before it there are no rates. */
const LOOK_AGAIN_MS = 600;
const KEPT = 'last-overview';
const place = (id) => document.getElementById(id);
const within = { runs: run, plans: plan, quarantine };

/** What is shown: the view, what its address names, what it was answered (undefined before that), and when. */
const shown = { view: overview, names: [], found: undefined, overview: null, answeredAt: null, isGone: false, turn: 0 };

/** `#/partners/acme/runs/3`: the view, and the names in its address. */
function addressed() {
  const [first, ...names] = location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeURIComponent);
  if (first === 'acts') return { view: acts, names };
  if (first !== 'partners' || names.length === 0) return { view: overview, names: [] };
  return { view: within[names[1]] ?? partner, names };
}

function state({ ready, draining, storage_failed: failed }) {
  if (shown.isGone) return ['no answer', 'bad'];
  if (ready) return ['ready', 'good'];
  return draining ? ['stops', 'warn'] : failed ? ['storage failed', 'bad'] : ['starts', 'warn'];
}

function paint() {
  const { view, names, found, overview: seen, isGone, answeredAt } = shown;
  if (seen) {
    const waits = seen.totals.trouble;
    show(place('state'), mark(state(seen)), waits > 0 && !isGone && h('span', { class: 'soft' }, `${number(waits)} to look at`));
    show(place('foot'), `Tidegate ${seen.version} · up ${about(seen.uptime_seconds)} · figures of `, h('time', { datetime: seen.now }, clockTime(answeredAt ?? seen.now)));
  }
  show(place('gone'), isGone && h('p', null, seen
    ? `The daemon does not answer. What you see is of ${clockTime(answeredAt ?? seen.now)}; it is looked for again all the time.`
    : 'The daemon does not answer. It is looked for again all the time.'));
  document.body.classList.toggle('is-gone', isGone);
  for (const [id, own] of [['to-partners', view !== acts], ['to-acts', view === acts]]) place(id).toggleAttribute('aria-current', own);
  if (found !== undefined) {
    show(place('main'), h('div', { class: 'view', key: location.hash || '#/' }, view.render(found, { again: look, names })));
    moveBars(place('main'));
  }
  document.title = `${isGone ? 'No answer · ' : ''}${view.title(names)} · Tidegate`;
}

function login(words) {
  const submit = (event) => {
    event.preventDefault();
    useToken(place('token').value.trim());
    shown.overview = null;
    look();
  };
  shown.found = undefined;
  show(place('main'), h('form', { class: 'login', key: 'login', onsubmit: submit },
    h('h1', null, 'Who are you?'),
    h('p', null, words),
    h('label', null, 'Admin token', h('input', { id: 'token', type: 'password', autocomplete: 'current-password' })),
    h('div', { class: 'buttons' }, h('button', { type: 'submit', class: 'main' }, 'Show the status'))));
}

function note(seen) {
  samples.note('total:pushed', seen.totals.assets_pushed + seen.totals.prices_pushed);
  samples.note('total:changes', seen.durable_sequence);
  samples.note('overlay', seen.overlay_bytes);
}

/** One look: the overview, and what the view needs beside it. An answer that comes late is of no use. */
async function look() {
  const turn = ++shown.turn;
  clearTimeout(shown.timer);
  const { view, names } = shown;
  try {
    const seen = await ask('/admin/overview', view === overview ? overview.query() : { limit: 1 });
    const found = await view.load(names, seen);
    if (turn !== shown.turn) return;
    note(seen);
    Object.assign(shown, { overview: seen, found, isGone: false, answeredAt: new Date().toISOString() });
    if (view === overview) keep(seen);
    paint();
  } catch (error) {
    if (turn !== shown.turn) return;
    missed(error);
  }
  if (!document.hidden) shown.timer = setTimeout(look, samples.rate('total:pushed') === null && !shown.isGone ? LOOK_AGAIN_MS : LOOK_EVERY_MS);
}

function missed(error) {
  if (error instanceof Refused && error.status === 401) return login('This daemon asks for the token of its operators.');
  if (!(error instanceof Gone || error instanceof Refused)) throw error;
  shown.isGone = true;
  if (!shown.overview) recall();
  paint();
}

/** What was seen last outlives a fresh load, so that a daemon that is gone leaves no empty page. */
function keep(seen) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(seen));
  } catch {
    // a full store keeps what it has
  }
}

function recall() {
  const kept = sessionStorage.getItem(KEPT);
  if (!kept) return;
  shown.overview = JSON.parse(kept);
  shown.answeredAt = shown.overview.now;
  if (shown.view === overview) shown.found = shown.overview;
}

async function turnTo() {
  Object.assign(shown, addressed(), { found: undefined });
  place('dialog').close();
  await look();
  place('main').querySelector('h1')?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

place('skip').addEventListener('click', (event) => {
  event.preventDefault();
  place('main').focus();
});
window.addEventListener('hashchange', turnTo);
document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
Object.assign(shown, addressed());
look();

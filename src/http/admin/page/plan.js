// Deletes that are held: what would go, and the decision.

import { h } from './dom.js';
import { askFor, at, link, order } from './api.js';
import { confirm } from './dialog.js';
import { ago, facts, foreign, mark, nothing, section, since } from './parts.js';
import { PLAN, counted, number } from './words.js';

const share = (plan) => `${plan.share_percent} % of ${counted(plan.living, 'living asset')}`;

function decide(name, plan, verdict, again) {
  const approve = verdict === 'approve';
  const sample = plan.sample.slice(0, 5);
  confirm({
    title: approve ? `Delete ${counted(plan.count, 'asset')} of ${name}?` : `Keep the ${counted(plan.count, 'asset')} of ${name}?`,
    text: [
      h('p', null, approve
        ? `Plan ${plan.id} deletes ${counted(plan.count, 'asset')}, ${share(plan)}. This cannot be taken back.`
        : `Plan ${plan.id} is thrown away. The assets stay until a later file lacks them again.`),
      sample.length > 0 && h('p', null, 'For example ', sample.map((id, place) => [place > 0 && ', ', foreign(id)])),
    ],
    button: approve ? 'Approve and delete' : 'Reject the plan',
    danger: approve,
    act: async (reason) => {
      const end = await order(at(name, 'plans', String(plan.id), verdict), { reason });
      again();
      return approve ? `Plan ${end.id} of ${name} approved: ${number(end.deleted)} deleted, ${number(end.kept)} kept.` : `Plan ${end.id} of ${name} rejected: nothing is deleted.`;
    },
  });
}

const buttons = (name, plan, { again }) => plan.state === 'held' && h('div', { class: 'buttons' },
  h('button', { type: 'button', class: 'danger', onclick: () => decide(name, plan, 'approve', again), 'aria-label': `Approve plan ${plan.id} of ${name}` }, 'Approve …'),
  h('button', { type: 'button', onclick: () => decide(name, plan, 'reject', again), 'aria-label': `Reject plan ${plan.id} of ${name}` }, 'Reject …'));

function why(plan, now) {
  return facts([
    ['Opened', ago(plan.opened_at, now), ' by ', `run ${plan.run}`],
    plan.state === 'held' && ['Expires', since(plan.expires_at, now)],
    ['The guard lets through', counted(plan.allowed, 'delete')],
    plan.confirmations > 0 && ['Said again', `by ${counted(plan.confirmations, 'later run')}`],
    plan.closed_at && ['Closed', since(plan.closed_at, now)],
    plan.reason && ['Reason', foreign(plan.reason)],
  ]);
}

/** Plans as cards, each with its decision. */
export const planCards = (name, plans, now, context) => plans.map((plan) => h('article', { class: 'card', key: `plan-${plan.id}`, 'aria-label': `Plan ${plan.id}` },
  h('div', { class: 'title' }, h('h3', null, h('a', { href: link('partners', name, 'plans', plan.id) }, `Plan ${plan.id}`)), mark(PLAN[plan.state] ?? [plan.state, 'calm'])),
  h('p', { class: 'lead' }, h('b', null, counted(plan.count, 'delete')), ` · ${share(plan)}`),
  plan.sample.length > 0 && h('p', { class: 'soft' }, 'For example ', plan.sample.slice(0, 3).map((id, place) => [place > 0 && ', ', foreign(id)])),
  why(plan, now), buttons(name, plan, context)));

export const title = ([partner, , plan]) => `Plan ${plan} of ${partner}`;

let cursors = [];

export async function load([name, , id]) {
  const key = `${name}/${id}`;
  if (cursors.of !== key) cursors = Object.assign([], { of: key });
  const [partner, plan] = await Promise.all([askFor(at(name)), askFor(at(name, 'plans', id), { cursor: cursors.at(-1) })]);
  return { name, id, partner, plan };
}

function ids(plan, again) {
  const turn = (work) => () => { work(); again(); };
  return section(plan.state === 'held' ? 'What would go' : 'What it held', { note: counted(plan.count, 'asset') },
    plan.ids.length === 0 ? nothing('The ids of a closed plan are kept only as long as they are needed.') : h('ul', { class: 'ids' }, plan.ids.map((id) => h('li', null, foreign(id)))),
    (plan.next_cursor || cursors.length > 0) && h('nav', { class: 'pager', 'aria-label': 'Pages of ids' },
      h('button', { type: 'button', class: 'quiet', disabled: cursors.length === 0, onclick: turn(() => cursors.pop()) }, 'Previous'),
      h('button', { type: 'button', class: 'quiet', disabled: !plan.next_cursor, onclick: turn(() => cursors.push(plan.next_cursor)) }, 'Next')));
}

export function render({ name, id, partner, plan }, context) {
  const crumbs = h('p', { class: 'crumbs' }, h('a', { href: link() }, 'Partners'), ' / ', h('a', { href: link('partners', name) }, name), ' / ');
  if (!plan || !partner) return [crumbs, h('h1', { tabindex: '-1' }, `Plan ${id}`), nothing('There is no such plan.')];
  return [
    crumbs,
    h('div', { class: 'title' }, h('h1', { tabindex: '-1' }, `Plan ${plan.id}`), mark(PLAN[plan.state] ?? [plan.state, 'calm'])),
    h('p', { class: 'lead' }, h('b', null, counted(plan.count, 'delete')), ` · ${share(plan)}`),
    buttons(name, plan, context),
    section('Why it is held', {}, why(plan, partner.now)),
    ids(plan, context.again),
  ];
}

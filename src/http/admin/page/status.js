'use strict';
// Polls /admin/status and /metrics; all text goes in as text, never as HTML.
const POLL_MS = 2000;
const at = (id) => document.getElementById(id);
let token = sessionStorage.getItem('token');
let before = null;

async function ask(path) {
  const reply = await fetch(path, { headers: token ? { authorization: `Bearer ${token}` } : {} });
  if (reply.status === 401) {
    at('login').hidden = false;
    throw new Error('a token is needed');
  }
  if (!reply.ok) throw new Error(`${path}: ${reply.status}`);
  at('login').hidden = true;
  return reply;
}

function pushedByPartner(metrics) {
  const pushed = new Map();
  for (const [, partner, count] of metrics.matchAll(/^tidegate_push_items_total\{partner="([^"]*)".*\} (\d+)/gm)) {
    pushed.set(partner, (pushed.get(partner) ?? 0) + Number(count));
  }
  return pushed;
}

function ago(time, now) {
  if (!time) return '–';
  const seconds = Math.max(0, (Date.parse(now) - Date.parse(time)) / 1000);
  if (seconds < 120) return `${Math.round(seconds)} s ago`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`;
}

function element(name, text, className = '') {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

// What was kept aside of a run that applied is never left unsaid.
function said(run) {
  const aside = run.quarantined ? `, ${run.quarantined} quarantined` : '';
  return run.status + aside + (run.code ? ` (${run.code})` : '');
}

// When the feed is fetched, or what it does just now.
function schedule(feed, now) {
  const rule = feed.cron ? `${feed.cron} (${feed.time_zone})` : `every ${feed.every_seconds} s`;
  const run = feed.running;
  if (run) {
    const share = run.share === null ? '' : ` ${Math.round(run.share * 100)} %`;
    const left = run.seconds_left === null ? '' : `, ${Math.ceil(run.seconds_left)} s left`;
    return `run ${run.run}: ${run.phase}${share}${left}`;
  }
  if (feed.paused) return `paused ${ago(feed.paused.since, now)}${feed.paused.reason ? `: ${feed.paused.reason}` : ''}`;
  return feed.next_fetch_at ? `${rule}, next ${feed.next_fetch_at}` : rule;
}

function row(partner, status, rate) {
  const line = document.createElement('tr');
  const feed = partner.feed;
  const run = feed?.last_run;
  const sound = !run || run.status === 'applied' || run.status === 'unchanged';
  const counts = run?.counts;
  line.append(
    element('td', partner.down ? `${partner.name}: down, ${partner.down}` : partner.name, partner.down ? 'bad' : ''),
    element('td', rate === null ? '…' : rate.toFixed(1)),
    element('td', feed ? schedule(feed, status.now) : 'none', feed?.paused ? 'bad' : ''),
    element('td', feed ? ago(feed.last_success_at, status.now) : '–'),
    element('td', run ? said(run) : '–', sound ? '' : 'bad'),
    element('td', counts ? `+${counts.created} ~${counts.updated} −${counts.deleted} held ${counts.held}` : '–'),
  );
  return line;
}

function figures(status, perSecond) {
  const overlay = `${(status.overlay_bytes / 1048576).toFixed(1)} of ${status.overlay_bytes_max / 1048576} MiB`;
  return [
    ['Version', status.version], ['Up', ago(new Date(Date.parse(status.now) - status.uptime_seconds * 1000).toISOString(), status.now).replace(' ago', '')],
    ['Durable sequence', status.durable_sequence], ['Changes/s', perSecond === null ? '…' : perSecond.toFixed(1)],
    ['Overlay', overlay], ['Change streams', status.streams_open],
    ...(status.clock_behind_seconds > 0 ? [['Our clock', `${status.clock_behind_seconds} s behind what it was`]] : []),
  ];
}

function show(status, pushed, now) {
  const seconds = before && (now - before.now) / 1000;
  const rate = (value, last) => (before ? Math.max(0, value - last) / seconds : null);
  at('state').textContent = status.ready ? 'ready' : status.draining ? 'draining' : status.storage_failed ? 'storage failed' : 'not ready';
  at('state').className = status.ready ? 'good' : 'bad';
  const pairs = figures(status, rate(status.durable_sequence, before?.status.durable_sequence));
  at('figures').replaceChildren(...pairs.map(([name, value]) => {
    const pair = document.createElement('div');
    pair.append(element('dt', name), element('dd', String(value)));
    return pair;
  }));
  at('partners').replaceChildren(...status.partners.map((partner) =>
    row(partner, status, rate(pushed.get(partner.name) ?? 0, before?.pushed.get(partner.name) ?? 0))));
  before = { status, pushed, now };
}

async function poll() {
  try {
    const [status, metrics] = await Promise.all([
      ask('/admin/status').then((reply) => reply.json()),
      ask('/metrics').then((reply) => reply.text()),
    ]);
    show(status, pushedByPartner(metrics), performance.now());
  } catch (error) {
    at('state').textContent = error.message;
    at('state').className = 'bad';
    before = null;
  }
  setTimeout(poll, POLL_MS);
}

at('login').addEventListener('submit', (event) => {
  event.preventDefault();
  token = at('token').value;
  sessionStorage.setItem('token', token);
});
poll();

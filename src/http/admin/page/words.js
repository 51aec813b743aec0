// Numbers, times and states in words.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

export const number = (value) => whole.format(value);

/** One thing or several: "1 plan", "12 plans". */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export function perSecond(rate) {
  if (rate === null) return '…';
  return rate > 0 && rate < 10 ? `${rate.toFixed(1)}/s` : `${number(rate)}/s`;
}

export function bytes(count) {
  let [value, unit] = [count, 'bytes'];
  for (const next of ['kB', 'MB', 'GB', 'TB']) {
    if (value < 1000) break;
    [value, unit] = [value / 1000, next];
  }
  return `${unit === 'bytes' || value >= 100 ? number(value) : value.toFixed(1)} ${unit}`;
}

export function percent(share) {
  const value = share * 100;
  return `${value > 0 && value < 10 ? value.toFixed(1) : number(value)} %`;
}

const UNITS = [['day', 86_400], ['h', 3600], ['min', 60], ['s', 1]];
const unitText = (count, unit) => (unit === 'day' ? counted(count, 'day') : `${count} ${unit}`);

/** Exactly: "24 h", "1 h 30 min", "7 days". */
export function span(seconds) {
  if (seconds === 86_400) return '24 h';
  const parts = [];
  let left = Math.round(seconds);
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    if (count > 0) parts.push(unitText(count, unit));
    left -= count * size;
  }
  return parts.join(' ') || '0 s';
}

/** In round figures: "5 min", "3 h", "2 days". */
export function about(seconds) {
  const value = Math.max(0, seconds);
  if (value < 90) return `${Math.round(value)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return value < 172_800 ? `${Math.round(value / 3600)} h` : counted(Math.round(value / 86_400), 'day');
}

export const secondsBetween = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

export function clockTime(time) {
  const date = new Date(time);
  return Math.abs(Date.now() - date) < 43_200_000 ? clock.format(date) : day.format(date);
}

/** "in 5 min" or "5 min ago", as seen at `now`. */
export function distance(time, now) {
  const seconds = secondsBetween(time, now);
  return seconds < 0 ? `in ${about(-seconds)}` : `${about(seconds)} ago`;
}

const two = (text) => text.padStart(2, '0');

/** The commonest expressions in words; of others the expression itself. */
function slots(cron) {
  const [minute, hour, ofMonth, month, ofWeek, ...more] = cron.trim().split(/\s+/);
  const daily = ofMonth === '*' && month === '*' && more.length === 0;
  const every = /^\*\/(\d+)$/;
  if (daily && ofWeek === '*' && hour === '*' && minute === '*') return 'every minute';
  if (daily && ofWeek === '*' && hour === '*' && every.test(minute)) return `every ${minute.match(every)[1]} min`;
  if (daily && ofWeek === '*' && hour === '*' && /^\d+$/.test(minute)) return `each hour at :${two(minute)}`;
  if (daily && /^\d+$/.test(minute) && /^\d+(,\d+)*$/.test(hour)) {
    const times = hour.split(',').map((part) => `${two(part)}:${two(minute)}`).join(', ');
    return ofWeek === '*' ? `each day at ${times}` : `at ${times} on ${ofWeek}`;
  }
  return `at ${cron}`;
}

/** When a feed is fetched: "every 24 h". */
export function schedule(feed) {
  return feed.cron ? `${slots(feed.cron)} (${feed.time_zone})` : `every ${span(feed.every_seconds)}`;
}

/** The word, the kind of its mark, and what it means, of each state of a partner. */
export const HEALTH = {
  down: ['down', 'bad', 'nothing of it is decided just now'],
  failing: ['feed fails', 'bad', 'the last run of its feed did not end well'],
  late: ['feed late', 'warn', 'the last good run of its feed is too long ago'],
  plan_waits: ['plan waits', 'warn', 'deletes are held until an operator decides'],
  paused: ['feed paused', 'calm', 'an operator has stopped its schedule'],
  quarantine: ['kept aside', 'calm', 'something it sent lies in the quarantine'],
  fine: ['fine', 'good', 'nothing waits'],
  removed: ['removed', 'off', 'no longer configured, its assets stay readable'],
};

/** The same of how a run ended. */
export const RUN = {
  applied: ['applied', 'good'],
  unchanged: ['unchanged', 'calm'],
  skipped_older: ['older file, skipped', 'warn'],
  refused: ['refused', 'bad'],
  failed: ['failed', 'bad'],
};

/** The same of a plan. */
export const PLAN = {
  held: ['waits for you', 'warn'],
  approved: ['approved', 'good'],
  rejected: ['rejected', 'calm'],
  cancelled: ['cancelled: they are back', 'calm'],
  expired: ['expired', 'off'],
};

/** What a run is at. */
export const PHASE = {
  waiting: 'waits for its turn',
  fetching: 'fetches the file',
  reading: 'reads the file',
  applying: 'applies its records',
  finishing: 'decides what the file lacks',
};

/** What a run changed: "3 new, 2 changed, 150 held". */
export function changes({ counts, quarantined }) {
  const parts = [[counts.created, 'new'], [counts.updated, 'changed'], [counts.deleted, 'gone'], [counts.held, 'held'], [quarantined ?? 0, 'kept aside']];
  return parts.filter(([count]) => count > 0).map(([count, word]) => `${number(count)} ${word}`).join(', ') || 'nothing new';
}

/** A word of the daemon as it reads in a sentence. */
export const plain = (word) => word.replaceAll('_', ' ');

// What was counted at the last looks: rates are made of two of them, charts of all.

const KEPT = 150;
const series = new Map();

/** Notes a total, or a level, as it stands now. A total that fell begins anew: the daemon was started again. */
export function note(name, value, now = performance.now()) {
  const kept = series.get(name) ?? [];
  if (kept.length > 0 && value < kept.at(-1).value && name.startsWith('total:')) kept.length = 0;
  kept.push({ now, value });
  if (kept.length > KEPT) kept.shift();
  series.set(name, kept);
}

/** By the second, between each look and the one before. */
export function rates(name) {
  const kept = series.get(name) ?? [];
  return kept.slice(1).map(({ now, value }, place) => (value - kept[place].value) / Math.max(0.001, (now - kept[place].now) / 1000));
}

/** The last of them; null before the second look. */
export function rate(name) {
  return rates(name).at(-1) ?? null;
}

/** The levels as they were noted. */
export function levels(name) {
  return (series.get(name) ?? []).map(({ value }) => value);
}

/** Keeps only the series whose names fit: of ten thousand partners those are kept that are shown. */
export function keepOnly(fits) {
  for (const name of series.keys()) {
    if (!fits(name)) series.delete(name);
  }
}

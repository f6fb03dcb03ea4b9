// Ranges of time as they stand in addresses: a name such as 1h, or from and to.

const MINUTE = 60_000;
export const RANGES = [
  ['15m', '15 min', 15 * MINUTE], ['1h', '1 hour', 60 * MINUTE], ['6h', '6 hours', 360 * MINUTE],
  ['24h', '24 hours', 1440 * MINUTE], ['7d', '7 days', 10_080 * MINUTE], ['30d', '30 days', 43_200 * MINUTE],
];

const lengthOf = (name) => RANGES.find(([key]) => key === name)?.[2];

/** `{from, to}` in ms for a query; null for one that names no range. */
export function rangeOf({ range, from, to }, now = Date.now(), otherwise = null) {
  const start = Date.parse(from ?? '');
  const end = Date.parse(to ?? '');
  if (!Number.isNaN(start)) return { from: start, to: Number.isNaN(end) ? now : end };
  const length = lengthOf(range) ?? lengthOf(otherwise);
  return length ? { from: now - length, to: now } : null;
}

/** Seconds between the points of a series: of `allowed`, the shortest that gives at most `most` points. */
export function stepFor({ from, to }, most = 1440, allowed = [60, 300, 900, 3600, 21_600, 86_400]) {
  const seconds = (to - from) / 1000;
  return allowed.find((step) => seconds / step <= most) ?? allowed.at(-1);
}

const STEP_NAMES = [[86_400, 'day'], [3600, 'hour'], [60, 'minute']];

/** "a minute", "5 minutes", "a day" */
export function stepName(seconds) {
  const [length, name] = STEP_NAMES.find(([unit]) => seconds >= unit) ?? STEP_NAMES.at(-1);
  const n = Math.round(seconds / length);
  return n === 1 ? `${name === 'hour' ? 'an' : 'a'} ${name}` : `${n} ${name}s`;
}

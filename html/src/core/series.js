// Series of the metrics API as columns for charts. What was not measured stays null: a gap, not a zero.

const perMinute = (value, step) => (value * 60) / step;
const MIB = 1024 * 1024;

export const CHARTS = [
  {
    key: 'requests', title: 'Requests per minute', unit: 'per minute',
    lines: [
      { name: 'requests', colour: '--run', value: (point, step) => perMinute(point.requests, step), fill: true },
      { name: 'errors', colour: '--bad', value: (point, step) => perMinute(point.errors, step) },
    ],
  },
  {
    key: 'latency', title: 'Latency', unit: 'ms',
    lines: [
      { name: 'p50', colour: '--run', value: ({ total_ms: total }) => total?.p50 ?? null },
      { name: 'p95', colour: '--init', value: ({ total_ms: total }) => total?.p95 ?? null },
      { name: 'p99', colour: '--gvisor', value: ({ total_ms: total }) => total?.p99 ?? null },
    ],
  },
  {
    key: 'cpu', title: 'CPU, of one core', unit: '%',
    lines: [{ name: 'cpu', colour: '--docker', value: ({ requests, cpu_share: share }) => (requests ? (share ?? 0) * 100 : null), fill: true }],
  },
  {
    key: 'memory', title: 'Memory of a call', unit: 'MiB',
    lines: [
      { name: 'peak', colour: '--gvisor', value: ({ memory_peak_bytes: bytes }) => (bytes === null ? null : bytes / MIB) },
      { name: 'p95', colour: '--docker', value: ({ memory_p95_bytes: bytes }) => (bytes === null || bytes === undefined ? null : bytes / MIB) },
    ],
  },
];

// All charts of an answer share their times.
const times = new WeakMap();
function timesOf(series) {
  if (!times.has(series)) times.set(series, series.map(({ t }) => Date.parse(t) / 1000));
  return times.get(series);
}

/** `[times in s, values of the first line, …]` as uPlot wants it. */
export function columns({ series, step }, { lines }) {
  return [
    timesOf(series),
    ...lines.map(({ value }) => series.map((point) => {
      const found = value(point, step);
      return Number.isFinite(found) ? found : null;
    })),
  ];
}

/** Parts of a whole that are there, largest first, with their share. */
export function shares(counts = {}) {
  const entries = Object.entries(counts).filter(([, n]) => n > 0);
  const all = entries.reduce((sum, [, n]) => sum + n, 0);
  return entries.sort((a, b) => b[1] - a[1]).map(([name, n]) => ({ name, n, share: n / all }));
}

/** gVisor's figure as a multiple of Docker's, null where one is unknown. */
export const ratio = (docker, gvisor) => (docker > 0 && gvisor > 0 ? gvisor / docker : null);

export function adviceText(advice) {
  if (!advice) return null;
  const { verdict, memory_mb: now, suggested_mb: better, memory_peak_bytes: peak } = advice;
  const top = peak === null ? '' : ` The most a call took was ${(peak / MIB).toFixed(1)} MiB.`;
  return {
    smaller: `${better} MiB would do; it has ${now} MiB.${top}`,
    larger: better > now ? `It needs more than its ${now} MiB: ${better} MiB would do.${top}` : `It ran out of its ${now} MiB.${top}`,
    fits: `${now} MiB fit.${top}`,
    unknown: 'Too few calls to say; 20 are enough.',
  }[verdict] ?? null;
}

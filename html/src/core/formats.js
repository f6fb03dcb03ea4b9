// How values read on every page. A figure that was not measured is a dash.

import { LANGUAGE_OPTIONS } from './languages.js';

export const NONE = '–';
const known = (value) => typeof value === 'number' && Number.isFinite(value);

export function milliseconds(value) {
  if (!known(value)) return NONE;
  if (value >= 120_000) return `${Math.floor(value / 60_000)} min ${Math.round((value % 60_000) / 1000)} s`;
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return `${value >= 100 ? Math.round(value) : Number(value.toFixed(value >= 10 ? 1 : 2))} ms`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
export function bytes(value) {
  if (!known(value)) return NONE;
  let unit = 0;
  let size = value;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit && size < 100 ? size.toFixed(1) : Math.round(size)} ${UNITS[unit]}`;
}

export function percent(ratio) {
  if (!known(ratio)) return NONE;
  const value = ratio * 100;
  if (value > 0 && value < 0.1) return '< 0.1 %';
  return `${Number(value.toFixed(value < 10 || value > 99 ? 1 : 0))} %`;
}

const DIGITS = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
export const count = (value) => (known(value) ? DIGITS.format(value) : NONE);

/** "1 run", "3 runs" */
export const plural = (n, word, words = `${word}s`) => `${count(n)} ${n === 1 ? word : words}`;

/** CPU time as a share of one core over the time that code was loaded and run. */
export function ofOneCore({ cpu_ms: cpu, init_ms: init, run_ms: run }) {
  const busy = (init ?? 0) + (run ?? 0);
  return known(cpu) && busy > 0 ? `${Math.round((cpu / busy) * 100)} % of one core` : NONE;
}

const EXACT = { dateStyle: 'medium', timeStyle: 'medium' };
export function exactTime(value) {
  const date = new Date(value ?? NaN);
  return Number.isNaN(date.getTime()) ? NONE : date.toLocaleString(undefined, EXACT);
}

const STEPS = [[60, 1, 's'], [3600, 60, 'min'], [86_400, 3600, 'h'], [30 * 86_400, 86_400, 'd']];
export function relativeTime(value, now = Date.now()) {
  const time = new Date(value ?? NaN).getTime();
  if (Number.isNaN(time)) return NONE;
  const seconds = Math.round((now - time) / 1000);
  const distance = Math.abs(seconds);
  if (distance < 5) return 'now';
  const step = STEPS.find(([below]) => distance < below);
  if (!step) return new Date(time).toLocaleDateString(undefined, { dateStyle: 'medium' });
  const amount = `${Math.floor(distance / step[1])} ${step[2]}`;
  return seconds < 0 ? `in ${amount}` : `${amount} ago`;
}

const WORDS = {
  ...Object.fromEntries(LANGUAGE_OPTIONS), docker: 'Docker', gvisor: 'gVisor',
  oom: 'out of memory', ok: 'ok',
};
export const word = (value) => (value === undefined || value === null || value === '' ? NONE : WORDS[value] ?? String(value));

const SHOWN = 200_000;
/** JSON as it is read, text as it is. A long answer would freeze the tab; what is cut is said. */
export function output(value) {
  const whole = typeof value === 'string' ? value : JSON.stringify(value, null, 2) ?? '';
  if (whole.length <= SHOWN) return whole;
  return `${whole.slice(0, SHOWN)}\n… ${count(whole.length - SHOWN)} more characters are not shown`;
}

const shellQuote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
/** The command that calls a function's address with an input. */
export function curl({ url, methods = [], access }, input) {
  const auth = access === 'private' ? " -H 'Authorization: Bearer '\"$TOKEN\"" : '';
  if (input === undefined || input === null) return `curl${auth} ${shellQuote(url)}`;
  const method = methods.includes('POST') || methods.length === 0 ? '' : ` -X ${methods[0]}`;
  return `curl${method}${auth} -H 'Content-Type: application/json' -d ${shellQuote(JSON.stringify(input))} ${shellQuote(url)}`;
}

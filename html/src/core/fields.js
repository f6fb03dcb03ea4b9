// The fields of a function: what a new one begins with, which values are allowed, what has changed.

import { LANGUAGES } from './languages.js';

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

export const DEFAULTS = {
  name: '', route: '', language: 'python', runtime: 'docker', isolation: 'request', access: 'public', event: 'input',
  methods: METHODS, handler: null, timeout_ms: 3000, memory_mb: 128, cpus: 1, disk_mb: 16, max_concurrency: 10,
  record_input: null, description: '', input_example: null, code: '',
};

const RANGES = {
  timeout_ms: [1, 900_000, 'ms'], cpus: [0.05, 2, 'cores'], disk_mb: [1, 256, 'MiB'], max_concurrency: [1, 1000, 'calls'],
};

const SEGMENT = /^([A-Za-z0-9._~-]+|\{[A-Za-z_][A-Za-z0-9_]*\})$/;

export function routeError(route) {
  const path = route.replace(/^\//, '');
  if (!path) return 'A route is needed: it is the address.';
  const segments = path.split('/');
  if (segments.length > 8) return 'At most 8 parts between slashes.';
  const last = segments.length > 1 && segments.at(-1) === '*' ? segments.slice(0, -1) : segments;
  const wrong = last.find((segment) => !SEGMENT.test(segment));
  if (wrong === '') return 'No two slashes in a row, none at the end.';
  return wrong === undefined ? null : `“${wrong}” may only have letters, digits and . _ ~ - or be a {name}.`;
}

const nameError = (name) => {
  if (!name) return 'A name is needed.';
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name) ? null
    : 'Letters, digits, _ and -, at most 64, a letter or digit first.';
};

const rangeError = (value, [least, most, unit], whole) =>
  (typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value)) ? null
    : `${whole ? 'A whole number' : 'A number'} from ${least} to ${most} (${unit}).`);

/** What is wrong, by field. */
export function check(fields) {
  const floor = LANGUAGES[fields.language]?.memory_mb[fields.runtime] ?? 32;
  const found = {
    name: nameError(fields.name),
    route: routeError(fields.route),
    memory_mb: rangeError(fields.memory_mb, [floor, 1024, 'MiB'], true),
    methods: fields.methods?.length === 0 ? 'At least one.' : null,
    code: fields.code.trim() ? null : 'There is no code yet.',
  };
  for (const [name, range] of Object.entries(RANGES)) found[name] = rangeError(fields[name], range, name !== 'cpus');
  return Object.fromEntries(Object.entries(found).filter(([, message]) => message));
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** The fields of `now` that differ from `saved`. */
export function changes(saved, now) {
  return Object.fromEntries(Object.keys(DEFAULTS)
    .filter((key) => key in now && !same(saved[key] ?? DEFAULTS[key], now[key] ?? DEFAULTS[key]))
    .map((key) => [key, now[key]]));
}

export const editable = (fn) => Object.fromEntries(Object.keys(DEFAULTS).map((key) => [key, fn[key] ?? DEFAULTS[key]]));

/** The name as a route, until someone chooses another. */
export const routeFromName = (name) => name.trim().replace(/[^A-Za-z0-9._~-]+/g, '-').replace(/^-+|-+$/g, '');

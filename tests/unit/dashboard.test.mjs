// The dashboard's pure modules: formats, forms, ranges, series, lists, verdicts.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createUnderFreeName, fieldsOf } from '../../html/src/core/examples.js';
import { changes, check, DEFAULTS, routeError, routeFromName } from '../../html/src/core/fields.js';
import { bytes, curl, milliseconds, ofOneCore, percent, relativeTime } from '../../html/src/core/formats.js';
import { blank, hasForm, readArgs, readNumber, requestOf } from '../../html/src/core/form.js';
import { rangeOf, stepFor, stepName } from '../../html/src/core/ranges.js';
import { rank } from '../../html/src/core/rank.js';
import { adviceText, CHARTS, columns, ratio, shares } from '../../html/src/core/series.js';
import { lineOf } from '../../html/src/core/stack.js';
import { withHead, withOlder } from '../../html/src/core/tail.js';
import { middleRun, spread, verdict } from '../../html/src/core/verdict.js';

describe('formats', () => {
  test('durations, sizes and shares read as people say them; what is unknown is a dash', () => {
    assert.deepEqual([0.123, 12.34, 123.4, 9999, 12_345, 150_000, null].map(milliseconds),
      ['0.12 ms', '12.3 ms', '123 ms', '9999 ms', '12.3 s', '2 min 30 s', '–']);
    assert.deepEqual([0, 1023, 1024, 5_242_880, 200 * 1024 ** 2, undefined].map(bytes), ['0 B', '1023 B', '1.0 KiB', '5.0 MiB', '200 MiB', '–']);
    assert.deepEqual([0, 0.0004, 0.025, 0.5, 0.995, 1, null].map(percent), ['0 %', '< 0.1 %', '2.5 %', '50 %', '99.5 %', '100 %', '–']);
    assert.equal(ofOneCore({ cpu_ms: 5, init_ms: 15, run_ms: 5 }), '25 % of one core');
    assert.equal(ofOneCore({ cpu_ms: 5, init_ms: null, run_ms: 0 }), '–');
  });

  test('times are told from now', () => {
    const now = Date.parse('2026-01-02T12:00:00Z');
    const ago = (seconds) => relativeTime(new Date(now - seconds * 1000).toISOString(), now);
    assert.deepEqual([2, 42, 150, 7200, 200_000, -90].map(ago), ['now', '42 s ago', '2 min ago', '2 h ago', '2 d ago', 'in 1 min']);
    assert.equal(relativeTime('nonsense', now), '–');
  });

  test('curl survives quotes in the input', () => {
    const fn = { url: 'http://h/fn/x', methods: ['GET', 'POST'], access: 'public' };
    assert.equal(curl(fn, null), "curl 'http://h/fn/x'");
    assert.equal(curl(fn, { a: "it's" }), `curl -H 'Content-Type: application/json' -d '{"a":"it'\\''s"}' 'http://h/fn/x'`);
  });
});

describe('forms', () => {
  test('which examples have one', () => {
    assert.equal(hasForm({ a: 1, b: { c: [true] } }), true);
    assert.equal(hasForm([1, 2]), true);
    for (const value of ['text', 5, null, {}]) assert.equal(hasForm(value), false, JSON.stringify(value));
  });

  test('numbers are read strictly', () => {
    assert.deepEqual(['1', ' -0.5 ', '1e3', '.5', '', '0x10', '1,5', 'NaN', '1e999'].map(readNumber), [1, -0.5, 1000, 0.5, null, null, null, null, null]);
  });

  test('what is sent, by the kind of input', () => {
    assert.deepEqual(blank({ a: 'x', n: 3, on: true, list: [1], deep: { s: 'y' }, nothing: null }), { a: '', n: 0, on: false, list: [], deep: { s: '' }, nothing: null });
    assert.deepEqual(readArgs('one\r\n\ntwo words\n'), ['one', 'two words']);
    assert.deepEqual(requestOf('json', ' ', {}), {});
    assert.deepEqual(requestOf('json', '[1]', {}), { input: [1] });
    assert.deepEqual(requestOf('form', '', { a: 1 }), { input: { a: 1 } });
    assert.throws(() => requestOf('json', '{', {}), SyntaxError);
  });
});

describe('fields of a function', () => {
  const good = { ...DEFAULTS, name: 'a', route: 'a', code: 'x' };

  test('what breaks a rule is named', () => {
    assert.deepEqual(check(good), {});
    assert.deepEqual(Object.keys(check({ ...good, name: '-x', route: 'a//b', memory_mb: 16, cpus: 3, timeout_ms: Number.NaN, methods: [], code: ' ' })).sort(),
      ['code', 'cpus', 'memory_mb', 'methods', 'name', 'route', 'timeout_ms']);
    assert.ok(check({ ...good, language: 'javascript', runtime: 'gvisor', memory_mb: 127 }).memory_mb);
  });

  test('routes', () => {
    for (const route of ['a', '/a/{id}', 'a/*', 'a.b/c~d', '{x}/y']) assert.equal(routeError(route), null, route);
    for (const route of ['', 'a/', '//a', 'a b', 'a/{}', '1/2/3/4/5/6/7/8/9']) assert.ok(routeError(route), route);
    assert.equal(routeFromName(' My function! '), 'My-function');
  });

  test('only what differs is sent', () => {
    assert.deepEqual(changes(good, { ...good, cpus: 2, methods: [...good.methods] }), { cpus: 2 });
  });
});

test('an example is deployed under the first free name', async () => {
  const taken = new Set(['me/hello', 'me/hello-2']);
  const create = async (fields) => {
    if (taken.has(fields.route)) throw Object.assign(new Error(), { code: 'route_taken' });
    return fields;
  };
  assert.deepEqual(await createUnderFreeName({ name: 'hello', route: 'me/hello' }, { known: ['hello'], create }), { name: 'hello-3', route: 'me/hello-3' });
  await assert.rejects(createUnderFreeName({ name: 'x', route: 'x' }, { create: async () => { throw new Error('other'); } }), /other/);
  assert.deepEqual(fieldsOf({ order: 1, file: 'f', expect: [], name: 'n', code: 'c' }), { name: 'n', code: 'c' });
});

test('the line an error comes from', () => {
  const python = 'Traceback\n  File "/tmp/function.py", line 5, in handler\n  File "/tmp/function.py", line 2, in pick\nIndexError';
  assert.equal(lineOf(python, 'python'), 2);
  assert.equal(lineOf('Error: x\n    at pick (/tmp/function.js:7:3)\n    at /tmp/function.js:9:1', 'javascript'), 7);
  assert.equal(lineOf(null, 'python'), null);
  assert.equal(lineOf('  File "function.py", line 4, in handler', undefined), 4); // names of files tell the language
});

describe('ranges', () => {
  const now = Date.parse('2026-01-02T12:00:00Z');

  test('a name ends now, from and to are as they are', () => {
    assert.deepEqual(rangeOf({ range: '1h' }, now), { from: now - 3_600_000, to: now });
    assert.deepEqual(rangeOf({ from: '2026-01-01T00:00:00Z', to: '2026-01-01T06:00:00Z' }, now), { from: now - 36 * 3_600_000, to: now - 30 * 3_600_000 });
    assert.equal(rangeOf({ range: 'nonsense' }, now), null);
    assert.deepEqual(rangeOf({}, now, '15m'), { from: now - 900_000, to: now });
  });

  test('steps give at most 1,440 points', () => {
    const steps = [1, 24, 24 * 7, 24 * 30].map((hours) => stepFor({ from: now - hours * 3_600_000, to: now }));
    assert.deepEqual(steps, [60, 60, 900, 3600]);
    assert.deepEqual([60, 900, 3600, 21_600, 86_400].map(stepName), ['a minute', '15 minutes', 'an hour', '6 hours', 'a day']);
  });
});

describe('series', () => {
  const [requests, latency] = CHARTS;

  test('are columns; what was not measured is a gap', () => {
    const answer = {
      step: 300,
      series: [{ t: '2026-01-01T00:00:00Z', requests: 10, errors: 5, total_ms: { p50: 1, p95: 2, p99: 3 } }, { t: '2026-01-01T00:05:00Z', requests: 0, errors: 0, total_ms: { p50: null, p95: null, p99: null } }],
    };
    assert.deepEqual(columns(answer, requests), [[1767225600, 1767225900], [2, 0], [1, 0]]);
    assert.deepEqual(columns(answer, latency).slice(1), [[1, null], [2, null], [3, null]]);
  });

  test('shares, ratios and advice', () => {
    assert.deepEqual(shares({ ok: 3, error: 0, timeout: 1 }), [{ name: 'ok', n: 3, share: 0.75 }, { name: 'timeout', n: 1, share: 0.25 }]);
    assert.equal(ratio(2, 3), 1.5);
    assert.equal(ratio(0, 3), null);
    assert.match(adviceText({ verdict: 'smaller', memory_mb: 128, suggested_mb: 64, memory_peak_bytes: 4e7 }), /^64 MiB would do/);
    assert.equal(adviceText(null), null);
  });
});

test('the palette finds letters in order, words first, minor entries only when asked for', () => {
  const items = [{ label: 'hello-js' }, { label: 'Theme: light' }, { label: 'hello' }, { label: 'hello: versions', minor: true }];
  assert.deepEqual(rank(items, '').map(({ label }) => label), ['hello-js', 'Theme: light', 'hello']);
  assert.deepEqual(rank(items, 'hello').map(({ label }) => label), ['hello', 'hello-js', 'hello: versions']);
  assert.deepEqual(rank(items, 'tlig').map(({ label }) => label), ['Theme: light']);
  assert.deepEqual(rank(items, 'zzz'), []);
});

test('a list that is followed grows at its head and begins anew after a gap', () => {
  const page = (...ids) => ({ items: ids.map((id) => ({ id })), next: 'older' });
  const ids = ({ items }) => items.map(({ id }) => id);
  const first = withHead(null, page('3', '2', '1'));
  assert.deepEqual(ids(withHead(first, page('5', '4', '3'))), ['5', '4', '3', '2', '1']);
  assert.deepEqual(ids(withHead(first, page('9', '8', '7'))), ['9', '8', '7']);
  assert.deepEqual(ids(withOlder(first, page('0'))), ['3', '2', '1', '0']);
});

describe('comparison', () => {
  const run = (total, status = 'ok') => ({ status, metrics: { total_ms: total } });
  const side = (total, memory) => ({ total_ms: total, memory_peak_bytes: memory });
  const answer = (docker, gvisor, more) => ({ medians: { docker, gvisor }, runs: { docker: [], gvisor: [] }, available: { docker: true, gvisor: true }, outputs_equal: true, ...more });

  test('the verdict has the figures', () => {
    assert.equal(verdict(answer(side(10, 1_048_576), side(40, 3_145_728))),
      'Docker is 4.0 times as fast: 10 ms on Docker, 40 ms on gVisor in the middle. gVisor took 2.0 MiB more memory, its sandbox included. All answers were the same.');
    assert.match(verdict(answer(side(10, null), side(10.5, null), { outputs_equal: false })), /^Both are about as fast.*Their answers differ\.$/);
    assert.match(verdict(answer(null, null)), /failed on both/);
    assert.match(verdict(answer(side(1, 1), null, { available: { docker: true, gvisor: false } })), /gVisor cannot run/);
  });

  test('spread and the run in the middle leave failed runs out', () => {
    const runs = [run(30), run(10), run(99, 'error'), run(20)];
    assert.deepEqual(spread(runs, 'total_ms'), { least: 10, median: 20, most: 30, values: [10, 20, 30] });
    assert.equal(middleRun(runs).metrics.total_ms, 20);
    assert.equal(middleRun([]), null);
    assert.equal(spread([], 'total_ms'), null);
  });
});

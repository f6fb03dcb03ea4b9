// What Prometheus is told, checked by its own tool.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { before, describe, test } from 'node:test';
import { request } from '../lib/http.mjs';
import { stack } from '../lib/stack.mjs';

let s;
let f;
let runtimes;

const scrape = (headers = { Authorization: `Bearer ${s.token}` }) => request(`${s.url}/metrics`, { headers });

/** Samples as [name, labels, value]. */
async function samples() {
  const { status, text } = await scrape();
  assert.equal(status, 200);
  return text.split('\n').filter((line) => line && !line.startsWith('#')).map((line) => {
    const [, name, labels, value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    return [name, Object.fromEntries([...(labels ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text])), Number(value)];
  });
}

const matches = (labels, wanted) => Object.entries(wanted).every(([key, value]) => labels[key] === value);
const values = (all, name, wanted = {}) => all.filter(([n, labels]) => n === name && matches(labels, wanted)).map(([, , value]) => value);
function value(all, name, wanted) {
  const found = values(all, name, wanted);
  assert.equal(found.length, 1, `${name} ${JSON.stringify(wanted)}: ${found.length} samples`);
  return found[0];
}

before(async () => {
  s = await stack();
  const { body: { keeper } } = await s.api('/health');
  runtimes = [...new Set(keeper.pools.filter(({ available }) => available).map(({ runtime }) => runtime))];
  f = await s.deploy({ language: 'python', code: 'def handler(event):\n    return 1 / event\n' });
  for (const runtime of runtimes) for (const input of [1, 2, 0]) await s.execute(f, { input, runtime });
});

describe('GET /metrics', () => {
  test('passes promtool check metrics', async () => {
    const { status, text, headers } = await scrape();
    assert.equal(status, 200);
    assert.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
    const { status: code, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    assert.equal(`${stdout}${stderr}`, '');
    assert.equal(code, 0);
  });

  test('counts the calls of each function and runtime', async () => {
    const all = await samples();
    for (const runtime of runtimes) {
      const which = { function: f.name, owner: 'admin', runtime };
      assert.equal(value(all, 'cloche_function_calls_total', { ...which, status: 'ok' }), 2);
      assert.equal(value(all, 'cloche_function_calls_total', { ...which, status: 'error' }), 1);
      assert.equal(value(all, 'cloche_function_calls_total', { ...which, status: 'timeout' }), 0);
      assert.equal(value(all, 'cloche_function_duration_seconds_count', which), 3);
      assert.ok(value(all, 'cloche_function_duration_seconds_sum', which) > 0);
      assert.ok(value(all, 'cloche_function_cpu_seconds_total', which) > 0);
      const buckets = values(all, 'cloche_function_duration_seconds_bucket', which);
      assert.deepEqual(buckets, [...buckets].sort((a, b) => a - b));
      assert.equal(value(all, 'cloche_function_duration_seconds_bucket', { ...which, le: '+Inf' }), 3);
      assert.ok(value(all, 'cloche_calls_total', { runtime, status: 'ok' }) >= 2);
    }
  });

  test('is the same whichever worker answers, and only grows', async () => {
    const counter = async () => value(await samples(), 'cloche_calls_total', { runtime: 'docker', status: 'ok' });
    let last = await counter();
    for (let i = 0; i < 6; i++) {
      await s.execute(f, { input: 1, runtime: 'docker' });
      const now = await counter();
      assert.ok(now > last, `${now} after ${last}`);
      last = now;
    }
  });

  test('shows the parts of the service', async () => {
    const all = await samples();
    for (const part of ['database', 'keeper', 'engine', 'journal']) assert.equal(value(all, 'cloche_part_up', { part }), 1);
    assert.ok(value(all, 'cloche_cells_limit') > 0);
    assert.equal(values(all, 'cloche_cells', { state: 'ready' }).length, 4);
    assert.equal(value(all, 'cloche_runtime_available', { runtime: 'docker' }), 1);
    assert.ok(value(all, 'cloche_database_connections_limit') > 0);
    assert.ok(value(all, 'cloche_journal_segments') >= 0);
  });

  test('wants a login, and no parameters', async () => {
    assert.equal((await scrape({})).status, 401);
    assert.equal((await request(`${s.url}/metrics?x=1`, { headers: { Authorization: `Bearer ${s.token}` } })).status, 422);
  });
});

// The same input on both runtimes: who ran when, what came of it, and what the medians are made of.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { stack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const RUNTIMES = ['docker', 'gvisor'];
const FIGURES = ['queue_ms', 'init_ms', 'run_ms', 'total_ms', 'cpu_ms', 'memory_peak_bytes'];

const ECHO = 'def handler(event, context):\n    return {"event": event, "args": context.args}\n';
const KERNEL = 'def handler():\n    return open("/proc/version").read()\n';
const FAILS = 'def handler():\n    raise ValueError("as it should")\n';

let s;
before(async () => { s = await stack(); });

const compareRaw = ({ id }, body, options) =>
  s.api(`/functions/${id}/compare`, { method: 'POST', body, timeout: 60_000, ...options });

async function compare(f, body = {}) {
  const answer = await compareRaw(f, body);
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
}

const python = (code, more = {}) => s.deploy({ language: 'python', code, timeout_ms: 10_000, ...more });

function medianOf(values) {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (known.length === 0) return null;
  const middle = (known.length - 1) / 2;
  return (known[Math.floor(middle)] + known[Math.ceil(middle)]) / 2;
}

describe('a comparison', () => {
  test('runs as often as asked on each runtime, in turns, with the input and args', async () => {
    const f = await python(ECHO);
    const { runs, medians, outputs_equal: equal, available } = await compare(f, { input: { a: [1] }, args: ['é'], runs: 3 });
    assert.equal(equal, true);
    assert.deepEqual(available, { docker: true, gvisor: true });
    for (const runtime of RUNTIMES) {
      assert.equal(runs[runtime].length, 3);
      for (const run of runs[runtime]) {
        assert.equal(run.status, 'ok', JSON.stringify(run.error));
        assert.deepEqual(run.output, { event: { a: [1] }, args: ['é'] });
        assert.equal(run.runtime, runtime);
        assert.equal(run.http_status, 200);
        assert.deepEqual(Object.keys(run.metrics), FIGURES);
      }
      for (const figure of FIGURES) {
        const expected = medianOf(runs[runtime].map(({ metrics }) => metrics[figure]));
        assert.ok(Math.abs(medians[runtime][figure] - expected) <= 0.001, `${runtime} ${figure}`);
      }
    }
    const order = RUNTIMES.flatMap((runtime) => runs[runtime]).sort((a, b) => (a.invocation_id < b.invocation_id ? -1 : 1));
    assert.deepEqual(order.map(({ runtime }) => runtime), ['docker', 'gvisor', 'gvisor', 'docker', 'docker', 'gvisor']);
  });

  test('answers each run in the shape of execute, and keeps a record of it', async () => {
    const f = await python(ECHO);
    const once = await s.execute(f);
    const { runs } = await compare(f, { runs: 1 });
    for (const runtime of RUNTIMES) {
      const [run] = runs[runtime];
      assert.deepEqual(Object.keys(run).sort(), Object.keys(once).sort());
      const record = await s.record(f, run.invocation_id);
      assert.equal(record.runtime, runtime);
      assert.equal(record.status, 'ok');
    }
  });

  test('runs three times each where nothing is said, also without a body', async () => {
    const f = await python(ECHO);
    const { runs } = await compare(f, undefined);
    assert.deepEqual(RUNTIMES.map((runtime) => runs[runtime].length), [3, 3]);
  });

  test('tells outputs that differ', async () => {
    const { runs, outputs_equal: equal } = await compare(await python(KERNEL), { runs: 1 });
    assert.notEqual(runs.docker[0].output, runs.gvisor[0].output);
    assert.equal(equal, false);
  });

  test('compares the type and status of an answer, too', async () => {
    const code = `
import os
def handler():
    gvisor = os.uname().release.startswith("4.4")
    return {"statusCode": 200, "headers": {"content-type": "text/html" if gvisor else "text/plain"}, "body": "same"}
`;
    const { runs, outputs_equal: equal } = await compare(await python(code), { runs: 1 });
    assert.equal(runs.docker[0].output, runs.gvisor[0].output);
    assert.equal(equal, false);
  });

  test('of a function that fails has its errors, and no medians', async () => {
    const { runs, medians, outputs_equal: equal, available } = await compare(await python(FAILS), { runs: 2 });
    for (const runtime of RUNTIMES) {
      for (const run of runs[runtime]) {
        assert.equal(run.status, 'error');
        assert.equal(run.error.type, 'ValueError');
      }
      assert.equal(medians[runtime], null);
    }
    assert.equal(equal, null);
    assert.deepEqual(available, { docker: true, gvisor: true });
  });

  test('runs an older version when asked', async () => {
    const f = await python('def handler():\n    return "one"\n');
    await s.replace(f, { code: 'def handler():\n    return "two"\n' });
    const { runs } = await compare(f, { runs: 1, version: 1 });
    for (const runtime of RUNTIMES) {
      assert.equal(runs[runtime][0].output, 'one');
      assert.equal(runs[runtime][0].version, 1);
    }
  });

  test('gives a runtime the memory it needs to start at all', async () => {
    const f = await python('def handler(event, context):\n    return context.memory_limit_in_mb\n', { memory_mb: 32 });
    const { runs } = await compare(f, { runs: 1 });
    assert.equal(runs.docker[0].output, 32);
    assert.equal(runs.gvisor[0].status, 'ok', JSON.stringify(runs.gvisor[0].error));
    assert.ok(runs.gvisor[0].output > 32, `${runs.gvisor[0].output}`);
    const once = await s.execute(f, { runtime: 'gvisor' });
    assert.equal(once.output, runs.gvisor[0].output);
  });

  test('with many great outputs still answers, and says what it left out', async () => {
    const f = await python('def handler():\n    return "x" * (6 << 20)\n', { memory_mb: 256 });
    const { runs, outputs_equal: equal } = await compare(f, { runs: 4 });
    assert.equal(equal, true);
    for (const runtime of RUNTIMES) {
      assert.deepEqual(runs[runtime].map(({ status }) => status), ['ok', 'ok', 'ok', 'ok']);
      assert.equal(runs[runtime][0].output.length, 6 << 20);
      assert.equal(runs[runtime][3].output_omitted, true);
      assert.equal(runs[runtime][3].output, null);
    }
  });

  test('ends when its caller hangs up', async () => {
    const f = await python('import time\ndef handler():\n    time.sleep(3)\n');
    const caller = new AbortController();
    const asked = compareRaw(f, { runs: 5 }, { signal: caller.signal });
    const records = async () => (await s.api(`/functions/${f.id}/invocations?limit=100`)).body.items;
    setTimeout(() => caller.abort(), 1000);
    await assert.rejects(asked);
    const [last] = await until(async () => {
      const all = await records();
      return all.some(({ status }) => status === 'cancelled') && all;
    }, 'the record of the run that was cut short');
    assert.equal(last.status, 'cancelled');
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
    assert.equal((await records())[0].id, last.id);
  });
});

describe('what is refused', () => {
  let f;
  before(async () => { f = await python(ECHO); });

  for (const body of [{ runs: 0 }, { runs: 21 }, { runs: 1.5 }, { runs: '3' }, { runs: null }, { runtime: 'docker' },
    { surprise: 1 }, { args: [1] }, { version: 0 }]) {
    test(JSON.stringify(body), async () => {
      const { status, body: problem } = await compareRaw(f, body);
      assert.equal(status, 422);
      assert.equal(problem.code, 'invalid');
      assert.equal(problem.errors[0].field, Object.keys(body)[0]);
    });
  }

  test('what is no JSON, a version and a function that are not there, no login', async () => {
    const headers = { 'Content-Type': 'application/json' };
    assert.equal((await compareRaw(f, '{', { headers })).status, 400);
    assert.equal((await compareRaw(f, { version: 99 })).status, 404);
    assert.equal((await compareRaw({ id: '01926f5c-7d3e-7a10-8000-0123456789ab' }, {})).status, 404);
    assert.equal((await compareRaw({ id: 'none' }, {})).status, 404);
    assert.equal((await compareRaw(f, {}, { token: null })).status, 401);
    assert.equal((await s.api(`/functions/${f.id}/compare`)).status, 405);
  });
});

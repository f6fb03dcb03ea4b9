// Metrics over HTTP, after real calls on both runtimes.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { stack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const CODE = `def handler(event):
    if event == "fail":
        raise ValueError("as asked")
    if event == "endless":
        while True:
            pass
    return {"got": event}
`;
const CALLS = ['a', 'b', 'fail', 'c', 'fail'];

let s;
let f;
let quiet;
let runtimes;
let runs; // results of execute

const get = async (path, wanted = 200) => {
  const { status, body, text } = await s.api(`/metrics/${path}`);
  assert.equal(status, wanted, text.slice(0, 500));
  return body;
};

before(async () => {
  s = await stack();
  const { body: { keeper } } = await s.api('/health');
  runtimes = [...new Set(keeper.pools.filter(({ available }) => available).map(({ runtime }) => runtime))];
  f = await s.deploy({ language: 'python', code: CODE, timeout_ms: 1000 });
  quiet = await s.deploy({ language: 'python', code: CODE });
  runs = [];
  for (const runtime of runtimes) for (const input of CALLS) runs.push(await s.execute(f, { input, runtime }));
  runs.push(await s.execute(f, { input: 'endless' }));
});

const sum = (values) => values.reduce((all, value) => all + value, 0);
const times = (name) => runs.map(({ metrics }) => metrics[name]).filter((value) => value !== null).sort((a, b) => a - b);

/** What the percentile of the values is, as far as buckets tell. */
function assertPercentile(told, values, percent) {
  const exact = values[Math.max(0, Math.ceil(percent / 100 * values.length) - 1)];
  assert.ok(Math.abs(told - exact) <= exact * 0.05 + 0.001, `p${percent}: ${told} for ${exact} of ${values}`);
}

describe('the metrics of a function', () => {
  test('count each call when it is answered', async () => {
    const { totals, series, by_runtime: byRuntime } = await get(`functions/${f.id}`);
    const failed = 2 * runtimes.length;
    assert.equal(totals.requests, runs.length);
    assert.deepEqual(totals.by_status, {
      ok: 3 * runtimes.length, error: failed, timeout: 1, oom: 0, crash: 0, rejected: 0, cancelled: 0,
    });
    assert.equal(totals.errors, failed + 1);
    assert.equal(totals.success_rate, 3 * runtimes.length / runs.length);
    assert.equal(sum(Object.values(totals.by_start)), runs.length);
    assert.deepEqual(totals.errors_by_type, [{ type: 'ValueError', count: failed }, { type: 'Timeout', count: 1 }]);
    assert.equal(totals.last.id, runs.at(-1).invocation_id);
    assert.equal(totals.last.status, 'timeout');
    assert.equal(sum(series.map(({ requests }) => requests)), runs.length);
    for (const runtime of ['docker', 'gvisor']) {
      const wanted = runtimes.includes(runtime) ? CALLS.length + (runtime === 'docker' ? 1 : 0) : 0;
      assert.equal(byRuntime[runtime]?.requests ?? 0, wanted);
    }
  });

  test('have the percentiles, sums and peaks of these calls', async () => {
    const { totals } = await get(`functions/${f.id}`);
    for (const phase of ['queue_ms', 'init_ms', 'run_ms', 'total_ms']) {
      const values = times(phase);
      for (const p of [50, 90, 95, 99]) assertPercentile(totals[phase][`p${p}`], values, p);
      assert.equal(sum(totals.distribution[phase].map(({ count }) => count)), values.length);
    }
    assert.ok(Math.abs(totals.cpu_ms - sum(times('cpu_ms'))) < 0.01);
    assert.equal(totals.memory_peak_bytes, Math.max(...times('memory_peak_bytes')));
    assertPercentile(totals.memory_p95_bytes, times('memory_peak_bytes'), 95);
  });

  test('are one of a runtime when that is asked for', async () => {
    for (const runtime of runtimes) {
      const { totals, by_runtime: byRuntime } = await get(`functions/${f.id}?runtime=${runtime}`);
      assert.deepEqual(totals, byRuntime[runtime]);
      assert.equal(byRuntime[runtime === 'docker' ? 'gvisor' : 'docker'], null);
    }
  });

  test('agree from minutes, hours and days', async () => {
    const day = 86400;
    const from = new Date(Math.floor(Date.now() / 1000 / day) * day * 1000 - day * 1000).toISOString();
    const to = new Date(Math.floor(Date.now() / 1000 / day) * day * 1000 + day * 1000).toISOString();
    const all = [];
    for (const step of [300, 3600, day]) {
      const { series, totals } = await get(`functions/${f.id}?from=${from}&to=${to}&step=${step}`);
      assert.equal(series.length, 2 * day / step);
      assert.equal(series[0].t, from);
      all.push(totals);
    }
    for (const totals of all) assert.deepEqual(totals, all[0]);
  });

  test('show gaps as gaps', async () => {
    const { series, totals } = await get(`functions/${quiet.id}?step=3600`);
    assert.ok(series.length >= 24 && series.length <= 25);
    for (const point of [...series, totals]) {
      assert.equal(point.requests, 0);
      assert.equal(point.success_rate, null);
      assert.deepEqual(point.run_ms, { p50: null, p90: null, p95: null, p99: null });
      assert.equal(point.memory_peak_bytes, null);
    }
    assert.equal(totals.last, null);
  });

  test('advise on memory only with enough calls', async () => {
    const { advice } = await get(`functions/${f.id}`);
    assert.equal(advice.verdict, 'unknown');
    assert.equal(advice.memory_mb, 128);
    assert.equal(advice.suggested_mb, 128);
  });

  test('count calls of the route, refused ones too', async () => {
    const busy = await s.deploy({
      language: 'python', max_concurrency: 1, code: 'import time\n\ndef handler():\n    time.sleep(0.3)\n    return 1\n',
    });
    await Promise.all(Array.from({ length: 3 }, () => s.fn(busy.route)));
    const total = await until(async () => {
      const { totals } = await get(`functions/${busy.id}`);
      return totals.requests === 3 && totals;
    }, 'three calls counted');
    assert.equal(total.by_status.ok + total.by_status.rejected, 3);
  });
});

describe('the metrics of the system', () => {
  test('hold at least those of each function', async () => {
    const { totals, function_id: id, advice } = await get('system');
    assert.ok(totals.requests >= runs.length);
    assert.equal(id, undefined);
    assert.equal(advice, undefined);
  });
});

describe('a summary', () => {
  test('tells of the functions that are named', async () => {
    const nobody = '01926f5c-7d3e-7a10-8000-0123456789ab';
    const { items, next, step } = await get(`summary?ids=${f.id},${quiet.id},${nobody}`);
    assert.equal(next, null);
    assert.equal(step, 3600);
    assert.deepEqual(items.map(({ function_id: id }) => id).sort(), [f.id, quiet.id].sort());
    const busy = items.find(({ function_id: id }) => id === f.id);
    const idle = items.find(({ function_id: id }) => id === quiet.id);
    assert.equal(busy.name, f.name);
    assert.equal(busy.requests, runs.length);
    assert.equal(busy.requests_ever, runs.length);
    assert.equal(busy.sparkline.requests.length, 24);
    assert.equal(sum(busy.sparkline.requests), runs.length);
    assert.equal(sum(busy.sparkline.errors), busy.errors);
    assert.equal(busy.error_rate, busy.errors / runs.length);
    assert.equal(busy.last.status, 'timeout');
    assertPercentile(busy.total_ms.p95, times('total_ms'), 95);
    assert.equal(idle.requests, 0);
    assert.equal(idle.error_rate, null);
    assert.equal(idle.last, null);
  });

  test('comes in pages', async () => {
    const seen = [];
    let cursor = '';
    do {
      const { items, next } = await get(`summary?limit=5&hours=2${cursor}`);
      assert.ok(items.length > 0 && items.length <= 5);
      assert.equal(items[0].sparkline.requests.length, 2);
      seen.push(...items.map(({ function_id: id }) => id));
      cursor = next ? `&cursor=${encodeURIComponent(next)}` : '';
    } while (cursor);
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(seen.includes(f.id) && seen.includes(quiet.id));
  });
});

describe('a comparison of the runtimes', () => {
  test('has the totals of both, and ratios', async () => {
    const { docker, gvisor, gvisor_to_docker: ratio } = await get(`compare?function_id=${f.id}`);
    assert.equal(docker.requests, CALLS.length + 1);
    if (!runtimes.includes('gvisor')) return assert.equal(gvisor, null);
    assert.equal(gvisor.requests, CALLS.length);
    assert.ok(Math.abs(ratio.total_p50 - gvisor.total_ms.p50 / docker.total_ms.p50) < 0.01);
    assert.ok(ratio.memory_p95 > 0);
    assert.ok((await get('compare')).docker.requests >= docker.requests);
  });
});

describe('what is refused', () => {
  test('an unknown function, and an id of something else', async () => {
    const { body: { user } } = await s.api('/me');
    for (const id of ['01926f5c-7d3e-7a10-8000-0123456789ab', '00000000-0000-0000-0000-000000000000', user.id, 'x']) {
      await get(`functions/${id}`, 404);
      if (id !== 'x') await get(`compare?function_id=${id}`, 404);
    }
  });

  test('parameters that make no sense', async () => {
    const wrong = ['system?step=59', 'system?step=61', 'system?from=yesterday', 'system?runtime=podman', 'system?x=1',
      'system?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'system?from=2020-01-01T00:00:00Z&step=60',
      'summary?ids=x', 'summary?hours=0', 'summary?limit=101', 'summary?cursor=x', 'compare?function_id=x'];
    for (const path of wrong) await get(path, 422);
  });

  test('a call without login', async () => {
    for (const path of ['system', `functions/${f.id}`, 'summary', 'compare']) {
      assert.equal((await s.api(`/metrics/${path}`, { token: null })).status, 401);
    }
  });
});

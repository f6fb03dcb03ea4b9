// More calls than there is room for, and thousands of all kinds: each ends as it should and on time, nobody is
// starved, nothing is lost or left behind.

import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as machine from '../lib/machine.mjs';
import { Poller } from '../lib/poller.mjs';
import { privateStack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const MAX_CELLS = 16;
const QUEUE_LENGTH = 40;
const QUEUE_TIMEOUT_MS = 3000;
const SETTLED_MS = 30_000;
const SHRUNK_MS = 90_000;
const MIB = 1024 * 1024;
const GROWTH_MIB = 4;
const LATE_MS = 1000;

let s;
let rest; // what cells there are when nothing happens
before(async () => {
  s = await privateStack({
    CLOCHE_MAX_CELLS: `${MAX_CELLS}`, CLOCHE_QUEUE_LENGTH: `${QUEUE_LENGTH}`,
    CLOCHE_QUEUE_TIMEOUT_MS: `${QUEUE_TIMEOUT_MS}`, CLOCHE_POOL_SIZE: '1',
  });
  ({ cells: rest } = await settled());
});
after(() => s?.end());

const keeper = async () => (await s.api('/health')).body.keeper;
const sum = (pools, name) => pools.reduce((total, pool) => total + pool[name], 0);
const percentile = (values, p) => values.toSorted((a, b) => a - b)[Math.ceil((p / 100) * values.length) - 1];

/** What the stack holds of the machine, by name: cells, counted where each of their parts is, and what its processes have. */
async function holdings() {
  const { cells, pools } = await keeper();
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(s.base));
  const processes = { keeper: [s.pid('keeper')], api: s.workers('api'), fn: s.workers('fn') };
  const each = (measure) => Object.fromEntries(Object.entries(processes).map(([name, pids]) =>
    [name, pids.reduce((total, pid) => total + measure(pid), 0)]));
  return {
    cells: {
      keeper: cells, idle: sum(pools, 'idle'), groups: machine.cellGroups(s.cgroup).length,
      directories: readdirSync(join(s.run, 'cells')).length, mounts: mounts.length,
    },
    descriptors: each((pid) => readdirSync(`/proc/${pid}/fd`).length),
    threads: each((pid) => readdirSync(`/proc/${pid}/task`).length),
    resident: each(machine.residentBytes),
  };
}

/** Waits until nothing runs, waits, is made or removed; what the stack then holds. */
const settled = () => until(async () => {
  const now = await keeper();
  if (now.queued || sum(now.pools, 'leased') || sum(now.pools, 'creating')) return false;
  if (now.pools.some(({ available, ready }) => available && !ready)) return false;
  const held = await holdings();
  const { groups, directories } = held.cells;
  return groups === now.cells && directories === now.cells && held;
}, 'the pools are at rest', SETTLED_MS, 100);

/** Runs `count` calls, `width` at a time. */
async function many(count, width, call) {
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (next < count) await call(next++);
  }));
}

/** How often each value occurs. */
const tally = (values) => values.reduce((all, value) => ({ ...all, [value]: (all[value] ?? 0) + 1 }), {});

const sleeper = (seconds) => `import time\ndef handler(event):\n    time.sleep(${seconds})\n    return "slept"\n`;


describe('200 calls at once of a function that takes a second', () => {
  const CALLS = 200;
  let answers;
  let api;

  before(async () => {
    const f = await s.deploy({ language: 'python', code: sleeper(1), max_concurrency: CALLS, timeout_ms: 10_000 });
    const poller = new Poller(`${s.url}/api/functions?limit=5`, s.token);
    answers = await Promise.all(Array.from({ length: CALLS }, () => s.fn(f.route)));
    api = await poller.stop();
    await s.remove(f); // and with it a cell that may have loaded its code for the next call
  });

  test('end in a result, 429 or 503', () => {
    for (const { status, text, body, headers } of answers) {
      if (status === 200) {
        assert.equal(text, 'slept');
      } else {
        assert.ok(['429 too_many_requests', '503 no_capacity'].includes(`${status} ${body.code}`), `${status} ${text}`);
        assert.ok(Number(headers['retry-after']) > 0, 'Retry-After');
      }
    }
  });

  test('as many as there are cells and places in the queue may wait, the others are refused at once', (t) => {
    const queued = ({ headers }) => Number(/queue;dur=([\d.]+)/.exec(headers['server-timing'])[1]);
    const refused = answers.filter(({ status }) => status !== 200);
    const atOnce = refused.filter((answer) => queued(answer) < QUEUE_TIMEOUT_MS / 2);
    const waited = refused.filter((answer) => !atOnce.includes(answer));
    const typical = percentile(atOnce.map(({ ms }) => ms), 50);
    const served = answers.length - refused.length;
    t.diagnostic(`${served} results, ${waited.length} refused after their wait, ${atOnce.length} at once: p50 ${typical.toFixed(0)} ms`);
    assert.ok(served > 0, 'some are served');
    assert.ok(served + waited.length <= MAX_CELLS + QUEUE_LENGTH, 'the queue has an end');
    assert.ok(typical < QUEUE_TIMEOUT_MS / 2, `${typical} ms`);
    for (const answer of waited) assert.ok(Math.abs(queued(answer) - QUEUE_TIMEOUT_MS) < LATE_MS, `refused after ${queued(answer)} ms`);
  });

  test('do not slow the API down', (t) => {
    const [p50, p95, p100] = [50, 95, 100].map((p) => percentile(api.map(({ ms }) => ms), p));
    t.diagnostic(`${api.length} API calls meanwhile: p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)}, longest ${p100.toFixed(1)}`);
    assert.ok(api.every(({ status }) => status === 200));
    assert.ok(p50 < 50, `p50 ${p50} ms`);
    assert.ok(p95 < 500, `p95 ${p95} ms`);
  });

  // A pool gives one cell up every 5 s: that it does is seen at once, to what it comes by make test-all.
  test('leave pools that shrink to what they were', async () => {
    const { cells: grown } = await settled();
    await until(async () => {
      const { cells } = await settled();
      // The engine may keep a mount of its own from its first cell on.
      const missing = Object.keys(rest).filter((name) => name !== 'mounts' && cells[name] !== rest[name]);
      const shrinks = !process.env.CLOCHE_TEST_LONG && cells.keeper < grown.keeper;
      if (missing.length && !shrinks) throw new Error(JSON.stringify({ rest, grown, cells }));
      return true;
    }, 'the cells that there were before', SHRUNK_MS, 200);
  });
});

describe('a call that is refused', () => {
  for (const runtime of ['docker', 'gvisor']) {
    for (const [what, most, status, code, type] of [
      ['its own limit', 1, 429, 'too_many_requests', 'TooManyRequests'],
      ['the cells of all', 200, 503, 'no_capacity', 'NoCapacity'],
    ]) {
      test(`for ${what} tells why, and so does its record: ${runtime}`, async () => {
        const f = await s.deploy({ language: 'python', runtime, code: sleeper(20), max_concurrency: most, timeout_ms: 30_000 });
        await settled(); // so that the first call has a cell at once
        const leave = new AbortController();
        setMaxListeners(0, leave.signal);
        const refused = Array.from({ length: MAX_CELLS + QUEUE_LENGTH + 1 }, async () => {
          const answer = await s.fn(f.route, { signal: leave.signal });
          leave.abort();
          return answer;
        });
        const answer = await Promise.any(refused);
        await Promise.allSettled(refused);
        assert.equal(answer.status, status, answer.text);
        assert.equal(answer.body.code, code);
        assert.ok(Number(answer.headers['retry-after']) > 0, 'Retry-After');
        const record = await s.record(f, answer.headers['x-request-id']);
        assert.deepEqual([record.status, record.error.type, record.http_status], ['rejected', type, status]);
      });
    }
  }
});

describe('2,000 calls of all kinds', () => {
  const kept = { language: 'python', isolation: 'function', max_concurrency: 50 };
  const FUNCTIONS = {
    ok: { ...kept, code: 'def handler(event):\n    return "fine"\n' },
    javascript: { ...kept, language: 'javascript', code: 'exports.handler = () => ({ fine: true });' },
    stream: { ...kept, code: 'def handler(event):\n    for n in range(3):\n        yield "%d " % n\n' },
    request: { language: 'python', code: 'def handler(event):\n    return "fine"\n' },
    gvisor: { language: 'python', runtime: 'gvisor', code: 'def handler(event):\n    return "fine"\n' },
    error: { language: 'python', code: 'def handler(event):\n    raise ValueError("no")\n' },
    crash: { language: 'python', code: 'import os\ndef handler(event):\n    os._exit(1)\n' },
    timeout: { language: 'python', timeout_ms: 100, code: 'def handler(event):\n    while True:\n        pass\n' },
    oom: { language: 'python', memory_mb: 32, code: 'def handler(event):\n    held = []\n    while True:\n        held.append(bytearray(b"x") * (1 << 20))\n' },
    hangUp: { language: 'python', timeout_ms: 20_000, code: sleeper(60) },
  };
  const WANTED = { error: 500, crash: 502, timeout: 504, oom: 502 };
  const CALLS = 2000;
  const WIDTH = 6;
  const ROUND = 100;
  // Of each round; most calls of the rest find a cell that is kept.
  const COSTLY = ['request', 'error', 'crash', 'timeout', 'oom', 'hangUp'];

  const deployed = {};
  let held;

  function kindOf(i) {
    const place = i % ROUND;
    if (place % 15 === 0 && place / 15 < COSTLY.length) return COSTLY[place / 15];
    if (i % 400 === 399) return 'gvisor';
    return ['ok', 'javascript', 'ok', 'stream'][i % 4];
  }

  /** A client that leaves as soon as its call has a cell, or still waits for one. */
  async function hangUp(f, i) {
    const leave = AbortSignal.timeout(20 + (i % 7) * 30);
    const outcome = await s.fn(f.route, { signal: leave }).catch((error) => error);
    assert.equal(outcome.name, 'AbortError', `${outcome.status} ${outcome.text}`);
  }

  const refused = []; // a busy machine may not make a cell within the time that a call waits
  async function call(i) {
    const kind = kindOf(i);
    if (kind === 'hangUp') return hangUp(deployed[kind], i);
    const { status, text, body, complete } = await s.fn(deployed[kind].route);
    if (body.code === 'no_capacity') return refused.push(kind);
    assert.equal(status, WANTED[kind] ?? 200, `${kind}: ${text}`);
    assert.equal(complete, true);
    if (kind === 'stream') assert.equal(text, '0 1 2 ');
  }

  /** Ends the cells that are kept, by a write to their functions; then only ready ones are left. */
  async function atRest() {
    for (const f of Object.values(deployed)) await s.api(`/functions/${f.id}`, { method: 'PATCH', body: { description: 'as it was' } });
    return settled();
  }

  before(async () => {
    for (const [kind, fields] of Object.entries(FUNCTIONS)) deployed[kind] = await s.deploy(fields);
    await many(ROUND, WIDTH, call);
    held = await atRest();
  });

  test('end as they should', async (t) => {
    const began = performance.now();
    await many(CALLS, WIDTH, call);
    const kinds = tally(Array.from({ length: CALLS }, (_, i) => kindOf(i)));
    t.diagnostic(`${JSON.stringify(kinds)} in ${((performance.now() - began) / 1000).toFixed(1)} s, ${refused.length} refused`);
    assert.ok(refused.length < CALLS / ROUND, `${refused}`);
  });

  test('leave no cell, control group, mount, directory, descriptor, thread or memory behind', async (t) => {
    const now = await atRest();
    const { keeper: cells, idle, groups, directories, mounts } = now.cells;
    assert.deepEqual({ idle, groups, directories }, { idle: 0, groups: cells, directories: cells });
    const perCell = Math.ceil(rest.mounts / rest.keeper);
    assert.ok(mounts - held.cells.mounts <= perCell * Math.max(0, cells - held.cells.keeper), JSON.stringify([held, now]));
    for (const name of ['keeper', 'api', 'fn']) {
      const [files, threads, bytes] = ['descriptors', 'threads', 'resident'].map((what) => now[what][name] - held[what][name]);
      t.diagnostic(`${name}: ${files} descriptors, ${threads} threads, ${(bytes / MIB).toFixed(1)} MiB more than before`);
      // Fewer than the calls of any kind that ends a cell; threads get their connection to the keeper when first used.
      assert.ok(files < CALLS / ROUND, `${name}: ${files} descriptors`);
      assert.equal(threads, 0, name);
      assert.ok(bytes < GROWTH_MIB * MIB, `${name}: ${bytes} bytes`);
    }
  });
});

describe('two functions at once, one of them endless', () => {
  const MS = 4000;
  const ENDLESS = 'def handler():\n    while True:\n        pass\n';

  /** The answers that so many clients get, each calling again and again until the end. */
  const clients = async (count, f, end) => (await Promise.all(Array.from({ length: count }, async () => {
    const answers = [];
    while (performance.now() < end) answers.push(await s.fn(f.route));
    return answers;
  }))).flat();

  for (const isolation of ['request', 'function']) {
    test(`the short one keeps its share: isolation ${isolation}`, async (t) => {
      const endless = await s.deploy({ language: 'python', timeout_ms: 500, max_concurrency: 200, code: ENDLESS });
      const short = await s.deploy({ language: 'python', isolation, code: 'def handler():\n    return "short"\n' });
      const end = performance.now() + MS;
      const [long, brief] = await Promise.all([clients(24, endless, end), clients(2, short, end)]);
      const ms = brief.map((answer) => answer.ms);
      const [p50, p95] = [50, 95].map((p) => percentile(ms, p));
      t.diagnostic(`endless ${JSON.stringify(tally(long.map(({ status }) => status)))}, short ` +
        `${JSON.stringify(tally(brief.map(({ status }) => status)))}, p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)}`);
      assert.ok(brief.every(({ status }) => status === 200));
      assert.ok(long.every(({ status }) => [503, 504].includes(status)));
      const granted = long.filter(({ status }) => status === 504).length;
      assert.ok(brief.length >= granted / 3, `${brief.length} against ${granted}`);
      assert.ok(p95 < QUEUE_TIMEOUT_MS, `p95 ${p95} ms`);
      // A cell that is kept is not taken from a function that goes on using it.
      if (isolation === 'function') assert.ok(p50 < 100, `p50 ${p50} ms`);
    });
  }
});

describe('writes while 16 clients call', () => {
  const CLIENTS = 16;
  const VERSIONS = 3;
  const SEEN = 8; // answers of a version before the next is written

  for (const isolation of ['function', 'request']) {
    test(`are seen by the next call, and none fails for them: isolation ${isolation}`, async (t) => {
      const version = (n) => ({ isolation, max_concurrency: 50, code: `def handler():\n    return "${n}"\n` });
      const f = await s.deploy({ language: 'python', ...version(0) });
      const seen = Array(VERSIONS + 1).fill(0);
      let written = 0; // the newest version whose write was answered
      let deleting = false;
      let deleted = false;

      async function client() {
        for (let calls = 1; ; calls++) {
          const [least, gone] = [written, deleted];
          const { status, text, body } = await s.fn(f.route);
          if (deleting && status === 404) return calls;
          if (body.code === 'no_capacity') continue; // not for the write: a busy machine makes cells slowly
          assert.equal(status, 200, text);
          assert.ok(!gone, 'it was deleted before the call');
          assert.ok(Number(text) >= least, `version ${text} after ${least} was written`);
          seen[text]++;
        }
      }

      async function write() {
        for (let n = 1; n <= VERSIONS; n++) {
          await s.replace(f, version(n));
          written = n;
          await until(() => seen[n] >= SEEN, `answers of version ${n}`, SETTLED_MS);
        }
        deleting = true;
        await s.remove(f);
        deleted = true;
      }

      const [, ...calls] = await Promise.all([write(), ...Array.from({ length: CLIENTS }, client)]);
      t.diagnostic(`${calls.reduce((a, b) => a + b)} calls, answers by version ${seen}`);
    });
  }
});

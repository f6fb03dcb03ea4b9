// A function that is called often finds its code loaded: in a cell that has never seen a request.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { stack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const LOAD_MS = 300;
const LIMIT_MS = 3000; // of a call that meets its limits
const PATIENCE_MS = 120_000; // for a busy machine to prepare a cell

let s;
before(async () => { s = await stack(); });

// Each takes its time to load, says so, and would show a state that an earlier call left.
const SLOW = {
  python: (answer) => `
import time, json, decimal
print("loaded")
time.sleep(${LOAD_MS / 1000})
n = 0
def handler(event):
    global n
    n += 1
    print("called")
    return {"n": n, "answer": ${JSON.stringify(answer)}}
`,
  javascript: (answer) => `
console.log('loaded');
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${LOAD_MS});
let n = 0;
exports.handler = async () => {
  n += 1;
  console.log('called');
  return { n, answer: ${JSON.stringify(answer)} };
};
`,
};

// A number of its own for each function that is deployed, so that its cells can be told from others.
let memory = 200;
const deploy = (fields) => s.deploy({ timeout_ms: 10_000, memory_mb: memory++, ...fields });

// Code that loads faster is not prepared.
const LOADS_SLOWLY = 'import time\ntime.sleep(0.05)\n';

/** Whether a container waits that a call of the function could have at once. */
async function isReady({ language, runtime }) {
  const { body: { keeper } } = await s.api('/health');
  const pool = keeper.pools.find((each) => each.language === language && each.runtime === runtime);
  return pool.ready > 0 && pool.creating === 0;
}

/**
 * Calls until one call did not load its code; resolves to all answers, of which each was checked. A cell is prepared
 * when one is free, so calls are not made faster than this machine makes cells.
 */
async function callUntilPrepared(f, check) {
  const answers = [];
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    await until(() => isReady(f), 'a ready container', PATIENCE_MS);
    const answer = await s.execute(f);
    check(answer);
    answers.push(answer);
    if (answer.metrics.init_ms === 0) return answers;
  }
  throw new Error(`none of ${answers.length} calls found its code loaded`);
}

const nothingLeft = (f) => until(() => s.cellsOfMemory(f.memory_mb) === 0, 'no cell of the function is left');

for (const runtime of ['docker', 'gvisor']) {
  for (const language of ['python', 'javascript']) {
    describe(`${language} on ${runtime}`, () => {
      const slow = (answer) => ({ language, runtime, code: SLOW[language](answer) });
      const check = (answer) => ({ status, start, output, logs, metrics, error }) => {
        assert.equal(status, 'ok', JSON.stringify(error));
        assert.deepEqual(output, { n: 1, answer });
        assert.deepEqual(logs.map(({ text }) => text), ['loaded', 'called']);
        assert.notEqual(start, 'warm');
        assert.ok(metrics.init_ms === 0 || metrics.init_ms >= LOAD_MS - 10, `${metrics.init_ms}`);
      };

      test('calls do not pay for the load, and changes are seen at once', async () => {
        const f = await deploy(slow('old'));
        const answers = await callUntilPrepared(f, check('old'));
        assert.ok(answers.length > 2, 'not before there was demand');
        const { start, metrics } = answers.at(-1);
        assert.equal(start, 'prewarmed');
        assert.ok(metrics.queue_ms + metrics.run_ms < LOAD_MS, JSON.stringify(metrics));
        assert.ok(metrics.cpu_ms > 0 && metrics.memory_peak_bytes > 0, JSON.stringify(metrics));
        await until(() => s.cellsOfMemory(f.memory_mb) > 0, 'another cell is prepared', PATIENCE_MS);

        const route = await s.fn(f.route);
        assert.equal(route.headers['x-cloche-start'], 'prewarmed');

        // The very next call after the answer to a write; none of the old cells is left.
        const changed = await s.replace(f, { ...slow('new'), timeout_ms: 10_000, memory_mb: memory++ });
        check('new')(await s.execute(f));
        await nothingLeft(f);
        await callUntilPrepared(changed, check('new'));
        await until(() => s.cellsOfMemory(changed.memory_mb) > 0, 'another cell is prepared', PATIENCE_MS);
        await s.remove(f);
        assert.equal((await s.fn(f.route)).status, 404);
        await nothingLeft(changed);
      });
    });
  }

  test(`on ${runtime}, the deadline and the limits of a call hold in a prepared cell`, async () => {
    const f = await deploy({ language: 'python', runtime, timeout_ms: LIMIT_MS, memory_mb: memory++, code: `${LOADS_SLOWLY}
def handler(event):
    if event == "sleep":
        time.sleep(60)
    if event == "memory":
        return len(bytearray(b"x") * (1 << 30))
    return event
` });
    await callUntilPrepared(f, ({ status }) => assert.equal(status, 'ok'));
    for (const [input, wanted] of [['sleep', 'timeout'], ['memory', 'oom']]) {
      // Which cell a call gets is the keeper's choice: it counts once it was a prepared one.
      let answer;
      do {
        await callUntilPrepared(f, ({ status }) => assert.equal(status, 'ok'));
        await until(() => s.cellsOfMemory(f.memory_mb) > 0, 'another cell is prepared', PATIENCE_MS);
        answer = await s.execute(f, { input });
      } while (answer.metrics.init_ms !== 0);
      assert.equal(answer.status, wanted, JSON.stringify(answer.error));
      if (input === 'sleep') assert.ok(answer.metrics.run_ms < LIMIT_MS + 500, `${answer.metrics.run_ms}`);
    }
  });
}

describe('what is never prepared', () => {
  for (const [name, language, code, wanted] of [
    ['a script', 'python', 'import sys\nprint("script", len(sys.argv))\n', 'script 1'],
    ['a handler that is not exported', 'javascript', 'function handler() { return "local"; }', 'local'],
    ['a module that fails to load', 'python', 'handler = undefined_name\n', null],
    ['a function whose handler is missing', 'javascript', 'exports.other = 1;', null],
  ]) {
    test(name, async () => {
      const f = await deploy({ language, code, ...(wanted === null ? { handler: 'handler' } : {}) });
      for (let i = 0; i < 7; i++) {
        const { status, output, metrics } = await s.execute(f);
        assert.equal(status, wanted === null ? 'error' : 'ok');
        if (wanted !== null) assert.equal(output, wanted);
        assert.ok(metrics.init_ms > 0, `${metrics.init_ms}`);
      }
      await nothingLeft(f);
    });
  }

  test('a function that keeps its cells', async () => {
    const f = await deploy({ language: 'python', isolation: 'function', code: SLOW.python('kept') });
    for (let i = 0; i < 5; i++) {
      const { start, metrics } = await s.execute(f);
      assert.equal(start === 'warm', metrics.init_ms === 0, `${start} ${metrics.init_ms}`);
    }
  });
});

test('no call begun after a change was answered runs the old code, and none fails for it', async () => {
  const version = (n) => ({ language: 'python', timeout_ms: 10_000, code: `${LOADS_SLOWLY}def handler():\n    return ${n}\n` });
  const f = await deploy(version(1));
  const { memory_mb } = f;
  let written = 1;
  const call = async () => {
    const least = written;
    const { status, output, error } = await s.execute(f);
    assert.equal(status, 'ok', JSON.stringify(error));
    assert.ok(output >= least, `${output} after ${least} was answered`);
  };
  const calls = async () => {
    for (let i = 0; i < 4; i++) await call();
  };
  for (let n = 2; n <= 4; n++) {
    await callUntilPrepared(f, ({ output }) => assert.equal(output, n - 1));
    await until(() => s.cellsOfMemory(memory_mb) > 0, 'another cell is prepared', PATIENCE_MS);
    const change = s.replace(f, { ...version(n), memory_mb }).then(() => { written = n; });
    await Promise.all([change, calls(), calls(), calls(), calls()]);
  }
});

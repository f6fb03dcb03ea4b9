// Kept cells under more callers than cells: they go from call to call without the keeper. Nothing of a call must
// show in another's figures, log or answer, and what the keeper promises must hold.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { isAlive } from '../lib/machine.mjs';
import { stack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const MB = 1024 * 1024;
const CALLERS = 16;
const TIMEOUT_MS = 1500;
const CHANGES = 20;

let s;
before(async () => { s = await stack(); });

const deploy = (code, fields = {}) =>
  s.deploy({ language: 'python', isolation: 'function', timeout_ms: 10_000, memory_mb: 128, max_concurrency: 100, code, ...fields });

/** So many callers at once, each of whom calls as long as `more()`; everything that was returned. */
async function flood(call, more) {
  const found = [];
  await Promise.all(Array.from({ length: CALLERS }, async (_, caller) => {
    for (let i = 0; more(i); i++) found.push(await call(caller, i));
  }));
  return found;
}

test('each call has its own figures, log and answer', async () => {
  const f = await deploy(`
import os, time
n = 0
def handler(event, context):
    global n
    n += 1
    print(context.request_id)
    held = bytearray(event["mb"] << 20)
    begin = time.process_time()
    while time.process_time() - begin < event["ms"] / 1000:
        pass
    return {"id": context.request_id, "uid": os.getuid(), "n": n, "mb": event["mb"]}
`);
  // Mostly calls that take nothing: they stay short on average.
  const heavy = (caller, i) => (caller + i) % 8 === 0;
  const answers = await flood((caller, i) =>
    s.execute(f, { input: heavy(caller, i) ? { mb: 40, ms: 30 } : { mb: 0, ms: 0 } }), (i) => i < 40);
  const seen = new Set();
  for (const { invocation_id: id, status, error, output, logs, metrics } of answers) {
    assert.equal(status, 'ok', JSON.stringify(error));
    assert.equal(output.id, id);
    assert.deepEqual(logs.map(({ text }) => text.trim()), [id]);
    const state = `${output.uid} ${output.n}`;
    assert.ok(!seen.has(state), `two calls found the same state: ${state}`);
    seen.add(state);
    const { cpu_ms: cpu, memory_peak_bytes: peak } = metrics;
    if (output.mb) {
      assert.ok(cpu >= 30, `${cpu} ms of a call that took 30`);
      assert.ok(peak >= 40 * MB, `${peak} bytes of a call that had 40 MB`);
    } else if (output.n > 1) { // the first one loads the code
      assert.ok(cpu >= 0 && cpu < 25, `${cpu} ms of a call that took nothing`);
      assert.ok(peak === null || peak < 40 * MB, `${peak} bytes of a call that had nothing`);
    }
  }
  assert.ok(answers.filter(({ start }) => start === 'warm').length > answers.length / 2);
});

/** The same while `body` runs; the first failure of either. */
async function during(call, body) {
  let over = false;
  const callers = flood(call, () => !over).finally(() => { over = true; });
  const working = body(() => over).finally(() => { over = true; });
  const [found] = await Promise.all([callers, working]);
  return found;
}

test('a change that is answered is in the next call, whatever goes round', async () => {
  const code = (n) => `def handler():\n    return ${n}\n`;
  const f = await deploy(code(0));
  let [version, calls] = [0, 0];
  const found = await during(async () => {
    const least = version;
    const response = await fetch(`${s.url}/fn/${f.route}`); // by the route, which workers remember for a second
    const text = await response.text();
    assert.equal(response.status, 200, text);
    assert.ok(Number(text) >= least, `version ${text} answered after the change to ${least}`);
    calls++;
    return Number(text);
  }, async (over) => {
    for (let n = 1; n <= CHANGES && !over(); n++) {
      await s.replace(f, { isolation: 'function', timeout_ms: 10_000, max_concurrency: 100, code: code(n) });
      version = n;
      const enough = calls + 3 * CALLERS;
      await until(() => calls >= enough || over(), 'more calls', 60_000);
    }
  });
  assert.ok(found.includes(CHANGES));
});

test('a function that takes over a route has it at once', async () => {
  const code = (text) => `def handler():\n    return "${text}"\n`;
  const root = `taken-${process.pid}`;
  await deploy(code('wide'), { route: `${root}/*` });
  let [taken, calls] = [false, 0];
  const found = await during(async () => {
    const asked = taken;
    const response = await fetch(`${s.url}/fn/${root}/x`);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    if (asked) assert.equal(text, 'narrow');
    calls++;
    return text;
  }, async (over) => {
    await until(() => calls >= 3 * CALLERS || over(), 'calls', 60_000);
    await deploy(code('narrow'), { route: `${root}/x` });
    taken = true;
    const enough = calls + 3 * CALLERS;
    await until(() => calls >= enough || over(), 'more calls', 60_000);
  });
  assert.deepEqual(new Set(found), new Set(['wide', 'narrow']));
});

test('one that never ends is killed at its deadline, among others that go on', async () => {
  const f = await deploy(`
import os
def handler(event):
    if event == "hang":
        print(os.getuid())
        while True:
            pass
    return "short"
`, { timeout_ms: TIMEOUT_MS });
  let hung = 0;
  const answers = await flood(async (caller, i) => {
    if (caller !== 0 || i % 100 !== 50) return s.execute(f);
    hung++;
    const answer = await s.execute(f, { input: 'hang' });
    return { ...answer, processes: answer.status === 'timeout' ? s.cellOfUid(Number(answer.logs[0].text)) : [] };
  }, (i) => i < 150 && hung < 2);
  const killed = answers.filter(({ status }) => status === 'timeout');
  assert.equal(killed.length, hung);
  assert.ok(hung > 0);
  for (const { metrics: { init_ms: init, run_ms: run } } of killed) {
    const took = init + (run ?? 0);
    assert.ok(took >= TIMEOUT_MS && took < TIMEOUT_MS + 1000, `ended after ${took} ms`);
  }
  for (const { processes } of killed) await until(() => !processes.some(isAlive), 'the end of its processes', 5000);
  for (const { status } of answers) assert.ok(['ok', 'timeout'].includes(status), status);
});

test('lack of memory is told of the call that had it, and of no other', async () => {
  const f = await deploy(`
def handler(event):
    return len(bytearray(event << 20))
`, { memory_mb: 64 });
  const answers = await flood(async (caller, i) => {
    const greedy = caller === 0 && i % 20 === 10;
    const { status } = await s.execute(f, { input: greedy ? 200 : 0 });
    return { greedy, status };
  }, (i) => i < 60);
  for (const { greedy, status } of answers) assert.equal(status, greedy ? 'oom' : 'ok');
  assert.ok(answers.some(({ greedy }) => greedy));
});

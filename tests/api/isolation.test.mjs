// What a function keeps from one call to the next: nothing with isolation `request`; its cell with `function`.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { stack } from '../lib/stack.mjs';

const MB = 1024 * 1024;

let s;
before(async () => { s = await stack(); });

const COUNTER = {
  python: `
n = 0
def handler(event):
    global n
    n += 1
    print("call", n)
    return {"n": n}
`,
  javascript: `
let n = 0;
exports.handler = async () => {
  n += 1;
  console.log('call', n);
  return { n };
};
`,
};

// Each leaves something behind that could act on a later call.
const LEFTOVERS = {
  'a thread in python': ['python', `
import threading, time
n = 0
def handler(event):
    global n
    n += 1
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return {"n": n}
`],
  'a child in python': ['python', `
import subprocess
n = 0
def handler(event):
    global n
    n += 1
    subprocess.Popen(["sleep", "60"])
    return {"n": n}
`],
  'a timer in javascript': ['javascript', `
let n = 0;
exports.handler = () => {
  setTimeout(() => console.log('late'), 60_000);
  return { n: ++n };
};
`],
  'output after the answer in python': ['python', `
import os, threading
n = 0
def handler(event):
    global n
    n += 1
    threading.Timer(0.2, os.write, (1, b"late")).start()
    return {"n": n}
`],
};

/** Calls one after the other. Another test's need for room may end a kept cell at any time. */
async function calls(f, count, order = {}) {
  const answers = [];
  for (let i = 0; i < count; i++) answers.push(await s.execute(f, order));
  for (const { status, error } of answers) assert.equal(status, 'ok', JSON.stringify(error));
  return answers;
}

for (const runtime of ['docker', 'gvisor']) {
  describe(`on ${runtime}`, () => {
    for (const language of ['python', 'javascript']) {
      test(`isolation function keeps its state in ${language}`, async () => {
        const f = await s.deploy({ language, runtime, isolation: 'function', code: COUNTER[language] });
        const answers = await calls(f, 6);
        let before = 0;
        for (const { start, output, logs, metrics } of answers) {
          assert.equal(output.n, start === 'warm' ? before + 1 : 1);
          assert.deepEqual(logs.map(({ text }) => text), [`call ${output.n}`]);
          if (start === 'warm') assert.equal(metrics.init_ms, 0);
          else assert.ok(metrics.init_ms > 0);
          assert.ok(metrics.cpu_ms >= 0);
          before = output.n;
        }
        assert.notEqual(answers[0].start, 'warm');
        assert.ok(answers.filter(({ start }) => start === 'warm').length >= 3, 'most were warm');
      });

      test(`isolation request never does in ${language}`, async () => {
        const f = await s.deploy({ language, runtime, isolation: 'request', code: COUNTER[language] });
        for (const { start, output } of await calls(f, 3)) {
          assert.equal(output.n, 1);
          assert.notEqual(start, 'warm');
        }
      });
    }

    for (const [name, [language, code]] of Object.entries(LEFTOVERS)) {
      test(`not reused: ${name}`, async () => {
        const f = await s.deploy({ language, runtime, isolation: 'function', code, memory_mb: 256 });
        for (const { start, output, logs } of await calls(f, 3)) {
          assert.equal(output.n, 1);
          assert.notEqual(start, 'warm');
          assert.ok(logs.every(({ text }) => text === 'late'), JSON.stringify(logs));
        }
      });
    }

    test('a change and its state are not mixed', async () => {
      const f = await s.deploy({ language: 'python', runtime, isolation: 'function', code: COUNTER.python });
      await calls(f, 2);
      await s.replace(f, { runtime, isolation: 'function', code: COUNTER.python.replace('n = 0', 'n = 100') });
      const [first] = await calls(f, 1);
      assert.equal(first.output.n, 101);
      assert.notEqual(first.start, 'warm');
    });

    test('calls at the same time have cells of their own', async () => {
      const f = await s.deploy({ language: 'python', runtime, isolation: 'function', timeout_ms: 10_000, code: `
import os, time
busy = False
def handler(event):
    global busy
    assert not busy
    busy = True
    began = time.time()
    time.sleep(1)
    busy = False
    return {"uid": os.getuid(), "began": began, "ended": time.time()}
` });
      const answers = await Promise.all(Array.from({ length: 4 }, () => s.execute(f)));
      for (const a of answers) {
        assert.equal(a.status, 'ok', JSON.stringify(a.error));
        for (const b of answers) {
          const together = a !== b && a.output.began < b.output.ended && b.output.began < a.output.ended;
          if (together) assert.notEqual(a.output.uid, b.output.uid);
        }
      }
    });

    test('the peak of a call is not that of an earlier one', async () => {
      const f = await s.deploy({ language: 'python', runtime, isolation: 'function', memory_mb: 256, code: `
def handler(event):
    return len(bytearray(event["mb"] << 20))
` });
      const [large] = await calls(f, 1, { input: { mb: 60 } });
      assert.ok(large.metrics.memory_peak_bytes >= 60 * MB, `${large.metrics.memory_peak_bytes}`);
      const small = await calls(f, 3, { input: { mb: 0 } });
      assert.ok(small.some(({ start }) => start === 'warm'));
      for (const { metrics } of small) {
        assert.ok(metrics.memory_peak_bytes === null || metrics.memory_peak_bytes < 50 * MB, `${metrics.memory_peak_bytes}`);
      }
    });
  });
}

test('an exception keeps nobody\'s cell, and the next call works', async () => {
  const f = await s.deploy({ language: 'python', isolation: 'function', code: `
n = 0
def handler(event):
    global n
    n += 1
    if event == "fail":
        raise ValueError("no")
    return n
` });
  await calls(f, 1);
  assert.equal((await s.execute(f, { input: 'fail' })).status, 'error');
  assert.equal((await s.execute(f)).output, 1);
});

test('a script is never reused', async () => {
  const f = await s.deploy({ language: 'python', isolation: 'function', code: `
import os
print(os.path.exists("/tmp/mark"))
open("/tmp/mark", "w").close()
` });
  for (const { start, output } of await calls(f, 3)) {
    assert.equal(String(output).trim().toLowerCase(), 'false');
    assert.notEqual(start, 'warm');
  }
});

test('an older version run on purpose leaves the kept cells alone', async () => {
  const f = await s.deploy({ language: 'python', isolation: 'function', code: COUNTER.python });
  await s.replace(f, { isolation: 'function', code: COUNTER.python.replace('n = 0', 'n = 100') });
  await calls(f, 1);
  for (let i = 0; i < 2; i++) {
    const [{ output, start }] = await calls(f, 1, { version: 1 });
    assert.equal(output.n, 1);
    assert.notEqual(start, 'warm');
  }
  const [{ output, start }] = await calls(f, 1);
  assert.equal(output.n, start === 'warm' ? 102 : 101);
});

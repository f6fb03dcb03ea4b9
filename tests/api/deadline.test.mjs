// The deadline: the caller has its answer on time, and nothing of the function lives on.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { cgroupOfUid, cgroupPids, identify, isAlive, isFrozen } from '../lib/machine.mjs';
import { stack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const TIMEOUT_MS = 1000;
const ANSWER_SLACK_MS = 50;
const DEATH_SLACK_MS = 100;
const TRIES = 6;
const EARLY_MS = 50; // the worker takes its times a little after the keeper does

let s;
before(async () => { s = await stack(); });

const FUNCTIONS = [
  { name: 'an endless loop', language: 'python', code: `
import os
def handler(event):
    print(os.getuid(), flush=True)
    while True:
        pass
` },
  { name: 'an endless loop', language: 'javascript', code: `
exports.handler = () => {
  console.log(process.getuid());
  for (;;);
};
` },
  { name: '20 busy children', language: 'python', code: `
import os
def handler(event):
    print(os.getuid(), flush=True)
    for _ in range(20):
        if os.fork() == 0:
            while True:
                pass
    while True:
        pass
` },
  { name: '50 busy children at 0.05 CPU', language: 'python', settings: { cpus: 0.05, timeout_ms: 4000 }, code: `
import os
def handler(event):
    print(os.getuid(), flush=True)
    for _ in range(50):
        if os.fork() == 0:
            while True:
                pass
    while True:
        pass
` },
  { name: 'a process and its child that ignore all signals', language: 'python', code: `
import os, signal
def handler(event):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    os.fork()
    os.setsid() if os.getpid() != 1 else None
    print(os.getuid(), flush=True)
    while True:
        pass
` },
  { name: 'a child of its own session in sleep', language: 'javascript', code: `
const { spawn } = require('child_process');
exports.handler = async () => {
  spawn('/bin/sh', ['-c', 'trap "" TERM INT HUP; sleep 1000'], { detached: true, stdio: 'ignore' }).unref();
  console.log(process.getuid());
  await new Promise(() => setInterval(() => {}, 1000));
};
` },
];

/** Runs it once: how late its answer was, beyond queue and timeout, and how long its processes lived after that. */
async function measure(f) {
  const cell = new Map();
  let group = null;
  const look = () => {
    for (const pid of cgroupPids(group)) if (!cell.has(pid)) cell.set(pid, identify(pid));
  };
  let timer;
  const began = performance.now();
  const answer = await s.api(`/functions/${f.id}/execute`, {
    method: 'POST', body: {}, headers: { Accept: 'application/x-ndjson' },
    onData: (chunk) => {
      const uid = /"text":"(\d+)"/.exec(chunk.toString())?.[1];
      if (!uid || group) return;
      group = cgroupOfUid(s.run, Number(uid));
      look();
      timer = setInterval(look, 100); // it may still be making children
    },
  });
  clearInterval(timer);
  const result = JSON.parse(answer.text.trim().split('\n').at(-1));
  const answered = performance.now();
  assert.equal(result.status, 'timeout', answer.text);
  assert.ok(cell.size > 0, 'its processes were found');
  await until(() => ![...cell.values()].some(isAlive), 'the end of its processes', 10_000, 5);
  const dead = performance.now();
  return {
    early: result.metrics.total_ms - result.metrics.queue_ms - f.timeout_ms,
    late: answered - began - result.metrics.queue_ms - f.timeout_ms,
    survived: dead - answered,
    processes: cell.size,
  };
}

for (const runtime of ['docker', 'gvisor']) {
  describe(`the deadline on ${runtime}`, () => {
    for (const { name, language, code, settings } of FUNCTIONS) {
      test(`${name} in ${language}: answered within timeout + 50 ms, dead within 100 ms (best of ${TRIES})`, async () => {
        const f = await s.deploy({ language, runtime, code, timeout_ms: TIMEOUT_MS, memory_mb: 256, ...settings });
        const tries = [];
        const good = ({ late, survived }) => late <= ANSWER_SLACK_MS && survived <= DEATH_SLACK_MS;
        while (tries.length < TRIES && !tries.some(good)) tries.push(await measure(f));
        assert.ok(tries.some(good), JSON.stringify(tries));
        assert.ok(tries.every(({ early }) => early > -EARLY_MS), `never before its time: ${JSON.stringify(tries)}`);
        const { status } = await s.execute(await s.example('hello'), { runtime });
        assert.equal(status, 'ok');
      });
    }

    for (const language of ['python', 'javascript']) {
      test(`504 over its route within timeout + 50 ms in ${language} (best of ${TRIES})`, async () => {
        const { code } = FUNCTIONS.find((f) => f.language === language);
        const f = await s.deploy({ language, runtime, code, timeout_ms: TIMEOUT_MS });
        const late = [];
        while (late.length < TRIES && !late.some((ms) => ms <= ANSWER_SLACK_MS)) {
          const answer = await s.fn(f.route);
          assert.equal(answer.status, 504, answer.text);
          assert.equal(answer.body.code, 'timeout');
          const queue = Number(/queue;dur=([\d.]+)/.exec(answer.headers['server-timing'])[1]);
          late.push(answer.ms - queue - TIMEOUT_MS);
        }
        assert.ok(late.some((ms) => ms <= ANSWER_SLACK_MS), `late by ${late.map((ms) => ms.toFixed(0))} ms`);
      });
    }
  });
}

test('loading counts: code that never finishes loading is ended in time', async () => {
  for (const [language, code] of Object.entries({
    python: 'import time\nwhile time:\n    pass\ndef handler():\n    return 1\n',
    javascript: 'for (;;);\nexports.handler = () => 1;',
  })) {
    const f = await s.deploy({ language, code, timeout_ms: 500 });
    const { status, metrics } = await s.execute(f);
    assert.equal(status, 'timeout');
    assert.ok(metrics.init_ms >= 490, `${metrics.init_ms}`);
  }
});

test('a frozen cell ends with its function', async () => {
  const f = await s.deploy({ language: 'python', isolation: 'function', code: 'import os\ndef handler():\n    return os.getuid()\n' });
  const { output: uid } = await s.execute(f);
  const group = cgroupOfUid(s.run, uid);
  const cell = cgroupPids(group).map(identify);
  assert.ok(cell.length > 0);
  await until(() => isFrozen(group), 'it is frozen while it waits', 5000);
  await s.remove(f);
  const removed = performance.now();
  await until(() => !cell.some(isAlive), 'the end of its processes', 5000, 5);
  const survived = performance.now() - removed;
  assert.ok(survived <= 10 * DEATH_SLACK_MS, `${survived} ms`);
});

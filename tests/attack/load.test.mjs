// Code that is harmless while a request waits for it, and hostile when it is loaded ahead of one.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { until } from '../lib/until.mjs';
import { RUNTIMES, target } from './attacks.mjs';

const CALLS = 4; // more than make a function's code worth loading
const PATIENCE_MS = 180_000; // for a busy machine to prepare a cell
const HANGS_MS = 4000; // timeout of what is not to load, and of its calls, which are to go well
const LOADS_MS = 10_000; // of what is to load, on a busy machine too
const PAUSE_MS = 2000; // a cell is prepared when one is free, so calls leave time to make some

let t;
before(async () => { t = await target(); });

// With a request under way INVOKE comes right behind INIT, and mostly with it; a cell that is prepared hears nothing
// more.
const hostile = (lines) => `
import gc, json, os, select, struct, threading, time

def frame(kind, payload=b""):
    if not isinstance(payload, bytes):
        payload = json.dumps(payload, separators=(",", ":")).encode()
    return struct.pack(">IB", len(payload), kind) + payload

def control():
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            if fd > 2 and os.readlink("/proc/self/fd/%d" % fd).startswith("socket:"):
                return fd
        except OSError:
            pass

def send(data):
    fd = control()
    while data:
        data = data[os.write(fd, data):]

HELLO, INIT, READY, INVOKE, HEAD, BODY, END, ERROR = range(1, 9)
ANSWER = (frame(HEAD, {"status": 200, "headers": [["content-type", "text/plain"]], "stream": False})
    + frame(BODY, b"forged") + frame(END, {"reusable": True}))

def attack():
${lines.trim().split('\n').map((line) => `    ${line}`).join('\n')}

def request_is_there():
    read = any(o._ahead for o in gc.get_objects() if type(o).__name__ == "Control")
    return read or select.select([control()], [], [], 0.3)[0]

if not request_is_there():
    attack()

def handler(event):
    return "answered"
`;

// The keeper sees each of these, ends the cell, and prepares no more for the function.
const REFUSED = [
  ['hangs', 'time.sleep(60)'],
  ['computes without end', 'while True: pass'],
  ['prints without end', 'while True: print("x" * 1000)'],
  ['exits', 'os._exit(0)'],
  ['allocates without end', 'held = []\nwhile True: held.append(bytearray(b"x") * (8 << 20))'],
  ['raises', 'raise ValueError("not now")'],
  ['forks and hangs', 'for _ in range(10): os.fork()\ntime.sleep(60)'],
];

// What it may send.
const FORGED = [
  ['says READY and hangs', 'send(frame(READY, {"script": False}) * 2)\ntime.sleep(60)'],
  ['answers before it is asked', 'send(frame(READY, {"script": False}) + ANSWER)'],
  ['sends a HEAD', 'send(ANSWER)'],
  ['sends an END', 'send(frame(END, {"reusable": True}))'],
  ['says HELLO again', 'send(frame(HELLO))'],
  ['sends an INIT', 'send(frame(INIT, {"code": "", "handler": None}))'],
  ['sends a frame longer than any may be', 'send(struct.pack(">IB", 0xffffffff, READY) + b"x" * 100000)'],
  ['sends a READY that is too long', 'send(frame(READY, b"x" * 100000))'],
  ['sends a READY of another kind', 'send(frame(READY, {"script": [[[[5]]]]}))'],
  ['never ends its READY', 'send(struct.pack(">IB", 15, READY) + b"{")\ntime.sleep(60)'],
  ['sends an endless ERROR', 'send(struct.pack(">IB", 128 * 1024, ERROR))\nwhile True: send(b"x" * 65536)'],
  ['sends garbage', 'send(os.urandom(65536))'],
  ['closes its control socket', 'os.close(control())\ntime.sleep(60)'],
];

// These load well. What they leave running is frozen with the cell and ends with it.
const LOADED = [
  ['leaves children that compute', `
for _ in range(5):
    if os.fork() == 0:
        while True: pass`],
  ['leaves threads that compute', `
def spin():
    while True: time.sleep(0.0001)
for _ in range(5): threading.Thread(target=spin, daemon=True).start()`],
  ['closes its log', 'os.close(1)\nos.close(2)'],
];

// What the keeper does is the same for all; each is one way for it to go wrong. make test takes one of each kind,
// make test-all takes all.
const USUAL = {
  docker: ['hangs', 'computes without end', 'prints without end', 'exits', 'allocates without end', 'forks and hangs',
    'says READY and hangs', 'answers before it is asked', 'sends a frame longer than any may be', 'sends garbage'],
  gvisor: ['hangs', 'allocates without end', 'forks and hangs', 'says READY and hangs'],
};
const refusedOn = (runtime) => [...REFUSED, ...FORGED]
  .filter(([name]) => process.env.CLOCHE_TEST_LONG || USUAL[runtime].includes(name));

let memory = 300;

/** Deploys it and calls it often, its neighbour meanwhile; every call must go well. */
async function callOften(runtime, lines, timeout_ms) {
  const f = await t.s.deploy({ language: 'python', runtime, code: hostile(lines), timeout_ms, memory_mb: memory++ });
  for (let i = 0; i < CALLS; i++) {
    const [{ status, error }] = await Promise.all([t.s.execute(f), t.unharmed(runtime)]);
    assert.equal(status, 'ok', JSON.stringify(error));
  }
  return f;
}

async function endsWithout(f, runtime) {
  await t.s.remove(f);
  await until(() => t.s.cellsOfMemory(f.memory_mb) === 0, 'nothing of it is left');
  await t.unharmed(runtime);
}

const refusals = ({ id }) =>
  readFileSync(join(t.s.home, 'log/keeper/current'), 'utf8').split('\n')
    .filter((line) => line.includes('ahead of its requests') && line.includes(id)).length;

for (const runtime of RUNTIMES) {
  describe(`code that is loaded ahead on ${runtime}`, { concurrency: 3 }, () => {
    for (const [name, lines] of refusedOn(runtime)) {
      test(`${name}: no cell is prepared with it`, async () => {
        const f = await callOften(runtime, lines, HANGS_MS);
        const goesWell = async () => {
          const { output, error, metrics } = await t.s.execute(f);
          assert.equal(output, 'answered', JSON.stringify(error));
          assert.ok(metrics.init_ms > 0, 'not in a prepared cell');
        };
        let wrong;
        await until(async () => {
          await goesWell().catch((error) => { wrong = error; });
          return wrong || refusals(f) > 0;
        }, 'the keeper says why', PATIENCE_MS, PAUSE_MS);
        assert.ifError(wrong);
        await goesWell();
        assert.equal(refusals(f), 1, 'not tried again at once');
        await endsWithout(f, runtime);
      });
    }

    for (const [name, lines] of LOADED) {
      test(`${name}: its calls go on as ever`, async () => {
        const f = await callOften(runtime, lines, LOADS_MS);
        await until(async () => (await t.s.execute(f)).metrics.init_ms === 0, 'a call in a prepared cell', PATIENCE_MS, PAUSE_MS);
        assert.equal(refusals(f), 0);
        await endsWithout(f, runtime);
      });
    }
  });
}

test('what it prints as it loads is the log of the call that gets the cell', async () => {
  const f = await t.s.deploy({ language: 'python', memory_mb: memory++, code: `
import time
time.sleep(0.05) # code that loads faster is not loaded ahead
for i in range(100):
    print(i, "x" * 100)
def handler(event):
    print("called")
` });
  await until(async () => {
    const { logs, metrics } = await t.s.execute(f);
    const lines = Array.from({ length: 100 }, (_, i) => `${i} ${'x'.repeat(100)}`);
    assert.deepEqual(logs.map(({ text }) => text), [...lines, 'called']);
    return metrics.init_ms === 0;
  }, 'a call in a prepared cell with all of its log', PATIENCE_MS, PAUSE_MS);
  await endsWithout(f, 'docker');
});

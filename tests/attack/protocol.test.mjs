// A function that speaks on the runner's sockets itself. It may ruin its own call, and nothing else.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { RUNTIMES, target } from './attacks.mjs';

let t;
before(async () => { t = await target(); });

// The control socket is the one the worker's frames come from; a function can search for it.
const FRAMES = `
import json, os, socket, struct, time

def frame(kind, payload=b""):
    if not isinstance(payload, bytes):
        payload = json.dumps(payload).encode()
    return struct.pack(">IB", len(payload), kind) + payload

def control():
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            if fd > 2 and os.readlink("/proc/self/fd/%d" % fd).startswith("socket:"):
                return fd
        except OSError:
            pass

def send(data, fd=None):
    fd = control() if fd is None else fd
    while data:
        data = data[os.write(fd, data):]

HELLO, INIT, READY, INVOKE, HEAD, BODY, END, ERROR = range(1, 9)
OK_HEAD = {"status": 200, "headers": [["content-type", "text/plain"]], "stream": False}
`;
const wrap = (lines) => `${FRAMES}\ndef handler(event):\n${lines.trim().split('\n').map((line) => `    ${line}`).join('\n')}\n`;

// name, code, then what the call may end as.
const FORGERIES = [
  ['garbage on every descriptor', `
for fd in [*range(2, 21), *map(int, os.listdir("/proc/self/fd"))]:
    try:
        send(os.urandom(4096), fd)
    except OSError:
        pass
time.sleep(0.1)
return "answered"`, ['crash', 'ok']],
  ['an INVOKE of its own', 'send(frame(INVOKE, b"\\0\\0\\0\\2{}"))\nreturn 1', ['crash']],
  ['an unknown frame', 'send(frame(0x7f, b"x"))\nreturn 1', ['crash']],
  ['a frame longer than any may be', 'send(struct.pack(">IB", 0xffffffff, BODY) + b"x" * 100000)\nreturn 1', ['crash']],
  ['a frame that is never finished', 'send(struct.pack(">IB", 1000, BODY) + b"x")\ntime.sleep(60)', ['timeout', 'crash']],
  ['an END before its HEAD', 'send(frame(END, {"reusable": True}))\nreturn 1', ['crash']],
  ['a BODY before its HEAD', 'send(frame(BODY, b"x"))\nreturn 1', ['crash']],
  ['two HEADs', 'send(frame(HEAD, OK_HEAD) * 2)\nreturn 1', ['crash']],
  ['a second READY', 'send(frame(READY, {"script": False}))\nreturn 1', ['crash']],
  ['a HEAD that is no JSON', 'send(frame(HEAD, b"{"))\nreturn 1', ['crash']],
  ['a HEAD nested without end', 'send(frame(HEAD, b"[" * 60000))\nreturn 1', ['crash']],
  ['a HEAD of another type', 'send(frame(HEAD, [1, 2]))\nreturn 1', ['crash']],
  ['a HEAD with a mad status', 'send(frame(HEAD, dict(OK_HEAD, status=99999)))\nreturn 1', ['crash']],
  ['a HEAD with status 100', 'send(frame(HEAD, dict(OK_HEAD, status=100)))\nreturn 1', ['crash']],
  ['headers with line breaks', 'send(frame(HEAD, dict(OK_HEAD, headers=[["a", "b\\r\\nSet-Cookie: x=y"]])))\nreturn 1', ['crash']],
  ['headers with NUL', 'send(frame(HEAD, dict(OK_HEAD, headers=[["a", "b\\0c"]])))\nreturn 1', ['crash']],
  ['headers that are no pairs', 'send(frame(HEAD, dict(OK_HEAD, headers=[["a"], "b", 5, None])))\nreturn 1', ['crash']],
  ['headers over their cap', 'send(frame(HEAD, dict(OK_HEAD, headers=[["a", "x" * 70000]])))\nreturn 1', ['error', 'crash']],
  ['a body over its cap', 'send(frame(HEAD, OK_HEAD))\nfor _ in range(200):\n    send(frame(BODY, b"x" * 65536))\nreturn 1', ['error', 'crash']],
  ['empty frames without end', 'send(frame(HEAD, OK_HEAD))\nwhile True:\n    send(frame(BODY) * 10000)', ['timeout', 'error', 'crash']],
  ['an ERROR with types of its own', 'send(frame(ERROR, {"type": 5, "message": [], "stack": {}}))\nreturn 1', ['crash']],
  ['an ERROR of control characters', 'send(frame(ERROR, {"type": "\\r\\nX", "message": "\\0", "stack": None}))\nreturn 1', ['error', 'crash']],
  ['an ERROR of half a megabyte', 'send(frame(ERROR, {"type": "X", "message": "m" * 524288, "stack": None}))\nreturn 1', ['error', 'crash']],
];

for (const runtime of RUNTIMES) {
  describe(`on the control socket, ${runtime}`, { concurrency: 2 }, () => {
    for (const [name, lines, statuses] of FORGERIES) {
      test(name, async () => {
        const { status, error } = await t.run(runtime, wrap(lines), { timeout_ms: 2000 });
        assert.ok(statuses.includes(status), `${status} ${JSON.stringify(error)}`);
        if (status === 'crash') assert.ok(['Protocol', 'Exit', 'Signal'].includes(error.type), error.type);
      });
    }
  });
}

describe('an answer of its own making', () => {
  test('counts once: the second is dropped', async () => {
    const { status, output } = await t.run('docker', wrap(`
send(frame(HEAD, OK_HEAD) + frame(BODY, b"forged") + frame(END, {"reusable": True}))
return "real"`));
    assert.equal(status, 'ok');
    assert.equal(output, 'forged');
  });

  test('passes the same rules as any other', async () => {
    const f = await t.s.deploy({ language: 'python', code: wrap(`
head = dict(OK_HEAD, headers=[["set-cookie", "a=b"], ["x-accel-redirect", "/api/health"], ["status", "500"],
    ["content-length", "1"], ["transfer-encoding", "chunked"], ["x-request-id", "forged"], ["content-type", "text/html"]])
send(frame(HEAD, head) + frame(BODY, b"forged") + frame(END, {"reusable": True}))
return 1`) });
    const answer = await t.s.fn(f.route);
    assert.equal(answer.status, 200);
    assert.equal(answer.text, 'forged');
    for (const name of ['set-cookie', 'x-accel-redirect', 'status']) assert.equal(name in answer.headers, false, name);
    assert.notEqual(answer.headers['x-request-id'], 'forged');
    assert.match(answer.headers['content-security-policy'], /\bsandbox\b/);
  });

  test('claims to be reusable in vain: the next call has a cell of its own', async () => {
    const f = await t.s.deploy({ language: 'python', code: wrap(`
first = not os.path.exists("/tmp/mark")
open("/tmp/mark", "w").close()
send(frame(HEAD, OK_HEAD) + frame(BODY, b"first" if first else b"again") + frame(END, {"reusable": True}))
time.sleep(60)`) });
    for (let i = 0; i < 3; i++) assert.equal((await t.s.execute(f)).output, 'first');
  });
});

describe('in a cell that is kept for its function', () => {
  const FORGED = 'frame(HEAD, OK_HEAD) + frame(BODY, b"forged") + frame(END, {"reusable": True})';
  const kept = (lines) => ({ language: 'python', isolation: 'function', code: `n = 0\n${wrap(`
global n
n += 1
if n > 1: return "kept"
${lines}`)}` });

  for (const [name, lines, first] of [
    ['a second result behind the first', `send((${FORGED}) * 2)\nreturn "late"`, 'forged'],
    ['half a frame behind the result', `send(${FORGED} + struct.pack(">IB", 100, BODY))\nreturn "late"`, 'forged'],
    ['a result right after the answer', `
import threading
threading.Thread(target=lambda: (time.sleep(0.002), send(${FORGED}))).start()
return "real"`, 'real'],
    ['its stdout closed', `os.close(1)\nreturn "real"`, 'real'],
  ]) {
    test(`${name} does not wait for the next caller`, async () => {
      const f = await t.s.deploy(kept(lines));
      const answer = await t.s.execute(f);
      assert.equal(answer.output, first, JSON.stringify(answer.error));
      const next = await t.s.execute(f);
      assert.equal(next.output, first, 'a new cell, which does the same');
      assert.notEqual(next.start, 'warm');
      await t.unharmed();
    });
  }

  test('a thread that computes on, and a lie about it, end it before the next call', async () => {
    const f = await t.s.deploy(kept(`
import sys, threading
def spin():
    while True: pass
sys.modules["cellrunner.serve"]._left_behind = lambda loop: False
threading.Thread(target=spin, daemon=True).start()
return "real"`));
    const answer = await t.s.execute(f);
    assert.equal(answer.output, 'real', JSON.stringify(answer.error));
    await t.unharmed(); // time enough to use more than coming to rest takes
    const next = await t.s.execute(f);
    assert.equal(next.output, 'real');
    assert.notEqual(next.start, 'warm');
  });
});

test('what it sends after its end reaches nobody', async () => {
  const late = await t.s.deploy({ language: 'python', code: `
import os, sys, time
def handler(event):
    if os.fork() == 0:
        while True:
            for fd in range(1, 20):
                try:
                    os.write(fd, b"late\\n")
                except OSError:
                    pass
            time.sleep(0.01)
    return "done"
` });
  for (let i = 0; i < 3; i++) {
    const { status, output } = await t.s.execute(late);
    assert.ok(status === 'ok' || status === 'crash', status);
    if (status === 'ok') assert.equal(output, 'done');
    const clean = await t.s.execute(await t.s.example('hello'), { input: { name: 'clean' } });
    assert.equal(clean.output, 'Hello, clean!');
    assert.deepEqual(clean.logs, []);
  }
});

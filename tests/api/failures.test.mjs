// Everything that can go wrong in a function, in both languages, on both runtimes: what the caller of its route
// gets, what its owner gets, what the record says, and that the next call works.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { stack } from '../lib/stack.mjs';

const LANGUAGES = ['python', 'javascript'];
const RUNTIMES = ['docker', 'gvisor'];
const KIB = 1024;

let s;
before(async () => { s = await stack(); });

// The control socket is wherever the runner keeps it.
const SOCKETS = {
  python: `
def sockets():
    for fd in os.listdir("/proc/self/fd"):
        try:
            if int(fd) > 2 and os.readlink("/proc/self/fd/" + fd).startswith("socket:"):
                yield int(fd)
        except OSError:
            pass
`,
  javascript: `
  const fs = require('fs');
  const sockets = () => fs.readdirSync('/proc/self/fd').map(Number).filter((fd) => {
    try {
      return fd > 2 && fs.readlinkSync('/proc/self/fd/' + fd).startsWith('socket:');
    } catch {
      return false;
    }
  });`,
};

// A handler whose body is `lines`, but for the event "fine", so that its next call can succeed.
const python = (lines, head = '') => `
import os, sys
${head}
def handler(event, context):
    if event == "fine":
        return "fine"
${lines.trim().split('\n').map((line) => `    ${line}`).join('\n')}
`;
const javascript = (lines) => `
exports.handler = async (event, context) => {
  if (event === 'fine') return 'fine';
  ${lines}
};
`;

// name, sources, then what is expected: error.type (a list: any of them), status, and over its route.
const CAUSES = [
  { name: 'a syntax error', status: 'error', type: 'SyntaxError', http: 500, code: 'function_error', neverFine: true,
    python: 'def handler(event:\n    return 1\n', javascript: 'exports.handler = (event => {' },
  { name: 'an exception', status: 'error', type: { python: 'ValueError', javascript: 'RangeError' }, message: 'boom',
    http: 500, code: 'function_error', stack: true,
    python: python('raise ValueError("boom")'), javascript: javascript('throw new RangeError("boom");') },
  { name: 'an exception while it loads', status: 'error', type: { python: 'ZeroDivisionError', javascript: 'TypeError' },
    http: 500, code: 'function_error', neverFine: true,
    python: '1 / 0\ndef handler(event):\n    return 1\n', javascript: 'null.x;\nexports.handler = () => 1;' },
  { name: 'an error of a task nobody waits for', status: 'error', type: { python: 'KeyError', javascript: 'TypeError' },
    http: 500, code: 'function_error',
    python: `
async def handler(event):
    if event == "fine":
        return "fine"
    raise KeyError("async")
`,
    javascript: javascript('Promise.reject(new TypeError("nobody")); await new Promise((r) => setTimeout(r, 2000));') },
  { name: 'no handler of the configured name', status: 'error', type: 'HandlerNotFound', http: 500, code: 'function_error',
    neverFine: true, settings: { handler: 'nowhere' },
    python: python('return 1'), javascript: javascript('return 1;') },
  { name: 'a result without a JSON form', status: 'error', type: 'BadResponse', http: 502, code: 'bad_response',
    python: python('return {"a": object()}'), javascript: javascript('return { a: 10n };') },
  { name: 'NaN', status: 'error', type: 'BadResponse', http: 502, code: 'bad_response',
    python: python('return {"a": float("nan")}'), javascript: javascript('return { a: NaN };') },
  { name: 'a cyclic result', status: 'error', type: 'BadResponse', http: 502, code: 'bad_response',
    python: python('a = []\na.append(a)\nreturn a'), javascript: javascript('const a = []; a.push(a); return a;') },
  { name: 'a bad statusCode', status: 'error', type: 'BadResponse', http: 502, code: 'bad_response',
    python: python('return {"statusCode": 99, "body": ""}'), javascript: javascript('return { statusCode: 700, body: "" };') },
  { name: 'bad headers', status: 'error', type: 'BadResponse', http: 502, code: 'bad_response',
    python: python('return {"statusCode": 200, "headers": {"a b": "c"}, "body": ""}'),
    javascript: javascript('return { statusCode: 200, headers: { a: "b\\r\\nc: d" }, body: "" };') },
  { name: 'a result over 6 MiB', status: 'error', type: 'ResponseTooLarge', http: 502, code: 'response_too_large',
    python: python('return "x" * (6 * 1024 * 1024 + 1)'), javascript: javascript('return "x".repeat(6 * 1024 * 1024 + 1);') },
  { name: 'headers over 64 KiB', status: 'error', type: 'ResponseTooLarge', http: 502, code: 'response_too_large',
    python: python('return {"statusCode": 200, "headers": {"a": "x" * 66000}, "body": ""}'),
    javascript: javascript('return { statusCode: 200, headers: { a: "x".repeat(66000) }, body: "" };') },
  { name: 'an exit in the middle', status: 'crash', type: 'Exit', http: 502, code: 'function_crashed',
    python: python('sys.exit(3)'), javascript: javascript('process.exit(3);') },
  { name: 'an exit with status 0', status: 'crash', type: 'Exit', http: 502, code: 'function_crashed',
    python: python('os._exit(0)'), javascript: javascript('process.reallyExit(0);') },
  { name: 'a fatal signal', status: 'crash', type: 'Signal', http: 502, code: 'function_crashed',
    python: python('import ctypes\nctypes.string_at(0)'), javascript: javascript('process.abort();') },
  { name: 'garbage on the control socket', status: 'crash', type: ['Protocol'], http: 502, code: 'function_crashed',
    python: python('for fd in sockets():\n    os.write(fd, b"\\xff" * 64)\nreturn 1', SOCKETS.python),
    javascript: javascript(`${SOCKETS.javascript} for (const fd of sockets()) fs.writeSync(fd, Buffer.alloc(64, 0xff)); return 1;`) },
  { name: 'a closed control socket', status: 'crash', type: ['Exit', 'Signal', 'Protocol'], http: 502, code: 'function_crashed',
    python: python('for fd in list(sockets()):\n    os.close(fd)\nreturn 1', SOCKETS.python),
    javascript: javascript(`${SOCKETS.javascript} for (const fd of sockets()) fs.closeSync(fd); return 1;`) },
  { name: 'more memory than it has', status: 'oom', type: 'OutOfMemory', http: 502, code: 'out_of_memory',
    settings: { timeout_ms: 20_000 },
    python: python('held = []\nwhile True:\n    held.append(bytearray(b"x") * (4 * 1024 * 1024))'),
    javascript: javascript('const held = []; for (;;) held.push(Buffer.alloc(4 * 1024 * 1024, 1));') },
  { name: 'more memory than it has, in a child', status: 'oom', type: 'OutOfMemory', http: 502, code: 'out_of_memory',
    settings: { timeout_ms: 20_000 },
    python: python(`
if os.fork() == 0:
    held = []
    while True:
        held.append(bytearray(b"x") * (4 * 1024 * 1024))
os.wait()
return "survived"`),
    javascript: javascript(`
  const { spawnSync } = require('child_process');
  const code = 'const held = []; for (;;) held.push(Buffer.alloc(4 * 1024 * 1024, 1));';
  spawnSync(process.execPath, ['-e', code]);
  return 'survived';`) },
  { name: 'a deadline', status: 'timeout', type: 'Timeout', http: 504, code: 'timeout', settings: { timeout_ms: 2000 },
    python: python('while True:\n    pass'), javascript: javascript('for (;;);') },
  { name: 'a deadline in sleep', status: 'timeout', type: 'Timeout', http: 504, code: 'timeout', settings: { timeout_ms: 2000 },
    python: python('import time\ntime.sleep(60)'), javascript: javascript('await new Promise((r) => setTimeout(r, 60000));') },
];

function assertType(error, wanted, language) {
  const types = [wanted?.[language] ?? wanted].flat();
  assert.ok(types.includes(error.type), `${error.type} (${error.message}), not ${types}`);
}

function assertFigures({ queue_ms: queue, total_ms: total, cpu_ms: cpu, memory_peak_bytes: peak }, start) {
  assert.ok(['cold', 'prewarmed'].includes(start), start);
  assert.ok(queue >= 0 && total >= queue, `queue ${queue}, total ${total}`);
  assert.ok(cpu > 0, `cpu ${cpu}`);
  assert.ok(peak > 1024 * KIB, `peak ${peak}`);
}

async function checkCause(cause, language, runtime) {
  const f = await s.deploy({ language, runtime, code: cause[language], ...cause.settings });

  const told = await s.execute(f);
  assert.equal(told.status, cause.status, JSON.stringify(told.error));
  assertType(told.error, cause.type, language);
  if (cause.message) assert.equal(told.error.message, cause.message);
  if (cause.stack) {
    assert.match(told.error.stack, /function\.(py|js)/);
    assert.doesNotMatch(told.error.stack, /cloche|runner/);
  }
  assert.equal(told.output ?? null, null);
  assertFigures(told.metrics, told.start);
  const record = await s.record(f, told.invocation_id);
  assert.equal(record.status, cause.status);
  assertType(record.error, cause.type, language);
  assert.equal(record.runtime, runtime);
  assert.deepEqual(record.metrics, told.metrics);
  assert.equal(record.start, told.start);

  // Which runtime it was makes no difference over HTTP; one is enough.
  if (runtime === 'docker') {
    const answer = await s.fn(f.route);
    assert.equal(answer.status, cause.http, answer.text);
    assert.match(answer.headers['content-type'], /^application\/problem\+json\b/);
    assert.equal(answer.body.code, cause.code);
    assert.ok(answer.headers['x-cloche-start']);
    assert.doesNotMatch(answer.text, /function\.(py|js)|Traceback|\bat /, 'no stack for strangers');
    const kept = await s.record(f, answer.body.request_id);
    assert.equal(kept.status, cause.status);
    assert.equal(kept.http_status, cause.http);
  }

  const next = cause.neverFine ? await s.execute(await s.example('hello'), { runtime }) : await s.execute(f, { input: 'fine' });
  assert.equal(next.status, 'ok', JSON.stringify(next.error));
}

for (const runtime of RUNTIMES) {
  for (const language of LANGUAGES) {
    describe(`failures in ${language} on ${runtime}`, { concurrency: 2 }, () => {
      for (const cause of CAUSES) test(cause.name, () => checkCause(cause, language, runtime));
    });
  }
}

describe('no failures', () => {
  for (const runtime of RUNTIMES) {
    for (const [language, code] of Object.entries({ python: python('pass'), javascript: javascript('') })) {
      test(`no result is 204: ${language} on ${runtime}`, async () => {
        const f = await s.deploy({ language, runtime, code });
        const answer = await s.fn(f.route);
        assert.equal(answer.status, 204);
        assert.equal(answer.bytes.length, 0);
        const told = await s.execute(f);
        assert.equal(told.status, 'ok');
        assert.equal(told.output, null);
        assert.equal(told.http_status, 204);
      });
    }

    const FLOOD = {
      python: python('for i in range(3072):\n    print("%-99d" % i)\nreturn "answered"'),
      javascript: javascript('for (let i = 0; i < 3072; i++) console.log(String(i).padEnd(99)); return "answered";'),
    };
    for (const [language, code] of Object.entries(FLOOD)) {
      test(`300 KiB of log are cut at 256, and the result is whole: ${language} on ${runtime}`, async () => {
        const f = await s.deploy({ language, runtime, code });
        const told = await s.execute(f);
        assert.equal(told.status, 'ok', JSON.stringify(told.error));
        assert.equal(told.output, 'answered');
        assert.equal(told.logs_truncated, true);
        const bytes = told.logs.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0);
        assert.ok(bytes > 250 * KIB && bytes <= 256 * KIB + 1, `${bytes} bytes`);
        assert.equal(told.logs[0].text.trim(), '0');
        assert.equal((await s.fn(f.route)).text, 'answered');
        const { body: kept } = await s.api(`/invocations/${told.invocation_id}`);
        assert.equal(kept.logs_truncated, true);
        assert.equal(kept.logs.length, told.logs.length);
      });
    }
  }

  test('a stream that fails after its first byte is seen to be incomplete', async () => {
    // The pause: what nginx reads together with the end it does not send on, and the client sees only that it is cut.
    const f = await s.deploy({ language: 'python', code: `
import time
def handler(event):
    yield "first"
    time.sleep(1)
    raise ValueError("later")
` });
    const answer = await s.fn(f.route);
    assert.equal(answer.status, 200);
    assert.equal(answer.complete, false);
    assert.equal(answer.text, 'first');
    const record = await s.record(f, answer.headers['x-request-id']);
    assert.equal(record.status, 'error');
    assert.equal(record.error.type, 'ValueError');
  });
});

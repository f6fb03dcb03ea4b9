// A function that takes all it can get: it is stopped at its limit, and the neighbour does not notice.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { RUNTIMES, target } from './attacks.mjs';

const MIB = 1024 * 1024;

let t;
before(async () => { t = await target(); });

for (const runtime of RUNTIMES) {
  describe(`limits on ${runtime}`, () => {
    test('a fork bomb ends', async () => {
      const { status, error, output } = await t.run(runtime, `
import os
def handler(event):
    made = 0
    try:
        while True:
            if os.fork() == 0:
                while True:
                    try:
                        os.fork()
                    except OSError:
                        pass
            made += 1
    except OSError as error:
        return made
`, { timeout_ms: 3000 });
      // runc counts processes; under gVisor memory or the deadline bounds them.
      assert.ok(['ok', 'oom', 'timeout', 'crash'].includes(status), `${status} ${JSON.stringify(error)}`);
      if (status === 'ok') assert.ok(output < 256, `${output} processes`);
    });

    test('threads without end', async () => {
      const { status, output } = await t.run(runtime, `
import threading, time
def handler(event):
    made = 0
    try:
        while made < 5000:
            threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
            made += 1
    except RuntimeError:
        pass
    return made
`, { timeout_ms: 5000 });
      assert.ok(['ok', 'oom', 'timeout', 'crash'].includes(status), status);
      if (status === 'ok' && runtime === 'docker') assert.ok(output < 64, `${output} threads`);
    });

    test('memory without end', async () => {
      const { status, metrics } = await t.run(runtime, `
def handler(event):
    held = []
    while True:
        held.append(bytearray(b"x") * (8 * 1024 * 1024))
`, { memory_mb: 128 });
      assert.equal(status, 'oom');
      assert.ok(metrics.memory_peak_bytes <= 130 * MIB, `${metrics.memory_peak_bytes}`);
    });

    test('four busy processes get no more CPU than the function has', async () => {
      const { status, metrics } = await t.run(runtime, `
import os, time
def handler(event):
    end = time.monotonic() + 2
    for _ in range(3):
        if os.fork() == 0:
            while True:
                pass
    while time.monotonic() < end:
        pass
    return "done"
`, { cpus: 0.25, timeout_ms: 8000, memory_mb: 256 });
      assert.equal(status, 'ok');
      // The quota is of each 100 ms; loading, which counts as well, is within it.
      const share = metrics.cpu_ms / (metrics.init_ms + metrics.run_ms);
      assert.ok(share < 0.25 * 1.3 && share > 0.1, `${share.toFixed(2)} of a core`);
    });

    test('a full disk is full at its size', async () => {
      const { status, output, error } = await t.run(runtime, `
import errno
def handler(event):
    written = 0
    reasons = []
    for i in range(64):
        try:
            with open("/tmp/fill%d" % i, "wb", buffering=0) as f:
                for _ in range(64):
                    written += f.write(b"x" * (1024 * 1024))
        except OSError as error:
            reasons.append(errno.errorcode[error.errno])
    return [written, sorted(set(reasons))]
`, { disk_mb: 32, memory_mb: 256 });
      // Where the file system itself has no bound, memory is the bound.
      assert.ok(status === 'ok' || (runtime === 'gvisor' && status === 'oom'), `${status} ${JSON.stringify(error)}`);
      if (status !== 'ok') return;
      assert.ok(output[0] <= 32 * MIB && output[0] > 24 * MIB, `${output}`);
      assert.ok(output[1].length > 0 && output[1].every((name) => ['ENOSPC', 'EFBIG'].includes(name)), `${output}`);
    });

    test('files without end', async () => {
      const { status, output } = await t.run(runtime, `
import os
def handler(event):
    made = 0
    try:
        while made < 200000:
            os.close(os.open("/tmp/f%d" % made, os.O_CREAT | os.O_WRONLY))
            made += 1
    except OSError as error:
        return [made, error.errno]
    return [made, 0]
`, { timeout_ms: 5000 });
      assert.ok(['ok', 'oom', 'timeout', 'crash'].includes(status), status);
      if (status === 'ok' && runtime === 'docker') assert.ok(output[0] < 20_000 && output[1] > 0, `${output}`);
    });

    test('descriptors without end', async () => {
      const { status, output } = await t.run(runtime, `
import errno, os
def handler(event):
    held = []
    try:
        while len(held) < 100000:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        return [len(held), errno.errorcode[error.errno]]
    return [len(held), None]
`);
      assert.equal(status, 'ok');
      assert.ok(output[0] < 1024 && output[1] === 'EMFILE', `${output}`);
    });

    test('a flood of log, without end', async () => {
      const { status, logs, logs_truncated: truncated } = await t.run(runtime, `
import os
def handler(event):
    line = b"flood " * 20000 + b"\\n"
    while True:
        os.write(1, line)
        os.write(2, line)
`, { timeout_ms: 2000 });
      assert.equal(status, 'timeout');
      assert.equal(truncated, true);
      const printed = logs.filter(({ stream }) => stream !== 'system');
      const bytes = printed.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
      assert.ok(bytes <= 256 * 1024, `${bytes}`);
    });

    test('empty lines without end, and bytes that are no text', async () => {
      const { status, logs, logs_truncated: truncated } = await t.run(runtime, `
import os
def handler(event):
    os.write(2, bytes(range(256)) * 4)
    for _ in range(40):
        os.write(1, b"\\n" * 10000)
    return "answered"
`);
      assert.equal(status, 'ok');
      assert.equal(truncated, true);
      assert.ok(logs.length <= 10_001, `${logs.length} pieces`);
    });

    test('a stream without end is cut at 6 MiB', async () => {
      const f = await t.s.deploy({ language: 'python', runtime, code: `
def handler(event):
    while True:
        yield b"x" * 65536
` });
      const answer = await t.s.fn(f.route);
      assert.equal(answer.complete, false);
      assert.ok(answer.bytes.length <= 6 * MIB, `${answer.bytes.length}`);
      assert.equal((await t.s.record(f, answer.headers['x-request-id'])).error.type, 'ResponseTooLarge');
      await t.unharmed(runtime);
    });

    test('message queues have no room', { skip: runtime === 'gvisor' && 'they are memory of the sandbox' }, async () => {
      const { output } = await t.run(runtime, `
import ctypes
def handler(event):
    return ctypes.CDLL(None).mq_open(b"/queue", 0o102, 0o600, None)
`);
      assert.equal(output, -1);
    });

    test('shared memory counts', async () => {
      const { status, output } = await t.run(runtime, `
import ctypes
def handler(event):
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    for _ in range(64):
        segment = libc.shmget(0, 16 * 1024 * 1024, 0o1600)
        at = libc.shmat(segment, None, 0) if segment >= 0 else None
        if at in (None, ctypes.c_void_p(-1).value):
            return "refused"
        ctypes.memset(at, 1, 16 * 1024 * 1024)
    return "took 1 GiB"
`);
      assert.ok(status === 'oom' || (status === 'ok' && output === 'refused'), `${status} ${output}`);
    });
  });
}

test('a function that holds all its calls does not hold those of others', async () => {
  const f = await t.s.deploy({ language: 'python', max_concurrency: 3, timeout_ms: 4000, code: 'import time\ndef handler():\n    time.sleep(2.5)\n' });
  const calls = Array.from({ length: 6 }, () => t.s.execute(f));
  await t.unharmed('docker');
  const answers = await Promise.all(calls);
  const statuses = answers.map(({ status }) => status);
  assert.ok(statuses.filter((status) => status === 'ok').length >= 3, `${statuses}`);
  for (const { status, error } of answers) if (status !== 'ok') assert.equal(error.type, 'TooManyRequests');
});

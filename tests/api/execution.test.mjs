// One call, looked at closely: where it really runs, its log, its stream, its script, its figures.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { stack } from '../lib/stack.mjs';

const LANGUAGES = ['python', 'javascript'];
const RUNTIMES = ['docker', 'gvisor'];
const HOST_VERSION = readFileSync('/proc/version', 'utf8');

let s;
before(async () => { s = await stack(); });

describe('the runtime is what it says', () => {
  const VERSION = {
    python: 'def handler():\n    return open("/proc/version").read()\n',
    javascript: "exports.handler = () => require('fs').readFileSync('/proc/version', 'utf8');",
  };
  for (const language of LANGUAGES) {
    test(`/proc/version tells gVisor from the host's kernel: ${language}`, async () => {
      const f = await s.deploy({ language, code: VERSION[language] });
      const docker = await s.execute(f, { runtime: 'docker' });
      assert.equal(docker.output, HOST_VERSION);
      const gvisor = await s.execute(f, { runtime: 'gvisor' });
      assert.equal(gvisor.status, 'ok', JSON.stringify(gvisor.error));
      assert.match(gvisor.output, /^Linux version \d/);
      assert.notEqual(gvisor.output, HOST_VERSION);
      assert.equal(gvisor.runtime, 'gvisor');
    });
  }

  test('the kernel log of gVisor is its own, the host’s is closed', async () => {
    const f = await s.deploy({ language: 'python', code: `
import ctypes
def handler():
    text = ctypes.create_string_buffer(1 << 16)
    length = ctypes.CDLL(None).klogctl(3, text, len(text))
    return text.raw[:length].decode() if length > 0 else ""
` });
    assert.match((await s.execute(f, { runtime: 'gvisor' })).output, /gVisor/);
    assert.equal((await s.execute(f, { runtime: 'docker' })).output ?? '', '');
  });

  test('a function whose runtime is gvisor answers from gVisor over its route', async () => {
    for (const language of LANGUAGES) {
      const f = await s.deploy({ language, runtime: 'gvisor', code: VERSION[language] });
      const answer = await s.fn(f.route);
      assert.equal(answer.status, 200);
      assert.notEqual(answer.text, HOST_VERSION);
    }
  });
});

describe('context', () => {
  test('has Cloche’s names and Lambda’s, and what the function is', async () => {
    const code = {
      python: `
def handler(event, c):
    return [c.request_id, c.aws_request_id, c.function_name, c.function_version, c.memory_limit_in_mb, c.deadline_ms,
            c.get_remaining_time_in_millis(), c.args, c.runtime, getattr(c, "request", None)]
`,
      javascript: `
exports.handler = (event, c) => [c.requestId, c.awsRequestId, c.functionName, c.functionVersion, c.memoryLimitInMB,
  c.deadlineMs, c.getRemainingTimeInMillis(), c.args, c.runtime, c.request ?? null];
`,
    };
    for (const language of LANGUAGES) {
      const f = await s.deploy({ language, code: code[language], timeout_ms: 8000, memory_mb: 192 });
      for (const runtime of RUNTIMES) {
        const { output, invocation_id: id, status, error } = await s.execute(f, { args: ['a', 'é'], runtime });
        assert.equal(status, 'ok', JSON.stringify(error));
        const [request, aws, name, version, memory, deadline, remaining, args, said, none] = output;
        assert.deepEqual([request, aws, name, version, memory, args, said, none],
          [id, id, f.name, 1, 192, ['a', 'é'], runtime, null]);
        assert.ok(remaining > 4000 && remaining <= 8000, `${remaining}`);
        assert.ok(Math.abs(deadline - Date.now() - remaining) < 3000, `${deadline}`);
      }
    }
  });
});

describe('logs', () => {
  const CODE = {
    python: `
import sys
def handler():
    for i in range(20):
        print("out", i)
        print("err", i, file=sys.stderr)
    print("é 🌍", end="")
    return {"result": "apart"}
`,
    javascript: `
exports.handler = () => {
  for (let i = 0; i < 20; i++) {
    console.log('out', i);
    console.error('err', i);
  }
  process.stdout.write('é 🌍');
  return { result: 'apart' };
};
`,
  };
  for (const language of LANGUAGES) {
    for (const runtime of RUNTIMES) {
      test(`both streams, whole and in order, never in the result: ${language} on ${runtime}`, async () => {
        const f = await s.deploy({ language, runtime, code: CODE[language] });
        const { output, logs, logs_truncated: truncated, metrics, invocation_id: id } = await s.execute(f);
        assert.deepEqual(output, { result: 'apart' });
        assert.equal(truncated, false);
        const of = (stream) => logs.filter((piece) => piece.stream === stream).map(({ text }) => text);
        const numbers = (word) => Array.from({ length: 20 }, (_, i) => `${word} ${i}`);
        assert.deepEqual(of('stdout'), [...numbers('out'), 'é 🌍']);
        assert.deepEqual(of('stderr'), numbers('err'));
        for (const [i, piece] of logs.entries()) {
          assert.ok(piece.t_ms >= (logs[i - 1]?.t_ms ?? 0) && piece.t_ms <= metrics.total_ms + 50, `${piece.t_ms}`);
        }
        const { body: record } = await s.api(`/invocations/${id}`);
        assert.deepEqual(record.logs, logs);
      });
    }
  }

  test('what a child writes is log too', async () => {
    const f = await s.deploy({ language: 'python', code: `
import subprocess
def handler():
    subprocess.run(["/bin/sh", "-c", "echo from the child; echo and its stderr >&2"], check=True)
    return 1
` });
    const { logs, status, error } = await s.execute(f);
    assert.equal(status, 'ok', JSON.stringify(error));
    assert.deepEqual(logs.map(({ text }) => text).sort(), ['and its stderr', 'from the child']);
  });
});

describe('scripts', () => {
  const CASES = [
    { name: 'arguments', order: { args: ['a', 'b c', '', 'é'] }, output: ['a', 'b c', '', 'é'],
      python: 'import sys, json\nprint(json.dumps(sys.argv[1:]))', javascript: 'console.log(JSON.stringify(process.argv.slice(2)))' },
    { name: 'the input on stdin', order: { input: { n: [1, 'é'] } }, output: { n: [1, 'é'] },
      python: 'import sys\nprint(sys.stdin.read())', javascript: "console.log(require('fs').readFileSync(0, 'utf8'))" },
    { name: 'no input is an empty stdin', order: {}, output: 0,
      python: 'import sys\nprint(len(sys.stdin.read()))', javascript: "console.log(require('fs').readFileSync(0).length)" },
    { name: 'stdout that is no JSON is text', order: {}, output: 'two\nlines',
      python: 'print("two")\nprint("lines")', javascript: 'console.log("two"); console.log("lines");' },
    { name: 'a script runs as the main program', order: {}, output: 'main',
      python: 'if __name__ == "__main__":\n    print("main")', javascript: 'if (require.main === module) console.log("main");' },
  ];
  for (const { name, order, output, ...sources } of CASES) {
    for (const language of LANGUAGES) {
      test(`${name}: ${language}`, async () => {
        const f = await s.deploy({ language, code: sources[language] });
        for (const runtime of RUNTIMES) {
          const told = await s.execute(f, { ...order, runtime });
          assert.equal(told.status, 'ok', JSON.stringify(told.error));
          assert.deepEqual(told.output, output);
        }
      });
    }
  }

  const EXITS = { python: 'import sys\nprint("half")\nsys.exit(3)', javascript: 'console.log("half"); process.exit(3);' };
  for (const language of LANGUAGES) {
    test(`an exit status is an error, 0 is none: ${language}`, async () => {
      const failed = await s.deploy({ language, code: EXITS[language] });
      const told = await s.execute(failed);
      assert.equal(told.status, 'error');
      assert.equal(told.error.type, 'ExitCode');
      assert.match(told.error.message, /\b3\b/);
      const { status, body } = await s.fn(failed.route);
      assert.equal(status, 500);
      assert.equal(body.code, 'function_error');
      await s.replace(failed, { code: EXITS[language].replace('(3)', '(0)') });
      assert.equal((await s.execute(failed)).output, 'half');
    });

    test(`the raw body is stdin over its route: ${language}`, async () => {
      const code = { python: 'import sys\nsys.stdout.write(sys.stdin.read().upper())',
        javascript: "process.stdout.write(require('fs').readFileSync(0, 'utf8').toUpperCase())" };
      const f = await s.deploy({ language, code: code[language] });
      const answer = await s.fn(f.route, { method: 'POST', body: 'shout', headers: { 'Content-Type': 'text/plain' } });
      assert.equal(answer.text, 'SHOUT');
    });
  }
});

describe('streams', () => {
  const CODE = {
    python: `
import time
def handler(event):
    for n in range(5):
        yield f"line {n}\\n"
        time.sleep(0.2)
`,
    javascript: `
exports.handler = async function* () {
  for (let n = 0; n < 5; n++) {
    yield \`line \${n}\\n\`;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};
`,
  };
  for (const language of LANGUAGES) {
    for (const runtime of RUNTIMES) {
      test(`five lines 200 ms apart arrive as five pieces: ${language} on ${runtime}`, async () => {
        const f = await s.deploy({ language, runtime, code: CODE[language] });
        const arrived = [];
        const answer = await s.fn(f.route, { onData: (piece) => arrived.push({ at: performance.now(), text: `${piece}` }) });
        assert.equal(answer.status, 200);
        assert.equal(answer.complete, true);
        assert.ok(answer.headers['x-cloche-start']);
        assert.match(answer.headers['content-security-policy'], /\bsandbox\b/);
        assert.deepEqual(arrived.map(({ text }) => text), Array.from({ length: 5 }, (_, n) => `line ${n}\n`));
        const took = arrived.at(-1).at - arrived[0].at;
        assert.ok(took > 600, `over ${took} ms`);
        const record = await s.record(f, answer.headers['x-request-id']);
        assert.equal(record.status, 'ok');
      });
    }
  }

  test('execute tells that a container is being made for the call', async () => {
    // No pool has this size of /tmp.
    const f = await s.deploy({ language: 'python', disk_mb: 17, code: 'def handler():\n    return 1\n' });
    const { text } = await s.api(`/functions/${f.id}/execute`, {
      method: 'POST', body: {}, headers: { Accept: 'application/x-ndjson' },
    });
    const lines = text.trim().split('\n').map((line) => JSON.parse(line));
    const phases = lines.filter(({ event }) => event === 'phase').map(({ phase }) => phase);
    assert.deepEqual(phases, ['queued', 'launching', 'loading', 'running']);
    assert.equal(lines.at(-1).start, 'cold');
  });

  test('execute tells its phases, log and result line by line', async () => {
    const f = await s.deploy({ language: 'python', code: `
import time
def handler(event):
    print("early")
    time.sleep(0.5)
    return {"n": event}
` });
    const lines = [];
    let rest = '';
    const answer = await s.api(`/functions/${f.id}/execute`, {
      method: 'POST', body: { input: 5 }, headers: { Accept: 'application/x-ndjson' },
      onData: (chunk) => {
        const pieces = (rest + chunk).split('\n');
        rest = pieces.pop();
        for (const piece of pieces) lines.push({ at: performance.now(), ...JSON.parse(piece) });
      },
    });
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^application\/x-ndjson\b/);
    assert.equal(rest, '');
    assert.equal(lines[0].event, 'accepted');
    const phases = lines.filter(({ event }) => event === 'phase');
    assert.deepEqual(phases.map(({ phase }) => phase).filter((phase) => phase !== 'launching'), ['queued', 'loading', 'running']);
    for (const { t_ms: at } of phases) assert.ok(at >= 0 && at < 30_000);
    const log = lines.find(({ event }) => event === 'log');
    assert.equal(log.text, 'early');
    assert.equal(log.stream, 'stdout');
    const result = lines.at(-1);
    assert.equal(result.event, 'result');
    assert.deepEqual(result.output, { n: 5 });
    assert.equal(result.status, 'ok');
    assert.equal(result.invocation_id, lines[0].invocation_id);
    assert.ok(result.at - log.at > 300, 'the log came while the function ran');
    assert.equal(lines.filter(({ event }) => event === 'result').length, 1);
  });
});

describe('answers and figures', () => {
  test('output keeps its kind: JSON, text, bytes', async () => {
    const f = await s.deploy({ language: 'python', code: `
def handler(event):
    return {"json": {"a": [None, True, 1.5, "é"]}, "text": "5", "bytes": bytes(range(256))}[event]
` });
    assert.deepEqual((await s.execute(f, { input: 'json' })).output, { a: [null, true, 1.5, 'é'] });
    assert.equal((await s.execute(f, { input: 'text' })).output, '5');
    const { output } = await s.execute(f, { input: 'bytes' });
    assert.deepEqual([...Buffer.from(output.base64, 'base64')], Array.from({ length: 256 }, (_, i) => i));
  });

  test('JSON that holds NUL, escaped, is JSON', async () => {
    const code = {
      python: 'import json\ndef handler(event):\n    return {"a": "x\\0y"}\n',
      javascript: 'exports.handler = () => ({ a: "x\\0y" });',
      'python script': 'print(\'{"a": "x\\\\u0000y"}\')\n',
    };
    for (const [name, text] of Object.entries(code)) {
      const f = await s.deploy({ language: name.split(' ')[0], code: text });
      assert.deepEqual((await s.execute(f)).output, { a: 'x\0y' }, name);
      assert.deepEqual((await s.fn(f.route)).body, { a: 'x\0y' }, name);
    }
  });

  test('null, numbers, lists and texts are inputs as they are', async () => {
    for (const language of LANGUAGES) {
      const code = { python: 'def handler(event):\n    return [event]', javascript: 'exports.handler = (event) => [event];' };
      const f = await s.deploy({ language, code: code[language] });
      for (const input of [null, 0, -1.5, 'é\n"\\', [1, [2]], { a: { b: null } }, true]) {
        assert.deepEqual((await s.execute(f, { input })).output, [input]);
      }
      assert.deepEqual((await s.execute(f)).output, [null]);
    }
  });

  test('the figures are those of the call', async () => {
    const f = await s.deploy({ language: 'python', memory_mb: 256, timeout_ms: 20_000, code: `
import time
def handler(event):
    if event == "work":
        until = time.process_time() + 0.5
        while time.process_time() < until:
            pass
    elif event == "sleep":
        time.sleep(0.5)
    elif event == "memory":
        held = bytearray(b"x") * (100 * 1024 * 1024)
` });
    const work = (await s.execute(f, { input: 'work' })).metrics;
    const sleep = (await s.execute(f, { input: 'sleep' })).metrics;
    const memory = (await s.execute(f, { input: 'memory' })).metrics;
    assert.ok(work.cpu_ms > 480 && work.cpu_ms < 1500, `cpu ${work.cpu_ms}`);
    assert.ok(sleep.cpu_ms < 300, `cpu asleep ${sleep.cpu_ms}`);
    assert.ok(sleep.run_ms >= 490 && sleep.run_ms < 3000, `run ${sleep.run_ms}`);
    assert.ok(memory.memory_peak_bytes > 100 * 1024 * 1024 && memory.memory_peak_bytes <= 256 * 1024 * 1024,
      `peak ${memory.memory_peak_bytes}`);
    assert.ok(sleep.memory_peak_bytes < 60 * 1024 * 1024, `peak asleep ${sleep.memory_peak_bytes}`);
    for (const { queue_ms: queue, init_ms: init, run_ms: run, total_ms: total } of [work, sleep, memory]) {
      assert.ok(Math.abs(queue + init + run - total) < 5, `${queue} + ${init} + ${run} is ${total}`);
    }
  });
});

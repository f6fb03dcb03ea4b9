// Records of calls: what one says, and how lists are filtered.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { stack } from '../lib/stack.mjs';

// Fails with the text it is given, takes as long as it is told, else answers.
const CODE = `
import json, sys, time
def handler(event):
    event = event or {}
    print("plain")
    print(json.dumps({"level": "WARNING", "message": "structured"}))
    print("to stderr", file=sys.stderr)
    print(json.dumps({"severity": "debug"}), file=sys.stderr)
    time.sleep(event.get("wait", 0))
    if event.get("fail"):
        raise ValueError(event["fail"])
    if event.get("exit"):
        import os
        os._exit(3)
    return event
`;

let s;
let f;
const made = {}; // ids of the calls below, by name

before(async () => {
  s = await stack();
  f = await s.deploy({ language: 'python', code: CODE });
  const call = async (name, body) => {
    const { invocation_id: id } = await s.execute(f, body);
    made[name] = id;
  };
  await call('good', { input: { a: [1, 'é'] }, args: ['x'] });
  await call('failed', { input: { fail: 'no such Thing: 100%' } });
  await call('crashed', { input: { exit: true } });
  await call('slow', { input: { wait: 0.3 } });
  await s.replace(f, { code: `${CODE}\n# again\n` });
  await call('second', {});
});

const one = async (id) => {
  const { status, body } = await s.api(`/invocations/${id}`);
  assert.equal(status, 200);
  return body;
};
const query = (filter) => new URLSearchParams(filter).toString();
const names = async (filter, path = `/functions/${f.id}/invocations?`) => {
  const { status, body, text } = await s.api(`${path}${query(filter)}`);
  assert.equal(status, 200, text);
  assert.equal(body.next, null);
  const known = Object.entries(made);
  return body.items.map(({ id }) => known.find(([, made]) => made === id)?.[0] ?? id);
};

describe('one record', () => {
  test('of a call by execute has everything about it', async () => {
    const record = await one(made.good);
    const { metrics, created_at: created, output_hash: hash, logs, ...rest } = record;
    assert.deepEqual(rest, {
      id: made.good, function_id: f.id, function_name: f.name, version: 1, runtime: 'docker', start: record.start,
      source: 'execute', replay_of: null, status: 'ok', http_status: 200, method: null, path: null, error: null,
      memory_mb: 128, request_bytes: 0, response_bytes: record.response_bytes,
      input_recorded: true, input: { a: [1, 'é'] }, args: ['x'], request: null, logs_truncated: false,
    });
    assert.ok(['cold', 'prewarmed'].includes(record.start));
    assert.ok(Math.abs(Date.parse(created) - Date.now()) < 120_000, created);
    assert.match(hash, /^[0-9a-f]{64}$/);
    for (const figure of ['queue_ms', 'init_ms', 'run_ms', 'total_ms', 'cpu_ms', 'memory_peak_bytes']) {
      assert.ok(metrics[figure] >= 0, `${figure}: ${metrics[figure]}`);
    }
    assert.ok(metrics.total_ms + 0.01 >= metrics.init_ms + metrics.run_ms);
    assert.equal(logs.length, 4);
  });

  test('the level of a line is what JSON in it says, else that of its stream', async () => {
    const { logs } = await one(made.good);
    const seen = Object.fromEntries(logs.map(({ stream, level, text }) => [text, [stream, level]]));
    assert.deepEqual(seen, {
      plain: ['stdout', 'info'],
      '{"level": "WARNING", "message": "structured"}': ['stdout', 'warn'],
      'to stderr': ['stderr', 'error'],
      '{"severity": "debug"}': ['stderr', 'debug'],
    });
  });

  test('of a failure has its stack, and ends its log with it', async () => {
    const { status, error, logs } = await one(made.failed);
    assert.equal(status, 'error');
    assert.equal(error.type, 'ValueError');
    assert.equal(error.message, 'no such Thing: 100%');
    assert.match(error.stack, /line \d+, in handler/);
    const { stream, level, text } = logs.at(-1);
    assert.deepEqual([stream, level, text], ['system', 'error', 'ValueError: no such Thing: 100%']);
  });

  test('of a process that went has that in its log, too', async () => {
    const { status, logs } = await one(made.crashed);
    assert.equal(status, 'crash');
    const { stream, level, text } = logs.at(-1);
    assert.deepEqual([stream, level], ['system', 'error']);
    assert.match(text, /^Exit: the process (exited with status 3|ended) before it answered$/);
  });

  test('the log says the same while the call runs', async () => {
    const { text } = await s.api(`/functions/${f.id}/execute`, {
      method: 'POST', body: { input: { fail: 'late' } }, headers: { Accept: 'application/x-ndjson' },
    });
    const lines = text.trim().split('\n').map((line) => JSON.parse(line));
    const told = lines.filter(({ event }) => event === 'log').map(({ event, ...line }) => line);
    assert.deepEqual(told, lines.at(-1).logs);
    assert.equal(told.at(-1).stream, 'system');
    made.streamed = lines.at(-1).invocation_id;
  });

  test('of a call over HTTP has no input by default', async () => {
    const { headers } = await s.fn(`${f.route}?q=1`);
    const id = headers['x-request-id'];
    await s.record(f, id);
    made.http = id;
    const { source, method, path, input_recorded: recorded, input, request } = await one(id);
    assert.deepEqual({ source, method, path, recorded, input, request },
      { source: 'http', method: 'GET', path: `/fn/${f.route}`, recorded: false, input: null, request: null });
  });
});

describe('a list', () => {
  const ALL = ['http', 'streamed', 'second', 'slow', 'crashed', 'failed', 'good'];
  const cases = [
    [{}, ALL],
    [{ status: 'ok' }, ['http', 'second', 'slow', 'good']],
    [{ status: 'error,crash' }, ['streamed', 'crashed', 'failed']],
    [{ status: 'timeout,oom' }, []],
    [{ runtime: 'docker' }, ALL],
    [{ runtime: 'gvisor' }, []],
    [{ start: 'warm' }, []],
    [{ version: 1 }, ['slow', 'crashed', 'failed', 'good']],
    [{ version: 1, status: 'ok' }, ['slow', 'good']],
    [{ version: 3 }, []],
    [{ min_ms: 300, status: 'ok', version: 1 }, ['slow']],
    [{ q: 'SUCH thing' }, ['failed']],
    [{ q: 'valueerror' }, ['streamed', 'failed']],
    [{ q: '100%' }, ['failed']],
    [{ q: '1_0%' }, []],
    [{ q: '' }, ALL],
    [{ to: '2020-01-01T00:00:00Z' }, []],
    [{ from: '2020-01-01T00:00:00+01:00', to: '2100-01-01T00:00:00Z' }, ALL],
  ];
  for (const [filter, expected] of cases) {
    test(`of a function, filtered by ${query(filter) || 'nothing'}`, async () => {
      assert.deepEqual(await names(filter), expected);
      assert.deepEqual(await names({ function_id: f.id, ...filter }, '/invocations?'), expected);
    });
  }

  test('between two times: the first belongs to it, the second does not', async () => {
    const { created_at: first } = await one(made.failed);
    const { created_at: last } = await one(made.second);
    assert.deepEqual(await names({ from: first, to: last }), ['slow', 'crashed', 'failed']);
  });

  test('of all functions is newest first, in pages that neither repeat nor leave out', async () => {
    const seen = [];
    let cursor = {};
    do {
      const { body } = await s.api(`/invocations?${query({ limit: 2, status: 'error,crash', function_id: f.id, ...cursor })}`);
      seen.push(...body.items.map(({ id }) => id));
      cursor = body.next && { cursor: body.next };
    } while (cursor);
    assert.deepEqual(seen, [made.streamed, made.crashed, made.failed]);
    const { body } = await s.api('/invocations?limit=100');
    const ids = body.items.map(({ id }) => id);
    assert.deepEqual(ids, [...ids].sort().reverse());
  });

  test('an item has neither log nor input nor stack', async () => {
    const { body } = await s.api(`/invocations?${query({ function_id: f.id, q: 'no such thing' })}`);
    const [item] = body.items;
    assert.deepEqual(item.error, { type: 'ValueError', message: 'no such Thing: 100%' });
    for (const name of ['logs', 'input', 'args', 'request']) assert.ok(!(name in item), name);
  });

  const wrong = {
    function_id: ['x', ''],
    status: ['', 'fine', 'ok,', 'ok,fine', 'OK'],
    runtime: ['vm', 'docker,gvisor'],
    start: ['hot'],
    version: ['0', '-1', 'one', '1.5', '99999999999'],
    from: ['yesterday', '2026-01-01', '2026-02-30T00:00:00Z', ''],
    to: ['1700000000'],
    min_ms: ['-1', 'a', '1e3'],
    q: ['q'.repeat(201)],
    limit: ['0', '101', 'x'],
    cursor: ['nonsense', ''],
    colour: ['blue'],
  };
  for (const [field, values] of Object.entries(wrong)) {
    test(`refuses a wrong ${field}, and says so`, async () => {
      for (const value of values) {
        const { status, body } = await s.api(`/invocations?${query({ [field]: value })}`);
        assert.equal(status, 422, `${field}=${value}`);
        assert.deepEqual(body.errors.map((error) => error.field), [field]);
      }
    });
  }

  test('refuses an end before its beginning, and a filter given twice', async () => {
    const turned = await s.api(`/invocations?${query({ from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' })}`);
    assert.deepEqual(turned.body.errors.map(({ field }) => field), ['to']);
    const twice = await s.api('/invocations?status=ok&status=error');
    assert.deepEqual(twice.body.errors.map(({ field }) => field), ['status']);
  });
});

describe('who may not see them', () => {
  test('there is no list of a function that is not there, with or without a filter', async () => {
    const nobody = '01926f5c-7d3e-7a10-8000-0123456789ab';
    for (const path of [`/functions/${nobody}/invocations`, `/invocations?function_id=${nobody}&status=ok`,
      `/invocations/${nobody}`]) {
      assert.equal((await s.api(path)).status, 404, path);
      assert.equal((await s.api(path, { token: null })).status, 401, path);
    }
  });

  test('the records of a deleted function stay, filtered, too', async () => {
    const gone = await s.deploy({ language: 'python', code: 'def handler():\n    return 1\n' });
    const { invocation_id: id } = await s.execute(gone);
    await s.remove(gone);
    assert.equal((await one(id)).function_name, gone.name);
    for (const [filter, count] of [['', 1], ['?status=ok', 1], ['?status=oom', 0], ['?q=x', 0]]) {
      const { status, body } = await s.api(`/functions/${gone.id}/invocations${filter}`);
      assert.deepEqual([status, body.items?.length], [200, count], filter);
    }
  });
});

// A recorded call, run again.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { assertProblem } from '../lib/problem.mjs';
import { stack } from '../lib/stack.mjs';

const ECHO = 'def handler(event, context):\n    return {"event": event, "args": context.args}\n';
const SECOND = 'def handler(event):\n    return {"second": event}\n';
const KIB = 1024;

let s;
before(async () => { s = await stack(); });

const replayRaw = (id, body = {}, options = {}) => s.api(`/invocations/${id}/replay`, { method: 'POST', body, ...options });
const replay = async (id, body) => {
  const { status, body: result, text } = await replayRaw(id, body);
  assert.equal(status, 200, text);
  return result;
};
const python = (code, more = {}) => s.deploy({ language: 'python', code, ...more });
const recordOf = async (f, answer) => {
  const id = answer.headers['x-request-id'];
  await s.record(f, id);
  return (await s.api(`/invocations/${id}`)).body;
};

describe('a call by execute', () => {
  const inputs = [
    ['an object', { input: { a: [1, 2.50, 'é'], b: null }, args: ['x', ''] }],
    ['a text', { input: 'text' }],
    ['null', { input: null }],
    ['nothing', {}],
    ['arguments alone', { args: ['only'] }],
    ['64 KiB', { input: 'x'.repeat(64 * KIB - 2) }],
  ];
  for (const [name, order] of inputs) {
    test(`with ${name} gives the same again`, async () => {
      const f = await python(ECHO);
      const first = await s.execute(f, order);
      const again = await replay(first.invocation_id);
      assert.equal(again.status, 'ok');
      assert.deepEqual(again.output, first.output);
      assert.equal(again.same_output, true);
      assert.equal(again.replay_of, first.invocation_id);
      assert.equal(again.original.status, 'ok');
      assert.notEqual(again.invocation_id, first.invocation_id);
    });
  }

  test('leaves a record that names its original, and can be replayed itself', async () => {
    const f = await python(ECHO);
    const first = await s.execute(f, { input: 7 });
    const second = await replay(first.invocation_id);
    const { body: record } = await s.api(`/invocations/${second.invocation_id}`);
    assert.deepEqual([record.source, record.replay_of, record.input], ['replay', first.invocation_id, 7]);
    const third = await replay(second.invocation_id);
    assert.deepEqual([third.same_output, third.replay_of], [true, second.invocation_id]);
  });

  test('runs on the runtime and in the version that is asked for, else as the function is now', async () => {
    const f = await python(ECHO);
    const first = await s.execute(f, { input: 1, runtime: 'gvisor' });
    await s.replace(f, { code: SECOND });
    const now = await replay(first.invocation_id);
    assert.deepEqual([now.version, now.runtime, now.output, now.same_output], [2, 'docker', { second: 1 }, false]);
    assert.deepEqual([now.original.version, now.original.runtime], [1, 'gvisor']);
    const then = await replay(first.invocation_id, { version: 1, runtime: 'gvisor' });
    assert.deepEqual([then.version, then.runtime, then.same_output], [1, 'gvisor', true]);
  });

  test('of a script has its arguments and stdin', async () => {
    const f = await python('import sys\nprint(sys.argv[1:], sys.stdin.read())\n');
    for (const order of [{ args: ['a'], input: [1, { b: 2 }] }, { args: ['a'] }]) {
      const first = await s.execute(f, order);
      const again = await replay(first.invocation_id);
      assert.deepEqual([again.output, again.same_output], [first.output, true]);
    }
  });

  test('that failed: whether the failure is gone', async () => {
    const f = await python('def handler(event):\n    return 1 / event\n');
    const first = await s.execute(f, { input: 0 });
    assert.equal(first.error.type, 'ZeroDivisionError');
    const still = await replay(first.invocation_id);
    assert.deepEqual([still.status, still.error.type, still.same_output], ['error', 'ZeroDivisionError', null]);
    assert.equal(still.original.error.type, 'ZeroDivisionError');
    await s.replace(f, { code: 'def handler(event):\n    return 1\n' });
    const mended = await replay(first.invocation_id);
    assert.deepEqual([mended.status, mended.output, mended.same_output, mended.original.status], ['ok', 1, false, 'error']);
  });

  test('whose output differs each time', async () => {
    const f = await python('import uuid\ndef handler():\n    return str(uuid.uuid4())\n');
    const first = await s.execute(f);
    assert.equal((await replay(first.invocation_id)).same_output, false);
  });
});

describe('a call over HTTP', () => {
  const SEEN = `
def handler(event, context):
    r = context.request
    return [event, r["method"], r["path"], r["params"], r["query"], r["headers"].get("x-mark"), r["body"].decode("latin-1")]
`;
  const requests = [
    ['a query', '?a=1&a=2&b=%20', {}],
    ['JSON', '', { method: 'POST', body: { a: [1] } }],
    ['text', '', { method: 'POST', body: 'plain é', headers: { 'Content-Type': 'text/plain' } }],
    ['bytes', '', { method: 'PUT', body: Buffer.from([0, 1, 255, 10]), headers: { 'Content-Type': 'application/octet-stream' } }],
  ];
  for (const [name, tail, options] of requests) {
    test(`with ${name} gives the same again, the request around it included`, async () => {
      const code = SEEN.replace('[event,', '[event if not isinstance(event, bytes) else list(event),');
      const f = await python(code, { record_input: true });
      const headers = { 'X-Mark': 'seen', ...options.headers };
      const answer = await s.fn(`${f.route}${tail}`, { ...options, headers });
      assert.equal(answer.status, 200, answer.text);
      const { id, request } = await recordOf(f, answer);
      assert.equal(request.method, options.method ?? 'GET');
      const again = await replay(id);
      assert.deepEqual([again.output, again.same_output], [answer.body, true], JSON.stringify(again.error));
    });
  }

  test('in event mode http gives the same event again', async () => {
    const code = 'def handler(event):\n    return {"statusCode": 201, "body": event["rawQueryString"] + event["body"]}\n';
    const f = await python(code, { record_input: true, event: 'http' });
    const answer = await s.fn(`${f.route}?q=1`, { method: 'POST', body: 'body' });
    assert.deepEqual([answer.status, answer.text], [201, 'q=1body']);
    const again = await replay((await recordOf(f, answer)).id);
    assert.deepEqual([again.http_status, again.output, again.same_output], [201, 'q=1body', true]);
  });

  test('that was streamed can be compared, too', async () => {
    const f = await python('def handler(event):\n    yield "a"\n    yield event["b"]\n', { record_input: true });
    const answer = await s.fn(`${f.route}?b=c`);
    assert.equal(answer.text, 'ac');
    assert.equal((await replay((await recordOf(f, answer)).id)).same_output, true);
  });
});

describe('what is refused', () => {
  const notKept = async (id) => assertProblem(await replayRaw(id), 409, 'input_not_kept');

  test('a call whose input was not kept', async () => {
    const usual = await python(ECHO);
    await notKept((await recordOf(usual, await s.fn(usual.route))).id);
    const never = await python(ECHO, { record_input: false });
    await notKept((await s.execute(never, { input: 1 })).invocation_id);
    await notKept((await s.execute(usual, { input: 'x'.repeat(64 * KIB) })).invocation_id);
  });

  test('a function that is gone', async () => {
    const f = await python(ECHO);
    const { invocation_id: id } = await s.execute(f);
    await s.remove(f);
    assertProblem(await replayRaw(id), 409, 'function_gone');
    assertProblem(await replayRaw(id, { version: 1 }), 409, 'function_gone');
  });

  test('a version, a record, a login that is not there, and unknown fields', async () => {
    const f = await python(ECHO);
    const { invocation_id: id } = await s.execute(f);
    assertProblem(await replayRaw(id, { version: 9 }), 404, 'not_found');
    assertProblem(await replayRaw('01926f5c-7d3e-7a10-8000-0123456789ab'), 404, 'not_found');
    assertProblem(await replayRaw(id, {}, { token: null }), 401);
    for (const body of [{ runtime: 'vm' }, { version: 0 }, { input: 1 }, { args: [] }]) {
      const { errors } = assertProblem(await replayRaw(id, body), 422, 'invalid');
      assert.deepEqual(errors.map(({ field }) => field), Object.keys(body));
    }
    const { headers, status } = await s.api(`/invocations/${id}/replay`);
    assert.deepEqual([status, headers.allow], [405, 'POST']);
  });
});

// Versions: every change of code or settings keeps one, to read, to run and to go back to.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { assertProblem } from '../lib/problem.mjs';
import { stack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const NO_ID = '0193a000-0000-7000-8000-000000000000';

let s;
before(async () => { s = await stack(); });

const says = (text) => `def handler(event):\n    return "${text}"\n`;
const unique = () => `v-${randomBytes(6).toString('hex')}`;

const patch = ({ id }, body, headers) => s.api(`/functions/${id}`, { method: 'PATCH', body, headers });
const rollback = ({ id }, body, headers) => s.api(`/functions/${id}/rollback`, { method: 'POST', body, headers });

async function versions({ id }, query = '') {
  const { status, body, text } = await s.api(`/functions/${id}/versions${query}`);
  assert.equal(status, 200, text);
  return body;
}

describe('list and read', () => {
  test('a change of code or settings makes a version, a change of the status none', async () => {
    const f = await s.deploy({ language: 'python', code: says('one'), note: 'the first' });
    await patch(f, { code: `# more\n${says('two')}`, note: 'says two' });
    await patch(f, { status: 'disabled' });
    await patch(f, { status: 'active' });
    await patch(f, { timeout_ms: 1234, memory_mb: 64 });
    const { items, next } = await versions(f);
    assert.equal(next, null);
    assert.deepEqual(items.map(({ created_at: at, ...item }) => ({ ...item, created_at: !Number.isNaN(Date.parse(at)) })), [
      { version: 3, author: 'admin', note: '', changed: ['timeout_ms', 'memory_mb', 'note'], lines_added: 0, lines_removed: 0 },
      { version: 2, author: 'admin', note: 'says two', changed: ['code', 'note'], lines_added: 2, lines_removed: 1 },
      { version: 1, author: 'admin', note: 'the first', changed: [], lines_added: 2, lines_removed: 0 },
    ].map((item) => ({ ...item, code_bytes: items[3 - item.version].code_bytes, created_at: true })));
    assert.deepEqual(items.map(({ code_bytes: bytes }) => bytes), [2, 2, 1].map((n) =>
      Buffer.byteLength(n === 1 ? says('one') : `# more\n${says('two')}`)));
    assert.equal((await s.api(`/functions/${f.id}`)).body.revision, 5);
  });

  test('a version has every setting and the code as they were', async () => {
    const f = await s.deploy({
      language: 'python', code: says('é'), cpus: 0.5, methods: ['GET'], input_example: { a: [1.50, null] }, description: 'old',
      record_input: false, access: 'private',
    });
    await s.replace(f, { code: says('new') });
    const { status, body } = await s.api(`/functions/${f.id}/versions/1`);
    assert.equal(status, 200);
    const { author, changed, lines_added: added, lines_removed: removed, code_bytes: bytes, created_at: at, ...settings } = body;
    const { id, url, revision, status: state, owner, created_at: made, updated_at: updated, ...wanted } = f;
    assert.deepEqual(settings, wanted);
    assert.deepEqual([author, changed, added, removed, bytes], ['admin', [], 2, 0, Buffer.byteLength(says('é'))]);
    assert.equal(at, made);
  });

  test('pages are newest first, each version once, and stay so while versions are added', async () => {
    const f = await s.deploy({ language: 'python', code: says('x') });
    for (let i = 0; i < 6; i++) await patch(f, { note: `${i}` });
    const seen = [];
    let cursor = '';
    do {
      const page = await versions(f, `?limit=3${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      seen.push(...page.items.map(({ version }) => version));
      cursor = page.next;
      await patch(f, { note: 'meanwhile' });
    } while (cursor);
    assert.deepEqual(seen, [7, 6, 5, 4, 3, 2, 1]);
  });

  test('what is not there, or asked for wrongly, is refused', async () => {
    const f = await s.deploy({ language: 'python', code: says('x') });
    const other = await s.deploy({ language: 'python', code: says('x') });
    await patch(other, { note: 'second' });
    const { next } = await versions(other, '?limit=1');
    for (const n of ['2', '0', '-1', 'x', '1.0', '01x', '99999999999999999999']) {
      assertProblem(await s.api(`/functions/${f.id}/versions/${n}`), 404);
    }
    assertProblem(await s.api(`/functions/${NO_ID}/versions`), 404);
    assertProblem(await s.api(`/functions/${NO_ID}/versions/1`), 404);
    for (const query of ['limit=0', 'limit=101', 'cursor=x', `cursor=${encodeURIComponent(next)}`, 'sort=version']) {
      assertProblem(await s.api(`/functions/${f.id}/versions?${query}`), 422, 'invalid');
    }
    assertProblem(await s.api(`/functions/${f.id}/versions`, { method: 'POST', body: {} }), 405);
  });
});

describe('rollback', () => {
  test('settings, code, name and route of a version are back as a new version, on the very next request', async () => {
    const f = await s.deploy({ language: 'python', code: says('one'), timeout_ms: 5000, description: 'first' });
    const route = unique();
    await patch(f, { code: says('two'), route, timeout_ms: 4000, description: '' });
    assert.equal((await s.fn(route)).text, 'two');
    const { status, body, headers } = await rollback(f, { version: 1 });
    assert.equal(status, 200);
    const { updated_at: updated, ...is } = body;
    const { updated_at: before, ...was } = f;
    assert.deepEqual(is, { ...was, version: 3, revision: 3, note: 'Rollback to version 1' });
    assert.ok(updated > before);
    assert.equal(headers.etag, '"3"');
    assert.equal((await s.fn(f.route)).text, 'one');
    assertProblem(await s.fn(route), 404, 'no_route');
    const [newest] = (await versions(f, '?limit=1')).items;
    assert.deepEqual(newest.changed, ['route', 'timeout_ms', 'description', 'code', 'note']);
  });

  test('again and again, each answer is that of the version last gone back to', async () => {
    const f = await s.deploy({ language: 'python', code: says('1') });
    await patch(f, { code: says('2') });
    for (let i = 0; i < 10; i++) {
      const version = 1 + (i % 2);
      assert.equal((await rollback(f, { version, note: `to ${version}` })).body.note, `to ${version}`);
      assert.equal((await s.fn(f.route)).text, `${version}`);
    }
  });

  test('a disabled function stays so', async () => {
    const f = await s.deploy({ language: 'python', code: says('1') });
    await patch(f, { code: says('2'), status: 'disabled' });
    assert.equal((await rollback(f, { version: 1 })).body.status, 'disabled');
    assertProblem(await s.fn(f.route), 503, 'disabled');
  });

  test('If-Match refuses a lost update', async () => {
    const f = await s.deploy({ language: 'python', code: says('1') });
    await patch(f, { code: says('2') });
    assertProblem(await rollback(f, { version: 1 }, { 'If-Match': '"1"' }), 412, 'stale');
    assert.equal((await rollback(f, { version: 1 }, { 'If-Match': '"2"' })).status, 200);
  });

  test('a name or route that another has by now is a conflict, and changes nothing', async () => {
    const f = await s.deploy({ language: 'python', code: says('1') });
    const moved = { name: unique(), route: unique() };
    await patch(f, moved);
    const squatter = await s.deploy({ language: 'python', code: says('x'), route: f.route });
    assertProblem(await rollback(f, { version: 1 }), 409, 'route_taken');
    await patch(squatter, { route: unique(), name: f.name });
    assertProblem(await rollback(f, { version: 1 }), 409, 'name_taken');
    const { body } = await s.api(`/functions/${f.id}`);
    assert.deepEqual([body.version, body.name, body.route], [2, moved.name, moved.route]);
  });

  test('what is not there, or asked for wrongly, is refused', async () => {
    const f = await s.deploy({ language: 'python', code: says('x') });
    assertProblem(await rollback(f, { version: 2 }), 404);
    assertProblem(await rollback({ id: NO_ID }, { version: 1 }), 404);
    for (const [field, body] of [['version', {}], ['version', { version: '1' }], ['version', { version: 0 }],
      ['version', { version: 1.5 }], ['note', { version: 1, note: 5 }], ['code', { version: 1, code: 'x' }]]) {
      const { errors } = assertProblem(await rollback(f, body), 422, 'invalid');
      assert.deepEqual(errors.map((error) => error.field), [field], JSON.stringify(body));
    }
    assertProblem(await rollback(f, undefined), 400, 'invalid_json');
    assert.equal((await s.api(`/functions/${f.id}`)).body.revision, 1);
  });
});

describe('execute a version', () => {
  test('it runs with its own code and settings, and does not become the live one', async () => {
    const f = await s.deploy({ language: 'python', code: 'def a(event, context):\n    return ["a", context.memory_limit_in_mb]\n', handler: 'a', memory_mb: 64 });
    await patch(f, { code: 'def b(event, context):\n    return ["b", context.memory_limit_in_mb]\n', handler: 'b', memory_mb: 96 });
    const old = await s.execute(f, { version: 1 });
    assert.deepEqual([old.status, old.output, old.version], ['ok', ['a', 64], 1]);
    const live = await s.execute(f);
    assert.deepEqual([live.output, live.version], [['b', 96], 2]);
    assert.deepEqual((await s.fn(f.route)).body, ['b', 96]);
    assert.equal((await s.api(`/functions/${f.id}`)).body.version, 2);
  });

  test('its deadline is its own', async () => {
    const f = await s.deploy({ language: 'python', code: 'def handler():\n    while True: pass\n', timeout_ms: 200 });
    await patch(f, { code: says('quick'), timeout_ms: 60_000 });
    assert.equal((await s.execute(f, { version: 1 })).status, 'timeout');
  });

  test('a version that is not there is not run', async () => {
    const f = await s.deploy({ language: 'python', code: says('x') });
    assertProblem(await s.api(`/functions/${f.id}/execute`, { method: 'POST', body: { version: 2 } }), 404);
  });

  // Cells that wait with a function's code loaded are those of the live revision.
  for (const runtime of ['docker', 'gvisor']) {
    test(`with kept cells it gets one of its own, on ${runtime}`, async () => {
      const counting = (text) => `n = 0\ndef handler(event):\n    global n\n    n += 1\n    return ["${text}", n]\n`;
      const f = await s.deploy({ language: 'python', code: counting('old'), isolation: 'function', runtime, memory_mb: 128 });
      await s.execute(f);
      await patch(f, { code: counting('new') });
      assert.deepEqual((await s.execute(f)).output, ['new', 1]);
      for (let i = 0; i < 2; i++) {
        const { output, start } = await s.execute(f, { version: 1 });
        assert.deepEqual(output, ['old', 1]);
        assert.notEqual(start, 'warm');
        assert.equal((await s.execute(f)).output[0], 'new');
        // The live version by its number is not the live one by its cells either: it was asked for on purpose.
        assert.deepEqual((await s.execute(f, { version: 2 })).output, ['new', 1]);
      }
    });
  }
});

describe('writers at the same time', () => {
  test('of those with the same If-Match one wins, and nothing of it is lost', async () => {
    const f = await s.deploy({ language: 'python', code: says('0') });
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) =>
      i % 2 ? patch(f, { description: `${i}` }, { 'If-Match': '"1"' }) : rollback(f, { version: 1, note: `${i}` }, { 'If-Match': '"1"' })));
    const won = answers.filter(({ status }) => status === 200);
    assert.equal(won.length, 1);
    for (const answer of answers) if (answer !== won[0]) assertProblem(answer, 412, 'stale');
    const { body } = await s.api(`/functions/${f.id}`);
    assert.deepEqual(body, won[0].body);
    assert.deepEqual((await versions(f)).items.map(({ version }) => version), [2, 1]);
  });

  test('without If-Match all merge, one version each', async () => {
    const f = await s.deploy({ language: 'python', code: says('0') });
    const changes = [{ description: 'd' }, { timeout_ms: 1111 }, { memory_mb: 99 }, { cpus: 0.25 }, { disk_mb: 33 },
      { max_concurrency: 7 }, { access: 'private' }, { event: 'http' }];
    for (const { status, text } of await Promise.all(changes.map((change) => patch(f, change)))) assert.equal(status, 200, text);
    const { body } = await s.api(`/functions/${f.id}`);
    assert.deepEqual(body, { ...body, ...Object.assign({}, ...changes), version: 9, revision: 9 });
    assert.equal((await versions(f)).items.length, 9);
  });
});

test('deleting ends the cells that waited, and the history stays for its owner', async () => {
  const code = 'import os\ndef handler():\n    return os.getuid()\n';
  const f = await s.deploy({ language: 'python', code, isolation: 'function' });
  const { output: uid, invocation_id: invocation } = await s.execute(f);
  await s.record(f, invocation);
  assert.ok(s.cellOfUid(uid).length, 'a cell waits');
  await s.remove(f);
  await until(() => s.cellOfUid(uid).length === 0, 'the end of the cell');
  const { status, body } = await s.api(`/invocations/${invocation}`);
  assert.equal(status, 200);
  assert.equal(body.function_name, f.name);
  for (const path of [`/invocations?function_id=${f.id}`, `/functions/${f.id}/invocations`]) {
    assert.deepEqual((await s.api(path)).body.items.map(({ id }) => id), [invocation], path);
  }
  assertProblem(await s.api(`/functions/${f.id}/versions`), 404);
});

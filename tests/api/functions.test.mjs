// Functions through the API: create, read, list, replace, change, delete, and every refusal.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { assertProblem } from '../lib/problem.mjs';
import { stack } from '../lib/stack.mjs';

const PYTHON = 'def handler(event):\n    return "made"\n';
const MIB = 1024 * 1024;
const NO_ID = '0193a000-0000-7000-8000-000000000000';
const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

let s;
before(async () => { s = await stack(); });

const unique = () => `f-${randomBytes(6).toString('hex')}`;
const fresh = (fields) => {
  const name = unique();
  return { name, route: name, language: 'python', code: PYTHON, ...fields };
};

async function count() {
  let total = 0;
  let cursor = '';
  do {
    const { body } = await s.api(`/functions?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    total += body.items.length;
    cursor = body.next;
  } while (cursor);
  return total;
}

describe('create, read, change, delete', () => {
  test('a new function has every field, its defaults, and answers at its url', async () => {
    const wanted = fresh({ description: 'Says "made".', input_example: { a: [1, null] } });
    const { status, headers, body } = await s.api('/functions', { method: 'POST', body: wanted });
    assert.equal(status, 201);
    assert.match(body.id, UUID7);
    assert.equal(headers.etag, `"${body.revision}"`);
    assert.match(body.created_at, RFC3339);
    assert.match(body.updated_at, RFC3339);
    const { id, url, created_at: created, updated_at: updated, methods, ...rest } = body;
    assert.deepEqual({ ...rest, methods: undefined }, {
      ...wanted, runtime: 'docker', isolation: 'request', access: 'public', event: 'input', handler: null,
      timeout_ms: 3000, memory_mb: 128, cpus: 1, disk_mb: 16, max_concurrency: 10, record_input: rest.record_input,
      note: rest.note, version: 1, revision: 1, status: 'active', owner: 'admin', methods: undefined,
    });
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) assert.ok(methods.includes(method), method);
    assert.equal(url, `${s.url}/fn/${wanted.route}`);
    assert.equal(created, updated);

    const read = await s.api(`/functions/${id}`);
    assert.equal(read.status, 200);
    assert.deepEqual(read.body, body);
    assert.equal((await s.fn(wanted.route)).text, 'made');
  });

  test('PUT replaces: what is left out gets its default; version and revision grow', async () => {
    const made = await s.deploy({ language: 'python', code: PYTHON, timeout_ms: 5000, description: 'old' });
    const { status, body, headers } = await s.api(`/functions/${made.id}`, {
      method: 'PUT', body: { name: made.name, route: made.route, language: 'python', code: `${PYTHON}# new\n` },
    });
    assert.equal(status, 200);
    assert.equal(body.timeout_ms, 3000);
    assert.notEqual(body.description, 'old');
    assert.equal(body.version, 2);
    assert.equal(body.revision, 2);
    assert.equal(headers.etag, '"2"');
    assert.equal(body.created_at, made.created_at);
    assert.ok(body.code.endsWith('# new\n'));
  });

  test('PATCH merges; switching off is a revision but no version', async () => {
    const made = await s.deploy({ language: 'python', code: PYTHON, timeout_ms: 5000 });
    const path = `/functions/${made.id}`;
    const patched = await s.api(path, { method: 'PATCH', body: { description: 'new' } });
    assert.equal(patched.status, 200, patched.text);
    assert.equal(patched.body.timeout_ms, 5000);
    assert.equal(patched.body.description, 'new');
    assert.equal(patched.body.version, 2);

    const off = await s.api(path, { method: 'PATCH', body: { status: 'disabled' } });
    assert.equal(off.body.version, 2);
    assert.equal(off.body.revision, 3);
    assertProblem(await s.fn(made.route), 503, 'disabled');
    await s.api(path, { method: 'PATCH', body: { status: 'active' } });
    assert.equal((await s.fn(made.route)).status, 200);
  });

  test('a long answer is compressed for who takes it, and its ETag still guards a write', async () => {
    const made = await s.deploy({ language: 'python', code: `${PYTHON}\n# ${'x'.repeat(20_000)}\n` });
    const answer = await s.api(`/functions/${made.id}`, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(answer.headers['content-encoding'], 'gzip');
    assert.ok(answer.bytes.length < 4_000, `${answer.bytes.length} bytes`);
    assert.equal(answer.body.id, made.id);
    assert.equal(answer.headers.etag, 'W/"1"');
    const patch = { method: 'PATCH', headers: { 'If-Match': answer.headers.etag }, body: { description: 'mine' } };
    assert.equal((await s.api(`/functions/${made.id}`, patch)).status, 200);
    assertProblem(await s.api(`/functions/${made.id}`, patch), 412, 'stale');
    assertProblem(await s.api(`/functions/${made.id}`, { ...patch, headers: { 'If-Match': 'W/2' } }), 412, 'stale');
    assert.equal((await s.api(`/functions/${made.id}`)).headers['content-encoding'], undefined);
  });

  test('If-Match refuses a lost update', async () => {
    const made = await s.deploy({ language: 'python', code: PYTHON });
    const path = `/functions/${made.id}`;
    const put = (match) => s.api(path, {
      method: 'PUT', headers: { 'If-Match': match },
      body: { name: made.name, route: made.route, language: 'python', code: PYTHON },
    });
    assert.equal((await put('"1"')).status, 200);
    assertProblem(await put('"1"'), 412, 'stale');
    assertProblem(await s.api(path, { method: 'DELETE', headers: { 'If-Match': '"1"' } }), 412, 'stale');
    assert.equal((await s.api(path)).body.revision, 2);
    assert.equal((await put('*')).status, 200);
  });

  test('a change is live on the very next request', async () => {
    const made = await s.deploy({ language: 'javascript', code: 'exports.handler = () => "v0";' });
    for (let i = 1; i <= 15; i++) {
      await s.replace(made, { code: `exports.handler = () => "v${i}";` });
      assert.equal((await s.fn(made.route)).text, `v${i}`);
    }
  });

  test('a moved route answers at its new place at once, and no longer at the old one', async () => {
    const made = await s.deploy({ language: 'python', code: PYTHON });
    assert.equal((await s.fn(made.route)).status, 200);
    const route = unique();
    await s.replace({ ...made, route }, { code: PYTHON });
    assert.equal((await s.fn(route)).status, 200);
    assertProblem(await s.fn(made.route), 404, 'no_route');
  });

  test('a route that fits better is called at once, and no longer when it is moved or deleted', async () => {
    const root = unique();
    const says = (text) => ({ language: 'javascript', isolation: 'function', code: `exports.handler = () => '${text}';` });
    const said = async () => (await s.fn(`${root}/x`)).text;
    await s.deploy({ ...says('wide'), route: `${root}/*` });
    for (let i = 0; i < 5; i++) {
      // Several calls, so that each worker process has seen the route before.
      for (let calls = 0; calls < 4; calls++) assert.equal(await said(), 'wide');
      const made = await s.deploy({ ...says('narrow'), route: `${root}/x` });
      assert.equal(await said(), 'narrow');
      const moved = await s.replace({ ...made, route: `${root}/y` }, says('narrow'));
      assert.equal(await said(), 'wide');
      await s.replace({ ...moved, route: `${root}/x` }, says('narrow'));
      assert.equal(await said(), 'narrow');
      await s.remove(made);
      assert.equal(await said(), 'wide');
    }
  });

  test('a deleted function is gone at once', async () => {
    const made = await s.deploy({ language: 'python', code: PYTHON });
    assert.equal((await s.fn(made.route)).status, 200);
    await s.remove(made);
    assertProblem(await s.fn(made.route), 404, 'no_route');
    assertProblem(await s.api(`/functions/${made.id}`), 404);
    assertProblem(await s.api(`/functions/${made.id}/execute`, { method: 'POST', body: {} }), 404);
    // Name and route are free again.
    await s.deploy({ name: made.name, route: made.route, language: 'python', code: PYTHON });
  });

  test('lists give pages without code, each function once', async () => {
    const wanted = await count();
    const seen = [];
    let cursor = '';
    do {
      const { status, body } = await s.api(`/functions?limit=7${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      assert.equal(status, 200);
      assert.ok(body.items.length <= 7);
      for (const item of body.items) {
        assert.equal('code' in item, false);
        seen.push(item.id);
      }
      cursor = body.next;
    } while (cursor);
    assert.ok(wanted > 14, 'more than two pages');
    assert.equal(seen.length, wanted);
    assert.equal(new Set(seen).size, wanted);
  });

  test('search, filters and sorts, with pages that stay true while others write', async () => {
    const tag = `Tag ${randomBytes(6).toString('hex')}`;
    const made = {};
    for (const [key, fields] of Object.entries({
      a: { description: `Begins. ${tag}` }, b: { description: tag, language: 'javascript', code: 'exports.handler = () => 1;' },
      c: { description: tag, runtime: 'gvisor' }, d: { description: tag, status: 'disabled' }, e: { description: `${tag} ends` },
    })) made[key] = await s.deploy({ language: 'python', code: PYTHON, ...fields, name: `${key}-${unique()}` });
    const ask = async (query, each = async () => {}) => {
      let found = '';
      let cursor = '';
      do {
        const { status, body, text } = await s.api(`/functions?q=${encodeURIComponent(tag.toUpperCase())}&limit=2&${query}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
        assert.equal(status, 200, text);
        found += body.items.map(({ name }) => name[0]).join('');
        cursor = body.next;
        await each();
      } while (cursor);
      return found;
    };
    assert.equal(await ask(''), 'edcba');
    assert.equal(await ask('sort=created_at'), 'abcde');
    assert.equal(await ask('sort=name'), 'abcde');
    assert.equal(await ask('sort=-name'), 'edcba');
    assert.equal(await ask('language=javascript'), 'b');
    assert.equal(await ask('runtime=gvisor'), 'c');
    assert.equal(await ask('status=disabled&sort=name'), 'd');
    assert.equal(await ask('status=active&runtime=docker&language=python&sort=-name'), 'ea');
    // New ones before the cursor and gone ones behind it move nothing; each that stays is listed once.
    const others = [];
    assert.equal(await ask('sort=-created_at', async () => { others.push(await s.deploy({ language: 'python', code: PYTHON, description: tag, name: `z-${unique()}` })); }), 'edcba');
    for (const other of others) await s.remove(other);
    assert.equal(await ask('sort=name', async () => { if (made.d) await s.remove(made.d); delete made.d; }), 'abce');
    await s.api(`/functions/${made.a.id}`, { method: 'PATCH', body: { description: 'another' } });
    assert.equal(await ask('sort=updated_at'), 'bce');
    assertProblem(await s.api('/functions?sort=code'), 422, 'invalid');
    assertProblem(await s.api('/functions?language=ruby'), 422, 'invalid');
  });

  test('the limits of a page and a cursor of no list are refused', async () => {
    for (const limit of ['0', '-1', '101', 'ten', '1.5', '']) {
      const problem = assertProblem(await s.api(`/functions?limit=${limit}`), 422, 'invalid');
      assert.equal(problem.errors[0].field, 'limit', limit);
    }
    assertProblem(await s.api('/functions?cursor=nonsense'), 422, 'invalid');
  });

  test('invocations are listed newest first, in pages', async () => {
    const made = await s.deploy({ language: 'python', code: PYTHON });
    const ids = [];
    for (let i = 0; i < 5; i++) ids.unshift((await s.execute(made)).invocation_id);
    await s.record(made, ids[0]);
    const first = await s.api(`/functions/${made.id}/invocations?limit=3`);
    const second = await s.api(`/functions/${made.id}/invocations?limit=3&cursor=${encodeURIComponent(first.body.next)}`);
    assert.deepEqual([...first.body.items, ...second.body.items].map(({ id }) => id), ids);
    assert.ok(!second.body.next);
  });
});

describe('refusals', () => {
  let taken;
  let stored;
  before(async () => {
    taken = await s.deploy({ language: 'python', code: PYTHON, route: `${unique()}/{id}/x` });
    stored = await count();
  });
  after(async () => assert.equal(await count(), stored, 'nothing that was refused is stored'));

  const create = (body, headers) => s.api('/functions', { method: 'POST', body, headers });

  test('409: a name or route that is taken', async () => {
    assertProblem(await create(fresh({ name: taken.name })), 409, 'name_taken');
    assertProblem(await create(fresh({ route: taken.route })), 409, 'route_taken');
    // The name of a parameter does not make another route, nor does a leading slash.
    assertProblem(await create(fresh({ route: taken.route.replace('{id}', '{other}') })), 409, 'route_taken');
    assertProblem(await create(fresh({ route: `/${taken.route}` })), 409, 'route_taken');
  });

  test('404: an id that is not there, or none at all', async () => {
    for (const id of [NO_ID, 'nonsense', `${NO_ID}0`]) {
      const path = `/functions/${id}`;
      assertProblem(await s.api(path), 404);
      assertProblem(await s.api(path, { method: 'PUT', body: fresh() }), 404);
      assertProblem(await s.api(path, { method: 'DELETE' }), 404);
      assertProblem(await s.api(`${path}/execute`, { method: 'POST', body: {} }), 404);
      assertProblem(await s.api(`${path}/invocations`), 404);
    }
    assertProblem(await s.api('/nothing'), 404);
    assertProblem(await s.api('/functions/'), 404);
  });

  test('405 names the methods there are', async () => {
    const answer = await s.api('/functions', { method: 'DELETE' });
    assertProblem(answer, 405);
    assert.deepEqual(answer.headers.allow.split(/, */).filter((name) => name !== 'HEAD').sort(), ['GET', 'POST']);
  });

  test('401: no token, a wrong one, another scheme', async () => {
    const calls = [['GET', '/functions'], ['POST', '/functions', fresh()], ['GET', `/functions/${taken.id}`],
      ['PUT', `/functions/${taken.id}`, fresh()], ['DELETE', `/functions/${taken.id}`],
      ['POST', `/functions/${taken.id}/execute`, {}], ['GET', `/functions/${taken.id}/invocations`]];
    for (const [method, path, body] of calls) {
      const answer = await s.api(path, { method, body, token: null });
      assertProblem(answer, 401);
      assert.match(answer.headers['www-authenticate'], /^Bearer\b/);
    }
    const wrong = [`Bearer cl_${'A'.repeat(43)}`, 'Bearer', 'Bearer ', `Basic ${s.token}`, `bearer${s.token}`, s.token,
      `Bearer ${s.token}x`, `Bearer ${s.token.slice(0, -1)}`, `Bearer ${s.token.toUpperCase()}`];
    for (const value of wrong) {
      assertProblem(await s.api('/functions', { token: null, headers: { Authorization: value } }), 401);
    }
  });

  test('400: broken JSON', async () => {
    const nested = `${'['.repeat(5000)}${']'.repeat(5000)}`;
    const good = JSON.stringify(fresh());
    for (const body of ['', '{', '{"name": ', `${good} x`, `${good}${good}`, '{"name": NaN}', '{name: "a"}', "{'name': 'a'}",
      '{"name": "a",}', '{"name": "\u0001"}', `{"input_example": ${nested}}`]) {
      assertProblem(await create(body, { 'Content-Type': 'application/json' }), 400, 'invalid_json');
    }
  });

  test('a body that is no object, and one that is no JSON by its type', async () => {
    for (const body of ['[]', 'null', '"text"', '5']) {
      const { status } = await create(body, { 'Content-Type': 'application/json' });
      assert.ok(status === 400 || status === 422, `${body}: ${status}`);
    }
    assertProblem(await create('<function/>', { 'Content-Type': 'text/xml' }), 415);
  });

  const invalid = {
    name: [undefined, '', '-a', 'a b', 'ä', 'a'.repeat(65), 5, null],
    route: [undefined, '', '/', 'a//b', 'a b', 'ä', 'a?b', 'a/*/b', '*', 'a/{', 'a/{x', 'a/{}', 'a/x{y}', 'a/b/c/d/e/f/g/h/i',
      '//a', 'a/%20'],
    language: [undefined, 'ruby', '', 'Python', null, 1],
    runtime: ['vm', ''],
    isolation: ['none'],
    access: ['secret'],
    event: ['cloud'],
    methods: [['BREW'], 'GET', [1]],
    timeout_ms: [0, -1, 900001, 1.5, '3000', 1e30, true],
    memory_mb: [31, 1025, 0, '128', 64.5],
    cpus: [0, 0.04, 2.5, -1, '1'],
    disk_mb: [0, 257],
    max_concurrency: [0, -1],
    record_input: ['perhaps'],
    status: ['gone'],
    code: [undefined, '#'.repeat(MIB + 1), 'a = "\0"', 5, null],
    colour: ['blue'],
  };
  for (const [field, values] of Object.entries(invalid)) {
    test(`422 names ${field}`, async () => {
      for (const value of values) {
        const shown = JSON.stringify(value)?.slice(0, 40);
        const answer = await create(fresh({ [field]: value }));
        assert.equal(answer.status, 422, `${field} = ${shown}: ${answer.text}`);
        const { errors } = assertProblem(answer, 422, 'invalid');
        assert.deepEqual(errors.map((error) => error.field), [field], shown);
        assert.ok(errors[0].message.length > 3, shown);
      }
    });
  }

  test('422 names all fields that are wrong', async () => {
    const { errors } = assertProblem(await create(fresh({ language: 'ruby', timeout_ms: 0, route: '' })), 422, 'invalid');
    assert.deepEqual(errors.map(({ field }) => field).sort(), ['language', 'route', 'timeout_ms']);
  });

  test('422 names code that is not UTF-8, as raw bytes and as half of a surrogate pair', async () => {
    const type = { 'Content-Type': 'application/json' };
    const text = JSON.stringify(fresh({ code: '@' }));
    const [head, tail] = text.split('@');
    for (const bytes of [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
      const body = Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)]);
      const { errors } = assertProblem(await create(body, type), 422, 'invalid');
      assert.equal(errors[0].field, 'code', bytes.join());
    }
    const { errors } = assertProblem(await create(`${head}\\ud800${tail}`, type), 422, 'invalid');
    assert.equal(errors[0].field, 'code');
  });

  test('400 names a key that comes twice', async () => {
    const body = JSON.stringify(fresh()).replace('{', '{"language": "javascript", ');
    const { detail } = assertProblem(await create(body, { 'Content-Type': 'application/json' }), 400, 'invalid_json');
    assert.match(detail, /"language"/);
  });

  test('code of exactly 1 MiB is taken, and PUT refuses as POST does and changes nothing', async () => {
    const big = `${PYTHON}#`.padEnd(MIB, '#');
    const made = await s.deploy({ language: 'python', code: big });
    assert.equal((await s.api(`/functions/${made.id}`)).body.code.length, MIB);
    assert.equal((await s.fn(made.route)).text, 'made');
    const refused = await s.api(`/functions/${made.id}`, { method: 'PUT', body: { ...fresh(), language: 'ruby' } });
    assertProblem(refused, 422, 'invalid');
    assert.equal((await s.api(`/functions/${made.id}`)).body.revision, 1);
    await s.remove(made);
  });

  test('413: a body no function could need', async () => {
    const answer = await create(Buffer.alloc(9 * MIB, 0x20), { 'Content-Type': 'application/json' });
    assert.equal(answer.status, 413);
    assert.equal(answer.body.code, 'request_too_large');
  });

  test('execute refuses what it does not know', async () => {
    const path = `/functions/${taken.id}/execute`;
    for (const [field, body] of [['runtime', { runtime: 'vm' }], ['args', { args: 'a' }], ['args', { args: [1] }],
      ['inputs', { inputs: 1 }]]) {
      const { errors } = assertProblem(await s.api(path, { method: 'POST', body }), 422, 'invalid');
      assert.match(errors[0].field, new RegExp(`^${field}`));
    }
  });
});

test('health answers without a token', async () => {
  const { status, body } = await s.api('/health', { token: null });
  assert.equal(status, 200);
  assert.equal(typeof body, 'object');
});

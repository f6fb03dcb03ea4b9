// API tokens: made, shown once, listed, revoked; and what opens a private function.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { makeToken, makeUser, patchUser, signIn, sql } from '../lib/accounts.mjs';
import { assertProblem } from '../lib/problem.mjs';
import { stack } from '../lib/stack.mjs';

const NO_ID = '0193a000-0000-7000-8000-000000000000';
const ALL = ['functions:read', 'functions:write', 'invoke', 'metrics:read'];

let s;
let ann;
let browser;
before(async () => {
  s = await stack();
  ann = await makeUser(s);
  browser = await signIn(s, ann);
});

const create = (body, by = browser) => by.api('/tokens', { method: 'POST', body });
const bearer = (token) => ({ headers: { Authorization: `Bearer ${token}` } });

describe('tokens', () => {
  test('are shown once, listed newest first, and stored hashed', async () => {
    const expires = new Date(Date.now() + 3600_000).toISOString();
    const answer = await create({ name: 'CI “1”', scopes: ['invoke', 'functions:read', 'invoke'], expires_at: expires });
    assert.equal(answer.status, 201, answer.text);
    const { token, ...shown } = answer.body;
    assert.match(token, /^cl_[\w-]{43}$/);
    assert.deepEqual({ ...shown, id: '', created_at: '' }, {
      id: '', name: 'CI “1”', scopes: ['functions:read', 'invoke'], expires_at: expires, last_used_at: null, created_at: '',
    });
    const later = await makeToken(browser, ['invoke']);
    const { body, text } = await browser.api('/tokens');
    assert.deepEqual(body.items.map(({ id }) => id), [later.id, shown.id]);
    assert.deepEqual(body.items[1], shown);
    assert.doesNotMatch(text, /cl_/);
    assert.equal(sql(s, `SELECT COUNT(*) FROM tokens WHERE hash = UNHEX(SHA2('${token}', 256))`).trim(), '1');
  });

  test('note when they were used, to the minute', async () => {
    const { id, token } = await makeToken(browser, ['functions:read']);
    const used = async () => (await browser.api('/tokens')).body.items.find((item) => item.id === id).last_used_at;
    await s.api('/me', { token });
    const first = await used();
    assert.ok(Math.abs(Date.parse(first) - Date.now()) < 60_000);
    await s.api('/me', { token });
    assert.equal(await used(), first);
    sql(s, 'UPDATE tokens SET last_used_at = last_used_at - 61000000 WHERE id = ?', id);
    await s.api('/me', { token });
    assert.ok(await used() >= first);
  });

  test('have at most the scopes of their maker, also later', async () => {
    assert.equal(assertProblem(await create({ name: 'a', scopes: ['admin'] }), 422, 'invalid').errors[0].field, 'scopes');
    const viewer = await signIn(s, await makeUser(s, 'viewer'));
    assertProblem(await create({ name: 'a', scopes: ['invoke'] }, viewer), 422, 'invalid');
    const { token } = await makeToken(viewer, ['functions:read', 'metrics:read']);
    assert.deepEqual((await s.api('/me', { token })).body.scopes, ['functions:read', 'metrics:read']);
  });

  const wrong = {
    name: [undefined, '', 'a'.repeat(65), 'a\nb', 5, null],
    scopes: [undefined, [], ['all'], 'invoke', [1], [null], Array(17).fill('invoke')],
    expires_at: ['tomorrow', '2020-01-01T00:00:00Z', 5, '', '2030-13-01T00:00:00Z'],
    token: ['cl_mine'],
  };
  for (const [field, values] of Object.entries(wrong)) {
    test(`422 names ${field}`, async () => {
      for (const value of values) {
        const { errors } = assertProblem(await create({ name: 'a', scopes: ['invoke'], [field]: value }), 422, 'invalid');
        assert.deepEqual(errors.map((error) => error.field), [field], JSON.stringify(value));
      }
    });
  }

  test('make no tokens, change no password, list no sessions', async () => {
    const { token } = await makeToken(browser, ALL);
    assertProblem(await s.api('/tokens', { method: 'POST', token, body: { name: 'a', scopes: ['invoke'] } }), 403, 'forbidden');
    const password = { password: 'another one', current_password: ann.password };
    assertProblem(await s.api('/me/password', { method: 'PUT', token, body: password }), 403, 'forbidden');
    assertProblem(await s.api('/sessions', { token }), 403, 'forbidden');
    const opened = await signIn(s, { token });
    assertProblem(await create({ name: 'a', scopes: ['invoke'] }, opened), 403, 'forbidden');
    assert.equal((await opened.api('/tokens')).status, 200, 'it has all scopes of its account');
  });

  test('are bounded in number', async () => {
    const user = await makeUser(s);
    const by = await signIn(s, user);
    sql(s, `INSERT INTO tokens (id, user_id, name, hash, scopes, created_at)
      SELECT RANDOM_BYTES(16), id, 'many', RANDOM_BYTES(32), 4, 0 FROM users, seq_1_to_99 WHERE id = ?`, user.id);
    const statuses = (await Promise.all([1, 2, 3].map(() => create({ name: 'a', scopes: ['invoke'] }, by)))).map(({ status }) => status);
    assert.deepEqual(statuses.sort(), [201, 422, 422]);
  });

  test('of others are not there', async () => {
    const { id } = await makeToken(browser, ['invoke']);
    for (const other of [await signIn(s, { token: s.token }), await signIn(s, await makeUser(s))]) {
      const problems = new Set();
      for (const path of [id, NO_ID, 'x']) {
        const { request_id: _, ...problem } = assertProblem(await other.api(`/tokens/${path}`, { method: 'DELETE' }), 404);
        problems.add(JSON.stringify(problem));
      }
      assert.equal(problems.size, 1);
      assert.equal((await other.api('/tokens')).body.items.some((item) => item.id === id), false);
    }
    assert.equal((await browser.api(`/tokens/${id}`, { method: 'DELETE' })).status, 204);
    assertProblem(await browser.api(`/tokens/${id}`, { method: 'DELETE' }), 404);
  });
});

describe('refused on the next request', () => {
  const ends = {
    'a revoked token': ({ id }) => browser.api(`/tokens/${id}`, { method: 'DELETE' }),
    'an expired token': ({ id }) => sql(s, 'UPDATE tokens SET expires_at = 1 WHERE id = ?', id),
  };
  for (const [name, end] of Object.entries(ends)) {
    test(name, async () => {
      const made = await makeToken(browser, ALL);
      const f = await s.deploy({ language: 'python', code: 'def handler(event):\n    return 1\n', access: 'private', token: made.token });
      const opened = await signIn(s, made);
      assert.equal((await s.fn(f.route, bearer(made.token))).status, 200);
      await end(made);
      assertProblem(await s.api('/me', { token: made.token }), 401, 'unauthorized');
      assertProblem(await s.fn(f.route, bearer(made.token)), 401, 'unauthorized');
      assertProblem(await opened.api('/me'), 401, 'unauthorized');
      assertProblem(await opened.fn(f.route), 401, 'unauthorized');
    });
  }
});

describe('a private function', () => {
  let f;
  let other;
  before(async () => {
    const { token } = await makeToken(browser, ALL);
    f = await s.deploy({ language: 'python', code: 'def handler(event):\n    return "in"\n', access: 'private', token });
    other = await makeUser(s);
  });

  test('401 without a login, or with a wrong one', async () => {
    for (const headers of [{}, { Authorization: 'Bearer x' }, { Authorization: `Bearer cl_${'A'.repeat(43)}` },
      { Authorization: 'Basic YTpi' }, { Cookie: 'cloche_session=x' }, { Cookie: `${browser.cookie}; ${browser.cookie}` },
      { Cookie: `${browser.cookie}x` }, { Cookie: browser.cookie.replace('cloche_session', '__Host-cloche') }]) {
      const answer = await s.fn(f.route, { headers });
      assertProblem(answer, 401, 'unauthorized');
      assert.match(answer.headers['www-authenticate'], /^Bearer/);
    }
  });

  test('403 for who is known and may not', async () => {
    const { token: reads } = await makeToken(browser, ['functions:read', 'functions:write', 'metrics:read']);
    const there = await signIn(s, other);
    const { token: others } = await makeToken(there, ALL);
    assertProblem(await s.fn(f.route, bearer(reads)), 403, 'forbidden');
    assertProblem(await s.fn(f.route, bearer(others)), 403, 'forbidden');
    assertProblem(await there.fn(f.route), 403, 'forbidden');
    assertProblem(await (await signIn(s, await makeUser(s, 'viewer'))).fn(f.route), 403, 'forbidden');
  });

  test('opens to a token with invoke, its owner’s session, and an admin', async () => {
    const { token } = await makeToken(browser, ['invoke']);
    for (const answer of [await s.fn(f.route, bearer(token)), await browser.fn(f.route),
      await browser.fn(f.route, { method: 'POST' }), await s.fn(f.route, bearer(s.token))]) {
      assert.deepEqual([answer.status, answer.text], [200, 'in']);
    }
  });

  test('a function made public needs no login, made private it does at once', async () => {
    const { token } = await makeToken(browser, ALL);
    for (const [access, status] of [['public', 200], ['private', 401], ['public', 200], ['private', 401]]) {
      await s.api(`/functions/${f.id}`, { method: 'PATCH', token, body: { access } });
      assert.equal((await s.fn(f.route)).status, status, access);
    }
  });

  test('another’s role counts at once', async () => {
    await patchUser(s, ann, { role: 'viewer' });
    assertProblem(await browser.fn(f.route), 403, 'forbidden');
    await patchUser(s, ann, { role: 'developer' });
    assert.equal((await browser.fn(f.route)).status, 200);
  });
});

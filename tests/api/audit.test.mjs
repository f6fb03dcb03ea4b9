// The audit trail: who changed what, when and from where.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { makeToken, makeUser, patchUser, signIn, username } from '../lib/accounts.mjs';
import { assertProblem } from '../lib/problem.mjs';
import { stack } from '../lib/stack.mjs';

const CODE = 'def handler(event):\n    return 1\n';

let s;
before(async () => { s = await stack(); });

const trail = async (query) => {
  const { status, body, text } = await s.api(`/audit?${query}`);
  assert.equal(status, 200, text);
  return body;
};

/** Does something, and asserts that it left exactly this line, about this target. */
async function leaves(query, wanted, act) {
  const before = (await trail(query)).items[0]?.id;
  const answer = await act();
  const { items } = await trail(query);
  const added = items.slice(0, items.findIndex(({ id }) => id === before) >>> 0);
  assert.equal(added.length, 1, JSON.stringify(added));
  const [{ id, at, ...line }] = added;
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000, at);
  assert.deepEqual(line, { detail: '', address: '127.0.0.1', request_id: answer.headers['x-request-id'], ...wanted });
  return answer;
}

describe('a line is left by', () => {
  let user;
  let browser;
  let who;
  before(async () => {
    user = await makeUser(s);
    browser = await signIn(s, user);
    who = { id: user.id, username: user.username };
  });
  const about = (made) => ({ id: made.id, name: made.name });

  test('a login, a failed one and a logout', async () => {
    const self = { id: user.id, name: user.username };
    const other = await signIn(s, user);
    await leaves(`target_id=${user.id}`, { user: who, action: 'login', target: self, detail: 'with a password' },
      () => other.login({ username: user.username, password: user.password }));
    await leaves(`target_id=${user.id}`, { user: null, action: 'login.failed', target: self },
      () => other.login({ username: user.username, password: 'wrong' }));
    await leaves(`target_id=${user.id}`, { user: who, action: 'logout', target: self },
      () => other.api('/auth/logout', { method: 'POST' }));
  });

  test('a failed login with a name that is none, which may be a password', async () => {
    const name = username();
    await leaves('action=login.failed', { user: null, action: 'login.failed', target: { id: null, name } },
      () => s.api('/auth/login', { method: 'POST', token: null, body: { username: name, password: 'x' } }));
    await leaves('action=login.failed', { user: null, action: 'login.failed', target: null },
      () => s.api('/auth/login', { method: 'POST', token: null, body: { username: 'My Secret!', password: 'x' } }));
  });

  test('a registration and another password', async () => {
    const name = username();
    const answer = await s.api('/auth/register', { method: 'POST', token: null, body: { username: name, password: 'correct horse' } });
    const [line] = (await trail(`target_id=${answer.body.user.id}`)).items;
    assert.deepEqual([line.action, line.user.username, line.request_id], ['register', name, answer.headers['x-request-id']]);
    await leaves(`user_id=${user.id}`, { user: who, action: 'password.change', target: { id: user.id, name: user.username } },
      () => browser.api('/me/password', { method: 'PUT', body: { password: user.password, current_password: user.password } }));
  });

  test('tokens and sessions', async () => {
    const made = { scopes: ['functions:read', 'invoke'] };
    const { id } = await makeToken(browser, made.scopes);
    const [line] = (await trail(`target_id=${id}`)).items;
    assert.deepEqual([line.action, line.target, line.detail], ['token.create', { id, name: 'test' }, made.scopes.join(', ')]);
    await leaves(`target_id=${id}`, { user: who, action: 'token.delete', target: { id, name: 'test' } },
      () => browser.api(`/tokens/${id}`, { method: 'DELETE' }));
    const { body: { session_id: session } } = await (await signIn(s, user)).api('/me');
    await leaves(`target_id=${session}`, { user: who, action: 'session.delete', target: { id: session, name: '' } },
      () => browser.api(`/sessions/${session}`, { method: 'DELETE' }));
  });

  test('users', async () => {
    const made = await makeUser(s);
    const admin = (await s.api('/me')).body.user;
    const by = { user: { id: admin.id, username: admin.username }, target: { id: made.id, name: made.username } };
    const [line] = (await trail(`target_id=${made.id}`)).items;
    assert.deepEqual([line.action, line.user, line.detail], ['user.create', by.user, 'developer']);
    await leaves(`target_id=${made.id}`, { ...by, action: 'user.update', detail: 'role viewer, before developer, disabled, password' },
      () => patchUser(s, made, { role: 'viewer', disabled: true, password: 'correct horse' }));
    await patchUser(s, made, { role: 'viewer' });
    assert.equal((await trail(`target_id=${made.id}`)).items.length, 2, 'what changes nothing leaves nothing');
  });

  test('functions', async () => {
    const { token } = await makeToken(browser, ['functions:read', 'functions:write']);
    const f = await s.deploy({ language: 'python', code: CODE, token });
    const [line] = (await trail(`target_id=${f.id}`)).items;
    assert.deepEqual([line.action, line.user, line.target], ['function.create', who, about(f)]);
    const path = `/functions/${f.id}`;
    const by = { user: who, target: about(f) };
    for (const [action, detail, method, at, body] of [
      ['function.update', 'version 2: timeout_ms, note', 'PATCH', path, { timeout_ms: 1234, note: 'slower' }],
      ['function.update', 'status disabled', 'PATCH', path, { status: 'disabled' }],
      ['function.rollback', 'version 3: timeout_ms, note', 'POST', `${path}/rollback`, { version: 1 }],
      ['function.delete', '', 'DELETE', path],
    ]) {
      await leaves(`target_id=${f.id}`, { ...by, action, detail }, () => s.api(at, { method, token, body }));
    }
    assert.equal((await trail(`target_id=${f.id}`)).items.length, 5);
  });

  test('nothing that was refused', async () => {
    const f = await s.deploy({ language: 'python', code: CODE });
    const last = (await trail('limit=1')).items[0].id;
    assertProblem(await s.api('/functions', { method: 'POST', body: { name: f.name, route: f.route, language: 'python', code: CODE } }), 409);
    assertProblem(await s.api(`/functions/${f.id}`, { method: 'DELETE', headers: { 'If-Match': '"9"' } }), 412);
    assertProblem(await s.api('/users', { method: 'POST', body: { username: 'admin', password: 'correct horse' } }), 409);
    assert.equal((await trail('limit=1')).items[0].id, last);
  });
});

test('pages go back in time, each line once', async () => {
  const user = await makeUser(s);
  const browser = await signIn(s, user);
  for (let i = 0; i < 4; i++) await makeToken(browser, ['invoke']);
  const all = (await trail(`user_id=${user.id}`)).items.map(({ id }) => id);
  assert.equal(all.length, 5);
  const paged = [];
  let cursor = '';
  do {
    const { items, next } = await trail(`user_id=${user.id}&limit=2${cursor}`);
    paged.push(...items.map(({ id }) => id));
    cursor = next && `&cursor=${next}`;
  } while (cursor);
  assert.deepEqual(paged, all);
  assert.equal((await trail(`user_id=${user.id}&action=token.create`)).items.length, 4);
});

test('422 names the parameter', async () => {
  for (const [field, query] of [['limit', 'limit=0'], ['action', 'action=sing'], ['user_id', 'user_id=1'],
    ['target_id', 'target_id=x'], ['who', 'who=1'], ['limit', 'limit=1&limit=2']]) {
    assert.equal(assertProblem(await s.api(`/audit?${query}`), 422, 'invalid').errors[0].field, field);
  }
  assertProblem(await s.api('/audit?cursor=x'), 422, 'invalid');
});

test('holds no secret', async () => {
  const { items } = await trail('limit=100');
  assert.doesNotMatch(JSON.stringify(items), /cl_|argon2|correct horse|My Secret/);
});

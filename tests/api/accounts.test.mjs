// Accounts: signing in and out, passwords, sessions, and what an admin does with users.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Browser, makeToken, makeUser, patchUser, signIn, sql, username } from '../lib/accounts.mjs';
import { headerValues } from '../lib/http.mjs';
import { assertProblem } from '../lib/problem.mjs';
import { stack } from '../lib/stack.mjs';

const NO_ID = '0193a000-0000-7000-8000-000000000000';
const PASSWORD = 'correct horse';
const ALL = ['functions:read', 'functions:write', 'invoke', 'metrics:read'];

let s;
before(async () => { s = await stack(); });

const register = (body) => s.api('/auth/register', { method: 'POST', body, token: null });
const login = (body) => s.api('/auth/login', { method: 'POST', body, token: null });
const loginAs = ({ username: name, password }) => login({ username: name, password });
const changePassword = (browser, body) => browser.api('/me/password', { method: 'PUT', body });

describe('register', () => {
  test('makes a developer, signs it in, and tells nothing secret', async () => {
    const name = username();
    const answer = await register({ username: name, password: PASSWORD });
    assert.equal(answer.status, 201, answer.text);
    const { user } = answer.body;
    assert.deepEqual({ ...user, id: '', created_at: '' }, {
      id: '', username: name, role: 'developer', disabled: false, has_password: true, created_at: '',
    });
    const [cookie, ...more] = headerValues(answer, 'set-cookie');
    assert.deepEqual(more, []);
    assert.match(cookie, /^cloche_session=[\w-]{43}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/);
    const me = await s.api('/me', { token: null, headers: { Cookie: cookie.split(';')[0] } });
    assert.deepEqual([me.body.user, me.body.scopes, me.body.token_id], [user, ALL, null]);
    for (const text of [answer.text, me.text]) assert.doesNotMatch(text, /argon2|correct horse/);
  });

  const wrong = {
    username: [undefined, '', 'Ann', 'a b', '-a', '.a', 'ä', 'a'.repeat(65), 'a\u0000', "a'--", 5, null],
    password: [undefined, '1234567', 'x'.repeat(129), 12345678, null],
    role: ['admin'],
  };
  for (const [field, values] of Object.entries(wrong)) {
    test(`422 names ${field}`, async () => {
      for (const value of values) {
        const answer = await register({ username: username(), password: PASSWORD, [field]: value });
        const { errors } = assertProblem(answer, 422, 'invalid');
        assert.deepEqual(errors.map((error) => error.field), [field], JSON.stringify(value));
      }
    });
  }

  test('a name is taken once, also by two at the same time', async () => {
    const name = username();
    const answers = await Promise.all([1, 2, 3].map(() => register({ username: name, password: PASSWORD })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409]);
    assertProblem(answers.find(({ status }) => status === 409), 409, 'name_taken');
  });

  test('a password may be 8 to 128 bytes of anything', async () => {
    for (const password of ['12345678', 'é😀 "\\x', 'x'.repeat(128)]) {
      const name = username();
      assert.equal((await register({ username: name, password })).status, 201, password);
      assert.equal((await login({ username: name, password })).status, 200, password);
    }
  });
});

describe('login', () => {
  let ann;
  before(async () => { ann = await makeUser(s); });

  test('answers the user and sets a cookie that is another each time', async () => {
    const cookies = new Set();
    for (let i = 0; i < 2; i++) {
      const answer = await loginAs(ann);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.body.user.id, ann.id);
      cookies.add(headerValues(answer, 'set-cookie')[0]);
    }
    assert.equal(cookies.size, 2);
  });

  test('a wrong password, a name that is not there and a disabled account are told the same', async () => {
    const off = await makeUser(s);
    await patchUser(s, off, { disabled: true });
    const said = [];
    for (const body of [{ ...ann, password: 'wrong' }, { username: username(), password: 'wrong' }, off,
      { username: `${ann.username} `, password: ann.password }, { username: ann.username.toUpperCase(), password: ann.password },
      { username: "' OR 1=1 -- ", password: 'x' }]) {
      const answer = await loginAs(body);
      const { request_id: id, ...problem } = assertProblem(answer, 401, 'unauthorized');
      said.push(JSON.stringify(problem));
      assert.deepEqual(headerValues(answer, 'set-cookie'), []);
      assert.ok(id);
    }
    assert.equal(new Set(said).size, 1, said.join('\n'));
  });

  // The least of several, in turns: whatever else the machine does only adds to it.
  test('and take the same time', async () => {
    const least = { known: Infinity, unknown: Infinity };
    for (let i = 0; i < 6; i++) {
      least.known = Math.min(least.known, (await login({ username: ann.username, password: 'wrong' })).ms);
      least.unknown = Math.min(least.unknown, (await login({ username: username(), password: 'wrong' })).ms);
    }
    const ratio = least.unknown / least.known;
    assert.ok(ratio > 0.5 && ratio < 2, `unknown names take ${ratio.toFixed(2)} times as long`);
  });

  test('422: neither, or both, of password and token', async () => {
    for (const [field, body] of [['username', {}], ['password', { username: 'a' }], ['username', { password: 'a' }],
      ['token', { token: 'a', username: 'a', password: 'a' }], ['name', { name: 'a' }]]) {
      const { errors } = assertProblem(await login(body), 422, 'invalid');
      assert.ok(errors.some((error) => error.field === field), JSON.stringify(errors));
    }
    assertProblem(await s.api('/auth/login', { method: 'POST', token: null, body: 'username=a' }), 415);
  });

  test('a token opens a session that may no more than it, and ends with it', async () => {
    const token = await makeToken(await signIn(s, ann), ['functions:read']);
    const browser = await signIn(s, token);
    const me = await browser.api('/me');
    assert.deepEqual([me.body.scopes, me.body.token_id], [['functions:read'], token.id]);
    assertProblem(await browser.api('/tokens'), 403, 'forbidden');
    assertProblem(await changePassword(browser, { password: PASSWORD, current_password: ann.password }), 403);
    await (await signIn(s, ann)).api(`/tokens/${token.id}`, { method: 'DELETE' });
    assertProblem(await browser.api('/me'), 401);
    assertProblem(await login({ token: token.token }), 401, 'unauthorized');
    for (const text of ['', 'cl_', `cl_${'A'.repeat(43)}`, s.token.slice(0, -1), `${s.token}A`]) {
      assertProblem(await login({ token: text }), 401, 'unauthorized');
    }
  });

  test('an old cookie does not stand in the way of a new login', async () => {
    const answer = await s.api('/auth/login', {
      method: 'POST', token: null, headers: { Cookie: `cloche_session=${'A'.repeat(43)}` },
      body: { username: ann.username, password: ann.password },
    });
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await s.api('/health', { token: null, headers: { Cookie: 'cloche_session=old' } })).status, 200);
  });

  test('GET /api/auth tells a stranger whether to register', async () => {
    const stranger = await s.api('/auth', { token: null });
    assert.deepEqual(stranger.body, { registration: 'open', signed_in: false });
    assert.equal((await (await signIn(s, ann)).api('/auth')).body.signed_in, true);
  });
});

describe('sessions', () => {
  let ann;
  before(async () => { ann = await makeUser(s); });

  test('logout ends the session and its cookie', async () => {
    const browser = await signIn(s, ann);
    const { cookie } = browser;
    const answer = await browser.api('/auth/logout', { method: 'POST' });
    assert.equal(answer.status, 204);
    assert.match(headerValues(answer, 'set-cookie')[0], /^cloche_session=; Path=\/; Max-Age=0; HttpOnly; SameSite=Strict$/);
    assertProblem(await s.api('/me', { token: null, headers: { Cookie: cookie } }), 401);
    assert.equal((await browser.api('/auth/logout', { method: 'POST' })).status, 204, 'once more');
  });

  test('are listed with where and when, and each can be ended', async () => {
    const user = await makeUser(s);
    const [here, there] = [await signIn(s, user), await signIn(s, user)];
    await there.api('/me', { headers: { 'User-Agent': 'later' } });
    const { body } = await here.api('/sessions');
    assert.equal(body.next, null);
    assert.deepEqual(body.items.map(({ current, address, token_id: token }) => [current, address, token]),
      [[false, '127.0.0.1', null], [true, '127.0.0.1', null]]);
    const month = (Date.parse(body.items[0].expires_at) - Date.parse(body.items[0].created_at)) / 3600e3;
    assert.equal(Math.round(month), 720);
    const [{ id }] = body.items;
    assert.equal((await here.api(`/sessions/${id}`, { method: 'DELETE' })).status, 204);
    assertProblem(await there.api('/me'), 401);
    assertProblem(await here.api(`/sessions/${id}`, { method: 'DELETE' }), 404);
    assert.equal((await here.api('/sessions')).body.items.length, 1);
  });

  test('of others are not there, also for an admin', async () => {
    const browser = await signIn(s, ann);
    const { body: { session_id: id } } = await browser.api('/me');
    const admin = await signIn(s, { token: s.token });
    for (const other of [admin, await signIn(s, await makeUser(s))]) {
      const problems = [];
      for (const path of [`/sessions/${id}`, `/sessions/${NO_ID}`, '/sessions/nonsense']) {
        const { request_id: _, ...problem } = assertProblem(await other.api(path, { method: 'DELETE' }), 404, 'not_found');
        problems.push(JSON.stringify(problem));
      }
      assert.equal(new Set(problems).size, 1);
    }
    assert.equal((await browser.api('/me')).status, 200);
  });

  test('expired or idle for too long: refused on the next request', async () => {
    for (const change of ['expires_at = 1', 'last_used_at = UNIX_TIMESTAMP() * 1000000 - 169 * 3600000000']) {
      const browser = await signIn(s, ann);
      const { body: { session_id: id } } = await browser.api('/me');
      sql(s, `UPDATE sessions SET ${change} WHERE id = ?`, id);
      assertProblem(await browser.api('/me'), 401);
      const { body } = await (await signIn(s, ann)).api('/sessions');
      assert.equal(body.items.some((item) => item.id === id), false);
    }
  });

  test('note when they were used, to the minute', async () => {
    const browser = await signIn(s, ann);
    const { body: { session_id: id } } = await browser.api('/me');
    const used = () => Number(sql(s, 'SELECT last_used_at FROM sessions WHERE id = ?', id));
    const began = used();
    await browser.api('/me');
    assert.equal(used(), began);
    sql(s, 'UPDATE sessions SET last_used_at = last_used_at - 61000000 WHERE id = ?', id);
    await browser.api('/me');
    assert.ok(used() >= began);
  });

  test('a secret that is stored nowhere', async () => {
    const browser = await signIn(s, ann);
    const [, secret] = browser.cookie.split('=');
    assert.equal(sql(s, `SELECT COUNT(*) FROM sessions WHERE hash = UNHEX(SHA2('${secret}', 256))`).trim(), '1');
    assert.equal(sql(s, `SELECT COUNT(*) FROM sessions WHERE hash = '${secret}'`).trim(), '0');
    // Nor is it a token.
    assertProblem(await s.api('/me', { token: secret }), 401);
    assertProblem(await s.api('/me', { token: `cl_${secret}` }), 401);
  });

  test('of an account are bounded: the oldest ends', async () => {
    const user = await makeUser(s);
    const first = await signIn(s, user);
    sql(s, `INSERT INTO sessions (id, user_id, hash, address, user_agent, created_at, last_used_at, expires_at)
      SELECT UNHEX(CONCAT('01ffffffffff7000', '8000', HEX(RANDOM_BYTES(6)))), user_id, RANDOM_BYTES(32), '', '', created_at, last_used_at, expires_at
      FROM sessions, seq_1_to_49 WHERE user_id = ?`, user.id);
    assert.equal((await first.api('/me')).status, 200);
    const last = await signIn(s, user);
    assertProblem(await first.api('/me'), 401);
    assert.equal((await last.api('/sessions')).body.items.length, 50);
  });
});

describe('one’s own password', () => {
  test('needs the current one; the other sessions end, tokens stay', async () => {
    const user = await makeUser(s);
    const [here, there] = [await signIn(s, user), await signIn(s, user)];
    const token = await makeToken(here, ['functions:read']);
    for (const [field, body] of [['current_password', { password: PASSWORD }],
      ['current_password', { password: PASSWORD, current_password: 'wrong' }],
      ['password', { password: 'short', current_password: user.password }], ['password', { current_password: user.password }]]) {
      const { errors } = assertProblem(await changePassword(here, body), 422, 'invalid');
      assert.deepEqual(errors.map((error) => error.field), [field]);
    }
    assert.equal((await there.api('/me')).status, 200);

    assert.equal((await changePassword(here, { password: PASSWORD, current_password: user.password })).status, 204);
    assert.equal((await here.api('/me')).status, 200);
    assertProblem(await there.api('/me'), 401);
    assert.equal((await s.api('/me', { token: token.token })).status, 200);
    assertProblem(await login({ username: user.username, password: user.password }), 401);
    assert.equal((await login({ username: user.username, password: PASSWORD })).status, 200);
  });

  test('an account that has only a token sets its first one, and is then signed in by it', async () => {
    const user = await makeUser(s);
    const token = await makeToken(await signIn(s, user), ALL);
    sql(s, "UPDATE users SET password_hash = '' WHERE id = ?", user.id);
    assertProblem(await login({ username: user.username, password: '' }), 401);
    const browser = await signIn(s, token);
    assert.equal((await browser.api('/me')).body.user.has_password, false);
    const refused = await browser.api('/tokens', { method: 'POST', body: { name: 'a', scopes: ['invoke'] } });
    assertProblem(refused, 403, 'forbidden');
    assert.equal((await changePassword(browser, { password: PASSWORD })).status, 204);
    const { body } = await browser.api('/me');
    assert.deepEqual([body.user.has_password, body.token_id], [true, null]);
    await makeToken(browser, ['invoke']);
  });
});

describe('users, for admins', () => {
  test('are made, listed by name, found and paged', async () => {
    const prefix = username();
    const made = [];
    for (const [i, role] of ['viewer', 'developer', 'admin'].entries()) {
      const { status, body } = await s.api('/users', { method: 'POST', body: { username: `${prefix}.${i}`, password: PASSWORD, role } });
      assert.equal(status, 201);
      made.push(body);
    }
    const list = async (query) => (await s.api(`/users?q=${prefix}${query}`)).body;
    const all = await list('');
    assert.deepEqual(all, { items: made.map((user) => ({ ...user, functions: 0 })), next: null });
    const first = await list('&limit=2');
    assert.deepEqual(first.items, all.items.slice(0, 2));
    assert.deepEqual((await list(`&limit=2&cursor=${first.next}`)).items, all.items.slice(2));
    assert.deepEqual((await list('&role=viewer')).items, all.items.slice(0, 1));
    assert.deepEqual((await list('&disabled=true')).items, []);
    assert.deepEqual((await s.api(`/users?q=${prefix.slice(0, -1)}%25`)).body.items, [], 'no wildcard');
    for (const query of ['limit=0', 'limit=101', 'role=boss', 'disabled=1', `q=${'a'.repeat(65)}`, 'x=1', 'cursor=x']) {
      assertProblem(await s.api(`/users?${query}`), 422, 'invalid');
    }
    await patchUser(s, made[2], { disabled: true });
  });

  test('422 names the field', async () => {
    const user = await makeUser(s);
    const body = { username: username(), password: PASSWORD };
    for (const [field, answer] of [
      ['role', await s.api('/users', { method: 'POST', body: { ...body, role: 'boss' } })],
      ['password', await s.api('/users', { method: 'POST', body: { ...body, password: 'short' } })],
      ['role', await patchUser(s, user, { role: null })],
      ['disabled', await patchUser(s, user, { disabled: 1 })],
      ['password', await patchUser(s, user, { password: '' })],
      ['username', await patchUser(s, user, { username: 'other' })],
    ]) {
      assert.equal(assertProblem(answer, 422, 'invalid').errors[0].field, field);
    }
    const { request_id: _, ...unknown } = assertProblem(await patchUser(s, { id: NO_ID }, { role: 'viewer' }), 404);
    const { request_id: __, ...nonsense } = assertProblem(await patchUser(s, { id: 'x' }, { role: 'viewer' }), 404);
    assert.deepEqual(unknown, nonsense);
  });

  test('another role counts from the next request on, for sessions and tokens', async () => {
    const user = await makeUser(s);
    const browser = await signIn(s, user);
    const { token } = await makeToken(browser, ['functions:read', 'functions:write']);
    await patchUser(s, user, { role: 'viewer' });
    assert.deepEqual((await browser.api('/me')).body.scopes, ['functions:read', 'metrics:read']);
    assert.deepEqual((await s.api('/me', { token })).body.scopes, ['functions:read']);
    assertProblem(await s.api('/functions', { method: 'POST', token, body: {} }), 403, 'forbidden');
  });

  test('a disabled one is refused on the next request; its public functions go on', async () => {
    const user = await makeUser(s);
    const browser = await signIn(s, user);
    const { token } = await makeToken(browser, ALL);
    const fields = { language: 'python', code: 'def handler(event):\n    return "on"\n' };
    const [open, closed] = [await s.deploy({ ...fields, token }), await s.deploy({ ...fields, access: 'private', token })];
    assert.equal((await browser.fn(closed.route)).text, 'on');

    const { body } = await patchUser(s, user, { disabled: true });
    assert.equal(body.disabled, true);
    assertProblem(await browser.api('/me'), 401);
    assertProblem(await s.api('/me', { token }), 401);
    assertProblem(await browser.fn(closed.route), 401);
    assertProblem(await s.fn(closed.route, { headers: { Authorization: `Bearer ${token}` } }), 401);
    assertProblem(await loginAs(user), 401);
    assert.equal((await s.fn(open.route)).text, 'on');

    // Enabled again: its tokens are accepted, its sessions stay ended.
    await patchUser(s, user, { disabled: false });
    assertProblem(await browser.api('/me'), 401);
    assert.equal((await s.api('/me', { token })).status, 200);
  });

  test('another password ends all sessions', async () => {
    const user = await makeUser(s);
    const browser = await signIn(s, user);
    assert.equal((await patchUser(s, user, { password: PASSWORD })).status, 200);
    assertProblem(await browser.api('/me'), 401);
    assert.equal((await login({ username: user.username, password: PASSWORD })).status, 200);
  });
});

test('settings tell value, default, range, help and source, and no password', async () => {
  const { status, body } = await s.api('/settings');
  assert.equal(status, 200);
  const named = Object.fromEntries(body.items.map(({ name, ...rest }) => [name, rest]));
  assert.deepEqual(named.session_hours, {
    value: 720, default: 720, min: 1, max: 87600, unit: 'hours', words: null, source: 'default', help: named.session_hours.help,
  });
  assert.deepEqual([named.listen.value, named.listen.source], [s.url.slice('http://'.length), 'environment']);
  assert.deepEqual([named.registration.value, named.registration.words, named.registration.source], ['open', 'open|closed', 'derived']);
  for (const { help } of Object.values(named)) assert.ok(help.length > 5);
});

test('a browser keeps one session per login', async () => {
  const browser = new Browser(s);
  const user = await makeUser(s);
  await browser.login({ username: user.username, password: user.password });
  const first = browser.cookie;
  await browser.login({ username: user.username, password: user.password });
  assert.notEqual(browser.cookie, first);
  assert.equal((await browser.api('/sessions')).body.items.length, 2);
});

// What keeps other sites, and functions, away from a browser's login: cookies, Origin, headers. On the host that the
// dashboard shares with functions, and on a stack whose functions have a host of their own, behind TLS.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Browser, makeUser, patchUser, signIn, username } from '../lib/accounts.mjs';
import { headerValues } from '../lib/http.mjs';
import { assertProblem } from '../lib/problem.mjs';
import { privateStack, stack } from '../lib/stack.mjs';

const HOST = 'functions.example';
const OURS = 'https://cloche.example';
const PROXY = '127.0.0.2';
const POLICY = {
  'default-src': "'none'", 'script-src': "'self'", 'style-src': "'self'", 'connect-src': "'self'", 'img-src': "'self' data:",
  'font-src': "'self'", 'form-action': "'self'", 'base-uri': "'none'", 'frame-ancestors': "'none'",
};
// What a function may not do to the host it shares.
const HOSTILE = `exports.handler = () => ({ statusCode: 200, body: '<script>1</script>', cookies: ['planted=1; Path=/'], headers: {
  'Content-Type': 'text/html', 'Content-Security-Policy': "default-src *", 'Set-Cookie': 'cloche_session=mine; Path=/',
  'Strict-Transport-Security': 'max-age=1', 'Clear-Site-Data': '"cookies"', 'Service-Worker-Allowed': '/',
  'Access-Control-Allow-Origin': '*' } });`;

const policyOf = ({ headers }) => Object.fromEntries(headers['content-security-policy'].split('; ').map((part) => {
  const [name, ...rest] = part.split(' ');
  return [name, rest.join(' ')];
}));

describe('the shared host', () => {
  let s;
  let browser;
  before(async () => {
    s = await stack();
    browser = await signIn(s, await makeUser(s));
  });

  const write = (headers) => s.api('/tokens', {
    method: 'POST', token: null, headers: { Cookie: browser.cookie, ...headers }, body: { name: 'a', scopes: ['invoke'] },
  });

  test('a cookie writes only from a page of ours', async () => {
    const port = new URL(s.url).port;
    for (const headers of [{}, { Origin: 'https://evil.example' }, { Origin: 'null' }, { Origin: `https://127.0.0.1:${port}` },
      { Origin: 'http://127.0.0.1' }, { Origin: `${s.url}.evil.example` }, { Origin: `${s.url}/` },
      { 'Sec-Fetch-Site': 'cross-site' }, { 'Sec-Fetch-Site': 'same-site', Origin: s.url },
      { Origin: 'https://evil.example', Referer: s.url }]) {
      assertProblem(await write(headers), 403, 'forbidden');
    }
    for (const headers of [{ Origin: s.url }, { 'Sec-Fetch-Site': 'same-origin' },
      { Origin: `http://localhost:${port}`, Host: `localhost:${port}` }, { Origin: 'null', 'Sec-Fetch-Site': 'same-origin' }]) {
      assert.equal((await write(headers)).status, 201, JSON.stringify(headers));
    }
    const { body } = await browser.api('/tokens');
    assert.equal(body.items.length, 4, 'what was refused has made nothing');
  });

  test('every other method asks for the same, and so does a private function', async () => {
    const away = new Browser(s, { origin: 'https://evil.example' });
    away.cookie = browser.cookie;
    for (const [method, path] of [['PUT', '/me/password'], ['PATCH', '/functions/x'], ['DELETE', '/sessions/x'], ['POST', '/auth/logout'],
      ['POST', '/functions']]) {
      assertProblem(await away.api(path, { method, body: method === 'DELETE' ? undefined : {} }), 403, 'forbidden');
    }
    assert.equal((await browser.api('/me')).status, 200, 'still signed in');
    const made = await browser.api('/functions', { method: 'POST', body: {
      name: username(), route: username(), language: 'javascript', access: 'private', code: 'exports.handler = () => "in";' } });
    assert.equal((await browser.fn(made.body.route)).text, 'in');
    assertProblem(await away.fn(made.body.route, { method: 'POST' }), 403, 'forbidden');
    assertProblem(await away.fn(made.body.route, { headers: { 'Sec-Fetch-Site': 'cross-site' } }), 403, 'forbidden');
    assert.equal((await away.fn(made.body.route, { headers: { 'Sec-Fetch-Site': 'none' } })).text, 'in', 'typed into the address bar');
  });

  test('a token needs no Origin', async () => {
    const answer = await s.api('/functions?limit=1', { headers: { Origin: 'https://evil.example' } });
    assert.equal(answer.status, 200);
    assert.equal((await s.deploy({ language: 'javascript', code: HOSTILE })).version, 1);
  });

  test('nobody is signed in or registered by another site', async () => {
    for (const path of ['/auth/login', '/auth/register']) {
      for (const headers of [{ Origin: 'https://evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }]) {
        const answer = await s.api(path, { method: 'POST', token: null, headers, body: { username: username(), password: 'correct horse' } });
        assertProblem(answer, 403, 'forbidden');
        assert.deepEqual(headerValues(answer, 'set-cookie'), []);
      }
      const form = await s.api(path, { method: 'POST', token: null, body: 'a=b', headers: { 'Content-Type': 'text/plain' } });
      assertProblem(form, 415);
    }
  });

  test('/api gives no other site leave to read', async () => {
    const headers = { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' };
    for (const answer of [await s.api('/functions', { method: 'OPTIONS', token: null, headers }),
      await s.api('/functions', { headers }), await s.api('/auth/login', { method: 'OPTIONS', token: null, headers })]) {
      assert.deepEqual(Object.keys(answer.headers).filter((name) => name.startsWith('access-control')), []);
    }
  });

  test('the page has a strict policy, every answer of the API another', async () => {
    const page = await s.fn('../');
    assert.match(page.headers['content-type'], /^text\/html/);
    assert.deepEqual(policyOf(page), POLICY);
    assert.equal(page.headers['x-frame-options'], 'DENY');
    const answers = [page, await s.api('/health', { token: null }), await s.api('/me', { token: null }), await s.api('/none'),
      await s.api('/functions', { method: 'POST', body: Buffer.alloc(9 << 20) }), await s.fn('no/such/function')];
    for (const { status, headers } of answers) {
      assert.equal(headers['x-content-type-options'], 'nosniff', status);
      assert.equal(headers['referrer-policy'], 'no-referrer', status);
      assert.match(headers['content-security-policy'], /^default-src 'none';.*frame-ancestors 'none'/, status);
      assert.equal(headers.server, 'nginx');
    }
    for (const { headers } of answers.slice(1)) assert.equal(headers['cache-control'], 'no-store');
  });

  test('what a function sends is sandboxed, and what is for the whole host is dropped', async () => {
    const { route } = await s.deploy({ language: 'javascript', code: HOSTILE });
    const { status, headers, rawHeaders } = await s.fn(route);
    assert.equal(status, 200);
    const [policy, ...more] = headerValues({ rawHeaders }, 'content-security-policy');
    assert.deepEqual(more, []);
    assert.match(policy, /^sandbox /);
    assert.doesNotMatch(policy, /allow-same-origin|allow-top-navigation/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    for (const name of ['set-cookie', 'strict-transport-security', 'clear-site-data', 'service-worker-allowed']) {
      assert.equal(headers[name], undefined, name);
    }
  });
});

describe('functions on a host of their own, TLS in front, registration closed', () => {
  let s;
  let f;
  before(async () => {
    s = await privateStack({
      CLOCHE_FUNCTION_HOST: HOST, CLOCHE_PUBLIC_URL: OURS, CLOCHE_REGISTRATION: 'closed', CLOCHE_LOGIN_TRIES: '3',
      CLOCHE_LOGIN_TRIES_ADDRESS: '8', CLOCHE_LOGIN_INTERVAL_S: '600', CLOCHE_LOGIN_RATE: '1',
      CLOCHE_TRUSTED_PROXIES: `${PROXY}, 10.0.0.0/8`,
    });
    f = await s.deploy({ language: 'javascript', code: HOSTILE });
  });

  const login = (body) => s.api('/auth/login', { method: 'POST', token: null, body });

  test('a function sets cookies and its own policy there, and is nowhere else', async () => {
    assert.equal(f.url, `https://${HOST}/fn/${f.route}`);
    const there = await s.fn(f.route, { headers: { Host: HOST } });
    assert.equal(there.status, 200, there.text);
    assert.equal(there.headers['content-security-policy'], 'default-src *');
    assert.equal(headerValues(there, 'set-cookie').length, 2);
    for (const name of ['strict-transport-security', 'clear-site-data', 'service-worker-allowed']) {
      assert.equal(there.headers[name], undefined, name);
    }
    assertProblem(await s.fn(f.route), 404, 'no_route');
    for (const path of ['/me', '/auth/login', '/health']) {
      assertProblem(await s.api(path, { headers: { Host: HOST } }), 404, 'no_route');
    }
  });

  test('the cookie is bound to its host and to TLS', async () => {
    const user = await makeUser(s);
    const answer = await login({ username: user.username, password: user.password });
    const [cookie] = headerValues(answer, 'set-cookie');
    assert.match(cookie, /^__Host-cloche=[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict; Secure$/);
    const [pair] = cookie.split(';');
    const me = (Cookie) => s.api('/me', { token: null, headers: { Cookie } });
    assert.equal((await me(pair)).status, 200);
    assertProblem(await me(pair.replace('__Host-cloche', 'cloche_session')), 401);
    assertProblem(await me(`${pair}; __Host-cloche=planted`), 401);
    const logout = (headers) => s.api('/auth/logout', { method: 'POST', token: null, headers: { Cookie: pair, ...headers } });
    assertProblem(await logout({ Origin: `https://${HOST}` }), 403, 'forbidden');
    const gone = await logout({ Origin: OURS });
    assert.equal(gone.status, 204);
    assert.match(headerValues(gone, 'set-cookie')[0], /^__Host-cloche=; .*Secure$/);
  });

  test('nobody registers where that is closed', async () => {
    const answer = await s.api('/auth/register', { method: 'POST', token: null, body: { username: username(), password: 'correct horse' } });
    assertProblem(answer, 403, 'forbidden');
    assert.equal((await s.api('/auth', { token: null })).body.registration, 'closed');
  });

  test('the last admin stays', async () => {
    const { body: { user: admin } } = await s.api('/me');
    assertProblem(await patchUser(s, admin, { role: 'viewer' }), 409, 'last_admin');
    assertProblem(await patchUser(s, admin, { disabled: true }), 409, 'last_admin');
    assert.equal((await s.api('/me')).body.user.role, 'admin');
    const second = await makeUser(s, 'admin');
    assert.equal((await patchUser(s, second, { disabled: true })).status, 200);
    assertProblem(await patchUser(s, admin, { disabled: true }), 409, 'last_admin');
  });

  test('a trusted proxy says whose login it is, and nobody else does', async () => {
    const fail = async (from, forwarded) => (await s.api('/auth/login', {
      method: 'POST', token: null, from, headers: { 'X-Forwarded-For': forwarded }, body: { username: username(), password: 'wrong' },
    })).status;
    const addresses = async (count) => (await s.api(`/audit?limit=${count}`)).body.items.map(({ address }) => address);

    for (let i = 0; i < 8; i++) assert.equal(await fail(PROXY, '203.0.113.7'), 401);
    assert.deepEqual(new Set(await addresses(8)), new Set(['203.0.113.7']));
    // The same client, also with another proxy between, or with an address that it made up itself.
    for (const forwarded of ['203.0.113.7', '203.0.113.7, 10.1.2.3', '203.0.113.9, 203.0.113.7']) {
      assert.equal(await fail(PROXY, forwarded), 429, forwarded);
    }
    assert.equal(await fail(PROXY, '2001:db8::7'), 401, 'another client of the proxy');
    assert.equal(await fail('127.0.0.3', '203.0.113.7'), 401, 'from elsewhere the header says nothing');
    assert.deepEqual(await addresses(2), ['127.0.0.3', '2001:db8::7']);
  });

  // The last two: afterwards this address has no tries left, and then not even requests.
  test('failed logins of an account, then of an address, have to wait, also the right one', async () => {
    const [ann, bob] = [await makeUser(s), await makeUser(s)];
    const as = ({ username: name }, password) => login({ username: name, password });
    const waits = (answer, most) => {
      assertProblem(answer, 429, 'too_many_requests');
      const seconds = Number(answer.headers['retry-after']);
      assert.ok(seconds > 1 && seconds <= most, answer.headers['retry-after']);
    };
    // Many at once are counted, too: three are looked at.
    const wrong = await Promise.all([1, 2, 3, 4, 5].map(() => as(ann, 'wrong')));
    assert.deepEqual(wrong.map(({ status }) => status).sort(), [401, 401, 401, 429, 429]);
    waits(await as(ann, ann.password), 600);
    assert.equal((await as(bob, bob.password)).status, 200, 'another account');
    // Who is right has all tries back.
    for (let i = 0; i < 2; i++) assert.equal((await as(bob, 'wrong')).status, 401);
    assert.equal((await as(bob, bob.password)).status, 200);
    const nobody = { username: username() };
    for (let i = 0; i < 3; i++) assert.equal((await as(nobody, 'wrong')).status, 401);
    waits(await as(nobody, 'wrong'), 600);
    waits(await as(bob, bob.password), 600);
    waits(await login({ token: s.token }), 600);
    assert.equal((await s.api('/me')).status, 200, 'requests with a token are no logins');
  });

  test('nginx bounds the logins of an address, right or wrong', async () => {
    const answers = await Promise.all(Array.from({ length: 22 }, () => login({})));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 10, `${refused.length} were refused`);
    assertProblem(refused[0], 429, 'too_many_requests');
    assert.equal(refused[0].headers['retry-after'], '60');
    assertProblem(await s.api('/auth/%6cogin', { method: 'POST', token: null, body: {} }), 429, 'too_many_requests');
    assert.equal((await s.api('/health', { token: null })).status, 200, 'nothing else is');
  });
});

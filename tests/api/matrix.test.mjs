// Who may do what: every route of the API for every kind of caller, as one table. A route of the C table that is
// missing here fails, and so does a line here that is no route.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { makeToken, makeUser, signIn, username } from '../lib/accounts.mjs';
import { assertProblem } from '../lib/problem.mjs';
import { stack } from '../lib/stack.mjs';

const NO_ID = '0193a000-0000-7000-8000-000000000000';
const SCOPES = ['functions:read', 'functions:write', 'invoke', 'metrics:read'];
const CODE = 'def handler(event):\n    return 1\n';
const PASSWORD = { password: 'correct horse' };

// The columns. All but the first and the last two are sessions; `with` and `without` are tokens of the owner that
// have the scope of the line, or all but that; a developer's token cannot have `admin`, and then has the others.
const CALLERS = ['nobody', 'viewer', 'other', 'owner', 'admin', 'with', 'without'];

// What a line answers to each of them. Of a thing that is not theirs callers learn what they learn of one that is
// not there.
const ANYONE = (status) => [status, status, status, status, status, status, status];
const LOGIN = (status) => [401, status, status, status, status, status, status];
const ADMIN = (status) => [401, 403, 403, 403, status, 403, 403];
const PERSON = (status) => [401, status, status, status, status, 403, 403];
const OWN = (status) => [401, 404, 404, status, 404, 403, 403]; // of a person
const LIST = (status) => [401, status, status, status, status, status, 403]; // what one may see of it
const READ = (status) => [401, status, 404, status, status, status, 403];
const WRITE = (status) => [401, 403, 404, status, status, status, 403];
const MAKE = (status) => [401, 403, status, status, status, status, 403];

const route = (line, scope, statuses, path, body) => ({ line, scope, statuses, path, body });
const TABLE = [
  route('GET /api/auth', null, ANYONE(200)),
  route('POST /api/auth/register', null, ANYONE(201), null, () => ({ username: username(), ...PASSWORD })),
  route('POST /api/auth/login', null, ANYONE(401), null, () => ({ token: 'none' })),
  route('POST /api/auth/logout', null, ANYONE(204)),
  route('GET /api/me', null, LOGIN(200)),
  route('PUT /api/me/password', null, PERSON(422), null, () => ({})),
  route('GET /api/sessions', null, PERSON(200)),
  route('DELETE /api/sessions/{id}', null, OWN(204), () => ownSession()),
  route('GET /api/tokens', null, PERSON(200)),
  route('POST /api/tokens', null, PERSON(201), null, () => ({ name: 'matrix', scopes: ['functions:read'] })),
  route('DELETE /api/tokens/{id}', null, OWN(204), () => ownToken()),
  route('GET /api/users', 'admin', ADMIN(200)),
  route('POST /api/users', 'admin', ADMIN(201), null, () => ({ username: username(), ...PASSWORD })),
  route('PATCH /api/users/{id}', 'admin', ADMIN(200), () => users.owner.id, () => ({ disabled: false })),
  route('GET /api/audit', 'admin', ADMIN(200)),
  route('GET /api/settings', 'admin', ADMIN(200)),
  route('GET /api/functions', 'functions:read', LIST(200)),
  route('POST /api/functions', 'functions:write', MAKE(201), null, () => fields()),
  route('GET /api/functions/{id}', 'functions:read', READ(200), () => kept.id),
  route('PUT /api/functions/{id}', 'functions:write', WRITE(200), () => kept.id, () => fields(kept)),
  route('PATCH /api/functions/{id}', 'functions:write', WRITE(200), () => kept.id, () => ({ note: username() })),
  route('DELETE /api/functions/{id}', 'functions:write', WRITE(204), async () => (await deploy()).id),
  route('GET /api/functions/{id}/versions', 'functions:read', READ(200), () => kept.id),
  route('GET /api/functions/{id}/versions/{n}', 'functions:read', READ(200), () => [kept.id, 1]),
  route('POST /api/functions/{id}/rollback', 'functions:write', WRITE(200), () => kept.id, () => ({ version: 1 })),
  route('POST /api/functions/{id}/execute', 'invoke', WRITE(200), () => kept.id, () => ({})),
  route('POST /api/functions/{id}/compare', 'invoke', WRITE(200), () => kept.id, () => ({ runs: 1 })),
  route('GET /api/functions/{id}/invocations', 'metrics:read', READ(200), () => kept.id),
  route('GET /api/invocations', 'metrics:read', LIST(200)),
  route('GET /api/invocations/{id}', 'metrics:read', READ(200), () => invocation),
  route('POST /api/invocations/{id}/replay', ['invoke', 'metrics:read'], WRITE(200), () => invocation, () => ({})),
  route('GET /api/metrics/system', 'metrics:read', LIST(200)),
  route('GET /api/metrics/functions/{id}', 'metrics:read', READ(200), () => kept.id),
  route('GET /api/metrics/summary', 'metrics:read', LIST(200)),
  route('GET /api/metrics/compare', 'metrics:read', READ(200), () => `?function_id=${kept.id}`),
  route('GET /api/examples', null, LOGIN(200)),
  route('GET /api/openapi.json', null, ANYONE([200, 404])),
  route('GET /api/health', null, ANYONE(200)),
  route('GET /metrics', 'metrics:read', LIST(200)),
];

let s;
let kept; // the owner's function
let invocation; // of it
const users = {};
const browsers = {};
const tokens = {}; // by their scopes

const fields = ({ name = username(), route: at = name } = {}) => ({ name, route: at, language: 'python', code: CODE });
const deploy = () => s.deploy({ ...fields(), token: tokens.all });
const ownSession = async () => (await (await signIn(s, users.owner)).api('/me')).body.session_id;
const ownToken = async () => (await makeToken(browsers.owner, ['invoke'])).id;

async function tokenOf(scopes) {
  tokens[scopes] ??= (await makeToken(browsers.owner, scopes)).token;
  return tokens[scopes];
}

before(async () => {
  s = await stack();
  users.admin = await makeUser(s, 'admin');
  users.viewer = await makeUser(s, 'viewer');
  for (const name of ['owner', 'other']) users[name] = await makeUser(s);
  for (const name of Object.keys(users)) browsers[name] = await signIn(s, users[name]);
  tokens.all = await tokenOf(SCOPES);
  kept = await deploy();
  const { body } = await s.api(`/functions/${kept.id}/execute`, { method: 'POST', token: tokens.all, body: {} });
  invocation = body.invocation_id;
});

/** Sends the request of a line as one of the callers. */
async function send({ line, scope, path, body }, caller) {
  const [method, pattern] = line.split(' ');
  const values = [await path?.() ?? []].flat();
  const query = String(values[0]).startsWith('?') ? values.shift() : '';
  const below = pattern.startsWith('/api/') ? pattern.slice('/api'.length) : `/..${pattern}`;
  const target = below.replace(/\{\w+\}/g, () => values.shift()) + query;
  const options = { method, body: body?.() };
  // These end the browser's session, or begin another, and the lines after them need it.
  const spoils = ['POST /api/auth/logout', 'POST /api/auth/register'].includes(line);
  if (spoils && browsers[caller]) return (await signIn(s, users[caller])).api(target, options);
  if (browsers[caller]) return browsers[caller].api(target, options);
  if (caller === 'nobody') return s.api(target, { ...options, token: null });
  const needed = [scope ?? SCOPES].flat();
  const scopes = SCOPES.filter((name) => needed.includes(name) === (caller === 'with'));
  return s.api(target, { ...options, token: await tokenOf(scopes.length ? scopes : SCOPES) });
}

test('the table has every route, and only routes', () => {
  const source = readFileSync(new URL('../../fcgi/api/routes.c', import.meta.url), 'utf8');
  const routes = [...source.matchAll(/^ *\{"([A-Z]+)", *"([^"]+)",/gm)].map(([, method, path]) => `${method} ${path}`);
  assert.ok(routes.length > 20);
  assert.deepEqual(TABLE.map(({ line }) => line).sort(), routes.sort());
});

for (const line of TABLE) {
  test(line.line, async () => {
    const got = [];
    for (const [i, caller] of CALLERS.entries()) {
      const answer = await send(line, caller);
      const wanted = [line.statuses[i]].flat();
      got.push(`${caller} ${answer.status}${wanted.includes(answer.status) ? '' : ` instead of ${wanted}: ${answer.text.slice(0, 200)}`}`);
      if (answer.status === 401) assert.match(answer.headers['www-authenticate'], /^Bearer/);
      if (answer.status >= 400) assertProblem(answer, answer.status);
    }
    assert.deepEqual(got.filter((text) => text.includes(' instead of ')), []);
  });
}

describe('what is another’s', () => {
  test('is answered as what is not there', async () => {
    const of = TABLE.filter(({ statuses, path }) => path && statuses[CALLERS.indexOf('other')] === 404);
    assert.ok(of.length > 10);
    for (const line of of) {
      const said = [];
      for (const path of [line.path, async () => {
        const [id, ...rest] = [await line.path()].flat();
        return [String(id).startsWith('?') ? `?function_id=${NO_ID}` : NO_ID, ...rest];
      }]) {
        const { request_id: _, ...problem } = assertProblem(await send({ ...line, path }, 'other'), 404);
        said.push(problem);
      }
      assert.deepEqual(said[0], said[1], line.line);
    }
  });

  test('is in nobody’s lists but its owner’s, a viewer’s and an admin’s', async () => {
    const has = {};
    for (const [caller, browser] of Object.entries(browsers)) {
      const lists = await Promise.all([`/functions?q=${kept.name}`, `/invocations?function_id=${kept.id}`].map((path) => browser.api(path)));
      has[caller] = lists.map(({ status, body }) => (status === 404 ? false : body.items.length > 0));
    }
    assert.deepEqual(has, {
      admin: [true, true], viewer: [true, true], owner: [true, true], other: [false, false],
    });
  });
});

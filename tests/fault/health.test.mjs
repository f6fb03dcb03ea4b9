// What /api/health says while a part is away.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ENGINE, privateStack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const SOON_MS = 20_000;

let s;
let hello;

before(async () => {
  s = await privateStack();
  hello = {};
  for (const [language, code] of Object.entries({
    python: 'def handler():\n    return "hello"\n', javascript: "exports.handler = () => 'hello';",
  })) hello[language] = await s.deploy({ language, code });
  await well();
});
after(() => s?.end());

const health = (options) => s.api('/health', { timeout: 10_000, ...options });
// Waits until it is down or up: a Docker daemon that ends makes containers until then.
const service = (command, name) =>
  assert.equal(spawnSync('s6-svc', [`-w${command.at(-1)}`, '-T', '60000', command, join(s.run, 'service', name)]).status, 0);

/** Waits until health answers with this status; the answer. */
const says = (status, wanted, options) => until(async () => {
  const answer = await health(options);
  return answer.status === status && answer.body.status === wanted && answer;
}, `health says ${wanted}`, SOON_MS, 100);
const well = async () => (await says(200, 'ok')).body;
// A keeper that has just begun has no container yet, and without an engine it gets none.
const filled = () => until(async () => (await well()).keeper.pools.every(({ ready }) => ready >= 2), 'full pools', SOON_MS, 100);

/** Waits until a part that calls can do without has a problem; the answer's body. */
const wrong = (part) => until(async () => {
  const { status, body } = await health();
  return status === 200 && body.status === 'degraded' && body[part].problem && body;
}, `${part} has a problem`, SOON_MS, 100);

describe('all is well', () => {
  test('each part is there, without a problem', async () => {
    const { status, problems, ...parts } = await well();
    assert.equal(status, 'ok');
    assert.deepEqual(problems, []);
    assert.deepEqual(Object.keys(parts).sort(), ['database', 'docker', 'engine', 'gvisor', 'journal', 'keeper']);
    for (const [name, { ok, problem }] of Object.entries(parts)) assert.deepEqual([ok, problem], [true, null], name);
  });

  test('whoever has not logged in hears no more than that', async () => {
    assert.deepEqual((await health({ token: null })).body, { status: 'ok' });
  });
});

describe('without', () => {
  test('the database: 503, and anybody hears why', async () => {
    service('-d', 'mariadb');
    try {
      const { body } = await says(503, 'unavailable', { token: null });
      assert.deepEqual(body.problems, ['database: it does not answer, so no login can be checked']);
    } finally {
      service('-u', 'mariadb');
    }
    await well();
  });

  test('the keeper: 503, and what that means', async () => {
    service('-d', 'keeper');
    try {
      const { body } = await says(503, 'unavailable');
      assert.deepEqual(body.problems, ['keeper: it does not answer; no call gets a container']);
      assert.deepEqual([body.keeper.ok, body.database.ok, body.engine], [false, true, undefined]);
      assert.deepEqual((await health({ token: null })).body, { status: 'unavailable' });
    } finally {
      service('-u', 'keeper');
    }
    await well();
  });

  test('the engine: degraded while containers are ready, and so it says', { skip: ENGINE === 'oci' && 'no daemon' }, async () => {
    await filled();
    service('-d', 'dockerd');
    try {
      await s.execute(hello.python); // its container is to be replaced
      const body = await wrong('engine');
      assert.equal(body.engine.problem, 'it does not answer; only containers that are ready can be used');
      assert.ok(body.problems.includes(`engine: ${body.engine.problem}`));
      assert.deepEqual((await health({ token: null })).body, { status: 'degraded' });
    } finally {
      service('-u', 'dockerd');
    }
    await well();
  });

  test('an image: of which language, and what the engine says', { skip: ENGINE === 'oci' && 'no daemon' }, async () => {
    const engine = (method, path) => new Promise((resolve, reject) => {
      const out = http.request({ socketPath: join(s.run, 'docker.sock'), method, path: `/v1.41${path}` }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      });
      out.on('error', reject).end();
    });
    assert.equal(await engine('POST', '/images/cloche-javascript:current/tag?repo=kept&tag=kept'), 201);
    assert.equal(await engine('DELETE', '/images/cloche-javascript:current'), 200);
    try {
      await s.execute(hello.javascript);
      const body = await wrong('docker');
      assert.match(body.docker.problem, /^no container of javascript could be made: .*image/i);
      assert.equal(body.gvisor.ok, true);
      assert.equal((await s.execute(hello.python)).status, 'ok');
    } finally {
      await engine('POST', '/images/kept:kept/tag?repo=cloche-javascript&tag=current');
    }
    await well();
  });
});

describe('a database that takes no records', () => {
  test('how many wait in the journal, and for how long', async () => {
    const locker = spawn('mariadb', ['--no-defaults', `--socket=${join(s.run, 'mysql/mysqld.sock')}`, '--user=root', 'cloche',
      '--execute', 'LOCK TABLES invocations WRITE; SELECT "locked"; DO SLEEP(60)', '--unbuffered', '--skip-column-names'],
    { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await new Promise((resolve) => { locker.stdout.once('data', resolve); });
      assert.equal((await s.fn(hello.python.route)).text, 'hello');
      const body = await wrong('journal');
      assert.match(body.journal.problem, /^1 record waits for the database, the oldest for \d+ s$/);
      assert.deepEqual([body.journal.ok, body.journal.records, body.database.ok], [false, 1, true]);
    } finally {
      locker.kill('SIGKILL');
    }
    await well();
  });
});

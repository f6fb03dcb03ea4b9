// Every process is killed once, by its pid, on a stack of its own. The service comes back without help, calls that
// held a cell finish, and nothing is left over.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as machine from '../lib/machine.mjs';
import { ENGINE, privateStack, SERVICES } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const MB = 1e6;
const BACK_MS = 15_000;
const SETTLED_MS = 30_000;

const withoutDaemon = ENGINE === 'docker' ? false : 'this engine has no daemon';

let s;
const slow = {};
before(async () => {
  s = await privateStack();
  slow.python = await s.deploy({ language: 'python', timeout_ms: 20_000, code: `
import os, time
def handler(event):
    print(os.getuid(), flush=True)
    time.sleep(3)
    return "finished"
` });
  slow.javascript = await s.deploy({ language: 'javascript', timeout_ms: 20_000, code: `
exports.handler = async () => {
  console.log(process.getuid());
  await new Promise((resolve) => setTimeout(resolve, 3000));
  return 'finished';
};
` });
  await settled();
});
after(() => s?.end());

/** A call in its cell, past its first line of log: {result, uid}. `result` never rejects. */
async function running(f, runtime) {
  let started;
  const uid = new Promise((resolve) => { started = resolve; });
  const result = s.api(`/functions/${f.id}/execute`, {
    method: 'POST', body: { runtime }, headers: { Accept: 'application/x-ndjson' },
    onData: (chunk) => {
      const text = /"text":"(\d+)"/.exec(chunk.toString())?.[1];
      if (text) started(Number(text));
    },
  }).then((answer) => {
    started(null);
    // nginx cannot tell a worker that was killed from one that has said all.
    const last = JSON.parse(answer.text.trim().split('\n').at(-1) || '{}');
    return last.event === 'result' ? last : { status: 'no answer' };
  }, (error) => {
    started(null);
    return { status: 'no answer', error };
  });
  assert.ok(await uid, 'the call runs');
  return { result, uid: await uid };
}

const health = async () => (await s.api('/health', { timeout: 3000 })).body;

/** Containers the engine knows, whatever their state. */
function containers() {
  if (ENGINE === 'oci') return readdirSync(join(s.run, 'oci'));
  return new Promise((resolve, reject) => {
    const options = { socketPath: join(s.run, 'docker.sock'), path: '/v1.41/containers/json?all=true', timeout: 3000 };
    const out = http.get(options, (response) => {
      let text = '';
      response.on('data', (chunk) => { text += chunk; });
      response.on('end', () => resolve(JSON.parse(text)));
    });
    out.on('error', reject);
    out.on('timeout', () => out.destroy(new Error('the engine does not answer')));
  });
}

/** Waits until both languages answer, through nginx. */
const back = () => until(async () => {
  const answers = await Promise.all(['hello', 'hello-js'].map((route) => s.fn(`${route}?name=again`, { timeout: 5000 })));
  return answers.every(({ text }) => text === 'Hello, again!');
}, 'the service is back', BACK_MS, 100);

/** Waits until all pools are full and keeper, engine and kernel agree on which cells there are: the ready ones. */
const settled = () => until(async () => {
  const { keeper } = await health();
  const sum = (name) => keeper.pools.reduce((total, pool) => total + pool[name], 0);
  if (sum('leased') || sum('creating') || keeper.queued || keeper.pools.some(({ available, ready }) => available && !ready)) return false;
  const known = await containers();
  const groups = machine.cellGroups(s.cgroup);
  if (known.length !== keeper.cells || groups.length !== keeper.cells) {
    throw new Error(`keeper ${keeper.cells}, engine ${known.length}, control groups ${groups.length}`);
  }
  return true;
}, 'only ready cells are left', SETTLED_MS, 200);

const kill = (pid) => process.kill(pid, 'SIGKILL');

describe('at rest', () => {
  test('the keeper takes less than 15 MB, all workers together less than 60 MB', () => assertSmall());
});

function assertSmall() {
  const keeper = machine.residentBytes(s.pid('keeper'));
  assert.ok(keeper > 0 && keeper < 15 * MB, `keeper ${(keeper / MB).toFixed(1)} MB`);
  const workers = ['api', 'fn'].flatMap((pool) => s.workers(pool)).map(machine.residentBytes);
  const sum = workers.reduce((a, b) => a + b, 0);
  assert.ok(workers.length >= 4 && sum < 60 * MB, `workers ${workers.map((bytes) => (bytes / MB).toFixed(1)).join(' + ')} MB`);
}

describe('kill -9', () => {
  for (const service of ['keeper', 'dockerd', 'containerd', 'mariadb', 'nginx'].filter((name) => SERVICES.includes(name))) {
    test(`of ${service}: calls that held a cell finish, the service is back, nothing is left over`, async () => {
      const calls = [await running(slow.python, 'docker'), await running(slow.javascript, 'docker'), await running(slow.python, 'gvisor')];
      const old = s.pid(service);
      kill(old);
      for (const { result } of calls) {
        const { status, output, error } = await result;
        assert.equal(status, 'ok', String(error?.stack ?? JSON.stringify(error)));
        assert.equal(output, 'finished');
      }
      await back();
      assert.notEqual(s.pid(service), old);
      await settled();
    });
  }

  for (const pool of ['fn', 'api']) {
    test(`of a worker of the ${pool} pool: others go on, its cells end`, async () => {
      const calls = [];
      for (let i = 0; i < 4; i++) calls.push(await running(slow.python, 'docker'));
      const [victim] = s.workers(pool);
      kill(victim);
      await until(() => s.fn('hello?name=again').then(({ text }) => text === 'Hello, again!'), 'the other worker answers', 3000);
      const results = await Promise.all(calls.map(({ result }) => result));
      const statuses = results.map(({ status }) => status);
      if (pool === 'api') assert.deepEqual(statuses, ['ok', 'ok', 'ok', 'ok']);
      for (const [i, status] of statuses.entries()) {
        assert.ok(['ok', 'no answer'].includes(status), `${statuses}`);
        await until(() => machine.cgroupPidsOfUid(s.cgroup, calls[i].uid).length === 0, 'the end of its cell', 3000);
      }
      await until(() => s.workers(pool).length === 2 && !s.workers(pool).includes(victim), 'a new worker', 5000);
      await back();
      await settled();
    });

    test(`of multiwatch of the ${pool} pool: calls finish, its workers do not stay`, async () => {
      const call = await running(slow.python, 'docker');
      const workers = s.workers(pool).map(machine.identify);
      const old = s.pid(pool);
      kill(old);
      const { status, output, error } = await call.result;
      assert.equal(status, 'ok', String(error?.stack ?? JSON.stringify(error)));
      assert.equal(output, 'finished');
      await back();
      assert.notEqual(s.pid(pool), old);
      await until(() => !workers.some(machine.isAlive), 'the end of the orphans', 10_000);
      await settled();
    });
  }

  test('of keeper and dockerd together', { skip: withoutDaemon }, async () => {
    const call = await running(slow.python, 'docker');
    kill(s.pid('dockerd'));
    kill(s.pid('keeper'));
    assert.equal((await call.result).status, 'ok');
    await back();
    await settled();
  });

  test('of the keeper while a deadline runs: it is still kept', async () => {
    const f = await s.deploy({ language: 'python', timeout_ms: 2000, code: slow.python.code.replace('sleep(3)', 'sleep(60)') });
    const { result, uid } = await running(f, 'docker');
    kill(s.pid('keeper'));
    const { status, metrics } = await result;
    assert.equal(status, 'timeout');
    assert.ok(metrics.total_ms - metrics.queue_ms < 2200, `${metrics.total_ms}`);
    await until(() => machine.cgroupPidsOfUid(s.cgroup, uid).length === 0, 'the end of its cell', 5000);
    await back();
    await settled();
  });
});

describe('an engine that stands still (dockerd stopped by SIGSTOP)', { skip: withoutDaemon }, () => {
  let engine;
  before(async () => {
    slow.endless = await s.deploy({ language: 'javascript', timeout_ms: 700, code: 'exports.handler = () => { console.log(process.getuid()); for (;;); };' });
    // Two ready cells of each kind, so that no call below waits for a launch.
    await until(async () => (await health()).keeper.pools.every(({ ready }) => ready >= 2), 'full pools', SETTLED_MS, 200);
    engine = s.pid('dockerd');
    process.kill(engine, 'SIGSTOP');
  });
  after(() => process.kill(engine, 'SIGCONT'));

  test('ready cells are granted within 10 ms', async () => {
    for (const runtime of ['docker', 'gvisor']) {
      const queue = [];
      for (let ready = 2; ready > 0; ready--) {
        const { status, start, metrics } = await s.execute(await s.example('hello'), { runtime });
        assert.equal(status, 'ok');
        assert.equal(start, 'prewarmed');
        queue.push(metrics.queue_ms);
      }
      // One of them may be held up by the machine, but not both.
      assert.ok(Math.min(...queue) < 10, `${runtime}: ${queue} ms`);
    }
  });

  test('deadlines still kill', async () => {
    for (const runtime of ['docker', 'gvisor']) {
      const { result, uid } = await running(slow.endless, runtime);
      const cell = s.cellOfUid(uid);
      assert.ok(cell.length > 0);
      const { status, metrics } = await result;
      assert.equal(status, 'timeout');
      assert.ok(metrics.total_ms - metrics.queue_ms <= 750, `${metrics.total_ms}`);
      await until(() => !cell.some(machine.isAlive), 'the end of its processes', 1000, 5);
    }
  });

  test('and then goes on as if nothing had been', async () => {
    process.kill(engine, 'SIGCONT');
    await back();
    await settled();
    assert.equal(s.pid('dockerd'), engine);
  });
});

describe('an engine that has lost gVisor', { skip: withoutDaemon }, () => {
  let whole;
  const path = () => join(s.run, 'conf/daemon.json');
  const available = async () => (await health()).keeper.pools.filter(({ runtime }) => runtime === 'gvisor').every((pool) => pool.available);

  async function restartEngine(config, gvisor) {
    writeFileSync(path(), JSON.stringify(config));
    kill(s.pid('dockerd'));
    await until(containers, 'the engine is back', BACK_MS, 100);
    kill(s.pid('keeper')); // a new one asks the engine at once what it has
    await until(async () => await available() === gvisor, `gVisor is available: ${gvisor}`, BACK_MS, 100);
  }

  before(async () => {
    whole = JSON.parse(readFileSync(path(), 'utf8'));
    const { runtimes: _, ...without } = whole;
    await restartEngine(without, false);
  });
  after(async () => {
    await restartEngine(whole, true);
    await settled();
  });

  test('says so to who calls, and in the record', async () => {
    const f = await s.deploy({ language: 'python', runtime: 'gvisor', code: 'def handler():\n    return 1\n' });
    const answer = await s.fn(f.route);
    assert.equal(answer.status, 503);
    assert.equal(answer.body.code, 'runtime_unavailable');
    const record = await s.record(f, answer.headers['x-request-id']);
    assert.deepEqual([record.status, record.error.type, record.http_status], ['rejected', 'RuntimeUnavailable', 503]);
    assert.equal((await s.execute(f, { runtime: 'docker' })).output, 1);
  });

  test('compares with what is there', async () => {
    const f = await s.deploy({ language: 'python', code: 'def handler():\n    return "compared"\n' });
    const { status, body } = await s.api(`/functions/${f.id}/compare`, { method: 'POST', body: { runs: 2 } });
    assert.equal(status, 200);
    assert.deepEqual(body.available, { docker: true, gvisor: false });
    assert.deepEqual(body.runs.docker.map(({ output }) => output), ['compared', 'compared']);
    assert.deepEqual(body.runs.gvisor.map(({ error }) => error.type), ['RuntimeUnavailable']);
    assert.ok(body.medians.docker.total_ms > 0);
    assert.equal(body.medians.gvisor, null);
    assert.equal(body.outputs_equal, null);
  });
});

describe('a client that hangs up', () => {
  for (const runtime of ['docker', 'gvisor']) {
    test(`ends its cell, and the record says cancelled: ${runtime}`, async () => {
      const f = await s.deploy({ language: 'python', runtime, timeout_ms: 20_000, code: slow.python.code.replace('sleep(3)', 'sleep(60)') });
      const leased = async () => (await health()).keeper.pools.reduce((sum, pool) => sum + pool.leased, 0);
      const hangUp = new AbortController();
      const call = s.fn(f.route, { signal: hangUp.signal }).catch((error) => error);
      await until(async () => await leased() === 1, 'the call has its cell', 10_000);
      hangUp.abort();
      assert.equal((await call).name, 'AbortError');
      await until(async () => await leased() === 0, 'its cell is ended', 3000);
      const record = await until(async () => (await s.api(`/functions/${f.id}/invocations`)).body.items[0], 'its record', 5000);
      assert.equal(record.status, 'cancelled');
      assert.equal(record.error.type, 'ClientClosed');
      assert.equal(record.http_status, 499);
      await settled();
    });
  }
});

describe('after all that', () => {
  test('memory is still small', async () => {
    await back();
    assertSmall();
  });
  test('make down leaves nothing', () => assert.deepEqual(s.end(), []));
});

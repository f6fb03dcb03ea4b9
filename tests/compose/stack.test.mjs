// The stack in containers: what clients see is what they see of any other, whatever is killed comes back, and nothing is
// left behind; on an engine that makes the cells, and on one that cannot.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ComposeStack } from '../lib/compose.mjs';
import { cellGroups } from '../lib/machine.mjs';
import { until } from '../lib/until.mjs';

const BACK_MS = 10_000;
// Those that look at nothing but answers; not audit, which knows the client's address, here that of the engine's proxy.
const API = ['compare', 'examples', 'functions', 'hostile', 'http', 'isolation', 'metrics', 'openapi', 'prometheus', 'replay'];

let s;
before(async () => {
  s = await ComposeStack.start();
  await s.up();
});
after(() => s?.end());

describe('in containers', () => {
  test('all parts serve, on both runtimes', async () => {
    const { status, body } = await s.api('/health');
    assert.equal(status, 200);
    assert.deepEqual(body.problems, []);
    assert.equal((await s.fn('hello?name=Bob')).text, 'Hello, Bob!');
    for (const runtime of ['docker', 'gvisor']) {
      const f = await s.deploy({ language: 'python', runtime, code: 'def handler():\n    return 1\n' });
      const { status: came, metrics } = await s.execute(f);
      assert.equal(came, 'ok', runtime);
      assert.ok(metrics.cpu_ms > 0 && metrics.memory_peak_bytes > 0, 'figures come from the control groups of the machine');
    }
  });

  test('limits hold: time and memory', async () => {
    const sleeper = await s.deploy({ language: 'python', timeout_ms: 300, code: 'import time\ndef handler():\n    time.sleep(60)\n' });
    assert.equal((await s.execute(sleeper)).status, 'timeout');
    const eater = await s.deploy({ language: 'python', memory_mb: 64, timeout_ms: 20_000, code: 'def handler():\n    return len(bytearray(256 << 20))\n' });
    assert.equal((await s.execute(eater)).status, 'oom');
  });

  test('the tests of the API pass', () => {
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
    const files = API.map((name) => fileURLToPath(new URL(`../api/${name}.test.mjs`, import.meta.url)));
    const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-concurrency=1', ...files], {
      encoding: 'utf8', maxBuffer: 64 << 20,
      env: { ...environment, CLOCHE_TEST_URL: s.url, CLOCHE_TEST_TOKEN: s.token, CLOCHE_TEST_HOME: s.home, CLOCHE_TEST_RUN: s.run },
    });
    assert.equal(status, 0, stdout.split('\n').filter((line) => /^\s*(not ok|error:|# Subtest)/.test(line)).join('\n'));
  });
});

describe('killed', () => {
  const answered = [];
  const call = async () => {
    const { status, headers } = await s.fn('hello', { timeout: 10_000 });
    if (status === 200) answered.push(headers['x-request-id']);
    return status === 200;
  };
  const serves = async () => (await s.api('/functions?limit=1')).status === 200 && call();

  for (const service of ['database', 'keeper', 'api', 'fn', 'nginx']) {
    test(`${service} is back`, async (t) => {
      for (let i = 0; i < 5; i++) assert.ok(await call());
      const { State: { Pid: pid } } = s.container(service);
      process.kill(pid, 'SIGKILL');
      const began = performance.now();
      await until(() => s.container(service).State.Pid !== pid, `another process of ${service}`, BACK_MS);
      await until(() => serves().catch(() => false), 'calls and the API', BACK_MS);
      const took = performance.now() - began;
      t.diagnostic(`${service}: serves again after ${Math.round(took)} ms`);
      assert.ok(took < BACK_MS, `${took} ms`);
    });
  }

  test('a function changed after that is the changed one', async () => {
    const f = await s.deploy({ language: 'python', code: 'def handler():\n    return "old"\n' });
    assert.equal((await s.fn(f.route)).text, 'old');
    const { State: { Pid: pid } } = s.container('keeper');
    process.kill(pid, 'SIGKILL');
    await until(() => s.container('keeper').State.Pid !== pid, 'another keeper', BACK_MS);
    await until(() => s.replace(f, { code: 'def handler():\n    return "new"\n' }).catch(() => false), 'the change', BACK_MS);
    assert.equal((await s.fn(f.route)).text, 'new');
  });

  test('no call that was answered is without its record', async () => {
    assert.ok(answered.length >= 30);
    for (const id of answered) {
      await until(async () => (await s.api(`/invocations/${id}`)).status === 200, `the record of ${id}`, 40_000);
    }
  });
});

test('down -v leaves nothing', () => {
  s.compose('down', '-v');
  assert.deepEqual(s.left(), []);
});

// The images are those from above. What differs is the keeper: it makes the cells, by the runtimes in its own image.
describe('on an engine whose control groups are those of systemd', () => {
  const CODE = {
    python: 'import os\ndef handler(event):\n    return [event, os.getuid()]\n',
    javascript: 'exports.handler = (event) => [event, process.getuid()];\n',
  };
  const SLEEP = { python: 'import time\ndef handler(s):\n    time.sleep(s)\n    return "slept"\n' };

  before(() => s.up('systemd'));

  test('the keeper makes the cells itself, and says why', async () => {
    const log = s.compose('logs', '--no-color', 'keeper');
    assert.match(log, /engine = oci, since the Docker engine has the control group driver systemd/);
    assert.match(log, /"cells are made by this program","runtime":"docker","program":"crun"/);
    assert.match(log, /"cells are made by this program","runtime":"gvisor","program":"runsc"/);
    const { status, body } = await s.api('/health');
    assert.equal(status, 200);
    assert.deepEqual(body.problems, []);
    assert.ok(cellGroups(s.cgroup).length > 0);
    assert.deepEqual(s.cells(), []);
  });

  for (const language of Object.keys(CODE)) {
    for (const runtime of ['docker', 'gvisor']) {
      test(`${language} on ${runtime}`, async () => {
        const f = await s.deploy({ language, runtime, code: CODE[language] });
        const { status, output: [event, uid], metrics } = await s.execute(f, { input: 'in' });
        assert.equal(status, 'ok');
        assert.equal(event, 'in');
        assert.ok(uid >= 700000, `${uid}`);
        assert.ok(metrics.cpu_ms > 0 && metrics.memory_peak_bytes > 0, 'figures come from the control groups of the machine');
        const late = await s.deploy({ language, runtime, timeout_ms: 300, code: language === 'python' ? 'def handler():\n    while True: pass\n' : 'exports.handler = () => { for (;;); };\n' });
        assert.equal((await s.execute(late)).status, 'timeout');
      });
    }
  }

  test('limits hold: memory', async () => {
    const eater = await s.deploy({ language: 'python', memory_mb: 64, timeout_ms: 20_000, code: 'def handler():\n    return len(bytearray(256 << 20))\n' });
    assert.equal((await s.execute(eater)).status, 'oom');
  });

  test('a call outlives the keeper; the cells that wait do not', async () => {
    const f = await s.deploy({ language: 'python', timeout_ms: 30_000, code: SLEEP.python });
    const before = cellGroups(s.cgroup);
    const call = s.execute(f, { input: 4 });
    await until(async () => (await s.api('/health')).body.keeper.pools.some(({ leased }) => leased), 'the call has its cell');
    const { State: { Pid: pid } } = s.container('keeper');
    process.kill(pid, 'SIGKILL');
    await until(() => s.container('keeper').State.Pid !== pid, 'another keeper', BACK_MS);
    const { status, output } = await call;
    assert.equal(`${status} ${output}`, 'ok slept');
    await until(() => !cellGroups(s.cgroup).some((cell) => before.includes(cell)), 'the end of the cells before', 30_000);
    assert.equal((await s.fn('hello?name=again')).text, 'Hello, again!');
  });

  test('down -v leaves nothing', () => {
    s.compose('down', '-v');
    assert.deepEqual(s.left(), []);
  });
});

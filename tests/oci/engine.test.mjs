// The engine without a daemon: what the keeper does itself, and leaves behind. Run with CLOCHE_TEST_ENGINE=oci.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as machine from '../lib/machine.mjs';
import { stack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const STATUS = fileURLToPath(new URL('../../docker/stack/status.sh', import.meta.url));
const SLOW = 'import time\ndef handler(seconds):\n    time.sleep(seconds)\n    return "finished"\n';

let s;
before(async () => { s = await stack(); });

const keeper = async () => (await s.api('/health')).body.keeper;
const records = () => readdirSync(join(s.run, 'oci'));

/** Only ready cells, and keeper, records and control groups agree on them. */
const settled = () => until(async () => {
  const { cells, pools } = await keeper();
  if (pools.some(({ creating, leased, ready }) => creating || leased || !ready)) return false;
  if (records().length !== cells || machine.cellGroups(s.cgroup).length !== cells) {
    throw new Error(`keeper ${cells}, records ${records()}, control groups ${machine.cellGroups(s.cgroup)}`);
  }
  return true;
}, 'only ready cells are left', 30_000, 50);

const leased = () => until(async () => (await keeper()).pools.some((pool) => pool.leased), 'the call has its cell', 10_000, 10);

describe('the engine oci', () => {
  test('needs no Docker: make status shows none, and none runs', () => {
    const { status, stdout } = spawnSync(STATUS, { env: { PATH: process.env.PATH, CLOCHE_HOME: s.home, CLOCHE_RUN: s.run }, encoding: 'utf8' });
    assert.equal(status, 0, stdout);
    assert.doesNotMatch(stdout, /dockerd|containerd/);
    const ours = machine.pids().map(machine.commandLine).filter((line) => line.includes(s.run));
    assert.deepEqual(ours.filter((line) => /dockerd|containerd/.test(line)), []);
  });

  test('says which programs make its cells', () => {
    const log = readFileSync(join(s.home, 'log/keeper/current'), 'utf8');
    assert.match(log, /"cells are made by this program","runtime":"docker","program":"(crun|runc)"/);
  });

  test('keeps its records to root, and none of cells that are gone', async () => {
    assert.equal(statSync(join(s.run, 'oci')).mode & 0o777, 0o700);
    for (let i = 0; i < 5; i++) assert.equal((await s.fn('hello?name=oci')).text, 'Hello, oci!');
    await settled();
  });

  test('gives all cells one image that nobody can write to', () => {
    const roots = machine.bundles(s.run).map(({ root }) => root);
    assert.ok(roots.length > 1 && roots.every(({ readonly }) => readonly));
    const folders = new Set(roots.map(({ path }) => path));
    assert.ok(folders.size <= 2, `${[...folders]}`);
    for (const folder of folders) {
      assert.ok(folder.startsWith(join(s.home, 'images/')), folder);
      assert.deepEqual(readdirSync(join(folder, 'dev')), []);
    }
  });

  test('kill -9 of the keeper: the call that held a cell finishes, the others are removed', async () => {
    const f = await s.deploy({ language: 'python', timeout_ms: 20_000, code: SLOW });
    const call = s.execute(f, { input: 4 });
    await leased();
    const before = records();
    const old = s.pid('keeper');
    process.kill(old, 'SIGKILL');
    assert.equal((await call).output, 'finished');
    await until(() => s.fn('hello?name=again').then(({ text }) => text === 'Hello, again!'), 'the service is back', 15_000, 50);
    await settled();
    assert.notEqual(s.pid('keeper'), old);
    assert.deepEqual(records().filter((name) => before.includes(name)), []);
  });
});

// The start-up snapshot that a JavaScript cell begins with: the same Node as without, and no two cells alike.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { callOnce } from '../lib/cell.mjs';

const folder = mkdtempSync(join(tmpdir(), 'cloche-snapshot-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const result = async (code, how) => JSON.parse((await callOnce('javascript', code, {}, {}, how)).text);

test('begins with a snapshot, or as one file on another processor', async () => {
  const code = `const { _cache } = require('module');
exports.handler = () => Object.keys(_cache).map((file) => file.slice(file.lastIndexOf('/') + 1));`;
  assert.deepEqual(await result(code), []);
  assert.deepEqual(await result(code, { elsewhere: true }), ['bundled.js']);
});

// All of it is Node's business, and comes out of a heap that was made in another process.
test('is the same Node with a snapshot and without', async () => {
  const code = `
const { execFileSync, fork } = require('child_process');
const { writeFileSync } = require('fs');
const { Worker } = require('worker_threads');
const said = (from) => new Promise((resolve, reject) => from.on('message', resolve).on('error', reject).on('exit', reject));
exports.handler = async () => {
  writeFileSync('${folder}/child.js', 'process.send(process.execArgv)');
  writeFileSync('${folder}/module.mjs', 'import fs from "fs"; export const read = typeof fs.readFileSync;');
  const { heap_size_limit } = require('v8').getHeapStatistics();
  return {
    arguments: [process.execArgv, process.argv.slice(1)],
    fork: await said(fork('${folder}/child.js')),
    worker: await said(new Worker(\`
      const { parentPort } = require('worker_threads');
      require('child_process').fork('${folder}/child.js').on('message', (said) => parentPort.postMessage(said));\`, { eval: true })),
    exec: execFileSync(process.execPath, ['-p', '1 + 1']).toString(),
    imports: [(await import('node:path')).join('a', 'b'), (await import('${folder}/module.mjs')).read,
      (await import('data:text/javascript,export default 5')).default],
    globals: Object.getOwnPropertyNames(globalThis).sort(),
    process: Object.getOwnPropertyNames(process).filter((name) => name !== 'mainModule').sort(), // which would be the runner
    environment: process.env,
    listeners: process.eventNames().map((name) => [name, process.listenerCount(name)]),
    clock: [Math.abs(Date.now() - performance.timeOrigin - performance.now()) < 1000, process.uptime() < 60,
      process.pid === Number(require('fs').readlinkSync('/proc/self'))],
    locale: [new Intl.NumberFormat('de').format(1234.5), new Date(0).toString()],
    heap_size_limit, title: process.title, webassembly: typeof WebAssembly, fetch: typeof fetch,
  };
};`;
  const [snapshot, file] = [await result(code), await result(code, { elsewhere: true })];
  assert.deepEqual(snapshot, file);
  assert.deepEqual(snapshot.clock, [true, true, true]);
  assert.deepEqual(snapshot.imports, ['a/b', 'function', 5]);
});

test('cells of one snapshot have chance of their own', async () => {
  const code = `const crypto = require('crypto');
exports.handler = () => [Math.random(), crypto.randomUUID(), crypto.randomInt(2 ** 40), crypto.randomBytes(8).toString('hex')];`;
  const cells = await Promise.all([1, 2, 3, 4].map(() => result(code)));
  for (const kind of [0, 1, 2, 3]) assert.equal(new Set(cells.map((values) => values[kind])).size, 4, JSON.stringify(cells));
});

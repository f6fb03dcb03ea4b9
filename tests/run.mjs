// Runs test suites on one real stack: node tests/run.mjs SUITE…   (api, attack, fault, browser, package, or test files)
//
// The stack is started once, by the scripts a user runs, and named in the environment of the tests. Tests that
// break a stack start one of their own below the same folder. Whatever happens, all of them are ended, and what
// they leave on the machine counts as a failure. Ends with the sum line `N passed, N failed`.

import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { children, identify, isAlive } from './lib/machine.mjs';
import { ENGINE, endForgotten, freePort, OwnStack } from './lib/stack.mjs';

const TESTS = fileURLToPath(new URL('.', import.meta.url));
const NEEDS_NO_SHARED_STACK = /\/(fault|compose|package)\/|\/docs\/(pages|language)\./;
const FILE_TIMEOUT_MS = 10 * 60_000;
const LONG_TIMEOUT_MS = 60 * 60_000; // the first one builds all images from nothing

const seconds = (began) => `${((performance.now() - began) / 1000).toFixed(1)} s`;

// Hundreds of calls, each in a cell of its own: the suite oci runs them, whose engine makes cells fastest.
const MANY_CELLS = ['examples.test.mjs', 'execution.test.mjs', 'failures.test.mjs'];
// Whole systems, for make test-all alone.
const LONG = { compose: ['stack.test.mjs'], package: ['machine.test.mjs', 'unified.test.mjs'] };
const isElsewhere = (suite, name) => !process.env.CLOCHE_TEST_LONG &&
  (suite === 'api' ? MANY_CELLS.includes(name) && ENGINE === 'docker' : LONG[suite]?.includes(name));
const isLong = (file) => Object.entries(LONG).some(([suite, names]) => names.some((name) => file.endsWith(`/${suite}/${name}`)));

function filesOf(suite) {
  if (existsSync(suite) && suite.endsWith('.mjs')) return [resolve(suite)];
  const folder = join(TESTS, suite);
  if (!existsSync(folder)) throw new Error(`there is no suite ${suite}`);
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.mjs') && !isElsewhere(suite, name))
    .sort().map((name) => join(folder, name));
  if (suite === 'browser' && !existsSync(join(TESTS, 'node_modules/playwright-core'))) {
    process.stdout.write('skipped: browser, its packages are not installed (npm ci in tests/)\n');
    return [];
  }
  return files;
}

const counts = { passed: 0, failed: 0 };
let current = null;

/** Runs one file; prints a line for it and every failure in full. */
async function runFile(file, folder) {
  const began = performance.now();
  const name = relative(TESTS, file);
  const before = { ...counts };
  current = new AbortController();
  const stream = run({ files: [file], concurrency: 1, timeout: isLong(file) ? LONG_TIMEOUT_MS : FILE_TIMEOUT_MS, signal: current.signal });
  const path = [];
  for await (const { type, data } of stream) {
    if (type === 'test:start') path[data.nesting] = data.name;
    if (type === 'test:stderr' || type === 'test:stdout') process.stderr.write(data.message);
    // A test's own figures; those of the runner have no nesting, but for what failed outside of all tests.
    if (type === 'test:diagnostic' && (data.nesting > 0 || data.message.startsWith('Error'))) process.stdout.write(`      ${data.message}\n`);
    // The file itself is reported as a test too; it matters only when it failed as a whole.
    const container = data?.details?.type === 'suite' || data?.name === file || data?.name === relative(process.cwd(), file);
    if (type === 'test:pass' && !container && data.skip === undefined) counts.passed++;
    if (type === 'test:pass' && data.skip !== undefined) process.stdout.write(`skipped: ${data.name}: ${data.skip}\n`);
    if (type === 'test:fail' && data.details?.error?.failureType !== 'subtestsFailed') {
      counts.failed++;
      report([...path.slice(0, data.nesting), data.name].join(' › '), data);
    }
  }
  const passed = counts.passed - before.passed;
  const failed = counts.failed - before.failed;
  process.stdout.write(`${failed ? 'FAIL' : ' ok '}  ${name.padEnd(36)} ${String(passed).padStart(4)} passed` +
    `${failed ? `, ${failed} failed` : ''}  ${seconds(began)}\n`);
}

const told = new Set();

// A hook that fails takes all tests below it along, each with the same error: it is shown once.
function report(title, { details, file }) {
  const { error } = details;
  if (error?.failureType === 'cancelledByParent') return;
  const cause = error?.cause ?? error;
  process.stdout.write(`\nFAIL  ${title}\n      ${relative(TESTS, file ?? '')}\n`);
  const text = `${withoutNode(cause)}${cause?.cause ? `because: ${withoutNode(cause.cause)}` : ''}`;
  process.stdout.write(told.has(text) ? 'the same as above\n\n' : `${text}\n`);
  told.add(text);
}

const withoutNode = (error) =>
  `${String(error?.stack ?? error?.message ?? error).split('\n').filter((line) => !line.includes('node:internal')).join('\n')}\n`;

// A test file that was interrupted ends its own stacks; only what is there after that was forgotten.
function waitForTests() {
  const running = children(process.pid).map(identify);
  const end = performance.now() + 60_000;
  while (running.some(isAlive) && performance.now() < end) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

async function main(suites) {
  if (process.getuid() !== 0) throw new Error('these tests start a stack, which needs root; run them with sudo');
  const files = suites.flatMap(filesOf);
  if (files.length === 0) return;
  const folder = mkdtempSync(join(tmpdir(), 'cloche-test-'));
  chmodSync(folder, 0o711); // other users must get through to the sockets
  let shared = null;
  const end = () => {
    const left = shared?.end() ?? [];
    waitForTests();
    left.push(...endForgotten(folder));
    shared = null;
    rmSync(folder, { recursive: true, force: true });
    return left;
  };
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
    process.once(signal, () => {
      process.stdout.write(`\n${signal}: ending the stack\n`);
      current?.abort();
      end();
      process.exit(code);
    });
  }
  process.env.CLOCHE_TEST_FOLDER = folder;
  try {
    if (files.some((file) => !NEEDS_NO_SHARED_STACK.test(file))) {
      const began = performance.now();
      shared = new OwnStack(join(folder, 's'), await freePort());
      await shared.up();
      process.stdout.write(` up   ${shared.url}  ${seconds(began)}\n`);
      const { url, token, home, run: runFolder } = shared;
      Object.assign(process.env, {
        CLOCHE_TEST_URL: url, CLOCHE_TEST_TOKEN: token, CLOCHE_TEST_HOME: home, CLOCHE_TEST_RUN: runFolder,
      });
    }
    for (const file of files) await runFile(file);
    if (counts.failed && shared) process.stdout.write(`\nthe logs of ${shared.url} end in\n${shared.logTails()}\n`);
  } finally {
    const began = performance.now();
    const left = end();
    counts.failed += left.length;
    process.stdout.write(`${left.length ? 'FAIL' : 'down'}  ${left.length ? left.join('\n      ') : 'nothing is left over'}  ${seconds(began)}\n`);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  counts.failed++;
  process.stdout.write(`FAIL  ${error.message}\n`);
}
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
process.exit(counts.failed || counts.passed === 0 ? 1 : 0);

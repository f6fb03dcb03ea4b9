// docs/adding-a-language.md, followed to the letter in a copy of the sources.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Cell } from '../lib/cell.mjs';
import { Page, ROOT } from '../lib/markdown.mjs';

const PARTS = ['fcgi', 'docker', 'html', 'nginx', 'sql', 'tests', 'Makefile'];
const LONG = process.env.CLOCHE_TEST_LONG ? false : 'builds and starts a whole stack: make test-all';
const page = new Page('docs/adding-a-language.md');
let copy;

// What is compiled already need not be compiled again; the packages of npm and the bases of the images are those of
// the original.
function copySources() {
  for (const part of [...PARTS, 'build/release/fcgi'].filter((one) => existsSync(join(ROOT, one)))) {
    cpSync(join(ROOT, part), join(copy, part), {
      recursive: true, preserveTimestamps: true, filter: (path) => !['node_modules', '__pycache__'].includes(basename(path)),
    });
  }
  symlinkSync(join(ROOT, 'html/node_modules'), join(copy, 'html/node_modules'));
  mkdirSync(join(copy, 'build/images'), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'build/images')).filter((file) => file.endsWith('.tar'))) {
    symlinkSync(join(ROOT, 'build/images', name), join(copy, 'build/images', name));
  }
}

// A diff changes a file, everything else is one.
function follow({ language, info, text }) {
  const target = join(copy, info);
  if (language !== 'diff') {
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    return;
  }
  const { status, stdout } = spawnSync('patch', ['--batch', '--fuzz=0', '--no-backup-if-mismatch', target], { input: text, encoding: 'utf8' });
  assert.equal(status, 0, `${page.path}: the change of ${info} does not fit any more: ${stdout}`);
}

before(() => {
  copy = mkdtempSync(join(process.env.CLOCHE_TEST_FOLDER ?? tmpdir(), 'language-'));
  copySources();
  page.blocks.filter(({ info }) => info).forEach(follow);
});
after(() => rmSync(copy, { recursive: true, force: true }));

describe('a third language', () => {
  test('takes three places', () => {
    const places = page.blocks.map(({ info }) => info).filter(Boolean).map((info) => info.replace(/^(docker\/\w+)\/.*/, '$1'));
    assert.deepEqual([...new Set(places)], ['fcgi/core/languages.h', 'docker/perl', 'html/openapi.json']);
  });

  test('its runner answers, and says what went wrong', async () => {
    const cell = await Cell.start('perl', join(copy, 'docker'));
    assert.equal((await cell.next()).type, 'HELLO');
    cell.init({ code: 'sub handler { my ($event) = @_; die "no name\\n" if !$event->{name}; print STDERR "called\\n"; { hello => $event->{name} } }' });
    assert.deepEqual(await cell.next().then(({ type, payload }) => [type, String(payload)]), ['READY', '{"script":false}']);
    cell.invoke({ source: 'value', event: { name: 'Bäuerin' } });
    const { head, body, end } = await cell.answer();
    assert.deepEqual([head.status, JSON.parse(body), end.reusable], [200, { hello: 'Bäuerin' }, true]);
    cell.invoke({ source: 'none' });
    assert.deepEqual((await cell.answer()).error, { type: 'Error', message: 'no name\n', stack: 'no name\n' });
    await cell.close();
    assert.equal(cell.logs.stderr, 'called\n');
  });

  test('is built, deployed and called on both runtimes', { skip: LONG }, async (t) => {
    delete process.env.CLOCHE_BIN_DIR; // of the original
    execFileSync('make', ['-C', copy, '-j2', 'all', 'build/release/unit/api_openapi_test'], { stdio: 'pipe' });
    execFileSync(join(copy, 'build/release/unit/api_openapi_test'), { cwd: copy, stdio: 'pipe' });

    const { privateStack } = await import(pathToFileURL(join(copy, 'tests/lib/stack.mjs')));
    const stack = await privateStack();
    t.after(() => assert.deepEqual(stack.end(), []));
    const code = 'sub handler { my ($event) = @_; print "called\\n"; return "Hello, $event->{name}, from Perl!" }';
    for (const runtime of ['docker', 'gvisor']) {
      const fn = await stack.deploy({ language: 'perl', runtime, code, timeout_ms: 10_000 });
      const { status, text } = await stack.fn(`${fn.route}?name=Bob`);
      assert.deepEqual([status, text], [200, 'Hello, Bob, from Perl!']);
      const { output, logs, runtime: ran } = await stack.execute(fn, { input: { name: 'Eve' } });
      assert.deepEqual([output, logs.map((line) => line.text), ran], ['Hello, Eve, from Perl!', ['called'], runtime]);
    }
  });
});

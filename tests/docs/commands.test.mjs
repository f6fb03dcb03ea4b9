// Runs what the pages tell people to type: the `sh` blocks of a page in order, in one shell, on a real stack. A block
// without a file's name that comes next, of any other language, is what it prints. docs/contributing.md tells how to write them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { Page } from '../lib/markdown.mjs';
import { stack } from '../lib/stack.mjs';

const PAGES = ['README.md', ...['tutorial', 'functions', 'deploy', 'lambda', 'tune', 'api', 'accounts', 'records'].map((name) => `docs/${name}.md`)];
const URL_IN_PAGES = 'http://127.0.0.1:8080';
const HOME_IN_PAGES = '/var/lib/cloche';
const OUTPUT = ['text', 'json'];
const TIMEOUT_MS = 60_000;

let s, base, others;
before(async () => {
  s = await stack();
  base = mkdtempSync(join(tmpdir(), 'cloche-docs-'));
  others = new Set(await ids());
});
// Pages use the same routes.
afterEach(async () => {
  for (const id of await ids()) if (!others.has(id)) await s.remove({ id });
});
after(() => rmSync(base, { recursive: true, force: true }));

const ids = async () => (await s.api('/functions?limit=100')).body.items.map(({ id }) => id);

// ---- what is run

const stepsOf = ({ blocks }) => blocks.flatMap((block, i) => {
  if (block.language !== 'sh') return [];
  const next = blocks[i + 1];
  return [{ ...block, expected: next && OUTPUT.includes(next.language) && !next.info.includes('/') ? next : null }];
});

// Each step in braces, so that its variables stay, with an output of its own.
function scriptOf(steps, folder) {
  const parts = steps.map(({ text }, i) => `{\n${text}} >${folder}/${i}.out 2>&1\n`);
  return `set -eo pipefail\n${parts.join('')}`.replaceAll(URL_IN_PAGES, s.url).replaceAll(HOME_IN_PAGES, s.home);
}

// As at a terminal: curl shows no progress. Tests are root, who may have no sudo.
function furnish(folder) {
  writeFileSync(join(folder, '.curlrc'), 'no-progress-meter\n');
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/sudo'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
}

function run(page) {
  const folder = mkdtempSync(join(base, 'page-'));
  const steps = stepsOf(page);
  furnish(folder);
  for (const { info, text } of page.blocks) if (/^[\w-]+\.\w+$/.test(info)) writeFileSync(join(folder, info), text);
  const { status } = spawnSync('bash', ['-c', scriptOf(steps, folder)], {
    cwd: folder, timeout: TIMEOUT_MS, env: { PATH: `${folder}/bin:${process.env.PATH}`, HOME: folder, LC_ALL: 'C.UTF-8', no_proxy: '*' },
  });
  const printed = (i) => (existsSync(`${folder}/${i}.out`) ? readFileSync(`${folder}/${i}.out`, 'utf8') : null);
  return { status, results: steps.map((step, i) => ({ ...step, out: printed(i) })) };
}

// ---- what it prints

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const ANY = [
  [new RegExp(UUID, 'g'), UUID],
  [/\d{4}-\d\d-\d\dT[\d:\\.]+Z/g, '\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z'],
  [/…/g, '.*?'],
];

// With the word `figures` behind its language a block's numbers stand for any.
function patternOf({ text, info }) {
  let pattern = text.trimEnd().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  for (const [placeholder, any] of ANY) pattern = pattern.replace(placeholder, any);
  if (info === 'figures') pattern = pattern.replace(/\d+(?:\\\.\d+)?/g, '[\\d.]+');
  return new RegExp(`^${pattern}$`);
}

for (const page of PAGES.map((path) => new Page(path)).filter((one) => stepsOf(one).length)) {
  test(page.path, () => {
    const { status, results } = run(page);
    results.forEach(({ line, text, expected, out }, i) => {
      const at = `${page.path}:${line}`;
      assert.notEqual(out, null, `${at} was not reached`);
      const last = i === results.length - 1 || results[i + 1].out === null;
      assert.ok(!last || status === 0, `${at} failed:\n${text}${out}`);
      if (!expected) return;
      const shown = out.replaceAll(s.url, URL_IN_PAGES).replaceAll(s.home, HOME_IN_PAGES).replaceAll('\r', '').trimEnd();
      assert.match(shown, patternOf(expected), `${at} printed something else than the page says`);
    });
  });
}

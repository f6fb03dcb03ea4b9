// What can be checked of the pages without running anything: links, and the names they use.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, test } from 'node:test';
import { written } from '../../docs/tables.mjs';
import { Page, pages, ROOT } from '../lib/markdown.mjs';

const all = pages();
const text = (path) => readFileSync(join(ROOT, path), 'utf8');
const none = (found) => assert.equal(found.join('\n'), '');

// "page:line: what" for each of `items` that `wrong` says something about.
const complaints = (items, wrong) => all.flatMap((page) => items(page).flatMap((item) => {
  const what = wrong(item, page);
  return what ? [`${page.path}:${item.line}: ${what}`] : [];
}));
const aboutWords = (pattern, wrong) => complaints(({ words }) => words, ({ word }, page) => {
  const found = word.match(pattern);
  return found ? wrong(found, page) : null;
});

describe('links', () => {
  test('lead somewhere', () => {
    none(complaints(({ links }) => links, ({ target }, page) => {
      if (/^[a-z]+:/.test(target)) return null;
      const [file, anchor] = target.split('#');
      const path = file ? normalize(join(dirname(page.path), file)) : page.path;
      if (!existsSync(join(ROOT, path))) return `there is no ${path}`;
      return anchor && !new Page(path).anchors.has(anchor) ? `${path} has no #${anchor}` : null;
    }));
  });

  test('lead from docs/README.md to every page', () => {
    const listed = new Set(all.find(({ path }) => path === 'docs/README.md').links.map(({ target }) => `docs/${target}`));
    none(all.map(({ path }) => path).filter((path) => !/README/.test(path) && !listed.has(path)));
  });
});

describe('names', () => {
  test('of files', () => {
    none(aboutWords(/^((?:fcgi|docker|nginx|html|sql|tests|docs)\/[\w./{}*-]*[\w/}*])$/, ([, path]) => {
      if (/NNNN|[{*]/.test(path)) return null;
      return existsSync(join(ROOT, path)) ? null : `there is no ${path}`;
    }));
  });

  test('of settings and other CLOCHE_ variables', () => {
    const known = execFileSync('grep', ['-rhoE', 'CLOCHE_[A-Z_]*[A-Z]', 'fcgi', 'docker', 'tests/run.sh', 'tests/lib', 'docs/deploy.md'], { cwd: ROOT, encoding: 'utf8' });
    const names = new Set([...known.split('\n'), ...[...text('docs/settings.md').matchAll(/^\| `(\w+)`/gm)].map(([, name]) => `CLOCHE_${name.toUpperCase()}`)]);
    none(aboutWords(/\b(CLOCHE_[A-Z_]*[A-Z])\b/, ([, name]) => (names.has(name) ? null : `there is no ${name}`)));
  });

  test('of targets of make', () => {
    const targets = new Set([...text('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, name]) => name));
    none(aboutWords(/^(?:sudo (?:-E )?)?(?:\w+=\S+ )*(?:sudo -E )?make ([a-z][a-z-]*)/, ([, target]) => (targets.has(target) ? null : `there is no target ${target}`)));
  });

  test('of calls of the API', () => {
    const { paths } = JSON.parse(text('html/openapi.json'));
    const known = Object.entries(paths).map(([path, methods]) => [new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`), methods]);
    const foreign = 'docs/names.md'; // has calls of others
    none(aboutWords(/^(GET|POST|PUT|PATCH|DELETE) (\/(?:api\/[\w{}./-]+|metrics))/, ([, method, path], page) => {
      const found = known.find(([pattern]) => pattern.test(path));
      return found?.[1][method.toLowerCase()] || page.path === foreign ? null : `there is no ${method} ${path}`;
    }));
  });

  test('of what the programs say', () => {
    const sources = execFileSync('grep', ['-rh', '', 'fcgi', 'docker', 'Makefile'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 << 20 }).replace(/"\n\s*"/g, '');
    const page = all.find(({ path }) => path === 'docs/troubleshooting.md');
    const said = text(page.path).split('## `make up` ends')[1].split('\n`warning`')[0];
    none([...said.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, words]) => words))
      .filter((words) => !sources.includes(words) && !words.startsWith('make')));
  });
});

describe('tables', () => {
  test('of settings and calls are what the program says', () => {
    for (const [path, wanted] of written()) assert.equal(text(path), wanted, `${path}: run make docs`);
  });

  // {code, status} of the two tables in problem.c; what only our own parts use is told under another code.
  function problems() {
    const names = Object.fromEntries([...text('fcgi/base/err.h').matchAll(/X\((ERR_\w+), "(\w+)"\)/g)].map(([, name, code]) => [name, code]));
    const source = text('fcgi/api/problem.c');
    const own = ['closed', 'timed_out', 'limit', 'protocol'];
    return [
      ...[...source.matchAll(/\[(ERR_\w+)\] = \{(\d+),/g)].map(([, name, status]) => [names[name], Number(status)]),
      ...[...source.matchAll(/\{INVOCATION_\w+,\s*(?:"\w+"|NULL),\s*"(\w+)",\s*\{(\w+),/g)].map(([, code, status]) => [code, Number(status) || 499]),
    ].filter(([code]) => !own.includes(code)).map((pair) => pair.join(' '));
  }

  test('of codes are those of the program', () => {
    const rows = text('docs/errors.md').split('\n').filter((line) => /^\|.*`/.test(line)).map((line) => line.split('|').map((cell) => cell.trim()).slice(1, -1));
    const told = rows.filter((cells) => cells.some((cell) => /^\d{3}\b/.test(cell))).flatMap((cells) => {
      const status = cells.find((cell) => /^\d{3}\b/.test(cell)).slice(0, 3);
      const codes = cells.length === 5 ? cells[4] : cells[0];
      return [...codes.matchAll(/`(\w+)`/g)].map(([, code]) => `${code} ${status}`);
    });
    assert.deepEqual([...new Set(told)].sort(), [...new Set(problems())].sort());
  });
});

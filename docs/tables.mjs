// node docs/tables.mjs: writes the tables that are made from what the program says about itself, each between the
// marks <!-- table --> and <!-- end --> of its page.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PROGRAM = join(process.env.CLOCHE_BIN_DIR ?? join(ROOT, 'build/bin'), 'cloche');

const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');

// "  name   help [unit, 1 to 9, default 5]", of which unit, range and default may be missing.
function settingOf(line) {
  const [, name, help, notes = ''] = line.match(/^ {2}(\w+) +(.*?)(?: \[([^\]]*)\])?$/);
  const parts = notes.split(', ').filter(Boolean);
  const preset = parts.at(-1)?.startsWith('default ') ? parts.pop().slice('default '.length) : '';
  const values = parts.map((part) => part.replaceAll('|', ', '));
  if (parts.length === 2) values.reverse(); // "1 to 9 hours"
  return [`\`${name}\``, preset && `\`${preset}\``, values.join(' '), help];
}

function settings() {
  const help = execFileSync(PROGRAM, ['--help'], { encoding: 'utf8' });
  const lines = help.split(/environment as CLOCHE_NAME:\n/)[1].trimEnd().split('\n');
  return table(['setting', 'default', 'values', 'meaning'], lines.map(settingOf));
}

function who(security = []) {
  if (security.length === 0) return 'anybody';
  const token = security.find((way) => way.token);
  return token ? token.token.map((scope) => `\`${scope}\``).join(', ') || 'any login' : 'a session';
}

function operations() {
  const { paths } = JSON.parse(readFileSync(join(ROOT, 'html/openapi.json'), 'utf8'));
  return table(['call', 'what', 'who'], Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods)
    .filter(([method]) => method !== 'parameters')
    .map(([method, { summary, security }]) => [`\`${method.toUpperCase()} ${path}\``, summary, who(security)])));
}

const TABLES = { 'docs/settings.md': settings, 'docs/api.md': operations };

/** What each page with a table should be: [path, text]. */
export const written = () => Object.entries(TABLES).map(([path, make]) => {
  const page = readFileSync(join(ROOT, path), 'utf8');
  const [, before, after] = page.match(/^([^]*<!-- table -->\n)[^]*(<!-- end -->[^]*)$/) ?? [];
  if (!before) throw new Error(`${path} has no place for its table`);
  return [path, `${before}${make()}${after}`];
});

if (process.argv[1] === fileURLToPath(import.meta.url)) written().forEach(([path, text]) => writeFileSync(join(ROOT, path), text));

// The machine and the programs a measurement was made with.

import { readFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { output } from './load.mjs';

const VERSIONS = {
  runc: ['runc', '--version'], crun: ['crun', '--version'], runsc: ['runsc', '--version'], docker: ['dockerd', '--version'],
  containerd: ['containerd', '--version'], nginx: ['sh', '-c', 'nginx -v 2>&1'], mariadb: ['mariadbd', '--version'],
  cloche: ['git', 'rev-parse', '--short', 'HEAD'],
};

async function version([command, ...args]) {
  try {
    const text = (await output(command, args)).split('\n')[0];
    return /\d[\w.+~-]*\.[\w.+~-]*/.exec(text)?.[0] ?? text;
  } catch {
    return null;
  }
}

export async function facts() {
  const versions = {};
  for (const [name, command] of Object.entries(VERSIONS)) versions[name] = await version(command);
  return {
    date: new Date().toISOString(),
    machine: {
      cpu: os.cpus()[0].model.trim(), cores: os.cpus().length, memory_mb: Math.round(os.totalmem() / 2 ** 20),
      kernel: os.release(), load_before: os.loadavg()[0],
    },
    versions,
  };
}

/** The program that makes the cells of each runtime without a daemon, as the keeper chose. */
export function programs(s) {
  const log = readFileSync(join(s.home, 'log/keeper/current'), 'utf8');
  return Object.fromEntries([...log.matchAll(/"runtime":"(\w+)","program":"(\w+)"/g)].map((found) => found.slice(1)));
}

/** Versions of the interpreters in the cells. */
export async function interpreters(s) {
  const code = {
    python: 'import platform\n\ndef handler():\n    return platform.python_version()\n',
    javascript: 'exports.handler = () => process.versions.node;',
  };
  const found = {};
  for (const language of Object.keys(code)) {
    const f = await s.deploy({ language, code: code[language] });
    found[language] = (await s.execute(f)).output;
  }
  return found;
}

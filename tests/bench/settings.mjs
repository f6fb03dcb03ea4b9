// Settings of a stack that a measurement changes.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const UP_MS = 60_000; // a keeper ends its cells first

const settings = new WeakMap();

/** Changes some and starts the service that reads them anew; returns when its process is there. */
export function configure(s, changes, service) {
  const all = { ...settings.get(s), ...changes };
  settings.set(s, all);
  writeFileSync(join(s.home, 'cloche.conf'), Object.entries(all).map(([name, value]) => `${name} = ${value}\n`).join(''));
  const { status, stderr } = spawnSync('s6-svc', ['-wr', '-T', `${UP_MS}`, '-r', join(s.run, 'service', service)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${service} does not come back: ${stderr}`);
}

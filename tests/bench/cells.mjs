// The cells of a stack: whether their pools are at rest, and what one that waits costs.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as machine from '../lib/machine.mjs';
import { median } from './figures.mjs';

const REST_MS = 30; // what is still being cleaned up after the last launch
const POLL_MS = 25;

const POOL_SIZE = 2; // the default of `pool_size`

// A pool is filled a moment after something was taken, so that nothing is being made does not say that it is full.
const isAtRest = ({ cells, queued, pools }) =>
  queued === 0 && pools.every(({ available, ready, creating, leased }) =>
    creating === 0 && leased === 0 && (ready >= POOL_SIZE || !available)) &&
  cells === pools.reduce((sum, { ready, prepared, idle }) => sum + ready + prepared + idle, 0);

/** Waits until every pool is full, nothing runs and nothing is being removed. */
export async function settle(s, ms = 15_000) {
  const end = performance.now() + ms;
  for (;;) {
    const { body: { keeper } } = await s.api('/health');
    if (isAtRest(keeper)) break;
    if (performance.now() > end) throw new Error(`the pools do not come to rest: ${JSON.stringify(keeper)}`);
    await sleep(POLL_MS);
  }
  await sleep(REST_MS);
}

const readText = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** Proportional share of memory: what pages cost when each user of a shared one pays a part. */
const shareBytes = (pid) => Number(/^Pss:\s+(\d+)/m.exec(readText(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024;

/** What the control group is charged for, page cache left out. v1, then v2. */
function chargedBytes(group) {
  for (const directory of machine.cgroupDirectories(group)) {
    const found = /^(?:total_rss|anon) (\d+)$/m.exec(readText(join(directory, 'memory.stat')));
    if (found) return Number(found[1]);
  }
  return null;
}

const IMAGES = fileURLToPath(new URL('../../docker/', import.meta.url));

/** An image is that of the language whose command it holds. */
function languageOf(image) {
  const command = readText(join(image, 'cloche/command'));
  return readdirSync(IMAGES).find((name) => command && readText(join(IMAGES, name, 'command')) === command) ?? 'another';
}

/** Bytes of a waiting cell by language and runtime, and of the engine's own process beside each. */
export function idleMemory(s) {
  const kinds = new Map();
  for (const { root: { path: image }, linux: { cgroupsPath: group } } of machine.bundles(s.run)) {
    const language = languageOf(image);
    const pids = machine.cgroupPids(group);
    const runtime = pids.some((pid) => machine.commandLine(pid).includes('runsc')) ? 'gvisor' : 'docker';
    const key = `${language} ${runtime}`;
    const cell = { charged: chargedBytes(group), share: pids.reduce((sum, pid) => sum + shareBytes(pid), 0) };
    kinds.set(key, [...kinds.get(key) ?? [], cell]);
  }
  const shims = machine.pids().filter((pid) => {
    const line = machine.commandLine(pid);
    return line.includes('containerd-shim') && line.includes(`${s.run}/`);
  });
  const cells = [...kinds].sort().reverse().map(([kind, found]) => {
    const [language, runtime] = kind.split(' ');
    return {
      language, runtime,
      charged_bytes: median(found.map(({ charged }) => charged)),
      share_bytes: median(found.map(({ share }) => share)),
    };
  });
  return { cells, shim_share_bytes: shims.length ? median(shims.map(shareBytes)) : null };
}

/** Resident bytes of the stack's own processes, by service. */
export function residentMemory(s) {
  const tree = (pid) => [pid, ...machine.children(pid).flatMap(tree)];
  const sum = (pids) => pids.reduce((bytes, pid) => bytes + machine.residentBytes(pid), 0);
  return {
    keeper: sum([s.pid('keeper')]),
    workers: sum([...s.workers('api'), ...s.workers('fn')]),
    nginx: sum(tree(s.pid('nginx'))),
    mariadb: sum([s.pid('mariadb')]),
    daemons: sum(s.services.filter((name) => ['dockerd', 'containerd'].includes(name)).map((name) => s.pid(name))),
  };
}

// Who uses the processor: each service of a stack, its cells, and the whole machine.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as machine from '../lib/machine.mjs';

const TICKS_MS = 10; // USER_HZ is 100 on all that Linux runs on

const read = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

function processMs(pid) {
  const text = read(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return text ? (Number(fields[11]) + Number(fields[12])) * TICKS_MS : 0;
}

const tree = (pid) => [pid, ...machine.children(pid).flatMap(tree)];
const sum = (pids) => pids.reduce((total, pid) => total + processMs(pid), 0);

/** All that ever ran in the stack's cells; a group keeps what those below it used. v1, then v2. */
function cellsMs(s) {
  for (const directory of machine.cgroupDirectories(s.cgroup)) {
    const v1 = read(join(directory, 'cpuacct.usage'));
    if (v1) return Number(v1) / 1e6;
    const v2 = /^usage_usec (\d+)$/m.exec(read(join(directory, 'cpu.stat')));
    if (v2 && directory === join('/sys/fs/cgroup', s.cgroup)) return Number(v2[1]) / 1000;
  }
  return 0;
}

function machineMs() {
  const [user, nice, system, , , irq, softirq] = /^cpu +(.*)$/m.exec(read('/proc/stat'))[1].split(' ').map(Number);
  return (user + nice + system + irq + softirq) * TICKS_MS;
}

const daemons = ['dockerd', 'containerd'];

/** Milliseconds of processor time until now, by name. */
export function used(s) {
  const here = s.services.filter((service) => daemons.includes(service));
  return {
    nginx: sum(tree(s.pid('nginx'))),
    worker: sum([...s.workers('api'), ...s.workers('fn')]),
    keeper: processMs(s.pid('keeper')),
    mariadb: processMs(s.pid('mariadb')),
    daemons: sum(here.map((service) => s.pid(service))),
    cells: cellsMs(s),
    machine: machineMs(),
  };
}

/** What one of `count` requests took since `before`, as cpu_<name>. */
export function perRequest(before, after, count) {
  return Object.fromEntries(Object.keys(after).map((name) =>
    [`cpu_${name}`, count > 0 ? (after[name] - before[name]) / count : null]));
}

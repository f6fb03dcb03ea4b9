// What the machine knows about a stack: processes, control groups, mounts, sockets. Everything is found by the
// stack's own directories, never by a program's name.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';

const CGROUPS = '/sys/fs/cgroup';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const read = (path) => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
};
const list = (path) => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};
const isDirectory = (path) => {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
};

export const pids = () => list('/proc').filter((name) => /^\d+$/.test(name)).map(Number);

/** State, parent and start time of a process; null when there is none. */
export function stat(pid) {
  const text = read(`/proc/${pid}/stat`);
  if (!text) return null;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], parent: Number(fields[1]), started: fields[19] };
}

/** A process told apart from a later one of the same pid. */
export const identify = (pid) => ({ pid, started: stat(pid)?.started });
export function isAlive({ pid, started }) {
  const now = stat(pid);
  return now !== null && now.started === started && now.state !== 'Z' && now.state !== 'X';
}

export const children = (pid) =>
  list(`/proc/${pid}/task`).flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number));

export const residentBytes = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
export const commandLine = (pid) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();

/** Name of the control group above all cells of the stack that runs in `run`; see docker/stack/lib.sh. */
export const cgroupName = (run) => `cloche-${createHash('sha256').update(run).digest('hex').slice(0, 8)}`;

/** The directory of a control group in each hierarchy that has it. */
export function cgroupDirectories(name) {
  return ['', ...list(CGROUPS)].map((hierarchy) => join(CGROUPS, hierarchy, name)).filter(isDirectory);
}

/** Pids of a control group and all below it. */
export function cgroupPids(name) {
  const found = new Set();
  const walk = (directory) => {
    for (const pid of read(join(directory, 'cgroup.procs')).split('\n').filter(Boolean)) found.add(Number(pid));
    for (const entry of list(directory)) if (isDirectory(join(directory, entry))) walk(join(directory, entry));
  };
  cgroupDirectories(name).forEach(walk);
  return [...found];
}

/** Those of them that run as a user; another stack may use the same number. */
export const cgroupPidsOfUid = (name, uid) =>
  cgroupPids(name).filter((pid) => Number(/^Uid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]) === uid);

/** Names of the cells that have a control group; a group that all of them share is none. */
export const cellGroups = (name) =>
  [...new Set(cgroupDirectories(name).flatMap((dir) => list(dir).filter((entry) => UUID.test(entry) && isDirectory(join(dir, entry)))))];

/** Names of the cells that live and may use this much memory; in the groups above, so under any engine. */
export const cellsOfMemory = (name, mb) => cellGroups(name).filter((cell) =>
  cgroupPids(join(name, cell)).length > 0 &&
  cgroupDirectories(join(name, cell)).some((dir) => ['memory.limit_in_bytes', 'memory.max'].some((file) =>
    Number(read(join(dir, file))) === mb * 1024 * 1024)));

/** What the containers of a stack were made from: the config.json of each, by containerd or by the keeper itself. */
export function bundles(run) {
  const tasks = join(run, 'containerd/io.containerd.runtime.v2.task');
  const folders = [...list(tasks).map((namespace) => join(tasks, namespace)), join(run, 'oci')];
  return folders.flatMap((folder) => list(folder).flatMap((id) => {
    const text = read(join(folder, id, 'config.json'));
    return text ? [JSON.parse(text)] : [];
  }));
}

/** The control group of the container that runs as `uid`; null if none does. */
export const cgroupOfUid = (run, uid) =>
  bundles(run).find(({ process }) => process.user.uid === uid)?.linux.cgroupsPath ?? null;

/** Whether the processes of a control group are frozen. */
export const isFrozen = (name) => cgroupDirectories(name).some((directory) =>
  read(join(directory, 'freezer.state')).startsWith('FROZEN') || /^frozen 1$/m.test(read(join(directory, 'cgroup.events'))));

export const shimSockets = (run) => {
  const found = [];
  const walk = (directory, depth) => {
    for (const entry of depth > 0 ? list(directory) : []) {
      const path = join(directory, entry);
      if (entry === 'address') found.push(read(path).replace('unix://', '').trim());
      else if (isDirectory(path)) walk(path, depth - 1);
    }
  };
  walk(join(run, 'containerd'), 4);
  return found.filter((path) => path.startsWith('/'));
};

const mentions = (path, text) => text.includes(`${path}/`) || text.includes(`${path}\0`) || text.endsWith(path);

function ancestors(pid) {
  const found = new Set();
  for (let at = pid; at > 0 && !found.has(at); at = stat(at)?.parent ?? 0) found.add(at);
  return found;
}

/** What is still there of a stack that has ended; [] is what it should be. `sockets` are those of its shims. */
export function leftovers(base, run, sockets = []) {
  const found = [];
  const ours = ancestors(process.pid);
  for (const pid of pids()) {
    if (ours.has(pid)) continue;
    const environment = read(`/proc/${pid}/environ`);
    let cwd = '';
    try {
      cwd = readlinkSync(`/proc/${pid}/cwd`);
    } catch { /* it has ended, or is a kernel thread */ }
    if ([environment, read(`/proc/${pid}/cmdline`), cwd].some((text) => mentions(base, text))) {
      found.push(`process ${pid}: ${commandLine(pid) || read(`/proc/${pid}/comm`).trim()}`);
    }
  }
  for (const line of read('/proc/self/mountinfo').split('\n')) {
    if (mentions(base, line.split(' ')[4] ?? '')) found.push(`mount ${line.split(' ')[4]}`);
  }
  for (const directory of cgroupDirectories(cgroupName(run))) found.push(`control group ${directory}`);
  for (const line of read('/proc/net/unix').split('\n')) {
    const path = line.split(/\s+/)[7] ?? '';
    if (mentions(base, path) || sockets.includes(path)) found.push(`socket ${path}`);
  }
  for (const path of sockets) if (statSync(path, { throwIfNoEntry: false })) found.push(`file ${path}`);
  if (isDirectory(run)) found.push(`directory ${run}`);
  return [...new Set(found)];
}

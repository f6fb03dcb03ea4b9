// A whole machine with systemd, booted in a container of systemd-nspawn: its own processes, network and control
// groups. Everything in it is as on a Debian machine, so packages can be installed, services killed, and it be rebooted.

import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENVIRONMENT, Guest, unpack } from './guest.mjs';
import { children, cgroupPids } from './machine.mjs';
import { until } from './until.mjs';

const CGROUPS = '/sys/fs/cgroup';
const BOOT_MS = 120_000;
// nspawn without a systemd outside. The rest is what engines need: all capabilities, and the kernel's keyring and BPF.
const NSPAWN = ['--quiet', '--register=no', '--keep-unit', '--boot', '--private-network', '--capability=all',
  '--system-call-filter=@keyring bpf @pkey', '--console=read-only'];
// nspawn mounts the controllers read-only, because they may be the machine's own; these are not.
const WRITABLE_CGROUPS = `[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for d in /sys/fs/cgroup/*/; do mount -o remount,bind,rw $d; done'
`;

export class Machine extends Guest {
  #nspawn = null;
  #group = `cloche-machine-${randomBytes(4).toString('hex')}`;

  /** Unpacks the tar file into `root`, a new folder. */
  constructor(tar, root) {
    super();
    this.root = root;
    unpack(tar, root);
    const units = join(root, 'etc/systemd/system');
    writeFileSync(join(units, 'cgroups.service'), WRITABLE_CGROUPS);
    mkdirSync(join(units, 'sysinit.target.requires'), { recursive: true });
    spawnSync('ln', ['-s', '../cgroups.service', join(units, 'sysinit.target.requires/cgroups.service')]);
  }

  async boot() {
    // Control groups of its own: on version 1 in every hierarchy, which the container then takes for the root.
    const enter = this.#groups().map((path) => `mkdir -p ${path} && echo $$ > ${path}/cgroup.procs`);
    const script = [...enter, 'exec systemd-nspawn "$@"'].join(' && ');
    this.#nspawn = spawn('sh', ['-c', script, 'sh', ...NSPAWN, '-D', this.root], { stdio: 'ignore', detached: true });
    await until(() => this.isUp(), 'boot', BOOT_MS, 200);
  }

  /** Shuts it down as its power button does. */
  async shutdown() {
    const init = this.#init();
    const ended = new Promise((resolve) => this.#nspawn.on('exit', resolve));
    spawnSync('kill', ['-RTMIN+4', String(init)]);
    await ended;
    this.#nspawn = null;
  }

  /** Runs a program in it; the whole outcome. */
  try(program, ...parameters) {
    const init = this.#init();
    if (!init) return { status: null, stdout: '', stderr: 'it does not run' };
    return spawnSync('nsenter', ['-t', String(init), '-a', 'env', '-i', ...ENVIRONMENT, program, ...parameters],
      { encoding: 'utf8', timeout: 5 * 60_000, maxBuffer: 64 << 20 });
  }

  /** Ends it at once, with all that ran in it, and removes it. Synchronous, so that it also works at exit. */
  end() {
    if (this.#nspawn) {
      for (const pid of [this.#init(), this.#nspawn.pid]) if (pid) spawnSync('kill', ['-KILL', String(pid)]);
      spawnSync('tail', [`--pid=${this.#nspawn.pid}`, '-s', '0.1', '-f', '/dev/null'], { timeout: 30_000 });
      this.#nspawn = null;
    }
    for (const path of this.#groups()) removeTree(path);
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  #init() {
    return this.#nspawn ? children(this.#nspawn.pid)[0] : undefined;
  }

  // cpuset wants to be told processors before it takes a process; nobody here needs it.
  #groups() {
    if (existsSync(join(CGROUPS, 'cgroup.controllers'))) return [];
    return ['memory', 'cpu', 'cpuacct', 'pids', 'freezer', 'blkio', 'devices', 'systemd'].map((name) => join(CGROUPS, name))
      .filter((path) => existsSync(join(path, 'cgroup.procs'))).map((path) => join(path, this.#group));
  }
}

function removeTree(path) {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeTree(join(path, entry.name));
  try {
    rmdirSync(path);
  } catch (error) {
    process.stderr.write(`${path}: ${error.code}, ${cgroupPids(path.replace(/^\/sys\/fs\/cgroup\/[^/]+\//, ''))}\n`);
  }
}

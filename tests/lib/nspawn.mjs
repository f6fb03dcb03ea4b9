// A whole machine with systemd, booted in a container of systemd-nspawn: its own processes, network and control
// groups. Everything in it is as on a Debian machine, so packages can be installed, services killed, and it be rebooted.

import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

/** A tar file of a Debian system with these packages, made once per list of them in `cache`. */
export function debian(cache, packages) {
  const name = createHash('sha256').update(packages.join()).digest('hex').slice(0, 16);
  const file = join(cache, `machine-${name}.tar`);
  if (!existsSync(file)) {
    mkdirSync(cache, { recursive: true });
    const { status, stderr } = spawnSync('mmdebstrap', ['--variant=apt', `--include=${packages.join()}`, 'bookworm', `${file}.new.tar`],
      { encoding: 'utf8', timeout: 20 * 60_000, maxBuffer: 64 << 20 });
    if (status !== 0) throw new Error(`mmdebstrap: ${stderr.slice(-2000)}`);
    renameSync(`${file}.new.tar`, file);
  }
  return file;
}

export class Machine {
  #nspawn = null;
  #group = `cloche-machine-${randomBytes(4).toString('hex')}`;

  /** Unpacks the tar file into `root`, a new folder. */
  constructor(tar, root) {
    this.root = root;
    mkdirSync(root, { recursive: true });
    chmodSync(root, 0o755);
    const { status, stderr } = spawnSync('tar', ['-C', root, '--numeric-owner', '-xf', tar], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
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
    await until(() => /^(running|degraded|starting)/.test(this.try('systemctl', 'is-system-running').stdout), 'boot', BOOT_MS, 200);
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
    return spawnSync('nsenter', ['-t', String(init), '-a', 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8',
      'HOME=/root', 'DEBIAN_FRONTEND=noninteractive', program, ...parameters],
    { encoding: 'utf8', timeout: 5 * 60_000, maxBuffer: 64 << 20 });
  }

  /** The same; its standard output, and an error when it fails. */
  run(program, ...parameters) {
    const { status, stdout, stderr } = this.try(program, ...parameters);
    if (status !== 0) {
      const journal = program === 'systemctl' ? this.try('journalctl', '--boot', '--lines=60', '--no-pager').stdout : '';
      throw new Error(`${program} ${parameters.join(' ')}: ${status}\n${stderr}${stdout}${journal}`);
    }
    return stdout;
  }

  /** One property of a unit. */
  property(unit, name) {
    return this.run('systemctl', 'show', unit, '-p', name, '--value').trim();
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

// A whole machine, emulated by qemu: a kernel of Debian's own, whatever this machine's is and however its control
// groups are mounted. Slow, since nothing of the processor is used but its speed. It is reached by ssh, over a port of
// loopback, and reaches nothing itself.

import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENVIRONMENT, Guest, must, unpack } from './guest.mjs';
import { freePort } from './stack.mjs';
import { until } from './until.mjs';

/** What it needs besides what runs in it. AppArmor is in every installation of Debian, and in its kernel. */
export const VM_PACKAGES = ['systemd-sysv', 'dbus', 'udev', 'apparmor', 'openssh-server', 'linux-image-cloud-amd64'];

const BOOT_MS = 10 * 60_000;
const COMMAND_MS = 15 * 60_000;
const MEMORY_MB = 3072;
const DISK_BYTES = 6 * 2 ** 30;
const NETWORK = '[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\n';

const link = (target, path) => {
  rmSync(path, { force: true });
  symlinkSync(target, path);
};
const quote = (text) => `'${text.replaceAll('\'', '\'\\\'\'')}'`;
const running = (child) => child?.exitCode === null && child.signalCode === null;

export class VirtualMachine extends Guest {
  #folder;
  #port;
  #qemu = null;
  #ssh = null;

  /**
   * Makes its disk in `folder`, a new one: the tar file of a Debian system, in which `install(root)` may change
   * anything, and units that are not started.
   */
  constructor(folder, tar, { install, without }) {
    super();
    this.#folder = folder;
    const root = join(folder, 'root');
    unpack(tar, root);
    this.#open(root);
    for (const unit of without) link('/dev/null', join(root, 'etc/systemd/system', unit));
    install(root);
    for (const name of ['vmlinuz', 'initrd.img']) {
      const file = readdirSync(join(root, 'boot')).find((entry) => entry.startsWith(`${name}-`));
      copyFileSync(join(root, 'boot', file), join(folder, name));
    }
    writeFileSync(join(folder, 'disk'), '');
    truncateSync(join(folder, 'disk'), DISK_BYTES);
    must('mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-E', 'lazy_itable_init=1,nodiscard', '-d', root, join(folder, 'disk'));
    rmSync(root, { recursive: true });
  }

  // Its key, its address, its disk.
  #open(root) {
    const key = join(this.#folder, 'key');
    must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key);
    mkdirSync(join(root, 'root/.ssh'), { mode: 0o700, recursive: true });
    copyFileSync(`${key}.pub`, join(root, 'root/.ssh/authorized_keys'));
    writeFileSync(join(root, 'etc/systemd/network/eth0.network'), NETWORK);
    link('/lib/systemd/system/systemd-networkd.service', join(root, 'etc/systemd/system/multi-user.target.wants/systemd-networkd.service'));
    writeFileSync(join(root, 'etc/fstab'), '/dev/vda / ext4 noatime 0 1\n');
    writeFileSync(join(root, 'etc/hostname'), 'guest\n');
  }

  async boot() {
    this.#port = await freePort();
    const file = (name) => join(this.#folder, name);
    this.#qemu = spawn('qemu-system-x86_64', ['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', String(MEMORY_MB),
      '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', `file:${file('console')}`,
      '-kernel', file('vmlinuz'), '-initrd', file('initrd.img'), '-append', 'root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off',
      '-drive', `file=${file('disk')},format=raw,if=virtio,cache=unsafe`, '-device', 'virtio-rng-pci', '-device', 'virtio-net-pci,netdev=n',
      '-netdev', `user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:${this.#port}-:22`], { stdio: 'ignore' });
    try {
      await until(() => {
        if (!running(this.#qemu)) throw new Error('qemu has ended');
        return this.#connect() && this.isUp();
      }, 'boot', BOOT_MS, 1000);
    } catch (error) {
      throw new Error(`${error.message}\n${this.console()}`, { cause: error.cause });
    }
  }

  /** The end of what its kernel and systemd said. */
  console() {
    return readFileSync(join(this.#folder, 'console'), 'latin1').slice(-4000);
  }

  // One connection for all commands: to make one takes seconds there.
  #connect() {
    if (!running(this.#ssh)) this.#ssh = spawn('ssh', ['-M', '-N', ...this.#way()], { stdio: 'ignore' });
    return spawnSync('ssh', ['-O', 'check', ...this.#way()], { timeout: 10_000 }).status === 0;
  }

  #way() {
    return ['-q', '-F', '/dev/null', '-i', join(this.#folder, 'key'), '-p', String(this.#port), '-S', join(this.#folder, 'ssh'),
      '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'BatchMode=yes', 'root@127.0.0.1'];
  }

  try(program, ...parameters) {
    if (!running(this.#qemu)) return { status: null, stdout: '', stderr: 'it does not run' };
    const command = ['env', '-i', ...ENVIRONMENT, program, ...parameters].map(quote).join(' ');
    return spawnSync('ssh', [...this.#way(), command], { encoding: 'utf8', timeout: COMMAND_MS, maxBuffer: 64 << 20 });
  }

  /** Ends it at once and removes it. Synchronous, so that it also works at exit. */
  end() {
    for (const child of [this.#ssh, this.#qemu]) {
      if (!running(child)) continue;
      child.kill('SIGKILL');
      spawnSync('tail', [`--pid=${child.pid}`, '-s', '0.1', '-f', '/dev/null'], { timeout: 30_000 });
    }
    this.#ssh = this.#qemu = null;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

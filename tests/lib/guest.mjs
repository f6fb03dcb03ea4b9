// A Debian system apart from this machine, in which a package can be installed and services be ended: what is common
// to one in a container (nspawn.mjs) and one that is emulated (vm.mjs).

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** What programs in it find in their environment. */
export const ENVIRONMENT = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8', 'HOME=/root', 'DEBIAN_FRONTEND=noninteractive'];

/** Runs a program of this machine; its standard output. */
export function must(program, ...parameters) {
  const { status, stdout, stderr, error } = spawnSync(program, parameters, { encoding: 'utf8', timeout: 20 * 60_000, maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`${program} ${parameters.join(' ')}: ${error?.message ?? `${stderr}${stdout}`.slice(-2000)}`);
  return stdout;
}

/** A tar file of a Debian system with these packages, made once per list of them in `cache`. */
export function debian(cache, packages) {
  const name = createHash('sha256').update(packages.join()).digest('hex').slice(0, 16);
  const file = join(cache, `machine-${name}.tar`);
  if (!existsSync(file)) {
    mkdirSync(cache, { recursive: true });
    must('mmdebstrap', '--variant=apt', `--include=${packages.join()}`, 'bookworm', `${file}.new.tar`);
    renameSync(`${file}.new.tar`, file);
  }
  return file;
}

/** Unpacks such a file into `root`, a new folder. */
export function unpack(tar, root) {
  mkdirSync(root, { recursive: true });
  chmodSync(root, 0o755);
  must('tar', '-C', root, '--numeric-owner', '-xf', tar);
}

export class Guest {
  /** Runs a program in it; the whole outcome, `{status, stdout, stderr}`. */
  try() {
    throw new Error('no way in');
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

  isUp() {
    return /^(running|degraded|starting)/.test(this.try('systemctl', 'is-system-running').stdout);
  }
}

// The Debian package: built, and used on a guest as somebody uses it there.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, cpSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { must } from './guest.mjs';
import { until } from './until.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BUILD = join(ROOT, 'build');
export const CONFIG = '/etc/cloche/cloche.conf';
export const ARCHITECTURE = must('dpkg', '--print-architecture').trim();

/** `{file, version}` */
export function buildPackage() {
  must('make', '--no-print-directory', '-C', ROOT, 'deb');
  const version = must(join(BUILD, 'bin/cloche'), 'version').trim();
  return { file: join(BUILD, `cloche_${version}_${ARCHITECTURE}.deb`), version };
}

/** Of the packages in one of its fields, the first of each choice. */
export const names = (file, field) =>
  must('dpkg-deb', '--field', file, field).trim().split(',').map((item) => item.trim().split(/[ |]/)[0]).filter(Boolean);

/** Makes the images, unpacked in `folder`, and what they are made from. */
export function unpackImages(folder) {
  must(join(ROOT, 'docker/build-images.sh'), BUILD, folder);
}

/** What the images are made from, put where the installation in `root` looks: with it it needs no network. */
export function putBases(root, scratch) {
  unpackImages(scratch);
  rmSync(scratch, { recursive: true });
  const images = join(root, 'var/lib/cloche/build/images');
  mkdirSync(images, { recursive: true });
  for (const name of readdirSync(join(BUILD, 'images'))) if (name.endsWith('.tar')) cpSync(join(BUILD, 'images', name), join(images, basename(name)));
  writeFileSync(join(root, 'var/lib/cloche/.cloche'), '');
}

/** What somebody sees who is logged in on the guest. */
export class Visitor {
  #guest;
  #patience;

  /** Longest wait for an answer, in seconds. */
  constructor(guest, patience = 20) {
    this.#guest = guest;
    this.#patience = patience;
  }

  curl(...parameters) {
    return this.#guest.try('curl', '--silent', '--show-error', '--max-time', String(this.#patience), ...parameters);
  }

  /** An answer of the API. */
  api(path, body) {
    const token = this.#guest.run('cat', '/var/lib/cloche/admin.token').trim();
    const { stdout } = this.curl('-H', `Authorization: Bearer ${token}`, ...(body ? ['--json', JSON.stringify(body)] : []), `http://127.0.0.1:8080/api${path}`);
    return JSON.parse(stdout);
  }

  deploy(fields) {
    const answer = this.api('/functions', fields);
    assert.ok(answer.id, JSON.stringify(answer));
    return answer.id;
  }

  call(route) {
    return this.curl(`http://127.0.0.1:8080/fn/${route}`).stdout;
  }

  hello() {
    return this.call('hello?name=Bob');
  }

  state(unit) {
    return this.#guest.property(unit, 'ActiveState');
  }

  mainPid(unit) {
    return Number(this.#guest.property(unit, 'MainPID'));
  }

  /** Waits until `check` holds for an active target, and shows the journal if it never does. */
  async serves(what, ms, check = () => this.hello() === 'Hello, Bob!') {
    try {
      await until(() => this.state('cloche.target') === 'active' && check(), what, ms, 500);
    } catch (error) {
      const journal = this.#guest.try('journalctl', '--no-pager', '-n', '60', '--unit=cloche*').stdout;
      throw new Error(`${error.message}\n${journal}`, { cause: error.cause });
    }
  }
}

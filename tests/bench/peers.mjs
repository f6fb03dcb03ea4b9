// What Cloche is measured against: the web server path alone, and a container per call by the Docker client.

import { spawn } from 'node:child_process';
import {
  chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from '../lib/http.mjs';
import { freePort } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';
import { HELLO } from './cloche.mjs';
import { output } from './load.mjs';

const CONSTANT = fileURLToPath(new URL('../../build/bench/constant', import.meta.url));
const ENGINE_RUNTIME = { docker: 'runc', gvisor: 'runsc' };
const PROCESSES = 2; // as in the stack's own pools
const THREADS = 64;

/** nginx with the stack's own configuration, in front of a program that answers a constant. */
export class Bare {
  #children = [];

  static async start(s) {
    const bare = new Bare();
    bare.folder = mkdtempSync(join(tmpdir(), 'cloche-bench-'));
    process.once('exit', () => bare.stop());
    const port = await freePort();
    bare.url = `http://127.0.0.1:${port}/fn/hello`;
    bare.#configure(s, port);
    bare.#spawn('spawn-fcgi', ['-n', '-s', join(bare.folder, 'run/fn.sock'), '-M', '0666', '--',
      '/usr/bin/env', 'multiwatch', '-f', `${PROCESSES}`, '--', join(bare.folder, 'constant'), `${THREADS}`]);
    await until(() => existsSync(join(bare.folder, 'run/fn.sock')), 'the socket of the constant program', 5000);
    bare.#spawn('nginx', ['-p', join(bare.folder, 'run/nginx'), '-e', 'stderr', '-c', join(bare.folder, 'run/conf/nginx.conf'),
      '-g', 'daemon off;']);
    await until(async () => (await request(bare.url)).status === 200, 'an answer of the bare web server', 5000);
    return bare;
  }

  #configure(s, port) {
    const moved = [[s.run, join(this.folder, 'run')], [s.home, join(this.folder, 'home')],
      [new URL(s.url).host, `127.0.0.1:${port}`]];
    chmodSync(this.folder, 0o755);
    for (const name of ['run/conf', 'run/nginx', 'home/nginx']) mkdirSync(join(this.folder, name), { recursive: true });
    copyFileSync(CONSTANT, join(this.folder, 'constant'));
    for (const name of readdirSync(join(s.run, 'conf')).filter((file) => file.endsWith('.conf'))) {
      const text = readFileSync(join(s.run, 'conf', name), 'utf8');
      writeFileSync(join(this.folder, 'run/conf', name), moved.reduce((now, [from, to]) => now.replaceAll(from, to), text));
    }
  }

  #spawn(command, args) {
    this.#children.push(spawn(command, args, { stdio: 'ignore' }));
  }

  stop() {
    for (const child of this.#children.splice(0)) child.kill('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The interpreter of an image that does nothing, in no container. */
export class Interpreter {
  static #commands = { python: ['/usr/bin/python3', '-I', '-B', '-S', '-c', ''], javascript: ['/usr/bin/node', '-e', ''] };

  /** `s` is a stack whose images are unpacked. */
  constructor(s, language) {
    this.language = language;
    this.command = [realpathSync(join(s.home, 'images', language)), ...Interpreter.#commands[language]];
  }

  /** Starts a second by `clients` at a time. */
  async sustained(clients, seconds) {
    const end = performance.now() + seconds * 1000;
    let count = 0;
    const began = performance.now();
    await Promise.all(Array.from({ length: clients }, async () => {
      while (performance.now() < end) {
        await output('/usr/sbin/chroot', this.command, { env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' } });
        count++;
      }
    }));
    return { rps: count / ((performance.now() - began) / 1000) };
  }
}

/** The same function in the same image, by `docker run --rm` for each call. */
export class DockerRun {
  constructor(s, runtime) {
    this.runtime = runtime;
    this.environment = { ...process.env, DOCKER_HOST: `unix://${join(s.run, 'docker.sock')}` };
  }

  /** Milliseconds of one call. */
  async call() {
    const began = performance.now();
    const text = await output('docker', ['run', '--rm', '--runtime', ENGINE_RUNTIME[this.runtime], '--network', 'none',
      'cloche-python:current', 'python3', '-c', `${HELLO}print(handler(None, None), end="")`], { env: this.environment });
    if (text !== 'Hello, World!') throw new Error(`docker run answers ${text}`);
    return performance.now() - began;
  }

  /** Calls a second by `clients` at a time. */
  async sustained(clients, seconds) {
    const began = performance.now();
    let calls = 0;
    await Promise.all(Array.from({ length: clients }, async () => {
      while (performance.now() - began < seconds * 1000) {
        await this.call();
        calls++;
      }
    }));
    return { rps: calls / ((performance.now() - began) / 1000) };
  }
}

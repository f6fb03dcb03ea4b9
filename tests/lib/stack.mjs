// A real stack for tests, started and ended by the scripts a user runs.
//
// tests/run.mjs starts one for the whole run and names it in the environment; a test file that is run alone, or
// asks for a stack of its own, gets one that ends with the file's process.

import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from './http.mjs';
import * as machine from './machine.mjs';
import { until } from './until.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCRIPTS = join(ROOT, 'docker/stack');
const UP_TIMEOUT_MS = 10 * 60_000; // the first one builds the images
const SCRIPT_TIMEOUT_MS = 3 * 60_000;
// Tests that are not about capacity wait for a container as long as a busy machine needs to make one, and all of
// them sign in from one address. None of their many functions is to be left out of /metrics.
export const PATIENCE = {
  CLOCHE_QUEUE_TIMEOUT_MS: '30000', CLOCHE_LOGIN_RATE: '6000', CLOCHE_LOGIN_TRIES_ADDRESS: '10000',
  CLOCHE_PROMETHEUS_FUNCTIONS: '1000',
};
/** What makes the containers: docker, or oci, by CLOCHE_TEST_ENGINE. */
export const ENGINE = process.env.CLOCHE_TEST_ENGINE || 'docker';
export const SERVICES = ['mariadb', ...(ENGINE === 'docker' ? ['containerd', 'dockerd'] : []), 'keeper', 'api', 'fn', 'nginx'];

/** The stack of this test run; a private one, ended when this process does, outside of a run. */
export async function stack() {
  const { CLOCHE_TEST_URL: url, CLOCHE_TEST_TOKEN: token, CLOCHE_TEST_HOME: home, CLOCHE_TEST_RUN: run } = process.env;
  return url ? new Stack({ url, token, home, run }) : privateStack();
}

/** A stack of one's own, for tests that break it. `settings` are more CLOCHE_… variables. */
export async function privateStack(settings = {}) {
  const { CLOCHE_TEST_FOLDER: folder } = process.env;
  const base = folder ? join(folder, randomBytes(3).toString('hex')) : mkdtempSync(join(tmpdir(), 'cloche-test-'));
  const s = new OwnStack(base, await freePort(), settings);
  process.once('exit', () => s.end());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));
  await s.up();
  return s;
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Stack {
  constructor({ url, token, home, run }) {
    Object.assign(this, { url, token, home, run });
  }

  // ---- the API

  /** `/functions` is `/api/functions`. `token: null` sends none. */
  api(path, { token = this.token, headers = {}, ...options } = {}) {
    const login = token === null ? {} : { Authorization: `Bearer ${token}` };
    return request(`${this.url}/api${path}`, { headers: { ...login, ...headers }, ...options });
  }

  /** Calls a function by its route, as anyone would. */
  fn(path, options) {
    return request(`${this.url}/fn/${path}`, options);
  }

  /** Creates a function, of whose `token` it is; name and route are made up where not given. Resolves to it. */
  async deploy({ token = this.token, ...fields }) {
    const name = `t-${randomBytes(6).toString('hex')}`;
    return this.#expect(201, 'POST', '/functions', { name, route: name, ...fields }, token);
  }

  replace({ id, name, route, language }, fields) {
    return this.#expect(200, 'PUT', `/functions/${id}`, { name, route, language, ...fields });
  }

  execute({ id }, body = {}) {
    return this.#expect(200, 'POST', `/functions/${id}/execute`, body);
  }

  async remove({ id }) {
    const { status, text } = await this.api(`/functions/${id}`, { method: 'DELETE' });
    if (status !== 204) throw new Error(`DELETE /functions/${id}: ${status} ${text}`);
  }

  /** The example of that name, deployed when the stack started. */
  async example(name) {
    const { items } = await this.#expect(200, 'GET', `/functions?limit=100&q=${name}`);
    const found = items.find((item) => item.name === name);
    if (!found) throw new Error(`the example ${name} is not deployed`);
    return found;
  }

  /** The record of a call, as soon as there is one. */
  record({ id }, invocation) {
    return until(async () => {
      const { items } = await this.#expect(200, 'GET', `/functions/${id}/invocations?limit=100`);
      return items.find((item) => item.id === invocation);
    }, `the record of ${invocation}`, 5000);
  }

  async #expect(wanted, method, path, body, token = this.token) {
    const answer = await this.api(path, { method, body, token, timeout: 60_000 });
    if (answer.status !== wanted) throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 500)}`);
    return answer.body;
  }

  // ---- the machine

  /** Its services, those of the engine it was started with included. */
  get services() {
    return readdirSync(join(this.run, 'service')).filter((name) => !name.startsWith('.'));
  }

  get cgroup() {
    return machine.cgroupName(this.run);
  }

  /** Processes of the cell that runs as `uid`, each told apart from later ones of its pid. */
  cellOfUid(uid) {
    const group = machine.cgroupOfUid(this.run, uid);
    return group === null ? [] : machine.cgroupPids(group).map(machine.identify);
  }

  /** How many cells may use this much memory: those of a function, if no other one has as much. */
  cellsOfMemory(mb) {
    return machine.cellsOfMemory(this.cgroup, mb).length;
  }

  /** First process of a service, from its supervisor. */
  pid(service) {
    const { stdout } = spawnSync('s6-svstat', ['-o', 'pid', join(this.run, 'service', service)], { encoding: 'utf8' });
    const pid = Number(stdout);
    if (!(pid > 0)) throw new Error(`${service} is not up`);
    return pid;
  }

  /** Worker processes of a pool: the children of its multiwatch. */
  workers(pool) {
    return machine.children(this.pid(pool));
  }

  /** The last lines of every service's log, to see why a test failed. */
  logTails(lines = 12) {
    return SERVICES.flatMap((service) => {
      const text = tail(join(this.home, 'log', service, 'current'), lines);
      return text ? [`---- ${service}`, text] : [];
    }).join('\n');
  }
}

export class OwnStack extends Stack {
  #child = null;
  #ended = false;
  #environment;

  constructor(base, port, settings = {}) {
    super({ url: `http://127.0.0.1:${port}`, home: join(base, 'home'), run: join(base, 'run') });
    Object.assign(this, { base, port });
    this.#environment = {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) =>
        !/^(MAKE|MFLAGS|NODE_|CLOCHE_)/.test(name) || name === 'CLOCHE_BIN_DIR')),
      CLOCHE_HOME: this.home, CLOCHE_RUN: this.run, CLOCHE_LISTEN: `127.0.0.1:${port}`, CLOCHE_ENGINE: ENGINE, ...PATIENCE,
      ...settings,
    };
  }

  /** `make up`. May be called again. Resolves to what it printed. */
  async up() {
    // Others must get through to the sockets and files, as they do in /var/lib and /run.
    mkdirSync(this.base, { recursive: true });
    chmodSync(this.base, 0o711);
    const path = join(this.base, 'up.log');
    const log = openSync(path, 'w');
    // A group of its own, so that a Ctrl-C reaches only us and we decide what is ended how.
    this.#child = spawn(join(SCRIPTS, 'up.sh'), [], {
      cwd: '/', env: this.#environment, stdio: ['ignore', log, log], detached: true, timeout: UP_TIMEOUT_MS,
    });
    closeSync(log);
    const code = await new Promise((resolve, reject) => this.#child.on('exit', resolve).on('error', reject));
    this.#child = null;
    const text = readFileSync(path, 'utf8');
    if (code !== 0) throw new Error(`make up ended with ${code}:\n${text}\n${this.logTails()}`);
    this.token = readFileSync(join(this.home, 'admin.token'), 'utf8').trim();
    return text;
  }

  /** One of the stack's scripts, run to its end. */
  script(name, settings = {}, parameters = []) {
    return spawnSync(join(SCRIPTS, `${name}.sh`), parameters, {
      cwd: '/', env: { ...this.#environment, ...settings }, encoding: 'utf8', timeout: SCRIPT_TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /**
   * `make down`, removal of the data, and a look for what is left: a list of it, [] when all is well. Synchronous,
   * so that it also works while the process exits.
   */
  end() {
    if (this.#ended) return [];
    this.#ended = true;
    if (this.#child) {
      this.#child.kill('SIGTERM');
      spawnSync('tail', [`--pid=${this.#child.pid}`, '-s', '0.1', '-f', '/dev/null'], { timeout: 30_000 });
    }
    const sockets = machine.shimSockets(this.run);
    const down = this.script('down');
    const found = machine.leftovers(this.base, this.run, sockets);
    if (down.status !== 0) found.unshift(`make down ended with ${down.status}: ${down.stderr}${down.stdout}`);
    rmSync(this.base, { recursive: true, force: true, maxRetries: 5 });
    if (found.length) process.stderr.write(`left over of ${this.base}:\n  ${found.join('\n  ')}\n`);
    return found;
  }
}

/** Ends the stacks below a folder that whoever started them did not; what they were. */
export function endForgotten(folder) {
  return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => {
    const forgotten = new OwnStack(join(folder, name), 1);
    return [`${forgotten.base} was not ended`, ...forgotten.end()].join(', ');
  });
}

function tail(path, lines) {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}

// The stack of docker/compose.yaml on an engine of the tests' own, whose data stay below build/, so that images are
// built once. No registry is asked: the base is made here, and holds what certificate authorities this machine has added.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cgroupDirectories, cgroupName, cgroupPids, isAlive, identify } from './machine.mjs';
import { freePort, PATIENCE, Stack } from './stack.mjs';
import { until } from './until.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const KEPT = join(ROOT, 'build/compose');
const BASE = 'cloche-test-base:bookworm';
const AUTHORITIES = '/usr/local/share/ca-certificates';

export const COMPOSE = ['docker-compose', '-f', join(ROOT, 'docker/compose.yaml')];

function run(command, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command[0], command.slice(1), { encoding: 'utf8', maxBuffer: 64 << 20, ...options });
  if (error || status !== 0) throw new Error(`${command.join(' ')}: ${error ?? status}\n${stdout?.slice(-3000)}${stderr?.slice(-3000)}`);
  return stdout;
}

/** dockerd without its default bridge and without iptables: published ports are passed on by its proxy. */
class Engine {
  constructor(folder) {
    this.folder = folder;
    this.socket = join(folder, 'docker.sock');
    this.environment = { DOCKER_HOST: `unix://${this.socket}`, DOCKER_BUILDKIT: '0', COMPOSE_DOCKER_CLI_BUILD: '0', DOCKER_CONFIG: join(folder, 'client') };
  }

  async start() {
    const runsc = spawnSync('sh', ['-c', 'command -v runsc'], { encoding: 'utf8' }).stdout.trim();
    const config = join(this.folder, 'daemon.json');
    writeFileSync(config, JSON.stringify({
      'data-root': join(KEPT, 'docker'), 'exec-root': join(this.folder, 'exec'), pidfile: join(this.folder, 'docker.pid'), hosts: [`unix://${this.socket}`],
      bridge: 'none', iptables: false, ip6tables: false, 'ip-forward': false, 'ip-masq': false, 'log-level': 'warn', 'shutdown-timeout': 10,
      'deprecated-key-path': join(this.folder, 'key.json'), 'exec-opts': ['native.cgroupdriver=cgroupfs'], 'cgroup-parent': `/${cgroupName(this.folder)}`,
      ...(runsc && { runtimes: { runsc: { path: runsc, runtimeArgs: ['--network=none', '--host-uds=open'] } } }),
    }));
    const log = openSync(join(this.folder, 'dockerd.log'), 'w');
    this.daemon = spawn('dockerd', ['--config-file', config], { stdio: ['ignore', log, log], detached: true });
    await until(() => spawnSync('curl', ['-sf', '--unix-socket', this.socket, 'http://d/_ping']).status === 0, 'the engine', 30_000);
  }

  docker(...parameters) {
    return run(['docker', ...parameters], { env: { ...process.env, ...this.environment } }).trim();
  }

  hasImage(name) {
    return this.docker('images', '--quiet', name) !== '';
  }

  async stop() {
    const daemon = identify(this.daemon.pid);
    process.kill(this.daemon.pid, 'SIGTERM');
    await until(() => !isAlive(daemon), 'the end of the engine', 30_000);
    for (const folder of [join(this.folder, 'exec'), join(KEPT, 'docker')]) spawnSync('umount', ['--quiet', ...mountsBelow(folder).reverse()]);
    for (const directory of cgroupDirectories(cgroupName(this.folder))) spawnSync('find', [directory, '-depth', '-type', 'd', '-delete']);
  }
}

const groupsBelow = (name) => cgroupDirectories(name).flatMap((directory) =>
  readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name)));
const mountsBelow = (folder) => readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  .map((line) => line.split(' ')[4] ?? '').filter((path) => `${path}/`.startsWith(`${folder}/`));

function makeBase(engine) {
  const tarball = join(KEPT, 'base.tar');
  if (!existsSync(tarball)) {
    const hook = existsSync(AUTHORITIES) ? [`--customize-hook=copy-in ${AUTHORITIES} /usr/local/share`, '--customize-hook=chroot "$1" update-ca-certificates'] : [];
    run(['mmdebstrap', '--variant=minbase', '--include=ca-certificates', '--format=tar', ...hook, 'bookworm', `${tarball}.new`]);
    renameSync(`${tarball}.new`, tarball);
  }
  if (!engine.hasImage(BASE)) engine.docker('import', tarball, BASE);
}

/** A socket that says of the engine behind it that it has another control group driver. */
async function front(folder, engine, driver) {
  const socket = join(folder, `${driver}.sock`);
  const child = spawn(process.execPath, [fileURLToPath(new URL('engine_front.mjs', import.meta.url)), socket, engine, driver],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await until(() => existsSync(socket), 'the socket in front of the engine', 10_000);
  return { socket, child };
}

export class ComposeStack extends Stack {
  #front = null;

  static async start() {
    const base = mkdtempSync(join(process.env.CLOCHE_TEST_FOLDER ?? tmpdir(), 'compose-'));
    chmodSync(base, 0o711);
    mkdirSync(KEPT, { recursive: true });
    const s = new ComposeStack({ url: `http://127.0.0.1:${await freePort()}`, home: base, run: join(base, 'run') });
    s.base = base;
    s.engine = new Engine(base);
    await s.engine.start();
    makeBase(s.engine);
    s.environment = {
      PATH: process.env.PATH, HOME: base, ...s.engine.environment, ...PATIENCE, COMPOSE_PROJECT_NAME: `cloche${randomBytes(3).toString('hex')}`,
      // Where even root cannot raise it, neither can the engine.
      CLOCHE_MEMLOCK: run(['sh', '-c', 'ulimit -l unlimited 2>/dev/null && echo -1 || echo $(($(ulimit -H -l) * 1024))']).trim(),
      CLOCHE_BASE: BASE, CLOCHE_RUN: s.run, CLOCHE_LISTEN: new URL(s.url).host, CLOCHE_DOCKER_SOCKET: s.engine.socket,
    };
    return s;
  }

  compose(...parameters) {
    return run([...COMPOSE, ...parameters], { env: this.environment });
  }

  /** On an engine that says that it has this control group driver. */
  async up(driver = 'cgroupfs') {
    if (driver !== 'cgroupfs') {
      this.#front = await front(this.base, this.engine.socket, driver);
      this.environment.CLOCHE_DOCKER_SOCKET = this.#front.socket;
    }
    this.compose('up', '--build', '-d');
    await until(() => / ready  http/.test(this.compose('logs', '--no-color', 'examples')), 'the examples', 240_000);
    this.token = this.compose('exec', '-T', 'api', 'cat', '/var/lib/cloche/admin.token').trim();
  }

  /** Container of a service, as `docker inspect` tells it. */
  container(service) {
    const id = this.compose('ps', '-q', service).trim();
    return JSON.parse(this.engine.docker('inspect', id))[0];
  }

  /** Containers that are no part of the stack: with one of its engines, the cells. */
  cells() {
    return this.engine.docker('ps', '-aq', '--filter', `label=cloche.instance=${this.run}`).split('\n').filter(Boolean);
  }

  /** All that there still is of the stack. */
  left() {
    const filter = `label=com.docker.compose.project=${this.environment.COMPOSE_PROJECT_NAME}`;
    const ask = (...what) => this.engine.docker(...what).split('\n').filter(Boolean);
    return [
      ...ask('ps', '-aq', '--filter', filter), ...this.cells(),
      ...ask('volume', 'ls', '-q', '--filter', filter), ...ask('network', 'ls', '-q', '--filter', filter),
      ...cgroupDirectories(cgroupName(this.run)), ...cgroupPids(cgroupName(this.base)), ...groupsBelow(cgroupName(this.base)), ...mountsBelow(this.run), ...execFileSync('find', [join(this.run, 'cells'), '-mindepth', '1'], { encoding: 'utf8' }).split('\n').filter(Boolean),
    ];
  }

  async end() {
    spawnSync(COMPOSE[0], [...COMPOSE.slice(1), 'down', '-v', '--timeout', '30'], { env: this.environment });
    this.#front?.child.kill();
    await this.engine.stop();
    rmSync(this.base, { recursive: true, force: true });
  }

  /** What the containers say, to see why a test failed. */
  logs() {
    return existsSync(this.engine.socket) ? this.compose('logs', '--no-color', '--tail', '15') : readFileSync(join(this.base, 'dockerd.log'), 'utf8');
  }
}

// make up, make status and make down: repeated, refused, side by side, and from bad states.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as machine from '../lib/machine.mjs';
import { ENGINE, freePort, OwnStack, privateStack, SERVICES } from '../lib/stack.mjs';

const SCRIPTS = fileURLToPath(new URL('../../docker/stack/', import.meta.url));

let s;
let folder;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cloche-test-'));
  chmodSync(folder, 0o755);
  s = await privateStack();
});
after(() => {
  s?.end();
  rmSync(folder, { recursive: true, force: true });
});

/** One clear sentence on stderr and an exit code that says no. */
function assertRefused({ status, stderr }, sentence) {
  assert.notEqual(status, 0);
  assert.match(stderr, sentence);
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
  assert.match(stderr, /^cloche: /);
}

describe('a stack', () => {
  test('keeps its secrets to itself', () => {
    const mode = (path) => (statSync(path).mode & 0o777).toString(8);
    assert.equal(mode(join(s.home, 'admin.token')), '600');
    assert.equal(mode(join(s.home, 'mysql')), '700');
    assert.equal(mode(s.home), '711');
    assert.equal(mode(s.run), '711');
    const engine = statSync(join(s.run, ENGINE === 'docker' ? 'docker.sock' : 'oci'));
    assert.equal(engine.uid, 0);
    assert.equal(engine.mode & 0o007, 0, 'the engine is for root alone');
  });

  test('make up again changes nothing and takes seconds', async () => {
    const f = await s.deploy({ language: 'python', code: 'def handler():\n    return "kept"\n' });
    const before = SERVICES.map((service) => s.pid(service));
    const token = s.token;
    const began = performance.now();
    const text = await s.up();
    assert.ok(performance.now() - began < 20_000, `${performance.now() - began} ms`);
    assert.match(text.trim().split('\n').at(-1), new RegExp(`^ready  ${s.url}   token file: ${s.home}/admin\\.token$`));
    assert.deepEqual(SERVICES.map((service) => s.pid(service)), before);
    assert.equal(s.token, token);
    assert.equal((await s.fn(f.route)).text, 'kept');
  });

  test('make status tells what runs', () => {
    const { status, stdout } = s.script('status');
    assert.equal(status, 0, stdout);
    for (const service of SERVICES) assert.match(stdout, new RegExp(`^${service}\\s+up\\b`, 'm'));
  });

  test('does not listen anywhere but at its address', () => {
    const listening = spawnSync('sh', ['-c', 'cat /proc/net/tcp /proc/net/tcp6'], { encoding: 'utf8' }).stdout;
    const port = s.port.toString(16).toUpperCase().padStart(4, '0');
    const ours = listening.split('\n').map((line) => line.trim().split(/\s+/)).filter(([, local, , state]) =>
      state === '0A' && local.endsWith(`:${port}`));
    assert.deepEqual(ours.map(([, local]) => local), [`0100007F:${port}`]);
  });
});

// s6-svok already calls a supervisor that holds its lock one that listens; here it does so only once it
// is waited for.
test('a supervisor that is about to listen is waited for', () => {
  const dir = join(folder, 'service');
  mkdirSync(join(dir, 'supervise'), { recursive: true });
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `
    source "$1/lib.sh" && source "$1/services.sh" && cd "$2/supervise"
    coproc s6-setlock lock sh -c 'echo locked; read -r go; mkfifo control; exec head -c 1 <>control'
    exec 5<&"\${COPROC[0]}" 6>&"\${COPROC[1]}"
    read -r locked <&5
    sleep() { echo go >&6; command sleep "$1"; }
    wait_supervised "$2"
    s6-svc -u "$2"
    read -r -n 1 command <&5
    echo "$locked $command"`, '_', SCRIPTS, dir],
  { encoding: 'utf8', timeout: 20_000, env: { PATH: process.env.PATH, CLOCHE_HOME: s.home, CLOCHE_RUN: s.run } });
  assert.equal(stdout, 'locked u\n', stderr);
  assert.equal(status, 0);
});

describe('make up refuses', () => {
  test('a port that is taken', () => {
    const other = new OwnStack(join(folder, 'port'), s.port);
    assertRefused(other.script('up'), new RegExp(`port ${s.port} is in use`));
    assert.deepEqual(machine.leftovers(other.base, other.run), []);
  });

  test('to run without root, as do the others', () => {
    // A copy, because the checkout may lie where others cannot read it.
    const copy = join(folder, 'copy/docker/stack');
    cpSync(SCRIPTS, copy, { recursive: true });
    for (const script of ['up', 'down', 'status']) {
      const result = spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', join(copy, `${script}.sh`)],
        { encoding: 'utf8', cwd: '/', env: { PATH: process.env.PATH, CLOCHE_HOME: s.home, CLOCHE_RUN: s.run } });
      assertRefused(result, /root/);
    }
  });

  test('settings that make no sense', async () => {
    const port = await freePort();
    const up = (name, settings) => new OwnStack(join(folder, name), port).script('up', settings);
    assertRefused(up('a', { CLOCHE_LISTEN: 'nonsense' }), /CLOCHE_LISTEN/);
    assertRefused(up('b', { CLOCHE_HOME: 'relative/path' }), /CLOCHE_HOME/);
    assertRefused(up('c', { CLOCHE_HOME: '/usr' }), /CLOCHE_HOME/);
    assertRefused(up('d', { CLOCHE_RUN: `/tmp/${'long'.repeat(20)}` }), /CLOCHE_RUN/);
    assertRefused(up('e', { CLOCHE_ENGINE: 'docker', CLOCHE_DOCKER_HOST: 'unix:///nowhere/docker.sock' }), /Docker/);
    assertRefused(up('f', { CLOCHE_ENGINE: 'podman' }), /CLOCHE_ENGINE/);
    assertRefused(up('g', { CLOCHE_ENGINE: 'oci', CLOCHE_DOCKER_HOST: 'unix:///run/docker.sock' }), /CLOCHE_DOCKER_HOST/);
  });

  test('another engine while the stack runs', () => {
    assertRefused(s.script('up', { CLOCHE_ENGINE: ENGINE === 'docker' ? 'oci' : 'docker' }), /make down/);
  });

  test('a directory that holds something else, and leaves that alone', async () => {
    const home = join(folder, 'mine/home');
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'thesis.txt'), 'precious');
    assertRefused(new OwnStack(join(folder, 'mine'), await freePort()).script('up'), /CLOCHE_HOME/);
    assert.ok(existsSync(join(home, 'thesis.txt')));
  });
});

describe('two stacks side by side', () => {
  let other;
  before(async () => { other = await privateStack(); });
  after(() => other?.end());

  test('answer each for itself', async () => {
    const f = await other.deploy({ language: 'python', code: 'def handler():\n    return "other"\n' });
    assert.equal((await other.fn(f.route)).text, 'other');
    assert.equal((await s.fn(f.route)).status, 404);
    assert.equal((await s.api('/functions', { token: other.token })).status, 401);
    assert.equal((await s.fn('hello?name=first')).text, 'Hello, first!');
  });

  test('make down of one, from a bad state, leaves nothing and does not disturb the other', async () => {
    const slow = { language: 'python', timeout_ms: 60_000, code: 'import time\ndef handler(n):\n    time.sleep(n)\n    return "slept"\n' };
    const mine = await s.deploy(slow);
    const theirs = await other.deploy(slow);
    const call = s.execute(mine, { input: 5 });
    const lost = other.execute(theirs, { input: 50 }).catch(() => null);
    if (ENGINE === 'docker') process.kill(other.pid('dockerd'), 'SIGSTOP');
    process.kill(other.pid('keeper'), 'SIGKILL');
    assert.deepEqual(other.end(), []);
    await lost;
    assert.equal((await call).output, 'slept');
    assert.equal((await s.fn('hello?name=first')).text, 'Hello, first!');
  });
});

describe('backup and restore', () => {
  let file;
  let restored;
  before(async () => {
    file = join(folder, 'cloche.tar.gz');
    // On the engine of the other: its images are there already.
    restored = new OwnStack(join(folder, 'restored'), await freePort(), { CLOCHE_DOCKER_HOST: `unix://${s.run}/docker.sock` });
    mkdirSync(restored.base);
    chmodSync(restored.base, 0o711);
  });
  after(() => restored?.end());

  test('a new installation has the functions, accounts and records of the old one', async () => {
    const f = await s.deploy({ language: 'python', code: 'def handler():\n    return "d\u00e9j\u00e0 vu"\n' });
    const { invocation_id: id } = await s.execute(f, {});
    const backup = s.script('backup', {}, [file]);
    assert.equal(backup.status, 0, backup.stderr);
    assert.equal((statSync(file).mode & 0o777).toString(8), '600', 'it holds the admin token');

    const { status, stdout, stderr } = restored.script('restore', {}, [file]);
    assert.equal(status, 0, stderr);
    assert.match(stdout.trim().split('\n').at(-1), /^ready /);
    assert.equal(existsSync(join(restored.home, 'restore.sql')), false);
    restored.token = s.token;
    assert.equal((await restored.fn(f.route)).text, 'déjà vu');
    const record = await restored.api(`/invocations/${id}`);
    assert.equal(record.status, 200);
    assert.equal(record.body.function_id, f.id);
  });

  test('says what is wrong, and touches nothing', async () => {
    const none = new OwnStack(join(folder, 'none'), await freePort());
    const text = join(folder, 'text');
    writeFileSync(text, 'not a backup');
    assertRefused(s.script('backup', {}, [file]), /is there already/);
    assertRefused(s.script('backup'), /FILE=/);
    assertRefused(none.script('backup', {}, [join(folder, 'new')]), /there is no Cloche/);
    assertRefused(s.script('restore', {}, [file]), /holds an installation/);
    assertRefused(none.script('restore', {}, [text]), /is not a backup/);
    assertRefused(none.script('restore'), /FILE=/);
    assert.deepEqual(machine.leftovers(none.base, none.run), []);
    assert.equal(existsSync(none.base), false);
    assert.equal((await s.fn('hello?name=first')).text, 'Hello, first!');
  });
});

describe('make down', () => {
  test('leaves the data and nothing else; make up brings it back', async () => {
    const f = await s.deploy({ language: 'python', code: 'def handler():\n    return "kept"\n' });
    const sockets = machine.shimSockets(s.run);
    assert.equal(sockets.length > 0, ENGINE === 'docker');
    const down = s.script('down');
    assert.equal(down.status, 0, down.stderr);
    assert.deepEqual(machine.leftovers(s.base, s.run, sockets), []);
    assert.equal(s.script('down').status, 0, 'again is no error');
    await s.up();
    assert.equal((await s.fn(f.route)).text, 'kept');
  });

  test('leaves nothing', () => assert.deepEqual(s.end(), []));
});

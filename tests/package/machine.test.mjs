// The package on a machine of its own with systemd: installed, rebooted, upgraded, removed, purged, restored.

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { debian, must } from '../lib/guest.mjs';
import { Machine } from '../lib/nspawn.mjs';
import { BUILD, buildPackage, CONFIG, names, putBases, Visitor } from '../lib/package.mjs';
import { until } from '../lib/until.mjs';

const START_MS = 180_000;
const OTHERS = ['nginx.service', 'docker.service', 'containerd.service'];

let folder;
let m;
let v;
let old;
let next;

/** The package, and a later version of it that brings a migration. */
function packages() {
  const { file, version } = buildPackage();
  old = join(folder, 'old.deb');
  next = join(folder, 'next.deb');
  copyFileSync(file, old);
  const tree = join(folder, 'next');
  must('dpkg-deb', '-R', old, tree);
  writeFileSync(join(tree, 'usr/share/cloche/sql/9000_next.sql'), 'CREATE TABLE next_version (id INT PRIMARY KEY) ENGINE=InnoDB;\n');
  const control = join(tree, 'DEBIAN/control');
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}+next`));
  must('dpkg-deb', '--root-owner-group', '--build', tree, next);
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloche-test-'));
  packages();
  const tar = debian(join(BUILD, 'machines'), ['systemd-sysv', 'dbus', ...names(old, 'Depends'), ...names(old, 'Recommends')]);
  m = new Machine(tar, join(folder, 'root'));
  v = new Visitor(m);
  process.once('exit', () => m.end());
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  for (const [from, to] of [[old, 'old.deb'], [next, 'next.deb']]) copyFileSync(from, join(m.root, 'root', to));
  putBases(m.root, join(folder, 'unpacked'));
});
after(() => {
  m?.end();
  rmSync(folder, { recursive: true, force: true });
});

const serves = (what) => v.serves(what, START_MS);
const call = (route) => v.call(route);
const state = (unit) => v.state(unit);
const mainPid = (unit) => v.mainPid(unit);

/** Fields of /proc/PID/status, of a process as the machine numbers it. */
const status = (pid) => Object.fromEntries(m.run('cat', `/proc/${pid}/status`).trim().split('\n').map((line) => line.split(':\t')));

describe('the package', () => {
  let others;
  const services = () => Object.fromEntries(OTHERS.map((unit) => [unit, m.run('systemctl', 'show', unit, '-p', 'ActiveState,MainPID,NRestarts,UnitFileState')]));

  test('installs, and serves without another step', async () => {
    await m.boot();
    await until(() => OTHERS.every((unit) => state(unit) === 'active'), 'services of the machine', 60_000, 200);
    others = services();
    m.run('dpkg', '-i', '/root/old.deb');
    await serves('the first start');
    await until(() => existsSync(join(m.root, 'var/lib/cloche/examples-deployed')), 'examples', 60_000, 200);
    assert.equal(m.try('cloche-status').status, 0, m.try('cloche-status').stdout);
    v.deploy({ name: 'kept', route: 'kept', language: 'python', code: 'def handler():\n    return "kept"\n' });
    v.deploy({ name: 'sandboxed', route: 'sandboxed', language: 'javascript', runtime: 'gvisor', code: 'module.exports = () => "gVisor";\n' });
    assert.equal(call('kept'), 'kept');
    assert.equal(call('sandboxed'), 'gVisor');
    assert.equal(m.run('systemctl', '--failed', '--plain', '--no-legend', 'list-units', 'cloche*'), '');
  });

  test('leaves the other services of the machine alone', () => assert.deepEqual(services(), others));

  test('keeps secrets from others', () => {
    const mode = (path) => m.run('stat', '-c', '%a %U:%G', path).trim();
    assert.equal(mode(CONFIG), '640 root:cloche');
    assert.equal(mode('/var/lib/cloche/admin.token'), '600 root:root');
    assert.equal(mode('/var/lib/cloche/mysql'), '700 mysql:mysql');
    assert.equal(mode('/run/cloche/api.sock'), '660 cloche:www-data');
    assert.equal(mode('/run/cloche/docker.sock'), '660 root:root');
  });

  test('who reads what strangers send has no rights at all', () => {
    for (const unit of ['cloche-api.service', 'cloche-fn.service', 'cloche-mariadb.service']) {
      const { Uid, CapEff, CapBnd, NoNewPrivs, Seccomp } = status(mainPid(unit));
      assert.notEqual(Number(Uid.split('\t')[0]), 0, unit);
      assert.deepEqual([BigInt(`0x${CapEff}`), BigInt(`0x${CapBnd}`), NoNewPrivs, Seccomp], [0n, 0n, '1', '2'], unit);
    }
  });

  test('what is killed is back', async () => {
    for (const unit of ['cloche-keeper.service', 'cloche-fn.service', 'cloche-mariadb.service', 'cloche-dockerd.service', 'cloche-nginx.service']) {
      const before = mainPid(unit);
      m.run('systemctl', 'kill', '--kill-whom=main', '--signal=KILL', unit);
      await until(() => mainPid(unit) > 0 && mainPid(unit) !== before, unit, 20_000, 100);
    }
    await until(() => call('kept') === 'kept', 'an answer', 30_000, 200);
  });

  test('a keeper that hangs is replaced', async () => {
    const before = mainPid('cloche-keeper.service');
    m.run('systemctl', 'kill', '--kill-whom=main', '--signal=STOP', 'cloche-keeper.service');
    await until(() => ![0, before].includes(mainPid('cloche-keeper.service')), 'the watchdog', 90_000, 500);
    await until(() => call('kept') === 'kept', 'an answer', 30_000, 200);
  });

  test('serves after a reboot', async () => {
    await m.shutdown();
    await m.boot();
    await serves('the start at boot');
    assert.equal(call('kept'), 'kept');
  });

  test('an upgrade migrates, lets a call finish, and loses none', async () => {
    v.deploy({ name: 'slow', route: 'slow', language: 'python', timeout_ms: 60000, code: 'import time\ndef handler():\n    time.sleep(4)\n    return "slept"\n' });
    const database = mainPid('cloche-mariadb.service');
    m.run('systemd-run', '--unit=caller', '--property=RemainAfterExit=yes', 'sh', '-c', 'curl -s http://127.0.0.1:8080/fn/slow >/root/slow');
    m.run('systemd-run', '--unit=callers', '--property=RemainAfterExit=yes', 'sh', '-c',
      'for i in $(seq 40); do curl -s --max-time 60 http://127.0.0.1:8080/fn/kept; echo; done >/root/calls');
    m.run('dpkg', '-i', '/root/next.deb');
    await until(() => m.property('callers', 'SubState') === 'exited' && m.property('caller', 'SubState') === 'exited', 'the calls', 120_000, 200);
    assert.equal(readFileSync(join(m.root, 'root/slow'), 'utf8'), 'slept');
    assert.deepEqual([...new Set(readFileSync(join(m.root, 'root/calls'), 'utf8').trim().split('\n'))], ['kept']);
    assert.match(m.run('mariadb', '--socket=/run/cloche/mysql/mysqld.sock', 'cloche', '-e', 'SHOW TABLES'), /^next_version$/m);
    assert.equal(mainPid('cloche-mariadb.service'), database, 'the database is not started anew');
    assert.equal(m.try('cloche-status').status, 0, m.try('cloche-status').stdout);
  });

  test('with engine = oci there is no Docker', async () => {
    const path = join(m.root, CONFIG);
    writeFileSync(path, `${readFileSync(path, 'utf8')}\nengine = oci\n`);
    m.run('systemctl', 'restart', 'cloche.target');
    await serves('the other engine');
    assert.deepEqual([state('cloche-dockerd.service'), state('cloche-containerd.service')], ['inactive', 'inactive']);
    assert.equal(call('sandboxed'), 'gVisor');
    assert.equal(m.try('cloche-status').status, 0, m.try('cloche-status').stdout);
  });

  test('removal ends everything and keeps data and settings', async () => {
    m.run('cloche-backup', '/root/backup.tar.gz');
    m.run('dpkg', '-r', 'cloche');
    assert.equal(existsSync(join(m.root, 'var/lib/cloche/mysql')), true);
    assert.match(readFileSync(join(m.root, CONFIG), 'utf8'), /^engine = oci$/m);
    assertNothingRuns();
    m.run('dpkg', '-i', '/root/next.deb');
    await serves('the installation after a removal');
    assert.equal(call('kept'), 'kept');
  });

  test('purge leaves nothing', () => {
    m.run('dpkg', '--purge', 'cloche');
    assertNothingRuns();
    const left = m.run('find', '/', '-xdev', '-iname', '*cloche*', '-not', '-path', '/proc/*', '-not', '-path', '/sys/*').trim();
    assert.equal(left, '');
    assert.notEqual(m.try('id', 'cloche').status, 0);
    for (const unit of OTHERS) assert.equal(state(unit), 'active', unit);
  });

  test('a backup is restored over a new installation', async () => {
    m.run('dpkg', '-i', '/root/next.deb');
    await until(() => m.property('cloche-config', 'ActiveState') === 'active', 'an empty home that is taken', 30_000, 100);
    // The images were purged, and this machine has no network.
    putBases(m.root, join(folder, 'unpacked'));
    m.run('systemctl', 'restart', 'cloche-images.service');
    assert.match(m.try('cloche-restore', '/root/backup.tar.gz').stderr, /--replace/);
    m.run('cloche-restore', '--replace', '/root/backup.tar.gz');
    await serves('the restored installation');
    assert.equal(call('kept'), 'kept');
  });
});

function assertNothingRuns() {
  assert.equal(m.run('systemctl', 'list-units', '--plain', '--no-legend', '--state=active,activating,failed', 'cloche*'), '');
  assert.equal(m.try('sh', '-c', 'grep -lza "^CLOCHE_RUN=" /proc/[0-9]*/environ 2>/dev/null').stdout, '');
  assert.equal(m.try('sh', '-c', 'ls -d /run/cloche /sys/fs/cgroup/cloche /sys/fs/cgroup/*/cloche 2>/dev/null').stdout, '');
  assert.doesNotMatch(m.run('cat', '/proc/self/mountinfo'), /\/(lib|run)\/cloche/);
}

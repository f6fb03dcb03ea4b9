// The package on a Debian machine as most are: Debian's kernel, AppArmor, and nothing but control groups v2.

import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { debian, must } from '../lib/guest.mjs';
import { ARCHITECTURE, BUILD, buildPackage, CONFIG, names, putBases, Visitor } from '../lib/package.mjs';
import { until } from '../lib/until.mjs';
import { VirtualMachine, VM_PACKAGES } from '../lib/vm.mjs';

// An emulated machine is ten times slower than a real one, and more when this one has other work.
const START_MS = 20 * 60_000;
const SETTLE_MS = 5 * 60_000;
const PATIENCE_S = 400;
const SLOW_MS = 300_000;
const SETTINGS = `
launches = 1
pool_size = 1
max_cells = 8
prepared_cells = 0
launch_timeout_ms = ${SLOW_MS}
queue_timeout_ms = ${SLOW_MS}
`;
// Cloche uses none of them; their start would take minutes here.
const WITHOUT = ['nginx.service', 'docker.service', 'docker.socket', 'containerd.service', 'apt-daily.timer', 'apt-daily-upgrade.timer'];
const CELLS = '/sys/fs/cgroup/cloche';
const MB = 2 ** 20;

let folder;
let m;
let v;

// The package's own scripts run as they do where systemd is not: all that is left for the first boot is the start.
function install(root) {
  copyFileSync(buildPackage().file, join(root, 'root/cloche.deb'));
  putBases(root, join(folder, 'unpacked'));
  must('unshare', '--mount', 'sh', '-ec', 'mount -t proc proc "$1/proc"; DEBIAN_FRONTEND=noninteractive chroot "$1" dpkg -i /root/cloche.deb', 'sh', root);
  appendFileSync(join(root, CONFIG), SETTINGS);
  writeFileSync(join(root, 'var/lib/cloche/examples-deployed'), '');
}

before(async () => {
  if (ARCHITECTURE !== 'amd64') return;
  folder = mkdtempSync(join(tmpdir(), 'cloche-test-'));
  process.once('exit', () => {
    m?.end();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  const { file } = buildPackage();
  const tar = debian(join(BUILD, 'machines'), [...VM_PACKAGES, ...names(file, 'Depends'), ...names(file, 'Recommends')]);
  m = new VirtualMachine(join(folder, 'vm'), tar, { install, without: WITHOUT });
  v = new Visitor(m, PATIENCE_S);
  await m.boot();
});
after(() => {
  m?.end();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const PYTHON = 'def handler():\n    return "python"\n';
const JAVASCRIPT = 'module.exports = () => "javascript";\n';
const FUNCTIONS = [
  { name: 'python', language: 'python', code: PYTHON },
  { name: 'javascript', language: 'javascript', code: JAVASCRIPT },
  { name: 'sandboxed', language: 'python', runtime: 'gvisor', code: PYTHON },
  { name: 'kept', language: 'python', isolation: 'function', code: `
calls = 0
def handler(event):
    global calls
    calls += 1
    bytearray(int(event["mb"]) << 20)
    return str(calls)
` },
  // The name of its processes, as the machine sees them.
  { name: 'endless', language: 'python', timeout_ms: 5000, code: `
import os
def handler():
    with open("/proc/self/comm", "w") as comm:
        comm.write("endless")
    for _ in range(4):
        if os.fork() == 0:
            break
    while True:
        pass
` },
  { name: 'greedy', language: 'python', memory_mb: 64, code: `
def handler():
    kept = []
    while True:
        kept.append(bytearray(1 << 20))
` },
];

/** Calls a route; its status, body, and the record of the call. */
async function call(route) {
  const { stdout } = v.curl('--include', `http://127.0.0.1:8080/fn/${route}`);
  const id = /^x-request-id: (\S+)/im.exec(stdout)?.[1];
  assert.ok(id, stdout);
  const record = await until(() => {
    const found = v.api(`/invocations/${id}`);
    return found.status && typeof found.status === 'string' ? found : null;
  }, 'the record', SETTLE_MS, 500);
  return { status: Number(/^HTTP\/\S+ (\d+)/.exec(stdout)[1]), body: stdout.split('\r\n\r\n').at(-1), record };
}

const groups = () => m.run('find', CELLS, '-mindepth', '1', '-maxdepth', '1', '-type', 'd', '-printf', '%f\n').trim().split('\n').filter(Boolean);
const frozen = () => groups().filter((name) => /^frozen 1$/m.test(m.try('cat', `${CELLS}/${name}/cgroup.events`).stdout));
const within = (value, least, most) => assert.ok(value >= least && value <= most, `${value} is not between ${least} and ${most}`);

function figures({ metrics }, memoryMb) {
  within(metrics.cpu_ms, 0.001, SLOW_MS);
  within(metrics.memory_peak_bytes, MB, memoryMb * MB);
}

describe('control groups v2', { skip: ARCHITECTURE === 'amd64' ? false : 'the emulated machine is an amd64' }, () => {
  test('are all that the machine has', () => {
    assert.equal(m.run('stat', '-f', '-c', '%T', '/sys/fs/cgroup').trim(), 'cgroup2fs');
    assert.doesNotMatch(m.run('cat', '/proc/self/mountinfo'), / - cgroup /);
    assert.equal(m.run('cat', '/sys/module/apparmor/parameters/enabled').trim(), 'Y');
  });

  for (const engine of ['docker', 'oci']) {
    describe(`the engine ${engine}`, () => {
      before(async () => {
        if (engine === 'oci') {
          m.run('systemctl', 'stop', 'cloche.target');
          await until(() => v.state('cloche-config.service') === 'inactive', 'the end', SETTLE_MS, 500);
          assert.equal(m.try('ls', CELLS).stdout, '', 'a stack that has ended leaves no control group');
          m.run('sh', '-c', `echo 'engine = oci' >>${CONFIG}`);
          m.run('systemctl', 'start', '--no-block', 'cloche.target');
        }
        await v.serves('the start', START_MS, () => v.curl('--fail', 'http://127.0.0.1:8080/api/health').status === 0);
        if (engine === 'docker') for (const fields of FUNCTIONS) v.deploy({ route: fields.name, timeout_ms: SLOW_MS, ...fields });
      });

      for (const name of ['python', 'javascript', 'sandboxed']) {
        test(`${name}: answers, with figures`, async (t) => {
          const { status, body, record } = await call(name);
          assert.deepEqual([status, body, record.status], [200, name === 'sandboxed' ? 'python' : name, 'ok']);
          figures(record, 128);
          t.diagnostic(`${record.start} cpu ${record.metrics.cpu_ms} ms, peak ${record.metrics.memory_peak_bytes}`);
        });
      }

      test('a kept cell is frozen while it waits, thawed for its call, and tells no peak of an earlier one', async () => {
        const first = await call('kept?mb=24');
        assert.equal(first.body, '1');
        within(first.record.metrics.memory_peak_bytes, 24 * MB, 64 * MB);
        await until(() => frozen().length === 1, 'a frozen cell', SETTLE_MS, 500);
        const second = await call('kept?mb=1');
        assert.deepEqual([second.body, second.record.start], ['2', 'warm']);
        // Linux 6.1 cannot reset it.
        assert.equal(second.record.metrics.memory_peak_bytes, null);
        const third = await call('kept?mb=48');
        assert.deepEqual([third.body, third.record.start], ['3', 'warm']);
        within(third.record.metrics.memory_peak_bytes, 48 * MB, 128 * MB);
      });

      test('at the deadline all its processes end', async () => {
        const { status, record } = await call('endless');
        assert.deepEqual([status, record.status], [504, 'timeout']);
        within(record.metrics.cpu_ms, 1, SLOW_MS);
        await until(() => m.try('pgrep', '-x', 'endless').status === 1, 'nobody is alive', SETTLE_MS, 500);
      });

      test('lack of memory is told as that', async () => {
        const { status, record } = await call('greedy');
        assert.deepEqual([status, record.status, record.error.type], [502, 'oom', 'OutOfMemory']);
        within(record.metrics.memory_peak_bytes, 60 * MB, 64 * MB);
      });

      test('a new keeper ends the cells of the one that was killed', async () => {
        await call('kept?mb=1');
        await until(() => frozen().length === 1, 'a frozen cell', SETTLE_MS, 500);
        const before = groups();
        const pid = v.mainPid('cloche-keeper.service');
        m.run('systemctl', 'kill', '--kill-whom=main', '--signal=KILL', 'cloche-keeper.service');
        await until(() => ![0, pid].includes(v.mainPid('cloche-keeper.service')), 'a new keeper', SETTLE_MS, 500);
        await until(() => groups().every((name) => !before.includes(name)), 'its cells are gone', SETTLE_MS, 500);
        assert.equal((await call('kept?mb=1')).body, '1');
      });

      test('only cells have control groups', () => {
        assert.deepEqual(groups().filter((name) => !/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(name)), []);
      });
    });
  }
});

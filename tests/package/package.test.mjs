// make install and make deb: what they make, without installing it on this machine.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a program to its end; its standard output. Fails with all that it said. */
function run(program, parameters, environment = {}) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(MAKE|MFLAGS|CLOCHE_)/.test(name)));
  const { status, stdout, stderr, error } = spawnSync(program, parameters,
    { cwd: ROOT, encoding: 'utf8', env: { ...env, LC_ALL: 'C.UTF-8', ...environment } });
  assert.equal(status, 0, `${program} ${parameters.join(' ')}: ${error ?? ''}${stderr}${stdout}`);
  return stdout;
}

const make = (...parameters) => run('make', ['--no-print-directory', ...parameters]);
const mode = (path) => (statSync(path).mode & 0o777).toString(8);

let folder;
let prefix;
let units;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloche-test-'));
  chmodSync(folder, 0o755);
  prefix = join(folder, 'usr');
  units = join(prefix, 'lib/systemd/system');
  make('install', `PREFIX=${prefix}`, `SYSCONFDIR=${join(folder, 'etc')}`);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const unitNames = () => readdirSync(units).sort();
const services = () => unitNames().filter((name) => name.endsWith('.service'));

describe('make install', () => {
  test('puts programs into lib, everything else into share, and leads from one to the other', () => {
    for (const name of ['cloche', 'cloche-worker', 'cloche-keeper', 'launcher']) {
      assert.equal(mode(join(prefix, 'lib/cloche/bin', name)), '755');
    }
    for (const name of ['docker', 'html', 'nginx', 'sql']) {
      assert.equal(realpathSync(join(prefix, 'lib/cloche', name)), realpathSync(join(prefix, 'share/cloche', name)));
    }
    assert.deepEqual(readdirSync(join(prefix, 'lib/cloche/sql')), readdirSync(join(ROOT, 'sql')));
    assert.ok(existsSync(join(prefix, 'lib/cloche/html/index.html')));
    assert.equal(realpathSync(join(prefix, 'bin/cloche')), realpathSync(join(prefix, 'lib/cloche/bin/cloche')));
    for (const name of ['status', 'logs', 'reload', 'backup', 'restore']) {
      assert.equal(mode(realpathSync(join(prefix, `sbin/cloche-${name}`))), '755');
    }
  });

  test('leaves settings that are there alone', () => {
    const settings = join(folder, 'etc/cloche/cloche.conf');
    assert.equal(mode(settings), '640', 'it may hold a password');
    writeFileSync(settings, 'listen = 127.0.0.1:1\n');
    make('install', `PREFIX=${prefix}`, `SYSCONFDIR=${join(folder, 'etc')}`);
    assert.equal(readFileSync(settings, 'utf8'), 'listen = 127.0.0.1:1\n');
  });

  test('stays below DESTDIR, and names paths as they will be', () => {
    const staged = join(folder, 'staged');
    make('install', `DESTDIR=${staged}`, 'PREFIX=/opt/cloche');
    assert.deepEqual(readdirSync(staged).sort(), ['etc', 'opt']);
    const unit = readFileSync(join(staged, 'opt/cloche/lib/systemd/system/cloche-keeper.service'), 'utf8');
    assert.match(unit, /^ExecStart=\/opt\/cloche\/lib\/cloche\/docker\/stack\/services\/keeper\/run$/m);
    assert.ok(!unit.includes(staged));
  });

  test('the commands find their parts, and ask for root', () => {
    for (const name of ['status', 'logs', 'reload', 'backup', 'restore']) {
      const { status, stderr } = spawnSync(join(prefix, `sbin/cloche-${name}`), [],
        { uid: 65534, gid: 65534, encoding: 'utf8', cwd: '/', env: { PATH: process.env.PATH } });
      assert.equal(stderr, 'cloche: this needs root; run it with sudo\n');
      assert.equal(status, 1);
    }
  });

  test('each manual page can be read', () => {
    for (const page of ['man1/cloche.1', 'man5/cloche.conf.5', 'man8/cloche.8', 'man8/cloche-keeper.8', 'man8/cloche-worker.8']) {
      const text = run('gzip', ['-dc', join(prefix, 'share/man', `${page}.gz`)]);
      assert.match(text, /^\.TH /);
      assert.match(text, /^\.SH NAME$/m);
    }
    assert.match(run('gzip', ['-dc', join(prefix, 'share/man/man5/cloche.conf.5.gz')]), /\bqueue_timeout_ms\b/);
  });
});

describe('the units', () => {
  test('are understood by systemd, and have no cycle', () => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...unitNames().map((name) => join(units, name))],
      { encoding: 'utf8', env: { ...process.env, SYSTEMD_UNIT_PATH: `${units}:` } });
    assert.equal(status, 0, stderr);
    assert.deepEqual(`${stdout}${stderr}`.split('\n').filter((line) => line.includes('cloche')), []);
  });

  test('all of them belong to the target', () => {
    const wanted = [...readFileSync(join(units, 'cloche.target'), 'utf8').matchAll(/^Wants=(.*)$/gm)].flatMap(([, names]) => names.split(' '));
    assert.deepEqual(wanted.sort(), unitNames().filter((name) => name !== 'cloche.target'));
    for (const name of wanted) assert.match(readFileSync(join(units, name), 'utf8'), /^PartOf=cloche\.target$/m, name);
  });

  // Seen only where the kernel has AppArmor: there it starts no container else.
  test('leave to dockerd what loads the AppArmor profile of containers', () => {
    const sets = [...readFileSync(join(units, 'cloche-dockerd.service'), 'utf8').matchAll(/^CapabilityBoundingSet=(.*)$/gm)].map(([, set]) => set);
    assert.equal(sets.at(-1), 'CAP_MAC_ADMIN');
  });

  test('are exposed as little as the documentation says', () => {
    const table = readFileSync(join(ROOT, 'docs/packages.md'), 'utf8');
    const exposure = (name) => {
      const text = run('systemd-analyze', ['security', '--offline=true', '--no-pager', join(units, name)]);
      return /Overall exposure level for \S+: ([\d.]+)/.exec(text)?.[1];
    };
    const told = Object.fromEntries([...table.matchAll(/^\| (cloche-[a-z]+\.service) \| ([\d.]+) \|/gm)].map(([, name, figure]) => [name, figure]));
    assert.deepEqual(told, Object.fromEntries(services().map((name) => [name, exposure(name)])));
  });
});

describe('make deb', () => {
  let file;
  before(() => {
    make('deb');
    const version = run(join(prefix, 'bin/cloche'), ['version']).trim();
    file = join(ROOT, `build/cloche_${version}_${run('dpkg', ['--print-architecture']).trim()}.deb`);
  });

  const field = (name) => run('dpkg-deb', ['--field', file, name]).trim();

  test('names its version, and the packages it needs', () => {
    assert.equal(field('Version'), run(join(prefix, 'bin/cloche'), ['--version']).trim());
    for (const name of ['libmariadb3', 'libsodium23', 'libfcgi0ldbl', 'nginx', 'multiwatch']) {
      assert.match(field('Depends'), new RegExp(`(^|, )${name}\\b`));
    }
    assert.match(field('Recommends'), /docker\.io/);
  });

  test('has no file outside its places, and none that is not root\'s', () => {
    for (const line of run('dpkg-deb', ['--contents', file]).trim().split('\n')) {
      assert.match(line, / root\/root /);
      assert.match(line, / \.\/(usr\/((s?bin|share|lib)\/.*)?|etc\/(cloche\/(cloche\.conf)?)?)?( -> .*)?$/);
    }
  });

  test('has nothing to say against it for lintian', () => {
    // It may leave a database behind where its temporary files are.
    const { status, stdout } = spawnSync('lintian', ['--allow-root', '--fail-on', 'error,warning', file],
      { encoding: 'utf8', env: { ...process.env, TMPDIR: folder } });
    assert.equal(status, 0, stdout);
  });

  test('is the same when it is made again', () => {
    const before = readFileSync(file);
    make('deb');
    assert.ok(readFileSync(file).equals(before));
  });
});

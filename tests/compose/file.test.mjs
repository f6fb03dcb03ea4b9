// docker/compose.yaml as a file: what Compose makes of it, and who gets what.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { COMPOSE } from '../lib/compose.mjs';

// What the file itself settles, or what has no meaning in containers.
const SETTLED = ['home', 'db_url', 'docker_host', 'cgroup', 'tls_certificate', 'tls_certificate_key', 'tls_function_certificate',
  'tls_function_certificate_key'];
const TLS = ['-f', COMPOSE[2].replace('compose.yaml', 'compose.tls.yaml')];
const config = (settings = {}, more = []) => JSON.parse(execFileSync('python3', ['-c',
  'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)'], {
  input: execFileSync(COMPOSE[0], [...COMPOSE.slice(1), ...more, 'config'], { env: { PATH: process.env.PATH, ...settings }, stdio: 'pipe' }),
}));

describe('the file', () => {
  const { services } = config();

  test('passes on every setting', () => {
    const page = readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8');
    const known = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name).filter((name) => !SETTLED.includes(name));
    const passed = Object.keys(services.api.environment);
    assert.deepEqual(known.filter((name) => !passed.includes(`CLOCHE_${name.toUpperCase()}`)), []);
  });

  test('gives the engine to the keeper, and the network to nginx, alone', () => {
    const all = Object.entries(services);
    const named = (wanted) => all.filter(([, service]) => wanted(service)).map(([name]) => name);
    assert.deepEqual(named(({ volumes = [] }) => volumes.some((volume) => volume.includes('docker.sock'))), ['keeper']);
    assert.deepEqual(named((service) => service.pid === 'host'), ['keeper']);
    assert.deepEqual(named((service) => service.network_mode === undefined), ['nginx']);
    assert.deepEqual(named((service) => service.privileged), []);
    assert.deepEqual(named((service) => !service.cap_drop?.includes('ALL')), ['javascript', 'python']);
  });

  test('gives nobody else what makes containers', () => {
    for (const [name, { cap_add: may = [], security_opt: security = [] }] of Object.entries(services)) {
      const great = may.filter((capability) => ['MKNOD', 'NET_ADMIN', 'SETPCAP', 'SYS_ADMIN', 'SYS_CHROOT', 'SYS_PTRACE'].includes(capability));
      assert.equal(great.length > 0 || security.some((option) => /unconfined/.test(option)), name === 'keeper', name);
    }
  });

  test('names no registry', () => {
    for (const { image, build } of Object.values(services)) {
      for (const name of [image, build?.args.BASE]) assert.doesNotMatch(name ?? '', /[./].*\//);
    }
  });

  test('serves https with the file for it', () => {
    const tls = config({ CLOCHE_PUBLIC_URL: 'https://cloche.example', CLOCHE_TLS_DIRECTORY: '/etc/ssl/private' }, TLS).services;
    for (const name of ['api', 'fn', 'nginx', 'examples']) {
      assert.equal(tls[name].environment.CLOCHE_PUBLIC_URL, 'https://cloche.example');
      assert.equal(tls[name].environment.CLOCHE_RUN, '/run/cloche');
    }
    assert.deepEqual(tls.nginx.ports.sort(), ['127.0.0.1:8080:8080/tcp', '127.0.0.1:8443:8443/tcp']);
    assert.throws(() => config({ CLOCHE_PUBLIC_URL: 'https://cloche.example' }, TLS));
  });
});

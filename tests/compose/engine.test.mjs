// Which engine the keeper's container takes: by what the Docker engine says of itself, or by the setting.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CONTAINER = fileURLToPath(new URL('../../docker/stack/container.sh', import.meta.url));

let folder;
let asked;
let server;
before(() => { folder = mkdtempSync(join(process.env.CLOCHE_TEST_FOLDER ?? tmpdir(), 'engine-')); });
after(() => {
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What the keeper's container says where it has this driver. It ends: there is no program, and no image but those of `more`. */
async function keeper(driver, engine = '', version = { ApiVersion: '1.41' }, more = {}) {
  const socket = join(folder, `${driver}.sock`);
  server?.close();
  asked = [];
  server = http.createServer((request, response) => {
    const path = request.url.split('?')[0];
    asked.push(path);
    const answer = { '/info': { CgroupDriver: driver }, '/version': version, '/images/json': [], '/containers/json': [], ...more }[path];
    response.writeHead(answer ? 200 : 404).end(Buffer.isBuffer(answer) ? answer : JSON.stringify(answer ?? {}));
  });
  if (driver) await new Promise((resolve) => server.listen(socket, resolve));
  const environment = {
    PATH: process.env.PATH, CLOCHE_HOME: join(folder, 'home'), CLOCHE_RUN: join(folder, 'run'), CLOCHE_DOCKER_HOST: `unix://${socket}`, CLOCHE_ENGINE: engine,
  };
  const child = spawn(CONTAINER, ['keeper'], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data) => { said += data; });
  const status = await new Promise((resolve) => child.on('close', resolve));
  assert.notEqual(status, 0);
  return said;
}

describe('the engine is left open', () => {
  test('and groups are left to paths: docker', async () => {
    const said = await keeper('cgroupfs');
    assert.match(said, /^cloche: engine = docker, since the Docker engine has the control group driver cgroupfs$/m);
    assert.ok(!asked.includes('/images/json'), 'no image is copied');
  });

  test('and systemd has the groups: oci', async () => {
    const said = await keeper('systemd');
    assert.match(said, /^cloche: engine = oci, since the Docker engine has the control group driver systemd$/m);
    assert.match(said, /^cloche: the Docker engine at unix:\/\/\S+ has no image cloche-<language>:current$/m);
  });

  test('and there are no groups: a sentence', async () => {
    assert.match(await keeper('none'), /^cloche: the Docker engine at unix:\/\/\S+ has the control group driver none; Cloche needs cgroupfs or systemd$/m);
  });

  test('and nobody answers: a sentence', async () => {
    assert.match(await keeper(''), /^cloche: no Docker engine answers at unix:\/\/\S+$/m);
  });
});

describe('the engine is given', () => {
  test('docker, and systemd has the groups: a sentence', async () => {
    const said = await keeper('systemd', 'docker');
    assert.match(said, /^cloche: the Docker engine at unix:\/\/\S+ has the control group driver systemd, and engine = docker needs cgroupfs/m);
  });

  test('docker, and the API is too old: a sentence', async () => {
    assert.match(await keeper('cgroupfs', 'docker', { ApiVersion: '1.40' }), /speaks API 1\.40; Cloche needs 1\.41 \(Docker 20\.10\) or newer$/m);
  });

  test('and nobody answers: a sentence', async () => {
    for (const engine of ['docker', 'oci']) assert.match(await keeper('', engine), /^cloche: no Docker engine answers at unix:\/\/\S+$/m);
  });

  test('oci: nobody is asked for the driver', async () => {
    const said = await keeper('cgroupfs', 'oci');
    assert.doesNotMatch(said, /since/);
    assert.ok(!asked.includes('/info') && asked.includes('/images/json'));
  });

  test('docker: what the other engine left is removed', async () => {
    const left = join(folder, 'run/oci/cloche-x');
    mkdirSync(left, { recursive: true });
    await keeper('cgroupfs', 'docker');
    assert.ok(!existsSync(left));
  });
});

describe('images are copied for oci', () => {
  const images = () => join(folder, 'home/images');
  const image = (digit) => ({ Id: `sha256:${digit.repeat(64)}`, RepoTags: ['cloche-python:current', 'other:1'] });
  const copy = (digit, tar) => keeper('systemd', '', undefined,
    { '/images/json': [image(digit)], '/containers/create': { Id: 'c1' }, '/containers/c1/export': tar, '/containers/c1': {} });
  let tar;
  before(() => {
    const root = join(folder, 'root');
    for (const name of ['bin', 'dev']) mkdirSync(join(root, name), { recursive: true });
    for (const name of ['bin/python', 'dev/console', '.dockerenv']) writeFileSync(join(root, name), name);
    tar = execFileSync('tar', ['-C', root, '-cf', '-', '.dockerenv', 'bin', 'dev'], { maxBuffer: 1 << 20 });
  });

  test('whole, under the name of the language, without what a container gets by itself', async () => {
    assert.match(await copy('a', tar), /^cloche: copying the image python-a{16}$/m);
    assert.equal(readlinkSync(join(images(), 'python')), 'python-aaaaaaaaaaaaaaaa');
    assert.equal(readFileSync(join(images(), 'python/bin/python'), 'utf8'), 'bin/python');
    assert.deepEqual(readdirSync(join(images(), 'python')).sort(), ['bin', 'dev']);
    assert.deepEqual(readdirSync(join(images(), 'python/dev')), []);
  });

  test('once', async () => {
    assert.doesNotMatch(await copy('a', tar), /copying/);
    assert.ok(!asked.includes('/containers/create'));
  });

  test('not in part: the one before stays', async () => {
    assert.match(await copy('b', tar.subarray(0, 700)), /^cloche: the image python-b{16} cannot be unpacked$/m);
    assert.equal(readlinkSync(join(images(), 'python')), 'python-aaaaaaaaaaaaaaaa');
  });

  test('anew when there is another, and the old one goes', async () => {
    await copy('b', tar);
    assert.deepEqual(readdirSync(images()).sort(), ['python', 'python-bbbbbbbbbbbbbbbb']);
  });
});

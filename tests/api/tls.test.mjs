// What nginx does with a certificate: https, HTTP/2, the way there from http, HSTS, and the log of requests. An nginx of
// its own, made by the stack's scripts, in front of the pools of the stack that is there.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { request } from '../lib/http.mjs';
import { freePort, stack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const SCRIPTS = fileURLToPath(new URL('../../docker/stack', import.meta.url));
const FUNCTIONS = 'functions.example';
// Node's pipes are sockets, which nginx cannot open as a file; behind cat is a pipe.
const START = `exec > >(exec cat); source ${SCRIPTS}/lib.sh; source ${SCRIPTS}/services.sh; mkdir -p "$CONF" "$CLOCHE_RUN/nginx" "$CLOCHE_HOME/nginx"; write_nginx_conf
exec nginx -p "$CLOCHE_RUN/nginx/" -e stderr -c "$CONF/nginx.conf" -g 'daemon off;'`;

let s;
let folder;
let plain;
let secure;
let nginx;
const lines = [];

function makeCertificate(name, host) {
  const paths = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
    `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-out', paths[0], '-keyout', paths[1]], { stdio: 'ignore' });
  return paths;
}

function collect(stream) {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop();
    lines.push(...parts);
  });
}

before(async () => {
  s = await stack();
  folder = mkdtempSync(join(tmpdir(), 'cloche-tls-'));
  chmodSync(folder, 0o755);
  const [home, run] = [join(folder, 'home'), join(folder, 'run')];
  mkdirSync(home);
  mkdirSync(run);
  for (const pool of ['api.sock', 'fn.sock']) symlinkSync(join(s.run, pool), join(run, pool));
  mkdirSync(join(home, 'app'));
  symlinkSync(join(s.home, 'app/html'), join(home, 'app/html'));
  const [certificate, key] = makeCertificate('cloche', 'cloche.example');
  const [functionCertificate, functionKey] = makeCertificate('functions', FUNCTIONS);
  plain = await freePort();
  secure = await freePort();
  nginx = spawn('bash', ['-c', START], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH, CLOCHE_HOME: home, CLOCHE_RUN: run, CLOCHE_LISTEN: `127.0.0.1:${plain}`,
      CLOCHE_TLS_LISTEN: `127.0.0.1:${secure}`, CLOCHE_TLS_CERTIFICATE: certificate, CLOCHE_TLS_CERTIFICATE_KEY: key,
      CLOCHE_FUNCTION_HOST: FUNCTIONS, CLOCHE_TLS_FUNCTION_CERTIFICATE: functionCertificate,
      CLOCHE_TLS_FUNCTION_CERTIFICATE_KEY: functionKey, CLOCHE_HSTS_S: '86400',
    },
  });
  collect(nginx.stdout);
  await until(() => get('/').then(() => true, () => false), 'nginx to serve https', 10_000);
});

after(async () => {
  nginx?.kill('SIGTERM');
  if (nginx?.exitCode === null) await once(nginx, 'exit');
  rmSync(folder, { recursive: true, force: true });
});

/** One request over TLS, to a host by name: {status, headers, text, names of the certificate}. */
function get(path, { host = 'cloche.example', ...options } = {}) {
  return new Promise((resolve, reject) => {
    const out = https.get({
      host: '127.0.0.1', port: secure, path, servername: host, headers: { Host: host }, agent: false, timeout: 10_000,
      ca: readFileSync(join(folder, host === FUNCTIONS ? 'functions.pem' : 'cloche.pem')), ...options,
    }, async (response) => {
      const names = response.socket.getPeerCertificate().subjectaltname;
      const text = (await response.setEncoding('utf8').toArray()).join('');
      resolve({ status: response.statusCode, headers: response.headers, text, names });
    });
    out.on('error', reject);
  });
}

/** The log's line about the request of that id. */
const logged = (id) => until(() => {
  const line = lines.find((text) => text.includes(id));
  return line && JSON.parse(line);
}, `the line of ${id}`, 5000);

describe('https', () => {
  test('what browsers can still do safely, and nothing older', async () => {
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      assert.equal((await get('/api/health', { minVersion: version, maxVersion: version })).status, 200, version);
    }
    // Node's own library must be willing, or this would prove nothing of nginx.
    await assert.rejects(get('/', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
      /alert|protocol version/i);
  });

  test('HTTP/2', async () => {
    const session = http2.connect(`https://127.0.0.1:${secure}`, { servername: 'cloche.example', ca: readFileSync(join(folder, 'cloche.pem')) });
    try {
      const stream = session.request({ ':path': '/api/health', ':authority': 'cloche.example' });
      const [headers] = await once(stream, 'response');
      const body = (await stream.setEncoding('utf8').toArray()).join('');
      assert.equal(session.alpnProtocol, 'h2');
      assert.equal(headers[':status'], 200);
      assert.equal(JSON.parse(body).status, 'ok');
      assert.equal((await logged(headers['x-request-id'])).protocol, 'HTTP/2.0');
    } finally {
      session.close();
    }
  });

  test('every answer says to stay: pages, the API, functions, and what nginx says itself', async () => {
    for (const [path, host, status] of [['/', 'cloche.example', 200], ['/api/health', 'cloche.example', 200],
      ['/fn/x', 'cloche.example', 404], ['/fn/hello', FUNCTIONS, 200], ['/nothing', FUNCTIONS, 404]]) {
      const answer = await get(path, { host });
      assert.equal(answer.status, status, path);
      assert.equal(answer.headers['strict-transport-security'], 'max-age=86400', path);
    }
  });

  test('functions on a host of their own have a certificate of their own', async () => {
    assert.equal((await get('/fn/hello?name=Bob', { host: FUNCTIONS })).text, 'Hello, Bob!');
    assert.equal((await get('/fn/hello', { host: FUNCTIONS })).names, `DNS:${FUNCTIONS}`);
    assert.equal((await get('/')).names, 'DNS:cloche.example');
  });

  test('a renewed certificate is used after a HUP', async () => {
    const before = (await get('/')).names;
    makeCertificate('cloche', 'renewed.example');
    nginx.kill('SIGHUP');
    const now = await until(async () => {
      const { names } = await get('/', { checkServerIdentity: () => undefined }).catch(() => ({ names: before }));
      return names !== before && names;
    }, 'the renewed certificate', 10_000);
    assert.equal(now, 'DNS:renewed.example');
    makeCertificate('cloche', 'cloche.example');
    nginx.kill('SIGHUP');
    await until(() => get('/').then(() => true, () => false), 'the first name again', 10_000);
  });
});

describe('http', () => {
  const ask = (path, options) => request(`http://127.0.0.1:${plain}${path}`, options);

  test('leads to https, whatever is asked and by whatever name', async () => {
    for (const [method, path, host] of [['GET', '/', 'cloche.example'], ['POST', '/api/functions?a=%2F', 'cloche.example'],
      ['GET', '/fn/hello?name=x', FUNCTIONS]]) {
      const answer = await ask(path, { method, headers: { Host: host } });
      assert.equal(answer.status, 308);
      assert.equal(answer.headers.location, `https://${host}:${secure}${path}`);
      assert.equal(answer.headers['strict-transport-security'], undefined, 'it would not count without TLS');
    }
  });

  test('but for what a certificate authority asks', async () => {
    const challenges = join(folder, 'home/acme/.well-known/acme-challenge');
    mkdirSync(challenges, { recursive: true });
    writeFileSync(join(challenges, 'token_1'), 'the answer');
    const answer = await ask('/.well-known/acme-challenge/token_1');
    assert.equal(answer.status, 200);
    assert.equal(answer.text, 'the answer');
    assert.equal((await ask('/.well-known/acme-challenge/%2e%2e/%2e%2e/%2e%2e/app/html/index.html')).status, 308);
  });
});

describe('the log of requests', () => {
  test('a call has the id of its record', async () => {
    const f = await s.example('hello');
    const { headers } = await get('/fn/hello?secret=1', { host: FUNCTIONS });
    const line = await logged(headers['x-request-id']);
    assert.equal((await s.record(f, line.request_id)).id, headers['x-request-id']);
    const { time, status, method, path, host, client, tls } = line;
    assert.deepEqual({ status, method, path, host, client, tls },
      { status: 200, method: 'GET', path: '/fn/hello', host: FUNCTIONS, client: '127.0.0.1', tls: 'TLSv1.3' });
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  });

  test('what nginx answers itself has an id too, and nothing that is sent breaks a line', async () => {
    const agent = 'a"b\\c';
    await get(`/no/such/file-${'x'.repeat(3000)}?q`, { headers: { Host: 'cloche.example', 'User-Agent': agent } });
    const line = await until(() => lines.map((text) => JSON.parse(text)).find(({ path }) => path.startsWith('/no/such/file-')), 'the line', 5000);
    assert.match(line.request_id, /^[0-9a-f]{32}$/);
    assert.equal(line.status, 404);
    assert.equal(line.path.length, 1000);
    assert.equal(line.user_agent, agent);
  });
});

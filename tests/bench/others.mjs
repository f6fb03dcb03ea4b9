// With PEERS=1: platforms from the package registries, with the same greeting, on this machine.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from '../lib/http.mjs';
import { freePort } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const FOLDER = fileURLToPath(new URL('peers/', import.meta.url));
const bin = (name) => join(FOLDER, 'node_modules/.bin', name);

/** name, what starts it, and whether each call takes a container of its own. */
const PEERS = [
  {
    name: 'container per call, FastAPI and docker-py', fresh: true,
    command: (port) => ['/usr/bin/python3', '-m', 'uvicorn', '--port', port, '--log-level', 'warning', 'container_per_call:app'],
  },
  { name: 'functions-framework', command: (port) => [bin('functions-framework'), '--target=hello', '--source=.', `--port=${port}`] },
  { name: 'workerd', command: (port) => [bin('workerd'), 'serve', 'workerd.capnp', `--socket-addr=http=127.0.0.1:${port}`] },
];

async function start({ name, fresh = false, command }, s) {
  const port = `${await freePort()}`;
  const [program, ...args] = command(port);
  const child = spawn(program, args, {
    cwd: FOLDER, stdio: 'ignore', detached: true, // a group of its own: workerd's command is a wrapper
    env: { ...process.env, DOCKER_HOST: `unix://${join(s.run, 'docker.sock')}`, RUNTIME: 'runc', NODE_ENV: 'production' },
  });
  let running = true;
  child.on('exit', () => { running = false; });
  const stop = () => {
    if (running) process.kill(-child.pid, 'SIGTERM');
    running = false;
  };
  process.once('exit', stop);
  const url = `http://127.0.0.1:${port}/`;
  await until(async () => (await request(url)).text === 'Hello, World!', `an answer of ${name}`, 30_000);
  return { name, fresh, url, stop };
}

export async function otherPeers(s) {
  const started = [];
  for (const peer of PEERS) started.push(await start(peer, s));
  return started;
}

// A runner on this machine, without a container: the launcher connects to a socket in a temporary folder.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FrameReader, initFrame, invokeFrame } from './frames.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const IMAGES = join(ROOT, 'docker');
const DEADLINE_MS = 10_000;

export const within = (promise, what, ms = DEADLINE_MS) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

const staged = new Map();
process.on('exit', () => {
  for (const folder of staged.values()) rmSync(folder, { recursive: true, force: true });
});

/** The launcher, compiled once. */
function launcher() {
  const source = join(ROOT, 'docker/launcher.c');
  if (!staged.has(source)) {
    const folder = mkdtempSync(join(tmpdir(), 'staged-launcher-'));
    staged.set(source, folder);
    execFileSync('musl-gcc', ['-O2', '-static', '-Wall', '-Wextra', source, '-o', join(folder, 'launcher')]);
  }
  return join(staged.get(source), 'launcher');
}

/** The runner's files as an image has them below /cloche, made once. */
function stage(language, images) {
  const source = join(images, language);
  if (!staged.has(source)) {
    const folder = mkdtempSync(join(tmpdir(), 'staged-runner-'));
    staged.set(source, folder);
    cpSync(source, folder, { recursive: true });
    cpSync(launcher(), join(folder, 'launcher'));
    // The commands that name files of ours: python3 compiles what it has for an image of its own.
    for (const [, command] of readFileSync(join(source, 'Dockerfile'), 'utf8').matchAll(/^RUN (.*\/cloche\/.*)$/gm)) {
      const [program, ...args] = JSON.parse(command.replaceAll('/cloche', folder));
      execFileSync(program, args);
    }
  }
  return staged.get(source);
}

export class Cell {
  logs = { stdout: '', stderr: '' };

  /**
   * `images` is the folder docker of the sources that the runner is of. With `elsewhere` its image was made on another
   * processor. `through` is a command that runs the launcher, `open` are descriptors that it is left with from 3 on.
   */
  static async start(language, images = IMAGES, { elsewhere = false, through = [], open = [] } = {}) {
    const cell = new Cell();
    cell.folder = mkdtempSync(join(tmpdir(), 'cloche-cell-'));
    const path = join(cell.folder, 's');
    const sockets = [];
    const server = createServer();
    const connected = new Promise((resolve) => {
      server.on('connection', (socket) => {
        if (sockets.push(socket) === 3) resolve();
      });
    });
    await new Promise((resolve) => server.listen(path, resolve));
    const command = join(cell.folder, 'command');
    const other = join(cell.folder, 'processor');
    writeFileSync(other, 'z80 1\n');
    writeFileSync(command, readFileSync(join(images, language, 'command'), 'utf8')
      .replace(/(?<=^if-processor ).*/m, elsewhere ? other : '$&')
      .replaceAll('/cloche/', join(stage(language, images), '/')).replace('/usr/bin/node', process.execPath));
    const [program, ...args] = [...through, launcher(), path, command];
    cell.process = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', ...open] });
    cell.exited = new Promise((resolve) => {
      cell.process.on('exit', (code, signal) => resolve({ code, signal }));
    });
    await within(connected, 'three connections');
    server.close();
    [cell.control, cell.stdout, cell.stderr] = sockets;
    cell.frames = new FrameReader(cell.control);
    cell.drained = Promise.all(['stdout', 'stderr'].map((name) => new Promise((resolve) => {
      cell[name].on('data', (data) => { cell.logs[name] += data; });
      cell[name].on('close', resolve);
    })));
    return cell;
  }

  next() {
    return within(this.frames.next(), 'a frame');
  }

  init(init) {
    this.control.write(initFrame({
      handler: null, event: 'input', env: {}, runtime: 'docker',
      function: { id: 'f-1', name: 'hello', version: 3, memory_mb: 128 }, ...init,
    }));
  }

  invoke(head, body) {
    this.control.write(invokeFrame({
      request_id: 'r-1', deadline_ms: Date.now() + 3000, timeout_ms: 3000, source: 'none', args: [], ...head,
    }, body));
  }

  /** The frames of one answer, joined: {head, body, pieces, end, error}; `closed` when the runner left. */
  async answer() {
    const answer = { head: null, body: Buffer.alloc(0), pieces: [], end: null, error: null, closed: false };
    for (;;) {
      const next = await this.next();
      if (next === null) return { ...answer, closed: true };
      const { type, payload } = next;
      if (type === 'HEAD') answer.head = JSON.parse(payload);
      else if (type === 'BODY') answer.pieces.push(payload);
      else if (type === 'END') answer.end = JSON.parse(payload);
      else if (type === 'ERROR') answer.error = JSON.parse(payload);
      else throw new Error(`unexpected frame ${type}`);
      if (type === 'END' || type === 'ERROR') return { ...answer, body: Buffer.concat(answer.pieces) };
    }
  }

  /** Ends control; the runner must leave by itself. */
  async close() {
    this.control.end();
    const exit = await within(this.exited, 'exit of the runner').finally(() => this.process.kill('SIGKILL'));
    for (const socket of [this.control, this.stdout, this.stderr]) socket.destroy();
    rmSync(this.folder, { recursive: true, force: true });
    return exit;
  }
}

/** Runs `use(cell)` with a cell that has said HELLO, and ends it; `how` as for Cell.start. */
export async function useCell(language, use, how) {
  const cell = await Cell.start(language, undefined, how);
  try {
    const hello = await cell.next();
    assert.deepEqual(hello, { type: 'HELLO', payload: Buffer.alloc(0) });
    return await use(cell);
  } finally {
    await cell.close();
  }
}

/** Loads `code` and makes one call. */
export function callOnce(language, code, head = {}, { body, ...init } = {}, how = {}) {
  return useCell(language, async (cell) => {
    cell.init({ code, ...init });
    const ready = await cell.next();
    if (ready.type === 'ERROR') return { loadError: JSON.parse(ready.payload) };
    cell.invoke(head, body);
    const answer = await cell.answer();
    cell.control.end();
    await within(cell.drained, 'end of the logs');
    return { ...answer, text: answer.body.toString(), logs: cell.logs, script: JSON.parse(ready.payload).script };
  }, how);
}

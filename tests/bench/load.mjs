// Two kinds of load: as much as goes, by wrk; and one request at a time, when the caller says so.

import { spawn } from 'node:child_process';
import http from 'node:http';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url));

/** Runs a program to its end; what it wrote. */
export function output(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let [text, errors] = ['', ''];
    child.stdout.on('data', (data) => { text += data; });
    child.stderr.on('data', (data) => { errors += data; });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(text);
      else reject(new Error(`${command} ended with ${code}: ${errors || text}`));
    });
  });
}

/**
 * Answered requests a second, p50 and p99 in milliseconds, and the share that was refused (429, 503 and the like).
 * The percentiles are over all answers.
 */
export async function sustained(url, { connections, seconds }) {
  const text = await output('wrk', [
    '-t', '1', '-c', `${connections}`, '-d', `${seconds}s`, '--timeout', '60s', '-s', SCRIPT, url,
  ]);
  const line = /^RESULT (.*)$/m.exec(text);
  if (!line) throw new Error(`wrk says nothing usable: ${text}`);
  const { requests, duration, p50, p99, refused, broken } = JSON.parse(line[1]);
  if (broken) throw new Error(`${url}: ${broken} connections failed under load`);
  return {
    requests,
    rps: (requests - refused) / (duration / 1e6),
    p50_ms: requests ? p50 / 1000 : null,
    p99_ms: requests ? p99 / 1000 : null,
    refused: requests ? refused / requests : 0,
  };
}

/** A client with one connection that stays open; call() resolves to the milliseconds one request took. */
export class Client {
  #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

  constructor(url, { headers = {}, status = 200 } = {}) {
    Object.assign(this, { url, headers, status });
  }

  call() {
    const began = performance.now();
    return new Promise((resolve, reject) => {
      http.get(this.url, { agent: this.#agent, headers: this.headers }, (response) => {
        response.resume();
        response.on('end', () => {
          if (response.statusCode === this.status) resolve(performance.now() - began);
          else reject(new Error(`${this.url}: ${response.statusCode}`));
        });
      }).on('error', reject);
    });
  }

  close() {
    this.#agent.destroy();
  }
}

// More than can be served. First as many calls as go, each waiting for the one before; then three times that rate,
// at which calls keep coming whatever became of those before.

import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { settle } from './cells.mjs';
import { HELLO } from './cloche.mjs';
import { percentile } from './figures.mjs';
import { sustained } from './load.mjs';
import { configure } from './settings.mjs';

const TIMES = 3;
const CONNECTIONS = 32;
const API_PAUSE_MS = 20;
const QUEUE_TIMEOUT_MS = 5000; // the default of `queue_timeout_ms`

/** What it is where there are never more callers than there may be, so that each of them is served. */
export const PATIENCE_MS = 30_000;

/** One request on any free connection of the agent: its status, how long it took, and whether it says when to come back. */
function call(url, agent, headers = {}) {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    http.get(url, { agent, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve({
        status: response.statusCode, ms: performance.now() - began, retry: 'retry-after' in response.headers,
      }));
    }).on('error', reject);
  });
}

/** Calls at `rate` a second for `seconds`, on time also when answers are late; all their answers. */
async function offered(url, rate, seconds) {
  const agent = new http.Agent({ keepAlive: true });
  const began = performance.now();
  const calls = [];
  while (performance.now() - began < seconds * 1000) {
    while (calls.length < ((performance.now() - began) / 1000) * rate) calls.push(call(url, agent));
    await sleep(Math.max(1, began + (calls.length / rate) * 1000 - performance.now()));
  }
  const answers = await Promise.all(calls);
  agent.destroy();
  return answers;
}

/** Asks the API one thing after the other until stop(), which resolves to the milliseconds of each. */
function askApi(s) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  let stopped = false;
  const asked = (async () => {
    const times = [];
    while (!stopped) {
      times.push((await call(`${s.url}/api/functions?limit=5`, agent, { Authorization: `Bearer ${s.token}` })).ms);
      await sleep(API_PAUSE_MS);
    }
    agent.destroy();
    return times;
  })();
  return () => {
    stopped = true;
    return asked;
  };
}

const p50 = (answers) => percentile(answers.map(({ ms }) => ms), 50);

/** Calls that take a fresh container each, of a stack. */
export async function overloadCase(s, engine) {
  const f = await s.deploy({ language: 'python', code: HELLO, max_concurrency: 200, timeout_ms: 10_000 });
  const url = `${s.url}/fn/${f.route}`;
  return {
    engine, times: TIMES,
    async measure({ overload }) {
      configure(s, { queue_timeout_ms: QUEUE_TIMEOUT_MS }, 'keeper');
      await settle(s);
      await sustained(url, { connections: CONNECTIONS, seconds: Math.ceil(overload / 4) }); // what was made beforehand is used up
      const before = await sustained(url, { connections: CONNECTIONS, seconds: Math.ceil(overload / 2) });
      const stop = askApi(s);
      const answers = await offered(url, TIMES * before.rps, overload);
      const api = await stop();
      configure(s, { queue_timeout_ms: PATIENCE_MS }, 'keeper');
      const served = answers.filter(({ status }) => status === 200);
      const refused = answers.filter(({ status }) => status === 503);
      if (served.length + refused.length < answers.length) throw new Error('under overload something else than 200 and 503 was answered');
      if (!refused.every(({ retry }) => retry)) throw new Error('a refusal without Retry-After');
      return {
        rps: before.rps, p50_ms: before.p50_ms, offered_rps: answers.length / overload, served_rps: served.length / overload,
        served_p50_ms: p50(served), refused_p50_ms: p50(refused), api_p50_ms: percentile(api, 50), api_p99_ms: percentile(api, 99),
      };
    },
  };
}

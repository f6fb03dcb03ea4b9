// What is measured of Cloche itself.

import { isAlive } from '../lib/machine.mjs';
import { until } from '../lib/until.mjs';
import { settle } from './cells.mjs';
import { perRequest, used } from './cpu.mjs';
import { Client, sustained } from './load.mjs';

const ISOLATIONS = ['function', 'request'];
export const HELLO = 'def handler(event, context):\n    return "Hello, World!"\n';
const CODE = { python: HELLO, javascript: 'exports.handler = () => "Hello, World!";' };

// Its user id tells which processes are the function's.
const ENDLESS = 'import os\n\ndef handler():\n    print(os.getuid())\n    while True:\n        pass\n';
const KILL_AFTER_MS = 500;
const OWN_DISK_MB = 17; // no cell that waits has this: the call waits for a launch

const hello = (s, { language = 'python', ...fields }) =>
  s.deploy({ language, code: CODE[language], max_concurrency: 200, timeout_ms: 10_000, ...fields });

/** docker, and gvisor where this machine can run it. */
export async function availableRuntimes(s) {
  const { body: { keeper } } = await s.api('/health');
  return [...new Set(keeper.pools.filter(({ available }) => available).map(({ runtime }) => runtime))];
}

/** Everything under load: one measurement of each language, runtime, isolation and number of connections. */
export async function loadCases(s, engine, runtimes, { languages, connections: all }) {
  const cases = [];
  for (const language of languages) {
    for (const isolation of ISOLATIONS) {
      for (const runtime of runtimes) {
        const f = await hello(s, { language, runtime, isolation });
        for (const connections of all) {
          cases.push({
            name: 'hello', engine, language, runtime, isolation, connections,
            measure: (plan) => underLoad(s, `${s.url}/fn/${f.route}`, connections, plan, isolation === 'request'),
          });
        }
      }
    }
  }
  return cases;
}

async function underLoad(s, url, connections, { seconds, fresh, warmup }, isFresh) {
  await settle(s);
  // Afterwards no cell made beforehand is left, or there are cells to keep.
  await sustained(url, { connections, seconds: warmup });
  const before = used(s);
  const { requests, ...found } = await sustained(url, { connections, seconds: isFresh ? fresh : seconds });
  return { ...found, ...perRequest(before, used(s), requests * (1 - found.refused)) };
}

/** Single calls, each of which finds the pool full. */
export async function singleCases(s, engine, runtimes) {
  const cases = [];
  for (const isolation of ISOLATIONS) {
    for (const runtime of runtimes) {
      const f = await hello(s, { runtime, isolation });
      cases.push({
        name: 'hello', engine, runtime, isolation,
        async measure({ singles }) {
          const client = new Client(`${s.url}/fn/${f.route}`);
          const times = await single(client, singles, () => settle(s));
          client.close();
          return times;
        },
      });
    }
  }
  return cases;
}

/** Milliseconds of `count` calls of a client, with `pause` before each. */
export async function single(client, count, pause) {
  const times = [];
  await pause();
  await client.call(); // opens the connection, fills caches
  for (let i = 0; i < count; i++) {
    await pause();
    times.push(await client.call());
  }
  return times;
}

/** Phases of calls that wait for the launch of their cell. */
export async function coldCases(s, engine, runtimes) {
  const cases = [];
  for (const language of Object.keys(CODE)) {
    for (const runtime of runtimes) {
      const f = await hello(s, { language, runtime, memory_mb: 128, disk_mb: OWN_DISK_MB });
      cases.push({
        engine, language, runtime,
        async measure({ colds }) {
          const found = [];
          for (let i = 0; i < colds; i++) {
            await settle(s);
            const { status, start, metrics } = await s.execute(f);
            if (status !== 'ok') throw new Error(`a cold start ended with ${status}`);
            if (start === 'cold') found.push(metrics);
          }
          return found.map(({ queue_ms, init_ms, run_ms, total_ms }) => ({ queue_ms, init_ms, run_ms, total_ms }));
        },
      });
    }
  }
  return cases;
}

/** From the deadline of an endless function to its answer, and to the end of its last process. */
export async function killCases(s, engine, runtimes) {
  const cases = [];
  for (const runtime of runtimes) {
    const f = await s.deploy({ language: 'python', code: ENDLESS, runtime, timeout_ms: KILL_AFTER_MS });
    cases.push({
      engine, runtime,
      async measure({ kills }) {
        const found = [];
        for (let i = 0; i < kills; i++) {
          await settle(s);
          found.push(await kill(s, f));
        }
        return found;
      },
    });
  }
  return cases;
}

async function kill(s, f) {
  let processes = [];
  let result = null;
  let text = '';
  await s.api(`/functions/${f.id}/execute`, {
    method: 'POST', body: {}, headers: { Accept: 'application/x-ndjson' },
    onData(chunk) {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop();
      for (const event of lines.map((line) => JSON.parse(line))) {
        if (event.event === 'log' && !processes.length) processes = s.cellOfUid(Number(event.text));
        if (event.event === 'result') result = { at: performance.now(), ...event };
      }
    },
  });
  if (result?.status !== 'timeout' || !processes.length) throw new Error(`no clean kill: ${JSON.stringify(result)}`);
  await until(() => !processes.some(isAlive), 'the end of what was killed', 5000, 1);
  const { init_ms: init, run_ms: run } = result.metrics;
  // The keeper's timer began a little before the worker had its cell.
  const answer = Math.max(0, init + (run ?? 0) - KILL_AFTER_MS);
  return { answer_ms: answer, gone_ms: answer + Math.max(0, performance.now() - result.at) };
}

// What the record of a call costs: the same load with records and, on a stack of its own, without.

import { HELLO } from './cloche.mjs';
import { settle } from './cells.mjs';
import { sustained } from './load.mjs';

const CONNECTIONS = 16;

/** Kept cells, so that as little as can be stands beside the record. */
export async function recordingCases({ on, off }) {
  const cases = [];
  for (const [recording, s] of Object.entries({ on, off })) {
    const f = await s.deploy({ language: 'python', code: HELLO, isolation: 'function', max_concurrency: 200 });
    const url = `${s.url}/fn/${f.route}`;
    cases.push({
      recording, connections: CONNECTIONS,
      async measure({ seconds, warmup }) {
        await settle(s);
        await sustained(url, { connections: CONNECTIONS, seconds: warmup });
        const { requests, ...found } = await sustained(url, { connections: CONNECTIONS, seconds });
        return found;
      },
    });
  }
  return cases;
}

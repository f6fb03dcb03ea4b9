// What the record of a call costs: the same load on the same stack with records and without.

import { HELLO } from './cloche.mjs';
import { settle } from './cells.mjs';
import { until } from '../lib/until.mjs';
import { sustained } from './load.mjs';
import { configure } from './settings.mjs';

const CONNECTIONS = 16;
const READY_MS = 10_000;

async function setRecording(s, f, recording) {
  configure(s, { recording }, 'fn');
  await until(async () => (await s.fn(f.route)).status === 200, 'an answer of the new pool', READY_MS);
}

/** Kept cells, so that as little as can be stands beside the record. */
export async function recordingCases(s) {
  const f = await s.deploy({ language: 'python', code: HELLO, isolation: 'function', max_concurrency: 200 });
  const url = `${s.url}/fn/${f.route}`;
  // `on` last: so it stays for what is measured next.
  return ['off', 'on'].map((recording) => ({
    recording, connections: CONNECTIONS,
    async measure({ seconds, warmup }) {
      await setRecording(s, f, recording);
      await settle(s);
      await sustained(url, { connections: CONNECTIONS, seconds: warmup });
      const { requests, ...found } = await sustained(url, { connections: CONNECTIONS, seconds });
      const { body: { journal } } = await s.api('/health');
      return { ...found, waiting: journal.records };
    },
  }));
}

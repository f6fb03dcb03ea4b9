// What the record of a call costs: the same load on the same stack with records and without.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HELLO } from './cloche.mjs';
import { settle } from './cells.mjs';
import { until } from '../lib/until.mjs';
import { burst, sustained } from './load.mjs';

const CONNECTIONS = 16;
const READY_MS = 10_000;

/** Starts the pool that runs functions anew. */
async function setRecording(s, f, recording) {
  writeFileSync(join(s.home, 'cloche.conf'), `recording = ${recording}\n`);
  const { status, stderr } = spawnSync('s6-svc', ['-wr', '-T', `${READY_MS}`, '-r', join(s.run, 'service/fn')], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the pool fn does not come back: ${stderr}`);
  await until(async () => (await s.fn(f.route)).status === 200, 'an answer of the new pool', READY_MS);
}

/** Kept cells, so that as little as can be stands beside the record. */
export async function recordingCases(s) {
  const f = await s.deploy({ language: 'python', code: HELLO, isolation: 'function', max_concurrency: 200 });
  const url = `${s.url}/fn/${f.route}`;
  // `on` last: so it stays for what is measured next.
  return ['off', 'on'].map((recording) => ({
    recording, connections: CONNECTIONS,
    async measure({ seconds }) {
      await setRecording(s, f, recording);
      await settle(s);
      await burst(url, CONNECTIONS);
      const { requests, ...found } = await sustained(url, { connections: CONNECTIONS, seconds });
      return found;
    },
  }));
}

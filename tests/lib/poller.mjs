// Asks for one page again and again, in a thread of its own: what else the test does meanwhile is not measured.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { request } from './http.mjs';

const PAUSE_MS = 20;

export class Poller {
  #worker;

  constructor(url, token) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: { url, token } });
  }

  /** Resolves to the {status, ms} of all answers. */
  async stop() {
    this.#worker.postMessage('stop');
    const [answers] = await once(this.#worker, 'message');
    return answers;
  }
}

async function poll({ url, token }) {
  const answers = [];
  let stopped = false;
  parentPort.once('message', () => { stopped = true; });
  while (!stopped) {
    const { status, ms } = await request(url, { headers: { Authorization: `Bearer ${token}` } });
    answers.push({ status, ms });
    await sleep(PAUSE_MS);
  }
  parentPort.postMessage(answers);
}

if (!isMainThread) await poll(workerData);

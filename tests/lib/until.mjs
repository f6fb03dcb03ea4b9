// Waiting for something to become true, never for a time to pass.

import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until `check()` is truthy and returns that; throws after `ms` what `what` was about. */
export async function until(check, what, ms = 10_000, interval = 20) {
  const end = performance.now() + ms;
  let last;
  for (;;) {
    try {
      last = await check();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= end) {
      throw new Error(`${what}: not within ${ms} ms`, last instanceof Error ? { cause: last } : undefined);
    }
    await sleep(interval);
  }
}

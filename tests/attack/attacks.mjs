// What the attack tests share: a hostile function, and the neighbour who must not notice.

import assert from 'node:assert/strict';
import { stack } from '../lib/stack.mjs';

export const RUNTIMES = ['docker', 'gvisor'];

/** The stack, with `run` and `unharmed` bound to it. */
export async function target() {
  const s = await stack();
  const neighbour = await s.example('hello');

  /** A call of somebody else's function succeeds, on the same runtime. */
  const unharmed = async (runtime = 'docker') => {
    const { status, output, error } = await s.execute(neighbour, { input: { name: 'neighbour' }, runtime });
    assert.equal(status, 'ok', JSON.stringify(error));
    assert.equal(output, 'Hello, neighbour!');
  };

  /** Runs hostile Python once, calling the neighbour at the same time and after it; resolves to its answer. */
  const run = async (runtime, code, { input, ...settings } = {}) => {
    const f = await s.deploy({ language: 'python', code, runtime, timeout_ms: 10_000, ...settings });
    const workers = s.workers('fn');
    const [answer] = await Promise.all([s.execute(f, { input }), unharmed(runtime)]);
    await unharmed(runtime);
    assert.deepEqual(s.workers('fn'), workers, 'no worker process died of it');
    return answer;
  };
  return { s, run, unharmed };
}

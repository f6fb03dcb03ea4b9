// Every answered call has its record, once: with all workers killed, and with the database killed or away.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { privateStack } from '../lib/stack.mjs';
import { until } from '../lib/until.mjs';

const REFUSALS = ['no_capacity', 'too_many_requests']; // recorded as rejected
const AWAY_MS = process.env.CLOCHE_TEST_LONG ? 30_000 : 5000;
const RECORDED_MS = 30_000;

let s;
let hello;

before(async () => {
  // Few may queue: with many callers most calls are refused at once, and a refusal makes a record too.
  s = await privateStack({ CLOCHE_QUEUE_LENGTH: '4' });
  hello = await s.deploy({
    language: 'python', isolation: 'function', code: 'def handler(event):\n    print("seen")\n    return "hello"\n',
  });
  assert.equal((await s.fn(hello.route)).text, 'hello');
});
after(() => s?.end());

/** The id of a call that a worker has answered after running or refusing it; null for other answers. */
function answeredId({ status, headers, body, complete }) {
  const recorded = status === 200 || REFUSALS.includes(body?.code);
  return complete && recorded ? headers['x-request-id'] : null;
}

/** Calls the function from `callers` sides until `done()`; every answer, null where there was none. */
async function load(callers, done) {
  const answers = [];
  const caller = async () => {
    while (!done(answers.length)) answers.push(await s.fn(hello.route).catch(() => null));
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return answers;
}

/** Ids of all records of the function, newest first. */
async function recordedIds() {
  const ids = [];
  let cursor = '';
  do {
    const { status, body } = await s.api(`/functions/${hello.id}/invocations?limit=100${cursor}`);
    assert.equal(status, 200);
    ids.push(...body.items.map(({ id }) => id));
    cursor = body.next ? `&cursor=${encodeURIComponent(body.next)}` : '';
  } while (cursor);
  return ids;
}

/** Waits until each of the ids has its record; checks that no record is there twice. */
async function assertRecorded(ids) {
  await until(async () => {
    const recorded = await recordedIds();
    assert.equal(new Set(recorded).size, recorded.length);
    const missing = ids.filter((id) => !recorded.includes(id));
    assert.deepEqual(missing.slice(0, 5), [], `${missing.length} of ${ids.length} records are missing`);
    return true;
  }, 'a record of each call', RECORDED_MS, 200);
}

const journal = async () => (await s.api('/health')).body.journal;
const drained = () => until(async () => {
  const { ok, records, bytes } = await journal();
  return ok && records === 0 && bytes === 0;
}, 'an empty journal', RECORDED_MS, 100);

describe('kill -9 of all workers, again and again', () => {
  test('each answered call has its record, once', async () => {
    const CALLS = 2000;
    let killed = 0;
    const killer = (async () => {
      while (killed < 4) {
        await sleep(300 + 700 * Math.random());
        for (const pool of ['fn', 'api']) for (const pid of s.workers(pool)) process.kill(pid, 'SIGKILL');
        killed++;
        await until(() => s.fn(hello.route).then(({ status }) => status === 200 || status === 429 || status === 503, () => false), 'workers again', 10_000);
      }
    })();
    const answers = await load(24, (sent) => sent >= CALLS && killed === 4);
    await killer;
    const ids = answers.filter(Boolean).map(answeredId).filter(Boolean);
    assert.ok(ids.length > 1000, `${ids.length} of ${answers.length} were answered`);
    await assertRecorded(ids);
    await drained();
    assert.equal((await journal()).set_aside, 0);
  });
});

describe('the database', () => {
  const service = (command) => assert.equal(spawnSync('s6-svc', [command, join(s.run, 'service/mariadb')]).status, 0);
  const back = () => until(() => s.api(`/functions/${hello.id}`).then(({ status }) => status === 200), 'the database is back', 20_000, 100);

  /** Lets each process of the pool serve the function, and so know it: the others stand still meanwhile. */
  async function makeKnown() {
    const pids = s.workers('fn');
    for (const pid of pids) {
      const others = pids.filter((other) => other !== pid);
      for (const other of others) process.kill(other, 'SIGSTOP');
      const calls = Array.from({ length: 40 }, () => s.fn(hello.route));
      try {
        await Promise.any(calls);
      } finally {
        for (const other of others) process.kill(other, 'SIGCONT');
      }
      await Promise.allSettled(calls);
    }
  }

  async function assertServedWithout(disturb) {
    await makeKnown();
    let over = false;
    const disturbed = (async () => {
      await sleep(500);
      await disturb();
      await back();
      over = true;
    })();
    const answers = await load(3, () => over);
    await disturbed;
    const wrong = answers.filter((answer) => answer?.text !== 'hello');
    assert.deepEqual(wrong.slice(0, 5).map((answer) => answer?.text), [], `${wrong.length} of ${answers.length}`);
    await assertRecorded(answers.map(answeredId));
    await drained();
  }

  test('killed by kill -9 under load: all calls succeed and are recorded, once', () =>
    assertServedWithout(async () => {
      for (let i = 0; i < 2; i++) {
        process.kill(s.pid('mariadb'), 'SIGKILL');
        await sleep(1500);
      }
    }));

  test('lost as by a power cut, and back later: all calls succeed and are recorded, once', () =>
    assertServedWithout(async () => {
      service('-O'); // not started again by itself
      process.kill(s.pid('mariadb'), 'SIGKILL');
      await sleep(AWAY_MS);
      service('-u');
    }));

  test('deaf, with its connections open: all calls succeed and are recorded, once', () =>
    assertServedWithout(async () => {
      const pid = s.pid('mariadb');
      process.kill(pid, 'SIGSTOP');
      try {
        await sleep(AWAY_MS);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    }));

  test('away while the workers end: what they kept is replayed', async () => {
    service('-d');
    const answers = await load(2, (sent) => sent >= 10);
    for (const pool of ['fn', 'api']) for (const pid of s.workers(pool)) process.kill(pid, 'SIGTERM');
    service('-u');
    await until(() => s.fn(hello.route).then(({ status }) => status === 200), 'workers again', 20_000, 200);
    await back();
    await assertRecorded(answers.map(answeredId).filter(Boolean));
    await drained();
  });
});

describe('a call by execute', () => {
  test('has its record when it is answered', async () => {
    for (let i = 0; i < 10; i++) {
      const { invocation_id: id } = await s.execute(hello);
      const { status, body } = await s.api(`/invocations/${id}`);
      assert.equal(status, 200);
      assert.equal(body.logs[0].text, 'seen');
    }
  });
});

describe('make down', () => {
  test('leaves an empty journal', async () => {
    await load(2, (sent) => sent >= 10);
    assert.equal(s.script('down').status, 0);
    assert.deepEqual(spawnSync('find', [join(s.home, 'journal'), '-type', 'f'], { encoding: 'utf8' }).stdout, '');
    assert.deepEqual(s.end(), []);
  });
});

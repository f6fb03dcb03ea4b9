// Every example gives what its description promises: by execute on both runtimes, and over its route by query,
// JSON and form.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stack } from '../lib/stack.mjs';

const FOLDER = fileURLToPath(new URL('../../html/examples/', import.meta.url));
const examples = readdirSync(FOLDER).filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(FOLDER + name, 'utf8')))
  .sort((a, b) => a.order - b.order);

let s;
const ids = {};
before(async () => {
  s = await stack();
  const { body } = await s.api('/functions?limit=100');
  for (const { id, name } of body.items) ids[name] = id;
});

const asText = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

/** Input as a query or form has it: a list of texts as repeated fields, everything else that is nested as JSON. */
function fields(input = {}) {
  const pairs = Object.entries(input).flatMap(([name, value]) =>
    Array.isArray(value) && value.length > 1 && value.every((item) => typeof item === 'string')
      ? value.map((item) => [name, item])
      : [[name, asText(value)]]);
  return new URLSearchParams(pairs).toString();
}

const title = ({ input, args }) => JSON.stringify(args ?? input ?? null);

for (const { name, route, expect } of examples) {
  describe(`example ${name}`, { concurrency: 3 }, () => {
    for (const runtime of ['docker', 'gvisor']) {
      for (const wanted of expect) {
        const { input, args, output, status = 'ok', error } = wanted;
        test(`execute ${title(wanted)} on ${runtime}`, async () => {
          const answer = await s.execute({ id: ids[name] }, { input, args, runtime });
          assert.equal(answer.status, status, JSON.stringify(answer.error));
          assert.equal(answer.runtime, runtime);
          if (!error) return assert.deepEqual(answer.output, output);
          assert.equal(answer.error.type, error.type);
          assert.match(answer.error.message, new RegExp(error.message));
        });
      }
    }

    for (const [i, wanted] of expect.filter(({ args }) => !args).entries()) {
      const { input, output, status = 'ok' } = wanted;
      const check = (answer) => {
        assert.ok(answer.headers['x-request-id']);
        if (status === 'ok') {
          assert.equal(answer.status, 200, answer.text);
          return assert.deepEqual(answer.body, output);
        }
        assert.equal(answer.status, status === 'timeout' ? 504 : 500);
        assert.equal(answer.body.code, status === 'timeout' ? 'timeout' : 'function_error');
      };
      test(`query ${title(wanted)}`, async () => check(await s.fn(`${route}?${fields(input)}`)));
      if (!input || i > 0) continue; // one of each other way to send it
      test(`JSON ${title(wanted)}`, async () => check(await s.fn(route, { method: 'POST', body: input })));
      test(`form ${title(wanted)}`, async () => check(await s.fn(route, {
        method: 'POST', body: fields(input), headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      })));
    }
  });
}

test('what curl -d sends, JSON typed as a form, is the JSON', async () => {
  const answer = await s.fn('calculator', {
    method: 'POST', body: '{"operation":"add","num1":10,"num2":5}',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  });
  assert.equal(answer.body, 15);
});

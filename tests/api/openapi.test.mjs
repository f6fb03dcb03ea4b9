// The description of the API: that it is served, true to itself, and that a test notices where it is not true.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { available, check, flaws, operations } from '../lib/contract.mjs';
import { stack } from '../lib/stack.mjs';

const FILE = JSON.parse(readFileSync(new URL('../../html/openapi.json', import.meta.url), 'utf8'));
const skip = !available && 'the packages of the tests are not installed';

let s;
before(async () => { s = await stack(); });

/** Every object in the file, with its place. */
function* parts(node = FILE, place = '#') {
  if (typeof node !== 'object' || node === null) return;
  yield { node, place };
  for (const [key, value] of Object.entries(node)) yield* parts(value, `${place}/${key.replaceAll('/', '~1')}`);
}

const at = (ref) => ref.slice(2).split('/').reduce((node, key) => node?.[key], FILE);

test('it is served to anyone, as it is', async () => {
  const { status, body, headers } = await s.api('/openapi.json', { token: null });
  assert.equal(status, 200);
  assert.match(headers['content-type'], /^application\/json\b/);
  assert.deepEqual(body, FILE);
});

describe('the file', () => {
  test('says what it is and refers to what is there', () => {
    assert.match(FILE.openapi, /^3\.1\./);
    assert.ok(FILE.info.title && FILE.info.version);
    for (const { node, place } of parts()) {
      if (typeof node.$ref === 'string') assert.ok(at(node.$ref), `${place}: ${node.$ref}`);
    }
  });

  test('every component is used', () => {
    const used = new Set([...parts()].map(({ node }) => node.$ref));
    for (const kind of ['parameters', 'headers', 'responses', 'schemas']) {
      for (const name of Object.keys(FILE.components[kind])) assert.ok(used.has(`#/components/${kind}/${name}`), `${kind}/${name}`);
    }
  });

  for (const { path, method, operation, parameters } of operations) {
    test(`${method} ${path} is complete`, () => {
      assert.ok(operation.summary, 'a summary');
      assert.ok(Array.isArray(operation.security), 'who may');
      assert.ok(FILE.tags.some(({ name }) => operation.tags.includes(name)), 'a known tag');
      const inPath = parameters.filter((item) => item.in === 'path').map(({ name }) => name);
      assert.deepEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name), inPath);
      for (const parameter of parameters) assert.ok(parameter.schema, parameter.name);
      const statuses = Object.keys(operation.responses);
      assert.ok(statuses.some((status) => status < 300) && statuses.includes('default'), statuses.join());
      // A refused login, a missing scope, and what a body can have against it.
      const wanted = [...(operation.security.length ? ['401'] : []), ...(operation.security[0]?.token?.length ? ['403'] : []),
        ...(operation.requestBody ? ['400', '413', '415', '422'] : []), ...(inPath.length ? ['404'] : []),
        ...(parameters.some((item) => item.in === 'query') ? ['422'] : []),
        ...(parameters.some(({ name }) => name === 'If-Match') ? ['412'] : [])];
      assert.deepEqual(wanted.filter((status) => !statuses.includes(status)), []);
    });
  }

  test('every example keeps to its schema', { skip }, () => {
    let examples = 0;
    for (const { node, place } of parts()) {
      const given = node.example === undefined || !node.schema ? [] : [[node.schema, node.example]];
      if (Array.isArray(node.examples)) given.push(...node.examples.map((example) => [node, example]));
      for (const [schema, example] of given) {
        assert.equal(flaws(schema, example), '', place);
        examples++;
      }
    }
    assert.ok(examples > 20, `${examples} examples`);
  });
});

describe('a test that meets something else fails', { skip }, () => {
  const answer = (status, body, type = 'application/json') => ({
    method: 'GET', answer: { status, body, text: JSON.stringify(body), complete: true, headers: { 'content-type': type } },
  });
  const meets = (path, exchange) => () => check(`http://127.0.0.1${path}`, exchange);
  const page = { items: [], next: null };

  test('what the file has passes', () => {
    assert.doesNotThrow(meets('/api/functions', answer(200, page)));
    assert.doesNotThrow(meets('/api/health', answer(503, { status: 'unavailable' })));
    assert.doesNotThrow(meets('/fn/x', answer(299, 'anything')));
  });

  for (const [what, path, exchange] of [
    ['a field that the file lacks', '/api/functions', answer(200, { ...page, more: 1 })],
    ['a field that is missing', '/api/functions', answer(200, { items: [] })],
    ['another type', '/api/functions', answer(200, { items: {}, next: null })],
    ['another status', '/api/functions', answer(202, page)],
    ['another media type', '/api/functions', answer(200, page, 'text/plain')],
    ['another path', '/api/nothing', answer(200, page)],
    ['a query parameter that was taken', '/api/functions?colour=blue', answer(200, page)],
    ['a body that was taken', '/api/functions/x', { ...answer(200, null), method: 'PATCH', sent: { colour: 'blue' } }],
    ['an error without its form', '/api/functions', answer(500, { error: 'x' }, 'application/problem+json')],
  ]) test(what, () => assert.throws(meets(path, exchange), /html\/openapi\.json/));
});

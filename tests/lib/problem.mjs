// Answers that refuse.

import assert from 'node:assert/strict';

/** Asserts a problem+json answer of this status and, where given, code; returns the problem. */
export function assertProblem(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/problem\+json\b/);
  assert.equal(answer.body.status, status);
  if (code) assert.equal(answer.body.code, code);
  assert.ok(answer.body.title);
  assert.ok(answer.body.type);
  assert.equal(answer.body.request_id, answer.headers['x-request-id']);
  return answer.body;
}

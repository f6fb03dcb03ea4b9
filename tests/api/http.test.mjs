// What a function's own address takes and gives: methods, routes, query, headers, bodies, limits.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { headerValues } from '../lib/http.mjs';
import { stack } from '../lib/stack.mjs';

const MIB = 1024 * 1024;
const LANGUAGES = ['python', 'javascript'];

// Tells all that it was given.
const ECHO = {
  python: `
import base64
def handler(event, context):
    r = context.request
    shown = {"base64": base64.b64encode(event).decode()} if isinstance(event, bytes) else event
    return {"event": shown, "method": r.method, "path": r.path, "params": r.params, "query": r.query,
            "headers": r.headers, "cookies": r.cookies, "body": base64.b64encode(r.body).decode(),
            "id": context.request_id}
`,
  javascript: `
exports.handler = (event, { request: r, requestId: id }) => ({
  event: Buffer.isBuffer(event) ? { base64: event.toString('base64') } : event, method: r.method, path: r.path,
  params: r.params, query: r.query, headers: r.headers, cookies: r.cookies, body: r.body.toString('base64'), id });
`,
};
const BYTES = {
  python: 'def handler(event, context):\n    return context.request.body\n',
  javascript: 'exports.handler = (event, context) => context.request.body;',
};

let s;
const echo = {};
const bytes = {};
before(async () => {
  s = await stack();
  for (const language of LANGUAGES) {
    echo[language] = await s.deploy({ language, code: ECHO[language] });
    bytes[language] = await s.deploy({ language, code: BYTES[language] });
  }
});

const unique = () => `h-${randomBytes(6).toString('hex')}`;

function assertProblem(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/problem\+json\b/);
  assert.equal(answer.body.code, code);
  assert.equal(answer.body.request_id, answer.headers['x-request-id']);
}

/** A function that answers with these headers. */
const withHeaders = (headers, rest = {}) => s.deploy({
  language: 'javascript', ...rest,
  code: `exports.handler = () => ({ statusCode: 200, headers: ${JSON.stringify(headers)}, body: 'ok' });`,
});

for (const language of LANGUAGES) {
  describe(`a function in ${language}`, () => {
    test('is given method, path, query, headers, cookies and the request id', async () => {
      const { route } = echo[language];
      const answer = await s.fn(`${route}?a=1&b=x+y&b=%C3%A9&c=`, { method: 'PUT', headers: {
        'X-Custom': 'one', Cookie: 'a=b; c=d', 'User-Agent': 'test/1',
      } });
      assert.equal(answer.status, 200, answer.text);
      const { body } = answer;
      assert.equal(body.method, 'PUT');
      assert.equal(body.path, `/fn/${route}`);
      assert.deepEqual(body.query, { a: '1', b: ['x y', 'é'], c: '' });
      assert.deepEqual(body.event, body.query);
      assert.equal(body.headers['x-custom'], 'one');
      assert.equal(body.headers['user-agent'], 'test/1');
      assert.deepEqual(body.cookies, { a: 'b', c: 'd' });
      assert.equal(body.id, answer.headers['x-request-id']);
    });

    test('never sees a Cloche login', async () => {
      const secret = `cl_${'A'.repeat(43)}`;
      const { body } = await s.fn(echo[language].route, { headers: {
        Authorization: `Bearer ${s.token}`,
        Cookie: `before=1; cloche_session=s3cret; __Host-cloche=s3cret; after=2; login=${secret}`,
        'X-Forwarded-Authorization': `Bearer ${secret}`, 'X-Api-Key': secret,
      } });
      const all = JSON.stringify(body);
      assert.ok(!all.includes(s.token), 'the token');
      assert.ok(!all.includes(secret), 'a token in another place');
      assert.ok(!all.includes('s3cret'), 'the session');
      assert.deepEqual(body.cookies, { before: '1', after: '2' });
      assert.equal(body.headers.cookie, 'before=1; after=2');
      assert.equal('authorization' in body.headers, false);

      const other = await s.fn(echo[language].route, { headers: { Authorization: 'Bearer of-the-function' } });
      assert.equal(other.body.headers.authorization, 'Bearer of-the-function');
    });

    const post = (body, type) => s.fn(echo[language].route, { method: 'POST', body, headers: type ? { 'Content-Type': type } : {} });
    test('gets a body as its type says', async () => {
      const all256 = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const cases = [
        ['{"a": [1, null, "é"]}', 'application/json', { a: [1, null, 'é'] }],
        ['[1]', 'application/vnd.api+json; charset=utf-8', [1]],
        ['"text"', 'application/json', 'text'],
        ['a=1&b=2&b=3&c=%26+', 'application/x-www-form-urlencoded', { a: '1', b: ['2', '3'], c: '& ' }],
        ['[1, 2]', 'application/x-www-form-urlencoded', [1, 2]],
        ['plain é text', 'text/plain; charset=utf-8', 'plain é text'],
        ['no type', undefined, 'no type'],
        [all256, 'application/octet-stream', { base64: all256.toString('base64') }],
        [all256, undefined, { base64: all256.toString('base64') }],
      ];
      for (const [body, type, event] of cases) {
        const answer = await post(body, type);
        assert.equal(answer.status, 200, answer.text);
        assert.deepEqual(answer.body.event, event, `${type}: ${body}`);
        assert.equal(answer.body.body, Buffer.from(body).toString('base64'), 'the body itself is there as bytes');
      }
    });

    test('is not called with JSON that is none', async () => {
      const f = await s.deploy({ language, code: ECHO[language] });
      const json = (body) => s.fn(f.route, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
      for (const body of ['{', '{"a": NaN}', 'nonsense', '{} {}']) assertProblem(await json(body), 400, 'invalid_json');
      const called = await json('{}');
      await s.record(f, called.headers['x-request-id']);
      const { body } = await s.api(`/functions/${f.id}/invocations`);
      assert.equal(body.items.length, 1, 'no record of what was not run');
    });

    test('takes and gives all byte values, up to 6 MiB', async () => {
      for (const size of [0, 1, 256, 65_536, 65_537, MIB + 1, 6 * MIB]) {
        const body = size <= 256 ? Buffer.from(Array.from({ length: size }, (_, i) => i)) : randomBytes(size);
        const answer = await s.fn(bytes[language].route, { method: 'POST', body });
        assert.equal(answer.status, 200, answer.text.slice(0, 300));
        assert.equal(answer.headers['content-type'], 'application/octet-stream');
        assert.ok(answer.bytes.equals(body), `${size} bytes come back as they were`);
      }
    });
  });
}

describe('routes', () => {
  test('parameters, a tail, and the most specific wins', async () => {
    const root = unique();
    const deploy = (route, said) => s.deploy({
      language: 'javascript', route: `${root}/${route}`,
      code: `exports.handler = (e, { request }) => ({ said: ${JSON.stringify(said)}, params: request.params });`,
    });
    await deploy('{id}', 'param');
    await deploy('new', 'literal');
    await deploy('{id}/files/*', 'tail');
    await deploy('{id}/files/readme', 'file');
    const said = async (path) => (await s.fn(`${root}/${path}`)).body;
    assert.deepEqual(await said('7'), { said: 'param', params: { id: '7' } });
    assert.equal((await said('new')).said, 'literal');
    assert.equal((await said('7/files/a/b')).said, 'tail');
    assert.equal((await said('7/files/a/b')).params.id, '7');
    assert.equal((await said('7/files/readme')).said, 'file');
    assert.deepEqual((await said('a%2Fb%20%C3%A9')).params, { id: 'a/b é' });
    assert.equal((await said('7/')).said, 'param', 'a slash at the end makes no difference');
  });

  test('404 where no function is', async () => {
    for (const path of [unique(), '', `${echo.python.route}/more`, 'x//y', '%ff']) {
      assertProblem(await s.fn(path), 404, 'no_route');
    }
    // What is no path at all is the web server's to refuse.
    for (const path of ['%00', '%zz']) assert.equal((await s.fn(path)).status, 400, path);
  });

  test('a path that the web server and a worker could read differently goes nowhere', async () => {
    // Decoded it leads out of /fn/, into the pool that is kept for the API.
    const name = unique();
    await s.deploy({ language: 'python', code: ECHO.python, route: `{any}/${name}` });
    assert.equal((await s.fn(`x/${name}`)).status, 200);
    assertProblem(await s.fn(`..%2fapi/${name}`), 404, 'no_route');
    assertProblem(await s.fn(`..%2Fapi%2f${name}`), 404, 'no_route');
    assert.equal((await s.api(`/..%2ffn/x/${name}`)).status, 404);
    assert.equal((await s.api(`/functions%2f..%2f..%2ffn/x/${name}`)).status, 404);
  });

  test('405 names the methods that a function takes', async () => {
    const { route } = await s.deploy({ language: 'python', code: ECHO.python, methods: ['GET', 'POST'] });
    for (const method of ['GET', 'POST', 'HEAD']) assert.equal((await s.fn(route, { method })).status, 200, method);
    for (const method of ['PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
      const answer = await s.fn(route, { method });
      assertProblem(answer, 405, 'method_not_allowed');
      assert.deepEqual(answer.headers.allow.split(/, */).filter((name) => name !== 'OPTIONS').sort(), ['GET', 'HEAD', 'POST']);
    }
  });

  test('OPTIONS names them too, the newest ones right after a write', async () => {
    const f = await s.deploy({ language: 'python', code: ECHO.python, methods: ['GET'] });
    const allowed = async () => {
      const { status, headers } = await s.fn(f.route, { method: 'OPTIONS' });
      assert.equal(status, 204);
      return headers.allow.split(/, */).sort();
    };
    for (const [methods, expected] of [[['GET'], ['GET', 'HEAD', 'OPTIONS']], [['POST'], ['OPTIONS', 'POST']],
      [['GET', 'PUT'], ['GET', 'HEAD', 'OPTIONS', 'PUT']]]) {
      assert.equal((await s.api(`/functions/${f.id}`, { method: 'PATCH', body: { methods } })).status, 200);
      // Often enough for each process to have it in memory.
      for (let i = 0; i < 8; i++) assert.deepEqual(await allowed(), expected);
    }
  });

  test('HEAD is GET without the body', async () => {
    const { route } = await withHeaders({ 'X-Mine': 'yes' });
    const answer = await s.fn(route, { method: 'HEAD' });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-mine'], 'yes');
    assert.equal(answer.bytes.length, 0);
  });

  test('a private function wants a login that may call it', async () => {
    const { route } = await s.deploy({ language: 'python', code: ECHO.python, access: 'private' });
    for (const headers of [{}, { Authorization: `Bearer cl_${'A'.repeat(43)}` }]) {
      const { status, body } = await s.fn(route, { headers });
      assert.ok(status === 401 || status === 403, `${status}`);
      assert.equal(body.status, status);
    }
    const answer = await s.fn(route, { headers: { Authorization: `Bearer ${s.token}` } });
    assert.equal(answer.status, 200);
    assert.ok(!answer.text.includes(s.token));
  });
});

describe('limits and transfer', () => {
  test('413 over 6 MiB, announced, chunked, or far over', async () => {
    const { route } = bytes.python;
    const type = { 'Content-Type': 'application/octet-stream' };
    const over = Buffer.alloc(6 * MIB + 1);
    assertProblem(await s.fn(route, { method: 'POST', body: over, headers: type }), 413, 'request_too_large');
    assertProblem(await s.fn(route, { method: 'POST', body: [over.subarray(0, MIB), over.subarray(MIB)], headers: type }),
      413, 'request_too_large');
    assertProblem(await s.fn(route, { method: 'POST', body: Buffer.alloc(20 * MIB), headers: type }), 413, 'request_too_large');
    assert.equal((await s.fn(route, { method: 'POST', body: 'fine' })).text, 'fine');
  });

  test('a chunked body is a body', async () => {
    const pieces = [Buffer.from('one '), randomBytes(100_000), Buffer.from(' two')];
    const answer = await s.fn(bytes.python.route, { method: 'POST', body: pieces });
    assert.ok(answer.bytes.equals(Buffer.concat(pieces)));
  });

  test('Expect: 100-continue is answered', async () => {
    const answer = await s.fn(bytes.python.route, { method: 'POST', body: 'waited', headers: { Expect: '100-continue' } });
    assert.equal(answer.text, 'waited');
  });

  test('an answer of 6 MiB and headers near 64 KiB pass', async () => {
    const { route } = await s.deploy({ language: 'python', code: `
def handler(event):
    return {"statusCode": 201, "headers": {"X-Long-%d" % i: "v" * 5000 for i in range(12)}, "body": "b" * (6 * 1024 * 1024)}
` });
    const answer = await s.fn(route);
    assert.equal(answer.status, 201);
    assert.equal(answer.bytes.length, 6 * MIB);
    assert.equal(answer.headers['x-long-11'].length, 5000);
  });

  test('requests at the same time each get their own answer', async () => {
    const calls = Array.from({ length: 8 }, (_, i) => s.fn(`hello?name=n${i}`));
    const answers = await Promise.all(calls);
    assert.deepEqual(answers.map(({ text }) => text), answers.map((_, i) => `Hello, n${i}!`));
    assert.equal(new Set(answers.map(({ headers }) => headers['x-request-id'])).size, 8);
  });
});

describe('headers of an answer', () => {
  test('say how the call went and keep a function in its place', async () => {
    const { headers } = await s.fn('hello');
    assert.match(headers['x-request-id'], /^[0-9a-f-]{36}$/);
    assert.ok(['cold', 'prewarmed', 'warm'].includes(headers['x-cloche-start']), headers['x-cloche-start']);
    for (const phase of ['queue', 'init', 'run']) {
      assert.match(headers['server-timing'], new RegExp(`\\b${phase};dur=\\d+(\\.\\d+)?`));
    }
    assert.match(headers['content-security-policy'], /\bsandbox\b/);
    assert.doesNotMatch(headers['content-security-policy'], /allow-same-origin/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(headers['content-type'], /^text\/plain\b/);
    assert.equal(headers.server?.includes('/') ?? false, false, 'no version of the server');
  });

  test('pass from the function, lists as repeated fields', async () => {
    const answer = await s.fn((await withHeaders({
      'X-List': ['a', 'b'], Location: '/elsewhere', 'Cache-Control': 'max-age=60', 'Content-Type': 'text/html', Vary: 'X-A',
      'X-Number': 5,
    })).route);
    assert.deepEqual(headerValues(answer, 'x-list'), ['a', 'b']);
    assert.equal(answer.headers.location, '/elsewhere');
    assert.equal(answer.headers['cache-control'], 'max-age=60');
    assert.match(answer.headers['content-type'], /^text\/html\b/);
    assert.equal(answer.headers.vary, 'X-A');
    assert.equal(answer.headers['x-number'], '5');
    assert.match(answer.headers['content-security-policy'], /\bsandbox\b/);
  });

  test('that are not a function’s to set are dropped', async () => {
    const dropped = ['Set-Cookie', 'X-Accel-Redirect', 'X-Accel-Expires', 'X-Accel-Buffering', 'X-Accel-Limit-Rate',
      'X-Accel-Charset', 'Status', 'Strict-Transport-Security', 'Clear-Site-Data', 'Service-Worker-Allowed',
      'Keep-Alive', 'Proxy-Authenticate', 'TE', 'Trailer', 'Upgrade', 'Proxy-Connection'];
    const given = Object.fromEntries(dropped.map((name) => [name, name === 'Status' ? '418 teapot' : '/evil']));
    const { route } = await withHeaders({
      ...given, 'Content-Security-Policy': "default-src 'unsafe-inline'", 'X-Request-Id': 'forged', 'Content-Length': '1',
      'Transfer-Encoding': 'chunked', Connection: 'close, x-kept', 'X-Kept': 'yes',
    });
    const answer = await s.fn(route);
    assert.equal(answer.status, 200);
    assert.equal(answer.text, 'ok');
    for (const name of dropped) {
      // nginx may set one of these itself; never with the function's value.
      assert.ok(!headerValues(answer, name.toLowerCase()).includes(given[name]), name);
    }
    assert.ok(headerValues(answer, 'content-security-policy').every((value) => !value.includes('unsafe-inline')));
    assert.notEqual(answer.headers['x-request-id'], 'forged');
    assert.equal(headerValues(answer, 'x-request-id').length, 1);
    assert.equal(answer.headers['x-kept'], 'yes');
  });

  test('cannot be split', async () => {
    for (const value of ['a\r\nX-Evil: 1', 'a\nX-Evil: 1', 'a\0b']) {
      const answer = await s.fn((await withHeaders({ 'X-A': value })).route);
      assertProblem(answer, 502, 'bad_response');
      assert.equal('x-evil' in answer.headers, false);
    }
  });

  test('isBase64Encoded gives bytes', async () => {
    const { route } = await s.deploy({ language: 'python', code: `
import base64
def handler(event):
    return {"statusCode": 200, "headers": {"content-type": "image/x-test"}, "isBase64Encoded": True,
            "body": base64.b64encode(bytes(range(256))).decode()}
` });
    const answer = await s.fn(route);
    assert.equal(answer.headers['content-type'], 'image/x-test');
    assert.deepEqual([...answer.bytes], Array.from({ length: 256 }, (_, i) => i));
  });
});

describe('Lambda functions run unchanged', () => {
  const LAMBDA = {
    python: `
import json
def lambda_handler(event, context):
    return {"statusCode": 202, "headers": {"X-Id": context.aws_request_id}, "body": json.dumps(event)}
`,
    javascript: `
exports.handler = (event, context, callback) => {
  callback(null, { statusCode: 202, headers: { 'X-Id': context.awsRequestId }, body: JSON.stringify(event) });
};
`,
  };
  for (const language of LANGUAGES) {
    test(`payload 2.0 in ${language}`, async () => {
      const { route } = await s.deploy({ language, code: LAMBDA[language], event: 'http' });
      const answer = await s.fn(`${route}?a=1&a=2&b=%20`, {
        method: 'POST', body: 'héllo', headers: { 'Content-Type': 'text/plain', Cookie: 'c1=v1; c2=v2', 'X-Up': 'Value' },
      });
      assert.equal(answer.status, 202);
      assert.equal(answer.headers['x-id'], answer.headers['x-request-id']);
      const event = JSON.parse(answer.text);
      assert.equal(event.version, '2.0');
      assert.equal(event.routeKey, '$default');
      assert.equal(event.rawPath, `/fn/${route}`);
      assert.equal(event.rawQueryString, 'a=1&a=2&b=%20');
      assert.deepEqual(event.queryStringParameters, { a: '1,2', b: ' ' });
      assert.deepEqual(event.cookies, ['c1=v1', 'c2=v2']);
      assert.equal(event.headers['x-up'], 'Value');
      assert.equal(event.requestContext.http.method, 'POST');
      assert.equal(event.requestContext.http.path, `/fn/${route}`);
      assert.equal(event.requestContext.requestId, answer.headers['x-request-id']);
      assert.equal(event.body, 'héllo');
      assert.equal(event.isBase64Encoded, false);

      const raw = Buffer.from([0, 255, 254, 10]);
      const binary = JSON.parse((await s.fn(route, {
        method: 'POST', body: raw, headers: { 'Content-Type': 'application/octet-stream' },
      })).text);
      assert.equal(binary.isBase64Encoded, true);
      assert.equal(binary.body, raw.toString('base64'));
    });
  }

  // As they are deployed elsewhere: a picture service with cookies, base64 both ways and repeated headers.
  const PICTURE = {
    python: `
import base64

def lambda_handler(event, context):
    method = event["requestContext"]["http"]["method"]
    body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event.get("body", "").encode()
    cookies = dict(cookie.split("=", 1) for cookie in event.get("cookies", []))
    return {
        "statusCode": 201 if method == "POST" else 200,
        "headers": {"Content-Type": "image/png", "X-Visitor": cookies.get("visitor", "nobody"),
                    "X-Tags": event["headers"].get("x-tag", ""), "Vary": ["Accept", "Cookie"]},
        "cookies": ["visitor=7; HttpOnly", "seen=1"],
        "isBase64Encoded": True,
        "body": base64.b64encode(b"\\x89PNG" + body[::-1]).decode(),
    }
`,
    javascript: `
export const handler = async (event) => {
  const { method } = event.requestContext.http;
  const body = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  const cookies = Object.fromEntries((event.cookies ?? []).map((cookie) => cookie.split('=', 2)));
  return {
    statusCode: method === 'POST' ? 201 : 200,
    headers: { 'Content-Type': 'image/png', 'X-Visitor': cookies.visitor ?? 'nobody',
      'X-Tags': event.headers['x-tag'] ?? '', Vary: ['Accept', 'Cookie'] },
    cookies: ['visitor=7; HttpOnly', 'seen=1'],
    isBase64Encoded: true,
    body: Buffer.concat([Buffer.from([0x89]), Buffer.from('PNG'), Buffer.from(body).reverse()]).toString('base64'),
  };
};
`,
  };
  for (const language of LANGUAGES) {
    test(`cookies, base64 and repeated headers in ${language}`, async () => {
      const { route } = await s.deploy({ language, code: PICTURE[language], event: 'http' });
      const answer = await s.fn(route, {
        method: 'POST', body: Buffer.from([1, 2, 0, 255]),
        headers: {
          'Content-Type': 'application/octet-stream', 'X-Tag': ['one', 'two'],
          Cookie: 'visitor=42; cloche_session=s3cret', Authorization: `Bearer ${s.token}`,
        },
      });
      assert.equal(answer.status, 201, answer.text);
      assert.deepEqual([...answer.bytes], [0x89, ...Buffer.from('PNG'), 255, 0, 2, 1]);
      assert.equal(answer.headers['content-type'], 'image/png');
      assert.equal(answer.headers['x-visitor'], '42');
      assert.equal(answer.headers['x-tags'].replaceAll(' ', ''), 'one,two');
      assert.deepEqual(headerValues(answer, 'vary'), ['Accept', 'Cookie']);
      assert.equal('set-cookie' in answer.headers, false, 'not on the host of the dashboard');

      const plain = await s.fn(route);
      assert.equal(plain.status, 200, plain.text);
      assert.equal(plain.headers['x-visitor'], 'nobody');
      assert.deepEqual([...plain.bytes], [0x89, ...Buffer.from('PNG')]);
    });
  }
});

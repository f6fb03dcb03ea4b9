// What nobody sends by mistake: each is answered as the rules say, and stored literally or not at all.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { makeUser, signIn } from '../lib/accounts.mjs';
import { assertProblem } from '../lib/problem.mjs';
import { stack } from '../lib/stack.mjs';

const CODE = 'def handler(event):\n    return event\n';
const MIB = 1024 * 1024;
const JSON_TYPE = { 'Content-Type': 'application/json' };

let s;
let kept; // a function that must come out of all this as it went in
let count;
before(async () => {
  s = await stack();
  kept = await s.deploy({ language: 'python', code: CODE, description: 'kept' });
  count = await total();
});
after(async () => {
  assert.deepEqual((await s.api(`/functions/${kept.id}`)).body, kept, 'nothing changed');
  assert.equal(await total(), count, 'nothing was stored that was refused');
  assert.equal((await s.fn(kept.route)).status, 200);
});

const unique = () => `h-${randomBytes(6).toString('hex')}`;
const fresh = (fields) => {
  const name = unique();
  return { name, route: name, language: 'python', code: CODE, ...fields };
};

async function total() {
  let n = 0;
  let next = '';
  do {
    const { body } = await s.api(`/functions?limit=100${next && `&cursor=${encodeURIComponent(next)}`}`);
    n += body.items.length;
    next = body.next;
  } while (next);
  return n;
}

/** Each place that takes a JSON body, for a text that holds `@` where the value goes. */
const PLACES = {
  create: (value) => s.api('/functions', { method: 'POST', headers: JSON_TYPE, body: wrap(fresh({ input_example: '@' }), value) }),
  patch: (value) => s.api(`/functions/${kept.id}`, { method: 'PATCH', headers: JSON_TYPE, body: wrap({ input_example: '@' }, value) }),
  execute: (value) => s.api(`/functions/${kept.id}/execute`, { method: 'POST', headers: JSON_TYPE, body: wrap({ input: '@' }, value) }),
  route: (value) => s.fn(kept.route, { method: 'POST', headers: JSON_TYPE, body: Buffer.from(value) }),
};

function wrap(body, value) {
  const [head, tail] = JSON.stringify(body).split('"@"');
  return Buffer.concat([Buffer.from(head), Buffer.from(value), Buffer.from(tail)]);
}

describe('JSON', () => {
  const deep = (levels, open = '[', close = ']') => `${open.repeat(levels)}${close.repeat(levels)}`;
  const broken = {
    '1,001 lists in each other': deep(1001),
    '1,001 objects in each other': `${'{"a":'.repeat(1001)}0${'}'.repeat(1001)}`,
    'a million open brackets': '['.repeat(1_000_000),
    'a million lists in each other': deep(1_000_000),
    'a key twice': '{"a": 1, "a": 2}',
    'a key twice, once escaped': '{"a": 1, "\\u0061": 2}',
    'a number of a million digits': '9'.repeat(1_000_000),
    'a number that is no double': '1e400',
    'a byte order mark': '\ufeff{}',
    NaN: 'NaN',
    'a comment': '/* */ 1',
    'single quotes': "'a'",
    'a raw newline in a string': '"a\nb"',
    'nothing': '',
  };
  for (const [what, value] of Object.entries(broken)) {
    for (const [place, send] of Object.entries(PLACES)) {
      if (what === 'nothing' && place === 'route') continue; // no body: no JSON
      test(`${what}: 400 from ${place}`, async () => { assertProblem(await send(value), 400, 'invalid_json'); });
    }
  }

  const notText = {
    'NUL': '"a\\u0000b"',
    'half a surrogate pair': '"\\ud800"',
    'the other half': '"\\udc00x"',
    'an overlong NUL': Buffer.from([0x22, 0xc0, 0x80, 0x22]),
    'an overlong slash': Buffer.from([0x22, 0xe0, 0x80, 0xaf, 0x22]),
    'a surrogate in UTF-8': Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
    'beyond U+10FFFF': Buffer.from([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]),
    'half a character': Buffer.from([0x22, 0xe2, 0x82, 0x22]),
    'a stray continuation': Buffer.from([0x22, 0x80, 0x22]),
    'Latin-1': Buffer.from([0x22, 0xe9, 0x22]),
  };
  for (const [what, value] of Object.entries(notText)) {
    for (const [place, field] of [['create', 'input_example'], ['patch', 'input_example'], ['execute', 'input']]) {
      test(`${what}: 422 from ${place}`, async () => {
        const { errors } = assertProblem(await PLACES[place](value), 422, 'invalid');
        assert.deepEqual(errors.map((error) => error.field), [field]);
      });
    }
  }

  test('keys in another case are other keys', async () => {
    for (const key of ['Name', 'NAME', 'Code', 'na\u006de ', 'name\u0301', '__proto__', 'constructor', '']) {
      const body = { ...fresh(), [key]: 'x' };
      if (key === '__proto__') Object.defineProperty(body, key, { value: 'x', enumerable: true });
      const { errors } = assertProblem(await s.api('/functions', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) }), 422, 'invalid');
      assert.deepEqual(errors.map(({ field }) => field), [key]);
    }
  });

  test('256 levels are no deeper than allowed, and come back as they were sent', async () => {
    const { output } = (await PLACES.execute(deep(200))).body;
    assert.equal(JSON.stringify(output), deep(200));
  });
});

describe('texts', () => {
  const TEXTS = {
    'SQL in quotes': `'; DROP TABLE functions; -- `,
    'SQL in double quotes': `" OR "1"="1`,
    'a backslash at the end': `\\`,
    'LIKE wildcards': '%_%',
    'a format': '%s%n%1$*2$d{}${x}',
    'HTML': '<script>alert(1)</script>',
    'emoji': '👩‍👩‍👧‍👦🏳️‍🌈',
    'right to left': '\u202egnp.exe',
    'combining marks': 'Z̷͈̈́a̸̛͜l̴̰͝g̴̼̈́o̴͕͐',
    'control characters': '\u0001\u0008\u001b[2J\u007f',
    'line ends': 'a\r\nb\rc\u2028d',
    'white space around': '  \t x \t  ',
    'beyond the first plane': '\u{10ffff}',
  };
  for (const [what, text] of Object.entries(TEXTS)) {
    test(`${what}: kept to the letter in every text, refused as a name`, async () => {
      const wanted = { description: text, note: text, code: `# ${text}`.replaceAll(/[\r\n\u2028]/g, ' ') + `\n${CODE}`, input_example: { [text]: text } };
      const made = await s.deploy({ language: 'python', ...wanted });
      const { body } = await s.api(`/functions/${made.id}`);
      const { body: version } = await s.api(`/functions/${made.id}/versions/1`);
      const { body: found } = await s.api(`/functions?q=${encodeURIComponent(text)}`);
      for (const [field, value] of Object.entries(wanted)) {
        assert.deepEqual(body[field], value, field);
        assert.deepEqual(version[field], value, field);
      }
      assert.ok(found.items.some(({ id }) => id === made.id), 'found by its description');
      assert.deepEqual((await s.execute(made, { input: text, args: [text] })).output, text);
      await s.remove(made);
      for (const field of ['name', 'route', 'handler', 'runtime']) {
        const { errors } = assertProblem(await s.api('/functions', { method: 'POST', body: fresh({ [field]: text }) }), 422, 'invalid');
        assert.deepEqual(errors.map((error) => error.field), [field]);
      }
    });
  }

  test('as the name of a token, the note of a rollback, the name of an account, too', async () => {
    const person = await signIn(s, await makeUser(s));
    const made = await s.deploy({ language: 'python', code: CODE });
    for (const [what, text] of Object.entries(TEXTS)) {
      const token = await person.api('/tokens', { method: 'POST', body: { name: text, scopes: ['invoke'] } });
      if (/[\0-\x1f\x7f]/.test(text)) {
        assert.deepEqual(assertProblem(token, 422, 'invalid').errors.map(({ field }) => field), ['name'], what);
      } else {
        assert.equal(token.body.name, text, what);
        assert.ok((await person.api('/tokens')).body.items.some(({ id, name }) => id === token.body.id && name === text), what);
      }
      const back = await s.api(`/functions/${made.id}/rollback`, { method: 'POST', body: { version: 1, note: text } });
      assert.equal(back.body.note, text, what);
      assert.equal((await s.api(`/functions/${made.id}/versions/${back.body.version}`)).body.note, text, what);
      const account = { username: text, password: text.padEnd(8), role: 'developer' };
      assert.deepEqual(assertProblem(await s.api('/users', { method: 'POST', body: account }), 422, 'invalid').errors.map(({ field }) => field), ['username'], what);
    }
    await s.remove(made);
  });

  test('a text over its length is refused, whatever it is made of', async () => {
    for (const [field, most] of [['description', 4096], ['note', 1024]]) {
      for (const filler of ['x', 'é', '👍']) {
        const fits = filler.repeat(Math.floor(most / Buffer.byteLength(filler)));
        const made = await s.deploy({ language: 'python', code: CODE, [field]: fits });
        assert.equal(made[field], fits);
        await s.remove(made);
        const { errors } = assertProblem(await s.api('/functions', { method: 'POST', body: fresh({ [field]: `${fits}${filler}` }) }), 422, 'invalid');
        assert.deepEqual(errors.map((error) => error.field), [field]);
      }
    }
  });
});

describe('numbers and types', () => {
  const NUMBERS = ['timeout_ms', 'memory_mb', 'cpus', 'disk_mb', 'max_concurrency'];
  const WRONG = ['-1', '-0.0', '0', '1e308', '-1e308', '99999999999999999999', '18446744073709551617', '4294967297', '2147483648', '1e-300',
    '"1"', 'true', 'null', '[]', '{}', '[1]'];
  for (const field of NUMBERS) {
    test(`${field}: each is refused and named`, async () => {
      for (const value of WRONG) {
        const body = JSON.stringify(fresh({ [field]: 0 })).replace(`"${field}":0`, `"${field}":${value}`);
        const { errors } = assertProblem(await s.api('/functions', { method: 'POST', headers: JSON_TYPE, body }), 422, 'invalid');
        assert.deepEqual(errors.map((error) => error.field), [field], value);
      }
    });
  }

  test('numbers of a query, too', async () => {
    for (const value of ['-1', '0', '101', '1e1', '0x10', '+5', ' 5', '5 ', '99999999999999999999', '٣']) {
      assertProblem(await s.api(`/functions?limit=${encodeURIComponent(value)}`), 422, 'invalid');
    }
    for (const query of ['limit=1&limit=2', 'sort=name;drop', 'sort=-', 'status=Active', 'q[]=x']) {
      assertProblem(await s.api(`/functions?${query}`), 422, 'invalid');
    }
    for (const query of ['limit=%00', 'limit=5%00', 'cursor=%00', 'status=active%00', 'q=%ff', 'q=%c0%80']) {
      const answer = await s.api(`/functions?${query}`);
      assert.ok([400, 422].includes(answer.status), `${query}: ${answer.status}`);
    }
  });
});

describe('paths', () => {
  /** A request whose path is sent as it is written; resolves to status and text. */
  function raw(path, method = 'GET') {
    const { hostname, port } = new URL(s.url);
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, hostname, () => socket.write(
        `${method} ${path} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${s.token}\r\nConnection: close\r\n\r\n`, 'latin1'));
      let text = '';
      socket.setTimeout(10_000, () => socket.destroy(new Error(`${path}: no answer`)));
      socket.on('data', (data) => { text += data; });
      socket.on('error', reject);
      socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text }));
    });
  }

  for (const path of ['/api/functions/..', '/api/functions/../functions', '/api/functions/%2e%2e/functions', '/api/./functions',
    '/api//functions', '//api/functions', '/api/functions//', '/api/functions/', '/api/functions%00', '/api/functions/%00',
    '/api/functions%2f', '/api%2ffunctions', '/api/functions/%2e%2e%2fx', '/api/functions/%c0%ae%c0%ae/x', '/api/functions/..;/me',
    '/api/functions\\..\\me', '/api/functions/%', '/api/functions/%zz', '/api/functions/%ff', '/fn/../api/functions', '/fn/%2e%2e/api/functions',
    '/api/../../../../etc/passwd', '/fn/..%2f..%2fetc/passwd', '/examples/../../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/app/../../admin.token']) {
    test(`${path} leads nowhere`, async () => {
      const { status, text } = await raw(path);
      assert.ok([400, 404].includes(status), `${status}\n${text.slice(0, 300)}`);
      assert.doesNotMatch(text, /root:|"items"|cl_/);
    });
  }

  test('the names of versions and ids are not completed', async () => {
    for (const id of [`${kept.id}%00`, `${kept.id}%20`, kept.id.toUpperCase(), kept.id.replaceAll('-', ''), `{${kept.id}}`, `${kept.id}'--`, '%27%20OR%201=1']) {
      const { status } = await raw(`/api/functions/${id}`);
      assert.ok([400, 404].includes(status), `${id}: ${status}`);
    }
  });

  test('a path or a header without an end is refused', async () => {
    for (const path of [`/api/functions/${'a'.repeat(100_000)}`, `/api/functions?q=${'a'.repeat(100_000)}`, `/api/${'a/'.repeat(5000)}`]) {
      const { status } = await raw(path).catch(() => ({ status: 400 }));
      assert.ok([400, 404, 414].includes(status), `${path.slice(0, 30)}: ${status}`);
    }
  });

  test('a method that is none is refused', async () => {
    for (const method of ['BREW', 'get', 'PROPFIND']) {
      const { status } = await raw('/api/functions', method);
      assert.ok([400, 405].includes(status), `${method}: ${status}`);
    }
  });
});

describe('bodies', () => {
  test('100 MB: 413, announced or in pieces', async () => {
    assertProblem(await s.api('/functions', { method: 'POST', headers: JSON_TYPE, body: Buffer.alloc(100 * MIB, 0x20) }), 413, 'request_too_large');
    const pieces = Array.from({ length: 100 }, () => Buffer.alloc(MIB, 0x20));
    assertProblem(await s.api('/functions', { method: 'POST', headers: JSON_TYPE, body: pieces }), 413, 'request_too_large');
  });

  test('a body where none is taken changes nothing', async () => {
    assert.equal((await s.api(`/functions/${kept.id}`, { headers: JSON_TYPE, body: '{"name": "x"}' })).status, 200);
  });

  test('another type than JSON is refused', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp', 'json']) {
      assertProblem(await s.api('/functions', { method: 'POST', headers: { 'Content-Type': type }, body: JSON.stringify(fresh()) }), 415);
    }
  });
});

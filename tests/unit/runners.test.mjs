// The launcher and both runners, driven over real sockets as a worker drives them.

import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { callOnce as call, Cell, useCell as withCell, within } from '../lib/cell.mjs';
import { frame, initFrame, invokeFrame } from '../lib/frames.mjs';
import { until } from '../lib/until.mjs';

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';
const BINARY = 'application/octet-stream';
const MIB = 1024 * 1024;

const value = (event) => ({ source: 'value', event });

/** Each case: name, {python, javascript} sources, call, expected. */
function cases(list) {
  for (const [name, sources, head, expected, init] of list) {
    for (const [language, code] of Object.entries(sources)) {
      test(`${name} (${language})`, async () => expect(await call(language, code, head, init), expected));
    }
  }
}

function expect(answer, expected) {
  if (typeof expected === 'function') return expected(answer);
  const got = {};
  for (const key of Object.keys(expected)) {
    if (key === 'json') got.json = JSON.parse(answer.text);
    else if (key === 'status') got.status = answer.head?.status;
    else if (key === 'type') got.type = answer.head?.headers.find(([header]) => header.toLowerCase() === 'content-type')?.[1];
    else if (key === 'error') got.error = answer.error?.type ?? answer.loadError?.type;
    else got[key] = answer[key];
  }
  assert.deepEqual(got, expected, JSON.stringify(answer.error ?? answer.loadError ?? answer.text));
}

const python = (code) => ({ python: code });
const javascript = (code) => ({ javascript: code });
const both = (py, js) => ({ python: py, javascript: js });

describe('finding the handler', () => cases([
  ['handler', both('def handler(e): return e', 'exports.handler = (e) => e'), value('x'), { text: 'x', script: false }],
  ['lambda_handler', both('def lambda_handler(e, c): return e', 'exports.lambda_handler = (e) => e'), value('x'), { text: 'x' }],
  ['handle', python('def handle(e): return e'), value('x'), { text: 'x' }],
  ['handler comes first', python('def handle(): return "no"\ndef handler(): return "yes"'), {}, { text: 'yes' }],
  ['module.exports', javascript('module.exports = async (e) => e'), value('x'), { text: 'x', script: false }],
  ['module.exports.handler', javascript('module.exports = { handler: (e) => e }'), value('x'), { text: 'x', script: false }],
  ['export const', javascript('export const handler = async (e) => e;'), value('x'), { text: 'x', script: false }],
  ['export default', javascript('export default (e) => e'), value('x'), { text: 'x', script: false }],
  ['export default object', javascript('export default { handler: (e) => e }'), value('x'), { text: 'x' }],
  ['import and top-level await', javascript('import { sep } from "node:path";\nconst s = await sep;\nexport const handler = () => s;'), {}, { text: '/' }],
  ['dynamic import', javascript('exports.handler = async () => (await import("path")).sep'), {}, { text: '/' }],
  ['not exported', javascript('function handler(e) { return e }'), value('x'), { text: 'x' }],
  ['not exported, constant', javascript('const handler = (e) => e'), value('x'), { text: 'x' }],
  ['not exported, in an ES module', javascript('import "fs";\nfunction handler(e) { return e }'), value('x'), { text: 'x' }],
  ['calls itself', javascript('function handler() { return {n: 1} }\nconsole.log(JSON.stringify(handler()))'), {}, { json: { n: 1 } }],
  ['calls itself later', javascript('async function handler() { return 7 }\nhandler().then((r) => console.log(r))'), {}, { json: 7 }],
  ['assigned, not defined', python('handler = lambda e: e'), value('x'), { text: 'x' }],
  ['defined under a condition', python('if True:\n  def handler(e): return e'), value('x'), { text: 'x' }],
  ['configured', both('def other(): return "no"\ndef mine(e): return e', 'exports.handler = () => "no"; exports.mine = (e) => e'), value('x'), { text: 'x' }, { handler: 'mine' }],
  ['configured, Lambda style', both('def mine(e): return e', 'export function mine(e) { return e }'), value('x'), { text: 'x' }, { handler: 'index.mine' }],
  ['configured, not exported', javascript('function mine(e) { return e }'), value('x'), { text: 'x' }, { handler: 'mine' }],
  ['configured, missing', both('x = 1', 'exports.x = 1'), {}, { error: 'HandlerNotFound' }, { handler: 'mine' }],
  ['configured, a reserved word', javascript('exports.x = 1'), {}, { error: 'HandlerNotFound' }, { handler: 'while' }],
  ['configured, not a function', both('mine = 1', 'exports.mine = 1'), {}, { error: 'HandlerNotFound' }, { handler: 'mine' }],
  ['a variable called handle', python('handle = open("/dev/null")\nprint("script")'), {}, (answer) => {
    assert.equal(answer.script, true);
    assert.equal(answer.text, 'script');
  }],
  ['exports without a handler', javascript('module.exports = { add: 1 };\nif (require.main === module) console.log("main")'), {}, { text: 'main', script: true }],
]));

describe('arguments', () => cases([
  ['none', both('def handler(): return 1', 'exports.handler = () => 1'), value(5), { json: 1 }],
  ['event', both('def handler(event): return event', 'exports.handler = (event) => event'), value(5), { json: 5 }],
  ['event and context', both('def handler(e, c): return [e, c.request_id]', 'exports.handler = (e, c) => [e, c.requestId]'), value(5), { json: [5, 'r-1'] }],
  ['any number', both('def handler(*a): return len(a)', 'exports.handler = (...a) => a.length'), value(5), { json: 2 }],
  ['an optional context', python('def handler(e, c=None): return c is not None'), value(5), { json: true }],
  ['a decorated function', python('import functools\ndef d(f):\n  @functools.wraps(f)\n  def w(*a, **k): return f(*a, **k)\n  return w\n@d\ndef handler(e): return e'), value(5), { json: 5 }],
  ['a method', python('class A:\n  def run(self, e): return e\nhandler = A().run'), value(5), { json: 5 }],
  ['a callable object', python('class A:\n  def __call__(self, e): return e\nhandler = A()'), value(5), { json: 5 }],
  ['a partial', python('import functools\ndef f(x, e): return [x, e]\nhandler = functools.partial(f, 1)'), value(5), { json: [1, 5] }],
  ['callback', javascript('exports.handler = (e, c, done) => setTimeout(() => done(null, e), 1)'), value(5), { json: 5 }],
  ['callback with an error', javascript('exports.handler = (e, c, done) => done(new RangeError("no"))'), {}, { error: 'RangeError' }],
  ['callback never called', javascript('exports.handler = (e, c, done) => {}'), {}, { status: 204 }],
  ['callback unused by an async handler', javascript('exports.handler = async (e, c, done) => 3'), {}, { json: 3 }],
]));

describe('async', () => cases([
  ['coroutine', both('import asyncio\nasync def handler(e):\n  await asyncio.sleep(0.001)\n  return e', 'exports.handler = async (e) => { await new Promise((r) => setTimeout(r, 1)); return e }'), value(5), { json: 5 }],
  ['returned awaitable', both('async def f(e): return e\ndef handler(e): return f(e)', 'exports.handler = (e) => Promise.resolve(e)'), value(5), { json: 5 }],
  ['asyncio imported late', python('async def handler():\n  import asyncio\n  await asyncio.sleep(0)\n  return 1'), {}, { json: 1 }],
  ['rejected', both('async def handler(): raise KeyError("k")', 'exports.handler = async () => { throw new TypeError("t") }'), {}, (answer) => {
    assert.match(answer.error.type, /^(KeyError|TypeError)$/);
  }],
  ['never settles', javascript('exports.handler = () => new Promise(() => {})'), {}, { error: 'PromiseNeverSettled' }],
  ['unhandled rejection while pending', javascript('exports.handler = () => { Promise.reject(new RangeError("r")); return new Promise((r) => setTimeout(r, 5000)) }'), {}, { error: 'RangeError' }],
  ['uncaught exception while pending', javascript('exports.handler = () => new Promise(() => { setTimeout(() => { throw new RangeError("r") }, 1) })'), {}, { error: 'RangeError' }],
]));

describe('events', () => cases([
  ['none', both('def handler(e): return [e]', 'exports.handler = (e) => [e]'), {}, { json: [null] }],
  ['json', both('def handler(e): return e["a"]', 'exports.handler = (e) => e.a'), { source: 'json' }, { json: 1 }, { body: Buffer.from('{"a":1}') }],
  ['text', both('def handler(e): return [e]', 'exports.handler = (e) => [e]'), { source: 'text' }, { json: ['é'] }, { body: Buffer.from('é') }],
  ['bytes', both('def handler(e): return list(e)', 'exports.handler = (e) => [...e]'), { source: 'bytes' }, { json: [0, 255] }, { body: Buffer.from([0, 255]) }],
]));

describe('context', () => {
  const head = {
    ...value(null),
    args: ['a'],
    request: { method: 'POST', path: '/x', params: { id: '7' }, query: { q: ['1', '2'] }, headers: { host: 'h' }, cookies: { c: 'd' } },
  };
  const common = (answer) => {
    const got = JSON.parse(answer.text);
    assert.deepEqual(got.names, ['r-1', 'r-1', 'hello', 3, 128]);
    assert.ok(got.left > 1000 && got.left <= 3000, `${got.left} ms left`);
    assert.deepEqual(got.rest, [['a'], 'v', 'v', 'docker']);
    assert.deepEqual(got.request, ['POST', '7', ['1', '2'], 'h', 'd', [1, 2]]);
  };
  cases([
    ['all its names', both(
      `import os
def handler(e, c):
    r = c.request
    return {"names": [c.request_id, c.aws_request_id, c.function_name, c.function_version, c.memory_limit_in_mb],
            "left": c.get_remaining_time_in_millis(), "rest": [c.args, c.env["K"], os.environ["K"], c.runtime],
            "request": [r.method, r["params"]["id"], r.query["q"], r.headers["host"], r.cookies["c"], list(r.body)]}`,
      `exports.handler = (e, c) => ({
        names: [c.requestId, c.awsRequestId, c.functionName, c.functionVersion, c.memoryLimitInMB],
        left: c.getRemainingTimeInMillis(), rest: [c.args, c.env.K, process.env.K, c.runtime],
        request: [c.request.method, c.request.params.id, c.request.query.q, c.request.headers.host, c.request.cookies.c, [...c.request.body]],
      })`), head, common, { env: { K: 'v' }, body: Buffer.from([1, 2]) }],
    ['no request in execute', both('def handler(e, c): return c.request is None', 'exports.handler = (e, c) => c.request === undefined'), value(1), { json: true }],
  ]);
});

describe('results', () => cases([
  ['text', both('def handler(): return "é"', 'exports.handler = () => "é"'), {}, { status: 200, type: TEXT, text: 'é', end: { reusable: true } }],
  ['bytes', both('def handler(): return b"\\0\\xff"', 'exports.handler = () => Buffer.from([0, 255])'), {}, { status: 200, type: BINARY, body: Buffer.from([0, 255]) }],
  ['other bytes', both('def handler(): return memoryview(bytearray(b"ab"))', 'exports.handler = () => new Uint8Array([97, 98])'), {}, { type: BINARY, text: 'ab' }],
  ['an ArrayBuffer', javascript('exports.handler = () => new Uint8Array([97]).buffer'), {}, { type: BINARY, text: 'a' }],
  ['an object', both('def handler(): return {"é": (1, 2.5, None, True)}', 'exports.handler = () => ({ "é": [1, 2.5, null, true] })'), {}, { type: JSON_TYPE, text: '{"é":[1,2.5,null,true]}' }],
  ['a boolean', both('def handler(): return False', 'exports.handler = () => false'), {}, { type: JSON_TYPE, text: 'false' }],
  ['nothing', both('def handler(): pass', 'exports.handler = () => {}'), {}, { head: { status: 204, headers: [], stream: false }, text: '' }],
  ['null', both('def handler(): return None', 'exports.handler = () => null'), {}, { status: 204 }],
  ['empty text', both('def handler(): return ""', 'exports.handler = () => ""'), {}, { status: 200, type: TEXT, text: '' }],
  ['NaN', both('def handler(): return [float("nan")]', 'exports.handler = () => [NaN]'), {}, { error: 'BadResponse' }],
  ['infinity', both('def handler(): return float("inf")', 'exports.handler = () => Infinity'), {}, { error: 'BadResponse' }],
  ['a cycle', both('def handler():\n  a = []\n  a.append(a)\n  return a', 'exports.handler = () => { const a = []; a.push(a); return a }'), {}, { error: 'BadResponse' }],
  ['an unknown type', python('class Thing: pass\ndef handler(): return [Thing()]'), {}, (answer) => {
    assert.equal(answer.error.type, 'BadResponse');
    assert.match(answer.error.message, /Thing/);
    assert.equal(answer.error.stack, null);
  }],
  ['a set', python('def handler(): return {1}'), {}, { error: 'BadResponse' }],
  ['a BigInt', javascript('exports.handler = () => 1n'), {}, { error: 'BadResponse' }],
  ['a function', javascript('exports.handler = () => () => 1'), {}, { error: 'BadResponse' }],
  ['a symbol', javascript('exports.handler = () => Symbol("s")'), {}, { error: 'BadResponse' }],
  ['a date', javascript('exports.handler = () => new Date(0)'), {}, { json: '1970-01-01T00:00:00.000Z' }],
  ['half a character', both('def handler(): return "\\ud800"', 'exports.handler = () => "\\ud800"'), {}, { error: 'BadResponse' }],
  ['half a character inside', both('def handler(): return ["\\ud800"]', 'exports.handler = () => ["\\ud800"]'), {}, { error: 'BadResponse' }],
  ['text that looks like half a character', both('def handler(): return ["\\\\ud800"]', 'exports.handler = () => ["\\\\ud800"]'), {}, { json: ['\\ud800'] }],
  ['6 MiB', both('def handler(): return "x" * 6291456', 'exports.handler = () => "x".repeat(6291456)'), {}, (answer) => {
    assert.equal(answer.body.length, 6 * MIB);
    assert.ok(answer.pieces.every((piece) => piece.length <= 65536));
  }],
  ['more than 6 MiB', both('def handler(): return "x" * 6291457', 'exports.handler = () => "x".repeat(6291457)'), {}, { head: null, error: 'ResponseTooLarge' }],
]));

describe('HTTP results', () => {
  const http = (answer) => both(
    `import json\ndef handler(): return json.loads(r'''${JSON.stringify(answer)}''')`,
    `exports.handler = () => (${JSON.stringify(answer)})`,
  );
  const bad = (name, answer) => [name, http(answer), {}, { head: null, error: 'BadResponse' }];
  cases([
    ['everything', http({ statusCode: 201, headers: { 'X-A': ['1', '2'], 'x-n': 5, 'x-b': true, 'Content-Type': 'text/html' }, cookies: ['a=1', 'b=2'], body: '<p>' }), {}, {
      head: {
        status: 201,
        headers: [['X-A', '1'], ['X-A', '2'], ['x-n', '5'], ['x-b', 'true'], ['Content-Type', 'text/html'], ['set-cookie', 'a=1'], ['set-cookie', 'b=2']],
        stream: false,
      },
      text: '<p>',
    }],
    ['status only', http({ statusCode: 404 }), {}, { status: 404, type: TEXT, text: '' }],
    ['an object as body', http({ statusCode: 200, body: { a: 1 } }), {}, { type: JSON_TYPE, text: '{"a":1}' }],
    ['a base64 body', http({ statusCode: 200, isBase64Encoded: true, headers: { 'content-type': 'image/png' }, body: 'AP8=' }), {}, { type: 'image/png', body: Buffer.from([0, 255]) }],
    ['204 drops its body', http({ statusCode: 204, body: 'x' }), {}, { head: { status: 204, headers: [], stream: false }, text: '' }],
    ['a statusCode that is text is data', http({ statusCode: 'odd' }), {}, { type: JSON_TYPE, json: { statusCode: 'odd' } }],
    ['headers over the cap', http({ statusCode: 200, headers: { 'x-a': 'y'.repeat(66000) } }), {}, { error: 'ResponseTooLarge' }],
    bad('statusCode 99', { statusCode: 99 }),
    bad('statusCode 101', { statusCode: 101 }),
    bad('statusCode 600', { statusCode: 600 }),
    bad('statusCode 200.5', { statusCode: 200.5 }),
    bad('a header name with a space', { statusCode: 200, headers: { 'a b': '1' } }),
    bad('an empty header name', { statusCode: 200, headers: { '': '1' } }),
    bad('a header value with a line break', { statusCode: 200, headers: { a: '1\r\nb: 2' } }),
    bad('a header value that is an object', { statusCode: 200, headers: { a: {} } }),
    bad('a header value that is null', { statusCode: 200, headers: { a: null } }),
    bad('headers that are a list', { statusCode: 200, headers: ['a'] }),
    bad('a cookie with a line break', { statusCode: 200, cookies: ['a\nb'] }),
    bad('cookies that are text', { statusCode: 200, cookies: 'a=1' }),
    bad('base64 with junk', { statusCode: 200, isBase64Encoded: true, body: 'AP8=!' }),
    bad('base64 of no text', { statusCode: 200, isBase64Encoded: true, body: { a: 1 } }),
  ]);
});

describe('streams', () => {
  cases([
    ['text', both('def handler():\n  yield "a"\n  yield "b"', 'exports.handler = function* () { yield "a"; yield "b" }'), {}, (answer) => {
      assert.deepEqual(answer.head, { status: 200, headers: [['content-type', TEXT]], stream: true });
      assert.deepEqual(answer.pieces.map(String), ['a', 'b']);
      assert.deepEqual(answer.end, { reusable: true });
    }],
    ['async generator', both('async def handler():\n  yield b"a"\n  yield b"b"', 'exports.handler = async function* () { yield Buffer.from("a"); yield Buffer.from("b") }'), {}, { type: BINARY, text: 'ab' }],
    ['objects as lines', both('def handler():\n  yield {"n": 1}\n  yield {"n": 2}', 'exports.handler = function* () { yield { n: 1 }; yield { n: 2 } }'), {}, { type: 'application/x-ndjson', text: '{"n":1}\n{"n":2}\n' }],
    ['an iterator', both('def handler(): return map(str, [1, 2])', 'exports.handler = () => ["1", "2"][Symbol.iterator]()'), {}, { text: '12' }],
    ['a Node stream', javascript('exports.handler = () => require("stream").Readable.from(["a", "b"])'), {}, { text: 'ab' }],
    ['an empty one', both('def handler():\n  return\n  yield', 'exports.handler = function* () {}'), {}, { status: 200, text: '', pieces: [] }],
    ['with a status', both('def handler(): return {"statusCode": 202, "headers": {"x-a": "1"}, "body": iter(["a"])}', 'exports.handler = () => ({ statusCode: 202, headers: { "x-a": "1" }, body: ["a"].values() })'), {}, {
      head: { status: 202, headers: [['content-type', TEXT], ['x-a', '1']], stream: true }, text: 'a',
    }],
    ['fails before its first piece', both('def handler():\n  raise ValueError("v")\n  yield', 'exports.handler = function* () { throw new RangeError("r") }'), {}, (answer) => {
      assert.equal(answer.head, null);
      assert.match(answer.error.type, /^(ValueError|RangeError)$/);
    }],
    ['fails later', both('def handler():\n  yield "a"\n  raise ValueError("v")', 'exports.handler = function* () { yield "a"; throw new RangeError("r") }'), {}, (answer) => {
      assert.equal(answer.head.status, 200);
      assert.equal(answer.text, 'a');
      assert.match(answer.error.stack, /function\.(py|js)/);
    }],
    ['too large', both('def handler():\n  while True: yield "x" * 1000000', 'exports.handler = function* () { for (;;) yield "x".repeat(1e6) }'), {}, { error: 'ResponseTooLarge' }],
  ]);

  for (const [language, code] of Object.entries(both(
    'import os\ndef handler(path):\n  yield "first"\n  with open(path): pass\n  yield "second"',
    'const fs = require("fs");\nexports.handler = function* (path) { yield "first"; fs.closeSync(fs.openSync(path, "r")); yield "second" }',
  ))) {
    test(`the first piece is there before the second is made (${language})`, () => withCell(language, async (cell) => {
      const { execFileSync } = await import('node:child_process');
      const { open } = await import('node:fs/promises');
      const gate = join(cell.folder, 'gate');
      execFileSync('mkfifo', [gate]);
      cell.init({ code });
      await cell.next();
      cell.invoke(value(gate));
      assert.equal((await cell.next()).type, 'HEAD');
      assert.equal(String((await cell.next()).payload), 'first');
      await (await open(gate, 'w')).close();
      assert.equal(String((await cell.next()).payload), 'second');
      assert.equal((await cell.next()).type, 'END');
    }));
  }
});

describe('errors', () => cases([
  ['class, message and own frames', both(
    'import json\nclass Odd(Exception): pass\ndef inner(): raise Odd("bad\\0 thing")\ndef handler():\n  json.loads("1", parse_int=lambda s: inner())',
    'class Odd extends Error {}\nfunction inner() { throw new Odd("bad\\0 thing") }\nexports.handler = () => {\n  [1].map(() => inner());\n};'), {}, (answer) => {
    assert.equal(answer.error.type, 'Odd');
    assert.equal(answer.error.message, 'bad\ufffd thing');
    assert.match(answer.error.stack, /function\.(py", line 3, in inner|js:2:)/);
    assert.match(answer.error.stack, /function\.(py", line 5|js:4:)/);
    assert.doesNotMatch(answer.error.stack, /serve|calling|json\/|node:|cellrunner/);
  }],
  ['lines of an ES module', javascript('import fs from "fs";\n\nexport const handler = () => { throw new TypeError("t") };'), {}, (answer) => {
    assert.match(answer.error.stack, /function\.js:3:38/);
  }],
  ['the cause', python('def handler():\n  try: 1/0\n  except ZeroDivisionError as e: raise ValueError("v") from e'), {}, (answer) => {
    assert.match(answer.error.stack, /ZeroDivisionError[^]*direct cause[^]*ValueError: v/);
  }],
  ['syntax', both('x = 1\ndef f(:', 'let a;\nlet b = ;'), {}, (answer) => {
    assert.equal(answer.loadError.type, 'SyntaxError');
    assert.match(answer.loadError.stack, /function\.(py", line 2|js:2)/);
  }],
  ['syntax of an ES module', javascript('import fs from "fs";\nlet b = ;'), {}, (answer) => {
    assert.equal(answer.loadError.type, 'SyntaxError');
  }],
  ['while loading', both('def handler(): pass\nraise ValueError("v")', 'exports.handler = () => {};\nnull.x;'), {}, (answer) => {
    assert.match(answer.loadError.type, /^(ValueError|TypeError)$/);
    assert.match(answer.loadError.stack, /function\.(py", line 2|js:2:)/);
  }],
  ['a module that does not exist', both('import nowhere\ndef handler(): pass', 'const n = require("nowhere");\nexports.handler = () => {}'), {}, (answer) => {
    assert.match(answer.loadError.type, /^(ModuleNotFoundError|Error)$/);
  }],
  ['not an Error', javascript('exports.handler = () => { throw "plain" }'), {}, (answer) => {
    assert.deepEqual(answer.error, { type: 'Error', message: 'plain', stack: null });
  }],
  ['endless recursion', both('def handler(): handler()', 'exports.handler = () => exports.handler()'), {}, (answer) => {
    assert.match(answer.error.type, /^(RecursionError|RangeError)$/);
  }],
  ['a huge message', both('def handler(): raise ValueError("\\x1b" * 1000000)', 'exports.handler = () => { throw new Error("\\x1b".repeat(1000000)) }'), {}, (answer) => {
    assert.ok(JSON.stringify(answer.error).length <= 128 * 1024);
  }],
]));

describe('scripts', () => cases([
  ['args', both('import sys\nprint("Hello,", sys.argv[1])', 'console.log("Hello,", process.argv[2])'), { args: ['Alice'] }, { type: TEXT, text: 'Hello, Alice', script: true, end: { reusable: false } }],
  ['JSON', both('print(\'{"a": 1}\')', 'console.log(\'{"a": 1}\')'), {}, { type: JSON_TYPE, text: '{"a": 1}' }],
  ['NaN is text', both('print("NaN")', 'console.log("NaN")'), {}, { type: TEXT, text: 'NaN' }],
  ['nothing', both('x = 1', 'let x = 1'), {}, { head: { status: 204, headers: [], stream: false } }],
  ['empty file', both('', ''), {}, { status: 204 }],
  ['stdin: the event', both('import sys\nprint(sys.stdin.read())', 'process.stdout.write(require("fs").readFileSync(0, "utf8"))'), value({ a: [1] }), { text: '{"a":[1]}' }],
  ['stdin: the body', both('import sys\nsys.stdout.write(sys.stdin.read().upper())', 'process.stdin.on("data", (d) => process.stdout.write(String(d).toUpperCase()))'), { source: 'text' }, { text: 'ABC' }, { body: Buffer.from('abc') }],
  ['stdin: nothing', both('import sys\nprint(len(sys.stdin.read()))', 'console.log(require("fs").readFileSync("/dev/stdin").length)'), {}, { json: 0 }],
  ['exit status', both('import sys\nprint(1)\nsys.exit(3)', 'console.log(1); process.exit(3)'), {}, (answer) => {
    assert.deepEqual(answer.error, { type: 'ExitCode', message: 'exit status 3', stack: null });
    assert.equal(answer.head, null);
  }],
  ['exitCode', javascript('process.exitCode = 4'), {}, { error: 'ExitCode' }],
  ['exit 0 delivers', both('import sys\nprint(1)\nsys.exit(0)', 'console.log(1); process.exit(0)'), {}, { json: 1, end: { reusable: false } }],
  ['exit with a message', python('import sys\nsys.exit("so long")'), {}, (answer) => {
    assert.equal(answer.error.type, 'ExitCode');
    assert.equal(answer.logs.stderr, 'so long\n');
  }],
  ['exit() of interactive Python', python('print(1)\nexit()'), {}, { json: 1 }],
  ['exception', both('raise KeyError("k")', 'throw new TypeError("t")'), {}, (answer) => {
    assert.match(answer.error.type, /^(KeyError|TypeError)$/);
    assert.match(answer.error.stack, /function\.(py", line 1|js:1:)/);
  }],
  ['stderr is a log', both('import sys\nprint("note", file=sys.stderr)\nprint(1)', 'console.error("note"); console.log(1)'), {}, (answer) => {
    assert.equal(answer.text, '1');
    assert.deepEqual(answer.logs, { stdout: '', stderr: 'note\n' });
  }],
  ['writes past the stream', both('import os\nos.write(1, b"raw")', 'require("fs").writeSync(1, "raw")'), {}, { text: 'raw' }],
  ['output of children', python('import subprocess\nsubprocess.run(["echo", "child"])'), {}, { text: 'child' }],
  ['output at exit', python('import atexit\natexit.register(print, 2)'), {}, { json: 2 }],
  ['threads are waited for', python('import threading\nthreading.Thread(target=print, args=(3,)).start()'), {}, { json: 3 }],
  ['timers are waited for', javascript('setTimeout(() => console.log(3), 5)'), {}, { json: 3 }],
  ['an ES module', javascript('import fs from "fs";\nconst n = await Promise.resolve(5);\nconsole.log(n)'), {}, { json: 5, script: true }],
  ['binary', both('import sys\nsys.stdout.buffer.write(b"\\xff")', 'process.stdout.write(Buffer.from([255]))'), {}, { type: BINARY, body: Buffer.from([255]) }],
  ['__main__', both('import __main__, sys\nif __name__ == "__main__": print(str(__main__ is sys.modules[__name__]).lower())', 'console.log(require.main === module)'), {}, { json: true }],
  ['too much', both('print("x" * 6291457)', 'console.log("x".repeat(6291457))'), {}, { error: 'ResponseTooLarge' }],
  ['a hashbang', javascript('#!/usr/bin/env node\nconsole.log(1)'), {}, { json: 1 }],
]));

describe('logs', () => cases([
  ['stdout and stderr', both('import sys, os\ndef handler():\n  print("out")\n  print("err", file=sys.stderr)\n  os.write(1, b"raw\\n")', 'exports.handler = () => { console.log("out"); console.error("err"); require("fs").writeSync(1, "raw\\n") }'), {}, (answer) => {
    assert.deepEqual(answer.logs, { stdout: 'out\nraw\n', stderr: 'err\n' });
  }],
  ['an unfinished line', both('def handler(): print("part", end="")', 'exports.handler = () => { process.stdout.write("part") }'), {}, (answer) => {
    assert.equal(answer.logs.stdout, 'part');
  }],
  ['a large log before the process leaves', both('import os\ndef handler():\n  print("x" * 300000)\n  os._exit(1)', 'exports.handler = () => { console.log("x".repeat(300000)); process.exit(1) }'), {}, (answer) => {
    assert.equal(answer.logs.stdout.length, 300001);
    assert.equal(answer.closed, true);
  }],
  ['of children', both('import subprocess\ndef handler(): subprocess.run(["echo", "child"])', 'exports.handler = () => { require("child_process").spawnSync("echo", ["child"], { stdio: "inherit" }) }'), {}, (answer) => {
    assert.equal(answer.logs.stdout, 'child\n');
    assert.deepEqual(answer.end, { reusable: true });
  }],
]));

describe('the process', () => {
  cases([
    ['leaves from a handler without an answer', both('import sys\ndef handler():\n  print("bye")\n  sys.exit(3)', 'exports.handler = () => { console.log("bye"); process.exit(3) }'), {}, (answer) => {
      assert.deepEqual([answer.closed, answer.head, answer.error], [true, null, null]);
      assert.equal(answer.logs.stdout, 'bye\n');
    }],
    ['keeps control from its children', both(
      'import subprocess\ndef handler(): return subprocess.run(["sh", "-c", "ls -l /proc/self/fd | grep -c socket"], capture_output=True, text=True).stdout.strip()',
      'exports.handler = () => require("child_process").spawnSync("sh", ["-c", "ls -l /proc/self/fd | grep -c socket"]).stdout.toString().trim()'), {}, (answer) => {
      // stderr is a pipe or a socketpair of the parent's; nothing else may be there.
      assert.ok(Number(answer.text) <= 2, `${answer.text} sockets`);
    }],
    ['keeps control from forks', python('import os\ndef handler():\n  if os.fork() == 0: return "child"\n  os.wait()\n  return "parent"'), {}, { text: 'parent' }],
    ['a minimal environment', both('import os\ndef handler(): return sorted(os.environ)', 'exports.handler = () => Object.keys(process.env).sort()'), {}, { json: ['A', 'HOME', 'LANG', 'PATH', 'TMPDIR'] }, { env: { A: '1' } }],
    ['starts in /tmp', both('import os\ndef handler(): return os.getcwd()', 'exports.handler = () => process.cwd()'), {}, { text: '/tmp' }],
    ['a thread is left', python('import threading, time\ndef handler(): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()'), {}, { end: { reusable: false } }],
    ['a task is left', python('import asyncio\nasync def handler(): globals().update(t=asyncio.create_task(asyncio.sleep(60)))'), {}, { end: { reusable: false } }],
    ['an alarm is left', python('import signal\ndef handler(): signal.alarm(60)'), {}, { end: { reusable: false } }],
    ['a timer is left', javascript('exports.handler = () => { setInterval(() => {}, 1000) }'), {}, { end: { reusable: false } }],
    ['a server is left', javascript('exports.handler = () => new Promise((r) => { require("net").createServer().listen(0, "127.0.0.1", () => r(1)) })'), {}, { end: { reusable: false } }],
    ['a child is left', both('import subprocess\ndef handler(): subprocess.Popen(["sleep", "0.5"])', 'exports.handler = () => { require("child_process").spawn("sleep", ["0.5"], { detached: true, stdio: "ignore" }).unref() }'), {}, { end: { reusable: false } }],
  ]);

  // Kernels before 5.9 and some sandboxes do not have the call that closes all of them: seccomp(2) says ENOSYS here.
  const WITHOUT_CLOSE_RANGE = `import ctypes, os, struct, sys
number = 436
load, equal, allow, refuse = (0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, 0x7fff0000), (6, 0, 0, 0x50000 + 38)
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in (load, equal, refuse, allow)))
program = struct.pack("HxxxxxxQ", 4, ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0, os.strerror(ctypes.get_errno())
assert libc.syscall(number, 900, 901, 0) == -1 and ctypes.get_errno() == 38
os.execv(sys.argv[1], sys.argv[1:])
`;
  for (const [how, through] of [['', []], [', also without close_range', ['python3', '-c', WITHOUT_CLOSE_RANGE]]]) {
    test(`has nothing that a runtime left open${how}`, async () => {
      const zero = openSync('/dev/zero', 'r');
      try {
        const { text } = await call('python', 'import os\ndef handler():\n' +
          '  links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]\n' +
          '  return sum(os.path.exists(link) and os.readlink(link) == "/dev/zero" for link in links)',
        {}, {}, { through, open: Array(9).fill(zero) });
        assert.equal(text, '0');
      } finally {
        closeSync(zero);
      }
    });
  }

  for (const [language, code] of Object.entries(both('n = 0\ndef handler():\n  global n\n  n += 1\n  return n', 'let n = 0;\nexports.handler = () => ++n;'))) {
    test(`answers one request after the other (${language})`, () => withCell(language, async (cell) => {
      cell.init({ code });
      await cell.next();
      for (const expected of ['1', '2', '3']) {
        cell.invoke({});
        const { body, end } = await cell.answer();
        assert.equal(String(body), expected);
        assert.deepEqual(end, { reusable: true });
      }
    }));

    test(`takes INIT and INVOKE in pieces and together (${language})`, () => withCell(language, async (cell) => {
      const init = initFrame({ code, handler: null, event: 'input', env: {}, runtime: 'docker', function: { id: 'f', name: 'n', version: 1, memory_mb: 128 } });
      const invoke = invokeFrame({ request_id: 'r', deadline_ms: 0, timeout_ms: 1000, source: 'none', args: [] });
      const all = Buffer.concat([init, invoke, invoke]);
      cell.control.write(all.subarray(0, 3));
      cell.control.write(all.subarray(3, 40));
      cell.control.write(all.subarray(40));
      assert.equal((await cell.next()).type, 'READY');
      assert.equal(String((await cell.answer()).body), '1');
      assert.equal(String((await cell.answer()).body), '2');
    }));

    test(`ignores what follows a failed INIT, and leaves at the end of control (${language})`, () => withCell(language, async (cell) => {
      cell.init({ code: ')' });
      cell.invoke({});
      assert.equal((await cell.next()).type, 'ERROR');
      cell.control.write(frame('INVOKE', Buffer.alloc(4)));
      cell.control.end();
      assert.equal(await cell.next(), null);
      assert.deepEqual(await within(cell.exited, 'exit'), { code: 0, signal: null });
    }));
  }

  test('loads no more than it needs for a call that waits for it (python)', async () => {
    const cell = await Cell.start('python');
    cell.init({ code: 'import sys\ndef handler(e): return [m for m in ("json", "re", "enum") if m in sys.modules]' });
    cell.invoke();
    for (const wanted of ['HELLO', 'READY']) assert.equal((await cell.next()).type, wanted);
    assert.equal(String((await cell.answer()).body), '[]');
    await cell.close();
  });

  for (const [language, code] of Object.entries(both('def handler(e): return "x" * 1000', 'exports.handler = () => "x".repeat(1000)'))) {
    test(`reads a request at once, and answers at once (${language})`, () => withCell(language, async (cell) => {
      const counts = () => Object.fromEntries([...readFileSync(`/proc/${cell.process.pid}/io`, 'utf8').matchAll(/^(sysc[rw]): (\d+)$/gm)]
        .map(([, name, count]) => [name, Number(count)]));
      cell.init({ code });
      await cell.next();
      const calls = [];
      let before = null;
      for (let i = 0; i < 10; i++) {
        cell.invoke();
        assert.equal((await cell.answer()).body.length, 1000);
        const now = counts();
        if (before) calls.push([now.syscr - before.syscr, now.syscw - before.syscw]);
        before = now;
      }
      // Node's threads read and write too, now and then.
      assert.ok(calls.some(([reads, writes]) => reads === 1 && writes === 1), JSON.stringify(calls));
    }));
  }

  test('stops loading ahead when a request comes (python)', async () => {
    const cell = await Cell.start('python');
    cell.init({ code: `import sys
def handler():
  from cellrunner import rehearsal
  asked = []
  rehearsal.load_usual(lambda: len(asked) == 2 or asked.append(1))
  return [len(asked), [m for m in ("functools", "enum", "re", "json") if m in sys.modules]]` });
    cell.invoke();
    for (const wanted of ['HELLO', 'READY']) assert.equal((await cell.next()).type, wanted);
    assert.deepEqual(JSON.parse((await cell.answer()).body), [2, ['functools', 'enum']]);
    await cell.close();
  });

  test('is one file, of which a function\'s imports know nothing (python)', async () => {
    const { text } = await call('python', `import sys
def handler():
  runner = [m for n, m in sys.modules.items() if n.startswith("cellrunner") and n != "cellrunner.rehearsal"]
  return {"loaders": sorted({type(m.__loader__).__name__ for m in runner}), "count": len(runner) > 5,
          "finders": [getattr(f, "__name__", repr(f)) for f in sys.meta_path], "paths": [p for p in sys.path if "runner" in p],
          "left": sorted(n for n in vars(sys.modules["__main__"]) if n in ("bundle", "MODULES", "EXTENSIONS"))}`);
    assert.deepEqual(JSON.parse(text), {
      loaders: ['Bundle'], count: true, finders: ['BuiltinImporter', 'FrozenImporter', 'PathFinder'], paths: [], left: [],
    });
  });

  for (const [language, code] of Object.entries(both(
    'def handler(e):\n  if e: raise ValueError("v")\n  return 1',
    'exports.handler = async (e) => { if (e === 2) await new Promise(() => {}); if (e) throw new TypeError("t"); return 1 }',
  ))) {
    test(`lives on after an error (${language})`, () => withCell(language, async (cell) => {
      cell.init({ code });
      await cell.next();
      for (const event of language === 'javascript' ? [1, 2, 2] : [1, 1]) {
        cell.invoke(value(event));
        assert.ok((await cell.answer()).error);
      }
      cell.invoke(value(0));
      assert.equal(String((await cell.answer()).body), '1');
    }));
  }
});

// What a cell does with the time until somebody wants it.
describe('a cell that waited', () => {
  const FEW_FAULTS = 40; // a first call that was not rehearsed has 65 in Python, 75 in Node
  // read or readv of control, wherever the runner keeps it
  const WAITS = { python: /^(0|19) 0x384 /, javascript: /^0 0x3 / };

  const proc = (cell, file) => readFileSync(`/proc/${cell.process.pid}/${file}`, 'latin1');
  const faults = (cell) => Number(proc(cell, 'stat').split(') ')[1].split(' ')[7]);
  const atRest = (language, cell) => until(() => WAITS[language].test(proc(cell, 'syscall')), 'a cell that waits', 5000, 5);

  const traces = both(
    `import gc, os, sys
def handler():
  left = [f.__name__ for f in gc.get_objects() if type(f) is type(handler) and f.__code__.co_filename == "function.py"]
  return {"name": __name__, "functions": left, "modules": "asyncio" in sys.modules,
          "usual": [m for m in ("json", "re", "enum", "functools") if m not in sys.modules], "env": len(os.environ)}`,
    `const loaded = process.moduleLoadList.length;
exports.handler = () => ({ argv: process.argv.length, cached: Object.keys(require.cache).filter((file) => file.includes("/cloche-")),
  more: process.moduleLoadList.length - loaded, env: Object.keys(process.env).length })`,
  );
  const nothing = {
    python: { name: 'function', functions: ['handler', '<listcomp>'], modules: false, usual: [], env: 4 },
    javascript: { argv: 2, cached: [], more: 0, env: 4 },
  };

  for (const [language, code] of Object.entries(traces)) {
    test(`serves its first call like any other, and shows nothing of its rehearsal (${language})`, () => withCell(language, async (cell) => {
      await atRest(language, cell);
      const before = faults(cell);
      cell.init({ code });
      assert.equal((await cell.next()).type, 'READY');
      cell.invoke({});
      const { body, end } = await cell.answer();
      assert.ok(faults(cell) - before < FEW_FAULTS, `${faults(cell) - before} page faults`);
      assert.deepEqual(JSON.parse(body), nothing[language]);
      assert.deepEqual(end, { reusable: true });
      assert.deepEqual(cell.logs, { stdout: '', stderr: '' });
    }));
  }

  test('loads asyncio with the code that needs it', () => withCell('python', async (cell) => {
    cell.init({ code: 'import sys\nasync def handler(): return loaded\nloaded = "asyncio" in sys.modules' });
    await cell.next();
    const opened = () => proc(cell, 'maps').includes('/_asyncio.');
    assert.ok(opened());
    cell.invoke({});
    assert.equal(String((await cell.answer()).body), 'false');
  }));
});

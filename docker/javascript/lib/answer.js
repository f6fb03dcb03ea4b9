// A handler's result as an HTTP answer: HEAD, BODY frames.
'use strict';

const control = require('./wire.js');
const { Refusal, badResponse } = require('./failure.js');

const BODY_LIMIT = 6 * 1024 * 1024;
const HEADERS_LIMIT = 64 * 1024;

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';
const JSON_LINES = 'application/x-ndjson';
const BINARY = 'application/octet-stream';

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
const LONE_SURROGATE = /\p{Surrogate}/u;
// JSON.stringify writes a lone surrogate as an escape; an even number of backslashes before it is text.
const ESCAPED_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;

/** Maps `value` and sends all of it but the END, with which an answer that is no stream leaves. */
async function send(value) {
  const http = isHttp(value);
  const { status, headers, body } = http ? fromHttp(value) : { status: 200, headers: [], body: value };
  if (isStream(body)) return sendStream(status, headers, body);

  const { data, type } = encode(body);
  const actual = http || (body !== undefined && body !== null) ? status : 204;
  putWhole(actual, headers, actual === 204 || actual === 304 ? Buffer.alloc(0) : data, type);
}

function putWhole(status, headers, data, type) {
  if (data.length > BODY_LIMIT) {
    throw tooLarge(`the result has ${data.length} bytes; ${BODY_LIMIT} is the most`);
  }
  putHead(status, headers, type, false);
  control.putBody(data);
}

const tooLarge = (message) => new Refusal('ResponseTooLarge', message);

/** A plain value as {data, type}. */
function encode(value) {
  if (value === undefined || value === null) return { data: Buffer.alloc(0), type: TEXT };
  if (typeof value === 'string') return { data: utf8(value), type: TEXT };
  if (ArrayBuffer.isView(value)) {
    return { data: Buffer.from(value.buffer, value.byteOffset, value.byteLength), type: BINARY };
  }
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    return { data: Buffer.from(value), type: BINARY };
  }
  return { data: Buffer.from(json(value)), type: JSON_TYPE };
}

function json(value) {
  let text;
  try {
    text = JSON.stringify(value, refuseNonFinite);
  } catch (error) {
    throw badResponse(`the result is not JSON: ${error?.message}`);
  }
  if (text === undefined) throw badResponse(`a ${typeof value} has no JSON form`);
  if (ESCAPED_SURROGATE.test(text)) throw badResponse('the result has text that is not valid Unicode');
  return text;
}

// JSON.stringify would write null without a word.
function refuseNonFinite(_key, value) {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError(`${value} has no JSON form`);
  return value;
}

function utf8(text) {
  if (LONE_SURROGATE.test(text)) throw badResponse('the result has text that is not valid Unicode');
  return Buffer.from(text);
}

const isHttp = (value) => typeof value === 'object' && value !== null && typeof value.statusCode === 'number';

/** An answer in AWS Lambda's form as {status, headers: pairs, body}. */
function fromHttp(value) {
  const status = value.statusCode;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw badResponse(`statusCode ${status} is not a whole number from 200 to 599`);
  }
  return {
    status,
    headers: [...headerPairs(value.headers), ...cookies(value.cookies)],
    body: value.isBase64Encoded ? fromBase64(value.body) : value.body,
  };
}

function* headerPairs(headers) {
  if (headers === undefined || headers === null) return;
  if (typeof headers !== 'object' || Array.isArray(headers)) throw badResponse('headers is not an object');
  const entries = typeof headers.entries === 'function' ? headers.entries() : Object.entries(headers);
  for (const [name, values] of entries) {
    if (typeof name !== 'string' || !TOKEN.test(name)) {
      throw badResponse(`${JSON.stringify(name)} is not a header name`);
    }
    for (const value of Array.isArray(values) ? values : [values]) yield [name, headerValue(name, value)];
  }
}

function headerValue(name, value) {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string' || CONTROL.test(value) || LONE_SURROGATE.test(value)) {
    throw badResponse(`header ${JSON.stringify(name)} has a value that is not one line of text`);
  }
  return value;
}

function cookies(list) {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw badResponse('cookies is not a list');
  if (!list.every((cookie) => typeof cookie === 'string')) {
    throw badResponse('cookies has an element that is not text');
  }
  return list.map((cookie) => ['set-cookie', headerValue('set-cookie', cookie)]);
}

function fromBase64(body) {
  if (body === undefined || body === null) return Buffer.alloc(0);
  const data = typeof body === 'string' ? Buffer.from(body, 'base64') : null;
  // Node skips what it does not know; only what comes back the same was base64.
  if (data === null || data.toString('base64') !== body) {
    throw badResponse('isBase64Encoded is set, but body is not base64');
  }
  return data;
}

function putHead(status, headers, type, stream) {
  const typed = status === 204 || headers.some(([name]) => name.toLowerCase() === 'content-type');
  const pairs = typed ? headers : [['content-type', type], ...headers];
  const size = pairs.reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value) + 4, 0);
  if (size > HEADERS_LIMIT) throw tooLarge(`the headers have ${size} bytes; ${HEADERS_LIMIT} is the most`);
  control.putJson(control.HEAD, { status, headers: pairs, stream });
}

// Generators and other iterators, async ones, and streams; not arrays, maps and strings, which are values.
function isStream(value) {
  if (typeof value !== 'object' || value === null) return false;
  if (typeof value[Symbol.asyncIterator] === 'function') return true;
  return typeof value[Symbol.iterator] === 'function' && typeof value.next === 'function';
}

/** Sends what a generator yields, piece by piece; the first piece decides the content type. */
async function sendStream(status, headers, source) {
  let started = false;
  let sent = 0;
  const start = (type) => {
    if (!started) putHead(status, headers, type, true);
    started = true;
  };
  for await (const piece of source) {
    if (piece === undefined || piece === null) continue;
    const { data, type } = encode(piece);
    const line = type === JSON_TYPE;
    const bytes = line ? Buffer.concat([data, Buffer.from('\n')]) : data;
    start(line ? JSON_LINES : type);
    sent += bytes.length;
    if (sent > BODY_LIMIT) throw tooLarge(`the result has more than ${BODY_LIMIT} bytes`);
    control.putBody(bytes);
    control.flush();
  }
  start(TEXT);
}

module.exports = { send, putWhole, tooLarge, BODY_LIMIT, TEXT, JSON_TYPE, BINARY };

// One HTTP request over node:http: nothing is added, followed, merged or hidden, and each has its own connection.
// Answers of the API are held against its description.

import http from 'node:http';
import { gunzipSync } from 'node:zlib';
import { check } from './contract.mjs';

/**
 * Options: method, headers, body (string, Buffer, an array of pieces to send chunked, or any other value as
 * JSON), onData(chunk), signal, timeout, from (an address of this machine). Resolves when the answer has ended, also an incomplete one (`complete`).
 */
export function request(url, { method = 'GET', headers = {}, body, onData, signal, timeout = 30_000, from } = {}) {
  const { payload, type } = encode(body);
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const all = type ? { 'Content-Type': type, ...headers } : { ...headers };
    if (Array.isArray(payload)) all['Transfer-Encoding'] = 'chunked';
    else if (payload !== undefined) all['Content-Length'] = Buffer.byteLength(payload);

    const out = http.request(url, { method, headers: all, agent: false, signal, localAddress: from, maxHeaderSize: 256 * 1024 });
    out.setTimeout(timeout, () => out.destroy(new Error(`${method} ${url}: nothing for ${timeout} ms`)));
    let answered = false;
    out.on('response', (response) => {
      answered = true;
      const chunks = [];
      response.on('data', (chunk) => {
        chunks.push(chunk);
        onData?.(chunk);
      });
      response.on('error', () => {}); // a cut answer: told by `complete`
      response.on('close', () => {
        const answer = answerOf(response, Buffer.concat(chunks), performance.now() - began);
        try {
          check(url, { method, host: headers.Host, sent: body, answer });
          resolve(answer);
        } catch (error) {
          reject(error);
        }
      });
    });
    // A server may refuse a body before it has read it; its answer is what counts.
    out.on('error', (error) => { if (!answered) reject(error); });
    const send = () => {
      if (!Array.isArray(payload)) return out.end(payload);
      for (const piece of payload) out.write(piece);
      out.end();
    };
    if (all.Expect) {
      out.on('continue', send);
      out.flushHeaders();
    } else {
      send();
    }
  });
}

function encode(body) {
  if (body === undefined) return {};
  if (typeof body === 'string' || Buffer.isBuffer(body)) return { payload: body };
  if (Array.isArray(body) && body.every(Buffer.isBuffer) && body.length) return { payload: body };
  return { payload: JSON.stringify(body), type: 'application/json' };
}

// `bytes` are those that were sent; `text` and `body` are what they mean.
function answerOf(response, bytes, ms) {
  const type = response.headers['content-type'] ?? '';
  const compressed = response.headers['content-encoding'] === 'gzip' && response.complete;
  const text = (compressed ? gunzipSync(bytes) : bytes).toString();
  let body = text;
  if (/[/+]json\b/.test(type)) {
    try {
      body = JSON.parse(text);
    } catch { /* the test sees the text */ }
  }
  const { statusCode: status, headers, rawHeaders, complete } = response;
  return { status, headers, rawHeaders, complete, bytes, text, body, ms };
}

/** All values of a header, in order, as sent. */
export const headerValues = ({ rawHeaders }, name) =>
  rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1].toLowerCase() === name);

// process.stdout and process.stderr as synchronous streams on fds 1 and 2.
//
// Node's own are asynchronous once the other side is slow: what a function printed right before it hung or
// left would be lost, and an answer could overtake its log. Made on first use: many functions print nothing.
'use strict';

const fs = require('fs');
const { writeAll } = require('./wire.js');
const { BODY_LIMIT } = require('./answer.js');

const { writeSync } = fs;

/** What a script writes to stdout, kept as its result. Set while one runs. */
let capture = null;

function install() {
  define('stdout', 1);
  define('stderr', 2);
}

function define(name, fd) {
  let stream;
  const make = () => {
    const { Writable } = require('stream');
    stream = new Writable({
      decodeStrings: true,
      write(chunk, _encoding, done) {
        output(fd, chunk);
        done();
      },
    });
    stream.fd = fd;
    stream.destroy = stream.destroySoon = () => stream; // like Node's: stdio is never closed
    return stream;
  };
  const get = () => stream ??= make();
  Object.defineProperty(process, name, { configurable: true, enumerable: true, get });
}

function output(fd, chunk) {
  if (fd === 1 && capture !== null) return capture.add(chunk);
  try {
    writeAll(fd, chunk);
  } catch {
    // Nobody reads the log any more; that must not fail the function.
  }
}

class Capture {
  #pieces = [];
  size = 0;

  add(chunk) {
    this.size += chunk.length;
    // Beyond the limit the result is refused anyway.
    if (this.size <= BODY_LIMIT) this.#pieces.push(Buffer.from(chunk));
  }

  bytes() {
    return Buffer.concat(this.#pieces);
  }
}

/** From now on stdout is a script's result. fs.writeSync(1, …) counts; what children write is a log. */
function startCapture() {
  capture = new Capture();
  fs.writeSync = function (fd, data, ...rest) {
    if (fd !== 1 || capture === null) return writeSync.call(fs, fd, data, ...rest);
    const chunk = typeof data === 'string' ? Buffer.from(data, rest[1]) : view(data, rest);
    capture.add(chunk);
    return chunk.length;
  };
  require('module').syncBuiltinESMExports();
  return capture;
}

function view(data, [offset, length]) {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const start = typeof offset === 'object' ? offset?.offset ?? 0 : offset ?? 0;
  const size = (typeof offset === 'object' ? offset?.length : length) ?? bytes.length - start;
  return bytes.subarray(start, start + size);
}

function stopCapture() {
  capture = null;
  fs.writeSync = writeSync;
  require('module').syncBuiltinESMExports();
}

module.exports = { install, startCapture, stopCapture };

// Frames on the control socket: u32 payload length, u8 type, payload; big-endian.
//
// Reading and writing block. Between requests a cell has nothing else to do; during one, control is no
// handle of the event loop, so that "nothing left to wait for" can be told.
'use strict';

const fs = require('fs');

const HELLO = 1, INIT = 2, READY = 3, INVOKE = 4, HEAD = 5, BODY = 6, END = 7, ERROR = 8;

const FD = 3;
const MAX_BODY_FRAME = 64 * 1024;

// The function may replace what it finds in fs.
const { readSync, writeSync } = fs;

// A peer that has gone ends the process: nobody is left to answer.
const leave = () => process.reallyExit(0);

function readExactly(size) {
  const data = Buffer.allocUnsafeSlow(size);
  for (let at = 0; at < size;) {
    let count = 0;
    try {
      count = readSync(FD, data, at, size - at, null);
    } catch {
      leave();
    }
    if (count === 0) leave();
    at += count;
  }
  return data;
}

let rehearsed = null;

/** While `play` runs, `frames` are what is read, and what is sent goes nowhere. */
async function rehearse(frames, play) {
  rehearsed = frames;
  await play();
  rehearsed = null;
}

/** The next frame as {type, payload}. */
function read() {
  if (rehearsed) return rehearsed.shift() ?? leave();
  const header = readExactly(5);
  return { type: header[4], payload: readExactly(header.readUInt32BE(0)) };
}

/** Writes all of `data` to `fd`, waiting where the other side has made it non-blocking. */
function writeAll(fd, data) {
  for (let at = 0; at < data.length;) {
    try {
      at += writeSync(fd, data, at, data.length - at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function send(type, payload = Buffer.alloc(0)) {
  const header = Buffer.allocUnsafe(5);
  header.writeUInt32BE(payload.length, 0);
  header[4] = type;
  const frame = Buffer.concat([header, payload]);
  if (rehearsed) return;
  try {
    writeAll(FD, frame);
  } catch {
    leave();
  }
}

const sendJson = (type, value) => send(type, Buffer.from(JSON.stringify(value)));

function sendBody(data) {
  for (let at = 0; at < data.length; at += MAX_BODY_FRAME) {
    send(BODY, data.subarray(at, at + MAX_BODY_FRAME));
  }
}

module.exports = {
  HELLO, INIT, READY, INVOKE, HEAD, BODY, END, ERROR,
  read, rehearse, send, sendJson, sendBody, writeAll,
};

// Frames on the control socket: u32 payload length, u8 type, payload; big-endian.
//
// Reading and writing block. Between requests a cell has nothing else to do; during one, control is no
// handle of the event loop, so that "nothing left to wait for" can be told.
'use strict';

const fs = require('fs');

const HELLO = 1, INIT = 2, READY = 3, INVOKE = 4, HEAD = 5, BODY = 6, END = 7, ERROR = 8;

const FD = 3;
const HEADER = 5;
const MAX_BODY_FRAME = 64 * 1024;
const HOLD_LIMIT = 64 * 1024;
const READ_SIZE = 16 * 1024;

// The function may replace what it finds in fs.
const { readSync, writeSync } = fs;

// A peer that has gone ends the process: nobody is left to answer.
const leave = () => process.reallyExit(0);

/** Reads what has come, at least a byte, to data[at]; how much. */
function receive(data, at) {
  let count = 0;
  try {
    count = readSync(FD, data, at, data.length - at, null);
  } catch {
    leave();
  }
  if (count === 0) leave();
  return count;
}

// What was read and not taken: a frame mostly comes at once, header and payload.
const ahead = Buffer.allocUnsafeSlow(READ_SIZE);
let [from, to] = [0, 0];

function takeAhead(data) {
  const count = ahead.copy(data, 0, from, Math.min(to, from + data.length));
  from += count;
  return count;
}

function readHeader() {
  while (to - from < HEADER) {
    ahead.copyWithin(0, from, to);
    [from, to] = [0, to - from];
    to += receive(ahead, to);
  }
  from += HEADER;
  return { size: ahead.readUInt32BE(from - HEADER), type: ahead[from - 1] };
}

// A buffer of its own: the function may be given a part of it, and would see what lies around.
function readPayload(size) {
  const data = Buffer.allocUnsafeSlow(size);
  for (let at = takeAhead(data); at < size;) at += receive(data, at);
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
  const { size, type } = readHeader();
  return { type, payload: readPayload(size) };
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

let held = [];
let holding = 0;

/** A frame that may wait for those that follow it: sending costs more than making most answers. */
function put(type, payload = Buffer.alloc(0)) {
  const header = Buffer.allocUnsafe(HEADER);
  header.writeUInt32BE(payload.length, 0);
  header[HEADER - 1] = type;
  held.push(header, payload);
  holding += payload.length;
  if (holding > HOLD_LIMIT) flush();
}

function flush() {
  const frames = Buffer.concat(held);
  held = [];
  holding = 0;
  if (rehearsed) return;
  try {
    writeAll(FD, frames);
  } catch {
    leave();
  }
}

function send(type, payload) {
  put(type, payload);
  flush();
}

const json = (value) => Buffer.from(JSON.stringify(value));
const putJson = (type, value) => put(type, json(value));
const sendJson = (type, value) => send(type, json(value));

function putBody(data) {
  for (let at = 0; at < data.length; at += MAX_BODY_FRAME) {
    put(BODY, data.subarray(at, at + MAX_BODY_FRAME));
  }
}

module.exports = {
  HELLO, INIT, READY, INVOKE, HEAD, BODY, END, ERROR,
  read, rehearse, put, putJson, putBody, flush, send, sendJson, writeAll,
};

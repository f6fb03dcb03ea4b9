// Runs a file without an exported handler: args, stdin, and stdout as its result.
'use strict';

const fs = require('fs');
const answer = require('./answer.js');
const pending = require('./pending.js');
const stdio = require('./stdio.js');
const { Refusal } = require('./failure.js');
const { writeAll } = require('./wire.js');

// The launcher leaves a memory file here: Node cannot make one, nor dup2 it.
const INPUT_FD = 4;

/**
 * Runs the program until nothing is left to do. Calls `exited` instead of returning when the program leaves
 * by process.exit(). Resolves to {handler} when there turned out to be one, else to {output}.
 */
async function run(program, args, stdin, exited) {
  giveInput(stdin);
  process.argv.splice(2, Infinity, ...args);
  const captured = stdio.startCapture();
  const onExit = (status) => exited(() => output(captured, status));
  process.on('exit', onExit);
  let handler = null;
  const drained = Symbol('drained');
  try {
    await pending.run(async () => {
      handler = await program.evaluate({ main: true });
      return new Promise(() => {}); // a program ends when its event loop is empty
    }, () => drained);
  } finally {
    process.off('exit', onExit);
    stdio.stopCapture();
  }
  if (handler !== null && captured.size === 0) return { handler };
  return { output: output(captured, process.exitCode) };
}

/** What was captured, if the program ended well. */
function output(captured, status) {
  if (status) throw new Refusal('ExitCode', `exit status ${status}`);
  if (captured.size > answer.BODY_LIMIT) {
    throw answer.tooLarge(`stdout has ${captured.size} bytes; ${answer.BODY_LIMIT} is the most`);
  }
  return captured.bytes();
}

/** Captured stdout as {status, data, type}. */
function result(bytes) {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { status: 200, data: bytes, type: answer.BINARY };
  }
  const trimmed = text.trim();
  if (trimmed === '') return { status: 204, data: Buffer.alloc(0), type: answer.TEXT };
  try {
    JSON.parse(trimmed);
    return { status: 200, data: Buffer.from(trimmed), type: answer.JSON_TYPE };
  } catch {
    // console.log ends its line; the value ends before it.
    return { status: 200, data: Buffer.from(text.replace(/\n$/, '')), type: answer.TEXT };
  }
}

function giveInput(data) {
  writeAll(INPUT_FD, data);
  fs.closeSync(0);
  fs.openSync(`/proc/self/fd/${INPUT_FD}`, 'r'); // takes the lowest free number: 0
}

module.exports = { run, result };

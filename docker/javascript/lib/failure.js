// What can go wrong, as the ERROR frame tells it: type, message and the function's own stack.
'use strict';

const FILENAME = 'function.js';

// Characters. JSON may make six bytes of one, and a worker takes an ERROR of at most 128 KiB.
const MESSAGE_LIMIT = 4 * 1024;
const STACK_LIMIT = 16 * 1024;

/** An error of the platform's own vocabulary: it has a name instead of a stack. */
class Refusal extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

const badResponse = (message) => new Refusal('BadResponse', message);

/** `error`, whatever was thrown, as the payload of an ERROR frame. */
function describe(error) {
  if (error instanceof Refusal) {
    return { type: error.kind, message: clean(error.message, MESSAGE_LIMIT), stack: null };
  }
  try {
    // By its looks: an error of another vm context is no instance of our Error.
    if (typeof error?.stack !== 'string') return describeOther(error);
    return {
      type: clean(className(error), 200),
      message: clean(String(error.message), MESSAGE_LIMIT),
      stack: clean(ownStack(error.stack), STACK_LIMIT),
    };
  } catch {
    return { type: 'Error', message: 'an error that cannot be described', stack: null };
  }
}

function describeOther(value) {
  const text = typeof value === 'string' ? value : require('util').inspect(value);
  return { type: 'Error', message: clean(text, MESSAGE_LIMIT), stack: null };
}

// `class Missing extends Error` leaves name at "Error"; some set name and keep the class anonymous.
function className(error) {
  if (typeof error.name === 'string' && error.name !== '' && error.name !== 'Error') return error.name;
  return error.constructor?.name || 'Error';
}

/** The head of the stack, then only the frames of the function's file. */
function ownStack(stack) {
  const frames = stack.search(/\n {4}at /);
  if (frames < 0) return stack;
  const own = stack.slice(frames + 1).split('\n').filter((line) => line.includes(`${FILENAME}:`));
  return [stack.slice(0, frames), ...own].join('\n');
}

/** Valid UTF-8 without NUL, of at most `limit` characters: it goes into JSON and a database. */
function clean(text, limit) {
  return Buffer.from(text.slice(0, limit).replaceAll('\0', '\ufffd')).toString();
}

module.exports = { FILENAME, Refusal, badResponse, describe };

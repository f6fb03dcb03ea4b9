// Calls a handler: (event, context), or with Lambda's callback as a third argument.
'use strict';

const pending = require('./pending.js');
const { Refusal } = require('./failure.js');

/** The handler's result. */
function call(handler, event, context) {
  if (handler.length < 3) return pending.run(() => handler(event, context), neverSettled);
  return callWithCallback(handler, event, context);
}

function callWithCallback(handler, event, context) {
  let awaited = false;
  const work = () => new Promise((resolve, reject) => {
    const value = handler(event, context, (error, result) => {
      if (error === undefined || error === null) resolve(result);
      else reject(error);
    });
    // An async handler that lists the callback without using it answers with its promise.
    awaited = typeof value?.then === 'function';
    if (awaited) value.then(resolve, reject);
  });
  // Like Lambda: a callback that is never called is an answer of nothing.
  return pending.run(work, () => (awaited ? neverSettled() : undefined));
}

function neverSettled() {
  throw new Refusal('PromiseNeverSettled', 'the promise has neither result nor error, and nothing is left to run');
}

module.exports = { call, neverSettled };

// One piece of the function's work that has not ended: a call, a load, a script.
//
// Besides its own result it can end by an error nobody caught, or by the event loop running empty.
'use strict';

let current = null;

/**
 * Resolves as `work()` does, rejects with an uncaught error. When nothing is left that could settle it,
 * `drained()` gives the result or throws.
 */
function run(work, drained) {
  return new Promise((resolve, reject) => {
    const settle = (action) => (value) => {
      if (current === pending) current = null;
      action(value);
    };
    const pending = { resolve: settle(resolve), reject: settle(reject), drained };
    current = pending;
    try {
      Promise.resolve(work()).then(pending.resolve, pending.reject);
    } catch (error) {
      pending.reject(error);
    }
  });
}

function install() {
  process.on('uncaughtException', (error) => current?.reject(error));
  process.on('unhandledRejection', (reason) => {
    // A function with a listener of its own has dealt with it.
    if (process.listenerCount('unhandledRejection') === 1) current?.reject(reason);
  });
  process.on('beforeExit', () => {
    // Something to wait for, else Node would leave after this round without asking again.
    setImmediate(() => {});
    if (current === null) return;
    try {
      current.resolve(current.drained());
    } catch (error) {
      current.reject(error);
    }
  });
}

module.exports = { run, install };

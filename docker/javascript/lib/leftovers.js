// Whether a function left anything running that could act on a later request.
'use strict';

const fs = require('fs');

const { readdirSync, readFileSync } = fs;

function leftBehind() {
  // Timers, sockets, servers, threads: all that keeps the event loop alive. A file that is just being closed
  // counts too, which costs a reuse at worst.
  if (process.getActiveResourcesInfo().length > 0) return true;
  return process.moduleLoadList.includes('NativeModule child_process') && hasChildren();
}

// Children that were let go (unref) or detached; in a cell, orphans become ours.
function hasChildren() {
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && parentOf(name) === process.pid);
}

function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

module.exports = { leftBehind };

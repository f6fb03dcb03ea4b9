// Makes a start-up snapshot of the runner: snapshot.js FOLDER runs FOLDER/bundled.js until it waits for a cell, and writes
// the heap of V8 to FOLDER/runner.blob. A cell begins with that instead of compiling what Node itself and the runner
// consist of, which is half of a start.
//
// Node loads it with the options it was made with only, and on such a processor only: FOLDER/runner.processor says on
// which. The launcher compares, and takes bundled.js elsewhere.
'use strict';

const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');

process.umask(0o022); // cells read it
const folder = process.argv[2];
const file = (name) => path.join(folder, name);

/** The options in the file command, which come before those that differ. */
function options() {
  const lines = fs.readFileSync(file('command'), 'utf8').split('\n');
  return lines.slice(0, lines.findIndex((line) => line.startsWith('if-processor '))).filter((line) => line.startsWith('--'));
}

const blob = file('runner.new');
// Node warns that it does not know yet of some of its modules whether they can be in a snapshot: what it says is shown
// only when it fails. --no-warnings would stay with the snapshot.
execFileSync(process.execPath, [...options(), '--snapshot-blob', blob, '--build-snapshot', file('bundled.js')], { stdio: 'pipe' });
fs.renameSync(blob, file('runner.blob'));
fs.writeFileSync(file('runner.processor'), execFileSync(file('launcher'), ['--processor']));

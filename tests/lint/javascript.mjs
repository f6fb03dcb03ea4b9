// node --experimental-vm-modules tests/lint/javascript.mjs FILE…: whether each file parses, as a module or as a
// CommonJS file. Says where it does not; one process for all, because starting node takes longer than parsing.

import { readFileSync } from 'node:fs';
import vm from 'node:vm';

function problem(filename) {
  const code = readFileSync(filename, 'utf8').replace(/^#!.*/, '');
  try {
    new vm.SourceTextModule(code, { identifier: filename });
    return null;
  } catch (asModule) {
    if (filename.endsWith('.mjs')) return asModule;
    try {
      vm.compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'], { filename });
      return null;
    } catch (asScript) {
      return /\b(import|export)\b/.test(asScript.message) ? asModule : asScript;
    }
  }
}

for (const filename of process.argv.slice(2)) {
  const error = problem(filename);
  if (error) {
    console.log(`${filename}: ${error.message} (node --check tells the line)`);
    process.exitCode = 1;
  }
}

// Makes one file of the runner: bundle.js FOLDER writes FOLDER/bundled.js from runner.js and lib/ in FOLDER.
//
// Finding, reading and wrapping a module takes Node a third of a millisecond, and each cell would do it a dozen times.
'use strict';

const fs = require('fs');
const path = require('path');

const ALONE = 'import.js'; // says why itself

process.umask(0o022); // cells read it
const folder = path.resolve(process.argv[2]);
const text = (...names) => fs.readFileSync(path.join(folder, ...names), 'utf8');

const parts = fs.readdirSync(path.join(folder, 'lib')).filter((name) => name.endsWith('.js') && name !== ALONE).sort();
const bundle = `'use strict';
const parts = {
${parts.map((name) => `${JSON.stringify(name)}: (module, require) => {\n${text('lib', name)}},`).join('\n')}
};
const loaded = {};

function load(name) {
  if (!name.startsWith('./')) return require(name);
  const part = name.slice(name.lastIndexOf('/') + 1);
  if (!parts[part]) return require('module').createRequire(${JSON.stringify(path.join(folder, 'lib', '/'))})(name);
  if (!loaded[part]) {
    loaded[part] = { exports: {} };
    parts[part](loaded[part], load);
  }
  return loaded[part].exports;
}

((require) => {
${text('runner.js')}})(load);
`;

const fresh = path.join(folder, 'bundled.new');
fs.writeFileSync(fresh, bundle);
fs.renameSync(fresh, path.join(folder, 'bundled.js'));

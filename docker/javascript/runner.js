// The JavaScript side of a cell: says HELLO, takes one INIT, then answers INVOKEs until control closes. In an image,
// bundle.js has made one file of this and lib/, and snapshot.js has run that up to where a cell begins.
'use strict';

const { startupSnapshot } = require('v8');
const control = require('./lib/wire.js');

function start() {
  control.send(control.HELLO);
  // Outside of a snapshot, what the first requests need is loaded while HELLO is on its way.
  require('./lib/serve.js').serve(control);
}

if (startupSnapshot.isBuildingSnapshot()) {
  require('./lib/serve.js');
  startupSnapshot.setDeserializeMainFunction(() => {
    // What a function forks begins with its own file, and without the snapshot; only a worker thread's fork has it still.
    process.execArgv.splice(process.execArgv.indexOf('--snapshot-blob'), 2);
    if (process.argv.length > 1) require('module').runMain(process.argv[1]);
    else start();
  });
} else {
  start();
}

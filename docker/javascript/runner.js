// The JavaScript side of a cell: says HELLO, takes one INIT, then answers INVOKEs until control closes. In an image,
// bundle.js has made one file of this and lib/.
'use strict';

const control = require('./lib/wire.js');
control.send(control.HELLO);

// What the first requests need is loaded while HELLO is on its way.
require('./lib/serve.js').serve(control);

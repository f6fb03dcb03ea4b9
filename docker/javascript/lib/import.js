// import() for code that has no file. It belongs to the file it stands in, and in a start-up snapshot there is none: so
// this one is not bundled, and read when it is wanted.
'use strict';

module.exports = (specifier) => import(specifier);

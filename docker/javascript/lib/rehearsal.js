// A call that nobody made, played through while a cell waits for its first real one.
//
// What runs for the first time is slow: functions are compiled when they are first called, and parts of Node
// loaded when they are first used. With this the first request costs what any other costs. It must leave nothing
// that a function could find.
'use strict';

const CODE = `// Answers nobody.
exports.handler = async (event, context) => {
  const name = event?.name ?? 'nobody';
  return event ? { name } : \`Hello, \${name}!\`;
};
`;

const INIT = {
  code: CODE, handler: null, event: 'input', env: {}, runtime: '',
  function: { id: '', name: '', version: 1, memory_mb: 128 },
};

const head = (event) => ({
  request_id: '', deadline_ms: 0, timeout_ms: 0, source: 'value', event, args: [],
  request: { method: 'GET', path: '/', params: {}, query: {}, headers: {}, cookies: {} },
});

function invoke(event) {
  const text = Buffer.from(JSON.stringify(head(event)));
  const size = Buffer.alloc(4);
  size.writeUInt32BE(text.length);
  return Buffer.concat([size, text]);
}

/** The frames that it reads. */
const frames = ({ INIT: init, INVOKE }) => [
  { type: init, payload: Buffer.from(JSON.stringify(INIT)) },
  { type: INVOKE, payload: invoke(null) },
  { type: INVOKE, payload: invoke({ name: '' }) },
];

module.exports = { frames };

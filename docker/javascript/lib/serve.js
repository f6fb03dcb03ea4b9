// The cell's life after HELLO: one INIT, then an INVOKE at a time.
'use strict';

const answer = require('./answer.js');
const pending = require('./pending.js');
const rehearsal = require('./rehearsal.js');
const script = require('./script.js');
const stdio = require('./stdio.js');
const { call, neverSettled } = require('./calling.js');
const { Context } = require('./context.js');
const { FILENAME, describe } = require('./failure.js');
const { Program } = require('./program.js');
const { leftBehind } = require('./leftovers.js');

async function serve(control) {
  Error.stackTraceLimit = 50; // only the function's own frames are kept of these
  stdio.install();
  pending.install();
  await rehearse(control);
  const loaded = await load(control);
  for (;;) await takeInvoke(control, loaded);
}

async function rehearse(control) {
  const frames = rehearsal.frames(control);
  await control.rehearse(frames, async () => {
    const loaded = await load(control);
    while (frames.length > 0) await takeInvoke(control, loaded);
  });
}

async function load(control) {
  const init = JSON.parse(control.read().payload);
  Object.assign(process.env, init.env);
  process.argv = [process.execPath, FILENAME];

  const program = new Program(init.code, init.handler);
  try {
    await pending.run(() => program.load(), neverSettled);
  } catch (error) {
    control.sendJson(control.ERROR, describe(error));
    for (;;) control.read();
  }
  control.sendJson(control.READY, { script: program.handler === null });
  return { init, program };
}

async function takeInvoke(control, { init, program }) {
  const { type, payload } = control.read();
  if (type === control.INVOKE) await invoke(control, init, program, payload);
}

async function invoke(control, init, program, payload) {
  const received = performance.now();
  const size = payload.readUInt32BE(0);
  const head = JSON.parse(payload.subarray(4, 4 + size));
  const body = payload.subarray(4 + size);
  try {
    if (program.handler === null) return await runScript(control, init, program, head, body, received);
    const result = await call(program.handler, event(head, body), new Context(init, head, body, received));
    await pending.run(() => answer.send(result), neverSettled);
    control.sendJson(control.END, { reusable: !leftBehind() });
  } catch (error) {
    control.sendJson(control.ERROR, describe(error));
  }
}

async function runScript(control, init, program, head, body, received) {
  const deliver = (output) => {
    const { status, data, type } = script.result(output);
    answer.putWhole(status, [], data, type);
    control.sendJson(control.END, { reusable: false });
  };
  const exited = (output) => {
    try {
      deliver(output());
    } catch (error) {
      control.sendJson(control.ERROR, describe(error));
    }
  };
  const { handler, output } = await script.run(program, head.args ?? [], stdin(head, body), exited);
  if (handler === undefined) return deliver(output);
  const result = await call(handler, event(head, body), new Context(init, head, body, received));
  await pending.run(() => answer.send(result), neverSettled);
  control.sendJson(control.END, { reusable: false });
}

function event(head, body) {
  switch (head.source) {
    case 'value': return head.event ?? null;
    case 'json': return JSON.parse(body);
    case 'text': return body.toString();
    case 'bytes': return body;
    default: return null;
  }
}

/** The raw body when there is one, else the event's JSON text, else nothing. */
function stdin(head, body) {
  if (body.length > 0 || head.source !== 'value' || (head.event ?? null) === null) return body;
  return Buffer.from(JSON.stringify(head.event));
}

module.exports = { serve };

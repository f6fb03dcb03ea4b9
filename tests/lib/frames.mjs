// The wire protocol between a worker and a runner, from the worker's side.

export const TYPES = {
  HELLO: 1, INIT: 2, READY: 3, INVOKE: 4, HEAD: 5, BODY: 6, END: 7, ERROR: 8,
};
const NAMES = Object.fromEntries(Object.entries(TYPES).map(([name, number]) => [number, name]));

export function frame(type, payload = Buffer.alloc(0)) {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(payload.length, 0);
  header[4] = TYPES[type];
  return Buffer.concat([header, payload]);
}

export const initFrame = (init) => frame('INIT', Buffer.from(JSON.stringify(init)));

export function invokeFrame(head, body = Buffer.alloc(0)) {
  const json = Buffer.from(JSON.stringify(head));
  const size = Buffer.alloc(4);
  size.writeUInt32BE(json.length, 0);
  return frame('INVOKE', Buffer.concat([size, json, body]));
}

/** Collects the frames of a socket; `next()` resolves to {type, payload}, or null at its end. */
export class FrameReader {
  #buffer = Buffer.alloc(0);
  #ended = false;
  #wake = () => {};

  constructor(socket) {
    socket.on('data', (data) => {
      this.#buffer = Buffer.concat([this.#buffer, data]);
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('end', end);
    socket.on('error', end);
    socket.on('close', end);
  }

  async next() {
    for (;;) {
      const taken = this.#take();
      if (taken) return taken;
      if (this.#ended) return null;
      await new Promise((resolve) => { this.#wake = resolve; });
    }
  }

  #take() {
    if (this.#buffer.length < 5) return null;
    const end = 5 + this.#buffer.readUInt32BE(0);
    if (this.#buffer.length < end) return null;
    const taken = { type: NAMES[this.#buffer[4]] ?? this.#buffer[4], payload: this.#buffer.subarray(5, end) };
    this.#buffer = this.#buffer.subarray(end);
    return taken;
  }
}

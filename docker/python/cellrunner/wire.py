"""Frames on the control socket: u32 payload length, u8 type, payload; big-endian."""

import fcntl
import os
import select

HELLO, INIT, READY, INVOKE, HEAD, BODY, END, ERROR = range(1, 9)

HEADER = 5
MAX_BODY_FRAME = 64 * 1024
HOLD_LIMIT = 64 * 1024
READ_SIZE, MAX_READ = 16 * 1024, 256 * 1024

# Out of reach of the usual "close everything I inherited" loops of code that daemonises.
SAFE_FD = 900


class Control:
    """The control socket. A peer that has gone ends the process: nobody is left to answer."""

    def __init__(self, fd):
        try:
            self._fd = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, SAFE_FD)
        except OSError:
            self._fd = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, fd + 1)
        os.close(fd)
        self._ahead = b""  # what came with the frame before
        self._held, self._size = [], 0
        # A forked child of the function must not be able to speak for it.
        os.register_at_fork(after_in_child=self._abandon)

    def _abandon(self):
        os.close(self._fd)
        self._fd = -1

    def hello(self):
        self.send(HELLO)

    def has_input(self, within_ms):
        """Whether a frame has begun to come, or does so in time."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(within_ms))

    def read(self):
        """The next frame as (type, payload)."""
        data = self._ahead or self._receive(READ_SIZE)
        while len(data) < HEADER:
            data += self._receive(READ_SIZE)
        size = int.from_bytes(data[:4], "big")
        self._ahead = data[HEADER + size :]
        if len(data) >= HEADER + size:
            return data[4], data[HEADER : HEADER + size]
        return data[4], self._receive_rest(data[HEADER:], size)

    def put(self, kind, payload=b""):
        """A frame that may wait for those that follow it: sending costs more than making most answers."""
        self._held.append(len(payload).to_bytes(4, "big") + bytes((kind,)))
        self._held.append(payload)
        self._size += len(payload)
        if self._size > HOLD_LIMIT:
            self.flush()

    def send(self, kind, payload=b""):
        self.put(kind, payload)
        self.flush()

    def put_body(self, data):
        view = memoryview(data)
        for start in range(0, len(view), MAX_BODY_FRAME):
            self.put(BODY, view[start : start + MAX_BODY_FRAME])

    def flush(self):
        view = memoryview(b"".join(self._held))
        self._held.clear()
        self._size = 0
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except OSError:
                os._exit(0)

    def _receive(self, size):
        try:
            data = os.read(self._fd, size)
        except OSError:
            data = b""
        if not data:
            os._exit(0)
        return data

    def _receive_rest(self, data, size):
        payload = bytearray(size)
        payload[: len(data)] = data
        view = memoryview(payload)[len(data) :]
        while view:
            data = self._receive(min(len(view), MAX_READ))
            view[: len(data)] = data
            view = view[len(data) :]
        return payload

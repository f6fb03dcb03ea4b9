"""The cell's life after HELLO: one INIT, then an INVOKE at a time."""

import os
import sys
import time
import _signal
import _thread

from . import answer, jsontext, script, wire
from .calling import Loop, call
from .context import Context
from .failure import describe
from .program import Program

_ENDS = {reusable: b'{"reusable":%s}' % str(reusable).lower().encode() for reusable in (True, False)}


def serve(control):
    # A line of log leaves as soon as it is written, and the buffers stay for what is not a line.
    sys.stdout.reconfigure(line_buffering=True)
    loop = Loop()
    # A cell that somebody waits for has its INIT soon, and better things to do.
    if not control.has_input(within_ms=50):
        from . import rehearsal

        _rehearse(rehearsal.Rehearsal(), loop)
        rehearsal.load_usual(lambda: control.has_input(within_ms=0))
    init, program = _load(control, loop)
    while True:
        _take_invoke(control, init, program, loop)


def _rehearse(control, loop):
    init, program = _load(control, loop)
    while control.goes_on():
        _take_invoke(control, init, program, loop)
    # A module and its functions hold each other.
    vars(sys.modules.pop("function")).clear()


def _load(control, loop):
    _, payload = control.read()
    init = jsontext.loads(payload)
    try:
        os.environ.update(init.get("env") or {})
        if "TZ" in os.environ:
            time.tzset()
        program = Program(init["code"], init.get("handler"))
        loop.expect(program.handler)
    except SystemExit as exit:
        _leave(exit)
    except BaseException as error:
        _fail(control, error)
        while True:
            control.read()
    control.send(wire.READY, _json({"script": program.handler is None}))
    return init, program


def _take_invoke(control, init, program, loop):
    kind, payload = control.read()
    if kind == wire.INVOKE:
        _invoke(control, init, program, loop, payload)


def _invoke(control, init, program, loop, payload):
    received = time.monotonic()
    size = int.from_bytes(payload[:4], "big")
    head, body = jsontext.loads(payload[4 : 4 + size]), bytes(memoryview(payload)[4 + size :])
    try:
        if program.handler is None:
            _run_script(control, program, head, body)
        else:
            event = _event(head, body)
            context = Context(init, head, body, received)
            answer.send(control, call(program.handler, event, context, loop), loop)
    except SystemExit as exit:
        _leave(exit)
    except BaseException as error:
        _fail(control, error)
    else:
        _flush()
        reusable = program.handler is not None and not _left_behind(loop)
        control.send(wire.END, _ENDS[reusable])


def _run_script(control, program, head, body):
    output = script.run(program, head.get("args") or [], _stdin(head, body))
    status, data, content_type = script.result(output)
    answer.put_whole(control, status, [], data, content_type)


def _event(head, body):
    source = head["source"]
    if source == "value":
        return head.get("event")
    if source == "json":
        return jsontext.loads(body)
    if source == "text":
        return body.decode()
    return body if source == "bytes" else None


def _stdin(head, body):
    """The raw body when there is one, else the event's JSON text, else nothing."""
    if body or head["source"] != "value" or head.get("event") is None:
        return body
    return _json(head["event"])


def _left_behind(loop):
    """Whether the function left anything running that could act on a later request."""
    if _thread._count() or loop.has_tasks() or _signal.getitimer(_signal.ITIMER_REAL)[0]:
        return True
    try:
        # WNOWAIT: the function may still want to wait for its child itself.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _fail(control, error):
    _flush()
    control.send(wire.ERROR, _json(describe(error)))


def _leave(exit):
    """sys.exit() in a handler: the process ends, and the worker sees that it did."""
    _flush()
    if exit.code is None or isinstance(exit.code, int):
        os._exit((exit.code or 0) & 0xFF)
    print(exit.code, file=sys.stderr, flush=True)
    os._exit(1)


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the function may have closed or replaced it
            pass


def _json(value):
    return jsontext.dumps(value).encode()

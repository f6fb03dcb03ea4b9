"""A call that nobody made, played through while a cell waits for its first real one.

What runs for the first time is slow: memory has to be mapped, types and modules fill their caches. With this the
first request costs what any other costs. It must leave nothing that a function could find, but for what most
functions import themselves.
"""

from . import jsontext, wire

_CODE = '''"""Answers nobody."""


def handler(event, context):
    name = (event or {}).get("name", "nobody")
    print(end="")
    return f"Hello, {name}!" if name else {"name": name}
'''

_FUNCTION = {"id": "", "name": "", "version": 1, "memory_mb": 128}
_INIT = {"code": _CODE, "handler": None, "event": "input", "env": {}, "runtime": "", "function": _FUNCTION}
_REQUEST = {"method": "GET", "path": "/", "params": {}, "query": {}, "headers": {}, "cookies": {}}


def _head(event):
    return {
        "request_id": "", "deadline_ms": 0, "timeout_ms": 0, "source": "value", "event": event, "args": [],
        "request": _REQUEST,
    }  # fmt: skip


def _invoke(event):
    head = jsontext.dumps(_head(event)).encode()
    return wire.INVOKE, len(head).to_bytes(4, "big") + head


# What most functions import, parts before the whole: a request that comes meanwhile waits for one of them only.
_USUAL = ("functools", "enum", "re", "json")


def load_usual(is_wanted):
    for name in _USUAL:
        if is_wanted():
            return
        __import__(name)


class Rehearsal:
    """Takes the place of Control: what is sent here goes nowhere."""

    def __init__(self):
        self._frames = [(wire.INIT, jsontext.dumps(_INIT).encode()), _invoke(None), _invoke({"name": ""})]

    def goes_on(self):
        return bool(self._frames)

    def read(self):
        return self._frames.pop(0)

    def put(self, _kind, _payload=b""):
        pass

    send = put_body = put

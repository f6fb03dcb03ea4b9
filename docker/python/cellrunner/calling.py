"""Calls a handler as it wants to be called: 0 to 2 arguments, plain or async."""

import sys

_CO_VARARGS = 0x04
_CO_COROUTINE = 0x80
_CO_ASYNC_GENERATOR = 0x200


def call(handler, event, context, loop):
    """The handler's result; a coroutine is run to its end."""
    value = handler(*(event, context)[: _positional(handler)])
    return loop.run(value) if hasattr(type(value), "__await__") else value


def _positional(handler):
    """How many of (event, context) the handler takes."""
    function, bound = handler, 0
    while True:
        if hasattr(function, "__func__"):  # a bound method
            function, bound = function.__func__, bound + 1
        code = getattr(function, "__code__", None)
        if code is None:
            return _from_signature(handler)
        if not code.co_flags & _CO_VARARGS:
            return max(0, min(2, code.co_argcount - bound))
        # A decorator that takes anything passes on what the function it wraps takes.
        if not hasattr(function, "__wrapped__"):
            return 2
        function = function.__wrapped__


def _from_signature(handler):
    import inspect  # slow to load; only callables without code of their own come here

    try:
        parameters = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError):
        return 2
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 2
    takes = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return min(2, sum(p.kind in takes for p in parameters))


class Loop:
    """One event loop for the cell's life, so that what the function keeps in globals stays usable.

    asyncio takes longer to load than most functions run: it is loaded with a handler that needs it, or else
    with the first coroutine.
    """

    def __init__(self):
        self._runner = None

    def expect(self, handler):
        """The handler is called sometime."""
        code = getattr(handler, "__code__", None)
        if code is not None and code.co_flags & (_CO_COROUTINE | _CO_ASYNC_GENERATOR):
            self._open()

    def run(self, awaitable):
        self._open()
        return self._runner.run(_await(awaitable))

    def _open(self):
        if self._runner is None:
            import asyncio

            self._runner = asyncio.Runner()

    def has_tasks(self):
        if self._runner is None:
            return False
        return bool(sys.modules["asyncio"].all_tasks(self._runner.get_loop()))


async def _await(awaitable):
    return await awaitable

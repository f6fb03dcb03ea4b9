"""The function's source: compiled, told apart as module or script, loaded, its handler found."""

import opcode
import sys

from .failure import FILENAME, Refusal

HANDLER_NAMES = ("handler", "lambda_handler", "handle")

_STORES = {opcode.opmap["STORE_NAME"], opcode.opmap["STORE_GLOBAL"]}
_EXTENDED_ARG = opcode.EXTENDED_ARG


class _Loader:
    """Gives tracebacks their source lines: there is no file."""

    def __init__(self, source):
        self._source = source

    def get_source(self, _name):
        return self._source


class Program:
    """One revision of a function. `handler` is None for a script."""

    def __init__(self, source, configured):
        self._source = source
        self._code = compile(source, FILENAME, "exec", dont_inherit=True)
        self.handler = None
        if configured is None and not _defines_handler(self._code):
            return
        module = self._module("function")
        exec(self._code, module.__dict__)
        # None again where `handle`, say, turns out to be a variable of a script's.
        self.handler = _find_handler(module, configured)

    def run_as_main(self):
        exec(self._code, self._module("__main__").__dict__)

    def _module(self, name):
        module = type(sys)(name)
        module.__file__ = FILENAME
        module.__loader__ = _Loader(self._source)
        sys.modules[name] = module
        return module


def _defines_handler(code):
    """Whether module-level code binds one of the handler names, read from its bytecode."""
    names = code.co_names
    wanted = {index for index, name in enumerate(names) if name in HANDLER_NAMES}
    if not wanted:
        return False
    extended = 0
    instructions = code.co_code
    for position in range(0, len(instructions), 2):
        operation, argument = instructions[position], instructions[position + 1] | extended
        if operation == _EXTENDED_ARG:
            extended = argument << 8
            continue
        extended = 0
        if operation in _STORES and argument in wanted:
            return True
    return False


def _find_handler(module, configured):
    if configured is None:
        candidates = (getattr(module, name, None) for name in HANDLER_NAMES)
        return next((candidate for candidate in candidates if callable(candidate)), None)
    # Lambda writes file.function; there is one file here.
    handler = getattr(module, configured.rpartition(".")[2], None)
    if not callable(handler):
        raise Refusal("HandlerNotFound", f"{FILENAME} has no function {configured!r}")
    return handler

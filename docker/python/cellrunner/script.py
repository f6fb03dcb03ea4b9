"""Runs a file without a handler as a program: args, stdin, and stdout as its result."""

import os
import sys

from . import answer, jsontext
from .failure import FILENAME, Refusal


def run(program, args, stdin):
    """Runs the program; returns what it and its children wrote to stdout."""
    _replace(0, _memory_file("stdin", stdin))
    captured = _memory_file("stdout", b"")
    # The log stream stays open, though nothing more is written to it.
    os.dup(1)
    _replace(1, os.dup(captured))
    sys.argv[:] = [FILENAME, *args]
    status = _finish(_status_of(program))
    if status:
        raise Refusal("ExitCode", f"exit status {status}")
    size = os.fstat(captured).st_size
    if size > answer.BODY_LIMIT:
        raise Refusal("ResponseTooLarge", f"stdout has {size} bytes; {answer.BODY_LIMIT} is the most")
    os.lseek(captured, 0, os.SEEK_SET)
    with open(captured, "rb") as file:
        return file.read()


def result(output):
    """Captured stdout as (status, bytes, content type)."""
    trimmed = output.strip()
    if not trimmed:
        return 204, b"", answer.TEXT
    try:
        text = trimmed.decode()
    except UnicodeDecodeError:
        return 200, output, answer.BINARY
    if not jsontext.is_json(text):
        # print() ends its line; the value ends before it.
        return 200, output.removesuffix(b"\n"), answer.TEXT
    return 200, trimmed, answer.JSON


def _status_of(program):
    """Runs the program to its end as an exit status."""
    try:
        program.run_as_main()
    except SystemExit as exit:
        if exit.code is None or isinstance(exit.code, int):
            return (exit.code or 0) & 0xFF
        print(exit.code, file=sys.stderr)
        return 1
    return 0


def _finish(status):
    """What Python does at the end of a program: its output may still grow here."""
    import atexit

    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    return status


def _memory_file(name, data):
    fd = os.memfd_create(name)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _replace(fd, source):
    os.dup2(source, fd)
    os.close(source)

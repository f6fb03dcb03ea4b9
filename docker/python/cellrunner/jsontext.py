"""JSON as the module json reads and writes it, by its C half alone.

Loading json with all it needs (re, enum, functools) takes as long as starting Python, and every cell would pay for it.
A function that imports json still gets it.
"""

import _json

_SPACE = " \t\n\r"
_CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class _Rules:
    """What json.JSONDecoder tells its scanner, with the defaults of json.loads."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int

    def __init__(self, parse_constant):
        self.parse_constant = parse_constant


def _refuse_constant(name):
    raise ValueError(name)


_scan = _json.make_scanner(_Rules(_CONSTANTS.__getitem__))
_scan_strictly = _json.make_scanner(_Rules(_refuse_constant))


def loads(data):
    """As json.loads."""
    try:
        return _read(_scan, data)
    except (StopIteration, ValueError):
        import json  # what is not UTF-8 or not JSON; json has the words for it

        return json.loads(data)


def is_json(text):
    """Whether it is one value of JSON as the standard has it, which knows no NaN."""
    try:
        _read(_scan_strictly, text)
    except (StopIteration, ValueError, RecursionError):
        return False
    return True


def _read(scan, data):
    text = data if isinstance(data, str) else data.decode()
    value, end = scan(text, len(text) - len(text.lstrip(_SPACE)))
    if end < len(text) and text[end:].strip(_SPACE):
        raise ValueError("more than one value")
    return value


def _refuse(value):
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def dumps(value, allow_nan=True):
    """As json.dumps: compact, not reduced to ASCII. What has no JSON form is a TypeError or ValueError."""
    encode = _json.make_encoder({}, _refuse, _json.encode_basestring, None, ":", ",", False, False, allow_nan)
    return "".join(encode(value, 0))

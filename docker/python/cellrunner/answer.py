"""A handler's result as an HTTP answer: HEAD, BODY frames."""

from . import jsontext, wire
from .failure import Refusal, bad_response

BODY_LIMIT = 6 * 1024 * 1024
HEADERS_LIMIT = 64 * 1024

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
JSON_LINES = "application/x-ndjson"
BINARY = "application/octet-stream"

# Without the module re, which takes longer to load than most functions run.
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CONTROL = frozenset(map(chr, (*range(9), *range(10, 32), 127)))


def send(control, value, loop):
    """Maps `value` and sends all of it but the END, with which an answer that is no stream leaves."""
    status, headers, body = 200, [], value
    if _is_http(value):
        status, headers, body = _http(value)
    if _is_stream(body):
        return _Stream(control, status, headers).send(body, loop)
    data, content_type = encode(body)
    if body is None and not _is_http(value):
        status = 204
    if status in (204, 304):
        data = b""
    put_whole(control, status, headers, data, content_type)


def put_whole(control, status, headers, data, content_type):
    if len(data) > BODY_LIMIT:
        raise Refusal("ResponseTooLarge", f"the result has {len(data)} bytes; {BODY_LIMIT} is the most")
    _put_head(control, status, headers, content_type, stream=False)
    control.put_body(data)


def encode(value):
    """A plain value as (bytes, content type)."""
    if value is None:
        return b"", TEXT
    if isinstance(value, str):
        return _utf8(value), TEXT
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value), BINARY
    return _utf8(_json(value)), JSON


def _json(value):
    try:
        return jsontext.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise bad_response(f"the result is not JSON: {error}") from None


def _utf8(text):
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise bad_response("the result has text that is not valid Unicode") from None


def _is_http(value):
    if not isinstance(value, dict):
        return False
    status = value.get("statusCode")
    return isinstance(status, (int, float)) and not isinstance(status, bool)


def _http(value):
    """An answer in AWS Lambda's form as (status, header pairs, body)."""
    status = value["statusCode"]
    if status not in range(200, 600):
        raise bad_response(f"statusCode {status} is not a whole number from 200 to 599")
    headers = [*_header_pairs(value.get("headers")), *_cookies(value.get("cookies"))]
    body = value.get("body")
    if value.get("isBase64Encoded"):
        body = _base64(body)
    return int(status), headers, body


def _header_pairs(headers):
    if headers is None:
        return
    if not isinstance(headers, dict):
        raise bad_response("headers is not an object")
    for name, values in headers.items():
        if not isinstance(name, str) or not name or not _TOKEN.issuperset(name):
            raise bad_response(f"{name!r} is not a header name")
        for value in values if isinstance(values, (list, tuple)) else (values,):
            yield [name, _header_value(name, value)]


def _header_value(name, value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str) or not _CONTROL.isdisjoint(value):
        raise bad_response(f"header {name!r} has a value that is not one line of text")
    _utf8(value)
    return value


def _cookies(cookies):
    if cookies is None:
        return []
    if not isinstance(cookies, (list, tuple)):
        raise bad_response("cookies is not a list")
    if not all(isinstance(cookie, str) for cookie in cookies):
        raise bad_response("cookies has an element that is not text")
    return [["set-cookie", _header_value("set-cookie", cookie)] for cookie in cookies]


def _base64(body):
    import binascii

    if body is None:
        return b""
    try:
        return binascii.a2b_base64(body, strict_mode=True)
    except (TypeError, ValueError):  # binascii.Error is a ValueError
        raise bad_response("isBase64Encoded is set, but body is not base64") from None


_plain_heads = {}


def _plain_head(*key):
    """Most answers have no headers of their own, and so one of a few heads."""
    if key not in _plain_heads:
        status, content_type, stream = key
        _plain_heads[key] = _head(status, [] if status == 204 else [["content-type", content_type]], stream)
    return _plain_heads[key]


def _head(status, headers, stream):
    return jsontext.dumps({"status": status, "headers": headers, "stream": stream}).encode()


def _put_head(control, status, headers, content_type, stream):
    if not headers:
        control.put(wire.HEAD, _plain_head(status, content_type, stream))
        return
    if status != 204 and not any(name.lower() == "content-type" for name, _ in headers):
        headers = [["content-type", content_type], *headers]
    size = sum(len(name) + len(value.encode()) + 4 for name, value in headers)
    if size > HEADERS_LIMIT:
        raise Refusal("ResponseTooLarge", f"the headers have {size} bytes; {HEADERS_LIMIT} is the most")
    control.put(wire.HEAD, _head(status, headers, stream))


def _is_stream(value):
    return hasattr(type(value), "__next__") or hasattr(type(value), "__aiter__")


class _Stream:
    """Sends what a generator yields, piece by piece; the first piece decides the content type."""

    def __init__(self, control, status, headers):
        self._control, self._status, self._headers = control, status, headers
        self._started = False
        self._sent = 0

    def send(self, source, loop):
        if hasattr(type(source), "__aiter__"):
            loop.run(self._drain_async(source))
        else:
            for piece in source:
                self._piece(piece)
        self._start(TEXT)

    async def _drain_async(self, source):
        async for piece in source:
            self._piece(piece)

    def _piece(self, piece):
        if piece is None:
            return
        data, content_type = encode(piece)
        if content_type == JSON:
            data, content_type = data + b"\n", JSON_LINES
        self._start(content_type)
        self._sent += len(data)
        if self._sent > BODY_LIMIT:
            raise Refusal("ResponseTooLarge", f"the result has more than {BODY_LIMIT} bytes")
        self._control.put_body(data)
        self._control.flush()

    def _start(self, content_type):
        if not self._started:
            self._started = True
            _put_head(self._control, self._status, self._headers, content_type, stream=True)

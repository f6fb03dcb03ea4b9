"""What can go wrong, as the ERROR frame tells it: type, message and the function's own stack."""

FILENAME = "function.py"

# Characters. JSON may make six bytes of one, and a worker takes an ERROR of at most 128 KiB.
MESSAGE_LIMIT = 4 * 1024
STACK_LIMIT = 16 * 1024


class Refusal(Exception):
    """An error of the platform's own vocabulary: it has a name instead of a stack."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def bad_response(message):
    return Refusal("BadResponse", message)


def describe(error):
    """`error` as the payload of an ERROR frame."""
    if isinstance(error, Refusal):
        return {"type": error.kind, "message": _clean(str(error), MESSAGE_LIMIT), "stack": None}
    return {
        "type": _clean(type(error).__name__, 200),
        "message": _clean(_message(error), MESSAGE_LIMIT),
        "stack": _clean(_stack(error), STACK_LIMIT),
    }


def _message(error):
    try:
        return str(error)
    except Exception:  # a broken __str__ must not hide the error itself
        return ""


def _stack(error):
    import traceback  # only failures pay for it

    try:
        summary = traceback.TracebackException.from_exception(error)
        _keep_own_frames(summary, set())
        return "".join(summary.format())
    except Exception:
        return type(error).__name__


def _keep_own_frames(summary, seen):
    if summary is None or id(summary) in seen:
        return
    seen.add(id(summary))
    if summary.stack:
        summary.stack[:] = [frame for frame in summary.stack if frame.filename == FILENAME]
    for related in (summary.__cause__, summary.__context__, *(summary.exceptions or ())):
        _keep_own_frames(related, seen)


def _clean(text, limit):
    """Valid UTF-8 without NUL, of at most `limit` characters: it goes into JSON and a database."""
    text = text[:limit].replace("\0", "\ufffd")
    return text.encode("utf-8", "replace").decode("utf-8")

"""The `context` a handler gets, under Cloche's names and AWS Lambda's."""

import time


class Request(dict):
    """The HTTP request: `request["path"]` and `request.path` are the same."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Context:
    identity = None
    client_context = None

    def __init__(self, init, head, body, received):
        function = init["function"]
        self.request_id = self.aws_request_id = head["request_id"]
        self.function_id = function["id"]
        self.function_name = function["name"]
        self.function_version = function["version"]
        self.memory_limit_in_mb = function["memory_mb"]
        self.invoked_function_arn = f"cloche:function:{function['name']}:{function['version']}"
        self.log_group_name = f"/cloche/{function['name']}"
        self.log_stream_name = head["request_id"]
        self.deadline_ms = head["deadline_ms"]
        self.args = head.get("args") or []
        self.env = dict(init.get("env") or {})
        self.runtime = init["runtime"]
        request = head.get("request")
        self.request = Request(request, body=body) if request is not None else None
        self._expires = received + head["timeout_ms"] / 1000

    def get_remaining_time_in_millis(self):
        """Milliseconds left before the call is ended; the wall clock has no say in it."""
        return max(0, int((self._expires - time.monotonic()) * 1000))

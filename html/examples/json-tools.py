"""The keys, the values or the size of a JSON object."""

import json

OPERATIONS = {
    "keys": lambda data: list(data.keys()),
    "values": lambda data: list(data.values()),
    "size": len,
}


def handler(event, context):
    data = event.get("data")
    if isinstance(data, str):  # ?data={"name":"John"} brings JSON as text
        data = json.loads(data)
    if not isinstance(data, dict):
        raise TypeError("data must be a JSON object")

    operation = OPERATIONS.get(event.get("operation"))
    if operation is None:
        raise TypeError(f"operation must be one of: {', '.join(OPERATIONS)}")
    return operation(data)

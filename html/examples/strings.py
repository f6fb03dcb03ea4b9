"""Upper case, lower case, reversal or length of a text."""

OPERATIONS = {
    "uppercase": str.upper,
    "lowercase": str.lower,
    "reverse": lambda text: text[::-1],
    "length": len,
}
OPERATIONS |= {"upper": str.upper, "lower": str.lower}  # short names


def handler(event, context):
    operation = OPERATIONS.get(event.get("operation"))
    if operation is None:
        raise TypeError(f"operation must be one of: {', '.join(OPERATIONS)}")
    return operation(event["text"])

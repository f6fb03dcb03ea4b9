"""Adds, subtracts, multiplies or divides two numbers."""

import operator


def divide(a, b):
    if b == 0:
        raise ZeroDivisionError("division by zero: num2 must not be 0")
    return a / b


OPERATIONS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": divide,
}


def to_number(event, name):
    """A query string such as num1=10 brings text, a JSON body brings numbers; take both."""
    try:
        number = float(event[name])
    except (KeyError, TypeError, ValueError):
        raise TypeError(f"{name} must be a number") from None
    return int(number) if number.is_integer() else number


def handler(event, context):
    operation = OPERATIONS.get(event.get("operation"))
    if operation is None:
        raise TypeError(f"operation must be one of: {', '.join(OPERATIONS)}")
    return operation(to_number(event, "num1"), to_number(event, "num2"))

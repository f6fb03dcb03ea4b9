"""Greets whoever is named: {"name": "Bob"} gives "Hello, Bob!"."""


def handler(event, context):
    name = (event or {}).get("name", "World")
    return f"Hello, {name}!"

"""The n-th Fibonacci number, found the slow, recursive way: something to measure."""


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def handler(event, context):
    n = int(event["n"])  # "10" from a query string, 10 from JSON
    if not 0 <= n <= 30:
        raise ValueError("n must be a whole number between 0 and 30")
    return fibonacci(n)

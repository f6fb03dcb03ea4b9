// The n-th Fibonacci number, found the slow, recursive way: something to measure.

function fibonacci(n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

exports.handler = async (event) => {
  const n = Number(event.n); // '10' from a query string, 10 from JSON
  if (!Number.isInteger(n) || n < 0 || n > 30) {
    throw new RangeError('n must be a whole number between 0 and 30');
  }
  return fibonacci(n);
};

// The sum, largest, smallest, sorted order or average of a list of numbers.

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

const operations = new Map([
  ['sum', sum],
  ['max', (numbers) => Math.max(...numbers)],
  ['min', (numbers) => Math.min(...numbers)],
  ['sort', (numbers) => numbers.sort((a, b) => a - b)],
  ['average', (numbers) => sum(numbers) / numbers.length],
]);

// A list from JSON, or from a query string: array=1,5,3 or array=[1,5,3] or array=1&array=5.
function toNumbers(array) {
  const items = typeof array === 'string' ? array.replace(/^\[|\]$/g, '').split(',') : array;
  if (!Array.isArray(items) || items.length === 0) {
    throw new TypeError('array must be a list with at least one number');
  }
  return items.map((item) => {
    const number = Number(item ?? NaN);
    if (Number.isNaN(number) || item === '') throw new TypeError(`not a number in array: "${item}"`);
    return number;
  });
}

exports.handler = async (event) => {
  const operation = operations.get(event.operation);
  if (!operation) {
    throw new TypeError(`operation must be one of: ${[...operations.keys()].join(', ')}`);
  }
  return operation(toNumbers(event.array));
};

// Adds, subtracts, multiplies or divides two numbers.

const operations = new Map([
  ['add', (a, b) => a + b],
  ['subtract', (a, b) => a - b],
  ['multiply', (a, b) => a * b],
  ['divide', divide],
]);

function divide(a, b) {
  if (b === 0) throw new RangeError('division by zero: num2 must not be 0');
  return a / b;
}

// A query string such as num1=10 brings text, a JSON body brings numbers; take both.
function toNumber(event, name) {
  const number = Number(event[name] ?? NaN);
  if (Number.isNaN(number) || event[name] === '') throw new TypeError(`${name} must be a number`);
  return number;
}

exports.handler = async (event) => {
  const operation = operations.get(event.operation);
  if (!operation) {
    throw new TypeError(`operation must be one of: ${[...operations.keys()].join(', ')}`);
  }
  return operation(toNumber(event, 'num1'), toNumber(event, 'num2'));
};

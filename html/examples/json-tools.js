// The keys, the values or the size of a JSON object.

const operations = new Map([
  ['keys', Object.keys],
  ['values', Object.values],
  ['size', (data) => Object.keys(data).length],
]);

exports.handler = async (event) => {
  // ?data={"name":"John"} brings JSON as text.
  const data = typeof event.data === 'string' ? JSON.parse(event.data) : event.data;
  if (data === null || typeof data !== 'object' || Array.isArray(data)) {
    throw new TypeError('data must be a JSON object');
  }

  const operation = operations.get(event.operation);
  if (!operation) {
    throw new TypeError(`operation must be one of: ${[...operations.keys()].join(', ')}`);
  }
  return operation(data);
};

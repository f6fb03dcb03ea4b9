// Upper case, lower case, reversal or length of a text.

const operations = new Map([
  ['uppercase', (text) => text.toUpperCase()],
  ['lowercase', (text) => text.toLowerCase()],
  ['reverse', (text) => [...text].reverse().join('')], // by character, so that emoji survive
  ['length', (text) => [...text].length],
]);
operations.set('upper', operations.get('uppercase')); // short names
operations.set('lower', operations.get('lowercase'));

exports.handler = async (event) => {
  const operation = operations.get(event.operation);
  if (!operation) {
    throw new TypeError(`operation must be one of: ${[...operations.keys()].join(', ')}`);
  }
  return operation(event.text);
};

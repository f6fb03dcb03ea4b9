// Greets whoever is named: {"name": "Bob"} gives "Hello, Bob!".

exports.handler = async (event, context) => {
  const name = event?.name ?? 'World';
  return `Hello, ${name}!`;
};

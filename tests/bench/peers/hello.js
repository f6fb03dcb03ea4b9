// The same greeting as an HTTP function of @google-cloud/functions-framework.
exports.hello = (request, response) => response.type('text/plain').send('Hello, World!');

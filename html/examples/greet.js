// A command-line script: no handler, only arguments in and text out.

const [name = 'World'] = process.argv.slice(2);
console.log(`Hello, ${name}!`);

// Needs no input. The file calls its own function and prints, so it runs as a script:
// what it writes to stdout is the result, read as JSON.

const numbers = [10, 20, 30, 40, 50];

function handler() {
  const sum = numbers.reduce((total, number) => total + number, 0);
  return { sum, average: sum / numbers.length };
}

console.log(JSON.stringify(handler()));

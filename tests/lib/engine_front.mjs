// A socket in front of a Docker engine that answers as that one does, but for its control group driver. It is a process
// of its own, since tests wait for programs that talk to it: node engine_front.mjs SOCKET ENGINE DRIVER

import http from 'node:http';

const [socket, engine, driver] = process.argv.slice(2);

/** An answer to /info with the driver in it. */
function answerInfo(response, { statusCode }, chunks) {
  const body = JSON.stringify({ ...JSON.parse(Buffer.concat(chunks)), CgroupDriver: driver });
  response.writeHead(statusCode, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }).end(body);
}

const front = http.createServer((request, response) => {
  const { method, url: path, headers } = request;
  const ask = http.request({ socketPath: engine, method, path, headers }, (answer) => {
    if (!/\/info$/.test(path)) {
      answer.pipe(response.writeHead(answer.statusCode, answer.headers));
      return;
    }
    const chunks = [];
    answer.on('data', (chunk) => chunks.push(chunk)).on('end', () => answerInfo(response, answer, chunks));
  });
  ask.on('error', () => response.destroy());
  request.pipe(ask);
});
front.listen(socket);
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));

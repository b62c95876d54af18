/** `node echo-server.ts PORT`: a web server on every address of its network, which tells at which one it was reached. */
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  response.setHeader('X-Server', request.socket.localAddress ?? '');
  response.end('ok');
});
server.keepAliveTimeout = 120_000;
server.listen(Number(process.argv[2]), '0.0.0.0');

/**
 * One web server of the demo, a process of its own: `node web-server.ts ADDRESS PORT VERSION [DATABASE_PORT PASSWORD]`. With a
 * database it plays PHP: each page reads and writes over a login from its own address. `?wait=N` makes a page take N milliseconds.
 */
import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createPool } from 'mysql2/promise';

const [, , address = '', port = '', version = '', databasePort, password] = process.argv;

const database =
  databasePort === undefined
    ? undefined
    : createPool({
        user: 'mywpsite_service',
        ...(password !== undefined && { password }),
        database: 'MyWPSite',
        connectionLimit: 4,
        // mysql2 has no option for the address that the server is to see.
        stream: () => connect({ host: '127.0.0.1', port: Number(databasePort), localAddress: address }),
      });

const server = createServer((request, response) => {
  response.setHeader('X-Server', address);
  response.setHeader('X-Version', version);
  if (request.url === '/health') response.end('ok');
  else void page(request.url ?? '/', response);
});

async function page(path: string, response: ServerResponse): Promise<void> {
  try {
    const wait = /[?&]wait=(\d+)/.exec(path)?.[1];
    if (wait !== undefined) await delay(Number(wait));
    await database?.query('INSERT INTO visits (path) VALUES (?)', [path]);
    response.end(`${address} ${version}\n`);
  } catch (error) {
    response.statusCode = 500;
    response.end(`${address}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

// Longer than the load balancer keeps an idle connection: it is never the server that closes first.
server.keepAliveTimeout = 120_000;
server.listen(Number(port), address, () => process.stdout.write('listening\n'));

process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});

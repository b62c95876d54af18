/** `node login-loop.ts PORT`: logs in to MariaDB again and again until its input ends, then prints the longest time in milliseconds. */
import { createConnection } from 'mysql2/promise';

const port = Number(process.argv[2]);
const over = new AbortController();
let longest = 0;

async function login(): Promise<number> {
  const start = performance.now();
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'guest', password: 'x' });
  const took = performance.now() - start;
  await connection.end();
  return took;
}

// The first ones warm up.
for (let count = 0; count < 20; count++) await login();
process.stdin.resume().once('end', () => over.abort());
process.stdout.write('ready\n');
while (!over.signal.aborted) longest = Math.max(longest, await login());
process.stdout.write(`${longest}\n`);

/**
 * `node login-loop.ts PORT`: logs in to MariaDB again and again until its input ends, then prints the longest time of each
 * five seconds, in milliseconds, as JSON.
 */
import { createConnection } from 'mysql2/promise';

const WINDOW = 5000;
const port = Number(process.argv[2]);
const over = new AbortController();
const longest: number[] = [0];

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
const begun = performance.now();
while (!over.signal.aborted) {
  const took = await login();
  if (performance.now() - begun > longest.length * WINDOW) longest.push(0);
  longest[longest.length - 1] = Math.max(longest.at(-1) ?? 0, took);
}
process.stdout.write(`${JSON.stringify(longest)}\n`);

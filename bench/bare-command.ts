/** `node bare-command.ts SOCKET`: says each line that it is given to a HAProxy, and does nothing else. */
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';

const [socket = ''] = process.argv.slice(2);

createInterface({ input: process.stdin }).on('line', (commands) => {
  createConnection({ path: socket }).end(`${commands}\n`).resume();
});
process.stdout.write('ready\n');

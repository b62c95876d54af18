/** The command line: one file per command, nothing decided here. */
import { setFlagsFromString } from 'node:v8';
import { program } from './commands/program.ts';

// A reader such as `head` may go before all is said: no reason to fail.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// A young generation of 8 MB instead of 16: reading 6,000 objects then costs a quarter less memory and no time (npm run bench -- cold).
setFlagsFromString('--max-semi-space-size=8');
setFlagsFromString('--semi-space-growth-factor=1');
// Garbage is looked for when a quarter came on top of what is in use, not as much again: it is in the maps that each change makes anew (npm run bench -- memory).
setFlagsFromString('--heap-growing-percent=25');

process.exitCode = await program(process.argv.slice(2));

/** The command line: one file per command, nothing decided here. */
import { setFlagsFromString } from 'node:v8';
import { program } from './commands/program.ts';
import { tidyAtRest } from './commands/tidy.ts';

// A reader such as `head` may go before all is said, and a disk may be too full for a log: no reason to end. Whoever writes an answer looks himself.
process.stdout.on('error', () => {});

// Garbage is looked for when a quarter came on top of what is in use, not as much again: it is in the maps that each change makes anew (npm run bench -- memory).
setFlagsFromString('--heap-growing-percent=25');

// For that, what is in use has to be known: a start looks for no garbage (scripts/build.ts), so it is looked for when it is over.
tidyAtRest();

// This process has read it (scripts/build.ts); HAProxy is not to.
delete process.env['MALLOC_MMAP_THRESHOLD_'];

const code = await program(process.argv.slice(2));
process.exitCode ??= code;

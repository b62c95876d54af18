/** The command line: one file per command, nothing decided here. */
import { setFlagsFromString } from 'node:v8';
import { program } from './commands/program.ts';

// A reader such as `head` may go before all is said: no reason to fail.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// Reading thousands of objects leaves much that is never needed again; by default V8 lets it lie until the heap has doubled. A smaller
// young generation, and after the start a heap kept small, save a third of the memory (npm run bench -- memory, cold).
setFlagsFromString('--max-semi-space-size=8');
setFlagsFromString('--semi-space-growth-factor=1');
setTimeout(() => setFlagsFromString('--optimize-for-size'), 5000).unref();

process.exitCode = await program(process.argv.slice(2));

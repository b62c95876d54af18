/** The command line: one file per command, nothing decided here. */
import { program } from './commands/program.ts';

// A reader such as `head` may go before all is said: no reason to fail.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
process.exitCode = await program(process.argv.slice(2));

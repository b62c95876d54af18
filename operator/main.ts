/** The command line: one file per command, nothing decided here. */
import { program } from './commands/program.ts';

process.exitCode = await program(process.argv.slice(2));

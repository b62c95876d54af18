import { delimiter, dirname } from 'node:path';

/** The environment in which a program that asks for `node` gets the one that runs us. */
export function withOwnNode(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}` };
}

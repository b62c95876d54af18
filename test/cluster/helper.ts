import { spawn, type Serializable } from 'node:child_process';
import { once } from 'node:events';
import { ENV, inNetns } from './child.ts';

/** A program of this folder that runs in another network namespace and answers us. */
export interface Helper<Question, Answer> {
  readonly ask: (question: Question) => Promise<Answer>;
  readonly end: () => Promise<void>;
}

/** Starts such a program and waits for the first word that it says. It is killed when we end. */
export async function startHelper<Question extends Serializable, Answer>(
  file: string,
  args: readonly string[],
  netns: string,
): Promise<Helper<Question, Answer>> {
  const path = new URL(file, import.meta.url).pathname;
  const own = [process.execPath, '--disable-warning=ExperimentalWarning', path, ...args];
  const [program = '', ...rest] = inNetns(netns, ['setpriv', '--pdeathsig', 'KILL', '--', ...own]);
  const child = spawn(program, rest, { env: ENV, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${file} ${args.join(' ')} ended`);
  });
  ended.catch(() => {});
  const answer = async (): Promise<Answer> => {
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [Answer];
    return message;
  };
  await answer();
  // Questions one after the other: answers carry no name.
  let last: Promise<unknown> = Promise.resolve();
  return {
    ask: (question) => {
      const next = last.then(async () => {
        const answered = answer();
        child.send(question);
        return answered;
      });
      last = next.catch(() => {});
      return next;
    },
    end: async () => {
      child.kill('SIGKILL');
      await ended.catch(() => {});
    },
  };
}

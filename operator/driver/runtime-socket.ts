/**
 * The command line of a running HAProxy. Each exchange opens a connection of its own: one that is held keeps answering
 * from the old worker after a reload.
 */
import { createConnection } from 'node:net';

/** No answer, or half of one: nothing may be concluded from it. */
export class RuntimeSocketError extends Error {
  override readonly name = 'RuntimeSocketError';
  /** Nobody listens there. */
  readonly absent: boolean;

  constructor(message: string, absent = false) {
    super(message);
    this.absent = absent;
  }
}

const NOBODY = new Set(['ENOENT', 'ECONNREFUSED']);

/** Milliseconds. */
const TIMEOUT = 10_000;
/** Silence that a test may shorten. */
interface Patience {
  readonly timeout?: number;
}
const PROMPT = '\n> ';

/**
 * Runs commands one after the other over one connection of the worker's socket.
 * Shape: one answer a command, without the blank line that ends it.
 * Errors: RuntimeSocketError when the socket cannot be reached, closes early or stays silent for ten seconds.
 * Source: HAProxy management guide 9.3, "prompt".
 */
export async function runCommands(
  path: string,
  commands: readonly string[],
  { timeout = TIMEOUT }: Patience = {},
): Promise<readonly string[]> {
  if (commands.length === 0) return [];
  // A command with a payload ends in a line break of its own; the blank line after it ends the payload.
  const text = `prompt\n${commands.map((command) => `${command}\n`).join('')}`;
  const answers: string[] = [];
  await exchange({ path, text, timeout }, (received) => {
    // The first prompt answers `prompt` itself.
    const parts = received.split(PROMPT);
    if (parts.length < commands.length + 2) return false;
    answers.push(...parts.slice(1, commands.length + 1).map(answerOf));
    return true;
  });
  return answers;
}

/**
 * An answer without the prompts of its command's payload, one a line, and without the blank line at its end. It is a text of its own: a
 * part would keep all that was received with it in memory.
 */
function answerOf(part: string): string {
  const answer = part.replace(/^(?:\n?\+ )+/, '').replace(/\n$/, '');
  return Buffer.from(answer).toString();
}

/**
 * One command of the master's socket, which closes after its answer.
 * Errors: as `runCommands`; an empty answer is one (`reload` gives none before 2.7).
 */
export async function runMasterCommand(path: string, command: string): Promise<string> {
  let answer = '';
  await exchange({ path, text: `${command};quit\n`, timeout: TIMEOUT }, (received, ended) => {
    answer = received;
    return ended;
  });
  return answer;
}

/** Writes `text` and reads until `done` says so. */
async function exchange(
  { path, text, timeout }: { readonly path: string; readonly text: string; readonly timeout: number },
  done: (received: string, ended: boolean) => boolean,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = createConnection({ path });
    let received = '';
    const settle = (error?: Error) => {
      socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const fail = (why: string, absent = false) => settle(new RuntimeSocketError(`${path}: ${why}`, absent));
    socket.setEncoding('utf8');
    socket.setTimeout(timeout, () => fail('no answer in time'));
    socket.on('connect', () => socket.write(text));
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.message, NOBODY.has(error.code ?? '')));
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (done(received, false)) settle();
    });
    socket.on('end', () => (done(received, true) ? settle() : fail('closed before the whole answer')));
  });
}

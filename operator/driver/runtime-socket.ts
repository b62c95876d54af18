/** The command lines of a running HAProxy: that of its worker, and that of its master. */
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
/**
 * A connection is held for so long. It stays with its worker when somebody else reloads HAProxy or takes away the socket, which would
 * otherwise never show; and HAProxy ends one without a word after ten seconds of silence, which must not meet a command of ours.
 */
const LIFE = 1000;
/** Silence that a test may shorten. */
interface Patience {
  readonly timeout?: number;
  readonly life?: number;
}
const PROMPT = '\n> ';
/** Ends the first line of a command with a payload. */
const PAYLOAD = '<<\n';

/** The command line of the worker; exchanges that follow one another share a connection. */
export interface RuntimeSocket {
  /**
   * Runs commands one after the other.
   * Shape: one answer a command, without the blank line that ends it.
   * Errors: RuntimeSocketError when the socket cannot be reached, closes early or stays silent for ten seconds.
   * Source: HAProxy management guide 9.3, "prompt".
   */
  run(commands: readonly string[]): Promise<readonly string[]>;
  /** What is asked from now on goes over a new connection: after a reload the one that is held leads to the old worker, and keeps it from ending. */
  renew(): void;
}

/** One without a connection, yet. */
export function createRuntimeSocket(path: string, { timeout = TIMEOUT, life = LIFE }: Patience = {}): RuntimeSocket {
  let held: { readonly line: Line; readonly until: number } | undefined;
  let renewed = 0;
  return {
    async run(commands) {
      if (commands.length === 0) return [];
      const begun = renewed;
      const known = held?.line.open === true ? held : undefined;
      const { line, until } = known ?? { line: openLine(path), until: performance.now() + life };
      // Nobody else asks over it meanwhile.
      held = undefined;
      const answers = await ask(line, { commands, timeout, isNew: known === undefined });
      const left = until - performance.now();
      // Of a payload that HAProxy does not take for one each line would be answered, who knows when.
      const mayHold = left > 0 && begun === renewed && held === undefined && !commands.some(hasPayload);
      if (mayHold) held = { line: line.rest(left), until };
      else line.close();
      return answers;
    },
    renew() {
      renewed += 1;
      held?.line.close();
      held = undefined;
    },
  };
}

function hasPayload(command: string): boolean {
  return command.includes(PAYLOAD);
}

/** As `RuntimeSocket.run`, over a connection of their own. */
export async function runCommands(
  path: string,
  commands: readonly string[],
  patience: Patience = {},
): Promise<readonly string[]> {
  const socket = createRuntimeSocket(path, patience);
  const answers = await socket.run(commands);
  socket.renew();
  return answers;
}

interface Question {
  readonly commands: readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
  /** The line does not know yet that we want prompts. */
  readonly isNew: boolean;
}

async function ask(line: Line, { commands, timeout, isNew }: Question): Promise<readonly string[]> {
  const all = isNew ? ['prompt', ...commands] : commands;
  let answers: readonly string[] = [];
  // A command with a payload ends in a line break of its own; the blank line after it ends the payload.
  await line.exchange({ text: all.map((command) => `${command}\n`).join(''), timeout }, (received) => {
    if (!received.endsWith(PROMPT)) return false;
    const parts = received.split(PROMPT);
    if (parts.length <= all.length) return false;
    answers = parts.slice(all.length - commands.length, all.length).map(answerOf);
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
 * Errors: as `RuntimeSocket.run`; an empty answer is one (`reload` gives none before 2.7).
 */
export async function runMasterCommand(path: string, command: string): Promise<string> {
  let answer = '';
  const line = openLine(path);
  await line.exchange({ text: `${command};quit\n`, timeout: TIMEOUT }, (received, ended) => {
    answer = received;
    return ended;
  });
  line.close();
  return answer;
}

/** A connection. */
interface Line {
  readonly open: boolean;
  /** Writes `text` and reads until `done` says so. One that fails closes the line. */
  exchange(
    question: { readonly text: string; readonly timeout: number },
    done: (received: string, ended: boolean) => boolean,
  ): Promise<void>;
  /** Nothing is asked for a while, `limit` milliseconds at most; what comes unasked closes the line. This process may end meanwhile. */
  rest(limit: number): Line;
  close(): void;
}

function openLine(path: string): Line {
  const socket = createConnection({ path });
  const close = () => void socket.destroy();
  let take: (chunk: string, ended: boolean) => void = close;
  let fail: (why: string, absent?: boolean) => void = close;
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => take(chunk, false));
  socket.on('end', () => take('', true));
  socket.on('timeout', () => fail('no answer in time'));
  socket.on('error', (error: NodeJS.ErrnoException) => fail(error.message, NOBODY.has(error.code ?? '')));
  const endExchange = () => {
    take = close;
    fail = close;
  };
  const line: Line = {
    get open() {
      return !socket.destroyed;
    },
    exchange: ({ text, timeout }, done) =>
      new Promise((resolve, reject) => {
        let received = '';
        take = (chunk, ended) => {
          received += chunk;
          if (done(received, ended)) {
            endExchange();
            resolve();
          } else if (ended) fail('closed before the whole answer');
        };
        fail = (why, absent) => {
          endExchange();
          close();
          reject(new RuntimeSocketError(`${path}: ${why}`, absent));
        };
        socket.ref();
        socket.setTimeout(timeout);
        socket.write(text);
      }),
    rest(limit) {
      socket.unref();
      socket.setTimeout(limit);
      return line;
    },
    close,
  };
  return line;
}

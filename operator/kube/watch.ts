import { ApiError, MalformedAnswerError } from './api-error.ts';
import { checkObject, selectorsOf, type Selection } from './list.ts';
import { pathOf, type KubeObject } from './resource.ts';
import type { Transport } from './transport.ts';

/** An event of a watch. A bookmark only says how far the watch has come. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }
  | { readonly type: 'BOOKMARK'; readonly version: string };

export interface WatchOptions extends Selection {
  readonly transport: Transport;
  /** Changes after this version. */
  readonly from: string;
  /** Seconds after which the server ends the watch in good order. */
  readonly seconds: number;
  /** Milliseconds without a byte after which a watch counts as dead. */
  readonly idle: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: WatchEvent) => void;
  /** The server answered, or sent something. */
  readonly onContact: () => void;
}

/**
 * Follows a selection until the server ends the watch.
 * Errors: ApiError for a refusal or an ERROR event; MalformedAnswerError for a line that is no event, after which nothing is known about
 * what was missed; else what the connection says.
 */
export async function watch(options: WatchOptions): Promise<void> {
  const { transport, type, namespace, from, seconds, idle, signal, onEvent, onContact } = options;
  const path = pathOf(type, namespace === undefined ? {} : { namespace });
  const query = {
    ...selectorsOf(options),
    watch: '1',
    allowWatchBookmarks: 'true',
    resourceVersion: from,
    timeoutSeconds: `${seconds}`,
  };
  const stream = await transport.stream({ path, query, signal, idle });
  onContact();
  const lines = createLines();
  for await (const chunk of stream) {
    onContact();
    for (const line of lines.push(chunk)) if (line !== '') onEvent(eventOf(line, path));
  }
  // A connection that broke inside a line: what it was going to say comes again from the same version.
}

interface Lines {
  push(chunk: Buffer): readonly string[];
}

/** Objects of the API server are at most 1.5 MB in etcd; a line beyond this is none of them. */
const LONGEST_LINE = 32 * 1024 * 1024;
const NEWLINE = 10;

/** Cuts pieces into lines. A line is decoded as a whole, so no character is torn. */
export function createLines(): Lines {
  let rest: Buffer[] = [];
  let held = 0;
  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        const part = chunk.subarray(start, end);
        lines.push(rest.length === 0 ? part.toString('utf8') : Buffer.concat([...rest, part]).toString('utf8'));
        rest = [];
        held = 0;
        start = end + 1;
      }
      if (start < chunk.length) {
        rest.push(chunk.subarray(start));
        held += chunk.length - start;
        if (held > LONGEST_LINE) throw new MalformedAnswerError('watch: a line without end');
      }
      return lines;
    },
  };
}

function eventOf(line: string, path: string): WatchEvent {
  const { type, object } = parse(line, path);
  if (type === 'ERROR') throw errorOf(object, path);
  if (type === 'BOOKMARK') {
    const version = object?.metadata?.resourceVersion;
    if (typeof version !== 'string') throw new MalformedAnswerError(`${path} (watch): a bookmark without version`);
    return { type, version };
  }
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') {
    throw new MalformedAnswerError(`${path} (watch): an event of type ${JSON.stringify(type)}`);
  }
  checkObject(object as KubeObject, `${path} (watch)`);
  return { type, object: object as KubeObject };
}

interface Line {
  readonly type?: unknown;
  readonly object?: Partial<KubeObject>;
}

function parse(line: string, path: string): Line {
  try {
    return (JSON.parse(line) ?? {}) as Line;
  } catch {
    throw new MalformedAnswerError(`${path} (watch): a line that is no JSON: ${line.slice(0, 200)}`);
  }
}

function errorOf(status: unknown, path: string): ApiError {
  const { code, reason, message } = (status ?? {}) as Record<string, unknown>;
  return new ApiError(`GET ${path} (watch)`, {
    code: typeof code === 'number' ? code : 500,
    reason: typeof reason === 'string' ? reason : '',
    message: typeof message === 'string' ? message : 'an ERROR event without message',
  });
}

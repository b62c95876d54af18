/** Visitors: a constant stream of requests, and who answered them. */
import { Agent, request as httpRequest } from 'node:http';

/** One answer. Times in milliseconds of `performance.now()`. */
export interface Answer {
  /** When the request was sent. */
  readonly begun: number;
  readonly at: number;
  readonly method: string;
  readonly path: string;
  /** Address of the machine that answered; empty when none did. */
  readonly server: string;
  readonly version: string;
  /** Why it counts as failed. */
  readonly failure?: string;
}

export interface Visitors {
  readonly answers: readonly Answer[];
  /** Stops sending and waits for the last answers. */
  stop(): Promise<void>;
}

export interface VisitorOptions {
  /** Default: 127.0.0.1. */
  readonly host?: string;
  readonly port: number;
  readonly perSecond: number;
  /** Which machines may answer which path; requests go round the paths. */
  readonly expected: ReadonlyMap<string, (server: string) => boolean>;
  /** Requests go round these too. Default: GET. */
  readonly methods?: readonly string[];
}

const TICK = 10;

/** Sends requests until it is stopped. */
export function startVisitors(options: VisitorOptions): Visitors {
  const { host = '127.0.0.1', port, perSecond, expected, methods = ['GET'] } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const answers: Answer[] = [];
  const paths = [...expected.keys()];
  const pending = new Set<Promise<void>>();
  const start = performance.now();
  let sent = 0;

  const visit = async (method: string, path: string) => {
    const begun = performance.now();
    const { server, version, failure } = await request({ agent, host, port, method, path });
    const wrong = failure ?? (expected.get(path)?.(server) === true ? undefined : `${server} is no server for ${path}`);
    const at = performance.now();
    answers.push({ begun, at, method, path, server, version, ...(wrong !== undefined && { failure: wrong }) });
  };
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - start) / 1000) * perSecond);
    for (; sent < due; sent++) {
      const method = methods[Math.floor(sent / paths.length) % methods.length] ?? 'GET';
      const one = visit(method, paths[sent % paths.length] ?? '/').finally(() => pending.delete(one));
      pending.add(one);
    }
  }, TICK);

  return {
    answers,
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      agent.destroy();
    },
  };
}

interface Call {
  readonly agent: Agent;
  readonly host: string;
  readonly port: number;
  readonly method: string;
  readonly path: string;
}

function request(options: Call): Promise<Pick<Answer, 'server' | 'version' | 'failure'>> {
  return new Promise((resolve) => {
    const fail = (failure: string) => resolve({ server: '', version: '', failure });
    const call = httpRequest({ ...options, timeout: 10_000 }, (response) => {
      const server = String(response.headers['x-server'] ?? '');
      const version = String(response.headers['x-version'] ?? '');
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('error', (error) => fail(error.message));
      response.on('end', () =>
        response.statusCode === 200
          ? resolve({ server, version })
          : fail(`${response.statusCode} ${String(response.headers['x-webpool-reason'] ?? body.trim())}`),
      );
    });
    call.on('timeout', () => call.destroy(new Error('no answer in 10 s')));
    call.on('error', (error) => fail(error.message));
    call.end(options.method === 'POST' ? 'comment=hello' : undefined);
  });
}

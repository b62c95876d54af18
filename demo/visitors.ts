/** Visitors: a constant stream of requests, and who answered them. */
import { Agent, get } from 'node:http';

/** One answer. Times in milliseconds of `performance.now()`. */
export interface Answer {
  readonly at: number;
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
  readonly port: number;
  readonly perSecond: number;
  /** Which machines may answer which path; requests go round the paths. */
  readonly expected: ReadonlyMap<string, (server: string) => boolean>;
}

const TICK = 10;

/** Sends requests until it is stopped. */
export function startVisitors({ port, perSecond, expected }: VisitorOptions): Visitors {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const answers: Answer[] = [];
  const paths = [...expected.keys()];
  const pending = new Set<Promise<void>>();
  const begun = performance.now();
  let sent = 0;

  const visit = async (path: string) => {
    const { server, version, failure } = await request(agent, port, path);
    const wrong = failure ?? (expected.get(path)?.(server) === true ? undefined : `${server} is no server for ${path}`);
    answers.push({ at: performance.now(), path, server, version, ...(wrong !== undefined && { failure: wrong }) });
  };
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - begun) / 1000) * perSecond);
    for (; sent < due; sent++) {
      const one = visit(paths[sent % paths.length] ?? '/').finally(() => pending.delete(one));
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

function request(agent: Agent, port: number, path: string): Promise<Omit<Answer, 'at' | 'path'>> {
  return new Promise((resolve) => {
    const fail = (failure: string) => resolve({ server: '', version: '', failure });
    const call = get({ host: '127.0.0.1', port, path, agent, timeout: 10_000 }, (response) => {
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
  });
}

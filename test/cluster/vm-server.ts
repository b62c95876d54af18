/** The web server of a VM: `node vm-server.ts NAME PORT`; its parent talks to it over the channel of Node. */
import { createServer, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** A request as the server saw it; it is also the JSON that the server answers. */
export interface Visit {
  /** The server. */
  readonly server: string;
  readonly method: string;
  /** Path and query as they arrived. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Address of the connection's other end. */
  readonly remote: string;
}

/** How the server answers. */
export interface Behaviour {
  /** Default: 200. */
  readonly status?: number;
  /** Milliseconds before the answer. Default: 0. */
  readonly delay?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the visit as JSON. */
  readonly body?: string;
  /** Cut the connection instead of answering. */
  readonly cut?: boolean;
}

export interface ToServer {
  readonly behave?: Behaviour;
  readonly visits?: true;
}

export interface FromServer {
  readonly visits?: readonly Visit[];
}

/** Enough for any test, and an end for a load generator. */
const REMEMBERED = 10_000;

const [name = '', port = ''] = process.argv.slice(2);
const visits: Visit[] = [];
let behaviour: Behaviour = {};

const server = createServer((request, response) => {
  const visit: Visit = {
    server: name,
    method: request.method ?? '',
    url: request.url ?? '',
    headers: request.headers,
    remote: (request.socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
  };
  visits.push(visit);
  if (visits.length > REMEMBERED) visits.shift();
  request.resume();
  void answer(response, visit, behaviour);
});

async function answer(response: ServerResponse, visit: Visit, how: Behaviour): Promise<void> {
  if (how.delay !== undefined) await delay(how.delay);
  if (how.cut === true) {
    response.destroy();
    return;
  }
  response.writeHead(how.status ?? 200, { 'content-type': 'application/json', 'x-server': name, ...how.headers });
  response.end(how.body ?? `${JSON.stringify(visit)}\n`);
}

server.keepAliveTimeout = 60_000;
server.listen(Number(port), '::', () => process.send?.({}));

process.on('message', (message: ToServer) => {
  if (message.behave !== undefined) ({ behave: behaviour } = message as Required<Pick<ToServer, 'behave'>>);
  process.send?.(message.visits === true ? { visits } : {});
});
process.on('disconnect', () => process.exit(0));

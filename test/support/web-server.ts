/** Web servers for tests: small, on loopback addresses of their own, and they tell what they saw. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import { loopbackAddress } from './address.ts';

/** What an echo answer holds, as JSON. */
export interface Echo {
  /** Name of the server that answered. */
  readonly server: string;
  readonly method: string;
  /** Request target as it arrived. */
  readonly url: string;
  /** Name in lower case → value. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface WebServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Requests that were answered, without those of health checks. */
  readonly requests: number;
  /** Requests to /health, and connections that said nothing. */
  readonly checks: number;
  /** Status of /health; 200 at first, 0 = no answer at all. */
  health: number;
  /** Body of /health. */
  healthBody: string;
  /** Answers instead of the echo until it is set to undefined again. */
  handler: RequestListener | undefined;
  /** Requests that were begun and not answered yet. */
  readonly open: number;
  /** Ends at once, connections and all, as a machine that loses its power. */
  stop(): Promise<void>;
  /** Listens again on the same address and port. */
  start(): Promise<void>;
}

export interface WebServerOptions {
  readonly name: string;
  /** Default: a loopback address of its own. */
  readonly address?: string;
  /** Default: a free one. */
  readonly port?: number;
}

/**
 * Starts a server that answers every request with an `Echo`, and /health by its `health`. `/slow?MILLISECONDS` answers
 * that much later.
 */
export async function startWebServer(options: WebServerOptions): Promise<WebServer> {
  const { name, address = loopbackAddress() } = options;
  const counts = { requests: 0, checks: 0, open: 0 };
  const settings = { health: 200, healthBody: 'ok', handler: undefined as RequestListener | undefined };
  const sockets = new Set<Socket>();
  let port = options.port ?? 0;
  let server: Server | undefined;

  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.startsWith('/health') === true) {
      counts.checks += 1;
      if (settings.health === 0) return;
      response.writeHead(settings.health, { 'X-Health': name }).end(settings.healthBody);
      return;
    }
    counts.open += 1;
    response.on('close', () => {
      counts.open -= 1;
      if (response.writableFinished) counts.requests += 1;
    });
    const reply = settings.handler ?? ((one, other) => echo(name, one, other));
    const wait = /^\/slow\?(\d+)$/.exec(request.url ?? '')?.[1];
    if (wait === undefined) reply(request, response);
    else setTimeout(() => reply(request, response), Number(wait)).unref();
  };

  const start = async () => {
    const made = createServer({ keepAliveTimeout: 0 }, answer);
    made.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        if (socket.bytesRead === 0) counts.checks += 1;
      });
    });
    await new Promise<void>((resolve, reject) => {
      made.once('error', reject);
      made.listen(port, address, resolve);
    });
    ({ port } = made.address() as AddressInfo);
    server = made;
  };
  const stop = async () => {
    const ending = server;
    server = undefined;
    if (ending === undefined) return;
    const closed = new Promise((resolve) => {
      ending.close(resolve);
    });
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };

  await start();
  return {
    name,
    address,
    port,
    get requests() {
      return counts.requests;
    },
    get checks() {
      return counts.checks;
    },
    get open() {
      return counts.open;
    },
    get health() {
      return settings.health;
    },
    set health(status) {
      settings.health = status;
    },
    get healthBody() {
      return settings.healthBody;
    },
    set healthBody(body) {
      settings.healthBody = body;
    },
    get handler() {
      return settings.handler;
    },
    set handler(handler) {
      settings.handler = handler;
    },
    start,
    stop,
  };
}

/** Servers of these names for the tests of this file or `describe`: given before what is set up later, stopped after it. */
export function useWebServers<const Names extends readonly string[]>(
  names: Names,
  give: (servers: { readonly [Index in keyof Names]: WebServer }) => void,
): void {
  let servers: readonly WebServer[] = [];
  beforeAll(async () => {
    servers = await Promise.all(names.map((name) => startWebServer({ name })));
    // SAFETY: one for each name.
    give(servers as { readonly [Index in keyof Names]: WebServer });
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));
}

function echo(server: string, request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '', headers } = request;
  const body: Echo = { server, method, url, headers };
  request.resume();
  response.writeHead(200, { 'Content-Type': 'application/json', 'X-Server': server }).end(JSON.stringify(body));
}

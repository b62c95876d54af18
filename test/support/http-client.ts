/** HTTP as tests need it: one request over a connection of its own, written byte by byte if need be, and constant load. */
import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Echo } from './web-server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Name of the web server that answered; undefined when the proxy did so itself. */
  readonly server?: string;
  /** X-Webpool-Reason of an answer of the proxy. */
  readonly reason?: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  /** Address that the client comes from; the whole of 127.0.0.0/8 may be used. */
  readonly from?: string;
  /** Default: a connection of its own. */
  readonly agent?: Agent;
  /** Of the answer's body as text; default: utf8. With `latin1` each character is a byte. */
  readonly encoding?: BufferEncoding;
}

export interface Place {
  readonly address: string;
  readonly port: number;
}

/** One request. Errors: those of the connection. */
export async function request({ address, port }: Place, target: string, options: RequestOptions = {}): Promise<Answer> {
  const { method = 'GET', host, headers = {}, body, from, agent = false, encoding } = options;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      host: address,
      port,
      path: target,
      method,
      agent,
      headers: { ...(host === undefined ? {} : { Host: host }), ...(headers as Record<string, string | string[]>) },
      ...(from === undefined ? {} : { localAddress: from }),
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => resolve(readAnswer(incoming, encoding)));
    outgoing.end(body);
  });
}

/** An answer that comes in, all of it. Errors: those of the connection. */
export async function readAnswer(incoming: IncomingMessage, encoding?: BufferEncoding): Promise<Answer> {
  const body = await buffer(incoming);
  return answerOf(incoming.statusCode ?? 0, incoming.headers, body.toString(encoding));
}

/** An answer as tests read it. */
export function answerOf(status: number, headers: IncomingHttpHeaders, body: string): Answer {
  const server = headers['x-server'];
  const reason = headers['x-webpool-reason'];
  return {
    status,
    headers,
    body,
    ...(typeof server === 'string' ? { server } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
  };
}

/** The echo that a web server answered with. */
export function echoOf(answer: Answer): Echo {
  return JSON.parse(answer.body) as Echo;
}

/** Status and headers of the answer to bytes that a client library would not send. The text needs `Connection: close`. */
export async function rawRequest({ address, port }: Place, text: string, from?: string): Promise<Answer> {
  const received = await exchange({ address, port }, text, from);
  const [head = '', ...rest] = received.split('\r\n\r\n');
  const [line = '', ...fields] = head.split('\r\n');
  const headers: Record<string, string> = {};
  for (const field of fields) {
    const at = field.indexOf(':');
    headers[field.slice(0, at).toLowerCase()] = field.slice(at + 1).trim();
  }
  return answerOf(Number(line.split(' ')[1]), headers, rest.join('\r\n\r\n'));
}

/** All bytes that a server sends until it closes, after `text` was written to it. */
export async function exchange({ address, port }: Place, text: string, from?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = createConnection({
      host: address,
      port,
      ...(from === undefined ? {} : { localAddress: from }),
    });
    socket.setEncoding('latin1');
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer in time')));
    socket.on('error', reject);
    socket.on('data', (chunk: string) => (received += chunk));
    socket.on('close', () => resolve(received));
    socket.on('connect', () => socket.write(text, 'latin1'));
  });
}

export interface LoadOptions {
  /** Default: `/`. */
  readonly target?: string;
  /** Default: 4. */
  readonly clients?: number;
  /** Of all clients together. Default: as many as they can. */
  readonly perSecond?: number;
}

export interface Load {
  readonly requests: number;
  /** What went wrong: status codes above 499 and errors of connections. */
  readonly failures: readonly string[];
  /** Answers by web server. */
  readonly servers: ReadonlyMap<string, number>;
  /** Resolves when `count` more requests were answered. */
  more(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** Keeps sending requests from a few clients: half of them over lasting connections, half over a new one each time. */
export function startLoad(place: Place, options: RequestOptions & LoadOptions = {}): Load {
  const { target = '/', clients = 4, perSecond, ...rest } = options;
  const agents = Array.from({ length: clients }, (_, index) =>
    index % 2 === 0 ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined,
  );
  const ask = (client: number) => {
    const agent = agents[client];
    return request(place, target, { ...rest, ...(agent && { agent }) });
  };
  const end = () => {
    for (const agent of agents) agent?.destroy();
  };
  return keepAsking(ask, clients, { end, ...(perSecond !== undefined && { perSecond }) });
}

/** Keeps asking from so many clients, each one question at a time. `end` is called once none of them asks any more. */
export function keepAsking(
  ask: (client: number) => Promise<Answer>,
  clients: number,
  { end, perSecond = Infinity }: { readonly end?: () => void; readonly perSecond?: number } = {},
): Load {
  const failures: string[] = [];
  const servers = new Map<string, number>();
  const waiting = new Set<{ readonly at: number; readonly resolve: () => void }>();
  let requests = 0;
  const state = { running: true };

  const one = async (client: number) => {
    try {
      const { status, server = '', reason } = await ask(client);
      servers.set(server, (servers.get(server) ?? 0) + 1);
      if (status >= 500) failures.push(`${status} ${reason ?? ''}`);
    } catch (error) {
      failures.push(String(error));
    }
    requests += 1;
    for (const waiter of waiting) {
      if (requests < waiter.at) continue;
      waiting.delete(waiter);
      waiter.resolve();
    }
  };
  const client = async (index: number) => {
    const apart = (1000 * clients) / perSecond;
    let next = performance.now() + (index * apart) / clients;
    while (state.running) {
      const wait = next - performance.now();
      if (wait > 0) await delay(wait);
      next += apart;
      await one(index);
    }
  };
  const all = Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  return {
    get requests() {
      return requests;
    },
    failures,
    servers,
    more: (count) =>
      new Promise((resolve) => {
        waiting.add({ at: requests + count, resolve });
      }),
    async stop() {
      state.running = false;
      await all;
      end?.();
    },
  };
}

/**
 * Requests to the API server over connections that are kept: one lane for ordinary requests, one for watches, one for the Lease, so
 * that none of them queues behind another.
 */
import type { Dispatcher } from 'undici';
import send from 'undici/lib/api/api-request.js';
import Agent from 'undici/lib/dispatcher/agent.js';
import type { Access, AccessSource } from './access.ts';
import { ApiError, failureOf, hasCode, MalformedAnswerError } from './api-error.ts';
import { createBackoff, waitFor } from './backoff.ts';

/** One request. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From `pathOf`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Of the body. Default: application/json. */
  readonly contentType?: string;
  /** What is wanted of the object: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches. Default: all. */
  readonly answer?: 'Metadata';
  readonly signal?: AbortSignal;
  /** Milliseconds that the request may take in all, with its retries. Default: 30 s. */
  readonly timeout?: number;
  /** Requests on the Lease lane are never retried: whoever holds a Lease decides that by itself. */
  readonly lane?: 'Unary' | 'Lease';
}

/** What came of one exchange, for metrics. */
export interface Exchange {
  readonly method: string;
  /** HTTP status, or the code of the failure when there was no answer. */
  readonly code: string;
  readonly host: string;
  readonly seconds: number;
}

export interface TransportOptions {
  readonly access: AccessSource;
  readonly userAgent: string;
  readonly onExchange?: (exchange: Exchange) => void;
  /** Milliseconds to wait after the first failed try. Default: 200. */
  readonly firstRetry?: number;
}

export interface Transport {
  /**
   * The parsed answer.
   * Errors: ApiError for a refusal, MalformedAnswerError for what is no JSON, else what the connection says.
   */
  request(request: ApiRequest): Promise<unknown>;
  /** The pieces of a watch as they come. Ends when the server ends it; throws when `idle` milliseconds bring nothing. */
  stream(request: StreamRequest): Promise<AsyncIterable<Buffer>>;
  close(): Promise<void>;
}

export interface StreamRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Milliseconds. */
  readonly idle: number;
}

type Lane = 'Unary' | 'Lease' | 'Watch';
interface Lanes extends Readonly<Record<Lane, Agent>> {
  readonly fingerprint: string;
}

const JSON_TYPE = 'application/json';
const METADATA_TYPE = `${JSON_TYPE};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`;
/** Milliseconds. */
const TIMEOUT = 30_000;
const CONNECT_TIMEOUT = 5000;
const KEEP_ALIVE = 30_000;
const FIRST_RETRY = 200;
const LONGEST_RETRY = 5000;
const MOST_TRIES = 4;
const CONNECTIONS = 16;

/** A transport to the API server that `access` names. */
export function createTransport(options: TransportOptions): Transport {
  const { access, userAgent, onExchange, firstRetry = FIRST_RETRY } = options;
  let lanes: Lanes | undefined;
  let closed = false;

  /** Other TLS material needs other connections; what still runs on the old ones may end. */
  const lanesFor = (current: Access): Lanes => {
    if (lanes?.fingerprint === current.fingerprint) return lanes;
    if (lanes !== undefined) closeLanes(lanes, (agent) => agent.close());
    lanes = openLanes(current);
    return lanes;
  };

  const exchange = async (lane: Lane, wanted: Wanted, fresh: boolean): Promise<Dispatcher.ResponseData> => {
    if (closed) throw new Error('the transport is closed');
    const current = await access.current(fresh);
    const begun = performance.now();
    const url = new URL(current.server + wanted.path);
    for (const [name, value] of Object.entries(wanted.query ?? {})) url.searchParams.set(name, value);
    const tell = (code: string) =>
      onExchange?.({ method: wanted.method, code, host: url.host, seconds: (performance.now() - begun) / 1000 });
    try {
      const response = await send.call(lanesFor(current)[lane], {
        origin: url.origin,
        path: url.pathname + url.search,
        method: wanted.method,
        headers: { ...current.headers, ...wanted.headers, 'user-agent': userAgent },
        body: wanted.body ?? null,
        signal: wanted.signal,
        headersTimeout: Math.min(TIMEOUT, wanted.idle ?? TIMEOUT),
        bodyTimeout: wanted.idle ?? TIMEOUT,
      });
      tell(String(response.statusCode));
      return response;
    } catch (error) {
      tell(codeOf(error));
      throw error;
    }
  };

  /** A token that was just rotated is refused once. */
  const authorised = async (lane: Lane, wanted: Wanted): Promise<Dispatcher.ResponseData> => {
    const response = await exchange(lane, wanted, false);
    if (response.statusCode !== 401) return response;
    await response.body.dump();
    return exchange(lane, wanted, true);
  };

  const once = async (lane: Lane, wanted: Wanted): Promise<unknown> => {
    const response = await authorised(lane, wanted);
    const text = await response.body.text();
    const what = `${wanted.method} ${wanted.path}`;
    if (response.statusCode >= 300) throw new ApiError(what, failureIn(response, text));
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new MalformedAnswerError(`${what}: the answer is no JSON: ${text.slice(0, 200)}`);
    }
  };

  const persistently = async (lane: Lane, wanted: Wanted): Promise<unknown> => {
    const backoff = createBackoff({ first: firstRetry, longest: LONGEST_RETRY });
    const { method, signal } = wanted;
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(lane, wanted);
      } catch (error) {
        if (attempt === MOST_TRIES || signal.aborted || !mayRetry(method, error)) throw error;
        await waitFor(Math.max(backoff.next(), retryAfterMs(error)), signal);
        if (signal.aborted) throw error;
      }
    }
  };

  return {
    request(request) {
      const { lane = 'Unary' } = request;
      const wanted = wantedOf(request);
      return lane === 'Lease' ? once(lane, wanted) : persistently(lane, wanted);
    },
    async stream({ path, query, signal, idle }) {
      const response = await authorised('Watch', {
        method: 'GET',
        path,
        query,
        headers: { accept: JSON_TYPE },
        signal,
        idle,
      });
      if (response.statusCode === 200) return response.body;
      const text = await response.body.text();
      throw new ApiError(`GET ${path} (watch)`, failureIn(response, text));
    },
    async close() {
      closed = true;
      if (lanes !== undefined) await Promise.all(eachLane(lanes).map((agent) => agent.destroy()));
    },
  };
}

interface Wanted {
  readonly method: ApiRequest['method'];
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  readonly idle?: number;
}

function wantedOf(request: ApiRequest): Wanted {
  const { method, path, query, contentType = JSON_TYPE, answer, timeout = TIMEOUT } = request;
  const limit = AbortSignal.timeout(timeout);
  const signal = request.signal === undefined ? limit : AbortSignal.any([request.signal, limit]);
  const common = { method, path, signal, ...(query !== undefined && { query }) };
  const accept = answer === 'Metadata' ? METADATA_TYPE : JSON_TYPE;
  if (request.body === undefined) return { ...common, headers: { accept } };
  return { ...common, headers: { accept, 'content-type': contentType }, body: JSON.stringify(request.body) };
}

/** HTTP/1.1: one connection a watch is few, and a broken connection then takes one watch with it. */
function openLanes({ tls, fingerprint }: Access): Lanes {
  const connect = { ...tls, timeout: CONNECT_TIMEOUT, keepAlive: true, keepAliveInitialDelay: 15_000, noDelay: true };
  const common = { connect, allowH2: false, keepAliveTimeout: KEEP_ALIVE, pipelining: 1 } as const;
  return {
    fingerprint,
    Unary: new Agent({ ...common, connections: CONNECTIONS }),
    Lease: new Agent({ ...common, connections: 1 }),
    Watch: new Agent({ ...common, connections: null }),
  };
}

function eachLane(lanes: Lanes): readonly Agent[] {
  return [lanes.Unary, lanes.Lease, lanes.Watch];
}

function closeLanes(lanes: Lanes, how: (agent: Agent) => Promise<void>): void {
  for (const agent of eachLane(lanes)) how(agent).catch(() => undefined);
}

function failureIn({ statusCode, headers }: Dispatcher.ResponseData, text: string): ReturnType<typeof failureOf> {
  const retryAfter = headers['retry-after'];
  return failureOf(statusCode, text, typeof retryAfter === 'string' ? retryAfter : undefined);
}

/** Failures after which a request has certainly not reached the server. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Reading may be tried again after anything that can pass; a write only when it certainly was not carried out. */
function mayRetry(method: ApiRequest['method'], error: unknown): boolean {
  if (hasCode(error, 429)) return true;
  if (error instanceof ApiError) return method === 'GET' && [500, 502, 503, 504].includes(error.code);
  return method === 'GET' ? !(error instanceof MalformedAnswerError) : NOT_SENT.has(codeOf(error));
}

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '<error>';
}

/** What the server asked for, within reason. */
export function retryAfterMs(error: unknown): number {
  const seconds = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
  return Math.min(seconds, 30) * 1000;
}

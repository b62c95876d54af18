/**
 * An API server in this process, as far as our client uses one: list in pages, watch with bookmarks, 410 after compaction, create, replace,
 * patch, apply, delete. And it can misbehave on demand.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Access, AccessSource } from '../../operator/kube/access.ts';
import { createFakeObjects, fakeKey, jsonPatch, mergePatch, type FakeChange, type FakeObject } from './fake-objects.ts';

/** What a request gets instead of its answer. */
export type Fault =
  | {
      readonly type: 'Answer';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: unknown;
    }
  | { readonly type: 'Reset' }
  | { readonly type: 'Hang' }
  /** The head of a good answer, and then nothing. */
  | { readonly type: 'End' };

/** A request as it came. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

export interface FakeApiServer {
  readonly url: string;
  readonly access: AccessSource;
  readonly requests: readonly Seen[];
  readonly watchers: number;
  /** Connections that were ever opened. */
  readonly connections: number;
  readonly version: string;
  /** The next `times` requests that match get `fault`. */
  misbehave(fault: Fault, match: (request: Seen) => boolean, times?: number): void;
  /** Creates or replaces an object, as another client would. */
  put(plural: string, object: FakeObject): FakeObject;
  remove(plural: string, key: string): void;
  get(plural: string, key: string): FakeObject | undefined;
  all(plural: string): readonly FakeObject[];
  bookmark(): void;
  /** Writes something into every watch. */
  write(text: string | Buffer): void;
  /** Ends every watch in good order, or by a reset. */
  endWatches(how?: 'End' | 'Reset'): void;
  /** Forgets all changes so far: older versions are gone. */
  compact(): void;
  close(): Promise<void>;
}

interface Target {
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly key: string;
}

interface Watcher extends Target {
  readonly response: ServerResponse;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

const PATH = /^\/apis?\/(?:[^/]+\/)?v[^/]+(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/[^/]+)?$/;
const APPLY = 'application/apply-patch+yaml';
const JSON_PATCH = 'application/json-patch+json';

/** Starts a server that holds nothing. */
export async function startFakeApiServer(): Promise<FakeApiServer> {
  const changes: FakeChange[] = [];
  const watchers = new Set<Watcher>();
  const faults: { readonly fault: Fault; readonly match: (request: Seen) => boolean; times: number }[] = [];
  const requests: Seen[] = [];
  const sockets = new Set<Socket>();
  let compacted = 0;
  let connections = 0;

  const objects = createFakeObjects((change) => {
    changes.push(change);
    for (const watcher of watchers) send(watcher, change);
  });

  const verbs: Readonly<Record<string, (target: Target, request: Seen) => Reply>> = {
    GET: ({ plural, key }) => found(objects.of(plural).get(key), key),
    POST: ({ plural }, { body }) => {
      const object = body as FakeObject;
      const key = fakeKey(object);
      if (objects.of(plural).has(key)) return refusal(409, 'AlreadyExists', key);
      return { status: 201, body: objects.put(plural, object) };
    },
    PUT: ({ plural, key }, { body }) => replace(plural, key, () => body as FakeObject),
    PATCH: ({ plural, key }, { body, headers, query }) => {
      const kind = headers['content-type'];
      if (kind === APPLY) {
        const owner = String(query.get('fieldManager'));
        return { status: 200, body: objects.apply(plural, body as FakeObject, owner) };
      }
      return replace(plural, key, (before) =>
        kind === JSON_PATCH
          ? jsonPatch(before, body as readonly Record<string, unknown>[])
          : (mergePatch(before, body) as FakeObject),
      );
    },
    DELETE: ({ plural, key }, { body }) => {
      const before = objects.of(plural).get(key);
      const uid = (body as { preconditions?: { uid?: string } } | undefined)?.preconditions?.uid;
      if (before !== undefined && uid !== undefined && before.metadata.uid !== uid)
        return refusal(409, 'Conflict', key);
      objects.remove(plural, key);
      return before === undefined ? found(before, key) : { status: 200, body: { kind: 'Status', status: 'Success' } };
    },
  };

  const replace = (plural: string, key: string, make: (before: FakeObject) => FakeObject | undefined): Reply => {
    const before = objects.of(plural).get(key);
    if (before === undefined) return found(before, key);
    const next = make(before);
    if (next === undefined) return refusal(422, 'Invalid', key);
    const { resourceVersion } = next.metadata;
    const stale = resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion;
    return stale ? refusal(409, 'Conflict', key) : { status: 200, body: objects.put(plural, next) };
  };

  const list = ({ plural, namespace }: Target, { query }: Seen): Reply => {
    const limit = Number(query.get('limit') ?? 0);
    const token = query.get('continue');
    const [at = objects.revision, start = 0] = token === null ? [] : token.split(':').map(Number);
    if (token !== null && at <= compacted) return refusal(410, 'Expired', 'the continue token is too old');
    const all = [...objects.of(plural).values()].filter((object) => isInside(object, namespace));
    const end = limit === 0 ? all.length : start + limit;
    const metadata = { resourceVersion: String(at), ...(end < all.length && { continue: `${at}:${end}` }) };
    return { status: 200, body: { kind: 'ThingList', apiVersion: 'v1', metadata, items: all.slice(start, end) } };
  };

  const watch = (target: Target, { query }: Seen, response: ServerResponse): void => {
    const from = Number(query.get('resourceVersion'));
    if (from < compacted) return reply(response, refusal(410, 'Expired', 'too old resource version'));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watcher = { ...target, response };
    for (const change of changes) if (change.at > from) send(watcher, change);
    watchers.add(watcher);
    response.on('close', () => watchers.delete(watcher));
  };

  const answer = (request: Seen, response: ServerResponse): void => {
    const target = targetOf(request.path);
    const verb = verbs[request.method];
    if (target === undefined || verb === undefined) return reply(response, refusal(404, 'NotFound', request.path));
    if (target.name === undefined && request.query.has('watch')) return watch(target, request, response);
    const lists = target.name === undefined && request.method === 'GET';
    reply(response, lists ? list(target, request) : verb(target, request));
  };

  const server = createServer((incoming, response) => {
    const serve = async () => {
      const request = await seenOf(incoming);
      requests.push(request);
      const fault = faults.find(({ times, match }) => times > 0 && match(request));
      if (fault === undefined) return answer(request, response);
      fault.times -= 1;
      misbehaveNow(fault.fault, incoming, response);
    };
    serve().catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const access: Access = { server: url, headers: {}, tls: {}, fingerprint: url };
  const write = (text: string | Buffer) => {
    for (const { response } of watchers) response.write(text);
  };

  return {
    url,
    access: { current: () => Promise.resolve(access) },
    requests,
    get watchers() {
      return watchers.size;
    },
    get connections() {
      return connections;
    },
    get version() {
      return String(objects.revision);
    },
    misbehave: (fault, match, times = 1) => void faults.push({ fault, match, times }),
    put: (plural, object) => objects.put(plural, object),
    remove: (plural, key) => objects.remove(plural, key),
    get: (plural, key) => objects.of(plural).get(key),
    all: (plural) => [...objects.of(plural).values()],
    bookmark() {
      const object = { metadata: { resourceVersion: String(objects.revision) } };
      write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
    },
    write,
    endWatches(how = 'End') {
      for (const watcher of watchers) {
        watchers.delete(watcher);
        if (how === 'End') watcher.response.end();
        else watcher.response.socket?.resetAndDestroy();
      }
    },
    compact() {
      compacted = objects.skip();
      changes.length = 0;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

function targetOf(path: string): Target | undefined {
  const [, namespace, plural, name] = PATH.exec(path) ?? [];
  if (plural === undefined) return undefined;
  const key = namespace === undefined ? (name ?? '') : `${namespace}/${name}`;
  return { plural, namespace, name, key };
}

function send({ plural, namespace, response }: Watcher, { plural: changed, type, object }: FakeChange): void {
  if (plural === changed && isInside(object, namespace)) response.write(`${JSON.stringify({ type, object })}\n`);
}

async function seenOf(incoming: IncomingMessage): Promise<Seen> {
  const { pathname: path, searchParams: query } = new URL(incoming.url ?? '/', 'http://fake');
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const body: unknown = text === '' ? undefined : JSON.parse(text);
  return { method: incoming.method ?? '', path, query, headers: incoming.headers, body };
}

function misbehaveNow(fault: Fault, incoming: IncomingMessage, response: ServerResponse): void {
  if (fault.type === 'Reset') incoming.socket.resetAndDestroy();
  if (fault.type === 'End') response.writeHead(200, { 'content-type': 'application/json' }).end();
  if (fault.type !== 'Answer') return;
  const { headers = {}, body = { kind: 'Status', message: 'as asked' } } = fault;
  response.writeHead(fault.status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

function reply(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function found(object: FakeObject | undefined, key: string): Reply {
  return object === undefined ? refusal(404, 'NotFound', `${key} not found`) : { status: 200, body: object };
}

function refusal(status: number, reason: string, message: string): Reply {
  return { status, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status, reason, message } };
}

function isInside({ metadata }: FakeObject, namespace: string | undefined): boolean {
  return namespace === undefined || metadata.namespace === namespace;
}

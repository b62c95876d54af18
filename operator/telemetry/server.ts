import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

// An `import` asks a module for all that it has, and this one then reads an HTTP client of its own, which is 14 MB and 50 ms.
const { createServer } = process.getBuiltinModule('node:http');

/** The answer of a probe. */
export interface Check {
  readonly ok: boolean;
  /** Why not, or what is so. */
  readonly message: string;
}

/** What the server tells. */
export interface HttpOptions {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Answer whatever name the request was sent to: in a Pod, where who may ask is a matter of the network. Default: unless `host` is loopback. */
  readonly anyName?: boolean;
  /** Plain JSON. */
  readonly status: () => object;
  readonly healthy: () => Check;
  readonly ready: () => Check;
  readonly metrics: { readonly contentType: string; readonly text: () => Promise<string> };
}

/** A running server. */
export interface HttpServer {
  readonly port: number;
  /** Ends it, open connections too. */
  readonly close: () => Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

type Routes = ReadonlyMap<string, () => Answer | Promise<Answer>>;

const TEXT = 'text/plain; charset=utf-8';
const INDEX = `webpool
  /status   every object and every server, as JSON; \`webpool status\` shows it as tables
  /healthz  200 while the process works
  /readyz   200 once the load balancer is programmed
  /metrics  figures for Prometheus
`;

/**
 * Serves status, probes and metrics: reading only.
 * Errors: rejects when the port cannot be had.
 */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const routes = routesOf(options);
  // Who lets the network in lets it use any name for us: a scraper asks by the name of the host.
  const anyName = options.anyName === true || !isLoopback(options.host.toLowerCase());
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000 },
    (request, response) => {
      void serve(request, response, { routes, anyName });
    },
  );
  server.maxConnections = 256;
  server.setTimeout(15_000);
  await listen(server, options);
  return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

function routesOf({ status, healthy, ready, metrics }: HttpOptions): Routes {
  return new Map<string, () => Answer | Promise<Answer>>([
    ['/', () => ({ status: 200, type: TEXT, body: INDEX })],
    ['/healthz', () => probe(healthy())],
    ['/readyz', () => probe(ready())],
    ['/metrics', async () => ({ status: 200, type: metrics.contentType, body: await metrics.text() })],
    ['/status', () => ({ status: 200, type: 'application/json', body: JSON.stringify(status()) })],
  ]);
}

function probe({ ok, message }: Check): Answer {
  return { status: ok ? 200 : 503, type: TEXT, body: `${message}\n` };
}

interface Site {
  readonly routes: Routes;
  /** Otherwise loopback names alone. */
  readonly anyName: boolean;
}

async function serve(request: IncomingMessage, response: ServerResponse, site: Site): Promise<void> {
  const answer = await answerTo(request, site).catch((): Answer =>
    refusal(500, 'This could not be answered; try again.'),
  );
  const bytes = Buffer.from(answer.body);
  const headers = {
    'Content-Type': answer.type,
    'Content-Length': bytes.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(answer.status === 405 && { Allow: 'GET, HEAD' }),
  };
  response.writeHead(answer.status, headers).end(request.method === 'HEAD' ? undefined : bytes);
}

async function answerTo({ method, url, headers }: IncomingMessage, { routes, anyName }: Site): Promise<Answer> {
  if (!anyName && !isOwnName(headers.host)) return refusal(403, 'Host must be a loopback name.');
  const route = routes.get((url ?? '/').replace(/\?.*$/, ''));
  if (route === undefined) return refusal(404, 'Not found. / lists what is there.');
  if (method !== 'GET' && method !== 'HEAD') return refusal(405, 'Only GET and HEAD.');
  return route();
}

function refusal(status: number, message: string): Answer {
  return { status, type: TEXT, body: `${message}\n` };
}

/** A page of a foreign site whose name was made to point here (DNS rebinding) still sends its own name. */
function isOwnName(header = ''): boolean {
  const name = header
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '');
  return isLoopback(name);
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

function listen(server: Server, { host, port }: HttpOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port }, () => {
    server.off('error', reject);
    resolve();
  });
  return promise;
}

function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  return promise;
}

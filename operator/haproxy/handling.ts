/**
 * What happens on the way of a route as fields of its entry in the routing map; router.lua reads and does it.
 * `D=` and `A=` are ranges of clients that may not and that may, `L=` is a rate limit, `B=` the bytes of the largest body, `T=` the time of a request (ms),
 * `Q=` and `P=` change headers of requests and answers, `C=` is CORS, `H=` another host, `N=` another path.
 */
import type {
  Access,
  Action,
  Cors,
  Handling,
  HeaderChanges,
  HeaderHandling,
  PathChange,
  RateLimit,
  Route,
} from '../topology/topology.ts';
import { digest } from './names.ts';
import { percentEncode, quote } from './quote.ts';

type Redirect = Extract<Action, { type: 'Redirect' }>;

/** The fields of a route's handling. */
export function handlingFields({ handling, rule }: Pick<Route, 'handling' | 'rule'>): readonly string[] {
  if (handling === undefined) return [];
  const { rateLimit, largestBody, requestTimeout, cors, rewrite } = handling;
  return [
    ...accessFields(handling.access),
    ...(rateLimit ? [limitField(rateLimit, rule)] : []),
    ...(largestBody === undefined ? [] : [`B=${largestBody}`]),
    ...(requestTimeout === undefined ? [] : [`T=${requestTimeout}`]),
    ...(cors ? [corsField(cors)] : []),
    ...headerFields(handling),
    ...rewriteFields(rewrite),
  ];
}

function accessFields({ allow, deny }: Access = {}): readonly string[] {
  return [...(deny ? [`D=${rangeList(deny)}`] : []), ...(allow ? [`A=${rangeList(allow)}`] : [])];
}

function rewriteFields({ hostname, path }: NonNullable<Handling['rewrite']> = {}): readonly string[] {
  return [...(hostname === undefined ? [] : [`H=${percentEncode(hostname)}`]), ...(path ? [pathField(path)] : [])];
}

/** The fields of what happens to headers. */
export function headerFields({ requestHeaders, responseHeaders }: HeaderHandling): readonly string[] {
  return [
    ...(requestHeaders ? changeFields('Q', requestHeaders) : []),
    ...(responseHeaders ? changeFields('P', responseHeaders) : []),
  ];
}

/** The fields of a redirect: `G=STATUS:SCHEME:HOST:PORT`, empty where the request's own counts. */
export function redirectFields({ status, scheme, hostname, port, path }: Redirect): readonly string[] {
  const to = [status, scheme ?? '', percentEncode(hostname ?? ''), port ?? ''];
  return [...(path ? [pathField(path)] : []), `G=${to.join(':')}`];
}

/** Canonical ranges as a list. */
export function rangeList(ranges: readonly string[]): string {
  return ranges.map((range) => quote('token', range)).join(',');
}

/** The counters belong to the rule: all of its matches share them, and other numbers go on with them. */
function limitField({ requests, per, burst, header = '', status }: RateLimit, rule: Route['rule']): string {
  const id = digest(`${rule.key} ${rule.name}`);
  return `L=${[id, requests, per, burst, status, percentEncode(header)].join(':')}`;
}

function changeFields(field: 'Q' | 'P', { remove, set, add }: HeaderChanges): readonly string[] {
  return [
    ...remove.map((name) => `${field}=del:${percentEncode(name)}`),
    ...set.map(({ name, value }) => `${field}=set:${percentEncode(name)}:${percentEncode(value)}`),
    ...add.map(({ name, value }) => `${field}=add:${percentEncode(name)}:${percentEncode(value)}`),
  ];
}

/** `N=F::TO`, or `N=P:LENGTH:TO` with the length of what is replaced. */
function pathField(change: PathChange): string {
  const to = percentEncode(change.to);
  return change.type === 'Full' ? `N=F::${to}` : `N=P:${change.from.length}:${to}`;
}

/** Source: the Fetch standard has maxAge in seconds. */
function corsField(cors: Cors): string {
  const list = (values: readonly string[]) => values.map(percentEncode).join(',');
  const { allowOrigins, allowCredentials, allowMethods, allowHeaders, exposeHeaders, maxAge } = cors;
  return `C=${[
    list(allowOrigins),
    allowCredentials ? '1' : '',
    list(allowMethods),
    list(allowHeaders),
    list(exposeHeaders),
    String(Math.floor(maxAge / 1000)),
  ].join(':')}`;
}

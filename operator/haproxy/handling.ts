/**
 * What happens on the way of a route as fields of its entry in the routing map; router.lua reads and does it.
 * `Q=` and `P=` change headers of requests and answers, `C=` is CORS, `H=` another host, `N=` another path.
 */
import type { Action, Cors, Handling, HeaderChanges, HeaderHandling, PathChange } from '../topology/topology.ts';
import { percentEncode } from './quote.ts';

type Redirect = Extract<Action, { type: 'Redirect' }>;

/** The fields of a route's handling. */
export function handlingFields(handling: Handling): readonly string[] {
  const { cors, rewrite } = handling;
  return [
    ...(cors ? [corsField(cors)] : []),
    ...headerFields(handling),
    ...(rewrite?.hostname === undefined ? [] : [`H=${percentEncode(rewrite.hostname)}`]),
    ...(rewrite?.path ? [pathField(rewrite.path)] : []),
  ];
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

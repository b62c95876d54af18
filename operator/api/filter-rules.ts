/** What the filters of a rule ask of each other and of its action. */
import type { Cors, Filters, HeaderFilter, PathChange, Rule } from './kinds.gen.ts';
import { canonicalAddress, isHostname } from './address.ts';
import { durationProblems } from './duration-rules.ts';
import { readsHttp, type Protocol } from './layer.ts';
import { pathProblems } from './path-rules.ts';
import { problem, shown, type Problem } from './problem.ts';

/** Headers that say where a message ends or belong to one connection: HAProxy alone writes them. */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Everything wrong with the filters of a rule and of its pools. */
export function filterProblems(rule: Rule, path: string, protocol: Protocol): readonly Problem[] {
  const { filters, pools = [] } = rule;
  const places = [
    ...(filters === undefined ? [] : [{ own: filters, place: `${path}.filters` }]),
    ...pools.flatMap(({ filters: own }, index) =>
      own === undefined ? [] : [{ own, place: `${path}.pools[${index}].filters` }],
    ),
  ];
  if (!readsHttp(protocol)) {
    return places.map(({ place }) => problem(place, 'needs an HTTP listener: a TCP connection has no headers'));
  }
  const headers = places.flatMap(({ own, place }) => headerFilterProblems(own, place));
  return [...headers, ...(filters === undefined ? [] : ownProblems(filters, rule, `${path}.filters`))];
}

function ownProblems(filters: Filters, rule: Rule, path: string): readonly Problem[] {
  const { redirect, rewrite, cors } = filters;
  return [
    ...incompatible(filters, rule, path),
    ...(redirect === undefined ? [] : redirectProblems(redirect, `${path}.redirect`)),
    ...hostnameProblems(redirect?.hostname, `${path}.redirect.hostname`),
    ...hostnameProblems(rewrite?.hostname, `${path}.rewrite.hostname`),
    ...changeProblems(redirect?.path, rule, `${path}.redirect.path`),
    ...changeProblems(rewrite?.path, rule, `${path}.rewrite.path`),
    ...(cors === undefined ? [] : corsProblems(cors, `${path}.cors`)),
  ];
}

/** Filters that would never do anything, because the load balancer answers itself. */
function incompatible(filters: Filters, { pools, respond }: Rule, path: string): readonly Problem[] {
  const { redirect, rewrite, requestHeaders } = filters;
  const clash = (field: string, why: string) => problem(`${path}.${field}`, why, 'IncompatibleFilters');
  const other = pools !== undefined ? 'pools' : 'respond';
  const answers = redirect !== undefined ? 'redirect' : 'respond';
  const silent = redirect !== undefined || respond !== undefined;
  return [
    ...(redirect !== undefined && (pools !== undefined || respond !== undefined)
      ? [clash('redirect', `stands beside ${other}: a redirect is the whole answer, so keep one of them`)]
      : []),
    ...(rewrite !== undefined && silent
      ? [clash('rewrite', `stands beside ${answers}: no server gets the request, so keep one of them`)]
      : []),
    ...(requestHeaders !== undefined && silent
      ? [clash('requestHeaders', `stands beside ${answers}: no server gets the request, so keep one of them`)]
      : []),
  ];
}

function redirectProblems(redirect: NonNullable<Filters['redirect']>, path: string): readonly Problem[] {
  const { scheme, hostname, port, path: change } = redirect;
  if ([scheme, hostname, port, change].some((field) => field !== undefined)) return [];
  return [problem(path, 'changes nothing, so clients would go round in a loop: set scheme, hostname, port or path')];
}

function hostnameProblems(host: string | undefined, path: string): readonly Problem[] {
  if (host === undefined || isHostname(host) || canonicalAddress(host) !== undefined) return [];
  return [problem(path, `${shown(host)} is no host: labels have 1 to 63 characters`)];
}

function changeProblems(change: PathChange | undefined, { matches = [] }: Rule, path: string): readonly Problem[] {
  if (change === undefined) return [];
  const { type, value } = change;
  const wrong = value === '' ? [] : pathProblems({ type: 'Exact', value }, path);
  const index = matches.findIndex((match) => match.path?.type === 'Exact' || match.path?.type === 'Regex');
  if (type !== 'ReplacePrefix' || index < 0) return wrong;
  const why = `needs path type Prefix in every match, and matches[${index}] has ${matches[index]?.path?.type}: use ReplaceFullPath or a rule of its own`;
  return [...wrong, problem(`${path}.type`, why, 'IncompatibleFilters')];
}

type HeaderFilters = Pick<Filters, 'requestHeaders' | 'responseHeaders'>;

function headerFilterProblems(filters: HeaderFilters, path: string): Problem[] {
  const { requestHeaders = {}, responseHeaders = {} } = filters;
  return [
    ...changesOf(requestHeaders, `${path}.requestHeaders`).flatMap((entry) => nameProblems(entry, 'request')),
    ...changesOf(responseHeaders, `${path}.responseHeaders`).flatMap((entry) => nameProblems(entry, 'response')),
    ...(['requestHeaders', 'responseHeaders'] as const).flatMap((field) => {
      const changes = changesOf(filters[field] ?? {}, `${path}.${field}`);
      return [...repeatedNames(changes), ...sizeProblems(changes, `${path}.${field}`)];
    }),
  ];
}

interface Change {
  readonly name: string;
  readonly value?: string;
  readonly path: string;
  readonly namePath: string;
}

function changesOf({ set = [], add = [], remove = [] }: HeaderFilter, path: string): readonly Change[] {
  const valued = (list: 'set' | 'add', entries: readonly { readonly name: string; readonly value: string }[]) =>
    entries.map((entry, index) => ({
      ...entry,
      path: `${path}.${list}[${index}]`,
      namePath: `${path}.${list}[${index}].name`,
    }));
  const removed = remove.map((name, index) => ({
    name,
    path: `${path}.remove[${index}]`,
    namePath: `${path}.remove[${index}]`,
  }));
  return [...removed, ...valued('set', set), ...valued('add', add)];
}

function nameProblems({ name, value, path, namePath }: Change, way: 'request' | 'response'): readonly Problem[] {
  const lower = name.toLowerCase();
  if (FRAMING.has(lower)) {
    return [problem(namePath, `${name} says how the message is sent, which is up to the load balancer: remove it`)];
  }
  if (way === 'request' && lower === 'host') {
    return [problem(namePath, 'the host has a filter of its own: use rewrite.hostname')];
  }
  if (value === undefined || value.trim() === value) return [];
  return [problem(`${path}.value`, 'begins or ends with a space, which HTTP does not carry: remove it')];
}

/** Of one name at two places nobody could say which change is meant. */
function repeatedNames(changes: readonly Change[]): readonly Problem[] {
  const first = new Map<string, Change>();
  return changes.flatMap((change) => {
    const before = first.get(change.name.toLowerCase());
    first.set(change.name.toLowerCase(), before ?? change);
    if (before === undefined) return [];
    return [problem(change.namePath, `${shown(change.name)} stands at ${before.path} too: keep one of them`)];
  });
}

/** Bytes of headers that one filter may bring: they share HAProxy's buffer of 16 KiB with those of the client. */
const MOST_BYTES = 8192;

function sizeProblems(changes: readonly Change[], path: string): readonly Problem[] {
  const bytes = changes.reduce((sum, { name, value = '' }) => sum + new TextEncoder().encode(name + value).length, 0);
  if (bytes <= MOST_BYTES) return [];
  return [problem(path, `has ${bytes} bytes of headers, at most ${MOST_BYTES}: a message with them would not fit`)];
}

const HIGHEST_PORT = 65_535;

function corsProblems({ allowOrigins, maxAge }: Cors, path: string): readonly Problem[] {
  const origins = allowOrigins.flatMap((origin, index) => {
    const [, host = '', port] = /^https?:\/\/(?:\*\.)?([^:]*)(?::(\d+))?$/.exec(origin) ?? [];
    const right =
      origin === '*' || ((isHostname(host) || canonicalAddress(host) !== undefined) && isPort(port ?? '80'));
    return right
      ? []
      : [problem(`${path}.allowOrigins[${index}]`, `${shown(origin)} is no origin: scheme://host[:port]`)];
  });
  return [...origins, ...durationProblems(maxAge, `${path}.maxAge`, ['0s', '24h'])];
}

function isPort(text: string): boolean {
  return Number(text) >= 1 && Number(text) <= HIGHEST_PORT;
}

/**
 * The listeners' routes as the content of the routing map, which HAProxy replaces as a whole and atomically.
 * Keys: `PORT|HOST/PREFIX/` and `PORT|HOST/EXACT/?` → `BACKEND@RULE` or `?ID`; `tcp|PORT` and `sni|PORT|HOST` likewise;
 * `PORT||wildcards` says that the listener has wildcard hosts; `tls|PORT|HOST` names the terms of a host's TLS; `?ID.N` and
 * `~ID.N` see router.lua.
 */
import { readsHttp } from '../api/layer.ts';
import type { Action, Conditions, Listener, Route, ValueCondition } from '../topology/topology.ts';
import { siteEntries, siteId } from './certificates.ts';
import { wildcardsKey } from './frontend.ts';
import { handlingFields, headerFields, rangeList, redirectFields } from './handling.ts';
import { backendName, digest } from './names.ts';
import { percentEncode, quote } from './quote.ts';
import { regexProgram } from './regex-program.ts';

type Entries = Map<string, string>;

const ANY_HOST = '*';
/** A map line and a runtime command must fit one buffer of 16 KiB. */
const PART_LENGTH = 8000;

/** The routing map of all listeners. */
export function routingMap(listeners: readonly Listener[]): ReadonlyMap<string, string> {
  const entries: Entries = new Map();
  for (const listener of listeners) {
    for (const [key, value] of siteEntries(listener)) entries.set(key, value);
    if (readsHttp(listener.protocol)) addHttp(entries, listener);
    else if (listener.protocol === 'TLS') addSni(entries, listener);
    else entries.set(`tcp|${listener.port}`, chain(entries, listener.routes, 'tcp'));
  }
  return entries;
}

function addHttp(entries: Entries, listener: Listener): void {
  for (const [host, routes] of Map.groupBy(listener.routes, (route) => route.host ?? ANY_HOST)) {
    if (host.startsWith('*.')) entries.set(wildcardsKey(listener.port), '1');
    const site = `${listener.port}|${quote('token', host)}`;
    const paths = pathsOf(routes);
    for (const path of paths.exact.keys()) {
      const candidates = [...(paths.exact.get(path) ?? []), ...paths.regex, ...covering(paths, path)];
      entries.set(`${site}${quote('path', path)}/?`, chain(entries, candidates, 'http'));
    }
    for (const path of paths.prefix.keys()) {
      const candidates = [...paths.regex, ...covering(paths, path)];
      entries.set(`${site}${prefixKey(path)}`, chain(entries, candidates, 'http'));
    }
  }
}

/** Hosts of one listener, each with its own routes; `*` is every host. */
function addSni(entries: Entries, listener: Listener): void {
  for (const [host, routes] of Map.groupBy(listener.routes, (route) => route.host ?? ANY_HOST)) {
    entries.set(`sni|${listener.port}|${quote('token', host)}`, chain(entries, routes, 'tcp'));
  }
}

/** `/blog` → `/blog/`, `/` → `/`. */
function prefixKey(path: string): string {
  return path === '/' ? '/' : `${quote('path', path)}/`;
}

interface Paths {
  readonly exact: Map<string, Route[]>;
  readonly regex: Route[];
  readonly prefix: Map<string, Route[]>;
  /** Routes of the host without any path condition. */
  readonly none: Route[];
}

function pathsOf(routes: readonly Route[]): Paths {
  const paths: Paths = { exact: new Map(), regex: [], prefix: new Map(), none: [] };
  for (const route of routes) {
    if (route.path === undefined) paths.none.push(route);
    else if (route.path.type === 'Regex') paths.regex.push(route);
    else addTo(route.path.type === 'Exact' ? paths.exact : paths.prefix, route.path.value, route);
  }
  // What holds for every path is found under the root.
  if ((paths.none.length > 0 || paths.regex.length > 0) && !paths.prefix.has('/')) paths.prefix.set('/', []);
  return paths;
}

function addTo(map: Map<string, Route[]>, key: string, route: Route): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [route]);
  else list.push(route);
}

/** Prefix routes that hold for `path`, longest first, then those without a path. */
function covering(paths: Paths, path: string): readonly Route[] {
  const found: Route[] = [];
  for (let prefix = path; ; prefix = prefix.slice(0, prefix.lastIndexOf('/')) || '/') {
    found.push(...(paths.prefix.get(prefix) ?? []));
    if (prefix === '/') return [...found, ...paths.none];
  }
}

/** The value for candidates in order of precedence: a backend at once where nothing has to be asked, else a chain. */
function chain(entries: Entries, candidates: readonly Route[], mode: 'http' | 'tcp'): string {
  const end = candidates.findIndex(isUnconditional);
  const needed = end < 0 ? candidates : candidates.slice(0, end + 1);
  const direct = needed.length === 1 && end === 0 ? directBackend(needed[0], mode) : undefined;
  if (direct !== undefined) return direct;
  const text = needed.map((route) => entryText(entries, route, mode)).join('|');
  return `?${blob(entries, '?', text)}`;
}

function isUnconditional(route: Route): boolean {
  return route.path?.type !== 'Regex' && Object.keys(route.conditions).length === 0;
}

function directBackend(route: Route | undefined, mode: 'http' | 'tcp'): string | undefined {
  if (route?.handling !== undefined || route?.action.type !== 'Pools' || route.action.pools.length !== 1)
    return undefined;
  const [pool] = route.action.pools;
  const plain = pool?.usable === true && pool.weight > 0 && pool.handling === undefined;
  return plain ? `${backendName(mode, pool.key)}@${ruleName(route)}` : undefined;
}

/** `namespace/object/rule`, for the access log. */
function ruleName({ rule }: Route): string {
  return quote('token', `${rule.key}/${rule.name}`);
}

/** Stores a text under names made of its digest and gives the digest. */
function blob(entries: Entries, mark: '?' | '~', text: string): string {
  const id = digest(text);
  if (!entries.has(`${mark}${id}.1`)) {
    for (let start = 0, part = 1; start < text.length; start += PART_LENGTH, part++) {
      entries.set(`${mark}${id}.${part}`, text.slice(start, start + PART_LENGTH));
    }
  }
  return id;
}

function entryText(entries: Entries, route: Route, mode: 'http' | 'tcp'): string {
  const fields = conditionFields(entries, route.conditions);
  if (route.path?.type === 'Regex') {
    fields.unshift(valueField(entries, 'p', { name: '', type: 'Regex', value: route.path.value }));
  }
  return [...fields, `n=${ruleName(route)}`, ...handlingFields(route), ...actionFields(route.action, mode)].join('&');
}

const list = (values: readonly string[]) => values.map(percentEncode).join(',');

/** One field a kind of condition; the compiler asks for each new kind here. */
const fieldsOf: {
  readonly [K in keyof Conditions]-?: (entries: Entries, value: NonNullable<Conditions[K]>) => readonly string[];
} = {
  extensions: (_, values) => [`e=${list(values)}`],
  contentTypes: (_, values) => [`c=${list(values)}`],
  method: (_, value) => [`m=${percentEncode(value)}`],
  headers: (entries, matches) => matches.map((match) => valueField(entries, 'h', match)),
  queryParams: (entries, matches) => matches.map((match) => valueField(entries, 'q', match)),
  tls: (_, tls) => [`t=${siteId(tls)}`],
  sourceRanges: (_, ranges) => [`s=${rangeList(ranges)}`],
};

function conditionFields(entries: Entries, conditions: Conditions): string[] {
  const { extensions, contentTypes, method, headers, queryParams, sourceRanges, tls } = conditions;
  return [
    ...(tls ? fieldsOf.tls(entries, tls) : []),
    ...(sourceRanges ? fieldsOf.sourceRanges(entries, sourceRanges) : []),
    ...(method ? fieldsOf.method(entries, method) : []),
    ...(extensions ? fieldsOf.extensions(entries, extensions) : []),
    ...(contentTypes ? fieldsOf.contentTypes(entries, contentTypes) : []),
    ...(headers ? fieldsOf.headers(entries, headers) : []),
    ...(queryParams ? fieldsOf.queryParams(entries, queryParams) : []),
  ];
}

function valueField(entries: Entries, field: 'h' | 'q' | 'p', match: ValueCondition): string {
  const name = percentEncode(match.name);
  if (match.type === 'Exact') return `${field}=E:${name}:${percentEncode(match.value)}`;
  const program = regexProgram(match.value);
  blob(entries, '~', program.code);
  return `${field}=R:${name}:${program.reference}`;
}

/** Stands in a weighted list for a pool that is not there: its share is answered 500. */
const MISSING = '!';

function actionFields(action: Action, mode: 'http' | 'tcp'): readonly string[] {
  if (action.type === 'Redirect') return redirectFields(action);
  if (action.type === 'Respond') {
    return [`r=${action.status}:${percentEncode(action.contentType)}:${percentEncode(action.body)}`];
  }
  const shares = action.pools
    .filter(({ weight }) => weight > 0)
    .map(({ key, weight, usable, handling }) => ({
      name: usable ? backendName(mode, key) : MISSING,
      weight,
      fields: handling === undefined ? [] : headerFields(handling),
    }));
  const [only] = shares;
  if (only === undefined) return [`b=${MISSING}`];
  const own = shares.flatMap(({ fields }, index) => fields.map((field) => `${index + 1}${field}`));
  const names = shares.length === 1 ? `b=${only.name}` : `w=${shares.map((s) => `${s.name}:${s.weight}`).join(',')}`;
  return [...own, names];
}

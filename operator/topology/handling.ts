/** What the rule asks to happen on the way, in the form in which it is carried out. */
import type {
  Access as WrittenAccess,
  Cors as WrittenCors,
  Filters,
  HeaderFilter,
  PathChange as WrittenChange,
  RateLimit as WrittenLimit,
  Redirect,
  Rule,
} from '../api/kinds.gen.ts';
import { parseByteSize } from '../api/byte-size.ts';
import { parseDuration } from '../api/duration.ts';
import type {
  Access,
  Action,
  Cors,
  Handling,
  HeaderChanges,
  HeaderHandling,
  HeaderValue,
  PathChange,
  RateLimit,
  Route,
} from './topology.ts';
import { DEFAULTS } from './defaults.ts';
import { canonicalRanges } from './matches.ts';
import { normalizeHost, normalizeTriplets } from './path.ts';

const { filters: defaults, rateLimit: limitDefaults, timeouts: timeDefaults } = DEFAULTS.RoutingRule.rules;

/** What a rule asks for on the way of a match with `path`; undefined when nothing happens. */
export function handlingOf(rule: Rule, path: Route['path']): Handling | undefined {
  const { filters } = rule;
  const { cors, rewrite } = filters ?? {};
  return unlessEmpty({
    ...limitsOf(rule),
    ...(cors && { cors: corsOf(cors) }),
    ...headerHandlingOf(filters),
    ...(rewrite && { rewrite: placeOf(rewrite, path) }),
  });
}

function limitsOf({ access, rateLimit, limits, timeouts }: Rule): Handling {
  const largestBody = parseByteSize(limits?.requestBody ?? '');
  const requestTimeout = parseDuration(timeouts?.request ?? '') ?? timeDefaults.request;
  return {
    ...(access && { access: accessOf(access) }),
    ...(rateLimit && { rateLimit: rateLimitOf(rateLimit) }),
    ...(largestBody !== undefined && { largestBody }),
    ...(requestTimeout > 0 && { requestTimeout }),
  };
}

/** The handling of headers; undefined when nothing happens. */
export function headerHandlingOf(
  filters: Pick<Filters, 'requestHeaders' | 'responseHeaders'> | undefined,
): HeaderHandling | undefined {
  const { requestHeaders, responseHeaders } = filters ?? {};
  return unlessEmpty({
    ...(requestHeaders && { requestHeaders: headerChanges(requestHeaders) }),
    ...(responseHeaders && { responseHeaders: headerChanges(responseHeaders) }),
  });
}

/** The answer that sends clients elsewhere. */
export function redirectOf(redirect: Redirect, path: Route['path']): Action {
  const { scheme, port, statusCode = defaults.redirect.statusCode } = redirect;
  return {
    type: 'Redirect',
    status: statusCode,
    ...(scheme && { scheme }),
    ...(port !== undefined && { port }),
    ...placeOf(redirect, path),
  };
}

function unlessEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

function accessOf({ allow, deny }: WrittenAccess): Access {
  return { ...(allow && { allow: canonicalRanges(allow) }), ...(deny && { deny: canonicalRanges(deny) }) };
}

function rateLimitOf({ requests, per, burst = requests, key, statusCode }: WrittenLimit): RateLimit {
  return {
    requests,
    per: parseDuration(per) ?? 0,
    burst,
    ...(key?.type === 'Header' && key.name !== undefined && { header: lowerCase(key.name) }),
    status: statusCode ?? limitDefaults.statusCode,
  };
}

function headerChanges({ remove = [], set = [], add = [] }: HeaderFilter): HeaderChanges {
  const named = ({ name, value }: HeaderValue) => ({ name: lowerCase(name), value });
  return { remove: remove.map(lowerCase), set: set.map(named), add: add.map(named) };
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}

function placeOf(
  { hostname, path: change }: { readonly hostname?: string; readonly path?: WrittenChange },
  path: Route['path'],
): { readonly hostname?: string; readonly path?: PathChange } {
  return {
    ...(hostname !== undefined && { hostname: normalizeHost(hostname) }),
    ...(change && { path: pathChange(change, path) }),
  };
}

/** Slashes at the end of a prefix mean nothing, as in Gateway API. */
function pathChange({ type, value }: WrittenChange, path: Route['path']): PathChange {
  const to = normalizeTriplets(value);
  if (type === 'ReplaceFullPath') return { type: 'Full', to: to === '' ? '/' : to };
  return { type: 'Prefix', from: path?.value ?? '', to: to.replace(/\/+$/, '') };
}

function corsOf(cors: WrittenCors): Cors {
  const { allowOrigins, allowCredentials, allowMethods, allowHeaders, exposeHeaders } = { ...defaults.cors, ...cors };
  return {
    allowOrigins: allowOrigins.map(lowerCase),
    allowCredentials,
    allowMethods,
    allowHeaders: allowHeaders.map(lowerCase),
    exposeHeaders: exposeHeaders.map(lowerCase),
    maxAge: parseDuration(cors.maxAge ?? '') ?? defaults.cors.maxAge,
  };
}

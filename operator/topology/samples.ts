/** Requests that a route is for, made up from what it asks. */
import type { ValueCondition } from './conditions.ts';
import type { RequestLine } from './matching.ts';
import type { Route } from './topology.ts';

/** Stands for whatever a visitor may ask for. */
const ANYTHING = 'anything';

/** Some requests that a route asks for; none where a regular expression says which. More specific routes may take them. */
export function samplesOf(route: Route): readonly RequestLine[] {
  const { host, conditions, handling } = route;
  const { method = 'GET', sourceRanges = handling?.access?.allow } = conditions;
  const [headers, query] = [headersOf(route), queryOf(conditions.queryParams)];
  if (headers === undefined || query === undefined) return [];
  const [range] = sourceRanges ?? [];
  const common = {
    method,
    host: host?.replace('*', ANYTHING) ?? `${ANYTHING}.invalid`,
    headers,
    ...(range !== undefined && { source: range.replace(/\/\d+$/, '') }),
  };
  return pathsOf(route).map((path) => ({ ...common, target: `${path}${query}` }));
}

function pathsOf({ path, conditions: { extensions } }: Route): readonly string[] {
  if (path?.type === 'Regex') return [];
  if (path?.type === 'Exact') return [path.value];
  const prefix = path?.value ?? '';
  if (extensions !== undefined) return [`${prefix}/${ANYTHING}.${extensions[0]}`];
  return [prefix === '' ? '/' : prefix, `${prefix}/${ANYTHING}`];
}

function headersOf({ conditions: { headers = [], contentTypes } }: Route): RequestLine['headers'] | undefined {
  if (!areExact(headers)) return undefined;
  const [type] = contentTypes ?? [];
  return type === undefined ? headers : [...headers, { name: 'content-type', value: type.replace('*', ANYTHING) }];
}

function queryOf(wanted: readonly ValueCondition[] = []): string | undefined {
  if (!areExact(wanted)) return undefined;
  const pairs = wanted.map(({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function areExact(wanted: readonly ValueCondition[]): boolean {
  return wanted.every(({ type }) => type === 'Exact');
}

/** The matches of a rule in the one form in which they are compared with each other and with requests. */
import type { RoutingRuleSpec, RuleMatch } from '../api/kinds.gen.ts';
import { canonicalCidr } from '../api/address.ts';
import type { Conditions, Route, ValueCondition } from './topology.ts';
import { DEFAULTS } from './defaults.ts';
import { normalizeHost, normalizePath, normalizeTriplets } from './path.ts';
import { compareText } from '../api/stable.ts';

/** The hosts of a RoutingRule, each once; `[undefined]` when it is for every host. */
export function hostsOf(spec: Pick<RoutingRuleSpec, 'hostnames'>): readonly (string | undefined)[] {
  return spec.hostnames === undefined ? [undefined] : [...new Set(spec.hostnames.map(normalizeHost))];
}

/**
 * The path of a match. undefined = every path, and so is the prefix `/`: both say the same, as in Gateway API, so a rule
 * for `/` does not hide the rules that look at file types only.
 */
export function pathOf(match: RuleMatch): Route['path'] {
  if (match.path === undefined) return undefined;
  const { type, value } = match.path;
  if (type === 'Regex') return { type, value };
  const path = normalizePath(value) ?? normalizeTriplets(value);
  if (type === 'Exact') return { type, value: path };
  const prefix = path.replace(/\/$/, '');
  return prefix === '' ? undefined : { type, value: prefix };
}

/** Everything but host and path that a match asks for. */
export function conditionsOf(match: RuleMatch): Conditions {
  const { extensions, contentTypes, method, headers, queryParams, sourceRanges } = match;
  return {
    ...(extensions && { extensions: sortedUnique(extensions.map(lowerCase)) }),
    ...(contentTypes && { contentTypes: sortedUnique(contentTypes.map(lowerCase)) }),
    ...(method && { method }),
    ...(headers && { headers: values(headers.map((header) => ({ ...header, name: lowerCase(header.name) }))) }),
    ...(queryParams && { queryParams: values(queryParams) }),
    ...(sourceRanges && { sourceRanges: canonicalRanges(sourceRanges) }),
  };
}

/** Ranges of addresses in their one spelling, each once, sorted. */
export function canonicalRanges(ranges: readonly string[]): readonly string[] {
  return sortedUnique(ranges.map((range) => canonicalCidr(range) ?? range));
}

/** A match as text: equal for two matches exactly when they are textually equal in normal form. */
export function identityOf({ host, path, conditions }: Pick<Route, 'host' | 'path' | 'conditions'>): string {
  return JSON.stringify([host, path?.type, path?.value, conditions]);
}

type WrittenValue = Omit<ValueCondition, 'type'> & Partial<Pick<ValueCondition, 'type'>>;

function values(written: readonly WrittenValue[]): readonly ValueCondition[] {
  const { type: defaultType } = DEFAULTS.RoutingRule.rules.matches.headers;
  const complete = written.map(({ name, type = defaultType, value }) => ({ name, type, value }));
  const unique = new Map(complete.map((condition) => [JSON.stringify(condition), condition]));
  return [...unique].sort(([a], [b]) => compareText(a, b)).map(([, condition]) => condition);
}

function sortedUnique(list: readonly string[]): readonly string[] {
  return [...new Set(list)].sort(compareText);
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}

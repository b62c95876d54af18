/** The total order of routes: which one wins when several match. Design: Gateway API's order with our additions. */
import type { Key } from '../api/resources.ts';
import type { Route } from './topology.ts';
import { compareText } from '../api/stable.ts';

/** What ranks one RoutingRule against another when their matches are equally specific. */
export interface ObjectRank {
  readonly key: Key;
  readonly priority: number;
  /** RFC 3339; absent in a folder. */
  readonly created?: string;
}

/** A route with everything that decides about its place. */
export interface Candidate {
  readonly object: ObjectRank;
  /** Index of the rule in its object, and of the match in its rule. */
  readonly ruleIndex: number;
  readonly matchIndex: number;
  readonly route: Route;
  /** Equal for two candidates exactly when host, path and conditions are textually equal. */
  readonly identity: string;
}

type Compare<T> = (a: T, b: T) => number;

/** Negative when `a` comes before `b`: the first comparator that tells them apart decides. */
function inOrder<T>(comparators: readonly Compare<T>[]): Compare<T> {
  return (a, b) => {
    for (const compare of comparators) {
      const order = compare(a, b);
      if (order !== 0) return order;
    }
    return 0;
  };
}

const higherPriority: Compare<ObjectRank> = (a, b) => b.priority - a.priority;

/** Objects of a folder have no age; where both kinds meet, those with an age come first, else the order had cycles. */
const older: Compare<ObjectRank> = (a, b) => compareText(a.created ?? '~', b.created ?? '~');

const smallerKey: Compare<ObjectRank> = (a, b) => compareText(a.key, b.key);

/** The order of whole objects, for what only one of them can have: a port. */
export const compareObjects: Compare<ObjectRank> = inOrder([higherPriority, older, smallerKey]);

const exactHostThenWildcardThenNone: Compare<Candidate> = (a, b) => hostRank(a.route.host) - hostRank(b.route.host);
const longerHost: Compare<Candidate> = (a, b) => (b.route.host?.length ?? 0) - (a.route.host?.length ?? 0);

/** Hosts of one kind and length never match the same request: this only keeps the routes of a host together. */
const hostTogether: Compare<Candidate> = (a, b) => compareText(a.route.host ?? '', b.route.host ?? '');

const exactPathThenRegexThenPrefixThenNone: Compare<Candidate> = (a, b) =>
  pathRank(a.route.path) - pathRank(b.route.path);
const longerPath: Compare<Candidate> = (a, b) => (b.route.path?.value.length ?? 0) - (a.route.path?.value.length ?? 0);

/** As with hosts; not for patterns, of which two of one length may both match. */
const pathTogether: Compare<Candidate> = (a, b) => compareText(plainPath(a.route.path), plainPath(b.route.path));

const withExtension: Compare<Candidate> = (a, b) =>
  count(b.route.conditions.extensions !== undefined) - count(a.route.conditions.extensions !== undefined);
const withMethod: Compare<Candidate> = (a, b) =>
  count(b.route.conditions.method !== undefined) - count(a.route.conditions.method !== undefined);
const moreHeaders: Compare<Candidate> = (a, b) => headerCount(b.route) - headerCount(a.route);
const moreQueryParams: Compare<Candidate> = (a, b) =>
  (b.route.conditions.queryParams?.length ?? 0) - (a.route.conditions.queryParams?.length ?? 0);
const withSourceRange: Compare<Candidate> = (a, b) =>
  count(b.route.conditions.sourceRanges !== undefined) - count(a.route.conditions.sourceRanges !== undefined);
const winningObject: Compare<Candidate> = (a, b) => compareObjects(a.object, b.object);
const earlierRule: Compare<Candidate> = (a, b) => a.ruleIndex - b.ruleIndex;
const earlierMatch: Compare<Candidate> = (a, b) => a.matchIndex - b.matchIndex;

/** The order of routes: negative when `a` wins. Total, so any order of the input gives the same result. */
export const compareCandidates: Compare<Candidate> = inOrder([
  exactHostThenWildcardThenNone,
  longerHost,
  hostTogether,
  exactPathThenRegexThenPrefixThenNone,
  longerPath,
  pathTogether,
  withExtension,
  withMethod,
  moreHeaders,
  moreQueryParams,
  withSourceRange,
  winningObject,
  earlierRule,
  earlierMatch,
]);

function hostRank(host: string | undefined): number {
  if (host === undefined) return 2;
  return host.startsWith('*.') ? 1 : 0;
}

const PATH_RANK = { Exact: 0, Regex: 1, Prefix: 2 } as const;

function pathRank(path: Route['path']): number {
  return path === undefined ? 3 : PATH_RANK[path.type];
}

function plainPath(path: Route['path']): string {
  return path === undefined || path.type === 'Regex' ? '' : path.value;
}

function count(present: boolean): number {
  return present ? 1 : 0;
}

function headerCount({ conditions }: Route): number {
  return (conditions.headers?.length ?? 0) + count(conditions.contentTypes !== undefined);
}

import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../operator/api/duration.ts';
import { DEFAULTS } from '../../operator/topology/defaults.ts';

/** Promises that are sentences; what they say is shown where it happens (pools.test.ts). */
const SENTENCES = new Map([
  ['WebPool.externalEndpoints.port', "the pool's port"],
  ['WebPool.externalEndpoints.maxConnections', "the pool's maxConnections"],
  ['WebPool.healthCheck', "a TCP connection to the server's port"],
  ['WebPool.healthCheck.type', 'HTTP when path is set, else TCP'],
  ['WebPool.healthCheck.port', "the server's port"],
  ['WebPool.maintenancePage', '503 with a short text'],
  ['RoutingRule.listener.trustedSources', 'nobody, clients speak to us themselves'],
  ['RoutingRule.hostnames', 'every host'],
  ['RoutingRule.rules.matches', 'everything'],
  ['RoutingRule.rules.filters.redirect.scheme', 'the scheme of the request'],
  ['RoutingRule.rules.filters.redirect.hostname', 'the host of the request'],
  ['RoutingRule.rules.filters.redirect.port', 'that of scheme where it is set, else that of the listener'],
  ['RoutingRule.rules.filters.redirect.path', 'the path of the request'],
  ['RoutingRule.rules.filters.rewrite.hostname', 'the host of the request'],
  ['RoutingRule.rules.filters.rewrite.path', 'the path of the request'],
  ['RoutingRule.rules.access', 'everyone'],
  ['RoutingRule.rules.access.allow', 'every address'],
  ['RoutingRule.rules.access.deny', 'no address'],
  ['RoutingRule.rules.rateLimit.burst', 'requests'],
]);

/** Values that the description says in words. */
const WORDS = new Map<string, unknown>([
  ['0s, at once', 0],
  ['no limit', 0],
  ['none', []],
  ['the word localhost', 'localhost'],
  ['empty', ''],
  ['80 for HTTP, 443 for HTTPS; TCP and TLS must name one', { HTTP: 80, HTTPS: 443 }],
  ['Cookie, the browser session; SourceIP and Header, 30m', { Cookie: 0, SourceIP: 1_800_000, Header: 1_800_000 }],
  ['status 200-399', { status: ['200-399'] }],
  ['ConnectFailure', ['ConnectFailure']],
]);

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

function specOf(file: string): Schema {
  const text = readFileSync(new URL(`../../crds/${file}.yaml`, import.meta.url), 'utf8');
  const crd = load(text) as { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } };
  return crd.spec.versions[0]?.schema.openAPIV3Schema.properties?.['spec'] ?? {};
}

/** Path of a field → what its description promises. */
function promises(path: string, { description = '', properties = {}, items }: Schema): [string, string][] {
  const promise = /Default: (.*?)\.(?: |$)/.exec(description)?.[1];
  const own: [string, string][] = promise === undefined ? [] : [[path, promise]];
  const fields = { ...properties, ...items?.properties };
  return [...own, ...Object.entries(fields).flatMap(([name, field]) => promises(`${path}.${name}`, field))];
}

function valueAt(path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], DEFAULTS);
}

function meaning(promise: string): unknown {
  if (WORDS.has(promise)) return WORDS.get(promise);
  if (promise === 'true' || promise === 'false') return promise === 'true';
  return parseDuration(promise) ?? (/^\d+$/.test(promise) ? Number(promise) : promise);
}

const PROMISES = [
  ...promises('WebPool', specOf('webpools')),
  ...promises('RoutingRule', specOf('routingrules')),
  ...promises('DatabaseGrant', specOf('databasegrants')),
];

describe('the CRD descriptions and the table agree', () => {
  test.each(PROMISES.filter(([path]) => !SENTENCES.has(path)))('%s: %s', (path, promise) => {
    expect(valueAt(path)).toEqual(meaning(promise));
  });

  test('every sentence is still in its place', () => {
    expect(PROMISES.filter(([path]) => SENTENCES.has(path))).toEqual([...SENTENCES]);
  });

  test('the table promises nothing that no description does', () => {
    const described = new Set(PROMISES.map(([path]) => path));
    const leaves = (path: string, value: unknown): readonly string[] =>
      described.has(path) || typeof value !== 'object' || value === null
        ? [path]
        : Object.entries(value).flatMap(([key, inner]) => leaves(path === '' ? key : `${path}.${key}`, inner));
    expect(leaves('', DEFAULTS).filter((path) => !described.has(path))).toEqual([]);
  });
});

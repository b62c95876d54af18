/** `webpool explain [FOLDER] URL`: what would become of a request and why, by a folder or by what a cluster holds now. */
import { canonicalAddress } from '../api/address.ts';
import { readsHttp } from '../api/layer.ts';
import type { Listener, Topology } from '../topology/topology.ts';
import { explain, type Arrival, type Explanation, type RuleName } from '../topology/explain.ts';
import type { Outcome } from '../topology/outcome.ts';
import { readCluster, type ClusterChoice } from './explain-cluster.ts';
import { readOffline } from './offline.ts';
import { UsageError } from './usage-error.ts';

/** Where the objects are. */
export type ExplainPlace = { readonly folder: string } | ClusterChoice;

export interface ExplainOptions {
  readonly method: string;
  /** As written: `Name: value`. */
  readonly headers: readonly string[];
  /** Address of the client. */
  readonly source?: string;
  /** Of the load balancer. Default: unknown. */
  readonly zone?: string;
  readonly output: 'text' | 'json';
  readonly out: (text: string) => void;
}

/** Explains one request; exit code 0 when a server may get it or a rule answers it, else 1. Errors: UsageError. */
export async function explainCommand(place: ExplainPlace, url: string, options: ExplainOptions): Promise<number> {
  const arrival = arrivalOf(url, options);
  const { topology, health, notes } = await explainedBy(place);
  const { zone } = options;
  const found = explain(topology, arrival, { health, ...(zone !== undefined && { zone }) });
  const all = [...notes, ...(zone === undefined ? zoneNotes(topology, found) : [])];
  const told = all.length === 0 ? found : { ...found, notes: all };
  options.out(options.output === 'json' ? `${JSON.stringify(told, null, 2)}\n` : textOf(told, arrival));
  return isServed(found) ? 0 : 1;
}

function zoneNotes({ pools }: Topology, found: Explanation): readonly string[] {
  const asking = found.pools.filter(({ pool }) => pools.get(pool)?.options.prefersZone);
  return asking.map(
    ({ pool }) => `Pool ${pool} prefers servers of the load balancer's own zone: say by --zone which that is.`,
  );
}

interface Told extends Explanation {
  /** What could not be looked at. */
  readonly notes?: readonly string[];
}

async function explainedBy(place: ExplainPlace): Promise<Awaited<ReturnType<typeof readCluster>>> {
  if (!('folder' in place)) return readCluster(place);
  const { topology } = await readOffline(place.folder);
  return { topology, health: () => undefined, notes: [] };
}

const PROTOCOLS: Readonly<Record<string, { readonly protocol: Listener['protocol']; readonly port?: number }>> = {
  http: { protocol: 'HTTP', port: 80 },
  https: { protocol: 'HTTPS', port: 443 },
  tcp: { protocol: 'TCP' },
  tls: { protocol: 'TLS' },
};

function arrivalOf(url: string, { method, headers, source }: ExplainOptions): Arrival {
  const place = placeOf(url);
  const fields = headers.map(headerOf);
  const host = fields.find(({ name }) => name.toLowerCase() === 'host')?.value ?? place.authority;
  const { protocol, port, target } = place;
  return { protocol, port, target, method, host, headers: fields, ...clientOf(source) };
}

interface Place extends Pick<Arrival, 'protocol' | 'port' | 'target'> {
  readonly authority: string;
}

/** The path stays as it is written: a URL parser would resolve what the load balancer has to look at. */
function placeOf(url: string): Place {
  const [, scheme = '', authority = '', rest = ''] = /^([a-z]+):\/\/([^/?#]+)([^#]*)/.exec(url) ?? [];
  const known = PROTOCOLS[scheme];
  if (known === undefined)
    throw new UsageError(`${url} is no URL such as http://www.example.com/path or tcp://host:25`);
  const written = /:(\d+)$/.exec(authority)?.[1];
  const port = written === undefined ? known.port : Number(written);
  if (port === undefined) throw new UsageError(`${url} names no port`);
  return { protocol: known.protocol, port, authority, target: rest.startsWith('/') ? rest : `/${rest}` };
}

function clientOf(source: string | undefined): { readonly source?: string } {
  if (source === undefined) return {};
  const address = canonicalAddress(source);
  if (address === undefined) throw new UsageError(`${source} is no address`);
  return { source: address };
}

function headerOf(written: string): { readonly name: string; readonly value: string } {
  const [, name = '', value = ''] = /^([^:\s]+):\s*(.*)$/.exec(written) ?? [];
  if (name === '') throw new UsageError(`${written} is no header such as "X-Canary: 1"`);
  return { name, value };
}

function isServed({ outcome, rule, pools }: Explanation): boolean {
  if (outcome?.type === 'Forward') return pools.some(({ problem }) => problem === undefined);
  return (
    outcome?.type === 'Answer' &&
    rule !== undefined &&
    outcome.reason !== 'access-denied' &&
    outcome.reason !== 'pool-not-found'
  );
}

function textOf(found: Told, { method, target, protocol }: Arrival): string {
  const notes = (found.notes ?? []).map((note) => `note      ${note}`);
  const lines = [...headLines(found), ...reasonLines(found), ...poolLines(found), ...notes];
  const what = readsHttp(protocol) ? `${method} ${target}` : 'connection';
  return `${what}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function headLines({ listener, listeners = [], refused, rule, outcome, handling }: Explanation): readonly string[] {
  if (listener === undefined) {
    const others = listeners.length === 0 ? 'there is no listener' : `there are ${listeners.join(', ')}`;
    return [`listener  none: ${others}`];
  }
  return [
    `listener  ${listener}`,
    `rule      ${rule === undefined ? 'none' : nameOf(rule)}`,
    ...(rule === undefined ? [] : [`match     ${rule.match}`]),
    ...handling.map((sentence) => `on the way: ${sentence}`),
    ...(refused === undefined ? [] : [`refused   ${refused}`]),
    `result    ${outcomeWords(outcome)}`,
  ];
}

function nameOf({ object, name }: RuleName): string {
  return `${name} of RoutingRule ${object}`;
}

function outcomeWords(outcome: Outcome | undefined): string {
  if (outcome === undefined || outcome.type === 'Closed') return 'the connection is closed';
  if (outcome.type === 'Forward') {
    return outcome.host === '' ? 'goes to a server' : `the server gets ${outcome.target} of host ${outcome.host}`;
  }
  const { status, reason, location } = outcome;
  const why = reason === 'respond' ? 'the answer of the rule' : reason;
  return `${status} ${why}${location === undefined ? '' : ` to ${location}`}`;
}

function reasonLines({ passed, later }: Explanation): readonly string[] {
  return [
    ...passed.map((one) => `not       ${nameOf(one)} (${one.match}): ${one.why}`),
    ...later.map((one) => `not       ${nameOf(one)} (${one.match}): matches too, and comes later.`),
  ];
}

function poolLines({ pools }: Explanation): readonly string[] {
  return pools.flatMap(({ pool, share, problem, servers }) => [
    `pool      ${pool}, ${share} % of the requests${problem === undefined ? '' : `. ${problem}`}`,
    ...servers.map(({ name, address, weight, note }) => {
      return `  server  ${name} ${address} weight ${weight}${note === undefined ? '' : `: ${note}`}`;
    }),
  ]);
}

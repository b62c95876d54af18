/**
 * One running instance as a whole: what `/status` serves and `webpool status` shows.
 * In: the documents and what they were made of. Out: InstanceStatus, plain JSON. Never: a Secret.
 */
import type { DatabaseGrantStatus, RoutingRuleStatus, WebPoolStatus } from '../api/kinds.gen.ts';
import type { Key, Resources } from '../api/resources.ts';
import type { Topology } from '../topology/topology.ts';
import type { AnyStatus, DocumentOf, StatusDocument } from './document.ts';
import type { DatabaseObserved, Observed, ProxyObserved } from './observed.ts';
import { listenerPort } from '../topology/listener.ts';
import { poolNames } from './routing-rule.ts';
import { serverRows, type ServerRow } from './server-rows.ts';

/** Which process speaks. */
export interface InstanceInfo {
  readonly version: string;
  readonly pid: number;
  /** RFC 3339, like `now` of the rounds. */
  readonly startedAt: string;
  /** The folder it runs, for `webpool run`. */
  readonly folder?: string;
}

/** What every row about an object has. */
interface ObjectRow<Status extends AnyStatus> {
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly status: Status;
}

/** A WebPool and what its spec says in short. */
export interface PoolRow extends ObjectRow<WebPoolStatus> {
  readonly protocol?: string;
}

/** A RoutingRule and what its spec says in short. */
export interface RuleRow extends ObjectRow<RoutingRuleStatus> {
  /** `HTTP/80`. */
  readonly listener?: string;
  readonly hosts?: readonly string[];
  readonly pools?: readonly Key[];
}

/** A DatabaseGrant and what its spec says in short. */
export interface GrantRow extends ObjectRow<DatabaseGrantStatus> {
  readonly account?: string;
  /** As the row of the database server is called: `AccountNeed.server.id`; absent while it is not known who logs in. */
  readonly server?: string;
  readonly pools?: readonly Key[];
}

/** A database server as it was last seen. */
export interface DatabaseRow extends Pick<DatabaseObserved, 'flavor' | 'version' | 'problem'> {
  readonly server: string;
}

/** The whole of an instance; rows are sorted by their key. */
export interface InstanceStatus {
  readonly instance: InstanceInfo;
  /** Every object is Ready and every document could be read. */
  readonly ready: boolean;
  readonly proxy: Pick<ProxyObserved, 'programmed' | 'problem' | 'bind'>;
  readonly pools: readonly PoolRow[];
  readonly rules: readonly RuleRow[];
  readonly grants: readonly GrantRow[];
  readonly servers: readonly ServerRow[];
  readonly databases: readonly DatabaseRow[];
  /** Documents that are no object: `file:line: message`. */
  readonly errors: readonly string[];
}

/** What an InstanceStatus is made of. */
export interface InstanceInput {
  readonly info: InstanceInfo;
  readonly documents: readonly StatusDocument[];
  readonly resources: Resources;
  readonly topology: Topology;
  readonly observed: Observed;
}

/** The status of this instance. */
export function instanceStatus(input: InstanceInput): InstanceStatus {
  const { info, documents, resources, topology, observed } = input;
  const { programmed, problem, bind } = observed.proxy;
  const logins = new Map(topology.accounts.map(({ grant, server }) => [grant, server.id]));
  return {
    instance: info,
    ready: resources.unnamed.length === 0 && documents.every(({ status }) => isReady(status)),
    proxy: { programmed, bind, ...(problem !== undefined && { problem }) },
    pools: ofKind(documents, 'WebPool').map((document) => poolRow(document, resources)),
    rules: ofKind(documents, 'RoutingRule').map((document) => ruleRow(document, resources)),
    grants: ofKind(documents, 'DatabaseGrant').map((document) => grantRow(document, resources, logins)),
    servers: serverRows(topology, observed),
    databases: [...observed.databases].map(([server, database]) => databaseRow(server, database)),
    errors: resources.unnamed.map(({ file, line, message }) => `${file ?? '-'}:${line ?? 1}: ${message}`),
  };
}

/** Whether the object is Ready. */
export function isReady({ conditions }: AnyStatus): boolean {
  return conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

function ofKind<K extends StatusDocument['kind']>(documents: readonly StatusDocument[], kind: K): DocumentOf<K>[] {
  // TypeScript does not narrow a union by a type parameter.
  return documents.filter((document) => document.kind === kind) as unknown as DocumentOf<K>[];
}

function poolRow({ key, metadata, status }: DocumentOf<'WebPool'>, { pools }: Resources): PoolRow {
  const spec = pools.get(key)?.spec;
  return { ...metadata, ...(spec !== undefined && { protocol: spec.protocol ?? 'HTTP' }), status };
}

function ruleRow({ key, metadata, status }: DocumentOf<'RoutingRule'>, { rules }: Resources): RuleRow {
  const spec = rules.get(key)?.spec;
  if (spec === undefined) return { ...metadata, status };
  const listener = `${spec.listener.protocol}/${listenerPort(spec.listener)}`;
  const pools = poolNames(spec).map((name) => `${metadata.namespace}/${name}`);
  return { ...metadata, listener, hosts: spec.hostnames ?? ['*'], pools, status };
}

function grantRow(
  { key, metadata, status }: DocumentOf<'DatabaseGrant'>,
  { grants }: Resources,
  logins: ReadonlyMap<Key, string>,
): GrantRow {
  const spec = grants.get(key)?.spec;
  if (spec === undefined) return { ...metadata, status };
  const server = logins.get(key);
  const pools = (spec.pools ?? []).map(({ name }) => `${metadata.namespace}/${name}`);
  return { ...metadata, account: spec.username, ...(server !== undefined && { server }), pools, status };
}

function databaseRow(server: string, { flavor, version, problem }: DatabaseObserved): DatabaseRow {
  return {
    server,
    ...(flavor !== undefined && { flavor }),
    ...(version !== undefined && { version }),
    ...(problem !== undefined && { problem }),
  };
}

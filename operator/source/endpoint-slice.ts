import type { EndpointSlice, SliceEndpoint } from '../api/resources.ts';
import { problem, type Problem } from '../api/problem.ts';
import { isFields, unnamed, type SliceItem, type UnnamedItem } from './items.ts';
import type { Naming } from './naming.ts';

type Fields = Readonly<Record<string, unknown>>;

const ADDRESS_TYPES = ['IPv4', 'IPv6', 'FQDN'];
const CONDITIONS = ['ready', 'serving', 'terminating'] as const;

/** A discovery.k8s.io/v1 EndpointSlice, as far as we read it; what the API adds later is passed over. */
export function readEndpointSlice(document: Fields, naming: Naming): SliceItem | UnnamedItem {
  const { addressType } = document;
  // An empty list is null in what an API server answers.
  const [endpoints, ports] = [document['endpoints'] ?? [], document['ports'] ?? []];
  const wrong =
    addressTypeProblem(addressType) ??
    listProblem('endpoints', endpoints, endpointProblem) ??
    listProblem('ports', ports, portProblem);
  if (wrong !== undefined) return unnamed(wrong);
  const slice = {
    addressType: addressType as EndpointSlice['addressType'],
    endpoints: (endpoints as readonly Fields[]).map(endpointOf),
    ports: (ports as readonly Fields[]).map(portOf),
  };
  return { type: 'EndpointSlice', ...naming, slice };
}

function addressTypeProblem(addressType: unknown): Problem | undefined {
  return ADDRESS_TYPES.includes(addressType as string)
    ? undefined
    : problem('addressType', `must be one of ${ADDRESS_TYPES.join(', ')}`);
}

type EntryProblem = (entry: Fields) => string | undefined;

function listProblem(field: string, list: unknown, wrong: EntryProblem): Problem | undefined {
  if (!Array.isArray(list)) return problem(field, 'must be a list');
  for (const [index, entry] of list.entries()) {
    const message = isFields(entry) ? wrong(entry) : 'must be an object with fields';
    if (message !== undefined) return problem(`${field}[${index}]`, message);
  }
  return undefined;
}

function endpointProblem({ addresses, conditions }: Fields): string | undefined {
  const texts =
    Array.isArray(addresses) && addresses.length > 0 && addresses.every((address) => typeof address === 'string');
  if (!texts) return 'needs addresses: a list of texts';
  const flags = isAbsent(conditions) || (isFields(conditions) && CONDITIONS.every((name) => isFlag(conditions[name])));
  return flags ? undefined : 'conditions must be true or false';
}

function isFlag(value: unknown): boolean {
  return isAbsent(value) || typeof value === 'boolean';
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function portProblem({ port, name }: Fields): string | undefined {
  const number = typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535;
  if (!number && !isAbsent(port)) return 'port must be a number from 1 to 65535';
  return isAbsent(name) || typeof name === 'string' ? undefined : 'name must be a text';
}

function endpointOf({ addresses, conditions, hostname, zone, targetRef }: Fields): SliceEndpoint {
  return {
    addresses: addresses as readonly string[],
    ...(isFields(conditions) && { conditions: flagsOf(conditions) }),
    ...(typeof hostname === 'string' && { hostname }),
    ...(typeof zone === 'string' && zone !== '' && { zone }),
    ...(isFields(targetRef) && { targetRef: textsOf(targetRef, ['kind', 'name']) }),
  };
}

type Flags = NonNullable<SliceEndpoint['conditions']>;

/** There are 27 at most, and tens of thousands of endpoints. */
const allFlags = new Map<string, Flags>();

function flagsOf(conditions: Fields): Flags {
  const values = CONDITIONS.map((name) => conditions[name]);
  const key = values.join();
  const known = allFlags.get(key);
  if (known !== undefined) return known;
  const named = CONDITIONS.map((name, index) => [name, values[index]] as const);
  const flags: Flags = Object.fromEntries(named.filter(([, value]) => typeof value === 'boolean'));
  allFlags.set(key, flags);
  return flags;
}

function textsOf(fields: Fields, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.flatMap((name) => (typeof fields[name] === 'string' ? [[name, fields[name]]] : [])));
}

function portOf({ name, port }: Fields): EndpointSlice['ports'][number] {
  return { ...(typeof name === 'string' && { name }), ...(typeof port === 'number' && { port }) };
}

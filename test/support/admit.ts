/** Objects as a user would write them, through the real admission, without a folder or an API server. */
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { admit } from '../../operator/api/admission.ts';
import { compileSchemas } from '../../operator/api/compile-schema.ts';
import {
  keyOf,
  NO_RESOURCES,
  type EndpointSlice,
  type Key,
  type Kind,
  type KindOf,
  type Metadata,
  type Resources,
  type SecretInfo,
} from '../../operator/api/resources.ts';
import { digest } from '../../operator/haproxy/names.ts';
import { configMapInfo, pagesOf } from '../../operator/source/config-map.ts';
import { certificatesOf } from '../../operator/source/certificate.ts';
import { createValidator } from '../../operator/api/validate.ts';

const CRDS = ['webpools', 'routingrules', 'databasegrants'];

/** The validation by the CRD files of this checkout. */
export const validate = createValidator(
  compileSchemas(CRDS.map((name) => load(readFileSync(new URL(`../../crds/${name}.yaml`, import.meta.url), 'utf8')))),
);

/** An object whose spec may hold anything. */
export interface Written {
  readonly kind: Kind;
  readonly name: string;
  readonly spec: unknown;
}

/** Secrets or ConfigMaps in clear: key → values. */
export type WrittenTexts = ReadonlyMap<Key, ReadonlyMap<string, string>>;

export interface WrittenBeside {
  readonly secrets?: WrittenTexts;
  readonly configMaps?: WrittenTexts;
}

/** The picture of a source that holds exactly these objects. */
export function admitted(
  objects: readonly Written[],
  slices: readonly EndpointSlice[] = [],
  { secrets = new Map(), configMaps = new Map() }: WrittenBeside = {},
): Resources {
  const maps = { WebPool: new Map(), RoutingRule: new Map(), DatabaseGrant: new Map() };
  const held: Resources['held'][number][] = [];
  const findings: Resources['findings'][number][] = [];
  for (const { kind, name, spec } of objects) {
    const metadata = { namespace: 'default', name, generation: 1 };
    const object = { kind, metadata, spec } as KindOf;
    const admission = admit({ object, problems: validate(kind, { spec }) }, undefined);
    if (admission.inForce !== undefined) maps[kind].set(keyOf(metadata), admission.inForce);
    if (admission.held !== undefined) held.push(admission.held);
    findings.push(...admission.findings);
  }
  return {
    ...NO_RESOURCES,
    pools: maps.WebPool,
    rules: maps.RoutingRule,
    grants: maps.DatabaseGrant,
    secrets: new Map([...secrets].map(([key, values]) => [key, secretInfo(key, values)])),
    configMaps: new Map([...configMaps].map(([key, texts]) => [key, configMapInfo(metadataOf(key), pagesOf(texts))])),
    slices: new Map(slices.map((slice) => [keyOf(slice.metadata), slice])),
    held,
    findings,
  };
}

function secretInfo(key: Key, values: ReadonlyMap<string, string>): SecretInfo {
  const version = digest(JSON.stringify([...values]));
  return { metadata: metadataOf(key), version, keys: [...values.keys()], ...certificatesOf(values) };
}

function metadataOf(key: Key): Metadata {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name, generation: 1 };
}

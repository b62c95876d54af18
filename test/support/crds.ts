import { readdirSync, readFileSync } from 'node:fs';
import { load } from 'js-yaml';

/** A schema as a CRD writes it. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly title?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly additionalProperties?: Schema;
  readonly default?: unknown;
  readonly 'x-kubernetes-list-type'?: 'map' | 'set' | 'atomic';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

/** A CRD as far as the tests look at it. */
export interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly kind: string; readonly plural: string } & Readonly<Record<string, unknown>>;
    readonly versions: readonly {
      readonly name: string;
      readonly subresources?: object;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

const folder = new URL('../../crds/', import.meta.url);

/** Names of the CRD files. */
export const CRD_FILES: readonly string[] = readdirSync(folder).filter((file) => file !== 'kustomization.yaml');

/** Text of each CRD file, by file name. */
export const CRD_TEXTS: ReadonlyMap<string, string> = new Map(
  CRD_FILES.map((file) => [file, readFileSync(new URL(file, folder), 'utf8')]),
);

/** The parsed CRD files. */
export const CRDS: readonly Crd[] = [...CRD_TEXTS.values()].map((text) => load(text) as Crd);

/** The CRD of a kind. */
export function crdOf(kind: string): Crd {
  const crd = CRDS.find(({ spec }) => spec.names.kind === kind);
  if (crd === undefined) throw new Error(`no CRD of kind ${kind}`);
  return crd;
}

/** The schema of a CRD's `spec` or `status`. */
export function schemaOf(crd: Crd, part: 'spec' | 'status'): Schema {
  return crd.spec.versions[0]?.schema.openAPIV3Schema.properties?.[part] ?? {};
}

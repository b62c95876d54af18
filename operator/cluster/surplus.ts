/** What exists and carries our mark, and that nobody wants any more. In: what exists, what is wanted. Out: what has to go. */
import { changedKeys } from '../api/stable.ts';
import { keyOf, namesIn, type EndpointSlice, type Key } from '../api/resources.ts';
import { isOurSlice, POOL_LABEL, sliceKey } from '../api/slice-labels.ts';
import { isManaged, objectId, type KubeObject, type Texts } from './object.ts';

/** An object of ours that is there. */
export interface ExistingObject {
  readonly kind: KubeObject['kind'];
  readonly namespace: string;
  readonly name: string;
  readonly uid?: string;
}

interface Marked {
  readonly labels: Texts;
  readonly uid: string;
}

export interface SurplusInput {
  /** By `objectId`. */
  readonly wanted: ReadonlyMap<string, KubeObject>;
  readonly slices: ReadonlyMap<Key, EndpointSlice>;
  readonly services: ReadonlyMap<Key, Marked>;
  /** Where the proxies are, by kind. */
  readonly managed: ReadonlyMap<KubeObject['kind'], ReadonlyMap<Key, Marked>>;
  /** Names of copies that stay though nobody wants them now. */
  readonly held: () => ReadonlySet<string>;
  /** Not even refused or waiting: it is no more. */
  readonly isGone: (pool: Key) => boolean;
  readonly isInForce: (pool: Key) => boolean;
}

/** What has to go. */
export interface Surplus {
  /** Of pools that are in force or no more; those of a pool of which no version is known to be good stay as they are. */
  readonly slices: readonly EndpointSlice[];
  readonly others: readonly ExistingObject[];
}

/** A function that tells what has to go, and looks again only at what changed. */
export function createSurplus(): (input: SurplusInput) => Surplus {
  const straySlices = createStrays('EndpointSlice', isOurSlice);
  const strayServices = createStrays('Service', (service: Marked) => poolName(service) !== undefined);
  return (input) => {
    const slices = straySlices(input.slices, input.wanted).map(([, slice]) => slice);
    return {
      slices: slices.filter((slice) => input.isInForce(sliceKey(slice)) || input.isGone(sliceKey(slice))),
      others: [...goneServices(strayServices(input.services, input.wanted), input), ...goneObjects(input)],
    };
  };
}

/** Objects of ours of one kind that are not wanted. */
function createStrays<V>(
  kind: KubeObject['kind'],
  isOurs: (value: V) => boolean,
): (existing: ReadonlyMap<Key, V>, wanted: SurplusInput['wanted']) => readonly (readonly [Key, V])[] {
  const strays = new Set<Key>();
  const prefix = `${kind} `;
  let last: { readonly existing: ReadonlyMap<Key, V>; readonly wanted: SurplusInput['wanted'] } = {
    existing: new Map(),
    wanted: new Map(),
  };
  return (existing, wanted) => {
    const asked = changedKeys(last.wanted, wanted).flatMap((id) =>
      id.startsWith(prefix) ? [id.slice(prefix.length)] : [],
    );
    for (const key of [...changedKeys(last.existing, existing), ...asked]) {
      const found = existing.get(key);
      if (found !== undefined && isOurs(found) && !wanted.has(prefix + key)) strays.add(key);
      else strays.delete(key);
    }
    last = { existing, wanted };
    return [...strays].flatMap((key) => {
      const found = existing.get(key);
      return found === undefined ? [] : [[key, found] as const];
    });
  };
}

/** The pool of a Service of ours. */
function poolName({ labels }: Marked): string | undefined {
  return isManaged({ labels }) ? labels[POOL_LABEL] : undefined;
}

/** Services of pools that are no more. Kubernetes would collect them too, but not while the kind itself goes. */
function goneServices(
  strays: readonly (readonly [Key, Marked])[],
  { isGone }: SurplusInput,
): readonly ExistingObject[] {
  return strays.flatMap(([key, service]): readonly ExistingObject[] => {
    const { namespace, name } = namesIn(key);
    const gone = isGone(keyOf({ namespace, name: poolName(service) ?? '' }));
    return gone ? [{ kind: 'Service', namespace, name, uid: service.uid }] : [];
  });
}

function goneObjects({ managed, wanted, held }: SurplusInput): readonly ExistingObject[] {
  const strays = [...managed].flatMap(([kind, found]) =>
    [...found].flatMap(([key, { labels, uid }]): readonly ExistingObject[] => {
      const { namespace, name } = namesIn(key);
      const stray = isManaged({ labels }) && !wanted.has(objectId({ kind, metadata: { namespace, name, labels } }));
      return stray ? [{ kind, namespace, name, uid }] : [];
    }),
  );
  const kept = strays.some(({ kind }) => kind === 'Secret') ? held() : NONE;
  return strays.filter(({ kind, name }) => kind !== 'Secret' || !kept.has(name));
}

const NONE: ReadonlySet<string> = new Set();

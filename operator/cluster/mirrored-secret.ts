import { createHash } from 'node:crypto';
import { keyOf, type Key, type SecretInfo } from '../api/resources.ts';
import { compareText } from '../api/stable.ts';
import type { Topology } from '../topology/topology.ts';
import { copyMeta, type MirroredSecret } from './object.ts';

/** From where a Secret was copied. */
export const SOURCE_ANNOTATION = 'webpool.dev/source';
/** The version of the original that the copy has. */
export const VERSION_ANNOTATION = 'webpool.dev/source-version';

const LONGEST_NAME = 253;
/** What a certificate is made of; whatever else stands in the Secret stays where it is. */
const KEYS = ['tls.crt', 'tls.key', 'ca.crt'];

/** The Secrets that proxies need the text of, each once, sorted. What is gone again is left out: whoever names it has told already. */
export function certificatesOf(
  { listeners, pools }: Pick<Topology, 'listeners' | 'pools'>,
  secrets: ReadonlyMap<Key, SecretInfo>,
): readonly SecretInfo[] {
  const keys = new Set<Key>();
  for (const { tls } of listeners.flatMap(({ sites = [] }) => sites)) {
    for (const { secret } of [...tls.certificates, ...(tls.clientCA === undefined ? [] : [tls.clientCA])])
      keys.add(secret);
  }
  for (const { servers } of pools.values()) {
    for (const { transport } of servers) if (transport?.tls?.ca !== undefined) keys.add(transport.tls.ca.secret);
  }
  return [...keys].sort(compareText).flatMap((key) => secrets.get(key) ?? []);
}

/** The copy of a certificate for the proxies, which may read the Secrets of their own namespace only. */
export function mirroredSecret(namespace: string, original: SecretInfo): MirroredSecret {
  const from = keyOf(original.metadata);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      ...copyMeta(namespace, copyName(from)),
      annotations: { [SOURCE_ANNOTATION]: from, [VERSION_ANNOTATION]: original.version },
    },
    copy: { from, keys: KEYS.filter((key) => original.keys.includes(key)) },
  };
}

/** A namespace has no dots, so the two parts of the name cannot be mistaken. */
function copyName(key: Key): string {
  const name = `copy.${key.replace('/', '.')}`;
  if (name.length <= LONGEST_NAME) return name;
  const digest = createHash('sha256').update(key).digest('hex');
  return `${name.slice(0, LONGEST_NAME - digest.length - 1).replace(/[-.]+$/, '')}-${digest}`;
}

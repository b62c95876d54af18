/** What Secrets held when the process before this one made copies of them: what cannot be used any more is known to its copy alone. */
import { MANAGED_SELECTOR } from '../api/object-marks.ts';
import type { Key } from '../api/resources.ts';
import { listAll } from '../kube/list.ts';
import type { Transport } from '../kube/transport.ts';
import { TYPES } from '../kube/types.ts';
import { readCopy } from './cluster-objects.ts';

export interface CopiesMemory {
  /** Reads the copies, once. Errors: those of `listAll`; then the next call reads them. */
  recall(signal: AbortSignal): Promise<void>;
  textsOf(secret: Key): ReadonlyMap<string, string> | undefined;
  /** They are asked for at the start alone, and are large. */
  forget(): void;
}

const PAGE = 100;

/** A memory of the copies in that namespace; without one, of nothing. */
export function createCopiesMemory(transport: Transport, namespace: string | undefined): CopiesMemory {
  const texts = new Map<Key, ReadonlyMap<string, string>>();
  let reading: Promise<unknown> | undefined;

  const readAll = (home: string, signal: AbortSignal) =>
    listAll({
      transport,
      type: TYPES.Secret,
      namespace: home,
      labelSelector: MANAGED_SELECTOR,
      pageSize: PAGE,
      signal,
      each(json) {
        const copy = readCopy(json);
        if (copy !== undefined) texts.set(copy.from, copy.values);
      },
    });

  return {
    async recall(signal) {
      if (namespace === undefined) return;
      reading ??= readAll(namespace, signal);
      await reading.catch((error: unknown) => {
        reading = undefined;
        throw error;
      });
    },
    textsOf: (secret) => texts.get(secret),
    forget: () => texts.clear(),
  };
}

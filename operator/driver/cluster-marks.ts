/** What we write on objects of others: conditions on Pods that wait for their account, and the finalizer of a DatabaseGrant. */
import { unless } from '../kube/api-error.ts';
import type { Client } from '../kube/client.ts';
import { TYPES } from '../kube/types.ts';

/** An account outlives no grant: deleting waits until the accounts are gone. */
export const FINALIZER = 'webpool.dev/accounts';

/** What is written on. */
export interface NamedObject {
  readonly namespace: string;
  readonly name: string;
}

export interface ClusterMarks {
  /**
   * Opens readiness gates of that very Pod: all that are open are named, because those that are not named would be closed again.
   * Errors: those of the API server, also when another Pod has the name by now.
   */
  openGates(pod: NamedObject & { readonly uid: string }, gates: readonly string[], now: string): Promise<void>;
  /** Sets the finalizers of a grant, if they still are what `before` says. */
  setFinalizers(grant: NamedObject, before: readonly string[], after: readonly string[]): Promise<void>;
}

/** Writes through that client. Whoever is gone needs no mark. */
export function createClusterMarks(client: Client): ClusterMarks {
  return {
    async openGates({ namespace, name, uid }, gates, now) {
      const conditions = gates.map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: now,
        reason: 'AccountReady',
        message: 'The database account of this Pod exists.',
      }));
      const body = { metadata: { namespace, name, uid }, status: { conditions } };
      await unless(404, client.apply(TYPES.Pod, body, { fieldManager: 'webpool-operator', subresource: 'status' }));
    },
    async setFinalizers(grant, before, after) {
      const path = '/metadata/finalizers';
      const test = before.length === 0 ? [] : [{ op: 'test', path, value: before }];
      const body = [...test, { op: 'add', path, value: after }];
      await unless(404, client.patch(TYPES.DatabaseGrant, grant, { kind: 'Json', body }));
    },
  };
}

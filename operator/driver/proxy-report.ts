/** The report of one proxy as an object of the cluster: it has the name of its Pod and goes with it. */
import type { ProxyReportSpec } from '../api/kinds.gen.ts';
import { keepParts } from '../api/stable.ts';
import { hasCode } from '../kube/api-error.ts';
import type { Client } from '../kube/client.ts';
import type { ResourceType } from '../kube/resource.ts';

/** The kind of the reports. */
export const REPORTS: ResourceType = {
  group: 'webpool.dev',
  version: 'v1alpha1',
  plural: 'proxyreports',
  kind: 'ProxyReport',
};

export interface ReportWriter {
  /**
   * Writes a report of which any part is another object than in the last; of one that does not differ, after a while, only that this is still
   * so. Returns in how many milliseconds.
   */
  write(report: ProxyReportSpec): Promise<number>;
}

export interface ReportPlace {
  readonly namespace: string;
  /** Of the Pod. */
  readonly name: string;
  readonly uid: string;
}

type Parts = Omit<ProxyReportSpec, 'heartbeatTime'>;

/** Milliseconds without news after which a report says that this is still so: a reader doubts one that is 15 s old. */
const HEARTBEAT = 10_000;
const OWNER = { fieldManager: 'webpool-agent' };

/** A writer for the Pod at `place`. */
export function createReportWriter(client: Client, { namespace, name, uid }: ReportPlace): ReportWriter {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name, uid }];
  const place = { namespace, name };
  let written: Parts | undefined;
  let writtenAt = -Infinity;

  const writeAll = async (report: ProxyReportSpec, parts: Parts) => {
    written = undefined;
    await client.apply(REPORTS, { metadata: { ...place, ownerReferences }, spec: report }, OWNER);
    written = parts;
  };

  const writeHeartbeat = async (report: ProxyReportSpec, parts: Parts) => {
    try {
      const { heartbeatTime } = report;
      await client.patch(REPORTS, place, { kind: 'Merge', body: { spec: { heartbeatTime } } });
    } catch (error) {
      // Somebody deleted it.
      if (!hasCode(error, 404)) throw error;
      await writeAll(report, parts);
    }
  };

  return {
    async write(report) {
      const { heartbeatTime: _, ...parts } = report;
      const isSame = written !== undefined && keepParts(written, parts) === written;
      const now = performance.now();
      const left = writtenAt + HEARTBEAT - now;
      if (isSame && left > 0) return left;
      await (isSame ? writeHeartbeat : writeAll)(report, parts);
      writtenAt = now;
      return HEARTBEAT;
    },
  };
}

/** The report of one proxy as an object of the cluster: it has the name of its Pod and goes with it. */
import type { ProxyReportSpec } from '../api/kinds.gen.ts';
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
  /** Writes a report that differs from the last; of one that does not, after a while, only that this is still so. Returns in how many milliseconds. */
  write(report: ProxyReportSpec): Promise<number>;
}

export interface ReportPlace {
  readonly namespace: string;
  /** Of the Pod. */
  readonly name: string;
  readonly uid: string;
}

/** Milliseconds without news after which a report says that this is still so: a reader doubts one that is 15 s old. */
const HEARTBEAT = 10_000;
const OWNER = { fieldManager: 'webpool-agent' };

/** A writer for the Pod at `place`. */
export function createReportWriter(client: Client, { namespace, name, uid }: ReportPlace): ReportWriter {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name, uid }];
  const place = { namespace, name };
  let written = '';
  let writtenAt = -Infinity;

  const writeAll = async (report: ProxyReportSpec, text: string) => {
    written = '';
    await client.apply(REPORTS, { metadata: { ...place, ownerReferences }, spec: report }, OWNER);
    written = text;
  };

  const writeHeartbeat = async (report: ProxyReportSpec, text: string) => {
    try {
      const { heartbeatTime } = report;
      await client.patch(REPORTS, place, { kind: 'Merge', body: { spec: { heartbeatTime } } });
    } catch (error) {
      // Somebody deleted it.
      if (!hasCode(error, 404)) throw error;
      await writeAll(report, text);
    }
  };

  return {
    async write(report) {
      const { heartbeatTime: _, ...rest } = report;
      const text = JSON.stringify(rest);
      const now = performance.now();
      const left = writtenAt + HEARTBEAT - now;
      if (text === written && left > 0) return left;
      await (text === written ? writeHeartbeat : writeAll)(report, text);
      writtenAt = now;
      return HEARTBEAT;
    },
  };
}

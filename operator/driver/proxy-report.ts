/** The report of one proxy as an object of the cluster: it has the name of its Pod and goes with it. */
import type { ProxyReportSpec } from '../api/kinds.gen.ts';
import { reportPatch, type PatchStep } from '../cluster/report-patch.ts';
import { unless } from '../kube/api-error.ts';
import type { Client } from '../kube/client.ts';
import { TYPES } from '../kube/types.ts';

export interface ReportWriter {
  /**
   * Writes those parts of a report that are other objects than in the last; of one that does not differ, after a while, that this is still
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

/** A report as it stands in the cluster. */
interface Written {
  readonly report: ProxyReportSpec;
  /** Of the object. */
  readonly version: string | undefined;
}

/** What differs from the report that was written last. */
interface Changes extends Pick<Written, 'version'> {
  readonly steps: readonly PatchStep[];
}

/** Milliseconds without news after which a report says that this is still so: a reader doubts one that is 15 s old. */
const HEARTBEAT = 10_000;

/** A writer for the Pod at `place`. */
export function createReportWriter(client: Client, { namespace, name, uid }: ReportPlace): ReportWriter {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name, uid }];
  const place = { namespace, name };
  let written: Written | undefined;
  let writtenAt = -Infinity;

  const patch = async (body: readonly PatchStep[]) => {
    const { metadata } = await client.patch(TYPES.ProxyReport, place, { kind: 'Json', body, answer: 'Metadata' });
    return metadata.resourceVersion;
  };
  const create = async (spec: ProxyReportSpec) => {
    const { metadata } = await client.create(TYPES.ProxyReport, { metadata: { ...place, ownerReferences }, spec });
    return metadata.resourceVersion;
  };

  /** Whatever stands there. */
  const writeAll = async (report: ProxyReportSpec) => {
    const steps: readonly PatchStep[] = [
      { op: 'add', path: '/metadata/ownerReferences', value: ownerReferences },
      { op: 'add', path: '/spec', value: report },
    ];
    return (await unless(404, patch(steps))) ?? create(report);
  };

  /** Undefined: what stands there is not what we wrote. */
  const writeChanges = async ({ version, steps }: Changes, heartbeatTime: string) => {
    const isOurs: PatchStep = { op: 'test', path: '/metadata/resourceVersion', value: version };
    const time: PatchStep = { op: 'replace', path: '/spec/heartbeatTime', value: heartbeatTime };
    return unless(404, unless(422, patch([isOurs, time, ...steps])));
  };

  return {
    async write(report) {
      const now = performance.now();
      const left = writtenAt + HEARTBEAT - now;
      const changes = written && { version: written.version, steps: reportPatch(written.report, report) };
      if (changes?.steps.length === 0 && left > 0) return left;
      const version = (changes && (await writeChanges(changes, report.heartbeatTime))) ?? (await writeAll(report));
      written = { report, version };
      writtenAt = now;
      return HEARTBEAT;
    },
  };
}

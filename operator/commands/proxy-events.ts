import type { ProxyRailEvents } from '../controller/proxy-rail.ts';
import type { RuntimeChange } from '../driver/proxy-driver.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface ProxyEventsOptions {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Changes were applied and read back. */
  readonly applied?: (changes: readonly RuntimeChange[]) => void;
  /** So many of them undid what somebody else had done. */
  readonly corrected?: (count: number) => void;
}

/** What the rail tells, in log and metrics. */
export function proxyEvents({ log, metrics, applied, corrected }: ProxyEventsOptions): ProxyRailEvents {
  return {
    started: (how) => log.info({ how }, 'haproxy runs'),
    applied: (changes, milliseconds, count) => {
      const kinds = countBy(changes.map(({ kind }) => kind));
      metrics.round({ rail: 'proxy', result: 'success', seconds: milliseconds / 1000, changes: kinds });
      log.info({ ...kinds, ms: tenths(milliseconds) }, 'proxy changed');
      if (count > 0) log.warn({ changes: count }, 'somebody else changed haproxy: undone');
      if (count > 0) corrected?.(count);
      applied?.(changes);
    },
    refused: ({ change, words }) => log.warn({ change: change.kind, words }, 'haproxy did not do a change'),
    reloaded: (reason, milliseconds) => {
      metrics.reload(reason);
      log.info({ reason, ms: tenths(milliseconds) }, 'haproxy reloaded');
    },
    imageFailed: (error) => {
      metrics.imageFailed();
      log.error({ err: error }, 'the files from which haproxy starts again are not written: trying again');
    },
    configRefused: (words) => log.error({ words }, 'haproxy refused the configuration: the last one stays'),
  };
}

/** Milliseconds for a log. */
export function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

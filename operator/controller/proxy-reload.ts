/**
 * A reload runs beside the rounds: a large configuration takes HAProxy most of a second, and until its new worker serves, the old one takes
 * changes as before. Never two at a time: what is wanted anew meanwhile is another reload after this one.
 */
import type { Loadable, ProxyDriver, ReloadResult } from '../driver/proxy-driver.ts';
import type { ProxyConfig } from '../haproxy/proxy.ts';

/** What was begun, and what came of it. */
export interface EndedReload {
  readonly target: ProxyConfig;
  readonly reason: string;
  /** Milliseconds of the monotonic clock. */
  readonly begun: number;
  /** Backends that were changed meanwhile: the new worker may have begun from files of before that. */
  readonly touched: readonly string[];
  readonly result: ReloadResult;
}

export interface Reloads {
  /** Since when one has been under way that nobody took (ms of the monotonic clock). */
  readonly since: number | undefined;
  /** `newest`: `target` with what is known of servers by then. */
  begin(target: ProxyConfig, reason: string, newest: () => Loadable): void;
  /** Backends are about to be changed. */
  touch(backends: readonly string[]): void;
  /** The one that has ended, once. Errors: those of the driver. */
  take(): EndedReload | undefined;
  /** Resolves when none runs. */
  idle(): Promise<void>;
}

interface Running extends Omit<EndedReload, 'touched' | 'result'> {
  readonly touched: Set<string>;
  readonly ended: Promise<void>;
  /** Undefined while it runs. */
  take?: () => ReloadResult;
}

/** `wake`: one has ended. */
export function createReloads(driver: Pick<ProxyDriver, 'reload'>, wake: () => void): Reloads {
  let running: Running | undefined;

  return {
    get since() {
      return running?.begun;
    },
    begin(target, reason, newest) {
      if (running !== undefined) throw new Error('HAProxy is being reloaded already');
      const end = (take: () => ReloadResult) => {
        own.take = take;
        wake();
      };
      const ended = driver.reload(newest).then(
        (result) => end(() => result),
        (error: unknown) =>
          end(() => {
            throw error;
          }),
      );
      const own: Running = { target, reason, begun: performance.now(), touched: new Set(), ended };
      running = own;
    },
    touch(backends) {
      for (const name of backends) running?.touched.add(name);
    },
    take() {
      if (running?.take === undefined) return undefined;
      const { target, reason, begun, touched, take } = running;
      running = undefined;
      return { target, reason, begun, touched: [...touched], result: take() };
    },
    idle: () => running?.ended ?? Promise.resolve(),
  };
}

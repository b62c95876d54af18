/** What the log says of objects: that one is ready, or why it is not. In: statuses as they are written. Out: a line for each that changed. */
import type { Finding } from '../api/finding.ts';
import { conditionIn } from '../status/verdict.ts';
import type { AnyStatus, StatusDocument } from '../status/document.ts';
import type { Logger } from '../telemetry/log.ts';

/** Tells of what is about to be written. */
export type StatusLog = (changed: readonly StatusDocument[], errors: readonly Finding[]) => void;

/** Objects, and documents that are none, of which one writing tells by name: of thousands `webpool status` is the better place. */
const MOST_LINES = 20;

/** A log of statuses. `before` is what was written of an object by then. */
export function createStatusLog(log: Logger, before: (document: StatusDocument) => AnyStatus | undefined): StatusLog {
  const told = new Map<string, string>();
  let toldErrors: ReadonlySet<string> = new Set();

  const news = (document: StatusDocument): (() => void)[] => {
    const { kind, key, status } = document;
    const object = `${kind} ${key}`;
    const standing = standingOf(status);
    const last = told.get(object) ?? standingOf(before(document) ?? {}) ?? '';
    if (standing === undefined || standing === last) return [];
    told.set(object, standing);
    const { message } = conditionIn(status.conditions ?? [], 'Ready') ?? {};
    const isReady = standing === READY;
    return [
      () =>
        isReady ? log.info({ object }, 'ready') : log.warn({ object, reason: standing, why: message }, 'not ready'),
    ];
  };

  return (changed, errors) => {
    const lines = changed.flatMap(news);
    for (const say of lines.slice(0, MOST_LINES)) say();
    if (lines.length > MOST_LINES)
      log.info({ objects: lines.length - MOST_LINES }, 'changed too: webpool status shows all');
    const texts = new Map(
      errors.map(({ file, line, message }) => [`${file}:${line} ${message}`, { file, line, why: message }]),
    );
    const fresh = [...texts].filter(([text]) => !toldErrors.has(text));
    for (const [, fields] of fresh.slice(0, MOST_LINES)) log.warn(fields, 'not understood: what it said before holds');
    if (fresh.length > MOST_LINES)
      log.warn({ documents: fresh.length - MOST_LINES }, 'not understood too: webpool status shows all');
    if (texts.size === 0 && toldErrors.size > 0) log.info('everything is understood again');
    toldErrors = new Set(texts.keys());
  };
}

const READY = 'Ready';

/** Ready, or the reason why not; undefined while a new version is on its way, which is no news. */
function standingOf({ conditions = [] }: AnyStatus): string | undefined {
  const ready = conditionIn(conditions, 'Ready');
  if (ready === undefined || ready.status === 'Unknown') return undefined;
  if (ready.status === 'True') return READY;
  return conditionIn(conditions, 'Reconciling')?.reason.startsWith('WaitingFor') === true ? undefined : ready.reason;
}

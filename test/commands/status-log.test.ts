import { expect, test } from 'vitest';
import { createStatusLog, type StatusLog } from '../../operator/commands/status-log.ts';
import type { AnyStatus, StatusDocument } from '../../operator/status/document.ts';
import { createLogger, humanLine } from '../../operator/telemetry/log.ts';

/** `type status reason` → a condition. */
function statusOf(...conditions: readonly string[]): AnyStatus {
  return {
    conditions: conditions.map((text) => {
      const [type = '', status = '', reason = ''] = text.split(' ');
      const common = {
        message: `because ${reason}`,
        lastTransitionTime: '2026-01-01T00:00:00Z',
        observedGeneration: 1,
      };
      return { type, status: status as 'True', reason, ...common };
    }),
  };
}

function pool(name: string, status: AnyStatus): StatusDocument {
  const metadata = { namespace: 'default', name, generation: 1 };
  return { kind: 'WebPool', key: `default/${name}`, metadata, status };
}

function world(before: AnyStatus | undefined) {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(humanLine(line).slice(13).trimEnd());
  const log = createStatusLog(createLogger({ format: 'json', stream: { write } }), () => before);
  return { log, since: () => lines.splice(0) };
}

const READY = statusOf('Ready True Ready');
const WAITING = statusOf('Ready False NoReadyEndpoints', 'Reconciling True WaitingForEndpoints');
const DOWN = statusOf('Ready False NoReadyEndpoints', 'Reconciling True ProgressingWithRetry');

test('an object is told when it is ready, and why when it is not; what is only on its way is no news', () => {
  const { log, since } = world(undefined);
  log([pool('a', WAITING)], []);
  expect(since()).toEqual([]);
  log([pool('a', READY)], []);
  expect(since()).toEqual(['info  ready object="WebPool default/a"']);
  log([pool('a', DOWN)], []);
  const down = ['warn  not ready object="WebPool default/a" reason=NoReadyEndpoints why="because NoReadyEndpoints"'];
  expect(since()).toEqual(down);
  log([pool('a', DOWN)], []);
  log([pool('a', WAITING)], []);
  expect(since()).toEqual([]);
  log([pool('a', READY)], []);
  expect(since()).toEqual(['info  ready object="WebPool default/a"']);
});

test('what was so before this process is no news', () => {
  const { log, since } = world(READY);
  log([pool('a', READY)], []);
  expect(since()).toEqual([]);
});

const BAD = { condition: 'Accepted', reason: 'InvalidSpec', message: 'is no YAML', file: 'a.yaml' } as const;
const thousand = <T>(make: (index: number) => T) => Array.from({ length: 1000 }, (_, index) => make(index));

test.each<[string, Parameters<StatusLog>, string]>([
  [
    'objects',
    [thousand((index) => pool(`p${index}`, READY)), []],
    'info  changed too: webpool status shows all objects=980',
  ],
  [
    'documents that are none, as in a folder that was copied into itself',
    [[], thousand((line) => ({ ...BAD, line }))],
    'warn  not understood too: webpool status shows all documents=980',
  ],
])('of thousands of %s the first are told by name', (...[, told, last]) => {
  const { log, since } = world(undefined);
  log(...told);
  const lines = since();
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toBe(last);
});

test('what is no object is told once, and that it is over', () => {
  const { log, since } = world(undefined);
  const error = { ...BAD, line: 3 };
  log([], [error]);
  log([], [error]);
  expect(since()).toEqual(['warn  not understood: what it said before holds file=a.yaml line=3 why="is no YAML"']);
  log([], []);
  log([], []);
  expect(since()).toEqual(['info  everything is understood again']);
});

/** When garbage is collected, and that it is. */
import { expect, test } from 'vitest';
import { collectGarbage, createRestFinder } from '../../operator/commands/tidy.ts';

const WORK = { active: 400, idle: 1600 };
const REST = { active: 20, idle: 1980 };

test.each<[string, readonly (typeof WORK)[], readonly boolean[]]>([
  ['once, at rest after much work', [WORK, WORK, REST, REST], [false, false, true, false]],
  ['again after more of it', [WORK, WORK, REST, WORK, WORK, REST], [false, false, true, false, false, true]],
  ['when little work has become much', [WORK, REST, WORK, REST], [false, false, false, true]],
  ['never while there is work', Array.from({ length: 5 }, () => WORK), Array.from({ length: 5 }, () => false)],
  ['never for rest alone', Array.from({ length: 100 }, () => REST), Array.from({ length: 100 }, () => false)],
])('it is time %s', (_, looks, times) => {
  const isTime = createRestFinder();
  expect(looks.map((spent) => isTime(spent))).toEqual(times);
});

test('what nobody holds any more is gone after it', () => {
  let ballast: unknown[] | undefined = Array.from({ length: 1e6 }, (_, index) => ({ index }));
  const garbage = new WeakRef(ballast);
  expect(ballast.length).toBe(1e6);
  ballast = undefined;
  const before = process.memoryUsage().heapUsed;
  return new Promise<void>((resolve) => {
    // A WeakRef holds its object until the task ends.
    setTimeout(() => {
      collectGarbage();
      expect(garbage.deref()).toBe(undefined);
      expect(process.memoryUsage().heapUsed).toBeLessThan(before - 20e6);
      resolve();
    });
  });
});

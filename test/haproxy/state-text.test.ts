import { expect, it } from 'vitest';
import { parseServersState, UnexpectedAnswerError } from '../../operator/haproxy/parse.ts';
import { createStateText } from '../../operator/haproxy/state-text.ts';

const HEAD = '1\n# be_id be_name srv_id srv_name';
const row = (backend: string, server: string, weight: number) =>
  `3 ${backend} 1 ${server} 192.0.2.1 2 0 ${weight} ${weight} 5 15 3 4 6 0 0 0 - 80 - 0 0 - - 0`;
const answer = (...rows: string[]) => [HEAD, ...rows, ''].join('\n');

it('is nothing before the first reading', () => {
  const state = createStateText();
  state.some('a', answer(row('a', 's1', 1)));
  expect(state.text()).toBe('');
});

it('is the last reading of all, with newer readings of some in its place', () => {
  const state = createStateText();
  state.all(answer(row('a', 's1', 1), row('a', 's2', 1), row('b', 's3', 1)));
  state.some('a', answer(row('a', 's1', 9)));
  state.some('c', answer(row('c', 's4', 4)));
  state.some('b', answer());
  expect(state.text()).toBe(`${[HEAD, row('a', 's1', 9), row('c', 's4', 4)].join('\n')}\n`);
  expect([...parseServersState(state.text().trimEnd()).keys()]).toEqual(['a', 'c']);
  expect(state.text()).toBe(`${[HEAD, row('a', 's1', 9), row('c', 's4', 4)].join('\n')}\n`);
  state.all(answer(row('a', 's1', 2)));
  expect(state.text()).toBe(`${[HEAD, row('a', 's1', 2)].join('\n')}\n`);
});

it('tells of a reading of all what each backend alone would have been answered', () => {
  const rows = { a: [row('a', 's1', 1), row('a', 's2', 1)], b: [row('b', 's3', 1)] };
  const answers = createStateText().all(answer(...rows.a, ...rows.b));
  expect([...answers]).toEqual([
    ['a', answer(...rows.a)],
    ['b', answer(...rows.b)],
  ]);
});

it('takes nothing else for a reading', () => {
  const state = createStateText();
  for (const words of ['', 'Permission denied\n']) expect(() => state.all(words)).toThrow(UnexpectedAnswerError);
  expect(state.text()).toBe('');
});

it('leaves the port of a check to the configuration', () => {
  const state = createStateText();
  state.all('1\n# be_id srv_name srv_check_port srv_check_addr\n3 a 8081 -\n3 b 0 -\n');
  expect(state.text()).toBe('1\n# be_id srv_name srv_check_port srv_check_addr\n3 a 0 -\n3 b 0 -\n');
});

import { describe, expect, test } from 'vitest';
import { figuresOf, outcomeOf } from '../../bench/traffic.ts';
import type { Answer } from '../../demo/visitors.ts';

const answer = (own: Partial<Answer>): Answer => ({
  begun: 100,
  at: 110,
  method: 'POST',
  path: '/',
  server: '',
  version: '',
  ...own,
});
const DEATH = { from: 105, to: 108 };

describe('a request that failed', () => {
  test.each<[string, Partial<Answer>, 'failed' | 'inside']>([
    ['was inside the server that died', { failure: '502 bad-answer-of-server' }, 'inside'],
    ['was cut there without a word', { failure: 'socket hang up' }, 'inside'],
    ['may be sent twice', { method: 'GET', failure: '502 bad-answer-of-server' }, 'failed'],
    ['came after the death', { begun: 109, failure: '502 bad-answer-of-server' }, 'failed'],
    ['had ended before', { begun: 90, at: 104, failure: '502 bad-answer-of-server' }, 'failed'],
    ['found no server', { failure: '503 no-ready-server' }, 'failed'],
    ['got no connection', { failure: 'connect ECONNREFUSED' }, 'failed'],
    ['came from a wrong server', { failure: 'web3 is no server for /' }, 'failed'],
  ])('%s', (_, own, where) => {
    const { failed, inside } = outcomeOf([answer(own), answer({})], DEATH);
    expect({ failed, inside }).toEqual(where === 'failed' ? { failed: 1, inside: 0 } : { failed: 0, inside: 1 });
  });

  test('always counts where no server died', () => {
    const outcome = outcomeOf([answer({ failure: 'socket hang up' }), answer({})], undefined);
    expect(outcome).toEqual({ requests: 2, failed: 1, reasons: new Map([['POST: socket hang up', 1]]) });
  });
});

test('the figures tell apart what was inside', () => {
  const outcome = outcomeOf([answer({ failure: '502 x' }), answer({})], DEATH);
  expect(figuresOf('server_killed', outcome, 'k8s_')).toEqual({
    k8s_failed_server_killed: { value: 0, unit: 'requests' },
    k8s_inside_server_killed: { value: 1, unit: 'requests' },
    k8s_requests_server_killed: { value: 2, unit: 'requests' },
  });
});

import { describe, expect, it, test } from 'vitest';
import { collectGarbage } from '../../operator/commands/tidy.ts';
import {
  parseConnections,
  parseInfo,
  parseLearnt,
  parseMap,
  parseProcesses,
  parseRemembered,
  parseServersState,
  sameServersState,
  UnexpectedAnswerError,
} from '../../operator/haproxy/parse.ts';

const HEAD = [
  '1',
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port',
];

interface Row {
  readonly operational?: number;
  readonly admin?: number;
  readonly result?: number;
  readonly check?: number;
  readonly status?: number;
}

const row = (name: string, { operational = 2, admin = 0, result = 3, check = 6, status = 15 }: Row = {}) =>
  `4 http_default_site 1 ${name} 192.0.2.1 ${operational} ${admin} 30 100 5 ${status} ${result} 4 ${check} 0 0 0 - 8080 - 0 0 - - 0`;
const servers = (...rows: string[]) => parseServersState([...HEAD, ...rows, ''].join('\n')).get('http_default_site');

describe('show servers state', () => {
  it('tells name, address, port and weight', () => {
    expect(servers(row('a_192.0.2.1:8080'))?.get('a_192.0.2.1:8080')).toEqual({
      name: 'a_192.0.2.1:8080',
      address: '192.0.2.1',
      port: 8080,
      weight: 30,
      admin: 'ready',
      health: 'Up',
    });
  });

  test.each<[number, string]>([
    [0x00, 'ready'],
    [0x01, 'maint'],
    [0x02, 'maint'],
    [0x05, 'maint'],
    [0x04, 'ready'],
    [0x0c, 'drain'],
    [0x08, 'drain'],
    [0x10, 'drain'],
    [0x20, 'maint'],
    [0x09, 'maint'],
    [0x40, 'ready'],
  ])('the administrative state %d is %s', (admin, word) => {
    expect(servers(row('a', { admin }))?.get('a')?.admin).toBe(word);
  });

  test.each<[string, Row, string]>([
    ['no check', { check: 0 }, 'Unchecked'],
    ['a check that was not made yet', { check: 6, result: 0, status: 1 }, 'Starting'],
    ['a first check that is going on', { check: 7, result: 0, status: 1 }, 'Starting'],
    ...[6, 9, 15, 16].map((status): [string, Row, string] => [
      `a check that is going on after one that passed (${status})`,
      { check: 7, result: 0, status },
      'Up',
    ]),
    ['a check that is going on after one of a few that failed', { check: 7, result: 0, status: 17 }, 'Up'],
    ['a check that ran into nothing yet', { check: 6, result: 1 }, 'Starting'],
    ['a passed check', { result: 3 }, 'Up'],
    ['a passed check that asks for drain', { result: 4 }, 'Up'],
    ['a server that is down', { operational: 0, result: 2 }, 'Down'],
    ['a server that passed one of two checks', { operational: 0, result: 3 }, 'Down'],
    ['a server that failed one check of a few and serves', { operational: 2, result: 2, status: 17 }, 'Up'],
  ])('%s', (...[, seen, health]) => {
    expect(servers(row('a', seen))?.get('a')?.health).toBe(health);
  });

  test.each<[number, string | undefined]>([
    [5, 'Refused'],
    [8, 'Refused'],
    [7, 'Unreachable'],
    [12, 'Timeout'],
    [10, 'Handshake'],
    [11, 'Handshake'],
    [13, 'Answer'],
    [17, 'Answer'],
    [4, undefined],
  ])('a check that failed with status %i got as far as %s', (status, failure) => {
    const [failed, again, passed] = [2, 0, 3].map((result) =>
      servers(row('a', { operational: 0, result, status }))?.get('a'),
    );
    expect([failed?.failure, again?.failure, passed?.failure]).toEqual([failure, failure, undefined]);
  });

  it('of HAProxy 3 has more columns', () => {
    expect(servers(`${row('a')} 0 -`)?.get('a')?.port).toBe(8080);
  });

  it('without servers is empty', () => {
    expect(parseServersState([...HEAD, ''].join('\n')).size).toBe(0);
  });

  it('keeps nothing of an answer in memory but what it tells', () => {
    const name = `web01_2001:db8::1:8080_${'x'.repeat(20)}`;
    const large = `${row('other')}\n`.repeat(1000);
    const read = (index: number) =>
      servers(`${large}${row(`${name}${index}`).replace('192.0.2.1', '2001:db8::1:2:3:4')}`)?.get(`${name}${index}`);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const kept = Array.from({ length: 100 }, (_, index) => read(index));
    collectGarbage();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(3_000_000);
    expect(kept[0]).toMatchObject({ name: `${name}0`, address: '2001:db8::1:2:3:4' });
  });

  test.each(['', "Can't find backend.", '2\n# be_id', `${HEAD.join('\n')}\n4 half a line`])(
    '%j is no answer',
    (text) => {
      expect(() => parseServersState(text)).toThrow(UnexpectedAnswerError);
    },
  );

  test.each<[string, (text: string) => string, boolean]>([
    ['the time since when it is so', (text) => text.replaceAll(' 100 5 ', ' 100 86400 '), true],
    ['no time at all', (text) => text.replaceAll(' 100 5 ', ' 100  '), true],
    ['another number', (text) => text.replace(' 30 100 5 ', ' 31 100 5 '), false],
    ['a digit of a name', (text) => text.replace('a_192', 'a1_192'), false],
    ['a server more', (text) => `${text}${row('c')}\n`, false],
    ['a server less', (text) => text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1), false],
    ['half an answer', (text) => text.slice(0, -30), false],
    ['no answer', () => '', false],
  ])('that differs in %s', (_, change, same) => {
    const text = [...HEAD, row('a_192.0.2.1:80'), row('b'), ''].join('\n');
    expect(sameServersState(text, text)).toBe(true);
    expect(change(text)).not.toBe(text);
    expect(sameServersState(text, change(text))).toBe(same);
    expect(sameServersState(change(text), text)).toBe(same);
  });
});

describe('show info', () => {
  const text = (more: string) => `Name: HAProxy\nVersion: 2.6.12-1\nPid: 77\nStart_time_sec: 1700000000\n${more}`;

  it('tells who answers and what it was made from', () => {
    expect(parseInfo(text('Stopping: 0\ndescription: 0123456789abcdef\n'))).toEqual({
      pid: 77,
      epoch: '77@1700000000',
      checksum: '0123456789abcdef',
      version: '2.6.12-1',
      stopping: false,
    });
  });

  it('knows a stranger and one that is about to end', () => {
    expect(parseInfo(text('Stopping: 1\n'))).toMatchObject({ checksum: '', stopping: true });
  });

  test.each(['', 'Unknown command.', 'Version: 2.6\nPid: many'])('%j is no answer', (answer) => {
    expect(() => parseInfo(answer)).toThrow(UnexpectedAnswerError);
  });
});

describe('show map', () => {
  it('is keys and values, of a repeated key the first', () => {
    expect(parseMap('0x1 80|a.x/ http_a\n0x2 ?1.1 h=E:a:b|b=c d\n0x3 80|a.x/ http_b\n')).toEqual(
      new Map([
        ['80|a.x/', 'http_a'],
        ['?1.1', 'h=E:a:b|b=c d'],
      ]),
    );
    expect(parseMap('')).toEqual(new Map());
  });
});

describe('show servers conn', () => {
  it('tells who is busy, wherever the column stands', () => {
    const text =
      '# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est\nhttp_a/x_1:80 4/1 192.0.2.1 80 - 5000 3 4 1\nhttp_a/y_2:80 4/2 192.0.2.2 80 - 5000 0 1 0\n';
    expect(parseConnections(text)).toEqual(
      new Map([
        ['http_a/x_1:80', 3],
        ['http_a/y_2:80', 0],
      ]),
    );
  });

  it('without that column is no answer', () => {
    expect(() => parseConnections('# bkname/svname other\n')).toThrow(UnexpectedAnswerError);
  });
});

describe('show proc', () => {
  const HEADER = '#<PID>          <type>          <reloads>       <uptime>        <version>';

  it('tells reloads, failures, the worker and its elders', () => {
    const text = `${HEADER}\n10              master          3 [failed: 1]   0d00h00m08s     2.6.12\n# workers\n13              worker          0               0d00h00m01s     2.6.12\n# old workers\n11              worker          2               0d00h00m08s     2.6.12\n12              worker          1               0d00h00m05s     2.6.12\n# programs\n\n`;
    expect(parseProcesses(text)).toEqual({ reloads: 3, failed: 1, worker: 13, old: [11, 12] });
  });

  it('has no worker while one is made', () => {
    const text = `${HEADER}\n10 master 0 [failed: 0] 0d00h00m08s 2.6.12\n# workers\n# programs\n\n`;
    expect(parseProcesses(text)).toEqual({ reloads: 0, failed: 0, old: [] });
  });

  it('without a master is no answer', () => {
    expect(() => parseProcesses('Unknown command')).toThrow(UnexpectedAnswerError);
  });
});

test('show table: entries of all tables', () => {
  const text = '# table: a, type: ip, size:204800, used:3\n# table: b, type: string, size:204800, used:4\n\n';
  expect(parseRemembered(text)).toBe(7);
  expect(parseRemembered('\n')).toBe(0);
});

describe('show peers', () => {
  const peers = (flags: string) =>
    `0x5634f0983ca0: [25/Nov/2026:20:34:07] id=webpool disabled=0 flags=${flags} resync_timeout=4s task_calls=2\n  0x5634f0985d60: id=local(local,inactive) addr=unix:0\n        flags=0x0\n`;

  test.each([
    ['2.6 that waits for others', '0x11', false],
    ['2.6 that has given up', '0x33', true],
    ['3.0 that waits for others', '0x28100001', false],
    ['3.0 that has learnt', '0x11000003', true],
  ])('%s', (...[, flags, learnt]) => {
    expect(parseLearnt(peers(flags))).toBe(learnt);
  });

  it('has nothing to learn where there are no peers', () => {
    expect(parseLearnt('No such peers\n')).toBe(true);
  });
});

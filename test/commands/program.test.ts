import { execFile } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { folderOf, POOL } from './folders.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function webpool(...args: readonly string[]): Promise<Said> {
  return new Promise((done) => {
    const child = execFile(process.execPath, ['operator/main.ts', ...args], { cwd: ROOT }, (_, out, err) =>
      done({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

describe('help teaches', () => {
  test('what there is, with examples', async () => {
    const { code, out, err } = await webpool('--help');
    expect([code, err]).toEqual([0, '']);
    for (const word of ['run', 'check', 'render', 'status', 'Examples:', '$ webpool check examples/minimal']) {
      expect(out).toContain(word);
    }
  });

  test.each([
    ['run', ['<folder>', '--bind <address>', '--http <host:port>', '--once', 'Ctrl-C or SIGTERM lets connections end']],
    ['check', ['<folder>', '"text", "json"', 'Exit code: 0 nothing found, 1 findings, 2 the folder cannot be read.']],
    ['render', ['<folder>', '--to <folder>', 'Nothing is contacted.']],
    [
      'status',
      [
        '[folder]',
        '[object]',
        '--url <url>',
        'Exit code: 0 all is Ready, 1 something is not, 2 no instance was reached.',
      ],
    ],
  ])('%s', async (command, words) => {
    const { code, out } = await webpool(command, '--help');
    expect(code).toBe(0);
    for (const word of words) expect(out.replaceAll(/\s+/g, ' ')).toContain(word.replaceAll(/\s+/g, ' '));
  });
});

test('--version is that of the package', async () => {
  expect(await webpool('--version')).toEqual({ code: 0, out: '0.1.0\n', err: '' });
});

test.each(['run', 'agent', 'operator', 'render', 'explain'])(
  'help of %s shows usual values as they are written',
  async (command) => {
    const { out } = await webpool(command, '--help');
    expect(out).not.toMatch(/default:\s+[[{]|default:\s+\d{4,}/);
    expect(out.replaceAll(/\s+/g, ' ')).not.toMatch(/\(default: [^)]*\) \(default/);
  },
);

describe('called wrongly, the exit code is 2 and one line says why', () => {
  test.each([
    [[], /^Usage: webpool/],
    [['chek', 'a'], /unknown command 'chek'[\s\S]*Did you mean check\?/],
    [['check'], /missing required argument 'folder'/],
    [['check', 'a', 'b'], /too many arguments/],
    [['check', 'a', '--outptu', 'json'], /unknown option '--outptu'[\s\S]*Did you mean --output\?/],
    [['check', 'a', '-o', 'yaml'], /Allowed choices are text, json/],
    [['check', '/nowhere/at/all'], /^webpool: cannot read \/nowhere\/at\/all: it is not there$/m],
    [['render', '/nowhere/at/all'], /^webpool: cannot read \/nowhere\/at\/all: it is not there$/m],
    [['check', 'package.json'], /^webpool: cannot read package.json: it is no folder/],
    [['run', '/nowhere/at/all'], /^webpool: cannot run \/nowhere\/at\/all: it is not there$/m],
    [['run', 'package.json'], /^webpool: cannot run .*package.json: it is no folder/],
    [['run', 'a', '--bind', 'localhost'], /not an IPv4 or IPv6 address/],
    [['run', 'a', '--http', '127.0.0.1:99999'], /not host:port/],
    [['run', 'a', '--timeout', '30'], /not a duration such as 500ms, 30s or 5m/],
    [['run', 'a', '--max-connections', '0'], /not a whole number above 0/],
    [['run', 'a', '--zone', 'a b'], /not a zone such as eu-central-1a/],
    [
      ['run', `/${'long/'.repeat(30)}`],
      /^webpool: .* is too long for a socket path: give a shorter one with --state-dir/,
    ],
  ])('%j', async (args, message) => {
    const { code, out, err } = await webpool(...args);
    expect(err).toMatch(message);
    expect(err).not.toContain('    at ');
    expect([code, out]).toEqual([2, '']);
  });
});

test('check: 0 nothing wrong, 1 findings', async () => {
  const good = await folderOf({ 'a.yaml': POOL });
  const bad = await folderOf({ 'a.yaml': POOL.replace('port: 80', 'port: 0') });
  expect(await webpool('check', good)).toEqual({ code: 0, out: '1 object, nothing wrong\n', err: '' });
  expect(await webpool('check', bad)).toEqual({
    code: 1,
    out: expect.stringContaining('a.yaml:5: ') as string,
    err: '',
  });
});

test('render: 0 also when something is refused, for check is there for that', async () => {
  const bad = await folderOf({ 'a.yaml': POOL.replace('port: 80', 'port: 0') });
  const { code, out } = await webpool('render', bad, '--bind', '127.0.0.1');
  expect(out).toMatch(
    /^##### accounts\.sql\n[\s\S]*^##### haproxy\.cfg\n[\s\S]*^##### status\.yaml\n[\s\S]*InvalidSpec/m,
  );
  expect(code).toBe(0);
});

test('--zone says where the load balancer is', async () => {
  const folder = 'test/golden/zones/in';
  const { out } = await webpool('render', folder, '--zone', 'b');
  expect([...out.matchAll(/ server (\S+) .* backup$/gm)].map(([, name]) => name)).toEqual([
    'near-a_10.0.0.1:80_backup',
    'web01_192.0.2.1:80_backup',
  ]);
  const url = 'http://a:8080/';
  expect((await webpool('explain', folder, url, '--zone', 'b')).out).toContain(
    'web01 192.0.2.1:80 weight 100: other zone (a)',
  );
  expect((await webpool('explain', folder, url)).out).toMatch(
    /^ {2}note +Pool default\/near prefers servers of .* --zone/m,
  );
});

test('status: 2 when nobody answers', async () => {
  const folder = await folderOf({});
  expect(await webpool('status', folder)).toMatchObject({
    code: 2,
    out: '',
    err: `No instance runs ${folder}. Start one: webpool run ${folder}\n`,
  });
});

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isSelector } from '../../operator/commands/status-select.ts';
import { status } from '../../operator/commands/status.ts';
import type { InstanceStatus } from '../../operator/status/instance.ts';
import { database, EVERYTHING, instance } from '../status/instances.ts';
import { DOWN, NOTHING, proxyOf, STARTING, UP } from '../status/world.ts';
import { freePortOn } from '../support/address.ts';
import { folderOf } from './folders.ts';

/** An instance that answers so. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((done) => server.once('listening', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answering(body: unknown, code = 200): RequestListener {
  return (_, response) => response.writeHead(code).end(JSON.stringify(body));
}

const NO_JSON: RequestListener = (_, response) => response.end('<html>');
const ELSEWHERE: RequestListener = (_, response) => response.writeHead(302, { location: 'http://192.0.2.1/' }).end();

interface Asked {
  readonly code: number;
  readonly text: string;
}

type Question = Partial<Parameters<typeof status>[0]>;

async function ask(question: Question): Promise<Asked> {
  const texts: string[] = [];
  const complain = (text: string) => question.output === 'json' || texts.push(text);
  const code = await status({ output: 'table', out: (text) => texts.push(text), complain, ...question });
  return { code, text: texts.join('') };
}

async function askAbout(body: InstanceStatus, question: Question = {}): Promise<Asked> {
  return ask({ url: await serve(answering(body)), ...question });
}

describe('webpool status', () => {
  test('of an instance where all is well', async () => {
    const { code, text } = await askAbout(instance());
    expect(text).toBe(`webpool 0.1.0 of /etc/webpool, pid 7, since 2026-01-01T00:00:00Z
HAProxy: programmed
Database db01:3306 as default/admin: MariaDB 10.11.6

RULES
NAME   READY   LISTENER   HOSTS   POOLS   REASON
site   True    HTTP/80    *       blog    Ready

POOLS
NAME   READY   ENDPOINTS   PROTOCOL   REASON
blog   True    2/2         HTTP       Ready

SERVERS
POOL   SERVER   ADDRESS        WEIGHT   STATE    HEALTH   ACCOUNT   WHY
blog   web01    192.0.2.1:80   100      Active   Up       Ready     -
blog   web02    192.0.2.2:80   100      Active   Up       Ready     -

GRANTS
NAME   READY   ACCOUNT   ACCOUNTS   SERVER                       REASON
db     True    app       2/2        db01:3306 as default/admin   Ready

ACCOUNTS
GRANT   HOST        STATE   WHY
db      192.0.2.1   Ready   -
db      192.0.2.2   Ready   -
`);
    expect(code).toBe(0);
  });

  test('says the reason and the way out for what is not well', async () => {
    const failed = { host: '192.0.2.2', state: 'Failed', message: 'Error 1396.' };
    const body = instance(
      {
        ...EVERYTHING,
        rules: {
          site: {
            listener: { protocol: 'HTTP' },
            rules: [{ name: 'a', pools: [{ name: 'nowhere' }, { name: 'blog' }] }],
          },
        },
      },
      (topology) => ({ proxy: proxyOf(topology, () => DOWN), databases: database([failed]) }),
      ['kind: there is no such kind'],
    );
    const { code, text } = await askAbout(body);
    expect(code).toBe(1);
    for (const line of [
      /^site +False +HTTP\/80 +\* +nowhere,blog +BackendNotFound$/m,
      /^ {2}! site: ResolvedRefs: BackendNotFound: .*"nowhere"/m,
      /^ {4}Write the WebPool, or correct its name in the rule\.$/m,
      /^ {2}! site: BackendsAvailable: NoAvailableBackends: /m,
      /^ {2}! blog: Available: NoReadyEndpoints: 0 of 2 servers ready\./m,
      /^ {4}SERVERS says why for each of them; try its check by hand with curl\.$/m,
      /^blog +web01 +192\.0\.2\.1:80 +100 +Active +Down +Pending +Its health check fails: connect to 192\.0\.2\.1:80/m,
      /^db +False +app +0\/2 +db01:3306 as default\/admin +PartiallySynced$/m,
      /^db +192\.0\.2\.2 +Failed +Error 1396\.$/m,
      /^ERRORS\na\.yaml:3: kind: there is no such kind$/m,
    ])
      expect(text).toMatch(line);
    expect(text).not.toMatch(/! \w+: (Ready|Stalled|Reconciling):/);
  });

  test('says what is told of objects that are Ready', async () => {
    const told = (type: string) => [
      { type, status: 'True', reason: type, message: `Why ${type}.`, lastTransitionTime: '', observedGeneration: 1 },
    ];
    const body = instance();
    const [rules, pools] = [
      body.rules.map((row) => ({ ...row, status: { conditions: told('CertificateMismatch') } })),
      body.pools.map((row) => ({ ...row, status: { conditions: told('LegacyTLS') } })),
    ];
    const { code, text } = await askAbout({ ...body, rules, pools } as InstanceStatus);
    expect(text).toMatch(/^ {2}! site: CertificateMismatch: CertificateMismatch: Why CertificateMismatch\.$/m);
    expect(text).toMatch(/^ {2}! blog: LegacyTLS: LegacyTLS: Why LegacyTLS\.$/m);
    expect(code).toBe(0);
  });

  test('says what HAProxy and the database say, in lines that cannot steer a terminal', async () => {
    const words = 'line 7:\n\u001b[31munknown\u001b[0m';
    const { text } = await askAbout(
      instance(EVERYTHING, () => ({
        proxy: { ...NOTHING, problem: { reason: 'ConfigRejected', message: words } },
        databases: database([], { problem: { reason: 'ServerUnreachable', message: words } }),
      })),
    );
    expect(text).toContain('HAProxy: ConfigRejected: line 7: / \\u{1b}[31munknown');
    expect(text).toContain('Database db01:3306 as default/admin: ServerUnreachable: line 7: / ');
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  test('wide: since when, which generation, which grants', async () => {
    const { text } = await askAbout(instance(), { output: 'wide' });
    expect(text).toMatch(/^blog +True +2\/2 +HTTP +Ready +2026-01-01T00:00:00Z +1$/m);
    expect(text).toMatch(/^blog +web01 +192\.0\.2\.1:80 +100 +Active +Up +Ready +db +-$/m);
  });

  test('as JSON what the instance says', async () => {
    const body = instance();
    const { code, text } = await askAbout(body, { output: 'json' });
    expect(JSON.parse(text)).toEqual({ ...(JSON.parse(JSON.stringify(body)) as object), lastKnown: false });
    expect(code).toBe(0);
  });

  test('of many servers those that are not well, and how many others there are', async () => {
    const externalEndpoints = Array.from({ length: 300 }, (_, index) => ({
      name: `web${index}`,
      address: `192.0.${2 + (index >> 8)}.${index & 255}`,
    }));
    const written = { pools: { blog: { port: 80, externalEndpoints } } };
    const body = instance(written, (topology) => ({
      proxy: proxyOf(topology, (id) => (id.startsWith('web7_') ? STARTING : UP)),
    }));
    const { text } = await askAbout(body);
    expect(text.match(/^blog +web/gm)).toHaveLength(1);
    expect(text).toContain('  and 299 more that are well: -o wide shows all');
    expect((await askAbout(body, { output: 'wide' })).text.match(/^blog +web/gm)).toHaveLength(300);
  });
});

describe('webpool status OBJECT', () => {
  const written = {
    ...EVERYTHING,
    pools: {
      blog: EVERYTHING.pools?.['blog'] ?? {},
      other: { port: 80, externalEndpoints: [{ name: 'web09', address: '192.0.2.9' }] },
    },
    rules: {
      site: EVERYTHING.rules?.['site'] ?? { listener: { protocol: 'HTTP' as const }, rules: [] },
      other: { listener: { protocol: 'TCP' as const, port: 25 }, rules: [{ name: 'a', pools: [{ name: 'other' }] }] },
    },
  };
  const body = instance(written, (topology) => ({
    proxy: proxyOf(topology, (id) => (id.startsWith('web09') ? DOWN : UP)),
  }));

  test.each([
    ['pool/blog', 0, ['site', 'blog', 'web01', 'db'], ['other', 'web09']],
    ['webpool/default/other', 1, ['other', 'web09'], ['site', 'web01', 'db01']],
    ['RR/site', 0, ['site', 'blog', 'web01', 'db'], ['other', 'web09']],
    ['rule/other', 0, ['other', 'web09'], ['site', 'web01']],
    ['grant/db', 0, ['blog', 'web01', 'db', 'Database'], ['site', 'other']],
  ] as const)('%s shows what hangs together with it', async (...[selector, code, shown, hidden]) => {
    const answer = await askAbout(body, { selector });
    for (const word of shown) expect(answer.text).toMatch(new RegExp(`^(\\w+ +)?${word} `, 'm'));
    for (const word of hidden) expect(answer.text).not.toMatch(new RegExp(`^(\\w+ +)?${word} `, 'm'));
    expect(answer.code).toBe(selector === 'rule/other' ? 1 : code);
  });

  test.each([
    ['blog', 'blog: expected KIND/NAME or KIND/NAMESPACE/NAME'],
    ['pod/blog', 'pod/blog: expected KIND/NAME'],
    ['pool/a/b/c', 'pool/a/b/c: expected KIND/NAME'],
    ['pool/nowhere', 'pool/nowhere: there is no such WebPool. There are: default/blog, default/other'],
    ['pool/shop/blog', 'pool/shop/blog: there is no such WebPool.'],
  ])('%s is not understood', async (selector, message) => {
    const answer = await askAbout(body, { selector });
    expect(answer.text).toContain(message);
    expect(answer.code).toBe(2);
  });

  test('of a kind that nobody wrote', async () => {
    const { text } = await askAbout(instance({}), { selector: 'grant/db' });
    expect(text).toBe('grant/db: there is no such DatabaseGrant. There is none at all.\n');
  });
});

describe('where nobody answers', () => {
  test.each([
    ['an error', answering({}, 500), 'it answers 500'],
    ['something else', answering({ hello: 1 }), 'what answers is no webpool instance'],
    ['a list', answering([]), 'what answers is no webpool instance'],
    ['no JSON', NO_JSON, 'JSON'],
    ['another place', ELSEWHERE, 'redirect'],
  ])('%s', async (_, listener, message) => {
    const url = await serve(listener);
    const { code, text } = await ask({ url });
    expect(text).toMatch(
      new RegExp(`^No instance answers at ${url}: .*${message}.* Start one: webpool run FOLDER\\n$`),
    );
    expect(code).toBe(2);
  });

  test('an instance that only starts', async () => {
    const url = await serve(answering({ instance: { pid: 7 }, ready: false }));
    const folder = await folderOf({ '.status/instance.json': JSON.stringify({ url, pid: 7 }) });
    const text = `The instance at ${url} has only begun and knows nothing yet: ask again, or look into its log.\n`;
    expect(await ask({ url })).toEqual({ code: 2, text });
    expect(await ask({ folder })).toEqual({ code: 2, text });
  });

  test('a port that nobody listens on', async () => {
    const { code, text } = await ask({ url: `http://127.0.0.1:${await freePortOn('127.0.0.1')}` });
    expect([code, text]).toEqual([2, expect.stringContaining('ECONNREFUSED')]);
  });

  test('an address that is none', async () => {
    expect(await ask({ url: 'nonsense' })).toEqual({
      code: 2,
      text: expect.stringContaining('No instance answers at nonsense: ') as string,
    });
  });

  const document = (name: string, ready: string) =>
    `apiVersion: webpool.dev/v1alpha1\nkind: WebPool\nmetadata: {namespace: default, name: ${name}, generation: 3}\nstatus: {conditions: [{type: Ready, status: "${ready}", reason: Why, message: because, lastTransitionTime: "2026-01-01T00:00:00Z"}], endpoints: {summary: 1/2}}\n`;

  test('a folder that nobody runs: what it last was', async () => {
    const folder = await folderOf({
      '.status/webpool.default.blog.yaml': document('blog', 'True'),
      '.status/errors.yaml': 'errors: []\n',
      '.status/webpool.default.broken.yaml': '{',
      '.status/webpool.default.null.yaml': 'kind: WebPool\nmetadata: null\nstatus: {}\n',
      '.status/webpool.default.part.yaml.new': document('part', 'True'),
    });
    const { code, text } = await ask({ folder });
    expect(text).toBe(`webpool: last known state, nobody runs it now

POOLS
NAME   READY   ENDPOINTS   PROTOCOL   REASON
blog   True    1/2         -          Why
No instance runs ${folder}. Start one: webpool run ${folder}
What stands above is the last known state.
`);
    expect(code).toBe(2);
  });

  test('a folder whose instance died: the same, and why', async () => {
    const folder = await folderOf({
      '.status/instance.json': '{"url": "http://127.0.0.1:1", "pid": 1}',
      '.status/webpool.default.blog.yaml': document('blog', 'False'),
    });
    const { code, text } = await ask({ folder, output: 'json' });
    expect(JSON.parse(text)).toMatchObject({ lastKnown: true, ready: false, pools: [{ name: 'blog', generation: 3 }] });
    expect(code).toBe(2);
  });

  test.each(['{', '{"url": 7}', '[]'])('a folder whose address is damaged: %s', async (content) => {
    const folder = await folderOf({ '.status/instance.json': content });
    expect(await ask({ folder })).toEqual({
      code: 2,
      text: `No instance runs ${folder}. Start one: webpool run ${folder}\n`,
    });
  });

  test('a folder that is none, and words that would steer a terminal', async () => {
    expect(await ask({ folder: 'package.json' })).toEqual({
      code: 2,
      text: 'Cannot look into package.json: it is no folder (package.json/.status/instance.json).\n',
    });
    expect((await ask({ url: 'http://\u001b[31m' })).text).not.toContain('\u001b');
  });

  test.each([
    ['pool/site', true],
    ['wp/default/site', true],
    ['RoutingRule/www', true],
    ['pool/', false],
    ['./pool/site', false],
    ['/srv/site', false],
    ['site', false],
    [undefined, false],
  ])('%s names an object: %s', (word, expected) => {
    expect(isSelector(word)).toBe(expected);
  });

  test('a folder that runs is asked', async () => {
    const body = instance();
    const url = await serve(answering(body));
    const folder = await folderOf({ '.status/instance.json': JSON.stringify({ url, pid: body.instance.pid }) });
    expect((await ask({ folder })).code).toBe(0);
  });

  test('a folder whose instance died, and another has its address now', async () => {
    const url = await serve(answering(instance()));
    const folder = await folderOf({
      '.status/instance.json': JSON.stringify({ url, pid: 1 }),
      '.status/webpool.default.blog.yaml': document('blog', 'False'),
    });
    const { code, text } = await ask({ folder });
    expect(text).toContain('blog   False   1/2');
    expect(text).toContain(
      `No instance runs ${folder}: at ${url} answers that of /etc/webpool. Start one: webpool run`,
    );
    expect(code).toBe(2);
  });
});
